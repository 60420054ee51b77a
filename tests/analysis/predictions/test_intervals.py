"""Intervals of scores: what is drawn, how far they reach, and what cannot be told."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, RepeatedKFold, cross_val_score, train_test_split

import autotrack

ERROR = "neg_mean_absolute_error"
X, y = (part[:60] for part in load_diabetes(return_X_y=True))


@pytest.fixture(autouse=True)
def keeping():
    with autotrack.enable(log_models=False, keep_predictions=True) as session:
        yield session


def last() -> autotrack.Run:
    run = autotrack.last_run()
    assert run is not None
    return run


def evaluated(model, cv, scoring=ERROR, groups=None, rows=(X, y)):
    cross_val_score(model, *rows, cv=cv, groups=groups, scoring=scoring)
    return last()


def ends(found):
    return found.low, found.high


def test_groups_in_shuffled_folds_are_those_of_the_rows_that_were_tested():
    patients = np.repeat(np.arange(20), 30)
    random = np.random.default_rng(0)
    target = random.normal(size=20)[patients] * 10
    run = evaluated(
        DummyRegressor(),
        KFold(3, shuffle=True, random_state=0),
        groups=patients,
        rows=(random.normal(size=(600, 2)), target),
    )
    kept = run.interval(ERROR, groups=True, resamples=200)
    assert run.interval(ERROR, groups=patients, resamples=200) == kept
    assert run.interval(ERROR, groups=patients.tolist(), resamples=200) == kept
    names = np.char.add("p", np.char.zfill(patients.astype(str), 2))
    assert run.interval(ERROR, groups=names, resamples=200) == kept
    rows = run.interval(ERROR, resamples=200)
    assert kept.high - kept.low > 2 * (rows.high - rows.low)


def test_groups_of_repeated_folds_are_given_by_row_of_the_data():
    run = evaluated(Ridge(), RepeatedKFold(n_splits=3, n_repeats=2, random_state=0))
    found = run.interval(ERROR, groups=np.arange(60) // 6, resamples=100)
    assert (found.by, found.n) == ("groups", 10)
    assert found.low < found.value < found.high


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (np.arange(100), "100 values.* 60"),
        (np.arange(59), "59 values.* 60"),
        ("patient", "'patient'"),
        (3, "3"),
        (np.zeros((60, 2)), r"\(60, 2\)"),
        ({"a": 1}, "'a': 1"),
    ],
)
def test_groups_that_do_not_fit_the_data_are_refused_with_both_lengths(groups, said):
    run = evaluated(Ridge(), KFold(3))
    with pytest.raises(autotrack.InvalidValueError, match=f"groups.*{said}"):
        run.interval(ERROR, groups=groups, resamples=20)


def test_groups_of_held_out_rows_are_counted_too():
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    Ridge().fit(X_train, y_train).score(X_test, y_test)
    with pytest.raises(autotrack.InvalidValueError, match=r"60 values.* 15"):
        last().interval("r2", groups=np.arange(60), resamples=20)
    assert last().interval("r2", groups=np.arange(15) // 3, resamples=20).n == 5
