"""What is measured: one row per workload, with its sizes for a full and for a quick run.

The arguments are the same for every peer: `main(...)` of the Lua application in bench/workloads/FOLDER and
`main([...])` of the Erlang module. "{workers}" in an argument is the number of workers of that run.
"""
from dataclasses import dataclass, replace
from typing import NamedTuple

MORE, LESS = "more", "less"


class Figure(NamedTuple):
    name: str
    unit: str
    better: str = MORE


@dataclass(frozen=True)
class Workload:
    name: str
    text: str
    args: tuple
    quick: tuple
    figures: tuple
    erlang: str = ""            # module of the Erlang peer; "" = none
    peers: tuple = ()           # further peers, by name
    folder: str = ""            # of bench/workloads; "" = the name
    group: str = ""             # another name under which it can be asked for
    mode: str = "run"           # run: ends by itself; hold: measured while it stays; daemon: the same, by trouped
    hold: tuple = (0, 0)        # seconds to measure while it stays, full and quick
    workers: tuple = (1, 2)
    quick_workers: tuple = (1, 2)
    timeout: int = 60           # seconds for one run, waiting included
    most_reps: int = 0          # 0 = as many as asked for
    full_only: bool = False

    def __post_init__(self):
        object.__setattr__(self, "folder", self.folder or self.name)
        object.__setattr__(self, "group", self.group or self.name)

    def arguments(self, quick, workers):
        return [arg.format(workers=workers) for arg in (self.quick if quick else self.args)]


HOPS = (Figure("hops_per_s", "hops/s"),)
MESSAGES = (Figure("messages_per_s", "msg/s"),)
SECONDS = (Figure("seconds", "s", LESS),)
MEMORY = (Figure("bytes_each", "B/process", LESS), Figure("total_gib", "GiB", LESS))
DELAYS = (Figure("p50_us", "µs", LESS), Figure("p99_us", "µs", LESS), Figure("max_us", "µs", LESS))

FAIRNESS = Workload(
    "fairness", "round trips of a pair beside one endless compiled loop per worker",
    ("5000", "{workers}", "0"), ("1000", "{workers}", "0"), DELAYS, erlang="fairness")
IDLE = Workload(
    "idle", "100,000 processes blocked in receive: resident memory, all included",
    ("100000",), ("20000",), MEMORY, erlang="idle", mode="hold", timeout=120)


def cpu(kind, text, args, quick, luajit=()):
    return Workload("cpu-" + kind, text, (kind,) + args, (kind,) + quick, SECONDS, erlang="cpu", peers=luajit,
                    folder="cpu", group="cpu", timeout=120)


def string(mode, name, text):
    return Workload(name, text, (mode, "50000", "65536"), (mode, "5000", "65536"), (Figure("mib_per_s", "MiB/s"),),
                    erlang="strings", folder="string")


def scale(pairs, quick):
    return Workload("scale-%d" % pairs, "%d pair%s exchange 1,000,000 round trips" % (pairs, "s" if pairs > 1 else ""),
                    (str(pairs), "1000000"), (str(pairs), "100000"), MESSAGES, erlang="scale", folder="scale",
                    group="scale", workers=(1, 2, 4, 8), full_only=not quick)


WORKLOADS = [
    Workload("pingpong", "two processes, a small integer there and back", ("1000000",), ("100000",), HOPS,
             erlang="pingpong"),
    Workload("ring", "1,000 processes, one token", ("1000", "2000000"), ("1000", "200000"), HOPS, erlang="ring"),
    Workload("fanin", "8 producers, one counter", ("8", "250000"), ("8", "30000"), MESSAGES, erlang="fanin"),
    Workload("spawn", "short-lived monitored processes, at most 1,000 at a time", ("100000", "1000"),
             ("20000", "1000"), (Figure("spawns_per_s", "spawns/s"),), erlang="spawns"),
    Workload("spawn-cold", "the same through 200 entries in turn; `first`: the first run of each",
             ("100000", "1000"), ("20000", "1000"),
             (Figure("spawns_per_s", "spawns/s"), Figure("first_per_s", "spawns/s"))),
    IDLE,
    replace(IDLE, name="idle-1m", group="idle-1m", text="the same with 1,000,000 processes", args=("1000000",), quick=(),
            timeout=300, most_reps=1, full_only=True),
    Workload("table", "a record of small parts per message", ("200000",), ("30000",), MESSAGES, erlang="table"),
    Workload("big", "200 processes, each pings random others", ("200", "2000"), ("200", "200"), MESSAGES,
             erlang="big"),
    cpu("fib", "8 processes, naive recursive fib(32) each", ("8", "32"), ("8", "30"), ("luajit",)),
    cpu("nbody", "8 processes, an n-body simulation each", ("8", "1000000"), ("8", "40000"), ("luajit",)),
    cpu("strings", "8 processes build documents of formatted lines", ("8", "50"), ("8", "10")),
    cpu("concat", "8 processes build documents of small pieces", ("8", "500"), ("8", "100")),
    Workload("timers", "100,000 processes sleep a random 0-1,000 ms once", ("100000", "1000"), ("20000", "300"),
             (Figure("late_p50_ms", "ms", LESS), Figure("late_p99_ms", "ms", LESS), Figure("late_max_ms", "ms", LESS),
              Figure("cpu_s", "CPU s", LESS)), erlang="timers"),
    FAIRNESS,
    replace(FAIRNESS, name="fairness2", text="the same pair rests 1 ms before each round trip: the extra delay",
            args=("5000", "{workers}", "1"), quick=("1000", "{workers}", "1"), group="fairness2"),
    string("same", "string", "64 KiB strings in a window of 64"),
    string("fresh", "string-fresh", "the same, every string another one"),
    Workload("pool", "100,000 tasks over 100 monitored workers", ("100000", "100"), ("10000", "100"),
             (Figure("tasks_per_s", "tasks/s"),), erlang="pool"),
    *[scale(pairs, quick=pairs in (1, 8, 64)) for pairs in (1, 2, 4, 8, 16, 32, 64)],
    Workload("idle-cpu", "a daemon with 10,000 waiting processes, one minute", ("10000",), ("10000",),
             (Figure("cpu_percent", "% CPU", LESS), Figure("wakeups_per_s", "wake-ups/s", LESS)), erlang="idle",
             mode="daemon", hold=(60, 3), timeout=120, most_reps=1),
    Workload("manystates", "50,000 live states with a hot loop each: is the last batch as quick as the first?",
             ("50000", "5000", "20000"), ("10000", "1000", "20000"),
             (Figure("create_first_per_s", "states/s"), Figure("create_last_per_s", "states/s"),
              Figure("create_last_to_first", "×"), Figure("loop_first_us", "µs", LESS),
              Figure("loop_last_us", "µs", LESS)), peers=("jit-off", "jit-on"), timeout=120),
]


class UnknownWorkload(Exception):
    """A name that is neither a workload nor a group."""


def select(names, quick):
    """The workloads with one of these names or of these groups, in the order of the table; all when there are none.
    In a quick run the large ones are left out, except one that is asked for by its own name."""
    known = {w.name for w in WORKLOADS} | {w.group for w in WORKLOADS}
    for name in names:
        if name not in known:
            raise UnknownWorkload("%s: no such workload; one of %s" % (name, " ".join(sorted(known))))
    chosen = [w for w in WORKLOADS if not names or w.name in names or w.group in names]
    return [w if w.quick else replace(w, quick=w.args) for w in chosen
            if w.name in names or not (quick and w.full_only)]
