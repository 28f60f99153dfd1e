#!/usr/bin/env python3
"""trouped under systemd: what it tells the service manager, and the files that it is run by there."""
# timeout: 600
import ctypes
import glob
import grp
import os
import re
import shutil
import signal
import subprocess
import time
import unittest

from programs import BUILD, HEAD, PATIENCE, ROOT, TROUPED, Case, NotifySocket, entry, service

WAITER = entry("waiter", "return { main = function() print('waiter up') process.events():receive() end }")
BAD = entry("bad", "error('no database')")
SECURITY_MAX = 2.0
PR_SET_MDWE = 65


class Notifying(Case):
    def listen(self):
        notify = NotifySocket(self.path("notify"))
        self.addCleanup(notify.close)
        return notify, {**os.environ, "NOTIFY_SOCKET": notify.path}

    def notified(self, text, ready=True, **env):
        notify, base = self.listen()
        return notify, self.daemon(text, ready=ready, env={**base, **env})


class ServiceManager(Notifying):
    def test_ready_status_reloading_stopping(self):
        text = "shutdown: {timeout: 70s}\n" + HEAD + WAITER + service("s", "waiter")
        notify, daemon = self.notified(text)
        notify.await_line(r"^READY=1$")
        notify.await_line(r"^STATUS=running: 1 of 1 services run, 0 failed$")
        self.put("troupe.yaml", text + service("t", "waiter"))
        before = time.monotonic()
        daemon.send(signal.SIGHUP)
        notify.await_line(r"^RELOADING=1$")
        told = int(notify.await_line(r"^MONOTONIC_USEC=\d+$").split("=")[1]) / 1e6
        self.assertTrue(before <= told <= time.monotonic())
        notify.await_line(r"^READY=1$")
        notify.await_line(r"^STATUS=running: 2 of 2 services run, 0 failed$")
        daemon.send(signal.SIGTERM)
        notify.await_line(r"^STOPPING=1$")
        self.assertGreater(int(notify.await_line(r"^EXTEND_TIMEOUT_USEC=\d+$").split("=")[1]), 70e6)
        notify.await_line(r"^STATUS=stopping: ")
        self.assertEqual(daemon.wait(), 0)
        # The service manager takes the two as one statement only from one datagram.
        self.assertTrue(any(re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", d) for d in notify.datagrams))

    def test_a_bad_reload_is_over_as_well(self):
        notify, daemon = self.notified(HEAD + WAITER + service("s", "waiter"))
        notify.await_line(r"^READY=1$")
        self.put("troupe.yaml", "version: nonsense\n")
        daemon.send(signal.SIGHUP)
        notify.await_line(r"^RELOADING=1$")
        notify.await_line(r"^READY=1$")
        self.assertEqual(daemon.stop(), 0)

    def test_a_reload_while_starting_does_not_make_it_ready(self):
        slow = entry("slow", "print('top') time.sleep('1h') return {main = print}")
        text = HEAD + slow + service("s", "slow", "start_timeout: 1h, stop_timeout: 100ms")
        notify, daemon = self.notified(text, ready=False)
        daemon.await_text("^top$", "out")
        daemon.send(signal.SIGHUP)
        daemon.await_text("msg=reloaded")
        self.assertEqual(daemon.stop(), 0)
        notify.await_line(r"^STOPPING=1$")
        for line in "\n".join(notify.datagrams).split("\n"):
            self.assertNotIn(line, ("READY=1", "RELOADING=1"))

    def test_status_follows_what_happens(self):
        dies = entry("dies", "return { main = function() process.registry.register('dies') "
                             "process.listen('die'):receive() error('died') end }")
        kills = entry("kills", "return { main = function() while not process.send('dies', 'die') do time.sleep('1ms') end "
                               "process.events():receive() end }")
        notify, daemon = self.notified(HEAD + dies + kills + service("d", "dies", "restart: {initial_delay: 1h, jitter: 0}") +
                                       service("k", "kills", "requires: [d]"))
        notify.await_line(r"^STATUS=running: 1 of 2 services run, 1 failed$")
        self.assertEqual(daemon.stop(), 0)

    def test_not_ready_before_required_services_run(self):
        start = time.monotonic()
        notify, daemon = self.notified(HEAD + entry("p", "time.sleep('300ms') print('top done') return function() print('up') "
                                                    "process.events():receive() end") + service("s", "p"))
        notify.await_line(r"^READY=1$")
        self.assertGreaterEqual(time.monotonic() - start, 0.3)
        daemon.await_text("^top done$", "out")
        self.assertEqual(daemon.stop(), 0)

    def test_optional_services_hold_nothing_up(self):
        notify, daemon = self.notified(HEAD + WAITER + BAD + service("s", "waiter") +
                                       service("b", "bad", "startup: optional"))
        notify.await_line(r"^READY=1$")
        self.assertEqual(daemon.stop(), 0)

    def test_not_ready_when_the_boot_fails(self):
        notify, daemon = self.notified(HEAD + BAD + service("s", "bad"), ready=False)
        self.assertEqual(daemon.wait(), 1)
        notify.await_line(r"^STOPPING=1$")
        self.assertNotIn("READY=1", "\n".join(notify.datagrams).split("\n"))


class StoppedThread:
    """One thread of another program, which a tracer may stop alone."""
    SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000

    def __init__(self, pid, name):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self.libc.ptrace.restype = ctypes.c_long
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/comm" % (pid, task), encoding="ascii") as file:
                if file.read().strip() == name:
                    self.tid = int(task)

    def stop(self):
        if self.libc.ptrace(self.SEIZE, self.tid, None, None) or self.libc.ptrace(self.INTERRUPT, self.tid, None, None):
            return False
        os.waitpid(self.tid, self.WALL)
        return True

    def go_on(self):
        self.libc.ptrace(self.DETACH, self.tid, None, None)


class Watchdog(Notifying):
    EVERY = "100000"

    def test_an_endless_loop_is_no_stuck_worker(self):
        busy = entry("busy", "return { main = function() print('busy up') while true do end end }")
        notify, daemon = self.notified(HEAD + busy + service("s", "busy", "stop_timeout: 10ms"), WATCHDOG_USEC=self.EVERY)
        daemon.await_text("^busy up$", "out")
        for _ in range(5):
            notify.await_line(r"^WATCHDOG=1$")
        self.assertEqual(daemon.stop(), 0)

    def test_a_worker_that_is_stuck_is(self):
        busy = entry("busy", "return { main = function() print('busy up') while true do end end }")
        notify, daemon = self.notified(HEAD.replace("workers: 2", "workers: 1") + busy + service("s", "busy"),
                                       WATCHDOG_USEC=self.EVERY)
        daemon.await_text("^busy up$", "out")
        notify.await_line(r"^READY=1$")
        thread = StoppedThread(daemon.process.pid, "processes/00")
        if not thread.stop():
            self.skipTest("threads of other programs cannot be stopped here")
        end = time.monotonic() + PATIENCE
        while notify.receive(1):  # it may have been stopped between two slices, where nothing is wrong
            self.assertLess(time.monotonic(), end, "it goes on telling that all is well")
            if "WATCHDOG=1" in notify.datagrams[-1:]:
                thread.go_on()
                thread.stop()
        del notify.datagrams[:]
        daemon.send(signal.SIGHUP)  # the main thread is well all the time
        notify.await_line(r"^RELOADING=1$")
        notify.await_line(r"^READY=1$")
        self.assertNotIn("WATCHDOG=1", notify.datagrams)
        thread.go_on()
        notify.await_line(r"^WATCHDOG=1$")

    def test_not_without_being_asked(self):
        notify, daemon = self.notified(HEAD + WAITER + service("s", "waiter"))
        notify.await_line(r"^READY=1$")
        self.assertEqual(daemon.stop(), 0)
        while notify.receive(0):
            pass
        self.assertNotIn("WATCHDOG=1", notify.datagrams)


def executable_memory_forbidden():
    """In the child: as MemoryDenyWriteExecute= does it."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_MDWE, 1, 0, 0, 0) != 0:
        os._exit(77)


def can_forbid_executable_memory():
    return subprocess.run(["true"], preexec_fn=executable_memory_forbidden, check=False).returncode == 0


def needs(tool):
    return unittest.skipUnless(shutil.which(tool), "%s is not installed (scripts/setup test)" % tool)


class Files(Notifying):
    """Units and their like, as `make install` puts them somewhere."""

    def setUp(self):
        super().setUp()
        self.prefix = self.path("prefix")
        subprocess.run([os.path.join(ROOT, "scripts/install"), BUILD], check=True,
                       env={**os.environ, "PREFIX": self.prefix, "SYSCONFDIR": self.path("etc"), "DESTDIR": ""})
        self.unit = os.path.join(self.prefix, "lib/systemd/system/trouped.service")
        self.dropins = sorted(glob.glob(os.path.join(self.prefix, "share/doc/troupe/examples/systemd/*.conf")))

    def with_dropin(self, dropin):
        """A copy of the unit that has the drop-in."""
        folder = self.path("with/" + os.path.basename(dropin))
        os.makedirs(folder + "/trouped.service.d")
        shutil.copy(dropin, folder + "/trouped.service.d")
        return shutil.copy(self.unit, folder)

    def analyze(self, *argv):
        return subprocess.run(["systemd-analyze", "--no-pager", *argv], capture_output=True, text=True, check=False)

    def units(self):
        self.assertGreaterEqual(len(self.dropins), 5)
        return [self.unit] + [self.with_dropin(d) for d in self.dropins]

    @staticmethod
    def commands(file, field):
        """The command lines of a field, those before an empty one forgotten."""
        lines = []
        with open(file, encoding="utf-8") as text:
            for line in text:
                if line.startswith(field + "="):
                    command = line.strip()[len(field) + 1:]
                    lines = lines + [command.split()] if command else []
        return lines

    def test_everything_is_filled_in(self):
        for file in [self.unit] + self.dropins:
            with open(file, encoding="utf-8") as text:
                self.assertNotRegex(text.read(), r"@[A-Z]+@", file)

    @needs("systemd-analyze")
    def test_units_are_correct(self):
        for unit in self.units():
            result = self.analyze("verify", "--man=no", unit)
            self.assertEqual((result.returncode, result.stdout + result.stderr), (0, ""), unit)

    @needs("systemd-analyze")
    def test_units_are_hardened(self):
        for unit in self.units():
            result = self.analyze("security", "--offline=true", "--threshold=%d" % (SECURITY_MAX * 10), unit)
            self.assertEqual(result.returncode, 0, unit + ": " + result.stdout[-2000:] + result.stderr)
            exposure = re.search(r"Overall exposure level for trouped\.service: (\d+\.\d+)", result.stdout)
            self.assertLessEqual(float(exposure.group(1)), SECURITY_MAX)

    @needs("systemd-sysusers")
    @needs("systemd-tmpfiles")
    @unittest.skipUnless(os.geteuid() == 0, "only root may make users and folders of theirs")
    def test_user_and_folder(self):
        root = self.path("root")
        for folder in ("etc", "run"):
            os.makedirs(os.path.join(root, folder))
        for tool, file in ((["systemd-sysusers"], "sysusers.d"), (["systemd-tmpfiles", "--create"], "tmpfiles.d")):
            subprocess.run([*tool, "--root=" + root, os.path.join(self.prefix, "lib", file, "troupe.conf")], check=True,
                           stderr=subprocess.DEVNULL)
        with open(os.path.join(root, "etc/passwd"), encoding="ascii") as file:
            name, _, uid, gid, _, home, shell = file.read().strip().split(":")
        self.assertEqual(name, "troupe")
        self.assertRegex(shell, "nologin$")
        self.assertEqual(home, "/")
        stat = os.stat(os.path.join(root, "run/troupe"))
        self.assertEqual((stat.st_uid, stat.st_gid, stat.st_mode & 0o7777), (int(uid), int(gid), 0o755))

    def start_unit(self, file, *options, **more):
        """The unit's own command line, with a control socket and a group that there are here."""
        notify, env = self.listen()
        (command,) = self.commands(file, "ExecStart")
        env["TROUPE_GROUP"] = grp.getgrgid(os.getegid()).gr_name
        daemon = self.start(*command, "--set", "control.socket=" + self.path("control.sock"), *options, env=env, **more)
        notify.await_line("^READY=1$")
        return daemon

    def test_shipped_configuration_runs(self):
        check, signal_line = self.commands(self.unit, "ExecReload")
        self.assertEqual(signal_line, ["kill", "-HUP", "$MAINPID"])
        self.assertEqual(self.run_to_end(*check).status, 0)
        daemon = self.start_unit(self.unit)
        self.assertTrue(os.path.exists(self.path("control.sock")))
        self.assertEqual(daemon.stop(), 0)

    @unittest.skipUnless(can_forbid_executable_memory(), "this kernel has no PR_SET_MDWE")
    def test_without_machine_code(self):
        hot = entry("hot", "return { main = function() local n = 0 for i = 1, 3e7 do n = n + i % 7 end print('sum', n) "
                           "process.events():receive() end }")
        (dropin,) = [d for d in self.dropins if d.endswith("/no-jit.conf")]
        # The drop-in's host with its --set, and one that would compile if it might.
        self.put("etc/troupe/troupe.yaml", HEAD + hot + service("s", "hot") +
                 "  - {name: other, kind: process.host, host: {jit: on}, lifecycle: {auto_start: true}}\n" +
                 service("t", "hot").replace("host: processes", "host: other"))
        daemon = self.start_unit(dropin, preexec_fn=executable_memory_forbidden)
        daemon.await_text("^sum\t89999997$", "out", times=2)
        daemon.await_text("no machine code: this program may not make memory executable")
        self.assertEqual(daemon.stop(), 0)


if __name__ == "__main__":
    unittest.main()
