#!/usr/bin/env python3
"""troupe run and troupe check, as a user runs them: results, exit statuses, signals, closed and full outputs."""
import json
import os
import resource
import signal
import subprocess
import unittest

from programs import HEAD, PATIENCE, TROUPE, Case, entry, main, service


class Results(Case):
    def run_main(self, body, *args):
        self.put("a.lua", main(body))
        return self.run_to_end(TROUPE, "run", "a.lua", *args)

    def check(self, body, status, out, err=""):
        program = self.run_main(body)
        self.assertEqual((program.status, program.out, program.err), (status, out, err))

    def test_nothing(self):
        self.check("return", 0, "")
        self.check("return nil", 0, "")

    def test_text(self):
        self.check("return 'two words'", 0, "two words\n")
        self.check("return true", 0, "true\n")
        self.check("return errors.new('as a value')", 0, "as a value\n")

    def test_table_is_json(self):
        program = self.run_main("return { n = 1.5, list = { 1, 'two', false }, sub = { k = 'ü' } }")
        self.assertEqual(program.status, 0)
        self.assertEqual(json.loads(program.out), {"n": 1.5, "list": [1, "two", False], "sub": {"k": "ü"}})

    def test_table_that_is_no_json(self):
        program = self.run_main("return { 1, x = 2 }")
        self.assertEqual(program.status, 1)
        self.assertRegex(program.err, r"^troupe: app:a: result")

    def test_number_is_the_status(self):
        for value, status in (("0", 0), ("3", 3), ("255", 255), ("2.5", 0), ("1/0", 0)):
            program = self.run_main("return " + value)
            self.assertEqual((program.status, program.err), (status, ""), value)
        for value in ("-1", "256", "300", "2175"):
            program = self.run_main("return " + value)
            self.assertEqual((program.status, program.out), (1, value + "\n"))
            self.assertEqual(program.err, "troupe: app:a: returned %s: an exit status is 0 to 255\n" % value)

    def test_arguments_are_strings(self):
        program = self.run_main("local t = {...} for i, v in ipairs(t) do t[i] = type(v) .. ' ' .. v end return t",
                                "1", "-5", "--", "--x", "", "ü")
        self.assertEqual(json.loads(program.out), ["string 1", "string -5", "string --x", "string ", "string ü"])

    def test_raised(self):
        program = self.run_main("local function deep() error('no luck') end\ndeep()")
        self.assertEqual((program.status, program.out), (1, ""))
        self.assertRegex(program.err, r"\Atroupe: app:a: a\.lua:2: no luck\nstack traceback:\n(\t.*\n)*\ta\.lua:2: in .*deep")
        self.assertEqual(program.err.count("no luck"), 1)

    def test_alias(self):
        program = self.run_main("require('cron')")
        self.assertEqual(program.status, 1)
        self.assertIn("a.lua:2: module 'cron' not found: it is no built-in module, and a file that is run by its name has no imports; "
                      "make the file an entry with imports: { cron: namespace:library }", program.err)

    def test_returned_failure(self):
        self.check("return false, 'why not'", 1, "", "troupe: app:a: why not\n")

    def test_output_comes_before_the_failure(self):
        self.put("a.lua", main("for i = 1, 1000 do print(i) end error('end')"))
        program = self.run_to_end(TROUPE, "run", "a.lua", stderr=subprocess.STDOUT)
        self.assertRegex(program.out, r"\n999\n1000\ntroupe: app:a: a.lua:2: end\n")

    def test_function_file(self):
        self.put("f.lua", "return function(...) print(...) return 'done' end")
        program = self.run_to_end(TROUPE, "run", "f.lua", "x", "y")
        self.assertEqual((program.status, program.out), (0, "x\ty\ndone\n"))

    def test_children_end_with_it(self):
        program = self.run_main("local pid = process.spawn('app:a.child' , 'app:processes') return pid ~= nil")
        self.assertEqual(program.out, "false\n")


