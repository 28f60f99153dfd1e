#!/usr/bin/env python3
"""Which processes get machine code with `jit: auto`: those that compute, not those that were in the way of others."""
# timeout: 120
import re
import unittest
import urllib.request

import programs
from programs import HEAD, PATIENCE, entry, main, service

SLEEPERS = 40000
FEW = 60  # when each that was interrupted counted, 130 to 250 states got it
TRIES = 5  # those that the machine itself stops for a slice do count

# Timers that are always due make the scheduler interrupt whoever runs; nobody here runs for long.
SLEEPER = entry("sleeper", main("time.sleep(select(2, ...) * time.MILLISECOND) process.send((...), 'done')"))
SLEEPY = entry("sleepy", main("""
    local done = process.listen("done")
    for i = 1, %d do assert(process.spawn("app:sleeper", "app:processes", process.pid(), i %% 300)) end
    for _ = 1, %d do done:receive() end
    print("slept") process.events():receive()""" % (SLEEPERS, SLEEPERS)))
# Ends when it has used up a few slices.
SOLVER = entry("solver", main("local x = 0 for i = 1, 1e7 do x = (x * 31 + i) % 1000003 end process.send((...), 'done')"))
BUSY = entry("busy", main("""
    local done = process.listen("done")
    for _ = 1, 4 do
        assert(process.spawn("app:solver", "app:processes", process.pid()))
        done:receive()
    end
    print("solved") process.events():receive()"""))


class Jit(programs.Case):
    def states(self, program, name, text):
        daemon = self.daemon('metrics: {listen: "127.0.0.1:0"}\n' + HEAD.replace("workers: 2", "workers: 1") + program + service("s", name))
        port = daemon.await_text(r"listen=127.0.0.1:0 port=(\d+)").group(1)
        daemon.await_text("^%s$" % text, "out")
        with urllib.request.urlopen("http://127.0.0.1:%s/metrics" % port, timeout=PATIENCE) as answer:
            states = re.search(r"(?m)^troupe_jit_states (\d+)$", answer.read().decode()).group(1)
        self.assertEqual(daemon.stop(), 0)
        return int(states)

    def test_those_that_compute_do(self):
        self.assertGreaterEqual(self.states(SOLVER + BUSY, "busy", "solved"), 1)

    def test_those_that_others_are_due_beside_do_not(self):
        seen = []
        while len(seen) < TRIES and (not seen or seen[-1] >= FEW):
            seen.append(self.states(SLEEPER + SLEEPY, "sleepy", "slept"))
        print("of %d: %s" % (SLEEPERS, seen))
        self.assertLess(seen[-1], FEW)


if __name__ == "__main__":
    unittest.main()
