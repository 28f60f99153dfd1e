"""Runs the C microbenchmarks that are built (build/bench/micro/*): each prints one JSON object a line, see
bench/micro/bench.h."""
import json
import os

from . import execute

NEEDED = {"name", "threads", "ns_per_op", "min", "max", "mops"}


def parse(output):
    """The rows in a microbenchmark's output. Raises execute.Failed."""
    rows = []
    for text in output.splitlines():
        if text.startswith("{"):
            try:
                row = json.loads(text)
            except ValueError as error:
                raise execute.Failed("no JSON: %s: %r" % (error, text[:200])) from None
            if not NEEDED <= row.keys():
                raise execute.Failed("a row without %s" % ", ".join(sorted(NEEDED - row.keys())))
            rows.append(row)
    return rows


def programs(directory):
    if not os.path.isdir(directory):
        return []
    paths = [os.path.join(directory, name) for name in sorted(os.listdir(directory))]
    return [path for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)]


def run(directory, quick):
    """Yields (program name, rows, problem text or "") for each."""
    for path in programs(directory):
        try:
            outcome = execute.run([path] + (["--quick"] if quick else []), {}, 30 if quick else 300)
            yield os.path.basename(path), parse(outcome.stdout), ""
        except execute.Failed as problem:
            yield os.path.basename(path), [], str(problem)
