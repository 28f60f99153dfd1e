"""For tests of the two programs: starting them, waiting for what they write, ending them. Every wait is bounded."""
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TROUPE_BUILD", os.path.join(ROOT, "build"))
TROUPED = os.path.join(BUILD, "trouped")
TROUPE = os.path.join(BUILD, "troupe")
PATIENCE = 30  # seconds for anything that should happen at once, on a busy machine

# For tests that watch a program's memory: what is free goes back at once, not in the ten seconds that follow (malloc_conf in
# vm/life.c), so that what stays is in use.
FREE_AT_ONCE = dict(os.environ, MALLOC_CONF="dirty_decay_ms:0,muzzy_decay_ms:0")

HEAD = """version: "1.0"
namespace: app
control: {socket: ""}
entries:
  - {name: processes, kind: process.host, host: {workers: 2}, lifecycle: {auto_start: true}}
"""


def entry(name, text):
    """A process.lua whose source is `text`."""
    return "  - name: %s\n    kind: process.lua\n    source: |\n%s\n" % (name, indent(text))


def main(body):
    """The text of an entry whose main has this body."""
    return "local function main(...)\n%s\nend\nreturn { main = main }\n" % body


def service(name, process, lifecycle="", more=""):
    return "  - {name: %s, kind: process.service, process: %s, host: processes, lifecycle: {auto_start: true%s}%s}\n" % (
        name, process, ", " + lifecycle if lifecycle else "", ", " + more if more else "")


def indent(text):
    return "\n".join("      " + line for line in text.strip("\n").split("\n"))


class Program:
    """A started program, its output collected by threads as it comes."""

    def __init__(self, argv, stdout=None, stderr=None, **more):
        self.text = {"out": "", "err": ""}
        self.changed = threading.Condition()
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stdout or subprocess.PIPE,
                                        stderr=stderr or subprocess.PIPE, **more)
        self.readers = []
        for name, pipe in (("out", self.process.stdout), ("err", self.process.stderr)):
            if pipe:
                reader = threading.Thread(target=self.collect, args=(name, pipe), daemon=True)
                reader.start()
                self.readers.append(reader)

    def collect(self, name, pipe):
        with pipe:
            while True:
                data = os.read(pipe.fileno(), 1 << 16)
                with self.changed:
                    self.text[name] += data.decode("utf-8", "replace")
                    self.changed.notify_all()
                if not data:
                    return

    @property
    def out(self):
        return self.text["out"]

    @property
    def err(self):
        return self.text["err"]

    def await_text(self, pattern, where="err", times=1):
        """Waits until `pattern` stands so many times in what was written; returns the last match."""
        end = time.monotonic() + PATIENCE
        with self.changed:
            while True:
                found = list(re.finditer(pattern, self.text[where], re.M))
                if len(found) >= times:
                    return found[times - 1]
                left = end - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and not any(r.is_alive() for r in self.readers)):
                    raise AssertionError("%r (%d times) not in %s: %s\nother: %s" % (
                        pattern, times, where, self.text[where], self.text["out" if where == "err" else "err"]))
                self.changed.wait(min(left, 0.5))

    def send(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Its exit status, all output collected."""
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError("no end within %d s; stdout: %s\nstderr: %s" % (
                PATIENCE, self.out[-4000:], self.err[-4000:])) from None
        for reader in self.readers:
            reader.join(PATIENCE)
        return status

    def stop(self, number=signal.SIGTERM):
        self.send(number)
        return self.wait()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Case(unittest.TestCase):
    """A test with a folder of its own, in which programs run; what is left of them is killed."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def put(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def start(self, *argv, **more):
        more.setdefault("cwd", self.folder.name)
        program = Program(list(argv), **more)
        self.addCleanup(program.close)
        return program

    def run_to_end(self, *argv, **more):
        program = self.start(*argv, **more)
        program.status = program.wait()
        return program

    def daemon(self, text, *options, ready=True, **more):
        """A daemon with that configuration, ready unless that is not wanted."""
        self.put("troupe.yaml", text)
        program = self.start(TROUPED, "--config", "troupe.yaml", *options, **more)
        if ready:
            program.await_text(r"msg=ready")
        return program


class NotifySocket:
    """What a program tells its service manager."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.lines = []
        self.datagrams = []

    def receive(self, seconds):
        """Takes the next datagram; False: none came."""
        self.socket.settimeout(max(0.01, seconds))
        try:
            self.datagrams.append(self.socket.recv(4096).decode())
        except TimeoutError:
            return False
        self.lines += self.datagrams[-1].split("\n")
        return True

    def await_line(self, pattern):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for at, line in enumerate(self.lines):
                if re.search(pattern, line):
                    self.lines = self.lines[at + 1:]
                    return line
            self.receive(end - time.monotonic())
        raise AssertionError("%r was not told; %r" % (pattern, self.lines))

    def close(self):
        self.socket.close()
