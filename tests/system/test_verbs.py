#!/usr/bin/env python3
# timeout: 600
"""The verbs of troupe that talk to a running daemon: what each shows, refuses and exits with; many clients, rude ones,
forbidden ones; a daemon that stops meanwhile; a hundred thousand processes."""
import fcntl
import grp
import json
import os
import pty
import re
import socket
import stat
import struct
import termios
import threading
import time
import unittest

import programs
import tables
from programs import PATIENCE, TROUPE, TROUPED, Case, entry, service

OK, FAILED, USAGE, NO_DAEMON = 0, 1, 64, 69

# Answers whatever it gets; ends when it is asked to.
ECHO = """
local function busy(n)
    local x = 0
    for i = 1, n do x = x + i % 7 end
    return x
end
local function main(name)
    if name then assert(process.registry.register(name)) end
    local inbox, events = process.inbox(), process.events()
    while true do
        local r = channel.select { inbox:case_receive(), events:case_receive() }
        if not r.ok or r.channel == events then return r.value.kind .. ": " .. tostring(r.value.reason) end
        local msg = r.value
        if msg:topic() == "crash" then error("as asked") end
        if msg:topic() == "spin" then while true do busy(100000) end end
        if msg:from() then process.send(msg:from(), "answer", msg:payload()) end
    end
end
return { main = main }
"""

ENTRIES = (entry("echo", ECHO) + entry("sum", "return { main = function(a, b) return { sum = a + b, text = tostring(a) } end }")
           + entry("types", "return { main = function(...) local t = {} for i = 1, select('#', ...) do"
                   " t[i] = type((select(i, ...))) end return table.concat(t, ' ') end }")
           + entry("broken", "error('cannot load')")
           + entry("never", "return { main = function() process.listen('never'):receive() end }")
           + entry("deaf", "return { main = function() while true do process.events():receive() end end }"))


def head(socket_path, control="", hosts=""):
    return ('version: "1.0"\nnamespace: app\ncontrol: {socket: "%s"%s}\nentries:\n'
            "  - {name: processes, kind: process.host, host: {workers: 2}, lifecycle: {auto_start: true}}\n%s" % (
                socket_path, control, hosts))


