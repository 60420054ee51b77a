"""Searches that are killed at random moments, and what of them is in the store afterwards.

``python -m benchmarks.kills JOBS`` is one such search. Each evaluation writes down by itself when
it was done.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV

import autotrack
from benchmarks.timing import Samples

_LOG = Path("log")
_PATIENCE = 60.0


class Noted(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Takes a few milliseconds, and appends its score and the time to a file."""

    def __init__(self, number: int = 0) -> None:
        self.number = number

    def fit(self, X: Any, y: Any) -> Self:
        """Be fitted."""
        time.sleep(random.uniform(0.002, 0.03))
        self.classes_ = np.unique(y)
        return self

    def score(self, X: Any, y: Any) -> float:
        """A number that no other evaluation has."""
        value = self.number + float(X[0, 0]) / 1000
        # In one piece, from whichever process.
        file = os.open(_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{json.dumps([value, time.time()])}\n".encode())
        os.close(file)
        return value


def kills(quick: bool) -> Samples:
    """Kill searches, every other one on two workers."""
    chance = random.Random(0)
    samples: Samples = {"oldest_lost": [], "finished": [], "lost": []}
    for number in range(4 if quick else 50):
        with tempfile.TemporaryDirectory(dir=".") as folder:
            finished, lost = _killed(Path(folder), number % 2 + 1, chance.uniform(0.2, 3))
            samples["oldest_lost"].append(max(lost, default=0.0))
            samples["finished"].append(float(finished))
            samples["lost"].append(float(len(lost)))
    return {
        "oldest_lost": [max(samples["oldest_lost"])],
        "killed": [float(len(samples["lost"]))],
        "finished": [sum(samples["finished"])],
        "lost": [sum(samples["lost"])],
    }


def _killed(folder: Path, jobs: int, seconds: float) -> tuple[int, list[float]]:
    """How many evaluations had finished when it was killed, and the ages of those that are lost."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.kills", str(jobs)],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + _PATIENCE
        while not (folder / _LOG).exists():
            if time.monotonic() > until or process.poll() is not None:
                raise RuntimeError("a search to be killed did not begin")
            time.sleep(0.01)
        time.sleep(seconds)
    finally:
        process.kill()
        killed = time.time()
        process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its workers, which wait for more
    logged = [json.loads(line) for line in (folder / _LOG).read_text().splitlines()]
    kept = _kept(folder / "store")
    before = [(value, at) for value, at in logged if at < killed]
    return len(before), [killed - at for value, at in before if value not in kept]


def _kept(store: Path) -> set[float]:
    with autotrack.enable(store=store):
        found = autotrack.search_runs(where="metrics.split_test_score is not null", children=True)
        histories = [autotrack.metric_history(run, "split_test_score") for run in found["run_id"]]
    return {float(value) for history in histories for value in history["value"]}


def _search(jobs: int) -> None:
    X, y = np.arange(120.0).reshape(60, 2), np.arange(60) % 2
    with autotrack.enable(store="store", log_models=False):
        GridSearchCV(Noted(), {"number": range(5000)}, cv=3, n_jobs=jobs, refit=False).fit(X, y)


if __name__ == "__main__":
    _search(int(sys.argv[1]))
