#!/usr/bin/env python3
"""The soak test's two shortest rounds: that its books balance, and that they would tell when they did not."""
import os
import subprocess
import unittest

import programs

SOAK = os.path.join(programs.ROOT, "tests", "soak")


class Soak(programs.Case):
    def test_books_balance(self):
        run = subprocess.run([os.path.join(SOAK, "run"), "--minutes", "0.1", "--round", "2"], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, timeout=200)
        self.assertEqual(run.returncode, 0, run.stdout)
        self.assertRegex(run.stdout, r"(?m)^soak: good$")

    def test_a_lost_message_is_noticed(self):
        """A worker that passes over one message in its inbox."""
        os.symlink(os.path.join(programs.ROOT, "tests", "system"), self.path("system"))
        for name in os.listdir(SOAK):
            with open(os.path.join(SOAK, name), encoding="utf-8") as file:
                text = file.read()
            if name == "worker.lua":
                text = text.replace("local job = work:receive()",
                                    "local job = work:receive() if count == 40 then job = work:receive() end")
            os.chmod(self.put("soak/" + name, text), 0o755)
        run = subprocess.run([self.path("soak/run"), "--minutes", "0.1", "--round", "2"], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, timeout=200,
                             env=dict(os.environ, TROUPE_BUILD=programs.BUILD))
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertRegex(run.stdout, r"violation: message 42 came as number 41")


if __name__ == "__main__":
    unittest.main()