class Talk:
    """A connection that speaks the protocol itself."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")
        self.hello = json.loads(self.file.readline())

    def send(self, data):
        self.socket.sendall(data)

    def read(self):
        line = self.file.readline()
        return json.loads(line) if line else None

    def ask(self, op, **args):
        """The last line of its answer; raises when the connection ends before that."""
        self.send(json.dumps({"id": 1, "op": op, "args": args}).encode() + b"\n")
        while True:
            answer = self.read()
            if answer is None:
                raise ConnectionError("closed")
            if "ok" in answer:
                return answer

    def close(self):
        self.file.close()
        self.socket.close()


class VerbCase(Case):
    def setUp(self):
        super().setUp()
        self.socket = self.path("s")
        self.env = {**os.environ, "TROUPE_SOCKET": self.socket, "LC_ALL": "C.UTF-8"}

    def up(self, more="", control="", **options):
        daemon = self.daemon(head(self.socket, control) + ENTRIES + more, **options)
        self.addCleanup(self.ends_well, daemon)
        return daemon

    def ends_well(self, daemon):
        """Whatever was done to it, it is there and stops as it should; unless it has ended, which the test has seen to."""
        if daemon.process.poll() is None:
            self.assertEqual(daemon.stop(), 0, daemon.err)
        self.assertNotRegex(daemon.err, "Sanitizer")

    def troupe(self, *args, status=OK, **more):
        more.setdefault("env", self.env)
        program = self.run_to_end(TROUPE, *args, **more)
        self.assertEqual(program.status, status, (args, program.out, program.err))
        if status:
            self.assertRegex(program.err, r"\Atroupe: \S.*: \S")
        else:
            self.assertEqual(program.err, "", args)
        return program

    def json(self, *args):
        return json.loads(self.troupe(*args, "--json").out)

    def spawn(self, *args):
        return self.troupe("spawn", *args).out.strip()

    def talk(self):
        talk = Talk(self.socket)
        self.addCleanup(talk.close)
        return talk

    def await_true(self, condition, what):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.02)
        self.fail("%s has not come true" % what)

    def complains(self, pattern, *args, status=FAILED):
        self.assertRegex(self.troupe(*args, status=status).err, pattern)


class CommandLine(VerbCase):
    """What needs no daemon."""

    def verbs(self):
        """{verb: {"args": as in its usage, "options": names}}"""
        verbs = {}
        for command, option, _, args, *_ in tables.read()["options"]:
            if " " in command:
                verb = verbs.setdefault(command.split(" ")[1], {"args": args, "options": []})
                verb["options"] += [option] if option else []
        return verbs

    def test_every_verb_of_the_table_is_there(self):
        for verb in ("run test check ps top info hosts services names spawn send call cancel kill trace stack profile start stop"
                     " restart reload shutdown log-level ping").split():
            self.assertIn(verb, self.verbs())

    def test_each_has_help(self):
        for verb, table in self.verbs().items():
            out = self.troupe(verb, "--help").out
            self.assertTrue(out.startswith("usage: troupe %s [OPTIONS]" % verb), out)
            for option in table["options"]:
                self.assertIn("--" + option, out)
            self.assertLessEqual(max(len(line) for line in out.splitlines()[1:]), 80)

    def test_wrong_usage(self):
        for verb, table in self.verbs().items():
            program = self.troupe(verb, "--bogus", status=USAGE)
            self.assertRegex(program.err, r"\Atroupe: %s: --bogus: unknown option; see troupe %s --help\n\Z" % (verb, verb))
            if re.match(r"[A-Z]", table["args"]):
                self.assertRegex(self.troupe(verb, status=USAGE).err, "arguments are missing: troupe " + verb)
            elif not table["args"]:
                self.assertRegex(self.troupe(verb, "surplus", status=USAGE).err, "surplus: unexpected argument")
        self.assertRegex(self.troupe("pign", status=USAGE).err, r"^troupe: pign: unknown verb; did you mean ping\?")
        self.assertRegex(self.run_to_end(TROUPE).err, r"^troupe: a verb is missing")
        for args, why in ((["--nope"], "--nope: unknown option before the verb; "), (["-S", "/x", "ping"], "-S: unknown option before the verb; "),
                          (["ping", "--socket="], "--socket: PATH is empty"), (["--socket=", "ping"], "--socket: PATH is missing"),
                          (["spawn", "a:b", "-v", "nope"], "argument nope: no JSON: "), (["send", "a", "b", "nope"], "payload nope: no JSON: ")):
            self.assertRegex(self.troupe(*args, status=USAGE).err, "^troupe: " + why)
        for args in (["trace", "--for", "soon"], ["trace", "--max", "-1"], ["profile", "--rate", "x"], ["top", "--sort", "x"],
                     ["top", "--count", "0"], ["top", "--interval", "x"], ["ps", "--sort", "x"], ["ps", "--limit", "x"],
                     ["call", "a", "b", "{"], ["send", "a", "b", "text"], ["spawn", "a:b", "--values", "x"],
                     ["spawn", "a:b", "--wait", "x"], ["call", "a", "b", "--wait", "x"], ["start", "a", "--wait", "x"],
                     ["log-level", "loud"], ["--socket"]):
            self.troupe(*args, status=USAGE)

    def test_no_daemon(self):
        arguments = {"info": ["x"], "spawn": ["a:b"], "send": ["x", "t"], "call": ["x", "t"], "cancel": ["x"], "kill": ["x"],
                     "stack": ["x"], "start": ["s"], "stop": ["s"], "restart": ["s"], "log-level": ["info"]}
        for verb, table in self.verbs().items():
            if "socket" in table["options"]:
                program = self.troupe(verb, *arguments.get(verb, []), status=NO_DAEMON)
                self.assertEqual(program.err, "troupe: %s: no daemon answers: No such file or directory\n" % self.socket)
                self.assertEqual(program.out, "")

    def listener(self):
        s = socket.socket(socket.AF_UNIX)
        self.addCleanup(s.close)
        s.bind(self.socket)
        return s

    def test_somebody_else_listens(self):
        s = self.listener()
        self.complains("no daemon answers: Connection refused", "ping", status=NO_DAEMON)
        s.listen()

        def serve(line):
            connection = s.accept()[0]
            connection.sendall(line)
            connection.close()
        for line, why in ((b"", "it has closed the connection"), (b"SSH-2.0-x\r\n", "what it says is not understood"),
                          (b'{"hello":"troupe","v":2}\n', "it speaks another version"), (b'{"hello":"tro', "closed")):
            server = threading.Thread(target=serve, args=(line,))
            server.start()
            self.complains("no daemon answers: .*" + why, "ping", status=NO_DAEMON)
            server.join()

    def test_silence(self):
        self.listener().listen()
        self.complains("no daemon answers: it is silent", "ping", status=NO_DAEMON)

    def test_where_the_socket_is(self):
        other = self.path("other")
        for args in (["ping", "--socket", other], ["ping", "-S", other], ["--socket", other, "ping"], ["--socket=" + other, "ping"]):
            self.complains("troupe: %s: no daemon" % other, *args, status=NO_DAEMON)
        self.env["TROUPE_SOCKET"] = ""
        self.complains("troupe: /run/troupe/control.sock: no daemon", "ping", status=NO_DAEMON)
        self.complains("the path is too long", "ping", "--socket", "x" * 200, status=NO_DAEMON)


class Show(VerbCase):
    def test_ps(self):
        self.up(service("s", "echo", more="input: [bob]"))
        pids = [self.spawn("app:echo", "p%d" % i) for i in range(3)] + [self.spawn("app:never")]
        lines = self.troupe("ps").out.splitlines()
        self.assertEqual(lines[0].split(), "PID ENTRY STATE MAILBOX MEMORY REDUCTIONS AGE".split())
        self.assertEqual(len(lines), 6)
        for pid in pids:
            self.assertEqual(len([line for line in lines if line.startswith(pid)]), 1)
        never = next(line for line in lines if "app:never" in line)
        self.assertRegex(never, r"^\{app:processes\|0x[0-9a-f]+\} +app:never +waiting +0 +[0-9.]+K +\d+ +\d+s$")
        all_of_it = self.json("ps")
        self.assertEqual((all_of_it["total"], all_of_it["matched"], len(all_of_it["processes"])), (5, 5, 5))
        self.assertEqual(sorted(all_of_it["processes"][0]), sorted("pid entry state mailbox memory reductions age".split()))
        self.assertEqual(all_of_it["memory"], sum(p["memory"] for p in all_of_it["processes"]))
        self.assertEqual([p["pid"] for p in self.json("ps", "--entry", "app:never")["processes"]], [pids[3]])
        self.assertEqual(self.json("ps", "--host", "app:nope"), {"processes": [], "total": 5, "matched": 0, "memory": all_of_it["memory"]})
        self.assertEqual(len(self.troupe("ps", "-n", "2").out.splitlines()), 3)
        for i in range(5):
            self.troupe("send", pids[3], "x", str(i))
        self.await_true(lambda: self.json("ps", "--sort", "mailbox", "-n", "1")["processes"][0]["pid"] == pids[3] or
                        self.json("info", pids[3])["queues"], "messages that wait")
        by_pid = [p["pid"] for p in self.json("ps", "--sort", "pid")["processes"]]
        self.assertEqual(by_pid[::-1], [p["pid"] for p in self.json("ps", "--sort", "pid", "--reverse")["processes"]])

    def test_tables_fit_the_terminal(self):
        self.up()
        long_name = "n" * 200
        pid = self.spawn("app:echo", long_name)
        for args, least in ((["ps"], 50), (["hosts"], 50), (["names"], 40), (["services"], 40), (["top", "-c", "1", "-i", "100ms"], 20)):
            for columns in (80, 120):
                text = self.on_terminal(columns, "xterm", *args)
                if args[0] == "top":
                    continue
                self.assertTrue(text.startswith("\x1b[1m"), repr(text))
                shown = re.sub(r"\x1b\[[0-9]*m", "", text).splitlines()
                width = max(len(line) for line in shown)
                self.assertLessEqual(width, columns, shown)
                self.assertGreaterEqual(width, least if args[0] != "names" else columns, shown)
        self.assertNotIn("\x1b", self.on_terminal(80, "dumb", "ps"))
        self.env["NO_COLOR"] = "1"
        self.assertNotIn("\x1b", self.on_terminal(80, "xterm", "ps"))
        del self.env["NO_COLOR"]
        out = self.troupe("names").out
        self.assertIn(long_name + "  " + pid, out)
        self.assertNotIn("\x1b", out)

    def on_terminal(self, columns, term, *args):
        """What it writes to a terminal of that width."""
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        program = self.start(TROUPE, *args, stdout=its, env={**self.env, "TERM": term})
        os.close(its)
        text = b""
        try:
            while True:
                data = os.read(ours, 1 << 16)
                if not data:
                    break
                text += data
        except OSError:  # the other side is closed
            pass
        os.close(ours)
        self.assertEqual(program.wait(), OK)
        return text.decode().replace("\r\n", "\n")

    def test_hostile_text_is_harmless(self):
        self.up()
        self.spawn("app:echo", "red\x1b[31m\x07 \u00e9\u2028x")
        out = self.troupe("names").out
        self.assertIn("red?[31m? \u00e9", out)
        self.assertNotIn("\x1b", out)
        self.assertIn("red\x1b[31m\x07 \u00e9\u2028x", self.json("names"))

    def test_info(self):
        self.up()
        pid = self.spawn("app:echo", "bob")
        self.troupe("call", "bob", "hello", "1")
        out = self.troupe("info", "bob").out
        for pattern in (r"^pid +" + re.escape(pid), r"^entry +app:echo", r"^host +app:processes", r"^state +waiting", r"^mailbox +0$",
                        r"^memory +[0-9.]+K \(\d+ bytes\)", r"^names +bob", r"^main +select: inbox, events", r"^received +hello",
                        r"^started +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \("):
            self.assertRegex(out, re.compile(pattern, re.M))
        info = self.json("info", pid)
        self.assertEqual((info["pid"], info["names"], info["received"], info["mailbox"]), (pid, ["bob"], ["hello"], 0))
        self.troupe("send", pid, "crash")
        self.await_true(lambda: "crash" in self.json("info", pid), "the crash report")
        out = self.troupe("info", pid).out
        for pattern in (r"^state +ended", r"^how +raised", r"^reason +.*as asked", r"^received +hello, crash", r"^  stack traceback:"):
            self.assertRegex(out, re.compile(pattern, re.M))
        self.complains(r"^troupe: bob: name not registered$", "info", "bob")
        self.complains(r"^troupe: \{app:processes\|0xfffff\}: process not found$", "info", "{app:processes|0xfffff}")

    def test_hosts(self):
        self.up()
        for _ in range(20):
            self.spawn("app:never")
        hosts = {h["host"]: h for h in self.json("hosts")["hosts"]}
        mine = hosts["app:processes"]
        self.assertEqual((mine["workers"], mine["processes"], mine["spawned"], mine["accepting"]), (2, 20, 20, True))
        memory = self.json("ps")["memory"]
        self.assertLessEqual(abs(mine["memory"] - memory), 20 * 4096)
        self.assertGreater(mine["memory"], 20 * 4096)
        self.assertEqual(mine["limits"]["mailbox_bytes"], 256 << 20)
        lines = self.troupe("hosts").out.splitlines()
        self.assertEqual(lines[0].split()[:4], ["HOST", "STATE", "WORKERS", "PROCESSES"])
        self.assertRegex(lines[1], r"^app:processes +open +2 +20 ")

    def test_timers_are_those_of_programs(self):
        """Not the one by which a process that waits with garbage is collected later, nor the supervisor's."""
        self.up(entry("tick", "return { main = function() local t, junk = time.ticker('1h'), {} for i = 1, 20000 do junk[i] = { i } end\n"
                      "junk = nil process.registry.register('ticks') process.events():receive() end }"))
        self.spawn("app:tick")
        self.await_true(lambda: "ticks" in self.json("names"), "that it waits")
        for _ in range(5):
            timers = {h["host"]: h["timers_waiting"] for h in self.json("hosts")["hosts"]}
            self.assertEqual((timers["app:processes"], timers["troupe:system"]), (1, 0))
            time.sleep(0.05)

    def test_services_and_names(self):
        self.up(service("s", "echo", more="input: [bob]") + service("t", "broken", "startup: optional, restart: {max_attempts: 1, initial_delay: 10ms}"))
        out = self.troupe("services").out
        self.assertRegex(out, re.compile(r"^app:s +running +\S+ +\{app:processes\|0x[0-9a-f]+\} +0 *$", re.M))
        self.await_true(lambda: "failed for good" in self.troupe("services").out, "that it is given up")
        self.assertRegex(self.troupe("services").out, re.compile(r"^app:t +failed for good .*cannot load", re.M))
        services = {s["id"]: s for s in self.json("services")["services"]}
        self.assertEqual((services["app:s"]["state"], services["app:t"]["state"], services["app:t"]["final"]), ("running", "failed", True))
        self.assertEqual(self.json("names"), {"bob": services["app:s"]["pid"]})
        self.assertRegex(self.troupe("names").out, r"^NAME +PROCESS\nbob +\{app:processes")

    def test_top_elsewhere_than_on_a_terminal(self):
        self.up()
        pid = self.spawn("app:echo", "spinner")
        self.spawn("app:never")
        self.troupe("send", pid, "spin")
        lines = self.troupe("top", "-i", "200ms", "--sort", "rate", "-n", "1").out.splitlines()
        self.assertRegex(lines[0], r"^troupe  \d\d:\d\d:\d\d  2 processes  .* in their states$")
        self.assertRegex(lines[1], r"^app:processes +2 processes +0 queued +[0-9.]+ of 2 workers busy$")
        titles = [line.split() for line in lines].index("PID ENTRY STATE MAILBOX MEMORY REDUCTIONS REDS/S MSGS/S AGE".split())
        self.assertEqual(len(lines), titles + 2)
        self.assertTrue(lines[-1].startswith(pid), lines)
        self.assertEqual(self.troupe("top", "-i", "100ms", "-c", "2").out.count("PID "), 2)


