#!/usr/bin/env python3
"""trouped as a service manager runs it: booting, stopping, failing, reloading, what it writes and what it exits with."""
# timeout: 600
import json
import os
import random
import re
import resource
import signal
import socket
import time
import unittest
import urllib.error
import urllib.request

from programs import HEAD, PATIENCE, ROOT, TROUPE, TROUPED, Case, entry, main, service

WAIT = "process.events():receive()"


def waiting(name="waiter"):
    return entry(name, main("print('%s up') %s" % (name, WAIT)))


class KnownEntry(Case):
    def test_a_service_of_an_entry_that_others_have_spawned_starts(self):
        """Its file is known to work by then, and need not run before the process does (vm/newborn.h)."""
        text = HEAD + entry("w", "return function() process.events():receive() end") + entry("p", """
            for _ = 1, 2 do assert(process.spawn("app:w", "app:processes")) end
            return function() process.events():receive() end""")
        text += service("first", "p") + service("second", "w", "requires: [first], start_timeout: 5s")
        self.put("troupe.yaml", text)
        daemon = self.start(TROUPED, "--config", "troupe.yaml")
        daemon.await_text("msg=ready")
        self.assertEqual(daemon.stop(), 0)


class CommandLine(Case):
    def run_daemon(self, *options):
        return self.run_to_end(TROUPED, *options)

    def test_help_and_version(self):
        self.assertIn("usage: trouped", self.run_daemon("--help").out)
        self.assertRegex(self.run_daemon("--version").out, r"^trouped \d+\.\d+\.\d+\n$")
        self.assertEqual(self.run_daemon("-V").status, 0)

    def test_usage(self):
        for options, pattern in ((["--confg=x"], r"^trouped: --confg: unknown option; did you mean --config\?"),
                                 (["x"], r"^trouped: x: unexpected argument"),
                                 (["--set"], r"^trouped: --set: PATH=VALUE is missing"),
                                 (["--check", "--print-config"], r"^trouped: --check, --print-config: only one of them")):
            program = self.run_daemon(*options)
            self.assertEqual(program.status, 64)
            self.assertRegex(program.err, pattern)

    def test_missing_configuration(self):
        program = self.run_daemon("--config", "nothere.yaml")
        self.assertEqual(program.status, 78)
        self.assertRegex(program.err, r"^nothere\.yaml: error: .*No such file")

    def test_every_mistake_is_told(self):
        self.put("sub/bad.lua", "return { main = functoin() end }")
        self.put("more.yaml", "namespace: b\nentries:\n  - {name: x, kind: process.lua, source: 'file://sub/bad.lua'}\n")
        self.put("troupe.yaml", "version: '1.0'\ninclude: [more.yaml]\nruntime: {workers: many}\nnamespace: a\nentries:\n"
                                "  - {name: s, kind: process.service, process: nope, host: nope2}\n")
        for options in ([], ["--check"]):
            program = self.run_daemon("--config", "troupe.yaml", *options)
            self.assertEqual(program.status, 78)
            lines = program.err.splitlines()
            self.assertEqual(len(lines), 4, program.err)
            for pattern in (r"troupe\.yaml:3:\d+: error: runtime\.workers: ", r"troupe\.yaml:6:\d+: error: a:s\.process: .*nope",
                            r"troupe\.yaml:6:\d+: error: a:s\.host: .*nope2", r"sub/bad\.lua:1: error: b:x: "):
                self.assertTrue(any(re.search(pattern, line) for line in lines), (pattern, lines))

    def test_check_and_strict(self):
        self.put("troupe.yaml", HEAD + "  - {name: odd, kind: http.router, x: 1}\n")
        program = self.run_daemon("--config", "troupe.yaml", "--check")
        self.assertEqual(program.status, 0)
        self.assertRegex(program.err, r"troupe\.yaml:6:\d+: warning: .*http\.router")
        program = self.run_daemon("--config", "troupe.yaml", "--check", "--strict")
        self.assertEqual(program.status, 78)

    def test_printed_configuration_loads_to_itself(self):
        self.put("troupe.yaml", HEAD + waiting() + service("s", "waiter"))
        first = self.run_daemon("--config", "troupe.yaml", "--set", "app:processes.host.workers=7", "--print-config")
        self.assertEqual(first.status, 0, first.err)
        self.assertRegex(first.out, r"workers: 7")
        self.put("printed.yaml", first.out)
        second = self.run_daemon("--config", "printed.yaml", "--print-config")
        self.assertEqual(second.out, first.out)

    def test_printing_nowhere(self):
        self.put("troupe.yaml", HEAD)
        with open("/dev/full", "w", encoding="ascii") as full:
            program = self.run_to_end(TROUPED, "--config", "troupe.yaml", "--print-config", stdout=full)
        self.assertEqual(program.status, 74)

    def test_tables_for_generators(self):
        out = self.run_daemon("--dump-tables").out
        self.assertIn("trouped\tconfig\tc\tFILE\t", out)
        self.assertIn("\nprocess.host\thost.workers\t", out)


