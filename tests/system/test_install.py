#!/usr/bin/env python3
"""make install, uninstall and dist: what they put where, what they leave alone."""
import os
import re
import subprocess
import unittest

import tables
from programs import BUILD, ROOT, Case


class Install(Case):
    def install(self, *options, **env):
        env = {"PREFIX": "/usr", "SYSCONFDIR": "/etc", "DESTDIR": self.path("stage"), **env}
        subprocess.run([os.path.join(ROOT, "scripts/install"), *options, BUILD], check=True, env={**os.environ, **env})

    def files(self, below="stage"):
        """{path below the stage: permissions}"""
        found = {}
        top = self.path(below)
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                found[path[len(top):]] = os.stat(path).st_mode & 0o777
        return found

    def read(self, name):
        with open(self.path("stage" + name), encoding="utf-8") as file:
            return file.read()

    def test_what_goes_where(self):
        self.install()
        files = self.files()
        for name in ("/usr/sbin/trouped", "/usr/bin/troupe"):
            self.assertEqual(files[name], 0o755)
        for name in ("/etc/troupe/troupe.yaml", "/usr/lib/systemd/system/trouped.service", "/usr/lib/sysusers.d/troupe.conf",
                     "/usr/lib/tmpfiles.d/troupe.conf", "/usr/share/lua/troupe.d.lua", "/usr/share/lua/troupe.luacheck.lua",
                     "/usr/share/man/man1/troupe.1", "/usr/share/man/man5/troupe.yaml.5", "/usr/share/man/man7/troupe-lua.7",
                     "/usr/share/man/man7/troupe-control.7", "/usr/share/man/man8/trouped.8",
                     "/usr/share/bash-completion/completions/troupe", "/usr/share/bash-completion/completions/trouped",
                     "/usr/share/zsh/vendor-completions/_troupe", "/usr/share/doc/troupe/examples/pool/troupe.yaml",
                     "/usr/share/doc/troupe/examples/systemd/no-jit.conf", "/usr/share/doc/troupe/README.md"):
            self.assertEqual(files.get(name), 0o644, name)
        unit = self.read("/usr/lib/systemd/system/trouped.service")
        self.assertIn("ExecStart=/usr/sbin/trouped --config /etc/troupe/troupe.yaml\n", unit)
        self.assertNotIn(self.folder.name, unit)
        for name in tables.verbs(tables.read()):
            self.assertIn(name, self.read("/usr/share/man/man1/troupe.1"))

    def test_other_places(self):
        self.install(PREFIX="/opt/troupe", SYSCONFDIR="/opt/etc")
        self.assertEqual({name.split("/")[1] for name in self.files()}, {"opt"})
        unit = self.read("/opt/troupe/lib/systemd/system/trouped.service")
        self.assertIn("ExecStart=/opt/troupe/sbin/trouped --config /opt/etc/troupe/troupe.yaml\n", unit)
        self.assertIn("/opt/troupe/share/zsh/site-functions/_troupe", self.files())

    def test_nothing_is_left(self):
        self.put("stage/usr/share/man/man1/other.1", "not ours")
        self.install()
        self.install("--remove")
        self.assertEqual(list(self.files()), ["/usr/share/man/man1/other.1"])
        self.assertFalse(os.path.exists(self.path("stage/etc/troupe")))
        self.assertFalse(os.path.exists(self.path("stage/usr/share/doc/troupe")))

    def test_a_changed_configuration_stays(self):
        self.put("stage/etc/troupe/troupe.yaml", "changed")
        self.install()
        self.assertEqual(self.read("/etc/troupe/troupe.yaml"), "changed")
        self.install("--remove")
        self.assertEqual(list(self.files()), ["/etc/troupe/troupe.yaml"])


class Dist(unittest.TestCase):
    @unittest.skipUnless(os.path.exists(os.path.join(ROOT, ".git")), "not in a clone")
    def test_archive(self):
        made = subprocess.run(["make", "-s", "-C", ROOT, "dist"], capture_output=True, text=True, check=True,
                              env={k: v for k, v in os.environ.items() if not k.startswith("MAKE")}).stdout.split()[-1]
        version = re.search(r"troupe-(\d+\.\d+\.\d+)\.tar\.xz$", made).group(1)
        names = subprocess.run(["tar", "-tf", os.path.join(ROOT, made)], capture_output=True, text=True,
                               check=True).stdout.splitlines()
        tracked = subprocess.run(["git", "-C", ROOT, "ls-tree", "-r", "--name-only", "HEAD"], capture_output=True, text=True,
                                 check=True).stdout.splitlines()
        self.assertGreater(len(tracked), 200)
        self.assertEqual({name for name in names if not name.endswith("/")}, {"troupe-%s/%s" % (version, n) for n in tracked})


if __name__ == "__main__":
    unittest.main()
