"""Runs one program once: its output, its CPU time, and what can be seen from outside while it stays."""
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from typing import NamedTuple

GRACE = 10  # seconds between SIGTERM and SIGKILL for a program that stays until it is told to end


class Failed(Exception):
    """The program did not do what it should; the text says what happened, with the end of its error output."""


class Outcome(NamedTuple):
    stdout: str
    cpu_seconds: float


class Running:
    """A started program in a process group of its own, killed with it when its time is over."""

    def __init__(self, argv, env, timeout):
        self.timed_out = False
        self.errors = tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=self.errors, env={**os.environ, **env}, start_new_session=True)
        except OSError as error:
            self.errors.close()
            raise Failed("%s: cannot be started: %s" % (argv[0], error.strerror)) from None
        self.pid, self.timeout = self.process.pid, timeout
        self.timer = threading.Timer(timeout, self.expire)
        self.timer.daemon = True
        self.timer.start()

    def expire(self):
        self.timed_out = True
        self.signal(signal.SIGKILL)

    def signal(self, number):
        os.killpg(self.pid, number)

    def wait(self, *timers):
        """Waits for its end: exit status (negative: the signal) and its resource usage. Whatever would signal it is
        called off before its id is free for somebody else."""
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        for timer in (self.timer, *timers):
            timer.cancel()
            timer.join()
        _, status, usage = os.wait4(self.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return self.process.returncode, usage

    def reason(self, what):
        self.errors.seek(0)
        tail = self.errors.read()[-2000:].decode("utf-8", "replace").strip()
        if self.timed_out:
            what = "not done after %d s" % self.timeout
        return Failed(what + (": " + tail if tail else ""))

    def close(self):
        """Ends what still runs and gives back everything."""
        if self.process.returncode is None:
            self.signal(signal.SIGKILL)
            self.wait()
        self.process.stdout.close()
        self.errors.close()


def run(argv, env, timeout):
    """Runs a program to its end. Raises Failed unless it ends by itself with status 0."""
    running = Running(argv, env, timeout)
    try:
        stdout = running.process.stdout.read().decode("utf-8", "replace")
        status, usage = running.wait()
        if running.timed_out or status != 0:
            raise running.reason("killed by signal %d" % -status if status < 0 else "exit status %d" % status)
        return Outcome(stdout, usage.ru_utime + usage.ru_stime)
    finally:
        running.close()


def hold(argv, env, timeout, measure):
    """Starts a program, waits for its line "ready", calls measure(pid), and ends the program. Returns what measure
    returned."""
    running = Running(argv, env, timeout)
    try:
        for line in running.process.stdout:
            if line.strip() == b"ready":
                break
        else:
            running.wait()
            raise running.reason("ended before it was ready")
        try:
            measured = measure(running.pid)
        except OSError:
            running.wait()
            raise running.reason("ended while it was measured") from None
        if running.timed_out:
            raise running.reason("")
        end(running)
        return measured
    finally:
        running.close()


def end(running):
    running.signal(signal.SIGTERM)
    late = threading.Timer(GRACE, running.signal, (signal.SIGKILL,))
    late.start()
    running.process.stdout.read()
    running.wait(late)


def result_of(stdout):
    """The figures a program printed: the JSON object at the end of its output, on one line or on several."""
    start = re.search(r"^\{(?![\s\S]*^\{)", stdout, re.M)
    if not start:
        raise Failed("no figures in its output: %r" % stdout[-200:])
    try:
        values = json.loads(stdout[start.start():])
    except ValueError as error:
        raise Failed("its output is no JSON: %s: %r" % (error, stdout[-200:])) from None
    wrong = [name for name, value in values.items() if isinstance(value, bool) or not isinstance(value, (int, float))]
    if wrong:
        raise Failed("no number: %s" % ", ".join(wrong))
    return values


def memory_bytes(pid):
    """Resident memory of a process, shared pages by their share."""
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as file:
        return 1024 * int(re.search(r"^Pss:\s+(\d+) kB", file.read(), re.M).group(1))


def cpu_seconds_of(pid):
    """CPU seconds of a process so far, to the nanosecond: idle ones use less than a clock tick."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, task), encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def wakeups(pid):
    """How often the threads of a process have given up the CPU by themselves so far: each was woken for it."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/status" % (pid, task), encoding="ascii") as file:
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(), re.M).group(1))
    return total


def measure_memory(count):
    def measure(pid):
        total = memory_bytes(pid)
        return {"bytes_each": total / count, "total_gib": total / 2**30}
    return measure


def measure_idling(seconds):
    def measure(pid):
        # What start-up left to do (trimming, first timers) is not idling.
        time.sleep(1)
        start, cpu, woken = time.monotonic(), cpu_seconds_of(pid), wakeups(pid)
        time.sleep(seconds)
        took = time.monotonic() - start
        return {"cpu_percent": 100 * (cpu_seconds_of(pid) - cpu) / took, "wakeups_per_s": (wakeups(pid) - woken) / took}
    return measure