class Top(VerbCase):
    """The view on a terminal, seen through what it draws."""

    def test_keys(self):
        self.up()
        self.spawn("app:never")
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        program = programs.subprocess.Popen([TROUPE, "top", "-i", "100ms"], stdin=its, stdout=its,
                                            stderr=programs.subprocess.PIPE, env={**self.env, "TERM": "xterm"})
        os.close(its)
        self.addCleanup(lambda: program.poll() is None and program.kill())
        seen, changed = [b""], threading.Condition()

        def collect():
            try:
                while True:
                    data = os.read(ours, 1 << 16)
                    with changed:
                        seen[0] += data
                        changed.notify_all()
            except OSError:
                pass
        reader = threading.Thread(target=collect, daemon=True)
        reader.start()

        def await_screen(text):
            with changed:
                self.assertTrue(changed.wait_for(lambda: text in seen[0], PATIENCE), (text, seen[0]))
                seen[0] = b""
        await_screen(b"app:never")
        os.write(ours, b"?")
        await_screen(b"Sort by")
        os.write(ours, b"x")
        await_screen(b"app:never")
        os.write(ours, b"p")
        await_screen(b"PID")
        os.write(ours, b"q")
        self.assertEqual(program.wait(PATIENCE), OK)
        reader.join(PATIENCE)
        os.close(ours)
        self.assertIn(b"\x1b[?1049l", seen[0])  # the terminal is as it was
        self.assertEqual(program.stderr.read(), b"")
        program.stderr.close()

    def test_the_daemon_goes(self):
        daemon = self.up()
        ours, its = pty.openpty()
        program = programs.subprocess.Popen([TROUPE, "top", "-i", "100ms"], stdin=its, stdout=its,
                                            stderr=programs.subprocess.PIPE, env={**self.env, "TERM": "xterm"})
        os.close(its)
        self.assertTrue(os.read(ours, 1 << 16))
        self.assertEqual(daemon.stop(), 0)
        err = program.communicate(timeout=PATIENCE)[1]
        os.close(ours)
        self.assertEqual(program.returncode, NO_DAEMON)
        self.assertRegex(err, rb"^troupe: .*: no daemon answers: ")


