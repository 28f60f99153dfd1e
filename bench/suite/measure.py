"""Measures workloads: peers in turn within each repetition, so that what disturbs the machine disturbs all alike."""
import tempfile

from . import execute, machine
from .figures import disagreement, summary
from .peers import Unavailable


def sample(peer, workload, workers, args, quick):
    """One run of one peer: its values by name. Raises Unavailable or execute.Failed."""
    with tempfile.TemporaryDirectory(prefix="troupe-bench-") as tmp:
        argv, env = peer.command(workload, workers, args, tmp)
        machine.warm_memory(quick)
        if workload.mode == "run":
            outcome = execute.run(argv, env, workload.timeout)
            return {**execute.result_of(outcome.stdout), "cpu_s": outcome.cpu_seconds}
        if any(workload.hold):
            measure = execute.measure_idling(workload.hold[1 if quick else 0])
        else:
            measure = execute.measure_memory(int(args[0]))
        return execute.hold(argv, env, workload.timeout, measure)


def repetitions(workload, reps):
    return min(reps, workload.most_reps) if workload.most_reps else reps


def measure(workload, workers, peers, reps, quick=False, args=None):
    """Results of one workload with one number of workers, one for each peer that has this workload: a dict with
    `figures` (name to unit, better, samples, median, min, max, n) and `problems` (texts)."""
    peers = [peer for peer in peers if peer.runs(workload, workers)]
    args = args or workload.arguments(quick, workers)
    samples = {peer.name: [] for peer in peers}
    problems = {peer.name: [] for peer in peers}
    for rep in range(repetitions(workload, reps)):
        # Another peer begins each time: the first after a pause finds a cooler machine.
        for peer in peers[rep % len(peers):] + peers[:rep % len(peers)]:
            if problems[peer.name]:
                continue
            try:
                samples[peer.name].append(sample(peer, workload, workers, args, quick))
            except (Unavailable, execute.Failed) as problem:
                problems[peer.name].append(str(problem))
    wrong = disagreement({peer: values[-1].get("check") for peer, values in samples.items() if values})
    results = []
    for peer in peers:
        figures = {}
        for figure in workload.figures:
            values = [v[figure.name] for v in samples[peer.name] if figure.name in v]
            if values:
                figures[figure.name] = {"unit": figure.unit, "better": figure.better, "samples": values,
                                        **summary(values)}
        results.append({"workload": workload.name, "workers": workers, "peer": peer.name, "arguments": args,
                        "figures": figures, "problems": problems[peer.name] + ([wrong] if wrong else [])})
    return results
