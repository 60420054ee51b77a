"""What is remembered of models and predictions, for how long, and at which price."""

from __future__ import annotations

import gc
import pickle
import threading
import tracemalloc
import weakref

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack
from autotrack.lineage import prediction_index
from tests.looking import history, measured, only_run, runs


def test_tracking_leaves_no_mark_on_an_estimator(numbers):
    X_train, X_test, y_train, _ = numbers
    before = Ridge().fit(X_train, y_train)
    with autotrack.enable(log_models=False):
        during = Ridge().fit(X_train, y_train)
        during.predict(X_test)
        assert vars(during).keys() == vars(before).keys()
        assert pickle.dumps(during) == pickle.dumps(before)


def test_tracking_keeps_neither_model_nor_data_nor_prediction_alive(tracking, numbers):
    def train():
        X_train, X_test = numbers.X_train.copy(), numbers.X_test.copy()
        model = Ridge().fit(X_train, numbers.y_train)
        p = model.predict(X_test)
        r2_score(numbers.y_test, p)
        return [weakref.ref(thing) for thing in (model, X_train, X_test, p)]

    left = train()
    gc.collect()
    assert [reference() for reference in left] == [None] * 4


def test_a_score_reaches_the_run_of_a_model_that_is_gone(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    p = Ridge().fit(X_train, y_train).predict(X_test)
    gc.collect()
    mean_absolute_error(y_test, p.tolist())
    assert set(only_run().metrics) == {"test_mean_absolute_error"}


def test_a_model_in_the_place_of_one_that_is_gone_is_not_taken_for_it(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    strangers = [Ridge() for _ in range(20)]
    autotrack.disable()
    for stranger in strangers:
        stranger.fit(X_train, y_train)
    stored = [pickle.dumps(stranger) for stranger in strangers]
    autotrack.enable(log_models=False)
    for _ in range(20):
        Ridge().fit(X_train, y_train)  # leaves its address to the next object
        pickle.loads(stored.pop()).score(X_test, y_test)
    assert measured() == 0


class Agreeable(RegressorMixin, BaseEstimator):
    """Equal to all of its kind, as some libraries' estimators are."""

    def __init__(self, level=0.0):
        self.level = level

    def __eq__(self, other):
        return type(other) is Agreeable

    def __hash__(self):
        return 1

    def fit(self, X, y):
        return self

    def predict(self, X):
        return X[:, 0] + self.level


def test_models_that_call_themselves_equal_are_told_apart(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    models = [Agreeable(level).fit(X_train, y_train) for level in (1.5, 2.5)]
    for model in models:
        r2_score(y_test, model.predict(X_test))
        model.score(X_test, y_test)
    assert [len(run.metrics) for run in runs()] == [2, 2]


class Bare(RegressorMixin, BaseEstimator):
    """Cannot be referred to weakly."""

    __slots__ = ("level_",)

    def fit(self, X, y):
        self.level_ = 1
        return self

    def predict(self, X):
        return X[:, 0]


def test_an_estimator_with_slots_is_a_run_like_any_other(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    model = Bare().fit(X_train, y_train)
    r2_score(y_test, model.predict(X_test))
    assert only_run().status == "FINISHED"


def test_a_loop_over_single_rows_does_not_push_out_what_will_be_scored(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    model = Ridge().fit(X_train, y_train)
    p = model.predict(X_test)
    for _ in range(4):
        for row in X_test:
            model.predict(row[None])
    value = r2_score(y_test, p.tolist())
    assert only_run().metrics == {"test_r2_score": value}


def test_a_prediction_put_together_from_single_rows_is_no_prediction(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    model = Ridge().fit(X_train, y_train)
    together = np.concatenate([model.predict(row[None]) for row in X_test])
    r2_score(y_test, together)
    assert only_run().metrics == {}


def test_predictions_of_a_row_or_two_are_known(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    model = Ridge().fit(X_train, y_train)
    p = model.predict(X_test[:2])
    mean_absolute_error(y_test[:2], p)
    mean_absolute_error(y_test[:2], p.tolist())
    assert len(history(only_run(), "test_mean_absolute_error")) == 2


@pytest.mark.parametrize("flat", [True, False])
def test_a_large_prediction_is_known_as_itself_when_its_copy_is_let_go(
    flat, tracking, numbers, monkeypatch
):
    monkeypatch.setattr(prediction_index, "BUDGET", 1000)
    X_train, X_test, y_train, y_test = numbers
    model = LinearRegression().fit(X_train, y_train if flat else y_train[:, None])
    first = model.predict(X_test)
    for _ in range(3):
        model.predict(X_test)  # each more than the budget allows beside it
    value = r2_score(y_test, first)
    assert only_run().metrics == {"test_r2_score": value}
    first[:] = 0
    mean_absolute_error(y_test, first)
    assert only_run().metrics == {"test_r2_score": value}


def test_what_is_remembered_is_bounded(tracking):
    X = np.zeros((100_000, 1))
    y = np.zeros(100_000)
    model = DummyRegressor().fit(X, y)
    model.predict(X)
    tracemalloc.start()
    for _ in range(300):
        model.predict(X)  # 0.8 MB each
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 90e6


def test_predictions_of_many_threads_at_once_are_all_known(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    models = [Ridge(alpha=alpha).fit(X_train, y_train) for alpha in range(2, 8)]
    failures = []

    def judge(model):
        try:
            for _ in range(15):
                scaled = StandardScaler().fit_transform(X_train)
                assert scaled is not None
                r2_score(y_test, model.predict(X_test).tolist())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=judge, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [len(history(run, "test_r2_score")) for run in runs()] == [15] * 6
    assert all(len(set(history(run, "test_r2_score"))) == 1 for run in runs())


def test_a_part_keeps_the_run_of_its_own_fit(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    scaler = StandardScaler().fit(X_train)
    model = LogisticRegression().fit(X_train, y_train)
    whole = make_pipeline(scaler, model)
    accuracy_score(y_test, whole.predict(X_test))
    assert only_run().metrics == {}  # the pipeline itself was never fitted
    accuracy_score(y_test, model.predict(X_test))
    assert set(only_run().metrics) == {"test_accuracy_score"}


def test_a_change_of_settings_keeps_what_is_known_of_models(numbers):
    X_train, X_test, y_train, y_test = numbers
    autotrack.enable(log_models=False)
    model = Ridge().fit(X_train, y_train)
    autotrack.enable(log_defaults=True)
    model.score(X_test, y_test)
    r2_score(y_test, model.predict(X_test))
    assert set(only_run().metrics) == {"test_score", "test_r2_score"}


def test_a_model_fitted_again_while_nobody_listened_is_in_no_run(numbers):
    X_train, X_test, y_train, y_test = numbers
    with autotrack.enable(log_models=False):
        model = Ridge().fit(X_train, y_train)
    model.fit(X_train[:20], y_train[:20])
    with autotrack.enable(log_models=False):
        model.score(X_test, y_test)
    assert only_run().metrics == {}