class Act(VerbCase):
    def test_spawn(self):
        self.up()
        self.assertRegex(self.spawn("app:never"), r"^\{app:processes\|0x[0-9a-f]+\}$")
        self.assertEqual(json.loads(self.troupe("spawn", "app:sum", "--wait", "20s", "--values", "1.5", "2").out),
                         {"sum": 3.5, "text": "1.5"})
        self.assertEqual(self.troupe("spawn", "app:types", "-w", "20s", "1", "--", "-x", "--wait").out, "string string string\n")
        self.assertEqual(self.troupe("spawn", "app:types", "-w", "20s", "-v", "-1", "null", "[]", "{}", '"a"', "true").out,
                         "number nil table table string boolean\n")
        self.assertEqual(sorted(self.json("spawn", "app:sum", "-w", "20s", "-v", "1", "2")), ["pid", "value"])
        self.assertEqual(self.json("ps", "-e", "app:never")["matched"], 1)
        self.complains(r"^troupe: app:nope: entry not found$", "spawn", "app:nope")
        self.complains(r"^troupe: app:processes: is no program", "spawn", "app:processes")
        self.complains(r"^troupe: app:nope: host not found$", "spawn", "app:never", "--host", "app:nope")
        self.complains(r"^troupe: app:sum: is no host", "spawn", "app:never", "--host", "app:sum")
        self.complains(r"cannot load", "spawn", "app:broken")
        self.complains(r"arithmetic on", "spawn", "app:sum", "--wait", "20s")
        self.complains(r"not done in time", "spawn", "app:never", "--wait", "50ms")

    def test_send_and_call(self):
        self.up()
        pid = self.spawn("app:echo", "bob")
        for payload in ('{"a": [1, 2.5, null, "x"]}', "true", "-3", '"text"', "0.1", "1e+300"):
            answer = self.json("call", "bob", "t", payload)
            self.assertEqual((answer["from"], answer["topic"], answer["value"]), (pid, "answer", json.loads(payload)))
        self.assertEqual(self.troupe("call", pid, "t", '"two\\nlines"').out, "two?lines\n")
        self.assertEqual(self.troupe("call", pid, "t", "0.1").out, "0.1\n")
        self.assertEqual(self.troupe("call", pid, "t").out, "null\n")
        self.assertEqual(self.troupe("send", "bob", "t", "1").out, "")
        self.assertEqual(self.json("send", "bob", "t"), {"pid": pid})
        quiet = self.spawn("app:never")
        self.complains("no answer in time", "call", quiet, "t", "--wait", "50ms")
        self.complains("^troupe: nobody: name not registered$", "send", "nobody", "t")
        self.complains("^troupe: nobody: name not registered$", "call", "nobody", "t")
        self.complains("^troupe: topic: must not", "send", "bob", "@x")
        self.complains("^troupe: topic: must not", "call", "bob", "")
        self.complains("as asked", "call", "bob", "crash")
        self.complains("process not found", "call", pid, "t")

    def test_a_full_mailbox(self):
        self.up('  - {name: small, kind: process.host, host: {workers: 1, mailbox_messages: 3}, lifecycle: {auto_start: true}}\n' +
                entry("stuck", "return { main = function() while true do end end }"))
        pid = self.spawn("app:stuck", "--host", "app:small")
        self.assertRegex(pid, "^{app:small")
        for _ in range(3):
            self.troupe("send", pid, "t")
        self.complains("mailbox full", "send", pid, "t")
        self.troupe("kill", pid)  # has room nevertheless
        self.await_true(lambda: self.json("ps")["total"] == 0, "its end")

    def test_cancel_and_kill(self):
        self.up()
        waiter = self.start(TROUPE, "spawn", "app:echo", "bob", "--wait", "20s", env=self.env)
        self.await_true(lambda: "bob" in self.json("names"), "that it runs")
        self.troupe("cancel", "bob", "--reason", "go home")
        self.assertEqual(waiter.wait(), OK)
        self.assertRegex(waiter.out, r"(?i)^\S*cancel\S*: go home\n$")
        deaf, other = self.spawn("app:deaf"), self.spawn("app:never")
        self.troupe("cancel", deaf, other)
        self.assertEqual(self.json("ps", "-e", "app:deaf")["matched"], 1)
        # The others get theirs, too.
        self.complains("nobody: name not registered", "kill", "nobody", deaf, other)
        self.await_true(lambda: self.json("ps")["total"] == 0, "the end of both")
        self.complains("process not found", "kill", deaf)
        self.complains("process not found", "cancel", deaf)


