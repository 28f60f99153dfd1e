#!/usr/bin/env python3
"""troupe test as a user runs it: exit status, TAP, filter, time-outs, entries with meta.type: test, mistakes."""
import os
import re
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, os.environ.get("TROUPE_BUILD", "build"), "troupe")

GOOD = """
describe("sums", function()
    local n
    before_each(function() n = 1 end)
    it("add", function() assert.equal(2, n + 1) print("not shown") end)
    it("compare", function() expect({ n }).to_equal({ 1 }) end)
    pending("later")
end)
"""
BAD = """
it("fails", function() print("shown") assert.are.same({ 1 }, { 2 }) end)
it("hangs", function() while true do end end)
it("dies", function() coroutine.spawn(function() error("in a coroutine") end) end)
it("goes on", function() assert.is_true(true) end)
"""
# Each raises when x is what it names, and holds when x is "other".
NEGATED = """
describe("with a not:", function()
    for text, f in pairs {
        ["not_to_equal"] = function(x) expect(x).not_to_equal(1) end,
        ["to_not.equal"] = function(x) expect(x).to_not.equal(1) end,
        ["to_not:equal"] = function(x) expect(x).to_not:equal(1) end,
        ["not_to.equal"] = function(x) expect(x).not_to.equal(1) end,
        ["is_not.equal"] = function(x) expect(x).is_not.equal(1) end,
        ["to.be_not.equal"] = function(x) expect(x).to.be_not.equal(1) end,
        ["['not'].to_equal"] = function(x) expect(x)["not"].to_equal(1) end,
        ["is_not.a.number"] = function(x) expect(x).is_not.a.number() end,
        ["assert.is_not.equal"] = function(x) assert.is_not.equal(x, 1) end,
        ["assert['not'].equal"] = function(x) assert["not"].equal(x, 1) end,
    } do
        it(text, function()
            f("other")
            assert.is_false((pcall(f, 1)))
        end)
    end
    it("nil", function()
        expect(1).is_not.to_be_nil()
        assert.is_false((pcall(function() expect(nil).is_not.to_be_nil() end)))
        expect(nil).to["not"].no.to_be_nil() -- twice is not at all
    end)
end)
"""
# One line each: raises with the first value, holds with the second. By assert's order of arguments, and by expect's.
CHECKS = """
local function raises(what) return function() error(what) end end
local missing = errors.new { message = "m", kind = "NotFound" }
local t = {}
local list = {
    { 2, 1, function(x) assert.equal(1, x) end, function(x) expect(x).to_equal(1) end },
    { { 2 }, { 1 }, function(x) assert.are.same({ 1 }, x) end, function(x) expect(x).to_be_same({ 1 }) end },
    { { 2 }, t, function(x) assert.equals(t, x) end, function(x) expect(x).equals(t) end },
    { false, true, function(x) assert.is_true(x) end, function(x) expect(x).to_be_true() end },
    { nil, false, function(x) assert.is_false(x) end, function(x) expect(x).to.be["false"]() end },
    { false, 1, function(x) assert.truthy(x) end, function(x) expect(x).to_be_truthy() end },
    { 1, false, function(x) assert.is_falsy(x) end, function(x) expect(x).is.falsy() end },
    { 1, nil, function(x) assert.is_nil(x) end, function(x) expect(x).to_be_nil() end },
    { 1, "s", function(x) assert.is_string(x) end, function(x) expect(x).to_be_a_string() end },
    { 1, "s", function(x) assert.type("string", x) end, function(x) expect(x).to_be_type("string") end },
    { "bc", "abc", function(x) assert.matches("^a.", x) end, function(x) expect(x).to_match("^a.") end },
    { { 1 }, { 1, 2 }, function(x) assert.contains(2, x) end, function(x) expect(x).to_contain(2) end },
    { "a", "abc", function(x) assert.contains("bc", x) end, function(x) expect(x).to_include("bc") end },
    { {}, { a = 1 }, function(x) assert.has_key("a", x) end, function(x) expect(x).to_have_key("a") end },
    { {}, { 1 }, function(x) assert.has_length(1, x) end, function(x) expect(x).to_have_length(1) end },
    { 2, 1.1, function(x) assert.near(1, x, 0.5) end, function(x) expect(x).to_be_near(1, 0.5) end },
    { 1, 2, function(x) assert.greater_than(1, x) end, function(x) expect(x).to_be_greater_than(1) end },
    { 1, 0, function(x) assert.less_than(1, x) end, function(x) expect(x).to_be_less_than(1) end },
    { { 1, 1 }, { 1, 2 }, function(x) assert.is_unique(x) end, function(x) expect(x).to_be_unique() end },
    { print, raises("x"), function(x) assert.has_error(x) end, function(x) expect(x).to_throw() end },
    { raises("x"), raises("y"), function(x) assert.errors(x, "y") end, function(x) expect(x).to_raise("y") end },
    { raises("x"), raises("y"), function(x) assert.error(x, "y") end, function(x) expect(x).to_throw("y") end },
    { raises("x"), raises("y"), function(x) assert.error_match(x, "y$") end, function(x) expect(x).error_matches("y$") end },
    { errors.new("x"), missing, function(x) assert.is_error_object("NotFound", x) end,
        function(x) expect(x).to_be_an_error_object("NotFound") end },
}
for i, line in ipairs(list) do
    it("check " .. i, function()
        for j = 3, 4 do
            line[j](line[2])
            local ok, why = pcall(line[j], line[1])
            if ok or not (tostring(why):find("expected", 1, true)) then
                error(j .. ": " .. tostring(why))
            end
        end
    end)
end
"""
CONFIG = """
version: "1.0"
namespace: app
entries:
  - { name: processes, kind: process.host, host: { workers: 1 }, lifecycle: { auto_start: true } }
  - { name: good, kind: process.lua, meta: { type: test, name: a good one, suite: unit }, source: "return function() return true end" }
  - { name: nothing, kind: function.lua, meta: { type: test }, source: "return function() end" }
  - { name: raises, kind: process.lua, meta: { type: test }, source: "return function() error('raised') end" }
  - { name: no, kind: process.lua, meta: { type: test }, source: "return function() return false end" }
  - { name: err, kind: process.lua, meta: { type: test }, source: "return function() return nil, 'an error' end" }
  - { name: slow, kind: process.lua, meta: { type: test, timeout: 200ms }, source: "return function() while true do end end" }
  - { name: other, kind: process.lua, source: "return function() error('is no test') end" }
"""
CASES = """
version: "1.0"
namespace: app
entries:
  - { name: processes, kind: process.host, host: { workers: 1 }, lifecycle: { auto_start: true } }
  - { name: lib, kind: library.lua, source: "return { one = 1 }" }
  - name: cases
    kind: process.lua
    meta: { type: test, timeout: 300ms }
    imports: { lib: lib }
    source: |
      local lib = require("lib")
      return require("test").main(function()
          it("good", function() assert.equal(1, lib.one) print("not shown") end)
          it("bad", function() print("shown") assert.equal(2, lib.one) end)
          it("hangs", function() while true do end end)
          it("waits", function() require("time").sleep("200ms") end)
          pending("later")
      end)
  - name: own
    kind: function.lua
    meta: { type: test }
    source: |
      local cases = require("test").run_cases(function() it("good", function() end) end)
      return function(...)
          assert(select("#", ...) == 0)
          cases()
          return false
      end
"""


class VerbTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def write(self, name, text):
        path = os.path.join(self.dir.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def run_tool(self, *args):
        return subprocess.run([TOOL, "test", *args], cwd=self.dir.name, capture_output=True, text=True, timeout=60)

    def test_good_file(self):
        self.write("good_test.lua", GOOD)
        run = self.run_tool()
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn("2 passed, 0 failed, 1 skipped", run.stdout)
        self.assertNotIn("not shown", run.stdout)

    def test_bad_file_as_tap(self):
        path = self.write("bad_test.lua", BAD)
        run = self.run_tool("--tap", "--timeout", "300ms", path)
        self.assertEqual(run.returncode, 1)
        lines = [line for line in run.stdout.splitlines() if re.match(r"(not )?ok ", line)]
        self.assertEqual([line.startswith("ok") for line in lines], [False, False, False, True])
        for text in ("1..4", "output: shown", "timed out after 300 ms", "in a coroutine", "bad_test.lua:2:"):
            self.assertIn(text, run.stdout)

    def test_negations(self):
        self.write("negated_test.lua", NEGATED)
        run = self.run_tool()
        self.assertEqual(run.returncode, 0, run.stdout)
        self.assertIn("11 passed, 0 failed", run.stdout)

    def test_checks(self):
        self.write("checks_test.lua", CHECKS)
        run = self.run_tool()
        self.assertEqual(run.returncode, 0, run.stdout)
        self.assertIn("24 passed, 0 failed", run.stdout)

    def test_filter_and_jobs(self):
        self.write("good_test.lua", GOOD)
        self.write("bad_test.lua", BAD)
        run = self.run_tool("--filter", "add", "--jobs", "2", "--tap")
        self.assertEqual(run.returncode, 0)
        self.assertEqual(run.stdout.count("\nok ") + run.stdout.startswith("ok "), 1)

    def test_entries(self):
        config = self.write("troupe.yaml", CONFIG)
        run = self.run_tool("--tap", "--config", config)
        self.assertEqual(run.returncode, 1)
        results = dict(reversed(found) for found in re.findall(r"^((?:not )?ok) \d+ - (.*)$", run.stdout, re.M))
        self.assertEqual(results, {"unit: a good one": "ok", "app:nothing": "ok", "app:raises": "not ok", "app:no": "not ok",
                                   "app:err": "not ok", "app:slow": "not ok"})
        run = self.run_tool("--tap", "--config", config, "--filter", "^app:no")
        self.assertEqual(sorted(re.findall(r" - (.*)$", run.stdout, re.M)), ["app:no", "app:nothing"])
        self.assertEqual(run.stderr, "")

    def test_cases_of_entries(self):
        config = self.write("troupe.yaml", CASES)
        run = self.run_tool("--tap", "--config", config)
        self.assertEqual(run.returncode, 1)
        results = dict(reversed(found) for found in re.findall(r"^((?:not )?ok) \d+ - (.*)$", run.stdout, re.M))
        self.assertEqual(results, {"app:cases: good": "ok", "app:cases: bad": "not ok", "app:cases: hangs": "not ok",
                                   "app:cases: waits": "ok", "app:cases: later # SKIP pending": "ok",
                                   "app:own: good": "ok", "app:own": "not ok"})
        for text in ("1..7", "output: shown", "timed out after 300 ms", "returned false"):
            self.assertIn(text, run.stdout)
        self.assertNotIn("not shown", run.stdout)

    def test_mistakes(self):
        self.assertEqual(self.run_tool("nowhere_test.lua").returncode, 1)
        self.assertEqual(self.run_tool("--jobs", "0").returncode, 64)
        self.assertEqual(self.run_tool("--timeout", "x").returncode, 64)
        self.write("broken_test.lua", "local = 1")
        run = self.run_tool()
        self.assertEqual(run.returncode, 78)
        self.assertIn("broken_test.lua:1", run.stderr)

    def test_alias(self):
        self.write("alias_test.lua", "local cron = require('cron')\nit('x', function() end)\n")
        config = self.write("troupe.yaml", CONFIG)
        run = self.run_tool("--config", config, "alias_test.lua")
        self.assertEqual(run.returncode, 1)
        self.assertIn("alias_test.lua:1: module 'cron' not found: it is no built-in module, and a file that is run by its name "
                      "has no imports; make the file an entry with imports: { cron: namespace:library } (a test: and "
                      "meta: { type: test })", run.stdout)
        self.assertNotIn("entry troupe.test", run.stdout)

    def test_nothing_to_run(self):
        run = self.run_tool()
        self.assertEqual(run.returncode, 1)
        self.assertEqual(run.stderr, "troupe: no tests found\n")

    def test_no_case_runs(self):
        self.write("empty_test.lua", "describe('nothing', function() end)")
        run = self.run_tool()
        self.assertEqual((run.returncode, run.stderr), (1, "troupe: no test cases ran: there are none in empty_test.lua\n"))
        self.write("good_test.lua", GOOD)
        run = self.run_tool("-f", "no such")
        self.assertEqual((run.returncode, run.stderr),
                         (1, "troupe: no test cases ran: none of 3 has a name that matches the filter no such\n"))

    def test_patterns(self):
        self.write("good_test.lua", GOOD)
        for bad in ("[", "add[^", "[]", "(", ")", "a(b", "%", "%b(", "%f", "%fa", "%f[", "%1", "(%1)", "(a)%2", "()" * 33):
            run = self.run_tool("-f", bad)
            self.assertEqual((run.returncode, run.stdout), (64, ""), bad)
            self.assertRegex(run.stderr, r"\Atroupe: --filter .*: \w.*\n\Z")
        for good in ("add", "[]a]dd", "a(d)%1", "%f[%w]add", "ad[%]d]", "^.-a()d", "[^%%]dd", "(a(d)(d))"):
            self.assertEqual(self.run_tool("-f", good).returncode, 0, good)


if __name__ == "__main__":
    unittest.main()
