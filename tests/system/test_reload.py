#!/usr/bin/env python3
"""Reloading the configuration: at every stage of the daemon's life, by many at once, with and without mistakes, and so often
that whatever it leaves behind would show."""
# timeout: 600
import concurrent.futures
import json
import os
import re
import signal
import socket
import time
import unittest

from programs import FREE_AT_ONCE, HEAD, PATIENCE, TROUPE, Case, entry, main, service

HEAD = HEAD.replace('{socket: ""}', "{socket: control.sock}")
WAIT = "process.events():receive()"


def said(word):
    return entry("p", main("print('%s', ...) %s" % (word, WAIT)))


class Control:
    """A client of the control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.hello = json.loads(self.lines.readline())

    def ask(self, op, **args):
        self.socket.sendall((json.dumps({"v": 1, "id": 1, "op": op, "args": args}) + "\n").encode())
        data = []
        while True:
            answer = json.loads(self.lines.readline())
            if "data" not in answer:
                return {**answer, "data": data} if data else answer
            data.append(answer["data"])

    def reload(self):
        return self.ask("reload")

    def close(self):
        self.lines.close()
        self.socket.close()


class Reload(Case):
    def control(self):
        control = Control(self.path("control.sock"))
        self.addCleanup(control.close)
        return control

    def hangup(self, daemon, text, pattern="msg=reloaded", times=1):
        self.put("troupe.yaml", text)
        daemon.send(signal.SIGHUP)
        return daemon.await_text(pattern, times=times)


class WhileStarting(Reload):
    # It starts for as long as nobody is called "go".
    SLOW = entry("slow", "print('slow loads') repeat time.sleep('1ms') until process.registry.lookup('go')\n" +
                 main("print('slow up') " + WAIT))

    def boot(self, more=""):
        text = HEAD + self.SLOW + said("p up") + service("s", "slow", "start_timeout: 1h, stop_timeout: 100ms")
        daemon = self.daemon(text + more, ready=False)
        daemon.await_text("^slow loads$", "out")
        return text, daemon

    def test_what_holds_it_up_is_removed(self):
        _, daemon = self.boot()
        self.hangup(daemon, HEAD + said("p up") + service("t", "p"))
        daemon.await_text("msg=ready")
        daemon.await_text("^p up$", "out")
        self.assertNotIn("slow up", daemon.out)
        self.assertEqual(daemon.stop(), 0)

    def test_what_is_added_starts_too(self):
        text, daemon = self.boot()
        opener = entry("opener", "process.registry.register('go')\n" + main(WAIT))
        self.hangup(daemon, text + opener + service("t", "opener") + service("u", "p", "requires: [s]"))
        daemon.await_text("msg=ready")
        daemon.await_text("^slow up$", "out")
        daemon.await_text("^p up$", "out")
        self.assertEqual(daemon.stop(), 0)

    def test_mistakes_do_not_stop_the_boot(self):
        text, daemon = self.boot()
        self.hangup(daemon, text + "  - {name: x, kind: process.lua}\n", "reload failed: everything stays as it was")
        opener = entry("opener", "process.registry.register('go')\n" + main(WAIT))
        self.hangup(daemon, text + opener + service("t", "opener"))
        daemon.await_text("msg=ready")
        self.assertEqual(daemon.stop(), 0)


class Waiting(Reload):
    """The answer comes when what the reload began has come to an end."""

    def text(self, input_, starts="true"):
        stubborn = entry("stubborn", main("process.events():receive() print('asked', ...) process.listen('leave'):receive()"))
        other = entry("other", "assert(%s, 'no luck')\n%s" % (starts, main(WAIT)))
        return (HEAD + stubborn + other + service("s", "stubborn", "stop_timeout: 1m", more="input: [%s]" % input_) +
                service("t", "other", "restart: {initial_delay: 1h}", more="input: ['%s']" % starts))

    def states(self, answer):
        return [(s["service"], s["state"], s["settled"]) for s in answer["result"]["services"]]

    def test_for_services(self):
        daemon = self.daemon(self.text(1))
        control, other = self.control(), self.control()
        pid = {s["id"]: s["pid"] for s in control.ask("services")["result"]["services"]}["app:s"]
        self.put("troupe.yaml", self.text(2))
        answer = control.ask("reload", wait="50ms")
        self.assertEqual([c["name"] for c in answer["result"]["changes"]], ["app:s"])
        self.assertEqual(self.states(answer), [("app:s", "stopping", False)])
        self.put("troupe.yaml", self.text(3))
        self.assertEqual(control.ask("reload", wait="0s")["result"]["services"], [])
        self.put("troupe.yaml", self.text(4))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waits = pool.submit(control.reload)
            daemon.await_text("msg=reloaded", times=3)
            self.assertEqual(other.ask("services")["result"]["services"][0]["state"], "stopping")
            self.assertFalse(waits.done())
            self.assertTrue(other.ask("send", pid=pid, topic="leave")["ok"])
            self.assertEqual(self.states(waits.result(PATIENCE)), [("app:s", "running", True)])

    def test_a_failed_start_is_told(self):
        self.daemon(self.text(1))
        self.put("troupe.yaml", self.text(1, "false"))
        program = self.run_to_end(TROUPE, "--socket", "control.sock", "reload")
        self.assertEqual(program.status, 1)
        self.assertRegex(program.out, r"(?m)^app:other +changed ")
        self.assertRegex(program.err, r"^troupe: service app:t: failed: .*no luck\n$")
        service_ = self.control().ask("services")["result"]["services"][1]
        self.assertEqual((service_["id"], service_["state"]), ("app:t", "failed"))

    def test_until_a_removed_one_is_gone(self):
        daemon = self.daemon(self.text(1))
        self.put("troupe.yaml", HEAD)
        control, other = self.control(), self.control()
        answer = control.ask("reload", wait="50ms")
        self.assertEqual(self.states(answer), [("app:s", "stopping", False)])
        pid = other.ask("services")["result"]["services"][0]["pid"]
        # Nothing has changed since: nothing to wait for.
        self.assertEqual(control.reload()["result"], {"changes": [], "services": []})
        self.assertTrue(other.ask("send", pid=pid, topic="leave")["ok"])
        daemon.await_text('msg="service stopped" service=app:s')
        self.assertEqual(daemon.stop(), 0)


class WhileStopping(Reload):
    def test_is_refused(self):
        deaf = entry("deaf", main("print('deaf up') while true do end"))
        text = HEAD + deaf + service("s", "deaf", "stop_timeout: 2s")
        daemon = self.daemon(text)
        daemon.await_text("^deaf up$", "out")
        control = self.control()
        self.put("troupe.yaml", HEAD + said("p up") + service("t", "p"))
        daemon.send(signal.SIGTERM)
        daemon.await_text("stopping: asked to by a signal")
        daemon.send(signal.SIGHUP)
        answer = control.reload()
        self.assertEqual((answer["ok"], answer["error"]["kind"]), (False, "Unavailable"))
        self.assertIn("the daemon is stopping", answer["error"]["message"])
        self.assertEqual(daemon.wait(), 0)
        self.assertNotIn("reloaded", daemon.err)
        self.assertEqual(daemon.out, "deaf up\n")


class Hosts(Reload):
    EXTRA = "  - {name: extra, kind: process.host, host: {workers: %d}, lifecycle: {auto_start: true}}\n"
    # Counts what it is told; tells the sum; tries to start another one where it runs itself.
    COUNTER = entry("counter", main("""process.registry.register("counter")
        local inbox, sum = process.inbox(), 0
        while true do
            local msg = inbox:receive()
            if msg:topic() == "add" then
                sum = sum + msg:payload()
            elseif msg:topic() == "spawn" then
                local pid, err = process.spawn("app:nothing", "app:extra")
                print("spawn", pid and "runs" or err:kind())
            else
                print("sum", sum, process.pid())
            end
        end""")) + entry("nothing", main(""))
    STARTER = entry("starter", main("process.spawn('app:counter', 'app:extra') " + WAIT)) + service("s", "starter")

    def send(self, topic, *payload):
        program = self.run_to_end(TROUPE, "--socket", "control.sock", "send", "counter", topic, *payload)
        self.assertEqual(program.status, 0, program.err)

    def test_removed_with_processes_on_it(self):
        text = HEAD + self.COUNTER + self.STARTER
        daemon = self.daemon(text + self.EXTRA % 2)
        control = self.control()
        end = time.monotonic() + PATIENCE
        while control.ask("names")["result"]["names"] == 0 and time.monotonic() < end:
            time.sleep(0.01)
        self.send("add", "1")
        self.put("troupe.yaml", text)
        changes = control.reload()["result"]["changes"]
        self.assertEqual([(c["name"], c["change"]) for c in changes], [("app:extra", "removed")])
        self.send("add", "2")  # what ran there goes on, with all it has
        self.send("spawn")
        self.send("sum")
        pid = daemon.await_text(r"^sum\t3\t(\{app:extra\|.*\})$", "out").group(1)
        daemon.await_text("^spawn\tUnavailable$", "out")
        self.put("troupe.yaml", text + self.EXTRA % 1)  # it comes back as the same host
        self.assertTrue(control.reload()["ok"])
        self.send("add", "4")
        self.send("spawn")
        self.send("sum")
        self.assertEqual(daemon.await_text(r"^sum\t7\t(.*)$", "out").group(1), pid)
        daemon.await_text("^spawn\truns$", "out")
        self.assertEqual(daemon.stop(), 0)

    def test_service_moves_to_another_host(self):
        text = HEAD + said("up on") + "%s  - {name: s, kind: process.service, process: p, host: %s, lifecycle: {auto_start: true}}\n"
        daemon = self.daemon(text % (self.EXTRA % 1, "extra"))
        daemon.await_text(r'msg="service running" service=app:s process=\{app:extra')
        self.hangup(daemon, text % ("", "processes"))
        daemon.await_text(r'msg="service running" service=app:s process=\{app:processes')
        self.assertEqual(daemon.stop(), 0)

    def test_too_many_over_time(self):
        """A host's name keeps its place, so that pids stay unique: when there is none left, that is said and nothing changes."""
        daemon = self.daemon(HEAD)
        control = self.control()
        for i in range(10):
            names = ["h%d" % k for k in range(i * 50, i * 50 + 50)]
            self.put("troupe.yaml", HEAD + "".join("  - {name: %s, kind: process.host}\n" % name for name in names))
            answer = control.reload()
            if not answer["ok"]:
                break
        self.assertEqual(i, 5)
        self.assertRegex(answer["error"]["message"], "host app:h2[0-9]+: there are 256 hosts already, counting those removed")
        self.put("troupe.yaml", HEAD + "  - {name: h7, kind: process.host, lifecycle: {auto_start: true}}\n")
        self.assertTrue(control.reload()["ok"])
        self.assertEqual(daemon.stop(), 0)

    def test_rescaled_under_load(self):
        """Workers come and go while pairs play; each pair goes on, no message is lost."""
        pair = entry("pair", main("""local n = ...
            local pong = process.spawn_linked("app:pong", "app:extra", process.pid())
            local back, events, i, told = process.listen("back"), process.events(), 0, false
            while true do
                i = i + 1
                process.send(pong, "forth", i)
                assert(back:receive() == i, "another message")
                if i % 100 == 0 and channel.select({ events:case_receive() }, true).channel then
                    print("pair", n, i > 1000)
                    return
                end
            end""")) + entry("pong", main("""local to, forth = (...), process.listen("forth")
            while true do process.send(to, "back", (forth:receive())) end"""))
        pairs = "".join("  - {name: s%d, kind: process.service, process: pair, host: extra, input: [%d], lifecycle: {auto_start: true}}\n"
                        % (i, i) for i in range(6))
        text = HEAD + pair + pairs
        daemon = self.daemon(text + self.EXTRA % 2)
        control = self.control()
        for round_ in range(3):
            for workers in (1, 4, 2, 3):
                self.put("troupe.yaml", text + self.EXTRA % workers)
                changes = control.reload()["result"]["changes"]
                self.assertEqual([(c["name"], c["fields"], c["effect"]) for c in changes],
                                 [("app:extra", "host.workers", "at once")], round_)
                before = self.dispatches(control)
                end = time.monotonic() + PATIENCE
                while self.dispatches(control) - before < 20000 and time.monotonic() < end:
                    time.sleep(0.005)
                self.assertGreaterEqual(self.dispatches(control) - before, 20000, "they play on")
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(sorted(re.findall(r"^pair\t(\d)\ttrue$", daemon.out, re.M)), list("012345"), daemon.err)
        self.assertNotIn("process failed", daemon.err)

    def dispatches(self, control):
        return next(h for h in control.ask("hosts")["result"]["hosts"] if h["host"] == "app:extra")["messages"]