class Life(Case):
    def test_pool_example(self):
        daemon = self.start(TROUPED, "--config", os.path.join(ROOT, "config/examples/pool/troupe.yaml"), "--set",
                            "control.socket=")
        for task in range(1, 6):
            daemon.await_text(r"^Worker %d completed:\t%d$" % (task, task * 20), "out")
        daemon.await_text(r'msg="service ended" service=app:pool')
        self.assertEqual(daemon.stop(), 0)

    def test_nothing_to_do(self):
        daemon = self.daemon('version: "1.0"\ncontrol: {socket: ""}\n')
        self.assertEqual(daemon.stop(), 0)

    def test_two_at_once(self):
        self.put("other/troupe.yaml", HEAD + waiting() + service("s", "waiter"))
        other = self.start(TROUPED, "--config", "other/troupe.yaml")
        daemon = self.daemon(HEAD + waiting() + service("s", "waiter"))
        other.await_text("msg=ready")
        self.assertEqual(daemon.stop(), 0)
        self.assertIsNone(other.process.poll())
        self.assertEqual(other.stop(), 0)

    def test_order_of_starting_and_stopping(self):
        body = main("local name = ... print('+' .. name) local e = process.events():receive() print('-' .. name, e.reason)")
        text = HEAD + entry("p", body)
        for name, needs in (("web", "[api, jobs]"), ("api", "[db]"), ("jobs", "[db]"), ("db", "[]")):
            text += service(name, "p", "requires: " + needs, "input: [%s]" % name)
        daemon = self.daemon(text)
        daemon.await_text(r"^\+", "out", times=4)
        self.assertEqual(daemon.stop(), 0)
        # A service runs when its main begins: what mains print on two workers is in no order, what the supervisor does is.
        up = re.findall(r'msg="service running" service=app:(\w+)', daemon.err)
        # Who is stopped has ended, and so has printed, before the next one is asked.
        down = re.findall(r"^-(\w+)", daemon.out, re.M)
        self.assertEqual((len(up), up[0], up[3]), (4, "db", "web"))
        self.assertEqual((len(down), down[0], down[3]), (4, "web", "db"))
        self.assertEqual(daemon.out.count("\tservice stopping\n"), 4)

    def test_input(self):
        body = main("""local a, b, c, d = ...
            print(type(a), a, b, c.k, c.list[2], c.list[3], d, select('#', ...)) """ + WAIT)
        daemon = self.daemon(HEAD + entry("p", body) +
                             service("s", "p", more="input: [text, 1.5, {k: true, list: [1, x, ~]}, ~]"))
        daemon.await_text(r"^string\ttext\t1\.5\ttrue\tx\tnil\tnil\t4$", "out")
        self.assertEqual(daemon.stop(), 0)

    def test_environment_is_closed_unless_allowed(self):
        body = main("print(os.getenv('TT_ONE'), os.getenv('TT_TWO'), os.getenv('TT'), os.getenv('HOME'))")
        daemon = self.daemon("runtime: {env: [TT_*]}\n" + HEAD + entry("p", body) + service("s", "p"),
                             env={**os.environ, "TT_ONE": "1", "TT": "no"})
        daemon.await_text(r"^1\tnil\tnil\tnil$", "out")
        self.assertEqual(daemon.stop(), 0)


