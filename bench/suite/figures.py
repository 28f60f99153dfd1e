"""What measurements mean: medians, how many times as good, and which targets are met. Pure functions."""
import math
from statistics import median

from .workloads import MORE

MET_GOAL, MET_MUST, UNKNOWN = "goal met", "must met", "unknown"
MISSED = MET_MUST_ONLY, MISSED_GOAL, MISSED_MUST = "must met, goal missed", "goal missed", "MUST MISSED"


def summary(samples):
    """Median, smallest, largest and number of samples; None without any."""
    if not samples:
        return None
    return {"median": median(samples), "min": min(samples), "max": max(samples), "n": len(samples)}


def times_as_good(ours, theirs, better):
    """How many times as good our value is as theirs; None when that cannot be said."""
    if ours is None or theirs is None or ours <= 0 or theirs <= 0:
        return None
    return ours / theirs if better == MORE else theirs / ours


def disagreement(checks):
    """What is wrong with the peers' check values (by peer), or None when all computed the same."""
    values = {peer: value for peer, value in checks.items() if value is not None}
    first = next(iter(values.values()), 0)
    if all(math.isclose(value, first, rel_tol=1e-9) for value in values.values()):
        return None
    return "not the same result: " + ", ".join("%s %r" % pair for pair in sorted(values.items()))


class Results:
    """All results of a run, found by workload, workers and peer."""

    def __init__(self, results):
        self.by_key = {(r["workload"], r["workers"], r["peer"]): r for r in results}

    def median(self, workload, workers, peer, figure):
        found = self.by_key.get((workload, workers, peer))
        values = found and found["figures"].get(figure)
        return values["median"] if values else None

    def better(self, workload, figure):
        for (name, _, _), result in self.by_key.items():
            if name == workload and figure in result["figures"]:
                return result["figures"][figure]["better"]
        return MORE

    def workers(self, workload):
        return sorted({key[1] for key in self.by_key if key[0] == workload})


def judged(value, target):
    """Which of the target's two limits a value meets."""
    if value is None:
        return UNKNOWN
    meets = (lambda limit: value <= limit) if target.get("at_most") else (lambda limit: value >= limit)
    must, goal = target.get("must"), target.get("goal")
    if must is not None and not meets(must):
        return MISSED_MUST
    if goal is None:
        return MET_MUST
    if meets(goal):
        return MET_GOAL
    return MISSED_GOAL if must is None else MET_MUST_ONLY


def check_targets(targets, results, ours="troupe"):
    """One row per target and number of workers that was measured: the value and what it meets.

    Kinds: "ratio": our median, times as good as the peer's; "value": our median; "speedup": our median with two
    workers, times as good as with one.
    """
    known = Results(results)
    rows = []
    for target in targets:
        name, figure = target["workload"], target["figure"]
        better = known.better(name, figure)
        get = lambda workers, peer: known.median(name, workers, peer, figure)
        measured = [w for w in known.workers(name) if w in target.get("workers", [1, 2])]
        if target["kind"] == "speedup":
            values = [("2/1", times_as_good(get(2, ours), get(1, ours), better))] if measured == [1, 2] else []
        elif target["kind"] == "ratio":
            values = [(str(w), times_as_good(get(w, ours), get(w, target["peer"]), better)) for w in measured]
        else:
            values = [(str(w), get(w, ours)) for w in measured]
        rows += [{**target, "at": at, "value": value, "status": judged(value, target)} for at, value in values]
    return rows
