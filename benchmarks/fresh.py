"""What a script pays before and at its first fit; run in a fresh interpreter for each sample.

``python -m benchmarks.fresh KIND`` prints the seconds as JSON. scikit-learn is imported first.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import sklearn.linear_model
import sklearn.metrics
import sklearn.pipeline
import sklearn.preprocessing  # noqa: F401

from benchmarks.clock import timed


def bare() -> dict[str, float]:
    """The first fit of a process, untracked."""
    return {"bare_first_fit": _first_fit()}


def autotrack() -> dict[str, float]:
    """`import autotrack`, `enable()` with a new store, and the first fit of the process."""
    found = {"import": timed(lambda: importlib.import_module("autotrack"))}
    enable = importlib.import_module("autotrack").enable
    found["enable"] = timed(lambda: enable(store="store"))
    return found | {"first_fit": _first_fit()}


def autotrack_store() -> dict[str, float]:
    """A new store alone."""
    importlib.import_module("autotrack")
    store = importlib.import_module("autotrack.store.store").Store
    return {"store": timed(lambda: store(Path("store")))}


def mlflow() -> dict[str, float]:
    """`import mlflow`, and switching its autologging on with a new SQLite store."""
    found = {"import": timed(lambda: importlib.import_module("mlflow"))}
    package = importlib.import_module("mlflow")
    switched = timed(lambda: package.sklearn.autolog(silent=True))
    # The first question makes the store.
    found["store"] = timed(package.search_experiments)
    return found | {"enable": switched + found["store"]}


def _first_fit() -> float:
    # With the data at hand, pandas is loaded: importing it is nobody's fault.
    workload = importlib.import_module("benchmarks.workload")
    X, y = workload.frame()
    model = workload.pipeline()
    return timed(lambda: model.fit(X, y))


if __name__ == "__main__":
    import json

    kinds = {f.__name__: f for f in (bare, autotrack, autotrack_store, mlflow)}
    print(json.dumps(kinds[sys.argv[1]]()))
