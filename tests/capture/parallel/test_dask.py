"""On a cluster of Dask's: one record for each thing, results as ever, nothing from the workers."""

from __future__ import annotations

import json
import time

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit, cross_val_score
from sklearn.naive_bayes import GaussianNB

import autotrack
from tests.compositions import MODELS, TRANSFORMERS, X, binary, classes, fit
from tests.looking import only_run, runs
from tests.sweep.outputs import equal, outputs

distributed = pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.filterwarnings(
        "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::FutureWarning"
    ),
]


@pytest.fixture(scope="module", params=["processes", "threads"])
def client(request, tmp_path_factory):
    """A cluster of two workers, in processes of their own or in this one."""
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=request.param == "processes",
            dashboard_address=None,
            local_directory=str(tmp_path_factory.mktemp("dask")),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def dask(client):
    """The block in which joblib works on the cluster."""
    with joblib.parallel_config("dask"):
        yield client


def answers_of(model, data):
    with joblib.parallel_config("sequential"):
        return outputs(model, data.copy())


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_one_run_and_answers_as_without_tracking(name, dask):
    make, data, target = MODELS[name]
    # Numerical libraries use one thread there, which changes the last bits.
    expected = answers_of(fit(make, data, target), data)
    with autotrack.enable(log_models=False):
        model = fit(make, data, target)
        if target is not None and -1 not in target:
            model.score(data, target)
        answers = answers_of(model, data)
    assert equal(answers, expected)
    assert (only_run().kind, only_run().status) == ("fit", "FINISHED")


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_transformer_that_trains_models_is_no_run(name, dask):
    make, data, target = TRANSFORMERS[name]
    expected = answers_of(fit(make, data, target), data)
    with autotrack.enable(log_models=False):
        answers = answers_of(fit(make, data, target), data)
    assert equal(answers, expected)
    assert runs() == []


def test_a_fit_goes_into_the_active_run_and_another_becomes_its_child(dask):
    with autotrack.enable(), autotrack.start_run():
        fit(*MODELS["bagging of pipelines"])
        fit(*MODELS["stacking of regressors"])
    parent, child = runs()
    assert (parent.params["n_estimators"], child.parent_id) == (4, parent.run_id)
    make, data, target = MODELS["bagging of pipelines"]
    loaded = parent.load_model().estimator
    assert equal(answers_of(loaded, data), answers_of(fit(make, data, target), data))


def test_what_trains_beside_frozen_estimators_is_one_run(dask):
    with autotrack.enable(log_models=False):
        frozen = FrozenEstimator(GaussianNB().fit(X, binary))
        CalibratedClassifierCV(frozen, cv=2).fit(X, binary).score(X, binary)
        VotingClassifier([("a", frozen), ("b", LogisticRegression())]).fit(X, binary)
    assert [run.name for run in runs()] == [
        "GaussianNB",
        "CalibratedClassifierCV",
        "VotingClassifier",
    ]
    assert [list(run.metrics) for run in runs()] == [[], ["train_score"], []]


class Slow(ClassifierMixin, BaseEstimator):
    """Takes its time."""

    def fit(self, X, y):
        time.sleep(0.3)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[-1])


def test_the_splits_of_a_validation_come_in_as_they_finish(dask):
    expected = cross_val_score(Slow(), X, classes, cv=6)
    with autotrack.enable():
        np.testing.assert_array_equal(cross_val_score(Slow(), X, classes, cv=6), expected)
    kept = autotrack.metric_history(only_run().run_id, "split_test_score")
    first, *_, last = kept["time"]
    kept = kept.sort_values("step")
    assert kept["value"].tolist() == expected.tolist()
    assert kept["step"].tolist() == list(range(6))
    assert (last - first).total_seconds() > 0.3


def test_a_search_loses_nothing(dask):
    search = GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-3, 1.0]}, cv=3)
    expected = search.fit(X, classes).cv_results_["mean_test_score"]
    with autotrack.enable(log_models=False):
        search.fit(X, classes).score(X, classes)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], expected)
    top, *candidates = runs()
    assert {run.kind for run in candidates} <= {"candidate"}
    assert "train_score" in top.metrics
    assert {run.status for run in runs()} == {"FINISHED"}


class Tardy(GaussianNB):
    """Whose first candidate takes longer than all others together."""

    def fit(self, X, y):
        time.sleep(3 if self.var_smoothing == 0.1 else 0.05)
        return super().fit(X, y)


def test_an_evaluation_that_takes_long_holds_up_nobody(dask):
    # One split, so that one of the two workers is free.
    once = StratifiedShuffleSplit(1, random_state=0)
    search = GridSearchCV(Tardy(), {"var_smoothing": [0.1, 0.2, 0.3, 0.4]}, cv=once)
    with autotrack.enable(log_models=False):
        search.fit(X, classes)
    run = next(run for run in runs() if run.kind == "search")
    candidates = run.children().sort_values("params.var_smoothing")
    # What Dask gave to the other worker was there long before; the rest queues behind it.
    early = candidates["end_time"].iloc[0] - candidates["end_time"]
    assert early.max() > pd.Timedelta(0)
    means = search.cv_results_["mean_test_score"].tolist()
    assert candidates["metrics.mean_test_score"].tolist() == means


def test_an_evaluation_that_raises_is_that_of_its_candidate(dask):
    search = GridSearchCV(Failing(), {"var_smoothing": [0.1, 0.2, 0.3]}, cv=2, error_score="raise")
    with autotrack.enable(log_models=False), pytest.raises(ValueError, match="no such thing"):
        search.fit(X, classes)
    run = next(run for run in runs() if run.kind == "search")
    children = run.children().set_index("params.var_smoothing")
    assert run.status == children["status"][0.2] == "FAILED"


class Failing(GaussianNB):
    """Which cannot be fitted with some params."""

    def fit(self, X, y):
        if self.var_smoothing == 0.2:
            raise ValueError("no such thing")
        return super().fit(X, y)


WORKERS = """
import json
import joblib
import numpy as np
from distributed import Client, LocalCluster
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB

if __name__ == "__main__":  # which the workers are not, though they import the script
    import autotrack
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    with (
        LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
        joblib.parallel_config("dask"),
    ):
        with autotrack.enable():
            BaggingClassifier(GaussianNB(), 4).fit(X, y)
            cross_val_score(GaussianNB(), X, y)
        look = "'autotrack' in __import__('sys').modules"
        found = list(client.run(eval, look).values())
    print(json.dumps(found + list(autotrack.search_runs(order_by="start_time")["kind"])))
"""


def test_the_workers_of_a_fit_do_not_even_import_autotrack(run_python, tmp_path):
    (tmp_path / "script.py").write_text(WORKERS)
    said = run_python("script.py").stdout.splitlines()
    assert json.loads(said[-1]) == [False, False, "fit", "validation"]