class Watch(VerbCase):
    def test_trace(self):
        self.up()
        pid = self.spawn("app:echo", "bob")
        trace = self.start(TROUPE, "trace", "app:echo", "--for", "20s", "--max", "4", env=self.env)

        def poke():
            self.troupe("call", "bob", "hi", "1")
            return trace.process.poll() is not None
        self.await_true(poke, "the end of the trace")
        self.assertEqual(trace.wait(), OK)
        lines = trace.out.splitlines()
        self.assertEqual(len(lines), 4)
        self.assertRegex(trace.out, re.compile(r"^\d\d:\d\d:\d\d\.\d{6} send +\{.* -> %s app:echo topic hi, \d+ bytes$" % re.escape(pid), re.M))
        self.assertRegex(trace.out, re.compile(r"^\S+ send +%s app:echo -> .*topic answer" % re.escape(pid), re.M))
        started = time.monotonic()
        self.assertEqual(self.troupe("trace", "bob", "--for", "200ms").out, "")
        self.assertLess(time.monotonic() - started, PATIENCE)
        trace = self.start(TROUPE, "trace", "--json", "--for", "20s", "--max", "3", env=self.env)
        self.await_true(lambda: (self.spawn("app:sum", "-w", "20s", "-v", "1", "2"), trace.process.poll() is not None)[1], "its end")
        events = [json.loads(line) for line in trace.out.splitlines()]
        self.assertEqual(len(events), 3)
        self.assertTrue(all(e["event"] in ("spawn", "exit", "send") for e in events), events)
        self.assertEqual(self.troupe("trace", "--max", "0").out, "")
        self.complains("nobody: no such process, entry or name", "trace", "nobody")
        self.complains("trace for 2h0m0s: too long, at most 1h0m0s", "trace", "--for", "2h")
        self.complains("no such process", "trace", "{app:processes|0xfffff}")

    def test_stack(self):
        self.up()
        bob = self.spawn("app:echo", "bob")
        out = self.troupe("stack", "bob").out
        self.assertRegex(out, r"^%s app:echo\nmain, select: inbox, events\n" % re.escape(bob))
        self.assertRegex(out, re.compile(r"^  \S+:\d+: function", re.M))
        self.troupe("send", "bob", "spin")
        # A loop that never waits is looked into all the same.
        self.await_true(lambda: "busy" in self.troupe("stack", "bob").out, "that it is seen at work")
        task = self.json("stack", "bob")["tasks"][0]
        self.assertTrue(task["main"])
        self.assertTrue(any(f["line"] > 0 for f in task["frames"]))
        self.complains("nobody: name not registered", "stack", "nobody")
        self.complains("process not found", "stack", "{app:processes|0xfffff}")

    def test_in_the_midst_of_a_search(self):
        """It is on no list of those that wait, and has left the Lua stack as a blocking call does."""
        self.up(entry("seeks", "return { main = function() while true do (('x'):rep(1e6)):gsub('x', 'yy') end end }"))
        pid = self.spawn("app:seeks")
        for _ in range(20):
            self.assertRegex(self.troupe("stack", pid).out, r"\nmain, (ready|running)\n")
            self.assertRegex(self.troupe("info", pid).out, r"(?m)^state +(ready|running)")

    def test_profile(self):
        self.up()
        bob = self.spawn("app:echo", "bob")
        self.spawn("app:echo", "idle")
        self.troupe("send", "bob", "spin")
        out = self.troupe("profile", "--for", "700ms", "--rate", "200", "--fold").out
        self.assertRegex(out, re.compile(r"^app:echo;.*busy.* \d+$", re.M))
        for line in out.splitlines():
            self.assertRegex(line, r"^[^;]+(;[^;]+)* [1-9]\d*$")
        table = self.troupe("profile", "bob", "--for", "500ms", "-r", "200").out.splitlines()
        self.assertEqual(table[0].split(), ["SELF", "TOTAL", "SAMPLES", "FUNCTION"])
        self.assertRegex(table[1], r"^ *\d+\.\d% +\d+\.\d% +\d+ +.*busy")
        result = self.json("profile", "app:echo", "--for", "500ms", "-r", "200")
        self.assertEqual(sum(result["stacks"].values()), result["samples"])
        self.assertGreater(result["samples"], 0)
        self.assertEqual(self.troupe("profile", "idle", "--for", "200ms", "--fold").out, "")
        self.complains("no such process", "profile", "nobody")
        self.complains("profile for 1h0m0s: too long, at most 10m0s", "profile", "--for", "1h")
        self.complains("profile: 5000 samples a second: too many, at most 1000", "profile", "-r", "5000")
        long = self.start(TROUPE, "profile", "--for", "20s", env=self.env)

        def taken():  # asking is taking one for a moment, in which `long` itself may be the one that is refused
            nonlocal long
            if long.process.poll() is not None:
                long = self.start(TROUPE, "profile", "--for", "20s", env=self.env)
            return "somebody else takes a profile" in self.run_to_end(TROUPE, "profile", "--for", "1ms", env=self.env).err

        self.await_true(taken, "that one is being taken")
        long.process.kill()  # who goes makes room, at once
        gone = time.monotonic()
        self.await_true(lambda: self.run_to_end(TROUPE, "profile", "--for", "1ms", env=self.env).status == OK, "room for the next one")
        self.assertLess(time.monotonic() - gone, 10)
        self.assertEqual(self.json("info", bob)["state"], "running")

    def test_the_watched_does_not_notice(self):
        self.up(entry("count", "return { main = function() local n, ask = 0, process.listen('ask', { message = true })\n"
                      "while true do for _ = 1, 1000 do n = n + 1 end\n"
                      "local r = channel.select { ask:case_receive(), default = true }\n"
                      "if r.channel == ask then process.send(r.value:from(), 'n', n) end end end }"))
        pid = self.spawn("app:count")
        last = 0
        for _ in range(10):
            for args in (["stack", pid], ["info", pid], ["trace", pid, "--for", "20ms"], ["profile", pid, "--for", "20ms", "-r", "1000"]):
                self.troupe(*args)
            now = self.json("call", pid, "ask")["value"]
            self.assertGreater(now, last)
            last = now


