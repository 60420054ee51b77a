"""A search that is interrupted after so many evaluations, and how many it makes then."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

import autotrack
from tests.looking import runs

X, y = load_iris(return_X_y=True)
fitted: list[float] = []
log = logging.getLogger(__name__)
log.setLevel(logging.INFO)
log.propagate = False


class Listener(logging.Handler):
    """Keeps what is logged of fits, and interrupts one of them. No code of the search sees it."""

    stop_at: int | None = None

    def emit(self, record):
        if len(fitted) == self.stop_at:
            raise KeyboardInterrupt
        fitted.append(record.args[0])


listener = Listener()
log.addHandler(listener)


class Interrupted(ClassifierMixin, BaseEstimator):
    """Predicts by a threshold, and logs each fit."""

    def __init__(self, threshold=1.0, column=0):
        self.threshold = threshold
        self.column = column

    def fit(self, X, y):
        log.info("fit with %s", self.threshold)
        if self.threshold == 13:
            raise ValueError("an unlucky one")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[(X[:, self.column] > self.threshold).astype(int)]


def grid(**options):
    options = {"cv": 3, **options}
    return GridSearchCV(Interrupted(), {"threshold": [5.0, 5.5, 6.0, 6.5]}, **options)


def interrupt(search, after, X=X, y=y, **fit):
    """Fit until it is interrupted after so many evaluations."""
    fitted.clear()
    listener.stop_at = after
    try:
        with pytest.raises(KeyboardInterrupt):
            search.fit(X, y, **fit)
    finally:
        listener.stop_at = None
    fitted.clear()
    return search


def newest():
    return [run for run in runs() if run.kind == "search"][-1]


def assert_equal(search, other):
    assert list(search.cv_results_) == list(other.cv_results_)
    for key, values in other.cv_results_.items():
        if not key.endswith("_time"):
            np.testing.assert_array_equal(search.cv_results_[key], values)
    assert search.best_params_ == other.best_params_


def enable(**options):
    return autotrack.enable(log_models=False, progress=False, **options)
