"""Predictions of few different values: whatever has as few looks like a function of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, mean_squared_error, r2_score, zero_one_loss
from sklearn.model_selection import cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import autotrack
from tests.looking import runs


@pytest.fixture
def stump(tracking) -> Any:
    """A tree of two leaves, and six rows of which the first and others are in different ones."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = 20 + X @ rng.normal(size=3)
    model = DecisionTreeRegressor(max_depth=1, random_state=0).fit(X[:40], y[:40])
    return SimpleNamespace(model=model, X=X[46:52], y=y[46:52])


def spoil(p):
    p[0] = 25.0


def set_by_its_place(p):
    p[0] = 25.0
    return p


def every_other_row(p):
    p[::2] *= 1.05
    return p


def the_first_rows(p):
    p[:2] += 1.5
    return p


def through_another_name(p):
    q = p
    q[0] = 25.0
    return p


def by_a_helper(p):
    spoil(p)
    return p


def by_numpy(p):
    np.put(p, [0], [25.0])
    return p


def by_a_method(p):
    p.put([0], [25.0])
    return p


def by_an_iterator(p):
    p.flat[0] = 25.0
    return p


def by_a_mask_of_other_values(p):
    p[np.array([True, False, False, False, False, False])] = 25.0
    return p


@pytest.mark.parametrize(
    "change",
    [
        set_by_its_place,
        every_other_row,
        the_first_rows,
        through_another_name,
        by_a_helper,
        by_numpy,
        by_a_method,
        by_an_iterator,
        by_a_mask_of_other_values,
    ],
)
def test_a_prediction_of_which_some_rows_were_changed_is_no_models(stump, change):
    p = change(stump.model.predict(stump.X))
    mean_squared_error(stump.y, p)
    assert autotrack.last_run().metrics == {}


def test_so_it_is_where_the_change_stands_beside_the_score(stump):
    p = stump.model.predict(stump.X)
    p[0] = 25.0
    mean_squared_error(stump.y, p)
    p = stump.model.predict(stump.X)
    p[::2] *= 1.05
    mean_squared_error(stump.y, p)
    p = stump.model.predict(stump.X)
    np.put(p, [0], [25.0])
    mean_squared_error(stump.y, p)
    assert autotrack.last_run().metrics == {}


def test_rows_that_the_prediction_itself_chose_leave_a_function_of_it(stump):
    p = stump.model.predict(stump.X)
    p[p > 20.0] = 30.0
    value = mean_squared_error(stump.y, p)
    assert autotrack.last_run().metrics == {"test_mean_squared_error": value}


def test_a_mixture_that_cuts_as_one_of_its_models_does_is_nobodys(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    a = LogisticRegression(max_iter=5000).fit(X_train, y_train)
    b = GaussianNB().fit(X_train, y_train)
    p, q = a.predict_proba(X_test)[:, 1], b.predict_proba(X_test)[:, 1]
    alike = ((0.3 * p + 0.7 * q) >= 0.37) == (q >= 0.37)
    X, y = X_test[alike][:8], np.asarray(y_test)[alike][:8]
    frame = pd.DataFrame(
        np.column_stack([a.predict_proba(X)[:, 1], b.predict_proba(X)[:, 1]]), columns=["a", "b"]
    )
    zero_one_loss(y, 1 * (np.asarray(frame["a"] * 0.3 + frame["b"] * 0.7) >= 0.37))
    assert [run.metrics for run in runs()] == [{}, {}]


def test_a_pair_that_is_unpacked_is_followed_as_its_elements_are(tracking):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    X, y = X.tolist(), (20 + X @ rng.normal(size=3)).tolist()
    perfect = KNeighborsRegressor(1).fit(X, y)
    mean_squared_error(y, perfect.predict(X))
    folded = cross_val_predict(KNeighborsRegressor(), X, y, cv=3)
    pair, rest = (y, folded), (folded,)
    values = [
        mean_squared_error(*pair),
        mean_squared_error(y, *rest),
        mean_squared_error(*[y, folded]),
    ]
    (metrics,) = (run.metrics for run in runs() if run.kind == "validation")
    assert metrics == {"oof_mean_squared_error": values[0]}
    assert len(set(values)) == 1


def test_numbers_in_place_of_the_names_that_training_had_are_a_score(tracking):
    rng = np.random.default_rng(0)
    names = np.array(["low", "medium", "tall"])
    y = np.arange(92) % 3
    X = pd.DataFrame(rng.normal(size=(92, 3)) + y[:, None], columns=list("abc"))
    model = DecisionTreeClassifier(max_depth=2).fit(X[:60], names[y[:60]])
    number = {name: i for i, name in enumerate(names)}
    p = [number[name] for name in model.predict(X[60:])]
    value = accuracy_score(y[60:], p)
    assert autotrack.last_run().metrics == {"test_accuracy_score": value}


def test_a_mixture_of_two_inputs_that_rounds_to_one_of_them_is_nobodys(tracking):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(65, 3))
    y = 20 + X @ rng.normal(size=3)
    model = Ridge().fit(X[:60], y[:60])
    p, q = model.predict(X[60:]), model.predict(X[60:] + 1e-9)
    frame = pd.DataFrame(np.column_stack([p, q]), columns=["a", "b"])
    r2_score(y[60:], np.round(frame["a"] * 0.3 + frame["b"] * 0.7, 1))
    assert autotrack.last_run().metrics == {}
