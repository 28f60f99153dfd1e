#!/usr/bin/env python3
"""Completion in real shells: what a user gets who types, presses Tab, and then Return."""
# timeout: 600
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
import unittest

import tables
from programs import BUILD, HEAD, PATIENCE, Case, entry, service

COMPLETION = os.path.join(BUILD, "completion")
PROMPT = "ready> "
WAITER = entry("waiter", "return { main = function() process.registry.register('the waiter') process.events():receive() end }")


class Shell:
    """A shell on a terminal of its own."""

    def __init__(self, argv, cwd, env):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvpe(argv[0], argv, {**env, "TERM": "dumb", "COLUMNS": "2000", "LINES": "100", "LC_ALL": "C.UTF-8"})

    def send(self, text):
        os.write(self.fd, text.encode())

    def await_text(self, pattern):
        """Waits for it, forgets what was written up to its end, and returns the match."""
        end = time.monotonic() + PATIENCE
        while True:
            found = re.search(pattern, self.seen)
            if found:
                self.seen = self.seen[found.end():]
                return found
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError("%r did not come: %r" % (pattern, self.seen))
            try:
                self.seen += os.read(self.fd, 65536).decode("utf-8", "replace")
            except OSError:
                raise AssertionError("%r did not come before the end: %r" % (pattern, self.seen)) from None

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


class Interactive:
    """The same for every shell. Both programs are functions that show their arguments; completion asks the real ones."""
    SHOW = """for p in troupe trouped; do eval "$p() { local a; for a in \\"\\$@\\"; do printf '[%s]' \\"\\$a\\"; done; echo .; }"; done"""

    def setUp(self):
        super().setUp()
        text = HEAD.replace('socket: ""', "socket: %s, group: ~" % self.path("control.sock")).replace(", group: ~", "")
        self.put("files/one.yaml", "")
        self.put("files/deep/two.lua", "")
        self.put("files/with space.lua", "")
        self.daemon(text + WAITER + service("the.service", "waiter") + service("another", "waiter", "startup: optional"))
        env = {"PATH": BUILD + ":/usr/bin:/bin", "HOME": self.folder.name, "TROUPE_SOCKET": self.path("control.sock")}
        self.shell = Shell(self.argv(), self.path("files"), env)
        self.addCleanup(self.shell.close)
        self.begin()
        self.shell.send(self.SHOW + "\n")
        self.shell.send("PS1='%s''%s'\n" % (PROMPT[:3], PROMPT[3:]))
        self.shell.await_text("\n[^\n]*" + PROMPT)

    def completed(self, typed):
        """The arguments that the programs get when that is completed and sent."""
        self.shell.send(typed + "\t")
        self.shell.send("\r")
        found = self.shell.await_text(r"\n((?:\[[^\n]*\])?)\.\r\n").group(1)
        self.shell.await_text(PROMPT)
        return found[1:-1].split("][")

    def listed(self, typed):
        """The words that are offered."""
        self.shell.send(typed + "\t")
        text = self.shell.await_text(self.LIST_END % re.escape(typed)).group(1)
        self.shell.send("\x15\r")
        self.shell.await_text(PROMPT)
        return text.split()

    def test_words_of_the_command_line(self):
        for typed, arguments in (("troupe serv", ["services"]),
                                 ("troupe ps --rev", ["ps", "--reverse"]),
                                 ("troupe services --js", ["services", "--json"]),
                                 ("troupe log-level w", ["log-level", "warn"]),
                                 ("troupe check on", ["check", "one.yaml"]),
                                 ("troupe run with", ["run", "with space.lua"]),
                                 ("troupe run deep/t", ["run", "deep/two.lua"]),
                                 ("trouped --config on", ["--config", "one.yaml"]),
                                 ("trouped --config=on", ["--config=one.yaml"]),
                                 ("trouped --print", ["--print-config"]),
                                 ("troupe ps --sort mai", ["ps", "--sort", "mailbox"]),
                                 ("troupe top --sort=ra", ["top", "--sort=rate"]),
                                 ("trouped --set shutdown.t", ["--set", "shutdown.timeout="]),
                                 ("troupe --socket x ping --he", ["--socket", "x", "ping", "--help"]),
                                 ("troupe run one.yaml -- --ho", ["run", "one.yaml", "--", "--ho"])):
            self.assertEqual(self.completed(typed), arguments)

    def test_what_the_daemon_has(self):
        for typed, arguments in (("troupe stop app:the", ["stop", "app:the.service"]),
                                 ("troupe stop app:another app:the", ["stop", "app:another", "app:the.service"]),
                                 ("troupe ps --host app:", ["ps", "--host", "app:processes"]),
                                 ("troupe trace app:wai", ["trace", "app:waiter"])):
            self.assertEqual(self.completed(typed), arguments)

    def test_pids(self):
        """Names of processes have all that shells care about."""
        result = subprocess.run([os.path.join(BUILD, "troupe"), "ps", "--json", "--socket", self.path("control.sock")],
                                capture_output=True, text=True, check=True)
        pids = sorted(re.findall(r'"pid": "(\{app:[^"]+)"', result.stdout))
        self.assertEqual(len(pids), 2)
        unique = pids[0][:len(os.path.commonprefix(pids)) + 1]
        self.assertEqual(self.completed("troupe kill '" + unique), ["kill", pids[0]])
        escaped = re.sub(r"([{|])", r"\\\1", unique)
        self.assertEqual(self.completed("troupe kill " + escaped), ["kill", pids[0]])

    def test_nobody_answers(self):
        self.assertEqual(self.completed("troupe --socket /nowhere stop app:the"), ["--socket", "/nowhere", "stop", "app:the"])

    def test_everything_is_offered(self):
        sections = tables.read()
        self.assertEqual(sorted(set(self.listed("troupe ")) & set(tables.verbs(sections))), sorted(tables.verbs(sections)))
        for command, names in tables.options(sections).items():
            if len(names) == 1:
                self.assertEqual(self.completed(command + " --"), [command.split(" ")[1], "--" + names[0]])
            elif " " in command or command == "trouped":
                offered = {word.split("=")[0] for word in self.listed(command + " --")}
                self.assertEqual({"--" + name for name in names} - offered, set(), command)


@unittest.skipUnless(shutil.which("bash"), "there is no bash")
class Bash(Interactive, Case):
    LIST_END = r"%s\r?\n((?:[^\n]*\n)*?)[^\n]*" + PROMPT

    def argv(self):
        return ["bash", "--norc", "--noprofile", "-i"]

    def begin(self):
        self.shell.send("bind 'set show-all-if-ambiguous on'; bind 'set page-completions off'; "
                        "bind 'set completion-query-items -1'; bind 'set enable-bracketed-paste off'; "
                        "source %s/troupe.bash\n" % COMPLETION)


@unittest.skipUnless(shutil.which("zsh"), "zsh is not installed (scripts/setup test)")
class Zsh(Interactive, Case):
    LIST_END = r"%s(?:\S*)?\r?\r?\n((?:[^\n]*\n)*?)[^\n]*" + PROMPT

    def argv(self):
        return ["zsh", "-f", "-i"]

    def begin(self):
        self.shell.send("unset zle_bracketed_paste; unsetopt prompt_sp prompt_cr; LISTMAX=1000; setopt no_beep; bindkey -e; "
                        "fpath=(%s $fpath); autoload -Uz compinit; compinit -D -u\n" % COMPLETION)


if __name__ == "__main__":
    unittest.main()
