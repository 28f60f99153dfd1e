#!/usr/bin/env python3
# timeout: 300
"""Very many processes in one daemon: all alive, all answering; a chain of links; waiting that costs no processor time."""
import os
import re
import time
import unittest

import programs
from programs import HEAD, TROUPE, Case, entry

MANY = 100000
CHAIN = 10000
WAITING = 10000
WATCHED_S = 5

CELL = """
local function main(parent, index)
    local mine = {}
    function mine.add(n) return index + n end
    string.shared_by_mistake = index           -- must stay in this process
    local ch = process.listen("ask", { message = true })
    while true do
        local msg = ch:receive()
        assert(string.shared_by_mistake == index)
        process.send(msg:from(), "answer", mine.add(msg:payload()))
    end
end
return { main = main }
"""

ALL = """
local function main(count)
    count = tonumber(count)
    assert(string.shared_by_mistake == nil)
    local answers, pids = process.listen("answer"), {}
    for i = 1, count do
        pids[i] = assert(process.spawn("app:cell", "app:processes", process.pid(), i))
    end
    for i = 1, count do
        assert(process.send(pids[i], "ask", 0.5))
    end
    local sum = 0
    for _ = 1, count do
        sum = sum + answers:receive()
    end
    return { count = count, sum = sum }
end
return { main = main }
"""

CHAIN_LINK = """
local function main(left, watcher)
    process.registry.register("link" .. left)
    if left > 0 then
        assert(process.spawn_linked("app:link", "app:processes", left - 1, watcher))
    else
        process.send(watcher, "built", process.pid())
    end
    process.listen("never"):receive()
end
return { main = main }
"""

CHAIN_MAIN = """
local function main(count)
    count = tonumber(count)
    local built, events = process.listen("built"), process.events()
    local first = assert(process.spawn_monitored("app:link", "app:processes", count, process.pid()))
    local last = built:receive()
    assert(process.monitor(last))
    assert(process.terminate(first))
    local errors = {}
    for _ = 1, 2 do
        local event = events:receive()
        errors[event.from] = tostring(event.error)
    end
    -- Those in between have ended as well: their names are free.
    local held = 0
    for i = 0, count do
        held = held + (process.registry.lookup("link" .. i) and 1 or 0)
    end
    return { first = errors[first], last = errors[last], held = held }
end
return { main = main }
"""

IDLE = """
local function main(count)
    for _ = 1, tonumber(count) do
        assert(process.spawn("app:cell", "app:processes", process.pid(), 1))
    end
    print("all are spawned")
    process.listen("never"):receive()
end
return { main = main }
"""


class Scale(Case):
    def run_config(self, main, argument, *more):
        self.put("troupe.yaml", HEAD + entry("cell", CELL) + entry("link", CHAIN_LINK) + entry("main", main))
        return self.start(TROUPE, "run", "app:main", str(argument), "--config", "troupe.yaml", *more)

    def setUp(self):
        super().setUp()
        patience = programs.PATIENCE
        programs.PATIENCE = 240
        self.addCleanup(setattr, programs, "PATIENCE", patience)

    def test_a_hundred_thousand_answer(self):
        program = self.run_config(ALL, MANY)
        self.assertEqual(program.wait(), 0, program.err)
        self.assertEqual(float(re.search(r'"sum":([0-9.e+]+)', program.out)[1]), MANY * (MANY + 1) / 2 + MANY * 0.5)

    def test_a_chain_of_links_ends(self):
        program = self.run_config(CHAIN_MAIN, CHAIN)
        self.assertEqual(program.wait(), 0, program.err)
        self.assertIn('"held":0', program.out)
        self.assertRegex(program.out, '"first":"process terminated"')
        self.assertRegex(program.out, '"last":"linked process failed: ')

    def test_waiting_costs_nothing(self):
        program = self.run_config(IDLE, WAITING)
        program.await_text("all are spawned", "out")
        pid = program.process.pid

        def used():
            with open("/proc/%d/stat" % pid, encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        # What the start leaves to do: their first run, memory that is given back, garbage after two seconds.
        quiet, before, end = 0, used(), time.monotonic() + programs.PATIENCE
        while quiet < 3 and time.monotonic() < end:
            time.sleep(1)
            quiet, before = quiet + 1 if used() == before else 0, used()
        time.sleep(WATCHED_S)  # the measured quantity is processor time over this span
        self.assertLess(used() - before, 0.005 * WATCHED_S)
        program.process.kill()


if __name__ == "__main__":
    unittest.main()