class Manage(VerbCase):
    def state(self, name):
        return {s["id"]: s for s in self.json("services")["services"]}[name]

    def test_services(self):
        self.up(service("base", "echo", more="input: [base]") + service("top", "echo", "requires: [base]", more="input: [top]"))
        first = self.state("app:top")["pid"]
        self.troupe("restart", "app:top")
        self.assertNotEqual(self.state("app:top")["pid"], first)
        self.troupe("stop", "app:base")
        self.assertEqual((self.state("app:base")["state"], self.state("app:top")["state"]), ("stopped", "stopped"))
        self.assertEqual(self.json("names"), {})
        self.troupe("start", "app:top")
        self.assertEqual((self.state("app:base")["state"], self.state("app:top")["state"]), ("running", "running"))
        self.troupe("start", "app:top", "app:base")  # nothing to do
        for verb in ("start", "stop", "restart"):
            self.complains("app:nope: service not found", verb, "app:nope", "app:base")

    def test_hosts_of_services_start_with_them(self):
        off = "  - {name: %s, kind: process.host, host: {workers: 1}}\n"
        on = "  - {name: %s, kind: process.service, process: echo, host: %s, input: [%s]%s}\n"
        self.up(off % "h1" + off % "h2" + off % "h3" + on % ("low", "h1", "low", "") +
                on % ("high", "h2", "high", ", lifecycle: {requires: [low]}") + on % ("alone", "h3", "alone", ""))
        self.troupe("start", "app:high")
        self.assertEqual((self.state("app:low")["state"], self.state("app:high")["state"]), ("running", "running"))
        self.troupe("restart", "app:alone")
        self.assertEqual(self.state("app:alone")["state"], "running")

    def test_services_that_cannot(self):
        self.up(entry("late", "return { main = function() process.registry.register('late') process.events():receive() time.sleep('3s') end }") +
                "  - {name: s, kind: process.service, process: broken, host: processes, lifecycle: {restart: {initial_delay: 1h}}}\n" +
                "  - {name: slow, kind: process.service, process: late, host: processes}\n")
        self.complains(r"^troupe: service app:s: failed: .*cannot load", "start", "app:s")
        self.troupe("start", "app:slow")
        self.await_true(lambda: "late" in self.json("names"), "that it runs")
        self.complains(r"^troupe: service app:slow: still stopping after 50ms; the order stands", "stop", "app:slow", "--wait", "50ms")
        self.troupe("stop", "app:slow", "--wait", "0s")
        self.await_true(lambda: self.state("app:slow")["state"] in ("stopped", "exited"), "that it stops")

    def test_reload(self):
        daemon = self.up(service("s", "echo", more="input: [bob]"))
        self.assertEqual(self.troupe("reload").out, "nothing has changed\n")
        self.assertEqual(self.json("reload"), {"changes": [], "services": []})
        text = head(self.socket) + ENTRIES + service("s", "echo", more="input: [eve]")
        self.put("troupe.yaml", text.replace("workers: 2", "workers: 3"))
        lines = self.troupe("reload").out.splitlines()
        self.assertEqual(lines[0].split(), ["NAME", "CHANGE", "FIELDS", "TAKES", "EFFECT"])
        self.assertRegex("\n".join(lines), re.compile(r"^app:processes +changed +host\.workers +\S", re.M))
        self.assertRegex("\n".join(lines), re.compile(r"^app:s +changed +input +\S", re.M))
        self.put("troupe.yaml", "log: {level: warn}\nshutdown: {timeout: 20s}\n" + text.replace("workers: 2", "workers: 3").replace(
            "control: {", "control: {mode: \"0600\", "))
        self.assertEqual([(c["name"], c["fields"], c["effect"]) for c in self.json("reload")["changes"]], [
            ("settings", "log.level, shutdown.timeout", "at once"), ("settings", "control.mode", "when the daemon is restarted")])
        self.assertEqual(self.state("app:s")["state"], "running")
        self.await_true(lambda: list(self.json("names")) == ["eve"], "the new input")
        self.put("troupe.yaml", text.replace("workers: 2", "workers: many"))
        self.complains(r"troupe\.yaml:\d+:\d+: .*workers.*many", "reload")
        self.assertEqual([h["workers"] for h in self.json("hosts")["hosts"] if h["host"] == "app:processes"], [3])
        self.assertEqual(daemon.stop(), 0)

    def test_log_level(self):
        daemon = self.up(entry("talk", "return { main = function() require('logger'):debug('so be it') end }"))
        self.spawn("app:talk", "-w", "20s")
        self.troupe("log-level", "debug")
        self.spawn("app:talk", "-w", "20s")
        daemon.await_text("level=debug .*so be it")
        self.assertEqual(daemon.err.count("so be it"), 1)
        self.troupe("log-level", "error")

    def test_ping(self):
        daemon = self.up()
        self.assertRegex(self.troupe("ping").out, r"^running, version \d+\.\d+\.\d+, pid %d, up \S+, 0 processes\n$" % daemon.process.pid)
        answer = self.json("ping")
        self.assertEqual((answer["state"], answer["pid"]), ("running", daemon.process.pid))

    def test_shutdown(self):
        daemon = self.up(service("s", "echo"))
        self.troupe("shutdown", "--wait")
        self.assertFalse(os.path.exists(self.socket))
        self.assertEqual(daemon.wait(), 0)
        self.complains("no daemon answers", "ping", status=NO_DAEMON)

    def test_while_it_stops(self):
        daemon = self.up(service("s", "deaf", "stop_timeout: 4s"))
        pid = self.spawn("app:never")
        self.troupe("shutdown")
        self.assertIn("stopping", self.troupe("ping").out)
        self.complains("the daemon is stopping", "start", "app:s")
        self.complains("the daemon is stopping", "reload")
        self.assertEqual(self.state("app:s")["state"], "stopping")
        for args in (["ps"], ["hosts"], ["names"], ["top", "-i", "100ms"], ["info", pid], ["stack", pid], ["send", pid, "t"],
                     ["call", pid, "t", "--wait", "10ms"], ["trace", "--for", "10ms"], ["profile", "--for", "10ms"],
                     ["spawn", "app:sum", "--wait", "5s"], ["log-level", "warn"], ["shutdown"], ["cancel", pid], ["kill", pid]):
            program = self.run_to_end(TROUPE, *args, env=self.env)
            self.assertIn(program.status, (OK, FAILED, NO_DAEMON), (args, program.err))
        self.assertEqual(daemon.wait(), 0)

    def test_waiting_when_it_ends(self):
        daemon = self.up()
        pid = self.spawn("app:never")
        waiting = [self.start(TROUPE, *args, env=self.env) for args in (
            ["call", pid, "t", "--wait", "1m"], ["trace", "--for", "1m"], ["profile", "--for", "1m"], ["spawn", "app:never", "-w", "1m"],
            ["top", "-i", "1h"])]
        self.await_true(lambda: self.json("ps")["total"] == 2, "that they are all under way")
        self.assertEqual(daemon.stop(), 0)
        for program in waiting[:4]:
            self.assertIn(program.wait(), (FAILED, NO_DAEMON), program.err)
            self.assertRegex(program.err, r"^troupe: ")
        waiting[4].process.kill()


