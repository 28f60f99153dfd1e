#!/usr/bin/env python3
"""The log as those who read it see it: the same events in each format, the journal's fields as its socket gets them, what is
dropped when nobody reads, what is held back when it repeats, the level at run time."""
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
import unittest

from programs import HEAD, PATIENCE, TROUPE, TROUPED, Case, entry, main, service

WAIT = "process.events():receive()"
# Stands in for journald: a socket where libsystemd looks for it, in a /run that only this program and its child see. Writes
# every event's fields as a line of JSON, until the child has ended.
JOURNAL = r"""
import array, json, os, socket, struct, subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
os.makedirs("/run/systemd/journal")
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("/run/systemd/journal/socket")
child = subprocess.Popen(sys.argv[1:])
s.settimeout(0.05)

def fields(data):
    found = {}
    while data:
        line, _, rest = data.partition(b"\n")
        if b"=" in line:
            key, _, value = line.partition(b"=")
            data = rest
        else:
            size = struct.unpack("<Q", rest[:8])[0]
            key, value, data = line, rest[8:8 + size], rest[8 + size + 1:]
        found.setdefault(key.decode(), value.decode("utf-8", "replace"))
    return found

while True:
    ended = child.poll() is not None
    try:
        data, ancillary, _, _ = s.recvmsg(1 << 24, socket.CMSG_SPACE(4))
    except TimeoutError:
        if ended:
            break
        continue
    for level, kind, content in ancillary:  # too long for a datagram: in a file
        descriptor = array.array("i", content)[0]
        data = os.pread(descriptor, 1 << 24, 0)
        os.close(descriptor)
    print("JOURNAL", json.dumps(fields(data)), flush=True)
sys.exit(child.returncode)
"""