class Wrong(Case):
    def complains(self, status, pattern, *argv):
        program = self.run_to_end(TROUPE, *argv)
        self.assertEqual(program.status, status, program.err)
        self.assertRegex(program.err, pattern)
        return program

    def test_usage(self):
        self.complains(64, r"^troupe: a verb is missing")
        self.complains(64, r"^troupe: rnu: unknown verb; did you mean run\?", "rnu")
        self.complains(64, r"^troupe: run: arguments are missing", "run")
        self.complains(64, r"^troupe: run: --hots: unknown option; did you mean --host\?", "run", "--hots", "x")
        self.complains(64, r"^troupe: check: b: unexpected argument", "check", "a", "b")

    def test_help_and_version(self):
        for argv in (["--help"], ["run", "--help"], ["check", "-h"], ["help"]):
            program = self.run_to_end(TROUPE, *argv)
            self.assertEqual((program.status, program.err), (0, ""))
            self.assertIn("usage: troupe", program.out)
        program = self.run_to_end(TROUPE, "--version")
        self.assertRegex(program.out, r"^troupe \d+\.\d+\.\d+\n$")

    def test_missing_file(self):
        self.complains(78, r"nothere\.lua.*No such file", "run", "nothere.lua")

    def test_syntax_error(self):
        self.put("bad.lua", "local x = 1\nreturn { main = functoin() end }\n")
        for verb in ("run", "check"):
            self.complains(78, r"\Abad\.lua:2: error: app:bad: [^\n]*near[^\n]*\n\Z", verb, "bad.lua")

    def test_top_level(self):
        self.put("a.lua", "error('at the top')")
        self.complains(1, r"^troupe: app:a: a\.lua:1: at the top\n", "run", "a.lua")
        self.put("a.lua", "return 5")
        self.complains(1, r"^troupe: app:a: .*number", "run", "a.lua")
        self.put("a.lua", "return { start = print }")
        self.complains(1, r"^troupe: app:a: .*without the method 'main'", "run", "a.lua")

    def test_entry(self):
        self.put("t.yaml", HEAD + entry("w", main("return 1")))
        self.complains(1, r"^troupe: app:x: entry not found\n", "run", "app:x", "--config", "t.yaml")
        self.complains(1, r"^troupe: x: entry not found; it is NAMESPACE:NAME", "run", "x", "--config", "t.yaml")
        self.complains(1, r"^troupe: app:processes: is no program but of kind process.host", "run", "app:processes",
                       "--config", "t.yaml")
        self.complains(1, r"^troupe: --host nope: host not found", "run", "app:w", "--config", "t.yaml", "--host", "nope")
        self.complains(1, r"^troupe: --host w: is no host", "run", "app:w", "--config", "t.yaml", "--host", "w")

    def test_all_mistakes_are_told(self):
        self.put("t.yaml", HEAD + "  - {name: a, kind: process.lua, sorce: x}\n  - {name: b, kind: process.service}\n")
        program = self.complains(78, r"t\.yaml:6:\d+: error: app:a\.sorce: .*did you mean .source", "check", "t.yaml")
        self.assertGreaterEqual(program.err.count(": error: "), 3)


