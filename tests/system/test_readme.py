#!/usr/bin/env python3
"""What the README shows: its way from a clone to a running service, command by command in a copy of the source; its
program; its links."""
# timeout: 900
import fcntl
import os
import re
import shutil
import subprocess
import sys
import unittest

from programs import BUILD, ROOT, TROUPE, Case

SECTION = "## From clone to a running service\n"
# What a clone has, and of what was built as much as makes the copy's make find it done.
SKIPPED = {".git", "build", "__pycache__"}
BUILT = ("obj/release", "luajit", "stamps", "trouped", "troupe")
# The address is a fixed one: in a network of its own nobody else has it.
LOOPBACK = """
import fcntl, os, socket, struct, sys
with socket.socket() as s:
    name = struct.pack("16sh14x", b"lo", 0)
    flags = struct.unpack("16sh14x", fcntl.ioctl(s, 0x8913, name))[1]
    fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", flags | 1))
os.execvp(sys.argv[1], sys.argv[1:])
"""


def own_network():
    for unshare in (["unshare", "-n"], ["unshare", "-rn"]):
        argv = unshare + [sys.executable, "-c", LOOPBACK]
        try:
            if subprocess.run(argv + ["true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
                return argv
        except FileNotFoundError:
            pass
    return []


class Readme(Case):
    def setUp(self):
        super().setUp()
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
            self.text = file.read()

    def test_program(self):
        self.put("hello.lua", re.search(r"`hello\.lua`:\n\n```lua\n(.*?)```", self.text, re.S).group(1))
        program = self.run_to_end(TROUPE, "run", "hello.lua")
        # They sleep equally long, so they wake in any order.
        self.assertEqual((program.status, sorted(program.out.splitlines())), (0, ["got\t2", "got\t4", "got\t6"]))

    def test_links(self):
        headings = {re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-")
                    for line in re.findall(r"(?m)^##+ (.*)$", self.text)}
        links = re.findall(r"\]\(([^)]+)\)", self.text)
        self.assertGreater(len(links), 10)
        for link in links:
            if link.startswith("#"):
                self.assertIn(link[1:], headings)
            else:
                self.assertTrue(os.path.exists(os.path.join(ROOT, link)), link)
        for line in re.findall(r"(?m)^## (.*)$", self.text):
            self.assertIn("[%s](#" % line, self.text, "in the contents")

    def test_dependencies(self):
        """Every library that is linked, and no other, is explained."""
        with open(os.path.join(ROOT, "scripts", "setup"), encoding="utf-8") as file:
            packages = re.search(r"\[build\]=\"([^\"]+)\"", file.read()).group(1).split()
        known = {"libev-dev": "libev", "libjemalloc-dev": "jemalloc", "libyaml-dev": "libyaml", "libjansson-dev": "jansson",
                 "nettle-dev": "nettle", "uuid-dev": "libuuid", "libglib2.0-dev": "GLib", "libmicrohttpd-dev": "libmicrohttpd",
                 "libncurses-dev": "ncurses", "libsystemd-dev": "libsystemd", "systemtap-sdt-dev": "SystemTap",
                 "uthash-dev": "uthash"}
        tools = {"gcc", "libc6-dev", "make", "dpkg-dev", "xz-utils", "patch", "pkg-config", "ca-certificates"}
        self.assertEqual(set(packages) - tools, set(known))
        rows = re.findall(r"(?m)^\| ([A-Za-z]+)[ |(]", self.text[self.text.index("## What it is built on"):])
        self.assertEqual(set(rows) - {"dependency", "LuaJIT"}, set(known.values()))

    def commands(self):
        text = self.text
        section = text[text.index(SECTION) + len(SECTION):]
        section = section[:section.index("\n## ")]
        return "\n".join(re.findall(r"```sh\n(.*?)\n```", section, re.S))

    def copy(self):
        clone = self.path("clone")
        shutil.copytree(ROOT, clone, ignore=lambda folder, names: SKIPPED & set(names), symlinks=True)
        for name in BUILT:
            source, target = os.path.join(BUILD, name), os.path.join(clone, "build", name)
            if os.path.isdir(source):
                shutil.copytree(source, target)
            elif os.path.exists(source):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy2(source, target)
        return clone

    def environment(self):
        """As of a newcomer, but that the build is the one that was made."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "TROUPE"))}
        os.mkdir(self.path("home"))
        env["HOME"] = self.path("home")
        with open(os.path.join(BUILD, "obj/release/flags"), encoding="utf-8") as file:
            flags = file.read()
        if "-flto" not in flags:
            env["LTO"] = ""
        if not flags.startswith("gcc "):
            env["CC"] = flags.split()[0]
        return env

    @unittest.skipUnless(os.path.exists(os.path.join(BUILD, "obj/release/flags")), "another build than the README's")
    def test_newcomers_path(self):
        prefix = own_network()
        lock = open("/tmp/troupe-test-readme.lock", "w", encoding="ascii")
        self.addCleanup(lock.close)
        if not prefix:
            fcntl.flock(lock, fcntl.LOCK_EX)  # at least not this test twice
        commands = self.commands()
        self.assertGreaterEqual(len(commands.splitlines()), 12, "the README's commands are not found")
        program = self.start(*prefix, "bash", "-e", "-o", "pipefail", "-c", commands + "\nwait\n", cwd=self.copy(),
                             env=self.environment(), start_new_session=True)
        program.process.wait(850)
        self.assertEqual(program.wait(), 0, program.out + program.err)
        for pattern in (r"^demo: all 5 results", r"hello/greeter\.lua$", r"^2 passed, 0 failed$", r"^ready$", r"^Hello, world!$",
                        r"app:greeter\.service +running", r"^\{app:processes\|0x\w+\} +app:greeter ",
                        r'^troupe_processes\{host="app:processes",entry="app:greeter"\} 1$', r"^Bonjour, world!$"):
            self.assertRegex(program.out, "(?m)" + pattern)
        self.assertRegex(program.err, r"msg=stopped")


if __name__ == "__main__":
    unittest.main()
