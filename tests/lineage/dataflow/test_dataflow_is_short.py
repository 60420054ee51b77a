"""Following an argument to what it is made of neither raises nor takes long."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import signal, stats
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.utils import column_or_1d

import autotrack
from tests.waiting import fastest


@pytest.fixture
def world(tracking):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    return Ridge().fit(X_train, y_train), X_train, X_test, y_train, y_test


def scores_of_all_rows(run):
    return [value for key, value in run.metrics.items() if "_unseen_" not in key]


def test_a_concatenated_truth_is_followed_to_its_end(world):
    model, X_train, X_test, y_train, y_test = world
    both, y_both = pd.concat([X_train, X_test]), pd.concat([y_train, y_test])
    value = r2_score(y_both, model.predict(both))
    assert scores_of_all_rows(autotrack.last_run()) == [value]


def test_a_column_that_was_put_back_is_followed_to_its_end(world):
    model, X_train, X_test, y_train, y_test = world
    X_test = X_test.copy()
    for column in ["bmi", "s5"]:
        save = X_test[column].copy()
        X_test[column] = np.random.default_rng(0).permutation(X_test[column])
        X_test[column] = save
    both, y_both = pd.concat([X_train, X_test]), pd.concat([y_train, y_test])
    value = r2_score(y_both, model.predict(both))
    assert scores_of_all_rows(autotrack.last_run()) == [value]


def test_a_vote_by_scipy_is_followed_to_its_end(world):
    model, _, X_test, _, y_test = world
    votes = np.stack([model.predict(X_test).round(-2), model.predict(X_test * 2).round(-2)])
    r2_score(y_test, stats.mode(votes, axis=0).mode)
    assert autotrack.last_run().metrics == {}  # made of two predictions


WAYS = {
    "cut": lambda p: pd.cut(p, 5, labels=False),
    "median": lambda p: signal.medfilt(p, 3),
    "checked": lambda p: column_or_1d(p).round(),
}


@pytest.mark.parametrize("way", WAYS)
def test_functions_of_packages_are_not_followed_for_long(world, way):
    model, _, X_test, _, y_test = world
    p = model.predict(X_test)
    r2_score(y_test, p)
    # A first time for each, by a line of its own.
    changed = WAYS[way](p)
    assert fastest(lambda: r2_score(y_test, changed), 1) < 0.1


def _fold(p, n):
    return p if n == 0 else _fold(p + 0.0, n - 1) + _fold(p - 0.0, n - 1)


def test_helpers_that_call_themselves_are_not_followed_for_long(world):
    model, _, X_test, _, y_test = world
    p = model.predict(X_test)
    folded = _fold(p, 6)
    assert fastest(lambda: r2_score(y_test, folded / 64 + 1e-9), 1) < 0.1


def test_a_long_row_of_steps_is_not_followed_for_long(world):
    model, _, X_test, _, y_test = world
    p = model.predict(X_test)
    names = {"p": p, "y": y_test, "r2_score": r2_score}
    lines = [f"if {i} % 2:\n    p = p + {i}\nelse:\n    p = p - {i}" for i in range(100)]
    exec(compile("\n".join([*lines, "value = r2_score(y, p)"]), "<steps>", "exec"), names)
    assert isinstance(names["value"], float)
