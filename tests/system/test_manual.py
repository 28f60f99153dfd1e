#!/usr/bin/env python3
"""The manual pages: correct mdoc, and nothing is missing of what the programs' own tables have."""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import tables
from programs import BUILD, ROOT, TROUPED

PAGES = sorted(glob.glob(os.path.join(ROOT, "man/*.[1-8]")) + glob.glob(os.path.join(BUILD, "man/*.[1-8]")))


def names():
    return {os.path.basename(page) for page in PAGES}


def page(name):
    """The page as it is read, its lines joined where they were broken."""
    (path,) = [p for p in PAGES if os.path.basename(p) == name]
    text = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=1000", path], capture_output=True, text=True, check=True).stdout
    return re.sub(r"(?<=\S)  +", " ", re.sub(".\b", "", text)).replace("<micro>", "µ")


def section(text, title):
    """From a heading to the next one that is no further to the right; a blank before it in a sub-heading's title counts."""
    found = re.search(r"^%s *\n((?:(?! {0,%d}\S).*\n)*)" % (re.escape(title), len(title) - len(title.lstrip())), text, re.M)
    if not found:
        raise AssertionError("no section %r" % title)
    return found.group(1)


def item(text, heading):
    """An item of a list: from the line that begins with it to the next line that is no further to the right."""
    found = re.search(r"^( +)%s(?![\w.-])(.*\n(?:(?:\1 .*)?\n)*)" % re.escape(heading), text, re.M)
    if not found:
        raise AssertionError("nothing about %r in: %s" % (heading, text))
    return found.group(2)


@unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed (scripts/setup test)")
class Manual(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tables = tables.read()

    def test_there_are_all(self):
        self.assertEqual(names(), {"trouped.8", "troupe.1", "troupe.yaml.5", "troupe-lua.7", "troupe-control.7"})

    def test_lint(self):
        for path in PAGES:
            result = subprocess.run(["mandoc", "-T", "lint", path], capture_output=True, text=True, check=False)
            for line in (result.stdout + result.stderr).splitlines():
                # mandoc looks for them where this machine's pages are; these are not installed.
                other = re.search(r"STYLE: referenced manual not found: Xr (\S+) (\d)", line)
                self.assertTrue(other and "%s.%s" % other.groups() in names(), line)

    def test_pages_name_each_other_rightly(self):
        for path in PAGES:
            with open(path, encoding="utf-8") as file:
                text = file.read()
            title, number = re.search(r"^\.Dt (\S+) (\d)$", text, re.M).groups()
            self.assertEqual("%s.%s" % (title.lower(), number), os.path.basename(path))
            others = re.findall(r"^\.Xr (\S+) (\d)", text, re.M)
            self.assertTrue(others)
            for other in others:
                self.assertIn("%s.%s" % other, names(), path)

    def test_options_of_trouped(self):
        text = section(page("trouped.8"), "OPTIONS")
        for command, name, letter, value, _, about in self.tables["options"]:
            if command == "trouped":
                heading = ("-%s, " % letter if letter else "") + "--" + name + (" " + value if value else "")
                self.assertIn(about.lower(), item(text, heading).lower())

    def test_verbs_and_their_options(self):
        text = page("troupe.1")
        verbs, common = section(text, "VERBS"), section(text, "COMMON OPTIONS")
        rows = self.tables["options"]
        self.assertGreater(len(tables.verbs(self.tables)), 20)
        for command, name, letter, value, repeat, about in rows:
            if command == "troupe" or not command.startswith("troupe "):
                continue
            told = item(verbs, command.split(" ")[1] + " [options]")
            if not name:
                self.assertIn(about, told)  # `value` is its arguments
                self.assertEqual(re.sub(r"[\s\[\].]", "", value), re.sub(r"[\s\[\].]", "", told.split("\n")[0]))
                continue
            place, heading = told, ("-%s, " % letter if letter else "") + "--" + name + (" " + value if value else "")
            if heading not in told:
                place = common
                of_verbs = [row for row in rows if row[0].startswith("troupe ") and row[1] == name and row[5] == about]
                if len(of_verbs) < len(tables.verbs(self.tables)):
                    self.assertRegex(told, r"And .*--%s" % name)
            self.assertIn(about.lower(), item(place, heading).lower())
            self.assertEqual(bool(repeat), "more than once" in item(place, heading), heading)

    def test_options_before_the_verb(self):
        text = section(page("troupe.1"), "OPTIONS")
        for name in tables.options(self.tables)["troupe"]:
            self.assertIn("--" + name, text)

    def test_fields(self):
        text = page("troupe.yaml.5")
        kinds = {row[0] for row in self.tables["fields"][1:]} - {"file"}
        for where, path, type_, default, allowed, reload, about in self.tables["fields"][1:]:
            general = all(any(row[0] == kind and row[1] == path for row in self.tables["fields"]) for kind in kinds)
            if where == "file":
                place = section(text, "FILES")
            elif path.startswith("lifecycle."):
                place = section(text, "LIFECYCLE")
            else:
                place = section(text, "   Every kind" if general else "   " + where)
            told = item(place, path)
            if not path.startswith("lifecycle.") or where == "process.service":
                self.assertIn(about.lower(), told.lower())
            if type_ in ("special", "ignored"):
                continue
            self.assertIn(type_, told.lower(), path)
            for more in (default and "default " + default, allowed):
                self.assertIn(more.lower(), told.lower(), path)
            if where == "file":
                self.assertIn("takes effect: " + reload, told)

    def test_operations(self):
        text = section(page("troupe-control.7"), "OPERATIONS")
        told = None
        for row in self.tables["operations"]:
            if not row[1]:
                told = item(text, row[0])
                self.assertIn(row[2], told)
                for more in row[3:]:
                    self.assertIn(more.replace("…", "..."), told)
            else:
                self.assertIn(row[4].lower(), item(told, "%s (%s%s)" % (row[1], row[2], ", required" if row[3] else "")).lower())
        kinds = section(page("troupe-control.7"), "KINDS OF ERRORS")
        for (kind,) in self.tables["errors"]:
            self.assertIn(kind, kinds)

    def test_metrics_and_exit_statuses(self):
        text = page("trouped.8")
        for name, type_, labels, about in self.tables["metrics"]:
            self.assertIn(about, item(section(text, "METRICS AND HEALTH"), "%s (%s%s)" % (name, type_, labels and " by " + labels)))
        for name in ("trouped.8", "troupe.1"):
            for number, about in self.tables["exits"]:
                self.assertIn(about.lower(), item(section(page(name), "EXIT STATUS"), number).lower())

    def test_what_is_written_by_hand_names_what_there_is(self):
        paths = [row[1] for row in self.tables["fields"][1:]]
        words = {word for row in self.tables["fields"][1:] for word in re.split(r"\W+", row[4])}
        groups = {path[:at] for path in paths for at, c in enumerate(path) if c == "."}
        for template in glob.glob(os.path.join(ROOT, "man/*.in")):
            with open(template, encoding="utf-8") as file:
                text = file.read()
            for name in re.findall(r"^\.Cm (\S+)", text, re.M):
                self.assertTrue(name in groups or name in words or any(("." + path).endswith("." + name) for path in paths),
                                "%s: %s" % (template, name))
            for name in re.findall(r"^\.Ic troupe (\S+)", text, re.M) + (
                    re.findall(r"^\.Ic (\S+)", text, re.M) if template.endswith("troupe.1.in") else []):
                self.assertIn(name, tables.verbs(self.tables), template)

    def test_constants_and_checks_of_modules(self):
        def names(path, pattern):
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                return [name for found in re.findall(pattern, file.read(), re.M) for name in re.findall(r"\w+", found)]
        text = page("troupe-lua.7")
        layouts, stubs = names("vm/timelayout.h", r"^    X\((\w+),"), names("vm/editor/troupe.d.lua", r"^---@field (\w+) ")
        self.assertGreater(len(layouts), 10)
        for name in layouts:
            self.assertIn(name, stubs)
            self.assertRegex(section(text, "MODULE TIME"), r"(?m)^ +%s " % name)
        for name in set(names("vm/editor/troupe.d.lua", r'^---@field ([A-Z_]+) "')):
            self.assertRegex(section(text, "MODULE ERRORS"), r"(?m)^ +%s " % name)
        told = re.findall(r"\w+", section(text, "   Checks"))
        for name in names("vm/lua/test.lua", r"^function checks\.(\w+)") + [
                name for name in names("vm/lua/test.lua", r"^(checks\..*) = ") if name != "checks"]:
            self.assertIn(name, told)

    def test_the_example_is_a_configuration(self):
        with open(os.path.join(BUILD, "man/troupe.yaml.5"), encoding="utf-8") as file:
            (example,) = re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)\.Ed$", file.read(), re.M)
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("troupe.yaml", example), ("worker.lua", "return { main = print }\n")):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            result = subprocess.run([TROUPED, "--config", "troupe.yaml", "--check", "--strict"], cwd=folder,
                                    capture_output=True, text=True, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
