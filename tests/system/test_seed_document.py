#!/usr/bin/env python3
"""The programs of tests/lua/seed/programs are the seed document's code blocks, to the letter; and its complete example, run
by the tool as a user runs it, prints what the document says. The first part needs the document (../shared/seed)."""
import glob
import os
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = os.path.join(ROOT, "tests", "lua", "seed", "programs")
TOOL = os.path.join(ROOT, os.environ.get("TROUPE_BUILD", "build"), "troupe")
# First and last line of each block in the document.
BLOCKS = {
    "spawn": (21, 26), "pid": (37, 38), "send": (46, 52), "listen": (58, 72), "inbox": (78, 97), "echo": (103, 121),
    "spawn_monitored": (129, 157), "monitor": (163, 177), "unmonitor": (181, 181), "spawn_linked": (189, 193),
    "link": (197, 204), "trap_links": (208, 253), "register": (261, 284), "unregister": (288, 296), "pool": (304, 360),
    "task_worker": (364, 377),
}


class SeedDocument(unittest.TestCase):
    def test_blocks_are_unchanged(self):
        documents = glob.glob(os.path.join(ROOT, "..", "shared", "seed", "000_*.txt"))
        if not documents:
            self.skipTest("no seed document here")
        with open(documents[0], encoding="utf-8") as file:
            lines = file.read().split("\n")
        self.assertEqual(sorted(BLOCKS), sorted(name[:-4] for name in os.listdir(PROGRAMS)))
        for name, (first, last) in BLOCKS.items():
            with open(os.path.join(PROGRAMS, name + ".lua"), encoding="utf-8") as file:
                self.assertIn("\n".join(lines[first - 1:last]), file.read(), name)

    def test_the_complete_example_prints_its_results(self):
        run = subprocess.run([TOOL, "run", "app.test.process:program.pool", "--config", os.path.join(ROOT, "tests/lua/troupe.yaml"),
                              "--host", "app:processes"], capture_output=True, text=True, timeout=60)
        self.assertEqual(run.returncode, 0, run.stderr)
        printed = sorted(line for line in run.stdout.splitlines() if line.startswith("Worker "))
        self.assertEqual(printed, ["Worker %d completed:\t%d" % (i, i * 20) for i in range(1, 6)])


if __name__ == "__main__":
    unittest.main()
