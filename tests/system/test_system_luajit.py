#!/usr/bin/env python3
"""The programs with Debian's LuaJIT (make check-system-luajit): what it cannot do is said, and hurts nobody else."""
import os
import re
import sys
import unittest

import programs
from programs import HEAD, Case, entry, service

if not programs.BUILD.endswith("-system"):
    print("skipped: programs with Debian's LuaJIT are tested by make check-system-luajit")
    sys.exit(77)

HOG = entry("hog", "return function() local x = 0 while true do x = x + 1 end end")
PONG = entry("pong", """
    return function()
        local pings = process.listen("ping", { message = true })
        while true do process.send(pings:receive():from(), "pong", 1) end
    end""")
PING = entry("ping", """
    return function()
        local pongs, peer = process.listen("pong"), assert(process.spawn("app:pong", "app:processes"))
        time.sleep("500ms") -- both workers are stuck by then
        local from = time.now()
        for round = 1, 20000 do
            assert(process.send(peer, "ping", round))
            pongs:receive()
        end
        print("rounds", 20000, "ms", time.now():sub(from):milliseconds())
        process.events():receive()
    end""")


class Stuck(Case):
    def test_is_said_at_the_start(self):
        daemon = self.daemon(HEAD)
        self.assertRegex(daemon.err, r"level=warn msg=\"compiled loops cannot be interrupted.*without check hooks")
        self.assertEqual(daemon.stop(), 0)

    def test_others_run_beside_one_endless_loop_for_each_worker(self):
        """Each stuck worker is reported by entry and pid; another thread takes its place; the pair makes progress."""
        daemon = self.daemon(HEAD.replace("entries:", "shutdown: {timeout: 500ms}\nentries:") + HOG + PONG + PING +
                             service("a", "hog", "stop_timeout: 100ms") + service("b", "hog", "stop_timeout: 100ms") +
                             service("c", "ping", "stop_timeout: 100ms"))
        stuck = r'level=warn msg="worker is stuck in a process .*" pid=(\{\S+\}) entry=app:hog host=app:processes worker=\d+ since='
        daemon.await_text(stuck, times=2)
        running = dict(re.findall(r'msg="service running" service=app:(\w) process=(\{\S+\})', daemon.err))
        self.assertEqual(set(re.findall(stuck, daemon.err)), {running["a"], running["b"]})
        daemon.await_text(r"^rounds\t20000\tms\t[\d.]+$", "out")
        # Those loops never end: the daemon leaves them behind, and says so.
        daemon.stop()
        self.assertRegex(daemon.err, r'level=warn msg="service does not stop: terminated" service=app:a')
        self.assertRegex(daemon.err, r'level=error msg="shutdown: services did not stop in time"')
        self.assertRegex(daemon.err, r'msg="service stopped" service=app:c')

    def test_interpreted_loops_are_interrupted(self):
        """With jit: off there is no compiled code, and all that is promised holds."""
        text = HEAD.replace("workers: 2", "workers: 1, jit: off") + HOG + service("a", "hog", "stop_timeout: 10ms")
        daemon = self.daemon(text)
        self.assertEqual(daemon.stop(), 0)
        self.assertNotIn("did not stop in time", daemon.err)
        self.assertRegex(daemon.err, r'msg="service stopped" service=app:a')


if __name__ == "__main__":
    unittest.main()