class Mistakes(Reload):
    GOOD = HEAD + said("one") + service("s", "p")

    def test_nothing_changes_and_it_says_why(self):
        self.put("src/x.lua", "return { main = function() end }")
        file = "  - {name: x, kind: process.lua, source: 'file://src/x.lua'}\n"
        daemon = self.daemon(self.GOOD + file)
        control = self.control()
        before = control.ask("hosts"), control.ask("services")
        for text, why in (
                (self.GOOD + "  - {name: s2, kind: process.service, process: q, host: processes}\n", r"app:s2\.process: .*app:q"),
                (HEAD.replace("workers: 2", "workers: -1") + said("two") + service("s", "p"), r"host\.workers: .*-1"),
                (HEAD + said("two") + service("s", "p", more="inptu: [1]"), r"inptu: .*did you mean"),
                (HEAD + said("two").replace("print(", "print((") + service("s", "p", more="input: [1]"), r"app:p"),
                (self.GOOD + "  - {name: s, kind: process.service, process: p, host: processes}\n", r"app:s.*"),
                (self.GOOD + "  - {name: y, kind: process.lua, source: 'file://src/y.lua'}\n", r"src/y\.lua"),
                (self.GOOD + service("a", "p", "requires: [b]") + service("b", "p", "requires: [a]"), r"cycle|app:a.*app:b"),
                ("version: '1.0'\n\tentries: []\n", r"troupe\.yaml:2:"),
                ("log: {level: loud}\n" + self.GOOD, r"log\.level: .*loud")):
            self.put("troupe.yaml", text)
            answer = control.reload()
            self.assertFalse(answer["ok"], text)
            self.assertEqual(answer["error"]["kind"], "Invalid")
            self.assertRegex(answer["error"]["message"], why)
            program = self.run_to_end(TROUPE, "--socket", "control.sock", "reload")
            self.assertNotEqual(program.status, 0)
            self.assertRegex(program.err, why)
        after = control.ask("hosts"), control.ask("services")
        for a, b in zip(before[1]["result"]["services"], after[1]["result"]["services"]):
            self.assertEqual((a["id"], a["state"], a["pid"], a["restarts"]),
                             (b["id"], b["state"], b["pid"], b["restarts"]))
        self.assertEqual([h["workers"] for h in before[0]["result"]["hosts"]], [h["workers"] for h in after[0]["result"]["hosts"]])
        os.unlink(self.path("troupe.yaml"))
        self.assertRegex(control.reload()["error"]["message"], "No such file")
        self.put("troupe.yaml", self.GOOD + file)
        self.assertEqual(control.reload(), {"id": 1, "ok": True, "result": {"changes": [], "services": []}})
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.out, "one\n")

    def test_many_at_once(self):
        """Those who ask at the same time get an answer each, and what is there at the end is what the file says."""
        daemon = self.daemon(self.GOOD)

        def one(i):
            control = Control(self.path("control.sock"))
            answers = []
            for k in range(10):
                # A name of its own until it is whole: the daemon reads either the old or the new file.
                path = self.put("new.%d" % i, HEAD + said("p%d" % i) + service("s", "p", more="input: [%d]" % k))
                os.rename(path, self.path("troupe.yaml"))
                answers.append(control.reload()["ok"])
            control.close()
            return answers
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for answers in pool.map(one, range(8)):
                self.assertEqual(answers, [True] * 10)
        self.put("troupe.yaml", HEAD + said("last") + service("s", "p", more="input: [end]"))
        self.assertTrue(self.control().reload()["ok"])
        daemon.await_text("^last\tend$", "out")
        self.assertEqual(daemon.stop(), 0)


