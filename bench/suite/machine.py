"""Names the machine and the versions that a report is about."""
import mmap
import os
import platform
import re
import subprocess

from .peers import ROOT


WARM_BYTES = (5 * 2**29, 2**29)  # more than any workload but idle-1m takes; in a quick run
PAGE = 4096


def warm_memory(quick):
    """Touches memory once and gives it back. A virtual machine's free pages may have been returned to its host, and to
    get them again costs whoever comes first: as much as 5 s for 1.5 GB, against 0.1 s for memory used a moment ago."""
    size = WARM_BYTES[1 if quick else 0]
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_HUGEPAGE)
        for at in range(0, size, PAGE):
            memory[at] = 1


def said_by(*argv):
    """What a program prints, on one line; "" when it cannot be run."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=20, cwd=ROOT)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return " ".join(done.stdout.split()) if done.returncode == 0 else ""


def field_of(path, pattern):
    try:
        with open(path, encoding="utf-8") as file:
            found = re.search(pattern, file.read(), re.M)
    except OSError:
        return ""
    return found.group(1).strip().strip('"') if found else ""


def commit():
    name = said_by("git", "rev-parse", "--short=12", "HEAD")
    return name + (" with changes" if name and said_by("git", "status", "--porcelain", "-uno") else "")


def describe(build):
    """Pairs of name and text; what cannot be found out is left out."""
    memory = field_of("/proc/meminfo", r"^MemTotal:\s+(\d+) kB")
    erlang = said_by("erl", "-noshell", "-eval", 'io:format("~s, ERTS ~s", [erlang:system_info(otp_release), '
                     'erlang:system_info(version)]), halt().') if said_by("sh", "-c", "command -v erl") else ""
    pairs = [
        ("processor", field_of("/proc/cpuinfo", r"^model name\s*:\s*(.*)$")),
        ("cores", str(len(os.sched_getaffinity(0)))),
        ("memory", "%.1f GiB" % (int(memory) / 2**20) if memory else ""),
        ("kernel", "%s %s" % (platform.system(), platform.release())),
        ("system", field_of("/etc/os-release", r"^PRETTY_NAME=(.*)$")),
        ("load at the start", "%.2f" % os.getloadavg()[0]),
        ("troupe", said_by(os.path.join(build, "trouped"), "--version")),
        ("commit", commit()),
        ("LuaJIT", said_by(os.path.join(ROOT, "build", "luajit", "bin", "luajit"), "-v")),
        ("Erlang/OTP", erlang),
        ("Python", platform.python_version()),
    ]
    return [(name, text) for name, text in pairs if text]
