"""What is said of a score is found out without running, drawing or warning anything once more."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer, silhouette_score
from sklearn.pipeline import make_pipeline

import autotrack


class Counted(TransformerMixin, BaseEstimator):
    """Counts how often it is asked."""

    calls = 0

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        type(self).calls += 1
        return X


@pytest.fixture
def shared():
    """Training and test data that have rows in common."""
    X = np.random.default_rng(0).normal(size=(120, 3))
    y = (X[:, 0] > 0).astype(int)
    return X[:80], X[60:], y[:80], y[60:]


@pytest.fixture
def scored(tracking, shared):
    """The score of a model on data with training rows, and what stands beside it."""
    X_train, X_test, y_train, y_test = shared

    def score(model):
        model.fit(X_train, y_train)
        before = np.random.get_state()[1].tolist(), random.getstate()
        value = model.score(X_test, y_test)
        return value, before, (np.random.get_state()[1].tolist(), random.getstate())

    return score


def test_a_model_with_code_of_the_users_is_not_asked_again(scored):
    Counted.calls = 0
    scored(make_pipeline(Counted(), LogisticRegression()))
    assert Counted.calls == 2  # by fit, and by score
    findings = autotrack.last_run().findings()
    assert "AT104" in set(findings["code"])


def test_no_random_number_is_drawn_once_more(shared):
    X_train, X_test, y_train, y_test = shared

    def draws():
        np.random.seed(0)
        model = DummyClassifier(strategy="uniform").fit(X_train, y_train)
        return [model.score(X_test, y_test), np.random.random()]

    bare = draws()
    with autotrack.enable(log_models=False):
        assert draws() == bare


def test_a_metric_that_draws_draws_once(shared):
    X_train, X_test, y_train, _ = shared

    def draws():
        model = LogisticRegression().fit(X_train, y_train)
        np.random.seed(0)
        labels = model.predict(X_test)
        return [silhouette_score(X_test, labels, sample_size=30), np.random.random()]

    bare = draws()
    with autotrack.enable(log_models=False):
        assert draws() == bare


def test_a_callable_of_the_users_that_a_metric_gets_is_called_as_often(shared):
    X_train, X_test, y_train, _ = shared
    calls = []

    def distance(a, b):
        calls.append(1)
        return float(np.abs(a - b).sum())

    def counted():
        calls.clear()
        labels = LogisticRegression().fit(X_train, y_train).predict(X_test)
        silhouette_score(X_test, labels, metric=distance)
        return len(calls)

    bare = counted()
    with autotrack.enable(log_models=False):
        assert counted() == bare


def test_options_are_not_taken_for_rows(tracking):
    X = np.arange(24.0).reshape(8, 3) ** 2
    y = np.array([0, 1, 2, 3, 0, 1, 2, 3])
    model = LogisticRegression().fit(X, y)
    X_test, truth = np.vstack([X[:1], X[1:4] + 1000.0]), np.array([0, 1, 2, 3])
    predicted = model.predict(X_test)
    f1_score(truth, predicted, labels=[0, 1, 2, 3], average="macro", zero_division=0)
    rest = f1_score(truth[1:], predicted[1:], labels=[0, 1, 2, 3], average="macro", zero_division=0)
    metrics = autotrack.last_run().metrics
    (unseen,) = (value for key, value in metrics.items() if "_unseen_" in key)
    assert unseen == pytest.approx(rest)


class Search:
    """What looks like a search, and holds no estimator."""

    best_params_ = property(lambda self: {"C": 1.0})
    cv_results_ = property(lambda self: {})

    def get_params(self, deep=True):
        return {}

    def fit(self, X, y):
        self.best_estimator_ = LogisticRegression().fit(X, y)
        return self

    def predict(self, X):
        return self.best_estimator_.predict(X)


def test_a_search_without_an_estimator_is_recorded_like_any_other(tracking, shared):
    X_train, _, y_train, _ = shared
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Search().fit(X_train, y_train)
    assert autotrack.last_run().status == "FINISHED"


def test_scorers_keep_to_the_count(tracking, shared):
    X_train, X_test, y_train, y_test = shared
    model = LogisticRegression().fit(X_train, y_train)
    make_scorer(lambda truth, predicted: float((truth == predicted).mean()))(model, X_test, y_test)
    assert not any("_unseen_" in key for key in autotrack.last_run().metrics)
