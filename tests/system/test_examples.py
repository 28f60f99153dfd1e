#!/usr/bin/env python3
"""Every example of config/examples, run by the daemon as its first lines say, prints what it is there to show."""
import os
import re
import shutil
import signal
import unittest

from programs import ROOT, TROUPE, TROUPED, Case

# The next times against a search minute by minute, around changes of the clock: at midnight, by half an hour, at one minute past.
ZONES = """
local cron, time = require("cron"), require("time")
local ZONES = { ["America/Santiago"] = { "2026-04-05", "2026-09-06" }, ["America/Havana"] = { "2026-03-08", "2026-11-01" },
    ["Atlantic/Azores"] = { "2026-03-29", "2026-10-25" }, ["Africa/Cairo"] = { "2026-04-24", "2026-10-30" },
    ["Australia/Lord_Howe"] = { "2026-04-05", "2026-10-04" }, ["America/St_Johns"] = { "2010-03-14", "2010-11-07" },
    ["Pacific/Apia"] = { "2011-12-30" }, ["Europe/Berlin"] = { "2026-03-29", "2026-10-25" }, UTC = { "2026-03-29" } }
local HOURS = { "*", "0", "1", "2", "23", "*/2", "6", "0-1" }
local MINUTES = { "*", "0", "30", "*/20", "59" }
local WEEKDAYS = { "*", "*", "0", "1", "6" }

local function search(t, fits, limit)
    t = t:truncate("1m")
    repeat
        t = t:add("1m")
        if fits(t) then
            return t
        end
    until not t:before(limit)
end

local function any(list) return list[math.random(#list)] end

return { main = function()
    for zone, days in pairs(ZONES) do
        local location = assert(time.load_location(zone))
        for i = 1, 20 do
            local from = time.parse("2006-01-02", any(days), time.utc):add(math.random(-172800, 172800) .. "s"):in_location(location)
            local line = table.concat({ any(MINUTES), any(HOURS), "* *", any(WEEKDAYS) }, " ")
            local schedule = assert(cron.parse(line))
            local minute, hour, weekday = line:match("^(%S+) (%S+) %* %* (%S+)$")
            local function has(field, n)
                local step = field:match("^%*/(%d+)$")
                return field == "*" or tonumber(field) == n or step and n % step == 0 or field == "0-1" and n < 2
            end
            local wanted = search(from, function(t)
                return has(minute, t:minute()) and has(hour, t:hour()) and has(weekday, t:weekday())
            end, from:add("96h"))
            local got = schedule.next(from)
            assert(got and (wanted and got:equal(wanted) or not wanted and got:after(from:add("96h"))),
                zone .. ": " .. line .. " after " .. from:format_rfc3339() .. ": " .. tostring(got) .. ", not " .. tostring(wanted))
        end
    end
end }
"""

EXAMPLES = os.path.join(ROOT, "config", "examples")


