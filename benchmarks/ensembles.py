"""Models that fit many others, on each backend of joblib's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

import autotrack
from benchmarks.clock import timed
from benchmarks.timing import Samples, Variant, alternate, differences
from benchmarks.workload import frame

_STORE = Path("store")
BACKENDS = ("sequential", "threading", "loky")
#: How each model is made; the last has fifty classes to tell apart.
ENSEMBLES: dict[str, Callable[[], Any]] = {
    "a forest of 500": lambda: RandomForestClassifier(500, random_state=0),
    "a bagging of 100": lambda: BaggingClassifier(n_estimators=100, random_state=0),
    "one against 50": lambda: OneVsRestClassifier(LogisticRegression()),
}
_CLASSES = 50
# Threads take turns as it comes: their times vary by more than what is to be measured.
_ROUNDS = {"sequential": 9, "threading": 25, "loky": 9}
# What tracking may add: this share of the bare time, or this many seconds where that is more.
_SHARE, _AT_LEAST = 0.02, 5e-3


def ensembles(quick: bool) -> Samples:
    """What tracking adds to a fit, without and with crate."""
    found: Samples = {}
    rounds = {backend: 2 if quick else _ROUNDS[backend] for backend in BACKENDS}
    warm = 1
    for name, make in ENSEMBLES.items():
        X, y = _many_classes() if name == "one against 50" else frame()
        for backend in BACKENDS:
            once = functools.partial(_fit, make, X, y)
            took = alternate(
                {
                    "bare": Variant(once, functools.partial(_on, backend, None)),
                    "off": Variant(once, functools.partial(_on, backend, False)),
                    "on": Variant(once, functools.partial(_on, backend, True)),
                },
                rounds=rounds[backend],
                block=1,
                warm=warm,
            )
            key = f"{name}, {backend}"
            found[f"{key}, bare"] = took["bare"]
            found[f"{key}, allowed"] = [max(_SHARE * bare, _AT_LEAST) for bare in took["bare"]]
            found[key] = differences(took["off"], took["bare"])
            found[f"{key}, crate"] = differences(took["on"], took["bare"])
    with autotrack.enable(store=_STORE):
        runs = autotrack.search_runs()
    made = 2 * len(ENSEMBLES) * sum(rounds.values()) * (1 + warm)
    if len(runs) != made or set(runs["status"]) != {"FINISHED"}:
        raise RuntimeError(f"{made} fits made, {len(runs)} runs recorded")
    return found


def _fit(make: Callable[[], Any], X: Any, y: Any) -> float:
    model = make()
    return timed(lambda: model.fit(X, y))


def _on(backend: str, log_models: bool | None) -> AbstractContextManager[object]:
    """A block on a backend; with tracking unless `log_models` is None."""
    stack = ExitStack()
    stack.enter_context(joblib.parallel_config(backend, n_jobs=2))
    if log_models is not None:
        stack.enter_context(autotrack.enable(store=_STORE, log_models=log_models))
    return stack


def _many_classes() -> tuple[Any, Any]:
    """Fifty classes in ten columns."""
    random = np.random.default_rng(0)
    y = np.arange(20 * _CLASSES) % _CLASSES
    return random.normal(size=(_CLASSES, 10))[y] + random.normal(size=(len(y), 10)) / 4, y
