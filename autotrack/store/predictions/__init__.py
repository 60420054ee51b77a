"""The files that hold predictions of runs: one that grows, and the table it becomes."""
