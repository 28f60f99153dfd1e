#!/usr/bin/env python3
"""A small run of the programs under valgrind (make check-valgrind): no error, nothing lost."""
# variant: valgrind
import signal
import unittest

import programs
from programs import HEAD, entry, service

VALGRIND = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full", "--smc-check=all-non-file", "--num-callers=25"]
WORKER = entry("worker", """
    return function(n)
        time.sleep("1ms")
        if n % 5 == 0 then error("as planned") end
        return { n = n, text = ("x"):rep(n) }
    end""")
HOG = entry("hog", "return function() while true do end end")
# Forty linked ones of which some fail, and an endless loop that is terminated.
CROWD = entry("crowd", """
    return function()
        process.set_options { trap_links = true }
        local events, exits, downs = process.events(), 0, 0
        for i = 1, 40 do assert(process.spawn_linked_monitored("app:worker", "app:processes", i)) end
        local hog = assert(process.spawn_monitored("app:hog", "app:processes"))
        while exits < 40 or downs < 8 do
            local kind = events:receive().kind
            exits = exits + (kind == process.event.EXIT and 1 or 0)
            downs = downs + (kind == process.event.LINK_DOWN and 1 or 0)
        end
        process.terminate(hog)
        assert(events:receive().from == hog)
        print("exits", exits, "downs", downs)
    end""")


class Valgrind(programs.Case):
    def test_program(self):
        self.put("troupe.yaml", HEAD + WORKER + HOG + CROWD)
        run = self.run_to_end(*VALGRIND, programs.TROUPE, "run", "app:crowd", "--config", "troupe.yaml")
        self.assertEqual((run.status, run.out), (0, "exits\t40\tdowns\t8\n"), run.err)

    def test_daemon(self):
        self.put("troupe.yaml", HEAD + WORKER + HOG + CROWD + service("s", "crowd") + service("t", "hog", "stop_timeout: 100ms"))
        daemon = self.start(*VALGRIND, programs.TROUPED, "--config", "troupe.yaml")
        daemon.await_text(r"^exits\t40", "out")
        daemon.send(signal.SIGHUP)
        daemon.await_text("msg=reloaded")
        self.assertEqual(daemon.stop(), 0, daemon.err)


if __name__ == "__main__":
    unittest.main()