class Stopping(Case):
    DEAF = entry("deaf", main("print('deaf up') while true do end"))

    def test_who_does_not_stop_is_terminated(self):
        daemon = self.daemon(HEAD + self.DEAF + service("s", "deaf", "stop_timeout: 200ms"))
        daemon.await_text("^deaf up$", "out")
        self.assertEqual(daemon.stop(), 0)
        self.assertRegex(daemon.err, r'msg="service does not stop: terminated" service=app:s')
        self.assertRegex(daemon.err, r"not stopped within 200ms")

    def test_the_whole_is_bounded(self):
        text = "shutdown: {timeout: 300ms}\n" + HEAD + self.DEAF
        for i in range(10):  # one after the other they would take ten times as long
            text += service("s%d" % i, "deaf", "stop_timeout: 1h, requires: [%s]" % ("s%d" % (i - 1) if i else ""))
        daemon = self.daemon(text)
        daemon.await_text("^deaf up$", "out", times=10)
        start = time.monotonic()
        self.assertEqual(daemon.stop(), 0)
        self.assertLess(time.monotonic() - start, 10)

    def test_second_signal_ends_at_once(self):
        for first, second in ((signal.SIGTERM, signal.SIGINT), (signal.SIGINT, signal.SIGTERM)):
            daemon = self.daemon(HEAD + self.DEAF + service("s", "deaf", "stop_timeout: 1h"))
            daemon.send(first)
            daemon.await_text("msg=\"stopping: asked to by a signal\"")
            self.assertEqual(daemon.stop(second), 1)

    def test_same_signal_twice(self):
        daemon = self.daemon(HEAD + self.DEAF + service("s", "deaf", "stop_timeout: 1h"))
        daemon.send(signal.SIGTERM)
        daemon.await_text("msg=\"stopping: asked to by a signal\"")
        time.sleep(0.05)  # within 20 ms it would count as one
        self.assertEqual(daemon.stop(signal.SIGTERM), 1)

    def test_a_signal_that_comes_double_is_one(self):
        daemon = self.daemon(HEAD + waiting() + service("s", "waiter"))
        daemon.send(signal.SIGTERM)
        daemon.send(signal.SIGTERM)
        self.assertEqual(daemon.wait(), 0)

    def test_during_the_boot(self):
        daemon = self.daemon(HEAD + entry("slow", "print('top') channel.new():receive()") +
                             entry("sleepy", "print('top') time.sleep('1h') return {main = print}") +
                             service("s", "sleepy", "start_timeout: 1h, stop_timeout: 100ms"), ready=False)
        daemon.await_text("^top$", "out")
        self.assertEqual(daemon.stop(), 0)
        self.assertNotIn("msg=ready", daemon.err)

    AT_WORK = (entry("p", main("local e = process.events() for i = 1, 50 do process.spawn('app:q', 'app:processes', i) end e:receive() "
                               "time.sleep('5ms')")) +
               entry("q", main("local n = ... time.sleep(n .. 'ms') while n % 10 == 0 do end " + WAIT)) +
               service("a", "p") + service("b", "p", "requires: [a]"))

    def after(self, moments, *numbers):
        """Sends these signals that many seconds after the start and after one another; the daemon, ended."""
        self.put("troupe.yaml", HEAD + self.AT_WORK)
        daemon = self.start(TROUPED, "--config", "troupe.yaml")
        for moment, number in zip(moments, numbers):
            time.sleep(moment)
            daemon.send(number)
        daemon.status = daemon.wait()
        return daemon

    def test_at_any_moment(self):
        """Loading, booting, running: it ends, in order as soon as it has said anything; silently, by the signal, before."""
        chance, before, booted = random.Random(1), 0, 0
        for _ in range(60):
            daemon = self.after([chance.uniform(0, 0.08)], signal.SIGTERM)
            if "msg=starting" in daemon.err:
                self.assertEqual(daemon.status, 0, daemon.err)
                self.assertRegex(daemon.err, r"msg=stopped\n$")
                booted += 1
            else:
                self.assertIn(daemon.status, (0, -signal.SIGTERM), daemon.err)
                before += 1
        self.assertGreater(booted, 0)

    def test_two_at_any_moment(self):
        chance = random.Random(2)
        for _ in range(40):
            daemon = self.after([chance.uniform(0.02, 0.08), chance.uniform(0, 0.03)], signal.SIGTERM, signal.SIGINT)
            self.assertIn(daemon.status, (0, 1, -signal.SIGTERM, -signal.SIGINT), daemon.err)
            if daemon.status < 0:
                self.assertNotIn("msg=ready", daemon.err)


