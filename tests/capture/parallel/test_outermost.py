"""One record for each thing a user does, whatever runs inside of it, and wherever."""

from __future__ import annotations

import functools
import json

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack
from tests.compositions import MODELS, TRANSFORMERS, X, binary, classes, fit, numbers
from tests.looking import history, only_run, runs
from tests.sweep.outputs import equal, outputs

BACKENDS = ["sequential", "threading", "loky", "multiprocessing"]
# scikit-learn 1.9 hands its tasks a module, which no pool of multiprocessing can take.
IMPOSSIBLE = {("calibration", "multiprocessing")}
ON_EACH_BACKEND = sorted({(name, backend) for name in MODELS for backend in BACKENDS} - IMPOSSIBLE)

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.filterwarnings(
        "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::FutureWarning"
    ),
]


@functools.cache
def untracked(name):
    """What a model answers without tracking."""
    make, data, target = MODELS[name]
    return outputs(fit(make, data, target), data.copy())


@pytest.fixture(autouse=True)
def _silent_workers(capfd, monkeypatch):
    """A worker has nowhere to warn but the terminal."""
    monkeypatch.setenv("AUTOTRACK_QUIET", "1")  # what is found in a score is told on a line
    yield
    assert "autotrack" not in capfd.readouterr().err.lower()


@pytest.mark.parametrize(("name", "backend"), ON_EACH_BACKEND)
def test_a_model_is_one_run_and_answers_as_without_tracking(name, backend):
    make, data, target = MODELS[name]
    expected = untracked(name)
    with autotrack.enable(log_models=False):
        with joblib.parallel_config(backend, n_jobs=2):
            model = fit(make, data, target)
            if target is not None and -1 not in target:
                model.score(data, target)
        answers = outputs(model, data.copy())
    assert equal(answers, expected)
    run = only_run()
    assert (run.kind, run.status, run.error) == ("fit", "FINISHED", None)
    assert set(run.metrics) <= {"train_score"}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_transformer_that_trains_models_is_no_run(name, backend):
    make, data, target = TRANSFORMERS[name]
    expected = outputs(fit(make, data, target), data.copy())
    with autotrack.enable(), joblib.parallel_config(backend, n_jobs=2):
        answers = outputs(fit(make, data, target), data.copy())
    assert equal(answers, expected)
    assert runs() == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_inside_an_active_run_nothing_becomes_a_child(backend):
    with (
        autotrack.enable(log_models=False),
        joblib.parallel_config(backend, n_jobs=2),
        autotrack.start_run(),
    ):
        for name in ("bagging of pipelines", "stacking of regressors"):
            fit(*MODELS[name])
    parent, child = runs()
    assert child.parent_id == parent.run_id
    assert child.name == "StackingRegressor"


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_model_that_was_fitted_in_workers_is_what_the_crate_holds(backend):
    make, data, target = MODELS["bagging of pipelines"]
    with autotrack.enable(), joblib.parallel_config(backend, n_jobs=2):
        fit(make, data, target)
    loaded = only_run().load_model().estimator
    assert equal(outputs(loaded, data.copy()), untracked("bagging of pipelines"))


WORKERS = """
import json
import joblib
import numpy as np
from joblib.externals.loky import get_reusable_executor
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
import autotrack

X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
with autotrack.enable(), joblib.parallel_config("loky", n_jobs=2):
    BaggingClassifier(GaussianNB(), 4).fit(X, y)
    VotingClassifier([("a", GaussianNB()), ("b", GaussianNB())]).fit(X, y)
    cross_val_score(GaussianNB(), X, y)
look = "__import__('time').sleep(0.1) or 'autotrack' in __import__('sys').modules"
executor = get_reusable_executor()
found = [future.result() for future in [executor.submit(eval, look) for _ in range(6)]]
print(json.dumps(found + list(autotrack.search_runs(order_by="start_time")["kind"])))
"""


def test_the_workers_of_a_fit_do_not_even_import_autotrack(run_python):
    said = json.loads(run_python(code=WORKERS).stdout)
    assert said == [*[False] * 6, "fit", "fit", "validation"]


# -- what is kept from an earlier fit -------------------------------------------------------------


class Counting(TransformerMixin, BaseEstimator):
    """Counts how often a transformer of this class was fitted."""

    fits = 0

    def fit(self, X, y=None):
        type(self).fits += 1
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        return X - self.mean_


@pytest.mark.parametrize("within", [None, "pipeline"])
def test_a_cached_fit_is_found_again_and_every_fit_is_one_run(within, tmp_path):
    def make():
        memory = joblib.Memory(tmp_path / "cache", verbose=0)
        inner = make_pipeline(Counting(), LogisticRegression(), memory=memory)
        return make_pipeline(StandardScaler(), inner, memory=memory) if within else inner

    before = Counting.fits
    expected = outputs(make().fit(X, classes), X.copy())
    with autotrack.enable(log_models=False):
        for _ in range(2):
            model = make().fit(X, classes)
            assert equal(outputs(model, X.copy()), expected)
            model.score(X, classes)
    assert Counting.fits == before + 1
    assert [run.status for run in runs()] == ["FINISHED"] * 2
    assert [set(run.metrics) for run in runs()] == [{"train_score"}] * 2


def test_a_cache_that_was_filled_while_tracking_serves_without_it(tmp_path):
    make = functools.partial(
        make_pipeline, Counting(), Ridge(), memory=joblib.Memory(tmp_path, verbose=0)
    )
    before = Counting.fits
    with autotrack.enable(log_models=False):
        make().fit(X, numbers)
    make().fit(X, numbers)
    assert Counting.fits == before + 1


# -- frozen estimators ----------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_trains_beside_frozen_estimators_is_one_run(backend):
    with autotrack.enable(log_models=False), joblib.parallel_config(backend, n_jobs=2):
        inner = GaussianNB().fit(X, binary)
        frozen = FrozenEstimator(inner)
        CalibratedClassifierCV(frozen, cv=2).fit(X, binary).score(X, binary)
        VotingClassifier([("a", frozen), ("b", LogisticRegression())]).fit(X, binary)
        make_pipeline(StandardScaler(), frozen).fit(X, binary)
        frozen.score(X[:30], binary[:30])
    names = ["GaussianNB", "CalibratedClassifierCV", "VotingClassifier"]
    assert [run.name for run in runs()] == [*names, "StandardScaler > FrozenEstimator"]
    assert [list(run.metrics) for run in runs()] == [["train_part_score"], ["train_score"], [], []]
    assert runs()[1].params["estimator__estimator"] == "GaussianNB"


# -- validation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "name", ["stacking", "bagging", "pipeline of pipelines", "adaptive boosting"]
)
def test_a_validation_of_what_trains_others_is_one_run(name, backend):
    make, data, target = MODELS[name]
    expected = cross_val_score(make(), data, target, cv=3)
    with autotrack.enable(), joblib.parallel_config(backend, n_jobs=2):
        np.testing.assert_array_equal(cross_val_score(make(), data, target, cv=3), expected)
    run = only_run()
    assert run.kind == "validation"
    assert sorted(history(run, "split_test_score")) == sorted(expected)
