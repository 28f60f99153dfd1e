"""Runs the C microbenchmarks that are built (build/bench/micro/*). One that uses bench/micro/bench.h prints one JSON
object a line; what another one prints is kept as it is."""
import json
import os
from typing import NamedTuple

from . import execute

NEEDED = {"name", "threads", "ns_per_op", "min", "max", "mops"}


class Micro(NamedTuple):
    program: str
    rows: list      # of dicts with at least the NEEDED keys
    text: str       # the output that is no row
    problem: str    # what went wrong, or ""


def parse(output):
    """The rows in a microbenchmark's output, and its other lines."""
    rows, others = [], []
    for line in output.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict) and NEEDED <= row.keys():
            rows.append(row)
        else:
            others.append(line)
    return rows, "\n".join(others)


def programs(directory):
    if not os.path.isdir(directory):
        return []
    paths = [os.path.join(directory, name) for name in sorted(os.listdir(directory))]
    return [path for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)]


def run(directory, quick):
    """One Micro for each program; QUICK=1 in its environment asks it to be brief."""
    for path in programs(directory):
        name = os.path.basename(path)
        try:
            outcome = execute.run([path], {"QUICK": "1" if quick else ""}, 60 if quick else 600)
            yield Micro(name, *parse(outcome.stdout), "")
        except execute.Failed as problem:
            yield Micro(name, [], "", str(problem))