class Examples(Case):
    def copy(self, name):
        """A copy, as a user makes one."""
        shutil.copytree(os.path.join(EXAMPLES, name), self.path(name))
        return self.path(name)

    def example(self, name):
        return self.start(TROUPED, "--config", "troupe.yaml", "--set", "control.socket=\"\"", cwd=self.copy(name))

    def lines(self, daemon, pattern, times=1):
        """What was printed when the pattern stands in it so many times, the daemon stopped."""
        daemon.await_text(pattern, "out", times)
        self.assertEqual(daemon.stop(), 0, daemon.err)
        return daemon.out.splitlines()

    def test_each_is_tested_and_says_what_it_shows(self):
        tested = {name[len("test_example_"):] for name in dir(self) if name.startswith("test_example_")}
        self.assertEqual(tested, set(os.listdir(EXAMPLES)))
        for name in tested:
            with open(os.path.join(EXAMPLES, name, "troupe.yaml"), encoding="utf-8") as file:
                first = file.read().split("\nversion:")[0]
            self.assertTrue(first.startswith("# "), name)
            self.assertRegex(first, r"(?m)^# *trouped --config troupe\.yaml$", name)
            program = self.run_to_end(TROUPED, "--config", os.path.join(EXAMPLES, name, "troupe.yaml"), "--check", "--strict")
            self.assertEqual((program.status, program.err), (0, ""), name)

    def test_example_pool(self):
        lines = self.lines(self.example("pool"), "^Worker ", times=5)
        self.assertEqual(sorted(lines), ["Worker %d completed:\t%d" % (i, i * 20) for i in range(1, 6)])

    def test_example_chat(self):
        daemon = self.example("chat")
        self.assertEqual(self.lines(daemon, "ann left$"),
                         ["[lobby] " + text for text in (
                             "reporter joined", "ann joined", "bob joined", "ann: hello bob", "bob: hello ann",
                             "ann: how are you?", "bob left (connection lost)", "ann left")])

    def test_example_limiter(self):
        self.assertEqual(self.lines(self.example("limiter"), "^limit.take:"),
                         ["ann: 5 of 8 logins allowed", "bob: 5 of 8 logins allowed",
                          "11 mails sent, no faster than one in 20 ms", "limit.take: no such limit: coffee"])

    def test_example_cron(self):
        daemon = self.example("cron")
        daemon.await_text("^broken: ", "out", times=2)
        daemon.await_text("^slow: ", "out")
        lines = self.lines(daemon, "^often: ", times=2)
        busy = {"often: still runs, not started again"}  # a machine that needs a second for it
        self.assertEqual(set(lines) - busy,
                         {"often: done", "slow: still runs, not started again", "broken: failed: nobody said how long"})

    def test_the_test_of_cron(self):
        program = self.run_to_end(TROUPE, "test", "--config", "troupe.yaml", cwd=self.copy("cron"))
        self.assertEqual(program.status, 0, program.out)
        self.assertIn("1 passed, 0 failed", program.out)

    def test_cron_where_clocks_change(self):
        folder = self.copy("cron")
        with open(os.path.join(folder, "zones.lua"), "w", encoding="utf-8") as file:
            file.write(ZONES)
        with open(os.path.join(folder, "troupe.yaml"), "a", encoding="utf-8") as file:
            file.write("""
  - name: zones.test
    kind: function.lua
    meta: { type: test, name: zones }
    source: file://zones.lua
    imports: { cron: app:cron }
""")
        program = self.run_to_end(TROUPE, "test", "--config", "troupe.yaml", cwd=folder)
        self.assertEqual(program.status, 0, program.out)
        self.assertIn("2 passed, 0 failed", program.out)

    def test_example_pipeline(self):
        daemon = self.example("pipeline")
        lines = self.lines(daemon, "^sink: ")
        self.assertIn("source: all 100 items done, set aside: 42", lines)
        total = sum(i * i for i in range(1, 101)) - 42 * 42
        self.assertIn("sink: 99 results, sum %d" % total, lines)
        most = re.search(r"^source: never more than (\d+) in hand$", daemon.out, re.M)
        self.assertLessEqual(int(most.group(1)), 12)
        self.assertEqual(len(re.findall('msg="service failed" service=app:worker', daemon.err)), 2)
        self.assertNotIn("failed for good", daemon.err)

    def test_example_upgrade(self):
        self.assertEqual(self.lines(self.example("upgrade"), "^the same process"),
                         ["version 1: 1000", "counter: goes on as it is: upgrade: entry not found: app:no_such_entry",
                          "version 2: 2000, of these 1000 since the upgrade", "the same process: true"])

    def test_upgrade_by_a_changed_file(self):
        """As the example's comment says: the file is changed, the configuration reloaded, "upgrade" sent without an entry."""
        folder = self.copy("upgrade")
        client = os.path.join(folder, "client.lua")
        with open(client, "w", encoding="utf-8") as file:
            file.write("""local function main()
                local pid, sums, events = process.registry.lookup("counter"), process.listen("sum"), process.events()
                process.send(pid, "add", 5)
                print("waits")
                events:receive() -- CANCEL: the reload stops this service
                process.send(pid, "upgrade")
                process.send(pid, "add", 1)
                process.send(pid, "read")
                local s = sums:receive()
                print("version " .. s.version .. ": " .. s.sum, process.registry.lookup("counter") == pid)
            end
            return { main = main }""")
        daemon = self.start(TROUPED, "--config", "troupe.yaml", "--set", "control.socket=\"\"", cwd=folder)
        daemon.await_text("^waits$", "out")
        shutil.copy(os.path.join(folder, "counter_v2.lua"), os.path.join(folder, "counter.lua"))
        config = os.path.join(folder, "troupe.yaml")
        with open(config, encoding="utf-8") as file:
            text = file.read()
        with open(config, "w", encoding="utf-8") as file:
            file.write(text[:text.index("  - name: client.service")])
        daemon.send(signal.SIGHUP)
        self.assertEqual(self.lines(daemon, "^version"), ["waits", "version 2: 6\ttrue"])


if __name__ == "__main__":
    unittest.main()
