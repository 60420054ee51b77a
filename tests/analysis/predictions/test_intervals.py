"""Intervals of scores: what is drawn, how far they reach, and what cannot be told."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    RepeatedKFold,
    ShuffleSplit,
    cross_val_predict,
    cross_val_score,
    train_test_split,
)

import autotrack
from tests.looking import history
from tests.older import SCIPYS_SEED

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


def test_the_interval_of_rows_left_out_one_at_a_time_is_that_of_their_mean():
    found = evaluated(Ridge(), LeaveOneOut()).interval(ERROR, resamples=4000)
    predicted = cross_val_predict(Ridge(), X, y, cv=LeaveOneOut())
    errors = -np.abs(y - predicted)
    scipys = stats.bootstrap(
        (errors,), np.mean, n_resamples=4000, method="percentile", **SCIPYS_SEED
    )
    expected = scipys.confidence_interval
    width = expected.high - expected.low
    assert ends(found) == pytest.approx((expected.low, expected.high), abs=width / 10)
    assert (found.n, found.resamples) == (60, 4000)


def test_groups_left_out_one_at_a_time_are_drawn_over_all_splits():
    codes = np.arange(60) % 6
    run = evaluated(Ridge(), LeaveOneGroupOut(), groups=codes)
    found = run.interval(ERROR, groups=True, resamples=2000)
    each = np.array(history(run, f"split_test_{ERROR}"))
    means = each[np.random.default_rng(1).integers(0, 6, (20_000, 6))].mean(axis=1)
    width = np.ptp(np.quantile(means, [0.025, 0.975]))
    assert ends(found) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=width / 10)
    # Neither does it shrink where splits have two groups each.
    two = evaluated(Ridge(), GroupKFold(3), groups=codes)
    found = two.interval(ERROR, groups=True, resamples=2000)
    assert found.high - found.low > width / 2


def test_whole_splits_are_drawn_where_a_metric_is_no_mean_of_rows():
    codes = np.arange(60) % 6
    run = evaluated(Ridge(), LeaveOneGroupOut(), "r2", groups=codes)
    found = run.interval("r2", groups=True, resamples=500)
    each = np.array(history(run, "split_test_r2"))
    spread = each.std() / np.sqrt(6)
    assert found.low < found.value < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.3)


def test_repeats_of_cross_validation_do_not_make_an_interval_narrower():
    widths = []
    for repeats in (1, 8):
        cv = RepeatedKFold(n_splits=5, n_repeats=repeats, random_state=0)
        run = evaluated(Ridge(), cv)
        for metric in (ERROR, "neg_median_absolute_error"):
            found = run.interval(metric, resamples=400)
            widths.append(found.high - found.low)
            assert found.n == 60
    assert widths[2] > 0.7 * widths[0]
    assert widths[3] > 0.5 * widths[1]


def test_what_cannot_be_told_is_not_a_number_and_the_reason_is_said():
    run = evaluated(Ridge(), KFold(3))
    found = run.interval(ERROR, groups=np.zeros(60), resamples=50)
    assert np.isnan(ends(found)).all()
    assert "one of these groups" in found.why
    assert "one of these groups" in repr(found)
    alone = evaluated(Ridge(), LeaveOneOut()).interval("r2", resamples=50)
    assert np.isnan([alone.value, *ends(alone)]).all()
    assert "not defined on the test part of 60 of 60 splits" in alone.why


def test_many_splits_take_a_bounded_number_of_scores():
    calls = []

    def middle(truth, predicted):
        calls.append(1)
        return float(np.median(predicted))

    run = evaluated(Ridge(), ShuffleSplit(200, test_size=5, random_state=0))
    found = run.interval(middle, resamples=1000)
    assert found.low < found.high
    assert found.resamples == 100
    assert len(calls) < 21_000


def test_of_rows_left_out_one_at_a_time_each_is_scored_once_for_all_draws():
    calls = []

    def middle(truth, predicted):
        calls.append(1)
        return float(np.median(predicted))

    found = evaluated(Ridge(), LeaveOneOut()).interval(middle, resamples=1000)
    assert (found.resamples, len(calls)) == (1000, 60)
    assert found.low < found.value < found.high
