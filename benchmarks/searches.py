"""Searches, tracked and bare in turn in one process."""

from __future__ import annotations

import functools
import statistics
from pathlib import Path

import numpy as np
from sklearn.model_selection import GridSearchCV

import autotrack
from benchmarks.clock import timed
from benchmarks.timing import Samples, Variant, alternate, differences
from benchmarks.workload import frame, pipeline

_STORE = Path("store")
_CANDIDATES, _SPLITS = 100, 3


def search(quick: bool) -> Samples:
    """A grid search, one evaluation after the other and on two workers of loky."""
    alone = _compared(None, quick)
    two = _compared(2, quick)
    return {
        "bare_search": alone["bare"],
        "search": differences(alone["on"], alone["bare"]),
        "search_allowed": [max(60e-3, 0.03 * statistics.median(alone["bare"]))],
        "search_2_allowed": [max(100e-3, 0.05 * statistics.median(two["bare"]))],
        "bare_search_2": two["bare"],
        "search_2": differences(two["on"], two["bare"]),
    }


def _compared(jobs: int | None, quick: bool) -> dict[str, list[float]]:
    X, y = frame()
    grid = {"logisticregression__C": np.logspace(-3, 3, _CANDIDATES)}

    def once() -> float:
        model = GridSearchCV(pipeline(), grid, cv=_SPLITS, n_jobs=jobs)
        return timed(lambda: model.fit(X, y))

    once()  # starts the workers
    on = functools.partial(autotrack.enable, store=_STORE)
    rounds = 3 if quick else 15
    took = alternate(
        {"bare": Variant(once), "on": Variant(once, on)}, rounds=rounds, block=1, warm=0
    )
    with on():
        _check(rounds)
    return took


def _check(searches: int) -> None:
    """A benchmark of something that did not happen would be a good one."""
    newest = autotrack.search_runs(where="kind = 'search'", limit=searches)
    progress = f"{_CANDIDATES * _SPLITS} of {_CANDIDATES * _SPLITS} evaluations"
    if len(newest) < searches or set(newest["tags.autotrack.progress"]) != {progress}:
        raise RuntimeError(f"searches were not recorded as a whole: {newest}")
