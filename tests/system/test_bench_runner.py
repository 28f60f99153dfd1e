#!/usr/bin/env python3
"""The benchmark runner: its calculations, its report from made-up results, its tables, the C timing harness."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(ROOT, "bench")
sys.path.insert(0, BENCH)
sys.dont_write_bytecode = True
from suite import execute, figures, measure, micro, peers, report, staging, workloads  # noqa: E402

SH = ["sh", "-c"]


def result(workload, workers, peer, name, samples, better="more", problems=()):
    return {"workload": workload, "workers": workers, "peer": peer, "arguments": [], "problems": list(problems),
            "figures": {name: {"unit": "x", "better": better, "samples": samples, **figures.summary(samples)}}}


class Figures(unittest.TestCase):
    def test_summary_is_median_and_range(self):
        self.assertEqual(figures.summary([5, 1, 3]), {"median": 3, "min": 1, "max": 5, "n": 3})
        self.assertEqual(figures.summary([4, 1, 2, 3])["median"], 2.5)
        self.assertIsNone(figures.summary([]))

    def test_times_as_good_looks_the_way_that_is_better(self):
        self.assertEqual(figures.times_as_good(6, 2, "more"), 3)
        self.assertEqual(figures.times_as_good(2, 6, "less"), 3)
        self.assertIsNone(figures.times_as_good(0, 2, "more"))
        self.assertIsNone(figures.times_as_good(None, 2, "more"))

    def test_limits(self):
        both = {"must": 2, "goal": 4}
        self.assertEqual([figures.judged(v, both) for v in (4, 2, 1.9, None)],
                         [figures.MET_GOAL, figures.MET_MUST_ONLY, figures.MISSED_MUST, figures.UNKNOWN])
        most = {"must": 4, "goal": 2, "at_most": True}
        self.assertEqual([figures.judged(v, most) for v in (2, 3, 5)],
                         [figures.MET_GOAL, figures.MET_MUST_ONLY, figures.MISSED_MUST])
        self.assertEqual(figures.judged(1, {"goal": 2}), figures.MISSED_GOAL)
        self.assertEqual(figures.judged(1, {"must": 1}), figures.MET_MUST)

    def test_targets_use_medians_of_the_same_number_of_workers(self):
        results = [result("w", 1, "troupe", "f", [9, 10, 11]), result("w", 1, "erlang", "f", [5]),
                   result("w", 2, "troupe", "f", [30]), result("w", 2, "erlang", "f", [60])]
        rows = figures.check_targets([
            {"workload": "w", "figure": "f", "kind": "ratio", "peer": "erlang", "must": 1.5, "goal": 3},
            {"workload": "w", "figure": "f", "kind": "speedup", "must": 2, "goal": 3},
            {"workload": "w", "figure": "f", "kind": "value", "workers": [2], "must": 31},
            {"workload": "other", "figure": "f", "kind": "value", "must": 1},
        ], results)
        self.assertEqual([(row["at"], row["value"], row["status"]) for row in rows], [
            ("1", 2, figures.MET_MUST_ONLY), ("2", 0.5, figures.MISSED_MUST), ("2/1", 3, figures.MET_GOAL),
            ("2", 30, figures.MISSED_MUST)])

    def test_speedup_of_seconds(self):
        results = [result("w", 1, "troupe", "f", [4], "less"), result("w", 2, "troupe", "f", [2], "less")]
        rows = figures.check_targets([{"workload": "w", "figure": "f", "kind": "speedup", "goal": 1.95}], results)
        self.assertEqual([(row["value"], row["status"]) for row in rows], [(2, figures.MET_GOAL)])

    def test_disagreement_names_the_peers(self):
        self.assertIsNone(figures.disagreement({"a": 1.0, "b": 1 + 1e-12, "c": None}))
        self.assertIsNone(figures.disagreement({}))
        self.assertRegex(figures.disagreement({"a": 1, "b": 2}), "a 1, b 2")


class Tables(unittest.TestCase):
    def test_every_workload_has_its_files(self):
        for workload in workloads.WORKLOADS:
            folder = os.path.join(BENCH, "workloads", workload.folder)
            for name in ("troupe.yaml", "entries.yaml"):
                self.assertTrue(os.path.exists(os.path.join(folder, name)), (workload.name, name))
            with open(os.path.join(folder, "entries.yaml"), encoding="utf-8") as file:
                for source in re.findall(r"file://([\w./-]+)", file.read()):
                    self.assertTrue(os.path.exists(os.path.join(folder, source)), (workload.name, source))
            if workload.erlang:
                self.assertTrue(os.path.exists(os.path.join(BENCH, "peers", "erlang", workload.erlang + ".erl")))

    def test_every_folder_is_of_a_workload(self):
        self.assertEqual(set(os.listdir(os.path.join(BENCH, "workloads"))), {w.folder for w in workloads.WORKLOADS})

    def test_causes_of_what_was_missed(self):
        rows = [{"workload": "w", "figure": "f", "kind": "value", "at": str(at), "value": at, "must": 2, "goal": goal,
                 "status": status, "cause": "because"}
                for at, goal, status in ((1, 3, figures.MISSED_MUST), (2, 3, figures.MET_MUST_ONLY), (3, 3, figures.MET_GOAL),
                                         (2, None, figures.MET_MUST))]
        self.assertEqual(list(report.causes(rows[2:])), [])
        self.assertIn("- **w: f** (1.00 of ≥ 2.00, 2.00 of ≥ 3.00): because.", list(report.causes(rows)))

    def test_the_report_names_a_cause_for_all_that_it_missed(self):
        with open(os.path.join(BENCH, "report.json"), encoding="utf-8") as file:
            for row in json.load(file)["targets"]:
                self.assertTrue(row["status"] not in figures.MISSED or row.get("cause"), row)

    def test_targets_fit_the_workloads(self):
        known = {w.name: w for w in workloads.WORKLOADS}
        with open(os.path.join(BENCH, "targets.json"), encoding="utf-8") as file:
            for target in json.load(file):
                workload = known[target["workload"]]
                figure = {f.name: f for f in workload.figures}[target["figure"]]
                self.assertIn(target["kind"], ("ratio", "value", "speedup"))
                self.assertLessEqual(target.keys(), {"workload", "figure", "kind", "peer", "workers", "at_most", "cause", "must",
                                                     "goal"})
                self.assertTrue(target.keys() & {"must", "goal"})
                if target["kind"] == "value":
                    self.assertEqual(target.get("at_most", False), figure.better == workloads.LESS, target)
                if target["kind"] == "ratio":
                    self.assertTrue(target["peer"] == "erlang" and workload.erlang or
                                    target["peer"] in workload.peers, target)

    def test_readme_names_every_workload(self):
        with open(os.path.join(BENCH, "README.md"), encoding="utf-8") as file:
            text = file.read()
        for workload in workloads.WORKLOADS:
            self.assertRegex(text, r"(?m)^\|[^|]*\b(%s|%s)\b" % (workload.name, workload.group))

    def test_select(self):
        names = lambda *args: [w.name for w in workloads.select(*args)]
        self.assertEqual(names(["ring"], False), ["ring"])
        self.assertEqual(names(["idle"], False), ["idle"])
        self.assertEqual(names(["cpu"], True), ["cpu-fib", "cpu-nbody", "cpu-strings", "cpu-concat"])
        self.assertNotIn("idle-1m", names([], True))
        self.assertIn("idle-1m", names([], False))
        self.assertTrue(workloads.select(["idle-1m"], True)[0].quick)
        with self.assertRaisesRegex(workloads.UnknownWorkload, "nosuch"):
            workloads.select(["nosuch"], False)

    def test_list(self):
        done = subprocess.run([os.path.join(BENCH, "run"), "--list"], stdout=subprocess.PIPE, text=True, check=True)
        for workload in workloads.WORKLOADS:
            self.assertRegex(done.stdout, r"(?m)^%s " % re.escape(workload.name))

    def test_bad_arguments_are_named(self):
        for argv, status, words in ((["nosuch"], 64, "nosuch: no such workload"), (["--reps", "0"], 2, "at least 1"),
                                    (["ring", "--workers", "x"], 2, "numbers of at least 1"),
                                    (["ring", "--peers", "go"], 64, "go: no such peer"),
                                    (["--config", "x"], 2, "name one workload")):
            done = subprocess.run([os.path.join(BENCH, "run"), *argv], stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, status, argv)
            self.assertIn(words, done.stderr)


class Execution(unittest.TestCase):
    def test_figures_are_the_last_object(self):
        self.assertEqual(execute.result_of('noise {1}\n{"a": 1}\n{"a": 2.5, "check": 3}\n'), {"a": 2.5, "check": 3})
        self.assertEqual(execute.result_of('line\n{\n "a": 1\n}\n'), {"a": 1})
        for bad in ("", "no figures", '{"a": "text"}', '{"a": 1'):
            with self.assertRaises(execute.Failed):
                execute.result_of(bad)

    def test_run_gives_output_and_cpu_time(self):
        outcome = execute.run(SH + ['echo "$WORD"'], {"WORD": "hello"}, 20)
        self.assertEqual(outcome.stdout, "hello\n")
        self.assertGreaterEqual(outcome.cpu_seconds, 0)

    def test_failures_tell_what_happened(self):
        with self.assertRaisesRegex(execute.Failed, "exit status 3: broken"):
            execute.run(SH + ["echo broken >&2; exit 3"], {}, 20)
        with self.assertRaisesRegex(execute.Failed, "signal 9"):
            execute.run(SH + ["kill -9 $$"], {}, 20)
        with self.assertRaisesRegex(execute.Failed, "not done after 0"):
            execute.run(["sleep", "60"], {}, 0.1)
        with self.assertRaisesRegex(execute.Failed, "cannot be started"):
            execute.run(["/nonexistent/program"], {}, 1)

    def test_hold_measures_when_ready_and_ends_the_program(self):
        measured = execute.hold(SH + ["echo starting; echo ready; sleep 60 & wait"], {}, 20,
                                lambda pid: (pid, execute.memory_bytes(pid), execute.wakeups(pid)))
        self.assertGreater(measured[1], 4096)
        self.assertFalse(os.path.exists("/proc/%d" % measured[0]))
        with self.assertRaisesRegex(execute.Failed, "ended before it was ready: oops"):
            execute.hold(SH + ["echo oops >&2"], {}, 20, lambda pid: None)

    def test_peers_take_turns(self):
        calls = []

        class Fake:
            def __init__(self, name, value):
                self.name, self.value = name, value

            def runs(self, workload, workers):
                return True

            def command(self, workload, workers, args, tmp):
                calls.append(self.name)
                return SH + ['echo \'{"hops_per_s": %d, "check": %s}\'' % (self.value, args[0])], {}

        results = measure.measure(workloads.select(["pingpong"], True)[0], 1, [Fake("a", 4), Fake("b", 8)], 2,
                                  args=["7"])
        self.assertEqual(calls, ["a", "b", "b", "a"])
        self.assertEqual([r["figures"]["hops_per_s"]["samples"] for r in results], [[4, 4], [8, 8]])
        self.assertEqual([r["problems"] for r in results], [[], []])

    def test_a_failing_peer_is_a_problem_not_an_end(self):
        missing = peers.Troupe(build="/nonexistent")
        results = measure.measure(workloads.select(["pingpong"], True)[0], 1, [missing], 3, quick=True)
        self.assertEqual(results[0]["figures"], {})
        self.assertEqual(len(results[0]["problems"]), 1)
        self.assertIn("/nonexistent/troupe: not built", results[0]["problems"][0])


class Reports(unittest.TestCase):
    RESULTS = [
        ("pingpong", 1, "troupe", "hops_per_s", [8e6, 9e6, 7e6]), ("pingpong", 1, "erlang", "hops_per_s", [3.2e6]),
        ("scale-1", 1, "troupe", "messages_per_s", [8e6]), ("scale-8", 1, "troupe", "messages_per_s", [9e6]),
        ("scale-1", 1, "erlang", "messages_per_s", [3e6]),
    ]

    def build(self):
        results = [result(*row) for row in self.RESULTS]
        results.append({"workload": "ring", "workers": 1, "peer": "erlang", "arguments": [], "figures": {},
                        "problems": ["broke | here"]})
        targets = [{"workload": "pingpong", "figure": "hops_per_s", "kind": "ratio", "peer": "erlang", "must": 1.3,
                    "goal": 2.5}]
        found = micro.Micro("bench_x", [{"name": "push", "threads": 2, "ns_per_op": 10.0, "min": 9.0, "max": 11.0,
                                         "mops": 200.0}], "note", "")
        return report.build(results, targets, [("processor", "a & b")], True, [found._asdict()])

    def test_files(self):
        with tempfile.TemporaryDirectory() as directory:
            report.write(self.build(), directory)
            self.assertEqual(set(os.listdir(directory)), {"report.md", "report.json", "ratios.svg", "scale.svg"})
            with open(os.path.join(directory, "report.json"), encoding="utf-8") as file:
                data = json.load(file)
            with open(os.path.join(directory, "report.md"), encoding="utf-8") as file:
                text = file.read()
            for name in ("ratios.svg", "scale.svg"):
                root = xml.etree.ElementTree.parse(os.path.join(directory, name)).getroot()
                self.assertTrue(root.tag.endswith("svg"))
        self.assertEqual(data["targets"][0]["value"], 2.5)
        self.assertEqual(data["results"][1]["figures"]["hops_per_s"]["times_as_good"], 2.5)
        self.assertIn("| pingpong: hops_per_s against erlang | 1 | 2.50× | ≥ 1.30× | ≥ 2.50× | goal met |", text)
        self.assertIn("| pingpong | 1 | erlang | hops_per_s | 3.20 M | x | 3.20 M | 3.20 M | 1 | 2.50× |", text)
        self.assertIn("| ring | 1 | erlang | broke \\| here |", text)
        self.assertIn("| bench_x | push | 2 |", text)
        self.assertIn("A quick run", text)

    def test_numbers_for_people(self):
        self.assertEqual([report.number(v) for v in (0, 0.129, 1.5, 12288, 123456, 3280000, 45.61, None)],
                         ["0", "0.129", "1.50", "12,288", "123 k", "3.28 M", "45.6", "-"])

    def test_terminal_lines(self):
        lines = list(report.terminal_lines(report.ratios([result(*row) for row in self.RESULTS[:2]])))
        self.assertIn("8.00 M", lines[0])
        self.assertIn("troupe is 2.50×", lines[1])

    def test_micro_output(self):
        row = {"name": "a", "threads": 1, "ns_per_op": 1.0, "min": 1.0, "max": 1.0, "mops": 1000.0}
        self.assertEqual(micro.parse("head\n%s\n{1}" % json.dumps(row)), ([row], "head\n{1}"))


class OwnConfiguration(unittest.TestCase):
    def test_include_is_added_in_each_style(self):
        for text, wanted in (
                ("version: \"1.0\"\n", "version: \"1.0\"\ninclude: [w.yaml]\n"),
                ("include: [a.yaml, b]\nx: 1\n", "include: [w.yaml, a.yaml, b]\nx: 1\n"),
                ("include: []\n", "include: [w.yaml]\n"),
                ("include:  # mine\n  # first\n  - a.yaml\nx: 1\n",
                 "include:  # mine\n  - w.yaml\n  # first\n  - a.yaml\nx: 1\n"),
                ("include:\n- a.yaml\n", "include:\n- w.yaml\n- a.yaml\n")):
            self.assertEqual(staging.with_include(text, "w.yaml"), wanted)
        for bad in ("include: a.yaml\n", "include:\nentries: []\n"):
            with self.assertRaises(staging.CannotInclude):
                staging.with_include(bad)

    def test_stage_copies_both(self):
        with tempfile.TemporaryDirectory() as mine, tempfile.TemporaryDirectory() as staged:
            os.mkdir(os.path.join(mine, "sub"))
            for name, text in (("my.yaml", "namespace: app\n"), ("sub/more.yml", "x"), ("a.lua", "y"), ("big.bin", "z")):
                with open(os.path.join(mine, name), "w", encoding="utf-8") as file:
                    file.write(text)
            path = staging.stage(os.path.join(mine, "my.yaml"), workloads.select(["ring"], True)[0], staged)
            with open(path, encoding="utf-8") as file:
                self.assertIn("include: [bench-workload/entries.yaml]", file.read())
            for name in ("sub/more.yml", "a.lua", "bench-workload/member.lua"):
                self.assertTrue(os.path.exists(os.path.join(staged, name)), name)
            self.assertFalse(os.path.exists(os.path.join(staged, "big.bin")))


class Harness(unittest.TestCase):
    PROGRAM = r"""
