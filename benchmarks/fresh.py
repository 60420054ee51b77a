"""What a script pays before and at its first fit; run in a fresh interpreter for each sample.

``python -m benchmarks.fresh KIND`` prints the seconds as JSON. scikit-learn is imported first.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import sklearn.linear_model
import sklearn.metrics
import sklearn.pipeline
import sklearn.preprocessing  # noqa: F401


def bare() -> dict[str, float]:
    """The first fit of a process, untracked."""
    return {"bare_first_fit": _first_fit()}


def autotrack() -> dict[str, float]:
    """`import autotrack`, `enable()` with a new store, and the first fit of the process."""
    started = time.perf_counter()
    import autotrack

    imported = time.perf_counter()
    autotrack.enable(store="store")
    enabled = time.perf_counter()
    return {
        "import": imported - started,
        "enable": enabled - imported,
        "first_fit": _first_fit(),
    }


def autotrack_store() -> dict[str, float]:
    """A new store alone."""
    import autotrack  # noqa: F401
    from autotrack.store.database import Store

    started = time.perf_counter()
    Store(Path("store"))
    return {"store": time.perf_counter() - started}


def mlflow() -> dict[str, float]:
    """`import mlflow`, and switching its autologging on with a new SQLite store."""
    started = time.perf_counter()
    import mlflow  # type: ignore[import-not-found,unused-ignore]

    imported = time.perf_counter()
    mlflow.sklearn.autolog(silent=True)
    switched = time.perf_counter()
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.search_experiments()
    ready = time.perf_counter()
    return {"import": imported - started, "enable": ready - imported, "store": ready - switched}


def _first_fit() -> float:
    from benchmarks.workload import frame, pipeline

    X, y = frame()
    model = pipeline()
    started = time.perf_counter()
    model.fit(X, y)
    return time.perf_counter() - started


if __name__ == "__main__":
    import json

    kinds = {f.__name__: f for f in (bare, autotrack, autotrack_store, mlflow)}
    print(json.dumps(kinds[sys.argv[1]]()))
