#!/usr/bin/env python3
"""The luacheck std that is installed: right programs pass, wrong names are found."""
import glob
import os
import re
import shutil
import subprocess
import unittest

from programs import BUILD, ROOT, Case

STD = os.path.join(BUILD, "editor/troupe.luacheck.lua")
RC = """local troupe = dofile("%s")
stds.troupe, stds.troupe_test = troupe.programs, troupe.tests
std = "troupe"
files["**/*_test.lua"].std = "troupe+troupe_test"
color, codes, unused = false, true, false
only = { "1.." }
max_line_length = false
""" % STD


@unittest.skipUnless(shutil.which("luacheck"), "luacheck is not installed (scripts/setup test)")
class Std(Case):
    def check(self, *files):
        """The globals that luacheck complains about."""
        self.put(".luacheckrc", RC)
        result = subprocess.run(["luacheck", *files], cwd=self.folder.name, capture_output=True, text=True, check=False)
        self.assertIn("0 errors", result.stdout + result.stderr)
        return re.findall(r"\(W1\d\d\) (.*)", result.stdout)

    def test_shipped_programs(self):
        for folder in ("examples", "init"):
            shutil.copytree(os.path.join(ROOT, "config", folder), self.path(folder))
        self.assertGreater(len(glob.glob(self.path("*/**/*.lua"), recursive=True)), 10)
        self.assertEqual(self.check("."), [])

    def test_wrong_names(self):
        found = self.check(self.put("wrong.lua", "io.write('x')\nprocess.sned('x', 'y')\nload('x')\nprint(time.noon())\n"
                                                 "process = 1\nreturn string.dump, os.exit, describe, process.event.EXIT\n"))
        for name in ("io", "sned", "load", "noon", "dump", "exit", "describe"):
            self.assertTrue(any("'%s'" % name in text or " %s of" % name in text for text in found), (name, found))
        self.assertTrue(any("setting read-only global variable 'process'" in text for text in found))
        self.assertEqual(len(found), 8, found)

    def test_tests(self):
        self.assertEqual(self.check(self.put("good_test.lua", "describe('x', function()\nbefore_each(function() end)\n"
                                                              "it('y', function() assert.equal(1, 1) expect(2) end)\nend)\n")), [])


if __name__ == "__main__":
    unittest.main()