class Failing(Case):
    BAD_TOP = entry("bad", "error('no database')")
    BAD_MAIN = entry("bad", main("print('run') error('broke')"))

    def test_required_service_that_cannot_start(self):
        daemon = self.daemon(HEAD + self.BAD_TOP + waiting() + service("s", "bad") + service("ok", "waiter"), ready=False)
        self.assertEqual(daemon.wait(), 1)
        self.assertRegex(daemon.err, r'msg="boot failed" reason="required service app:s failed to start: .*no database"')
        self.assertNotIn("msg=ready", daemon.err)

    def test_start_that_takes_too_long(self):
        daemon = self.daemon(HEAD + entry("slow", "time.sleep('1h') return {main = print}") +
                             service("s", "slow", "start_timeout: 200ms"), ready=False)
        self.assertEqual(daemon.wait(), 1)
        self.assertRegex(daemon.err, r"app:s failed to start: service app:s: not started within 200ms")

    def test_host_without_room(self):
        text = HEAD.replace("workers: 2", "workers: 1, max_processes: 1") + waiting()
        daemon = self.daemon(text + service("a", "waiter") + service("b", "waiter", "requires: [a]"), ready=False)
        self.assertEqual(daemon.wait(), 1)
        self.assertRegex(daemon.err, r"app:b failed to start: .*max_processes")

    def test_optional_service_that_cannot_start(self):
        daemon = self.daemon(HEAD + self.BAD_TOP + waiting() +
                             service("s", "bad", "startup: optional, restart: {initial_delay: 1h}") + service("ok", "waiter"))
        daemon.await_text(r'msg="service failed" service=app:s')
        daemon.await_text("^waiter up$", "out")
        self.assertEqual(daemon.stop(), 0)

    def test_required_service_that_needs_it(self):
        daemon = self.daemon(HEAD + self.BAD_TOP + waiting() + service("s", "bad", "startup: optional") +
                             service("ok", "waiter", "requires: [s]"), ready=False)
        self.assertEqual(daemon.wait(), 1)
        self.assertRegex(daemon.err, r"required service app:ok needs app:s, which failed to start: .*no database")

    def test_failing_for_good(self):
        daemon = self.daemon(HEAD + self.BAD_MAIN +
                             service("s", "bad", "restart: {initial_delay: 10ms, max_attempts: 3}"), ready=False)
        self.assertEqual(daemon.wait(), 1)
        self.assertEqual(daemon.out, "run\n" * 4)
        self.assertRegex(daemon.err, r'level=error msg="service failed for good" service=app:s .*attempts=3')
        self.assertRegex(daemon.err, r"required service app:s failed for good: .*broke")

    def test_restarts_back_off(self):
        daemon = self.daemon(HEAD + self.BAD_MAIN +
                             service("s", "bad", "restart: {initial_delay: 10ms, max_delay: 60ms, jitter: 0}"))
        daemon.await_text("^run$", "out", times=6)
        self.assertEqual(daemon.stop(), 0)
        waits = re.findall(r"attempt=\d+ restart_in=(\S+)", daemon.err)
        self.assertEqual(waits[:5], ["10ms", "20ms", "40ms", "60ms", "60ms"])

    def test_who_returns_is_not_restarted(self):
        bodies = {"normal": "return 1", "reason": "return false, 'no more'", "final": "error(errors.new{message='x', retryable=false})",
                  "again": "error(errors.new{message='x', retryable=true})", "retry": "return nil, errors.new{message='x', retryable=true}"}
        text = HEAD
        for name, body in bodies.items():
            text += entry(name, main("print('%s') %s" % (name, body)))
            text += service(name + ".s", name, "restart: {initial_delay: 10ms, max_delay: 10ms, jitter: 0}")
        daemon = self.daemon(text)
        daemon.await_text("^again$", "out", times=5)
        daemon.await_text("^retry$", "out", times=5)
        self.assertEqual(daemon.stop(), 0)
        for name in ("normal", "reason", "final"):
            self.assertEqual(daemon.out.count(name), 1, name)

    def test_crash_report(self):
        body = main("""process.send(process.pid(), "first", 1) process.send(process.pid(), "second", 2)
            process.listen("first"):receive() time.sleep("5ms")
            local function inner() error("broken inside") end
            inner()""")
        daemon = self.daemon("log: {format: json}\n" + HEAD + entry("p", body) +
                             service("s", "p", "restart: {initial_delay: 1h}"), ready=False)
        daemon.await_text('"process failed"')
        daemon.stop()
        reports = [json.loads(line) for line in daemon.err.splitlines()]
        report, = [r for r in reports if r["msg"] == "process failed"]
        self.assertEqual(report["level"], "error")
        self.assertRegex(report["reason"], r"app:p:\d+: broken inside$")
        self.assertRegex(report["stack"], r"in function 'inner'")
        self.assertEqual((report["entry"], report["host"], report["how"]), ("app:p", "app:processes", "raised"))
        self.assertRegex(report["pid"], r"^\{app:processes\|0x[0-9a-f]{5,}\}$")
        self.assertGreater(report["memory"], 1000)
        self.assertEqual(report["mailbox"], 1)
        self.assertEqual(report["topics"], "first, second")
        self.assertRegex(report["age"], r"^\d")

    def test_crash_report_has_the_last_topics_however_many_there_were(self):
        body = main("""local me = process.pid()
            process.listen("a")
            for i = 1, 127 do process.send(me, "x") process.send(me, "y") end
            for _, topic in ipairs({"a", "a", "a", "b", "b", "a"}) do process.send(me, topic) end
            process.inbox():receive()
            error("now")""")
        daemon = self.daemon("log: {format: json}\n" + HEAD + entry("p", body) +
                             service("s", "p", "restart: {initial_delay: 1h}"), ready=False)
        daemon.await_text('"process failed"')
        daemon.stop()
        report, = [r for r in map(json.loads, daemon.err.splitlines()) if r["msg"] == "process failed"]
        self.assertEqual(report["topics"], "y, a, b, a")

    def test_repeated_crashes_are_counted(self):
        body = main("""local e = process.events()
            for i = 1, 100 do process.spawn_monitored("app:crash", "app:processes") end
            for i = 1, 100 do e:receive() end
            print("all crashed") """ + WAIT)
        daemon = self.daemon(HEAD + entry("crash", main("error('again')")) + entry("p", body) + service("s", "p"))
        daemon.await_text("^all crashed$", "out")
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.err.count("reason=\"app:crash"), 10)
        self.assertRegex(daemon.err, r'level=error msg="process failed" entry=app:crash repeated=90')