#include "bench/micro/bench.h"
static uint64_t before_calls, after_ops;
static void before(void *ctx, unsigned threads, uint64_t n) { before_calls++; }
static void after(void *ctx, unsigned threads, uint64_t n) { after_ops = threads * n; }
static void work(void *ctx, unsigned thread, uint64_t n) {
    uint64_t done = 0;
    for (uint64_t i = 0; i < n; i++, done++)
        bench_keep(&done);
}
int main(int argc, char **argv) {
    struct bench_case cases[] = {
        {.name = "one", .run = work, .before = before, .after = after},
        {.name = "two", .threads = 2, .run = work, .most = 1000, .before = before, .after = after},
    };
    int status = bench_main(argc, argv, cases, 2);
    fprintf(stderr, "%d %d\n", before_calls > 3, after_ops == 2000);
    return status;
}
"""

    def test_rows(self):
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if not compiler:
            self.skipTest("no C compiler")
        with tempfile.TemporaryDirectory() as directory:
            source, program = os.path.join(directory, "m.c"), os.path.join(directory, "m")
            with open(source, "w", encoding="utf-8") as file:
                file.write(self.PROGRAM)
            subprocess.run([compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Werror",
                            "-Wno-unused-parameter", "-I" + ROOT, "-pthread", source, "-o", program], check=True)
            found = list(micro.run(directory, True))
            self.assertEqual([(f.program, f.problem, f.text) for f in found], [("m", "", "")])
            self.assertEqual([(r["name"], r["threads"]) for r in found[0].rows], [("one", 1), ("two", 2)])
            for row in found[0].rows:
                self.assertTrue(0 < row["min"] <= row["ns_per_op"] <= row["max"], row)
            done = subprocess.run([program, "--text", "tw"], env={"QUICK": "1"}, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, check=True)
            self.assertRegex(done.stdout, r"^two +2 threads")
            self.assertEqual(done.stdout.count("\n"), 1)
            self.assertEqual(done.stderr, "1 1\n")
            self.assertEqual(subprocess.run([program, "--wrong"], stderr=subprocess.DEVNULL).returncode, 64)


if __name__ == "__main__":
    unittest.main()
