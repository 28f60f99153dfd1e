#!/usr/bin/env python3
# timeout: 900
"""No process hurts another: every program in tests/lua/robust runs beside a healthy pair of processes of its host.

Line 1 of each says what must become of it: see tests/lua/robust/lib/driver.lua. All run twice in one daemon, whose
memory and threads must be after the second round what they were after the first.
"""
import glob
import os
import re
import tempfile
import time
import unittest

import programs

HERE = os.path.join(programs.ROOT, "tests", "lua", "robust")
HOST = "{workers: 2, process_memory: 16MiB, mailbox_messages: 10000, mailbox_bytes: 8MiB, max_processes: 3000}"


def cases():
    found = {}
    for path in sorted(glob.glob(os.path.join(HERE, "*.lua"))):
        with open(path, encoding="utf-8") as file:
            found[os.path.basename(path)[:-4]] = re.match(r"-- expect: (.*)", file.readline()).group(1)
    return found


def configuration(host=HOST, more=""):
    text = ['version: "1.0"', "namespace: app", 'control: {socket: ""}', "log: {level: warn}", "entries:",
            "  - {name: processes, kind: process.host, host: %s, lifecycle: {auto_start: true}}" % host]
    for path in sorted(glob.glob(os.path.join(HERE, "*.lua")) + glob.glob(os.path.join(HERE, "lib", "*.lua"))):
        name = os.path.basename(path)[:-4]
        text.append("  - {name: %s, kind: process.lua, source: \"file://%s\"}" % (name, os.path.relpath(path, HERE)))
    text.append("  - {name: large_answer, kind: function.lua, source: \"return function() return ('x'):rep(1000000) end\"}")
    return "\n".join(text) + "\n" + more


class Robust(unittest.TestCase):
    def setUp(self):
        # Sources may not lie outside the configuration's directory: it is written beside them.
        self.config = tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=HERE)
        self.addCleanup(self.config.close)

    def write(self, text):
        self.config.write(text)
        self.config.flush()

    def status(self, pid):
        with open("/proc/%d/status" % pid) as file:
            text = file.read()
        if "VmRSS" not in text:
            return None  # it has ended meanwhile
        return (int(re.search(r"VmRSS:\s+(\d+)", text).group(1)), int(re.search(r"Threads:\s+(\d+)", text).group(1)),
                len(os.listdir("/proc/%d/fd" % pid)))

    def test_bad_programs(self):
        wanted = [(n, e) for n, e in cases().items() if e not in ("helper", "bomb")]
        only = os.environ.get("ONLY")
        if only:
            wanted = [c for c in wanted if only in c[0]]
        self.write(configuration())
        args = ["%s|%s" % c for c in wanted]
        program = programs.Program([programs.TROUPE, "run", "app:driver", "--config", self.config.name, "--"] +
                                   args * 2, env=programs.FREE_AT_ONCE)
        self.addCleanup(program.close)
        figures = {}
        deadline = time.monotonic() + 800
        for done in (len(wanted), 2 * len(wanted)):
            while program.process.poll() is None and time.monotonic() < deadline:
                lines = re.findall(r"^(?:not )?ok .*", program.text["out"], re.M)
                if len(lines) >= done:
                    break
                time.sleep(0.02)
            if program.process.poll() is None:
                figures[done] = self.status(program.process.pid)
        program.process.wait(timeout=60)
        lines = re.findall(r"^((?:not )?ok) (\w+)(.*)", program.text["out"], re.M)
        for ok, name, why in lines:
            with self.subTest(name=name):
                self.assertEqual(ok, "ok", name + why)
        self.assertEqual(len(lines), 2 * len(wanted), program.text["err"][-2000:])
        self.assertEqual(program.process.returncode, 0)
        took = sorted(float(ms) for ms in re.findall(r"^ok \w+ in (\S+) ms", program.text["out"], re.M))
        if took:
            print("terminate ended %d endless programs in %.2f ms (median), %.2f ms at most" % (
                len(took), took[len(took) // 2], took[-1]))
        first, second = figures.get(len(wanted)), figures.get(2 * len(wanted))
        if first and second:
            self.assertLess(second[0], first[0] * 1.25 + 20000, "resident kB: %s, then %s" % (first, second))
            self.assertLessEqual(second[1], first[1] + 2, "threads")
            self.assertLessEqual(second[2], first[2], "descriptors")

    def test_fork_bombs(self):
        for name in [n for n, e in cases().items() if e == "bomb"]:
            with self.subTest(name=name):
                self.config.seek(0)
                self.config.truncate()
                self.write(configuration(HOST, """
  - {name: bombs, kind: process.host, host: {workers: 1, max_processes: 500, process_memory: 16MiB}, lifecycle: {auto_start: true}}
  - name: healthy
    kind: process.lua
    source: |
      return { main = function()
        local pair = assert(process.spawn("app:pair", "app:processes", true))
        local counts, last = process.listen("count"), 0
        coroutine.spawn(function() process.spawn("app:%s", "app:bombs") end)
        for i = 1, 20 do
          local n, patience = last, time.now():add("10s")
          while n == last do
            assert(time.now():before(patience), "no progress")
            time.sleep("20ms")
            assert(process.send(pair, "ask", process.pid()))
            n = counts:receive()
          end
          last = n
        end
        assert(#process.list() < 600)
        print("good")
      end }
""" % name))
                began = time.monotonic()
                program = programs.Program([programs.TROUPE, "run", "app:healthy", "--config", self.config.name])
                self.addCleanup(program.close)
                program.process.wait(timeout=60)
                self.assertIn("good", program.text["out"], program.text["err"][-2000:])
                self.assertEqual(program.process.returncode, 0)
                self.assertLess(time.monotonic() - began, 30)


if __name__ == "__main__":
    unittest.main()