class Reloading(Case):
    def reload(self, daemon, text, pattern="msg=reloaded", times=1):
        self.put("troupe.yaml", text)
        daemon.send(signal.SIGHUP)
        daemon.await_text(pattern, times=times)

    def versioned(self, version):
        return entry("p", main("print('version %d', ...) %s" % (version, WAIT)))

    def test_changes_are_applied(self):
        two = service("one", "p", more="input: [a]") + service("two", "p", more="input: [b]")
        daemon = self.daemon(HEAD + self.versioned(1) + two)
        daemon.await_text("^version 1\tb$", "out")
        # New code alone restarts nothing; a changed service is restarted, and runs it; a new one is started; one is gone.
        three = service("two", "p", more="input: [c]") + service("three", "p", more="input: [d]")
        self.reload(daemon, HEAD + self.versioned(2) + three)
        daemon.await_text("^version 2\tc$", "out")
        daemon.await_text("^version 2\td$", "out")
        daemon.await_text('msg="service stopped" service=app:one')
        self.assertEqual(daemon.out.count("version"), 4)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.out.count("version"), 4)

    def test_running_processes_stay(self):
        daemon = self.daemon(HEAD + self.versioned(1) + service("s", "p"))
        daemon.await_text("^version 1", "out")
        for version in (2, 3, 4):
            self.reload(daemon, HEAD + self.versioned(version) + service("s", "p"), times=version - 1)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.out.count("version"), 1)

    def test_limits_hold_for_running_processes_too(self):
        probe = entry("probe", main("""local e, kept = process.events(), {}
            for i = 1, 3 do kept[i] = time.timer("1h") end
            coroutine.spawn(function() time.sleep("1h") end)
            while true do
                local seen = os.getenv("PROBE")
                local timer, why = time.timer("1h")
                if timer then timer:stop() end
                print("env", seen, "timer", why and why:kind(), "coroutine", pcall(coroutine.spawn, function() time.sleep("1ms") end))
                while seen do end
                if channel.select { e:case_receive(), time.after("10ms"):case_receive() }.channel == e then return end
            end""")) + service("s", "probe", "restart: {initial_delay: 1h}")
        daemon = self.daemon(HEAD + probe, env={**os.environ, "PROBE": "seen"})
        daemon.await_text("^env\tnil\ttimer\tnil\tcoroutine\ttrue", "out")
        limits = "max_timers: 2, max_coroutines: 1, max_run_time: 50ms"
        self.reload(daemon, "runtime: {env: [PROBE]}\n" + HEAD.replace("workers: 2", "workers: 2, " + limits) + probe)
        daemon.await_text("^env\tseen\ttimer\tRateLimited\tcoroutine\tfalse", "out")
        daemon.await_text("run time limit exceeded")
        self.assertEqual(daemon.stop(), 0)

    def test_mistakes_change_nothing(self):
        text = HEAD + self.versioned(1) + service("s", "p")
        daemon = self.daemon(text)
        daemon.await_text("^version 1", "out")
        bad = HEAD + self.versioned(2).replace("print(", "print((") + service("s", "p", more="input: [x], hots: y")
        self.reload(daemon, bad, "reload failed: everything stays as it was")
        self.assertRegex(daemon.err, r'level=error msg="reload: mistake" in="troupe\.yaml:\d+:\d+: error: app:s\.hots: ')
        self.assertRegex(daemon.err, r'level=error msg="reload: mistake" in="troupe\.yaml:\d+: error: app:p: ')
        self.reload(daemon, text)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.out.count("version"), 1)

    def test_hosts(self):
        probe = entry("probe", main("""local e = process.events()
            while true do
                local pid, err = process.spawn("app:nothing", "app:extra")
                print("extra", pid and "runs" or err:kind())
                if channel.select { e:case_receive(), time.after("10ms"):case_receive() }.channel == e then return end
            end""")) + entry("nothing", main("")) + service("s", "probe")
        extra = "  - {name: extra, kind: process.host, host: {workers: %d}, lifecycle: {auto_start: true}}\n"
        daemon = self.daemon(HEAD + probe)
        daemon.await_text("^extra\tNotFound$", "out")
        self.reload(daemon, HEAD + extra % 1 + probe)
        daemon.await_text("^extra\truns$", "out")
        self.assertEqual(self.threads(daemon, "app:extra"), 1)
        self.reload(daemon, HEAD + extra % 3 + probe, times=2)
        self.await_threads(daemon, 3)
        self.reload(daemon, HEAD + probe, times=3)
        daemon.await_text("^extra\tUnavailable$", "out")
        self.reload(daemon, HEAD + extra % 1 + probe, times=4)
        before = daemon.out.count("extra\truns")
        daemon.await_text("^extra\truns$", "out", times=before + 1)
        self.await_threads(daemon, 1)
        self.assertEqual(daemon.stop(), 0)

    def threads(self, daemon, host):
        """Workers are named after their host and its end."""
        folder, n = "/proc/%d/task" % daemon.process.pid, 0
        for task in os.listdir(folder):
            with open("%s/%s/comm" % (folder, task), encoding="utf-8") as file:
                n += file.read().strip().rsplit("/", 1)[0] == host[-9:]
        return n

    def await_threads(self, daemon, wanted):
        end = time.monotonic() + PATIENCE
        while self.threads(daemon, "app:extra") != wanted:
            self.assertLess(time.monotonic(), end, "%d threads" % self.threads(daemon, "app:extra"))
            time.sleep(0.01)

    def test_log_level(self):
        body = entry("p", main("""local e, n, logger = process.events(), 0, require("logger")
            repeat
                n = n + 1
                logger:debug("round", { n = n })
            until channel.select { e:case_receive(), time.after("10ms"):case_receive() }.channel == e"""))
        text = HEAD + body + service("s", "p")
        daemon = self.daemon(text)
        self.assertNotIn("round", daemon.err)
        self.reload(daemon, "log: {level: debug}\n" + text)
        daemon.await_text(r"level=debug msg=round .*entry=app:p .*n=\d+")
        self.assertEqual(daemon.stop(), 0)

    def test_what_needs_a_restart_says_so(self):
        daemon = self.daemon(HEAD)
        self.reload(daemon, "log: {print: log}\n" + HEAD.replace('socket: ""', 'socket: "/tmp/x.sock"'))
        daemon.await_text(r"level=warn .*only when the daemon is restarted.* fields=control\.socket$")
        daemon.await_text(r"level=info .*name=settings change=changed fields=log\.print effect=\"at once\"$")
        self.assertEqual(daemon.stop(), 0)

    def test_many_times(self):
        daemon = self.daemon(HEAD + self.versioned(0) + service("s", "p", more="input: [0]"))
        for i in range(1, 21):
            self.reload(daemon, HEAD + self.versioned(i) + service("s", "p", more="input: [%d]" % i), times=i)
            daemon.await_text("^version %d\t%d$" % (i, i), "out")
        self.assertEqual(daemon.stop(), 0)


