"""Classes of the user's own that travel by value: to workers and back, and out of crates."""

from __future__ import annotations

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import cross_validate

import autotrack
from autotrack.runtime.patching import is_patched
from tests.looking import runs

X = np.random.RandomState(0).normal(size=(40, 3))
y = np.arange(40) % 2


def define():
    """A class that no import finds, as those of a notebook."""

    class Mine(ClassifierMixin, BaseEstimator):
        def __init__(self, a=1):
            self.a = a

        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self

        def predict(self, X):
            return np.full(len(X), self.classes_[0])

    return Mine


def in_a_meta_estimator(cls):
    VotingClassifier([("a", cls()), ("b", cls(3))], n_jobs=2).fit(X, y)


def in_a_validation(cls):
    cross_validate(cls(), X, y, cv=2, n_jobs=2, return_estimator=True)


def in_a_loop_of_the_users_own(cls):
    joblib.Parallel(n_jobs=2)(joblib.delayed(cls(a).fit)(X, y) for a in (2, 3))


def out_of_a_crate(cls):
    autotrack.enable(log_models=True)
    cls(5).fit(X, y)
    autotrack.last_run().load_model()


@pytest.mark.parametrize(
    "travel",
    [in_a_meta_estimator, in_a_validation, in_a_loop_of_the_users_own, out_of_a_crate],
    ids=lambda travel: travel.__name__,
)
@pytest.mark.parametrize("born_while_on", [True, False])
def test_a_class_that_has_travelled_is_heard_as_before_and_put_back(travel, born_while_on):
    cls = None if born_while_on else define()
    autotrack.enable(log_models=False)
    cls = cls or define()
    travel(cls)
    before = len(runs())
    model = cls(7).fit(X, y)
    assert len(runs()) == before + 1
    model.score(X, y)
    assert runs()[-1].metrics.keys() == {"train_score"}
    autotrack.disable()
    assert not is_patched(cls)
    # cloudpickle carries the user's code; from 3.1.3 on it does not say of which file.
    assert cls.fit.__code__ == define().fit.__code__
    assert cls(8).fit(X, y).score(X, y) == 0.5
    assert len(runs()) == before + 1
