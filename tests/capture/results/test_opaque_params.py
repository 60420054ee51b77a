"""Params that are plain objects, functions and tuples; data that is made of objects."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import autotrack
from autotrack.describe.data.fingerprint import describe, fingerprint

X, y = np.arange(40.0).reshape(-1, 1), np.arange(40.0)


class Link:
    def __init__(self, power):
        self.power = power


class Model(RegressorMixin, BaseEstimator):
    def __init__(self, link=None):
        self.link = link

    def fit(self, X, y):
        self.mean_ = float(np.mean(y) * self.link.power)
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


def times(k):
    def scaled(X):
        return X * k

    return scaled


@pytest.fixture(autouse=True)
def tracking():
    with autotrack.enable(log_models=False, progress=False):
        yield


def test_candidates_with_different_objects_are_told_apart():
    GridSearchCV(Model(), {"link": [Link(1.0), Link(2.0)]}, cv=2).fit(X, y)
    run = autotrack.last_run()
    one, two = run.children().sort_values("metrics.index")["params.link"]
    assert one != two
    assert run.params["param_grid__link"] == [one, two]
    assert run.params["best_link"] == one
    found = autotrack.diff_runs(*run.children()["run_id"])
    assert ("params", "link") in set(zip(found["section"], found["key"], strict=True))


@pytest.mark.parametrize(
    "make",
    [
        lambda k: Model(Link(k)),
        lambda k: make_pipeline(FunctionTransformer(times(k)), Ridge(alpha=100.0)),
    ],
)
def test_another_object_or_closure_is_another_fit_and_the_same_a_further_step(make):
    with autotrack.start_run() as run:
        for k in (1.0, 1000.0, 1.0):
            make(k).fit(X, y).score(X, y)
    assert len(run.children()) == 1
    assert len(autotrack.metric_history(run.run_id, "train_score")) == 2


def test_tuples_are_kept_as_tuples():
    MLPClassifier(hidden_layer_sizes=(50,), max_iter=1, solver="lbfgs").fit(X, y > 20)
    assert autotrack.last_run().params["hidden_layer_sizes"] == (50,)
    grid = {"hidden_layer_sizes": [(3,), (2, 2)]}
    search = GridSearchCV(MLPClassifier(max_iter=1, solver="lbfgs"), grid, cv=2).fit(X, y > 20)
    run = autotrack.last_run()
    assert run.params["param_grid__hidden_layer_sizes"] == [(3,), (2, 2)]
    assert run.params["best_hidden_layer_sizes"] == search.best_params_["hidden_layer_sizes"]


class Molecule:
    def __init__(self, values):
        self.values = values


class Features(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.array([molecule.values for molecule in X])

    def __sklearn_is_fitted__(self):
        return True


def test_other_objects_are_other_data():
    rng = np.random.default_rng(0)
    values, target = rng.normal(size=(60, 3)), rng.normal(size=60)
    seen, held_out = ([Molecule(v) for v in part] for part in (values[:30], values[30:]))
    model = make_pipeline(Features(), Ridge()).fit(seen, target[:30])
    model.score(held_out, target[30:])
    model.score(seen, target[:30])
    metrics = autotrack.last_run().metrics
    assert sorted(key.partition("_")[0] for key in metrics) == ["held", "train"]
    assert fingerprint(seen) == fingerprint([Molecule(v) for v in values[:30]])
    assert fingerprint(seen) != fingerprint(held_out)


def test_data_whose_content_cannot_be_told_has_no_fingerprint():
    assert describe([(v for v in [1]), (v for v in [2])]) is None
