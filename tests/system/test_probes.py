#!/usr/bin/env python3
"""The USDT probes are in the programs, with the provider and names that sched/probe.h documents."""
import os
import re
import subprocess
import unittest

from programs import ROOT, TROUPE, TROUPED


def header_names():
    text = open(os.path.join(ROOT, "sched", "probe.h")).read()
    listed = text[:text.index("*/")]
    return set(re.findall(r"(?:^ \*   |   )([a-z]+) +(?:pid|to|worker)", listed, re.M))


@unittest.skipUnless(os.path.exists("/usr/include/x86_64-linux-gnu/sys/sdt.h") or os.path.exists("/usr/include/sys/sdt.h"),
                     "built without sys/sdt.h")
class Probes(unittest.TestCase):
    def test_all_are_there(self):
        names = header_names()
        self.assertEqual(names, {"spawn", "exit", "send", "receive", "steal", "park", "preempt"})
        for program in (TROUPE, TROUPED):
            notes = subprocess.run(["readelf", "-n", program], stdout=subprocess.PIPE, text=True, check=True).stdout
            found = set(re.findall(r"Provider: troupe\s+Name: (\w+)", notes))
            self.assertEqual(found, names, program)


if __name__ == "__main__":
    unittest.main()