def own_run():
    """How to start a program with a /run of its own; None if there is no way here."""
    for unshare in (["unshare", "-m"], ["unshare", "-rm"]):
        if subprocess.run([*unshare, "mount", "-t", "tmpfs", "tmpfs", "/run"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0:
            return unshare
    return None


class Formats(Case):
    PROGRAM = entry("p", main("""local log = require("logger"):named("db"):with({ table = { 1, 2 } })
        log:warn("slow \\"query\\"", { ms = 12.5, ok = true, sql = "select 1\\nfrom x", name = "a b=c" }) """ + WAIT))

    def text(self, form):
        return "log: {format: %s, level: debug}\n" % form + HEAD + self.PROGRAM + service("s", "p")

    def logged(self, form):
        daemon = self.daemon(self.text(form), ready=False)
        daemon.await_text("slow .*query")
        daemon.await_text("ready")
        self.assertEqual(daemon.stop(), 0)
        return daemon.err.splitlines()

    def test_json(self):
        events = [json.loads(line) for line in self.logged("json")]
        for event in events:
            self.assertRegex(event["ts"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$")
            self.assertIn(event["level"], ("debug", "info", "warn", "error"))
        event, = [e for e in events if e["msg"] == 'slow "query"']
        self.assertRegex(event.pop("pid"), r"^\{app:processes\|0x[0-9a-f]+\}$")
        self.assertRegex(event.pop("src"), r"^app:p:\d+$")
        event.pop("ts")
        self.assertEqual(event, {"level": "warn", "msg": 'slow "query"', "entry": "app:p", "host": "app:processes", "logger": "db",
                                 "table": [1, 2], "ms": 12.5, "ok": True, "sql": "select 1\nfrom x", "name": "a b=c"})

    def test_fields_beyond_what_one_event_can_have(self):
        body = main("""local many = {}
            for i = 1, 49 do many["k" .. i] = i end
            require("logger"):with(many):info("failed", { user = "bob", k1 = "mine" }) """ + WAIT)
        daemon = self.daemon("log: {format: json}\n" + HEAD + entry("p", body) + service("s", "p"), ready=False)
        daemon.await_text('"failed"')
        daemon.stop()
        event, = [e for e in map(json.loads, daemon.err.splitlines()) if e["msg"] == "failed"]
        self.assertEqual((event["user"], event["k1"], event["fields_dropped"]), ("bob", "mine", 2))
        self.assertEqual(sum(k.startswith("k") for k in event), 47)

    def test_logfmt(self):
        lines = self.logged("logfmt")
        # Quoted values have the escapes of JSON.
        pair = re.compile(r'([A-Za-z_.]+)=("(?:[^"\\]|\\.)*"|[^ "]*)(?: |$)')
        for line in lines:
            self.assertEqual("".join(m.group(0) for m in pair.finditer(line)), line)
        line, = [x for x in lines if "slow" in x]
        event = {k: json.loads(v) if v.startswith('"') else v for k, v in pair.findall(line)}
        self.assertEqual((event["level"], event["msg"], event["entry"], event["host"], event["sql"], event["name"], event["ms"],
                          event["table"], event["logger"]),
                         ("warn", 'slow "query"', "app:p", "app:processes", "select 1\nfrom x", "a b=c", "12.5", "[1,2]", "db"))

    def test_text(self):
        line, = [x for x in self.logged("text") if "slow" in x]
        self.assertRegex(line, r'^[0-9-]+ [0-9:.]+ warn +slow "query" ')
        self.assertIn("app:p", line)
        self.assertIn("ms=12.5", line)

    def test_auto_is_text_on_a_terminal_and_logfmt_elsewhere(self):
        self.put("troupe.yaml", self.text("auto"))
        master, slave = pty.openpty()
        daemon = self.start(TROUPED, "--config", "troupe.yaml", stderr=slave)
        os.close(slave)
        seen = b""
        while b"ready" not in seen:
            seen += os.read(master, 65536)
        daemon.stop()
        os.close(master)
        self.assertNotIn(b"msg=", seen)
        daemon = self.daemon(self.text("auto"))
        daemon.await_text("^ts=.* level=info msg=ready$")
        self.assertEqual(daemon.stop(), 0)

    def journal(self, text, *daemon_args, until="ready"):
        """The events that the journal's socket got, until one has that message and the daemon was stopped."""
        unshare = own_run()
        if not unshare:
            self.skipTest("no right to mount here")
        self.put("troupe.yaml", text)
        # The stand-in is told by its child's number whom to stop.
        daemon = self.start(*unshare, sys.executable, "-c", JOURNAL, "sh", "-c", "echo $$ && exec " + shlex.join(
            [TROUPED, "--config", "troupe.yaml", *daemon_args]))
        number = int(daemon.await_text(r"^(\d+)$", "out").group(1))
        daemon.await_text(r'^JOURNAL .*"MESSAGE": "%s"' % until, "out")
        os.kill(number, signal.SIGTERM)
        self.assertEqual(daemon.wait(), 0, daemon.err)
        self.assertEqual(daemon.err, "", "all went to the journal")
        return [json.loads(line) for line in re.findall(r"^JOURNAL (.*)$", daemon.out, re.M)]

    def test_journal(self):
        events = self.journal(self.text("journal"), until='slow ..query..')
        for event in events:
            self.assertEqual(event["SYSLOG_IDENTIFIER"], "trouped")
            self.assertIn(event["PRIORITY"], "3467")
        messages = [event["MESSAGE"] for event in events]
        for message in ("starting", "service running", "stopping: asked to by a signal", "stopped"):
            self.assertIn(message, messages)
        event, = [e for e in events if e["MESSAGE"] == 'slow "query"']
        self.assertRegex(event.pop("TROUPE_PID"), r"^\{app:processes\|0x[0-9a-f]+\}$")
        self.assertRegex(event.pop("TROUPE_SRC"), r"^app:p:\d+$")
        for name in [name for name in event if name.startswith("CODE_")]:
            event.pop(name)
        self.assertEqual(event, {"MESSAGE": 'slow "query"', "PRIORITY": "4", "SYSLOG_IDENTIFIER": "trouped",
                                 "TROUPE_ENTRY": "app:p", "TROUPE_HOST": "app:processes", "TROUPE_LOGGER": "db",
                                 "TROUPE_TABLE": "[1,2]", "TROUPE_MS": "12.5", "TROUPE_OK": "true",
                                 "TROUPE_SQL": "select 1\nfrom x", "TROUPE_NAME": "a b=c"})

    def test_journal_that_is_not_there(self):
        if os.path.exists("/run/systemd/journal/socket"):
            self.skipTest("there is a journal")
        text = "log: {format: journal}\n" + HEAD.replace('socket: ""', "socket: nowhere/control.sock")
        daemon = self.daemon(text, ready=False)
        self.assertEqual(daemon.wait(), 74)
        self.assertRegex(daemon.err, '^ts=.* level=warn msg="the journal cannot be reached: events go to standard error" '
                         'socket=/run/systemd/journal/socket reason="No such file or directory"\n')
        self.assertRegex(daemon.err, "level=error msg=.*nowhere/control.sock")

    def test_journal_takes_what_is_long(self):
        text = entry("p", main("require('logger'):info('long', { text = ('x'):rep(600000) }) " + WAIT))
        events = self.journal("log: {format: journal}\n" + HEAD + text + service("s", "p"), until="long")
        event, = [e for e in events if e["MESSAGE"] == "long"]
        self.assertEqual(event["TROUPE_TEXT"], "x" * 600000)


class Drops(Case):
    def test_nobody_reads_the_log(self):
        """Workers go on; what found no room is counted, and the count told when there is room again."""
        events, mark = 60000, "x" * 100
        body = main("""local log = require("logger")
            for i = 1, %d do log:info("event", { i = i, text = "%s" }) end
            print("through") %s""" % (events, mark, WAIT))
        self.put("troupe.yaml", HEAD + entry("p", body) + service("s", "p"))
        reader, writer = os.pipe()
        daemon = self.start(TROUPED, "--config", "troupe.yaml", stderr=writer)
        os.close(writer)
        daemon.await_text("^through$", "out")  # though nobody has read a line
        chunks = []

        def read():
            while True:
                data = os.read(reader, 1 << 16)
                if not data:
                    return
                chunks.append(data)
        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        self.assertEqual(daemon.stop(), 0)
        thread.join(PATIENCE)
        os.close(reader)
        lines = b"".join(chunks).decode().splitlines()
        written = [int(m.group(1)) for m in (re.search(r" msg=event .* i=(\d+) ", line + " ") for line in lines) if m]
        lost = [int(m.group(1)) for m in (re.search(r'msg="lines were dropped: the log is slow" count=(\d+)$', line)
                                          for line in lines) if m]
        self.assertEqual(written, sorted(written), "in order")
        self.assertLess(len(written), events)
        self.assertGreater(sum(lost), 0)
        # Of the daemon's own few lines some may be among those dropped.
        self.assertTrue(0 <= len(written) + sum(lost) - events <= 5, (len(written), lost))

    def test_every_drop_is_told_though_there_are_many(self):
        """A reader that comes and goes: drops happen again and again, and are not held back as repeats."""
        rounds, each = 30, 20000
        body = main("""local log, go = require("logger"), process.listen("go")
            process.registry.register("p")
            print("registered")
            while true do
                local round = go:receive()
                for i = 1, %d do log:info("event", { i = i, text = ("x"):rep(200) }) end
                print("through", round)
            end""" % each)
        text = HEAD.replace('{socket: ""}', "{socket: control.sock}") + entry("p", body) + service("s", "p")
        self.put("troupe.yaml", text)
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        daemon = self.start(TROUPED, "--config", "troupe.yaml", stderr=writer)
        os.close(writer)
        got = bytearray()

        def read():
            before = len(got)
            try:
                while True:
                    data = os.read(reader, 1 << 20)
                    if not data:
                        return False
                    got.extend(data)
            except BlockingIOError:
                return len(got) > before
        end = time.monotonic() + PATIENCE
        while b"msg=ready" not in got and time.monotonic() < end:
            read()
        daemon.await_text("^registered$", "out")
        for i in range(rounds):
            sent = self.run_to_end(TROUPE, "--socket", "control.sock", "send", "p", "go", str(i))
            self.assertEqual(sent.status, 0, sent.err)
            daemon.await_text("^through\t%d$" % i, "out")
            quiet = 0
            while quiet < 3:  # what is queued has come when there is nothing for a while
                quiet = 0 if read() else quiet + 1
                time.sleep(0.005)
        daemon.send(signal.SIGTERM)
        end = time.monotonic() + PATIENCE
        while daemon.process.poll() is None and time.monotonic() < end:
            read()
            time.sleep(0.001)
        read()
        os.close(reader)
        self.assertEqual(daemon.wait(), 0)
        written = got.count(b" msg=event ")
        lost = [int(n) for n in re.findall(rb'msg="lines were dropped: the log is slow" count=(\d+)\n', bytes(got))]
        self.assertGreater(sum(lost), 0)
        self.assertTrue(0 <= written + sum(lost) - rounds * each <= 5, (written, lost, rounds * each))


class Repeats(Case):
    def test_one_warning_again_and_again(self):
        """Ten are written, the others counted; what is about something else, or no warning, is not the same."""
        body = main("""local log = require("logger")
            for i = 1, 500 do
                log:warn("disk is slow", { disk = i % 2 == 0 and "a" or "b" })
                log:info("fine", { i = i })
            end
            print("through") """ + WAIT)
        daemon = self.daemon(HEAD + entry("p", body) + service("s", "p"))
        daemon.await_text("^through$", "out")
        self.assertEqual(daemon.stop(), 0)
        written = len(re.findall(r'level=warn msg="disk is slow".* disk=', daemon.err))
        held = [int(n) for n in re.findall(r'level=warn msg="disk is slow" entry=app:p repeated=(\d+)', daemon.err)]
        self.assertEqual(written + sum(held), 500, daemon.err[-2000:])
        self.assertLessEqual(written, 40)
        self.assertEqual(daemon.err.count("msg=fine"), 500)

    def test_news_of_a_service_again_and_again(self):
        body = entry("p", main("print('begun') time.sleep('1ms') error('as always')"))
        daemon = self.daemon(HEAD + body + service("s", "p", "restart: {initial_delay: 0s}"))
        daemon.await_text("^begun$", "out", times=300)
        self.assertEqual(daemon.stop(), 0)
        told = daemon.err.count('level=info msg="service running" service=app:s')
        held = [int(n) for n in re.findall(r'level=info msg="service running" repeated=(\d+)', daemon.err)]
        self.assertLessEqual(told, 100)
        self.assertGreaterEqual(told + sum(held), 300, daemon.err[-2000:])


class Level(Case):
    def test_at_run_time(self):
        body = main("""local log, events = require("logger"), process.events()
            repeat
                for _, level in ipairs { "debug", "info", "warn", "error" } do log[level](log, "say " .. level, { n = tostring(events) }) end
            until channel.select { events:case_receive(), time.after("5ms"):case_receive() }.channel == events""")
        text = HEAD.replace('{socket: ""}', "{socket: control.sock}") + entry("p", body) + service("s", "p")
        daemon = self.daemon(text)
        daemon.await_text('msg="say info"', times=3)
        self.assertNotIn("say debug", daemon.err)
        self.level("debug")
        daemon.await_text('level=debug msg="say debug"', times=3)
        self.level("error")
        self.quiet(daemon, "say (debug|info)")
        self.put("troupe.yaml", text)  # a reload sets what the configuration says
        daemon.send(signal.SIGHUP)
        before = daemon.err.count("say info")
        daemon.await_text('msg="say info"', times=before + 3)
        self.assertEqual(daemon.stop(), 0)

    def level(self, level):
        program = self.run_to_end(TROUPE, "--socket", "control.sock", "log-level", level)
        self.assertEqual(program.status, 0, program.err)

    def quiet(self, daemon, pattern):
        """None of these comes any more: at most what was under way when the level changed."""
        end, before = time.monotonic() + PATIENCE, -1
        while time.monotonic() < end:
            now = len(re.findall(pattern, daemon.err))
            if now == before:
                return
            before = now
            time.sleep(0.2)
        self.fail("still logged: " + daemon.err[-1000:])


if __name__ == "__main__":
    unittest.main()
