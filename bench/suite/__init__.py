"""The benchmark suite's parts: what is measured (workloads), against whom (peers), how (execute, measure), what it
means (figures), and how it is shown (report, svg). bench/run and bench/compare put them together."""