class Often(Reload):
    ROUNDS, WARM = 1000, 250

    def figures(self, daemon):
        """Memory that is its own, and how many descriptors and threads it has."""
        folder = "/proc/%d" % daemon.process.pid
        with open(folder + "/smaps_rollup", encoding="ascii") as file:
            kib = int(re.search(r"^Private_Dirty: +(\d+) kB", file.read(), re.M).group(1))
        return kib, len(os.listdir(folder + "/fd")), len(os.listdir(folder + "/task"))

    def text(self, i):
        """Code of 40 KB that is new each time, a service that is restarted, one that goes on and starts processes from it, a
        host and an entry that come and go, limits that change."""
        padding = "\n".join("local function f%d(x) return x * %d + %d end" % (k, k, i) for k in range(150))
        code = entry("code", padding + "\n" + main("return %d" % i))
        churn = entry("churn", main("""local round = process.listen("round")
            process.registry.register("churn")
            while true do
                local wanted = round:receive()
                for _ = 1, 40 do process.spawn_monitored("app:code", "app:processes") end
                local events, same = process.events(), 0
                for _ = 1, 40 do
                    if events:receive().result == wanted then same = same + 1 end
                end
                print("round", wanted, same)
            end"""))
        head = HEAD.replace("workers: 2", "workers: %d, max_timers: %d, jit: %s" % (1 + i % 3, 1000 + i, ("on", "off")[i % 2]))
        extra = Hosts.EXTRA % 1 + "  - {name: e%d, kind: registry.entry}\n" % (i % 7) if i % 2 else ""
        return head + code + churn + extra + said("restarted") + service("s", "churn") + service("t", "p", more="input: [%d]" % i)

    def test_nothing_is_left_behind(self):
        daemon = self.daemon(self.text(0), env=FREE_AT_ONCE)
        control, figures = self.control(), {}
        for i in range(1, self.ROUNDS + 1):
            self.put("troupe.yaml", self.text(i))
            answer = control.reload()
            self.assertTrue(answer["ok"], answer)
            if i % 10 == 0:
                self.assertTrue(control.ask("send", pid="churn", topic="round", payload=i)["ok"])
                daemon.await_text("^round\t%d\t40$" % i, "out")
            if i in (self.WARM, self.ROUNDS):
                figures[i] = self.figures(daemon)
        (kib, fds, threads), (kib_end, fds_end, threads_end) = figures[self.WARM], figures[self.ROUNDS]
        self.assertEqual(fds_end, fds)
        self.assertLessEqual(threads_end, threads + 2)  # workers are 1 to 3
        # The code alone of 750 sets would be 40 MB.
        self.assertLess(kib_end - kib, 6 * 1024, "grew from %d to %d KiB" % (kib, kib_end))
        self.assertEqual(daemon.stop(), 0)


if __name__ == "__main__":
    unittest.main()
