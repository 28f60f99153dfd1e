"""Shows results: lines for the terminal, a Markdown page, a JSON file."""
import json
import os

from . import svg
from .figures import MISSED, MISSED_MUST, Results, check_targets, times_as_good
from .workloads import WORKLOADS

TEXTS = {workload.name: workload.text for workload in WORKLOADS}


def number(value):
    """A figure for people: three digits that matter, thousands and millions as such."""
    if value is None:
        return "-"
    size = abs(value)
    for limit, divisor, suffix in ((1e6, 1e6, " M"), (1e5, 1e3, " k")):
        if size >= limit:
            value, size = value / divisor, size / divisor
            return "%.*f%s" % (0 if size >= 100 else 1 if size >= 10 else 2, value, suffix)
    if size >= 1000:
        return "{:,.0f}".format(value)
    return "%.*f" % (0 if size >= 100 or value == 0 else 1 if size >= 10 else 2 if size >= 1 else 3, value)


def times(value):
    return "-" if value is None else "%.2f×" % value


def ratios(results, ours="troupe"):
    """Adds to each figure of another peer `times_as_good`: how many times as good ours is as that one."""
    known = Results(results)
    for result in results:
        for name, figure in result["figures"].items():
            mine = known.median(result["workload"], result["workers"], ours, name)
            figure["times_as_good"] = None if result["peer"] == ours else \
                times_as_good(mine, figure["median"], figure["better"])
    return results


def terminal_lines(results):
    """A line per figure and peer of the results of one workload and one number of workers."""
    for result in results:
        where = "%-12s %2d  %-8s" % (result["workload"], result["workers"], result["peer"])
        for name, figure in result["figures"].items():
            ratio = "  troupe is %s" % times(figure["times_as_good"]) if figure.get("times_as_good") else ""
            yield "%s %-18s %9s %-10s (%s to %s, n=%d)%s" % (
                where, name, number(figure["median"]), figure["unit"], number(figure["min"]), number(figure["max"]),
                figure["n"], ratio)
        for problem in result["problems"]:
            yield "%s problem: %s" % (where, " ".join(problem.split())[:200])


def limit(target, name):
    value = target.get(name)
    if value is None:
        return "-"
    text = "≤ " + number(value) if target.get("at_most") else "≥ " + number(value)
    return text if target["kind"] == "value" else text + "×"


def measured(row):
    return number(row["value"]) if row["kind"] == "value" else times(row["value"])


def target_name(row):
    if row["kind"] == "ratio":
        return "%s: %s against %s" % (row["workload"], row["figure"], row["peer"])
    if row["kind"] == "speedup":
        return "%s: %s, two workers against one" % (row["workload"], row["figure"])
    return "%s: %s" % (row["workload"], row["figure"])


def target_lines(rows):
    for row in rows:
        yield "%-52s %-4s %9s  must %-9s goal %-9s %s" % (
            target_name(row), row["at"], measured(row), limit(row, "must"), limit(row, "goal"), row["status"])


def causes(rows):
    """What profiling showed to be in the way of targets, goals included, that this run missed; and by how much."""
    missed = {}
    for row in rows:
        if row["status"] in MISSED and "cause" in row:
            missed.setdefault((target_name(row), row["cause"]), []).append(
                "%s of %s" % (measured(row), limit(row, "must" if row["status"] == MISSED_MUST else "goal")))
    if missed:
        yield "What is in the way of those that were missed, musts and goals:"
        yield ""
        for (name, cause), figures in missed.items():
            yield "- **%s** (%s): %s." % (name, ", ".join(figures), cause)
        yield ""


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def table(heads, rows):
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(cell(value) for value in row) + " |"
    yield ""


def micro_section(programs):
    rows = [(program["program"], row) for program in programs for row in program["rows"]]
    if rows:
        yield from table(("program", "operation", "threads", "ns/op", "min", "max", "Mops/s"), (
            (name, row["name"], row["threads"], number(row["ns_per_op"]), number(row["min"]), number(row["max"]),
             number(row["mops"])) for name, row in rows))
    for program in programs:
        if program["text"]:
            yield from ("`%s`:" % program["program"], "", "```", program["text"], "```", "")
        if program["problem"]:
            yield from ("`%s` failed: %s" % (program["program"], " ".join(program["problem"].split())), "")


def micro_lines(program):
    """For the terminal: one microbenchmark program."""
    for row in program["rows"]:
        yield "%-16s %-30s %2d threads %9s ns/op" % (program["program"], row["name"], row["threads"],
                                                     number(row["ns_per_op"]))
    if program["text"]:
        yield program["text"]
    if program["problem"]:
        yield "%-16s problem: %s" % (program["program"], " ".join(program["problem"].split())[:200])


def markdown(report, pictures):
    """The page: machine, targets, all figures, microbenchmarks, problems."""
    yield "# Benchmark report"
    yield ""
    if report["quick"]:
        yield "**A quick run**: few repetitions of small sizes. It shows that everything works, not how fast it is."
        yield ""
    yield "Written by `bench/run`; bench/README.md tells how to read it. Ratios are of medians from this run; above 1"
    yield "means that Troupe is better, whichever way the figure counts."
    yield ""
    yield from table(("machine", ""), report["machine"])
    if report["targets"]:
        yield "## Targets"
        yield ""
        yield from table(("target", "workers", "measured", "must", "goal", ""), (
            (target_name(row), row["at"], measured(row), limit(row, "must"), limit(row, "goal"), row["status"])
            for row in report["targets"]))
        yield from causes(report["targets"])
    for name, text in pictures:
        yield "![%s](%s)" % (text, name)
        yield ""
    yield "## Figures"
    yield ""
    yield from table(("workload", "workers", "peer", "figure", "median", "unit", "min", "max", "n", "Troupe is"), (
        (result["workload"], result["workers"], result["peer"], name, number(figure["median"]), figure["unit"],
         number(figure["min"]), number(figure["max"]), figure["n"], times(figure["times_as_good"]))
        for result in report["results"] for name, figure in result["figures"].items()))
    if report["micro"]:
        yield "## C microbenchmarks"
        yield ""
        yield from micro_section(report["micro"])
    problems = [(r["workload"], r["workers"], r["peer"], problem)
                for r in report["results"] for problem in r["problems"]]
    if problems:
        yield "## Problems"
        yield ""
        yield from table(("workload", "workers", "peer", "what happened"), problems)
    yield "## Workloads"
    yield ""
    for name in dict.fromkeys(result["workload"] for result in report["results"]):
        yield "- **%s**: %s" % (name, TEXTS.get(name, ""))


def build(results, targets, machine, quick, micro=()):
    """Everything that is known of a run, as plain data: what report.json holds."""
    return {"format": 1, "quick": quick, "machine": machine, "targets": check_targets(targets, results),
            "results": ratios(results), "micro": list(micro)}


def write(report, directory):
    """Writes report.json, report.md and the pictures; returns the paths."""
    os.makedirs(directory, exist_ok=True)
    files = {"report.json": json.dumps(report, indent=1, ensure_ascii=False) + "\n"}
    pictures = []
    for name, text, drawing in (
            ("ratios.svg", "How many times as good as Erlang", svg.ratios(report["results"], report["targets"])),
            ("scale.svg", "Messages per second by pairs and workers", svg.scale(report["results"]))):
        if drawing:
            files[name] = drawing
            pictures.append((name, text))
    files["report.md"] = "\n".join(markdown(report, pictures)) + "\n"
    for name, text in files.items():
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(text)
    return [os.path.join(directory, name) for name in files]
