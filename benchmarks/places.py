"""What the first score at a place in a script costs more than later ones there, in CPU time."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from sklearn.metrics import accuracy_score

import autotrack
from benchmarks.timing import Samples
from benchmarks.workload import frame, pipeline, shuffled

# What a script is made of, besides.
_OTHER = '''
def helper_{i}(table, column="a", *, scale=1.0):
    """Scale a column, and say how much of it is missing."""
    values = [float(value) for value in table[column] if value is not None]
    missing = 1 - len(values) / max(len(table[column]), 1)
    if missing > 0.5:
        raise ValueError(f"{{column}} is missing in {{missing:.0%}} of the rows")
    return {{"values": [value * scale for value in values], "missing": missing}}


settings_{i} = {{"alpha": {i}, "names": ["a", "b", "c"], "limits": (0.1, 0.9)}}
total_{i} = sum(value**2 for value in range({i} + 3)) + settings_{i}["alpha"]
'''
# Labels that another model may give as well, so that the program has to show whose they are.
_SCORED = """
for again in range(9):
    labels = (model.predict_proba(X_new)[:, 1] > limit).astype(int)
    started = clock()
    value = accuracy_score(y_new, labels)
    took.append(clock() - started)
"""


def places(quick: bool) -> Samples:
    """The first score at a place, in a script of 300 lines and in one of 3,000."""
    X, y = frame()
    X_new, y_new = shuffled(X, y)
    with autotrack.enable(store="store"):
        model = pipeline().fit(X, y)
        names = {"model": model, "X_new": X_new, "y_new": y_new, "accuracy_score": accuracy_score}
        found: Samples = {}
        for lines in (300, 3000):
            rounds = range(4 if quick else 24)
            took = [_more(Path(f"script_{lines}_{n}.py"), lines, names) for n in rounds]
            found[f"first_score_{lines}"] = took[2:]
        kept = sum(
            len(autotrack.metric_history(run, key))
            for run in autotrack.search_runs()["run_id"]
            for key in autotrack.get_run(run).metrics
        )
    if kept != 2 * 9 * len(rounds):
        raise RuntimeError(f"{2 * 9 * len(rounds)} scores computed, {kept} recorded")
    return found


def _more(file: Path, lines: int, names: dict[str, Any]) -> float:
    count = lines // _OTHER.count("\n")
    others = [_OTHER.format(i=i) for i in range(count)]
    file.write_text("".join([*others[: count // 2], _SCORED, *others[count // 2 :]]))
    took: list[int] = []
    own = {"__name__": "__main__", "took": took, "clock": time.thread_time_ns, "limit": 0.5}
    scope = names | own
    exec(compile(file.read_text(), str(file.resolve()), "exec"), scope)
    first, *later = took
    return (first - statistics.median(later)) * 1e-9