class Writing(Case):
    def test_json_lines(self):
        daemon = self.daemon("log: {format: json, level: debug}\n" + HEAD + waiting() + service("s", "waiter"), ready=False)
        daemon.await_text('"msg":"ready"')
        self.assertEqual(daemon.stop(), 0)
        for line in daemon.err.splitlines():
            self.assertLessEqual({"ts", "level", "msg"}, set(json.loads(line)))

    def test_print_to_the_log(self):
        daemon = self.daemon("log: {print: log}\n" + HEAD + waiting() + service("s", "waiter"))
        daemon.await_text(r'level=info msg="waiter up" pid=\{app:processes\|0x[0-9a-f]+\} entry=app:waiter host=app:processes')
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.out, "")

    def test_print_to_standard_error(self):
        daemon = self.daemon("log: {print: stderr}\n" + HEAD + waiting() + service("s", "waiter"))
        daemon.await_text(r"^waiter up$")
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.out, "")

    def test_module_logger(self):
        body = main("""local log = require("logger"):named("db"):named("pool"):with({ table = { 1, 2 }, ms = 1, why = errors.new("e") })
            log:warn("slow query", { ms = 12.5, sql = "select 1\\nfrom x" }) """ + WAIT)
        daemon = self.daemon(HEAD + entry("p", body) + service("s", "p"))
        found = daemon.await_text(r'level=warn msg="slow query" pid=\S+ entry=app:p host=app:processes src=app:p:\d+ (.*)')
        for field in ("logger=db.pool ", "table=[1,2]", "ms=12.5", "why=e", r'sql="select 1\nfrom x"'):
            self.assertIn(field, found.group(1))
        self.assertEqual(found.group(1).count("ms="), 1) # a call's field replaces that of with()
        self.assertEqual(daemon.stop(), 0)

    def test_full_disk(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            daemon = self.daemon(HEAD + waiting() + service("s", "waiter"), stdout=full)
            daemon.await_text(r'level=error msg="print cannot be written" to="standard output" reason="No space left')
            self.assertEqual(daemon.stop(), 0)

    def test_full_disk_for_the_log(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            daemon = self.daemon(HEAD + waiting() + service("s", "waiter"), ready=False, stderr=full)
            daemon.await_text("^waiter up$", "out")
            self.assertEqual(daemon.stop(), 0)

    def test_closed_streams(self):
        self.put("troupe.yaml", HEAD + entry("p", main("print('x') print('y') process.registry.register('done') " + WAIT)) +
                 entry("q", main("while not process.registry.lookup('done') do time.sleep('1ms') end process.terminate('done')"
                                 "error('enough')")) +
                 service("p.s", "p") + service("q.s", "q", "restart: {max_attempts: 1, initial_delay: 1ms}"))
        program = self.run_to_end("bash", "-c", '"$0" --config troupe.yaml >&- 2>&- <&-; echo "status $?"', TROUPED)
        self.assertEqual(program.out, "status 1\n")

    def test_stuck_reader_does_not_stop_the_daemon(self):
        """Nobody reads what is printed: lines are dropped and counted, everything else goes on."""
        body = main("""for i = 1, 120000 do print(i, ('x'):rep(100)) end process.registry.register("done") """ + WAIT)
        other = main("while not process.registry.lookup('done') do time.sleep('10ms') end require('logger'):info('through')" + WAIT)
        reader, writer = os.pipe()
        try:
            daemon = self.daemon(HEAD + entry("p", body) + entry("q", other) + service("p.s", "p") + service("q.s", "q"),
                                 stdout=writer)
            daemon.await_text("msg=through")
            self.assertEqual(daemon.stop(), 0)
            self.assertRegex(daemon.err, r'level=warn msg="lines of print were dropped: their reader is slow" count=\d+')
        finally:
            os.close(reader)
            os.close(writer)

    def test_journal_is_chosen_under_systemd(self):
        self.put("troupe.yaml", HEAD + waiting() + service("s", "waiter"))
        with open(self.path("err"), "w", encoding="ascii") as err:
            st = os.fstat(err.fileno())
            daemon = self.start(TROUPED, "--config", "troupe.yaml", stderr=err,
                                env={**os.environ, "JOURNAL_STREAM": "%d:%d" % (st.st_dev, st.st_ino)})
            daemon.await_text("^waiter up$", "out")
            self.assertEqual(daemon.stop(), 0)
            with open(self.path("err"), encoding="utf-8") as text:
                told = text.read()
        if os.access("/run/systemd/journal/socket", os.W_OK):
            self.assertEqual(told, "", "events went to the journal's socket")
        else:
            self.assertIn("the journal cannot be reached", told)


def parents(path):
    while path != "/":
        path = os.path.dirname(path)
        yield path


def limited(which, value):
    return lambda: resource.setrlimit(which, (value, value))


class Limits(Case):
    def test_few_descriptors(self):
        daemon = self.daemon(HEAD + waiting() + service("s", "waiter"), preexec_fn=limited(resource.RLIMIT_NOFILE, 64))
        self.assertEqual(daemon.stop(), 0)

    def test_few_descriptors_for_many_clients(self):
        """Clients of the control socket beyond the limit wait or are turned away; the daemon runs on, and others come in later."""
        text = HEAD.replace('control: {socket: ""}', "control: {socket: control.sock}")
        daemon = self.daemon(text + waiting() + service("s", "waiter"), preexec_fn=limited(resource.RLIMIT_NOFILE, 64))
        clients = []
        for _ in range(100):
            client = socket.socket(socket.AF_UNIX)
            clients.append(client)
            client.settimeout(PATIENCE)
            client.connect(self.path("control.sock"))
        for client in clients:
            client.close()
        client = self.run_to_end(TROUPE, "--socket", self.path("control.sock"), "ps")
        self.assertEqual(client.status, 0, client.err)
        self.assertIn("app:waiter", client.out)
        self.assertEqual(daemon.stop(), 0)

    def test_read_only_directory_for_the_socket(self):
        """A socket asked for that cannot be made ends the start; without one at the shipped place the daemon runs."""
        os.chmod(self.folder.name, 0o755)
        os.mkdir(self.path("ro"), 0o555)
        drop = (lambda: os.setuid(65534)) if os.getuid() == 0 else None  # to root nothing is read-only
        if drop and not all(os.stat(d).st_mode & 1 for d in parents(TROUPED)):
            self.skipTest("%s: another user cannot reach it" % TROUPED)
        text = HEAD.replace('control: {socket: ""}', "control: {socket: %s}")
        daemon = self.daemon(text % self.path("ro/control.sock"), ready=False, preexec_fn=drop)
        self.assertEqual(daemon.wait(), 74)
        self.assertRegex(daemon.err, r'level=error msg="cannot start" reason=".*ro/control\.sock.*(Permission denied|Read-only)')

    def test_no_descriptors(self):
        """With a single one beside the standard ones it runs; what needs another one says so."""
        few = limited(resource.RLIMIT_NOFILE, 4)
        daemon = self.daemon(HEAD + waiting() + service("s", "waiter"), preexec_fn=few)
        self.assertEqual(daemon.stop(), 0)
        daemon = self.daemon(HEAD.replace('socket: ""', "socket: control.sock"), ready=False, preexec_fn=few)
        self.assertIn(daemon.wait(), (70, 74))
        self.assertRegex(daemon.err, r"(?i)too many open files|descriptors")

    def test_little_memory(self):
        """With too little address space it says what is needed, with just enough it runs."""
        self.put("troupe.yaml", HEAD + waiting() + service("s", "waiter"))
        for megabytes in (22, 30, 48, 66, 95):
            program = self.run_to_end(TROUPED, "--config", "troupe.yaml",
                                      preexec_fn=limited(resource.RLIMIT_AS, megabytes << 20))
            with self.subTest(megabytes=megabytes):
                self.assertEqual(program.status, 70, program.err)
                self.assertRegex(program.err, r"^trouped: not enough memory: address space is limited to %d MiB \(ulimit -v\), "
                                              r"at least \d+ MiB are needed\n$" % megabytes)
        for megabytes in (96, 100, 128):
            program = self.start(TROUPED, "--config", "troupe.yaml", preexec_fn=limited(resource.RLIMIT_AS, megabytes << 20))
            with self.subTest(megabytes=megabytes):
                program.await_text("^waiter up$", "out")
                self.assertEqual(program.stop(), 0, program.err)

    def test_address_space_runs_out(self):
        """Processes for which there is no room fail one by one; the daemon goes on, and ends when it is told to."""
        idle = entry("idle", "return function() local x = 0 for i = 1, 1e5 do x = x + i end process.listen('x'):receive() end")
        filler = entry("filler", """
            return function()
                repeat until not process.spawn("app:idle", "app:processes")
            end""")
        daemon = self.daemon(HEAD.replace("entries:", "shutdown: {timeout: 1s}\nentries:") + idle + filler + service("s", "filler"),
                             preexec_fn=limited(resource.RLIMIT_AS, 128 << 20))
        daemon.await_text(r'msg="(service ended|service failed|process failed)"')
        self.assertEqual(daemon.stop(), 0)

    def test_memory_runs_out_in_the_midst_of_anything(self):
        """Whoever asks next gets the error: in a deep recursion, in compiled code, in a finaliser, on the way of a reply."""
        child = entry("child", """
            local f = {}
            function f.strings() local t = {} for i = 1, 20000 do t[i] = "s" .. i end time.sleep("20ms") end
            function f.tables() local t = {} for i = 1, 3000 do t[i] = { i } end time.sleep("1s") end
            function f.timers() for i = 1, 50 do time.after("10ms") end time.sleep("20ms") end
            function f.deep() local function g(n) if n == 0 then time.sleep("5ms") return 0 end return 1 + g(n - 1) end return g(20000) end
            function f.coroutines() for i = 1, 100 do coroutine.spawn(function() time.sleep("1ms") end) end time.sleep("30ms") end
            function f.message() process.send("filler", "t", ("x"):rep(2 ^ 20)) end
            function f.error() error({ deep = ("y"):rep(1000) }) end
            function f.linked() process.spawn_linked_monitored("app:child", "app:processes", 6) time.sleep("5ms") end
            local names = { "strings", "tables", "timers", "deep", "coroutines", "message", "error", "linked" }
            return function(n) return f[names[n % #names + 1]]() end""")
        filler = entry("filler", """
            return function()
                process.registry.register("filler")
                process.listen("t")
                local n, refused = 0, 0
                while refused < 100 do
                    n = n + 1
                    local ran, pid = pcall(process.spawn, "app:child", "app:processes", n)
                    if not ran or not pid then refused = refused + 1 end
                    if n % 20 == 0 then pcall(time.sleep, "2ms") end
                end
            end""")
        services = "".join(service("s%d" % i, "filler", "startup: optional, restart: {initial_delay: 5ms, max_delay: 20ms, max_attempts: 0}")
                           for i in range(4))
        daemon = self.daemon(HEAD.replace("entries:", "log: {level: error}\nshutdown: {timeout: 1s}\nentries:") + child + filler + services,
                             ready=False, preexec_fn=limited(resource.RLIMIT_AS, 120 << 20))
        daemon.await_text("not enough memory")
        time.sleep(4)
        self.assertIsNone(daemon.process.poll(), daemon.err[-2000:])
        self.assertEqual(daemon.stop(), 0, daemon.err[-2000:])

    def test_idle_costs_nothing(self):
        daemon = self.daemon(HEAD + waiting() + service("s", "waiter"))
        daemon.await_text("^waiter up$", "out")
        folder = "/proc/%d/task" % daemon.process.pid

        def wakeups():
            n = 0
            for task in os.listdir(folder):
                with open("%s/%s/status" % (folder, task), encoding="ascii") as file:
                    n += sum(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt"))
            return n
        end, quiet = time.monotonic() + PATIENCE, False
        while not quiet and time.monotonic() < end:
            before = wakeups()
            time.sleep(1)
            quiet = wakeups() == before
        self.assertTrue(quiet, "there was no second without a wake-up")
        self.assertEqual(daemon.stop(), 0)


class Monitoring(Case):
    def get(self, port, path):
        try:
            with urllib.request.urlopen("http://127.0.0.1:%s%s" % (port, path), timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def test_metrics_and_readiness(self):
        slow = entry("slow", "repeat time.sleep('1ms') until process.registry.lookup('go') return function() %s end" % WAIT)
        opener = entry("opener", main("""local ready = process.listen("ready")
            print("waits") time.sleep("200ms") process.registry.register("go") """ + WAIT))
        daemon = self.daemon('metrics: {listen: "127.0.0.1:0"}\n' + HEAD + slow + opener + service("a", "opener") +
                             service("b", "slow"), ready=False)
        port = daemon.await_text(r'msg="metrics are served" listen=127.0.0.1:0 port=(\d+)').group(1)
        daemon.await_text("^waits$", "out")
        self.assertEqual(self.get(port, "/healthz")[0], 200)
        early = self.get(port, "/readyz")[0]
        self.assertTrue(early == 503 or "msg=ready" in daemon.err)
        daemon.await_text("msg=ready")
        self.assertEqual(self.get(port, "/readyz"), (200, "ready\n"))
        status, text = self.get(port, "/metrics")
        self.assertEqual(status, 200)
        self.assertRegex(text, r'(?m)^troupe_processes\{host="app:processes",entry="app:slow"\} 1$')
        self.assertRegex(text, r'(?m)^troupe_service_restarts_total\{service="app:a"\} 0$')
        self.assertEqual(daemon.stop(), 0)

    def test_events_without_room_are_counted(self):
        flood = entry("flood", main("""local events = require("events")
            local heard = assert(events.subscribe("x"))
            for _ = 1, 200 do events.send("x", "kind", "/path") end
            print("sent") """ + WAIT))
        daemon = self.daemon('metrics: {listen: "127.0.0.1:0"}\n' + HEAD + flood + service("s", "flood"))
        port = daemon.await_text(r'msg="metrics are served" listen=127.0.0.1:0 port=(\d+)').group(1)
        daemon.await_text("^sent$", "out")
        self.assertRegex(self.get(port, "/metrics")[1], r"(?m)^troupe_events_dropped_total 136$")
        self.assertEqual(daemon.stop(), 0)

    def test_address_in_use(self):
        first = self.daemon('metrics: {listen: "127.0.0.1:0"}\n' + HEAD)
        port = first.await_text(r'listen=127.0.0.1:0 port=(\d+)').group(1)
        second = self.daemon('metrics: {listen: "127.0.0.1:%s"}\n' % port + HEAD, ready=False)
        self.assertEqual(second.wait(), 74)
        self.assertRegex(second.err, r'level=error msg="cannot start" reason="metrics.listen .*in use"')
        self.assertEqual(first.stop(), 0)


class Large(Case):
    def test_a_thousand_services(self):
        text = HEAD + waiting()
        for i in range(1000):
            needs = ", ".join("s%d" % (i - k) for k in (1, 7, 50) if i >= k and i % 100)
            text += service("s%d" % i, "waiter", "requires: [%s]" % needs)
        daemon = self.daemon(text)
        daemon.await_text("^waiter up$", "out", times=1000)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.err.count('msg="service stopped"'), 1000)


if __name__ == "__main__":
    unittest.main()