class Configured(Case):
    def test_entry_on_the_only_host(self):
        self.put("t.yaml", HEAD + entry("w", main("return process.info().host")))
        program = self.run_to_end(TROUPE, "run", "app:w", "--config", "t.yaml")
        self.assertEqual((program.status, program.out), (0, "app:processes\n"))

    def test_host_is_chosen(self):
        self.put("t.yaml", HEAD.replace("name: processes", "name: one") + "  - {name: two, kind: process.host}\n" +
                 entry("w", main("return process.info().host")))
        program = self.run_to_end(TROUPE, "run", "app:w", "--config", "t.yaml", "--host", "two")
        self.assertEqual((program.status, program.out), (0, "app:two\n"))
        program = self.run_to_end(TROUPE, "run", "app:w", "--config", "t.yaml")
        self.assertEqual((program.status, program.out), (0, "app:processes\n"), "the implicit one")

    def test_file_with_configuration(self):
        self.put("t.yaml", HEAD + entry("w", main("return 'from w'")))
        self.put("a.lua", main("return process.exec('app:w', 'app:processes')"))
        program = self.run_to_end(TROUPE, "run", "a.lua", "--config", "t.yaml")
        self.assertEqual((program.status, program.out), (0, "from w\n"))

    def test_services_run_first_and_are_stopped(self):
        server = main("""process.registry.register("server")
            local ask, events = process.listen("ask", { message = true }), process.events()
            while true do
                local r = channel.select { ask:case_receive(), events:case_receive() }
                if r.channel == events then print("server: " .. r.value.reason) return end
                process.send(r.value:from(), "answer", r.value:payload() * 2)
            end""")
        client = main("""local answer = process.listen("answer")
            while not process.registry.lookup("server") do time.sleep("1ms") end
            process.send("server", "ask", 21)
            return "got " .. answer:receive()""")
        self.put("t.yaml", HEAD + entry("server", server) + entry("client", client) + service("s", "server"))
        program = self.run_to_end(TROUPE, "run", "app:client", "--config", "t.yaml")
        self.assertEqual((program.status, program.out, program.err), (0, "got 42\nserver: service stopping\n", ""))

    def test_required_service_that_fails(self):
        self.put("t.yaml", HEAD + entry("bad", "error('no database')") + entry("w", main("print('not reached')")) +
                 service("s", "bad"))
        program = self.run_to_end(TROUPE, "run", "app:w", "--config", "t.yaml")
        self.assertEqual((program.status, program.out), (1, ""))
        self.assertRegex(program.err, r"(?m)^troupe: required service app:s failed to start: .*no database")

    def test_set(self):
        self.put("t.yaml", HEAD + entry("w", main("return os.getenv('SHOWN')")))
        program = self.run_to_end(TROUPE, "run", "app:w", "--config", "t.yaml", env={**os.environ, "SHOWN": "yes"})
        self.assertEqual(program.out, "")
        program = self.run_to_end(TROUPE, "run", "app:w", "--config", "t.yaml", "--set", "runtime.env=[SHOWN]",
                                  env={**os.environ, "SHOWN": "yes"})
        self.assertEqual(program.out, "yes\n")


class Signals(Case):
    def test_first_is_a_request(self):
        self.put("a.lua", main("print('up') local e = process.events():receive() print(e.kind, e.reason) return 7"))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            program = self.start(TROUPE, "run", "a.lua")
            program.await_text("^up$", "out")
            self.assertEqual(program.stop(number), 7)
            self.assertEqual(program.out, "up\npid.cancel\tinterrupted\n7\n")

    def test_second_is_none(self):
        self.put("a.lua", main("local e = process.events() print('up') e:receive() print('asked') while true do end"))
        program = self.start(TROUPE, "run", "a.lua")
        program.await_text("^up$", "out")
        program.send(signal.SIGINT)
        program.await_text("^asked$", "out")
        program.send(signal.SIGTERM)
        self.assertEqual(program.wait(), 1)