class Clients(VerbCase):
    def test_many_at_once(self):
        self.up()
        for _ in range(50):
            self.spawn("app:never")
        failures = []

        def work(number):
            try:
                for _ in range(10):
                    talk = Talk(self.socket)
                    for op in ("ping", "ps", "hosts", "names", "services"):
                        answer = talk.ask(op)
                        if not answer["ok"]:
                            failures.append((number, op, answer))
                    talk.close()
            except (OSError, ValueError) as error:
                failures.append((number, error))
        threads = [threading.Thread(target=work, args=(i,)) for i in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_silent_clients_make_room(self):
        self.up()
        silent = [self.talk() for _ in range(200)]
        self.assertEqual(self.json("ping")["state"], "running")
        self.assertIsNone(silent[0].read())  # who was idle longest
        self.assertTrue(silent[-1].ask("ping")["ok"])

    def test_many_requests_of_one(self):
        self.up()
        talk = self.talk()
        asked = 2000
        sender = threading.Thread(target=lambda: [talk.send(b'{"id":%d,"op":"ping"}\n' % i) for i in range(asked)])
        sender.start()
        self.assertEqual([talk.read()["id"] for _ in range(asked)], list(range(asked)))
        sender.join()

    def test_byte_by_byte(self):
        self.up()
        talk = self.talk()
        talk.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        for byte in b'\r\n{"id":"slow","op":"ping"}\n':
            talk.send(bytes([byte]))
        self.assertEqual(talk.read()["id"], "slow")
        talk.send(b'{"id":"cut","op":"pi')
        talk.socket.shutdown(socket.SHUT_WR)
        self.assertIsNone(talk.read())

    def test_nonsense(self):
        self.up()
        talk = self.talk()
        for line, pattern in ((b"GET / HTTP/1.1", "no JSON"), (b"[]", "must be an object"), (b'{"op":"ps","args":{"x":1}}', "x: unknown"),
                              (b'{"op":"ps","v":9}', "version 1"), (b"\xff\xfe", "no JSON"), (b'{"op":"ps"' + b"[" * 5000, "no JSON")):
            talk.send(line + b"\n")
            answer = talk.read()
            self.assertFalse(answer["ok"])
            self.assertRegex(answer["error"]["message"], pattern)
        self.assertTrue(talk.ask("ping")["ok"])

    def memory_of(self, daemon):
        with open("/proc/%d/statm" % daemon.process.pid, encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def test_an_endless_request(self):
        daemon = self.up()
        before = self.memory_of(daemon)
        talk = self.talk()
        try:
            for _ in range(64):
                talk.send(b"x" * (1 << 20))
        except (BrokenPipeError, ConnectionResetError):
            pass
        else:
            self.fail("64 MiB were taken")
        self.assertLess(self.memory_of(daemon) - before, 16 << 20)
        self.assertEqual(self.json("ping")["state"], "running")
        fits = self.talk()
        fits.send(b'{"op":"ping","id":1' + b" " * ((1 << 20) - 30) + b"}\n")
        self.assertTrue(fits.read()["ok"])
        too_long = self.talk()
        too_long.send(b" " * (1 << 20))
        self.assertRegex(too_long.read()["error"]["message"], "request: longer than 1048576 bytes")
        self.assertIsNone(too_long.read())

    def test_who_does_not_read(self):
        daemon = self.up(entry("many", "return { main = function() for i = 1, 3000 do process.spawn('app:never', 'app:processes') end end }"))
        self.spawn("app:many", "-w", "20s")
        self.await_true(lambda: all(p["reductions"] for p in self.json("ps")["processes"]), "that all have begun")
        before = self.memory_of(daemon)
        deaf = [self.talk() for _ in range(5)]
        for talk in deaf:
            talk.socket.setblocking(False)
            try:
                for i in range(5000):
                    talk.send(b'{"id":%d,"op":"ps"}\n' % i)
            except BlockingIOError:
                pass  # no more requests are taken from who does not take answers
        self.assertEqual(self.json("ps")["total"], 3000)
        self.assertLess(self.memory_of(daemon) - before, 64 << 20)
        for _ in range(20):
            self.troupe("ping")


class Permission(VerbCase):
    def mode(self):
        found = os.stat(self.socket)
        self.assertTrue(stat.S_ISSOCK(found.st_mode))
        return stat.S_IMODE(found.st_mode), found.st_gid

    def test_mode_and_group(self):
        group = grp.getgrgid(os.getgid()).gr_name
        daemon = self.up(control=', mode: "0640", group: "%s"' % group)
        self.assertEqual(self.mode(), (0o640, os.getgid()))
        self.assertEqual(daemon.stop(), 0)
        self.up(control=', mode: "0600"')
        self.assertEqual(self.mode()[0], 0o600)

    def test_unknown_group(self):
        daemon = self.up(control=', group: "no-such-group"', ready=False)
        self.assertNotEqual(daemon.wait(), 0)
        self.assertRegex(daemon.err, "control.group no-such-group: there is no such group")

    def test_two_daemons(self):
        self.up()
        second = self.start(TROUPED, "--config", "troupe.yaml", cwd=self.folder.name)
        self.assertNotEqual(second.wait(), 0)
        self.assertRegex(second.err, "control.socket .*: another daemon listens there")
        self.assertEqual(self.json("ping")["state"], "running")

    def test_what_a_killed_daemon_left(self):
        self.up().stop(programs.signal.SIGKILL)
        self.complains("no daemon answers: Connection refused", "ping", status=NO_DAEMON)
        self.up()
        self.assertEqual(self.json("ping")["state"], "running")

    def test_a_file_in_the_way(self):
        self.put("s", "precious")
        self.assertNotEqual(self.up(ready=False).wait(), 0)
        with open(self.socket, encoding="ascii") as file:
            self.assertEqual(file.read(), "precious")

    @unittest.skipIf(os.getuid() != 0, "only root can be somebody else")
    def test_strangers(self):
        os.chmod(self.folder.name, 0o755)
        stranger, group = 65534, 54321

        def ping(*groups):
            def become():
                os.setgroups(list(groups))
                os.setgid(stranger)
                os.setuid(stranger)
            return self.run_to_end(TROUPE, "ping", env=self.env, preexec_fn=become)
        daemon = self.up(control=', mode: "0666"')
        program = ping()
        self.assertEqual(program.status, FAILED)
        self.assertRegex(program.err, r"^troupe: control socket: you are neither root, nor the daemon's user, nor of its group$")
        os.chown(self.socket, -1, group)  # whose the file is does not count, but what the configuration says
        self.assertEqual(ping(group).status, FAILED)
        self.assertEqual(ping(os.getgid()).status, OK)
        self.assertEqual(daemon.stop(), 0)
        self.up(control=', mode: "0600"')
        program = ping()
        self.assertEqual(program.status, NO_DAEMON)
        self.assertRegex(program.err, "Permission denied")


class Scale(VerbCase):
    MANY = 100000

    def test_a_hundred_thousand(self):
        patience = programs.PATIENCE
        programs.PATIENCE = 240
        self.addCleanup(setattr, programs, "PATIENCE", patience)
        self.up(entry("many", "return { main = function(n) local first for i = 1, n do\n"
                      "first = assert(process.spawn('app:echo', 'app:processes', i == 1 and 'first' or nil)) end return first end }"))
        self.troupe("spawn", "app:many", "--wait", "4m", "--values", str(self.MANY))
        whole = self.json("ps")
        self.assertEqual((whole["total"], len(whole["processes"])), (self.MANY, self.MANY))
        spans = {}
        for name, args in (("ps", ["ps"]), ("ps sorted", ["ps", "-s", "memory", "-n", "50"]), ("names", ["names"]), ("hosts", ["hosts"]),
                           ("info", ["info", "first"]), ("stack", ["stack", "first"]), ("call", ["call", "first", "t", "1"])):
            best = 1e9
            for _ in range(5):
                started = time.monotonic()
                self.troupe(*args, stdout=programs.subprocess.DEVNULL)
                best = min(best, time.monotonic() - started)
            spans[name] = best
        talk = self.talk()
        best = 1e9
        for _ in range(6):  # what one refresh of top asks for
            started = time.monotonic()
            answers = talk.ask("ps", sort="memory", limit=20, rates=True), talk.ask("hosts")
            best = min(best, time.monotonic() - started)
            self.assertTrue(all(a["ok"] for a in answers))
        spans["top"] = best
        print("".join("%s %.0f ms, " % (name, 1000 * span) for name, span in spans.items()))
        for name, span in spans.items():
            self.assertLess(span, 5, name)
        self.assertEqual(self.troupe("call", "first", "t", "1").out, "1\n")
        self.troupe("shutdown", "--wait")


if __name__ == "__main__":
    unittest.main()
