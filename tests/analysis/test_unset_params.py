"""A param that any of the listed runs set has the value of all of them."""

from __future__ import annotations

import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import autotrack
from autotrack.store.store import Store

X = [[float(n % 7), float(n % 3)] for n in range(40)]
y = [n % 2 for n in range(40)]


class Own(ClassifierMixin, BaseEstimator):
    """A class of the script, whose defaults may be others tomorrow."""

    def __init__(self, size=3, alpha=1.0):
        self.size = size
        self.alpha = alpha

    def fit(self, X, y):
        self.classes_ = [0, 1]
        return self

    def predict(self, X):
        return [0] * len(X)


@pytest.fixture
def frame():
    """Some runs of different models, and what they set."""
    with autotrack.enable(progress=False):
        make_pipeline(StandardScaler(), LogisticRegression(C=3.0)).fit(X, y)
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(X, y)
        Ridge(alpha=2.0).fit(X, y)
        Ridge(tol=0.1).fit(X, y)
        Own(size=4).fit(X, y)
        Own(alpha=2.0).fit(X, y)
        steps = make_pipeline(StandardScaler(), SVC(kernel="linear"))
        GridSearchCV(steps, [{"svc__C": [0.5, 2.0]}, {"svc__gamma": [0.1]}], cv=2).fit(X, y)
    return autotrack.search_runs(children=True, order_by="start_time")


def test_runs_that_left_a_param_alone_have_its_default(frame):
    fits = frame[frame["kind"] == "fit"]
    assert fits["params.logisticregression__C"].tolist()[:2] == [3.0, 1.0]
    assert fits["params.logisticregression__max_iter"].tolist()[:2] == [100, 500]
    assert fits["params.alpha"].tolist()[2:4] == [2.0, 1.0]
    # Of a model that has no such param nothing is told.
    assert fits["params.logisticregression__C"].isna().tolist()[2:] == [True] * 4


def test_of_classes_of_the_script_itself_no_default_is_told(frame):
    own = frame[frame["tags.estimator"].str.endswith("Own", na=False)]
    assert own["params.size"].tolist()[0] == 4
    assert own["params.size"].isna().tolist() == [False, True]


def test_candidates_have_what_their_search_had(frame):
    found = frame[frame["kind"] == "candidate"]
    assert found["params.svc__C"].tolist() == [0.5, 2.0, 1.0]
    assert found["params.svc__gamma"].tolist() == ["scale", "scale", 0.1]


def test_what_a_run_set_is_recorded_as_before(frame):
    run = autotrack.get_run(frame["run_id"].iloc[0])
    assert run.params == {
        "standardscaler": "StandardScaler",
        "logisticregression": "LogisticRegression",
        "logisticregression__C": 3.0,
    }


def test_defaults_are_kept_once_for_a_class_and_a_version(frame, store_path):
    store = Store(store_path, create=False)
    with store.reading() as connection:
        rows = connection.execute("SELECT estimator, version FROM class_defaults").fetchall()
    store.close()
    names = [name for name, _ in rows]
    assert len(names) == len(set(names))
    assert {"sklearn.svm._classes.SVC", "sklearn.linear_model._ridge.Ridge"} <= set(names)
    assert not any("Own" in name for name in names)


def test_another_version_than_was_installed_tells_nothing(frame, store_path):
    store = Store(store_path, create=False)
    with store.transaction() as connection:
        connection.execute("UPDATE class_defaults SET version = '0.1'")
    store.close()
    again = autotrack.search_runs(order_by="start_time")
    assert again["params.alpha"].isna().tolist()[2:4] == [False, True]
