"""Against whom it is measured: each peer turns a workload into a command line and an environment."""
import os
import shutil
import subprocess

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(BENCH)


class Unavailable(Exception):
    """This peer cannot run here, or not this workload; the text says why."""


def workload_folder(workload):
    return os.path.join(BENCH, "workloads", workload.folder)


class Troupe:
    """The programs of one build directory. `config`: a configuration other than the workload's own; `host`: the host
    in it to run on."""

    def __init__(self, name="troupe", build=None, config=None, host=None, env=None):
        self.name = name
        self.build = os.path.abspath(build or os.environ.get("TROUPE_BUILD") or os.path.join(ROOT, "build"))
        self.config, self.host, self.env = config, host, env or {}

    def runs(self, workload, workers):
        return True

    def command(self, workload, workers, args, tmp):
        program = os.path.join(self.build, "trouped" if workload.mode == "daemon" else "troupe")
        if not os.access(program, os.X_OK):
            raise Unavailable("%s: not built" % program)
        config = self.config or os.path.join(workload_folder(workload), "troupe.yaml")
        env = {"WORKERS": str(workers), "BENCH_TMP": tmp, **self.env}
        if workload.mode == "daemon":
            env["PROCESSES"] = args[0]
            if self.host:
                env["BENCH_HOST"] = self.host
            return [program, "--config", config], env
        argv = [program, "run", "bench:main", *args, "--config", config]
        return argv + (["--host", self.host] if self.host else []), env


class Erlang:
    """Erlang/OTP with as many schedulers as workers, everything else as it comes."""

    name = "erlang"

    def __init__(self, beams=None):
        self.beams = beams or os.path.join(ROOT, "build", "bench", "erlang")
        self.compiled = False

    def runs(self, workload, workers):
        return bool(workload.erlang)

    def compile(self):
        sources = os.path.join(BENCH, "peers", "erlang")
        names = sorted(os.path.join(sources, name) for name in os.listdir(sources) if name.endswith(".erl"))
        os.makedirs(self.beams, exist_ok=True)
        made = subprocess.run(["erlc", "-o", self.beams, *names], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
        if made.returncode != 0:
            raise Unavailable("erlc: " + made.stdout.strip())
        self.compiled = True

    def command(self, workload, workers, args, tmp):
        if not shutil.which("erl") or not shutil.which("erlc"):
            raise Unavailable("Erlang is not installed (scripts/setup bench)")
        if not self.compiled:
            self.compile()
        # +P: room for the idle processes; the default is 262,144.
        argv = ["erl", "+S", "%d:%d" % (workers, workers), "+P", "2000000", "-noshell", "-pa", self.beams,
                "-run", "bench", "run", workload.erlang, *args]
        return argv, {"ERL_CRASH_DUMP_SECONDS": "0"}


class LuaJIT:
    """The LuaJIT that Troupe is built with, without Troupe: one state, one thread."""

    name = "luajit"

    def __init__(self, program=None):
        self.program = program or os.path.join(ROOT, "build", "luajit", "bin", "luajit")

    def runs(self, workload, workers):
        return self.name in workload.peers and workers == 1

    def command(self, workload, workers, args, tmp):
        if not os.access(self.program, os.X_OK):
            raise Unavailable("%s: not built (scripts/build-luajit)" % self.program)
        kind, times, size = args
        return [self.program, os.path.join(BENCH, "peers", "luajit", "cpu.lua"),
                os.path.join(workload_folder(workload), kind + ".lua"), times, size], {}


class Jit(Troupe):
    """Troupe itself with another `jit`, where a workload's configuration reads JIT."""

    def __init__(self, jit, build=None):
        super().__init__("jit-" + jit, build, env={"JIT": jit})

    def runs(self, workload, workers):
        return self.name in workload.peers


def standard(build=None):
    return [Troupe(build=build), Erlang(), LuaJIT(), Jit("off", build), Jit("on", build)]
