"""What checks add: to a score, to a fit, to large data, and what a key of a row takes."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score
from sklearn.naive_bayes import GaussianNB

import autotrack
from autotrack.describe.data.row_keys import row_keys
from benchmarks.clock import timed
from benchmarks.timing import Samples, Variant, alternate, differences
from benchmarks.workload import frame, pipeline

_STORE = Path("store")
_ROWS, _COLUMNS, _TREES = 100_000, 50, 100
# A forest takes as many times longer as it has more trees.
_FITTED_TREES = 2


def checks(quick: bool) -> Samples:
    """The same calls with checks on and off, everything else being on."""
    return {**_small(quick), **_large(quick), **_keys(quick)}


def _variants(once: Variant) -> dict[str, Variant]:
    on = functools.partial(autotrack.enable, store=_STORE, log_models=False)
    return {
        "on": Variant(once.once, on),
        "off": Variant(once.once, functools.partial(on, checks=False)),
    }


def _small(quick: bool) -> Samples:
    X, y = frame()
    X_train, X_test, y_train, y_test = X[:400], X[400:], y[:400], y[400:]

    def fit() -> float:
        model = pipeline()
        return timed(lambda: model.fit(X_train, y_train))

    def score() -> float:
        # The first score of each model: a second one on the same data is not looked at again.
        model = pipeline().fit(X_train, y_train)
        predicted = model.predict(X_test)
        return timed(lambda: accuracy_score(y_test, predicted))

    def whole() -> float:
        # As many rows as the data has: the model is trained on others.
        model = pipeline().fit(X_other, y)
        predicted = model.predict(X)
        return timed(lambda: accuracy_score(y, predicted))

    X_other = X + np.random.default_rng(0).normal(scale=1e-3, size=X.shape)
    rounds = 12 if quick else 60
    found: Samples = {}
    for name, once in (("fit", fit), ("score", whole), ("score_part", score)):
        took = alternate(_variants(Variant(once)), rounds=rounds, block=9, warm=2)
        found[f"checks_{name}"] = differences(took["on"], took["off"])
    return found


def _large(quick: bool) -> Samples:
    rows = _ROWS // 10 if quick else _ROWS
    random = np.random.default_rng(0)
    X = random.normal(size=(2 * rows, _COLUMNS))
    y = (X[:, 0] + random.normal(size=2 * rows) > 0).astype(int)
    X_train, X_test, y_train, y_test = X[:rows], X[rows:], y[:rows], y[rows:]
    forest = RandomForestClassifier(_FITTED_TREES, random_state=0)
    took = timed(lambda: forest.fit(X_train, y_train)) * _TREES / _FITTED_TREES

    def once() -> float:
        # Another array of the same values each time, so that nothing is known of it.
        train, test = X_train.copy(), X_test.copy()
        model = GaussianNB()

        def both() -> None:
            accuracy_score(y_test, model.fit(train, y_train).predict(test))

        return timed(both)

    taken = alternate(_variants(Variant(once)), rounds=4 if quick else 15, block=3, warm=1)
    added = differences(taken["on"], taken["off"])
    return {"checks_large": added, "checks_large_allowed": [0.05 * took], "bare_forest": [took]}


def _keys(quick: bool) -> Samples:
    X = np.random.default_rng(0).normal(size=(_ROWS, _COLUMNS))
    found = [timed(lambda: row_keys(X)) / X.size for _ in range(5 if quick else 30)]
    return {"row_keys": found}