class Outputs(Case):
    def test_full(self):
        self.put("a.lua", main("print('x') process.events():receive()"))
        with open("/dev/full", "w", encoding="ascii") as full:
            program = self.run_to_end(TROUPE, "run", "a.lua", stdout=full)
        self.assertEqual(program.status, 74)
        self.assertRegex(program.err, r"(?m)^troupe: standard output: cannot be written: No space left")

    def test_full_for_the_result(self):
        self.put("a.lua", main("return 'x'"))
        with open("/dev/full", "w", encoding="ascii") as full:
            program = self.run_to_end(TROUPE, "run", "a.lua", stdout=full)
        self.assertEqual(program.status, 74)

    def test_closed_and_nothing_to_say(self):
        self.put("a.lua", main("return nil"))
        program = self.run_to_end("bash", "-c", '"$0" run a.lua >&- 2>&- <&-; echo "status $?"', TROUPE)
        self.assertEqual(program.out, "status 0\n")

    def test_closed(self):
        self.put("a.lua", main("print('x') process.events():receive()"))
        program = self.run_to_end("bash", "-c", '"$0" run a.lua >&-', TROUPE)
        self.assertEqual(program.status, 74)

    def test_reader_that_goes_away(self):
        self.put("a.lua", main("while true do print('line') end"))
        program = self.run_to_end("bash", "-c", '"$0" run a.lua | head -n 2; echo "status ${PIPESTATUS[0]}"', TROUPE)
        self.assertEqual(program.out, "line\nline\nstatus 74\n")

    def test_help_nowhere(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            program = self.run_to_end(TROUPE, "--help", stdout=full)
        self.assertEqual(program.status, 74)

    def test_slow_reader_loses_nothing(self):
        count = 60000
        self.put("a.lua", main("for i = 1, %d do print('line', i, ('x'):rep(100)) end" % count))
        program = subprocess.Popen([TROUPE, "run", "a.lua"], cwd=self.folder.name, stdout=subprocess.PIPE)
        self.addCleanup(program.kill)
        with program.stdout:
            first = program.stdout.read(100)
            try:  # it must be held up by us: 7 MB do not fit any queue
                program.wait(0.5)
                self.fail("it did not wait")
            except subprocess.TimeoutExpired:
                pass
            text = (first + program.stdout.read()).decode()
        self.assertEqual(program.wait(PATIENCE), 0)
        self.assertEqual([int(line.split("\t")[1]) for line in text.splitlines()], list(range(1, count + 1)))

    def test_long_line(self):
        self.put("a.lua", main("print(('x'):rep(2^23)) print('end')"))
        program = self.run_to_end(TROUPE, "run", "a.lua")
        self.assertEqual(program.status, 0)
        self.assertEqual(program.out, "x" * 2**23 + "\nend\n")

    def test_lines_of_many_processes_stay_whole(self):
        writer = main("local id = ... for i = 1, 200 do print(id, i, ('%d'):format(id):rep(50)) end")
        parent = main("""local events = process.events()
            for i = 1, 20 do assert(process.spawn_monitored("app:writer", "app:processes", i)) end
            for i = 1, 20 do events:receive() end""")
        self.put("t.yaml", HEAD + entry("writer", writer) + entry("parent", parent))
        program = self.run_to_end(TROUPE, "run", "app:parent", "--config", "t.yaml")
        self.assertEqual(program.status, 0, program.err)
        last = {}
        for line in program.out.splitlines():
            who, number, rest = line.split("\t")
            self.assertEqual(rest, who * 50)
            self.assertEqual(int(number), last.get(who, 0) + 1)
            last[who] = int(number)
        self.assertEqual(last, {str(i): 200 for i in range(1, 21)})


def limited(which, value):
    return lambda: resource.setrlimit(which, (value, value))


class Limits(Case):
    def test_few_descriptors(self):
        self.put("a.lua", main("return 'fine'"))
        program = self.run_to_end(TROUPE, "run", "a.lua", preexec_fn=limited(resource.RLIMIT_NOFILE, 64))
        self.assertEqual((program.status, program.out), (0, "fine\n"))

    def test_too_few_descriptors(self):
        self.put("a.lua", main("return 'fine'"))
        program = self.run_to_end(TROUPE, "run", "a.lua", preexec_fn=limited(resource.RLIMIT_NOFILE, 4))
        self.assertIn(program.status, (0, 70, 78))
        if program.status:
            self.assertNotEqual(program.err, "")

    def test_little_memory(self):
        """Whatever fails for lack of address space is told, and nothing crashes."""
        self.put("a.lua", main("return 'fine'"))
        for megabytes in (1024, 512, 256, 128, 96, 80, 32, 28):
            program = self.run_to_end(TROUPE, "run", "a.lua", preexec_fn=limited(resource.RLIMIT_AS, megabytes << 20))
            with self.subTest(megabytes=megabytes):
                if megabytes >= 96:
                    self.assertEqual((program.status, program.out), (0, "fine\n"), program.err)
                elif program.status == 0:
                    self.assertEqual(program.out, "fine\n")
                else:
                    self.assertIn(program.status, (1, 70, 78), program.err)
                    self.assertRegex(program.err, r"(?m)^troupe: .*memory")


if __name__ == "__main__":
    unittest.main()
