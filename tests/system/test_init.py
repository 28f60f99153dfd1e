#!/usr/bin/env python3
"""troupe init: what it writes is a project whose test passes and whose service runs; it overwrites nothing."""
import os
import resource
import signal
import unittest

from programs import TROUPE, TROUPED, Case

FILES = ["greeter.lua", "greeter_test.lua", "troupe.yaml"]


class Init(Case):
    def init(self, *args, **more):
        return self.run_to_end(TROUPE, "init", *args, **more)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def test_project_works(self):
        program = self.init("project")
        self.assertEqual((program.status, program.err), (0, ""))
        self.assertEqual(sorted(os.listdir(self.path("project"))), FILES)
        for name in FILES:
            self.assertIn("project/" + name, program.out)
        folder = self.path("project")
        checked = self.run_to_end(TROUPED, "--config", "troupe.yaml", "--check", "--strict", cwd=folder)
        self.assertEqual((checked.status, checked.err), (0, ""))
        tested = self.run_to_end(TROUPE, "test", "--config", "troupe.yaml", ".", cwd=folder)
        self.assertEqual(tested.status, 0, tested.out + tested.err)
        self.assertIn("2 passed, 0 failed", tested.out)
        env = {**os.environ, "TROUPE_SOCKET": os.path.join(folder, "control.sock")}
        daemon = self.start(TROUPED, "--config", "troupe.yaml", "--set", "metrics.listen=127.0.0.1:0", cwd=folder, env=env)
        daemon.await_text("msg=ready")
        sent = self.run_to_end(TROUPE, "send", "greeter", "greet", '"world"', env=env)
        self.assertEqual(sent.status, 0, sent.err)
        daemon.await_text("^Hello, world!$", "out")
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(sorted(os.listdir(folder)), FILES, "the socket is gone")

    def test_into_a_folder_that_is_there(self):
        self.put("here/mine.txt", "mine")
        self.assertEqual(self.init("here").status, 0)
        self.assertEqual(sorted(os.listdir(self.path("here"))), sorted(FILES + ["mine.txt"]))
        self.assertEqual(self.init(".").status, 0)

    def test_nothing_is_overwritten(self):
        self.put("p/greeter.lua", "-- mine")
        os.symlink("nowhere", self.path("p/troupe.yaml"))
        program = self.init("p")
        self.assertEqual((program.status, program.out), (1, ""))
        self.assertEqual(program.err, "troupe: init: p/greeter.lua: exists, and is not overwritten\n"
                                      "troupe: init: p/troupe.yaml: exists, and is not overwritten\n")
        self.assertEqual(self.read("p/greeter.lua"), "-- mine")
        self.assertEqual(sorted(os.listdir(self.path("p"))), ["greeter.lua", "troupe.yaml"])

    def test_where_it_cannot_be(self):
        self.put("file", "text")
        for where, why in (("file", "Not a directory"), ("no/where", "the folder that it would be in does not exist"),
                           ("file/x", "Not a directory")):
            program = self.init(where)
            self.assertEqual((program.status, program.err), (1, "troupe: init: %s: %s\n" % (where, why)))
        self.assertEqual(self.read("file"), "text")

    def test_all_files_or_none(self):
        def full_disk():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1200, 1200))  # the last file is longer
        program = self.init("p", preexec_fn=full_disk)
        self.assertEqual((program.status, program.out), (1, ""))
        self.assertRegex(program.err, r"^troupe: init: p/troupe\.yaml: File too large\n$")
        self.assertFalse(os.path.exists(self.path("p")))

    def test_usage(self):
        self.assertEqual(self.init().status, 64)
        self.assertEqual(self.init("a", "b").status, 64)
        self.assertIn("usage: troupe init [OPTIONS] DIR\n", self.init("--help").out)


if __name__ == "__main__":
    unittest.main()
