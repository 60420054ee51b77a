"""The handle of a run: what it says, shows and loads."""

from __future__ import annotations

import pickle
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.cluster import DBSCAN
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score

import autotrack
from autotrack import (
    ArtifactNotFoundError,
    CrateFormatError,
    DigestMismatchError,
    ModelNotFoundError,
    RunNotFoundError,
)

X = np.arange(20.0).reshape(10, 2)
y = np.arange(10.0)


@pytest.fixture
def fitted():
    """A run that holds a fit with a score, and its model."""
    with autotrack.enable(), autotrack.start_run("tea", experiment="drinks") as run:
        model = Ridge(alpha=2).fit(X, y)
        model.score(X, y)
    return run, model


def test_a_handle_says_all_that_is_known(fitted):
    run, model = fitted
    assert (run.name, run.experiment, run.kind, run.status) == (
        "tea",
        "drinks",
        "user",
        "FINISHED",
    )
    assert run.parent_id is run.error is None
    assert run.start_time.utcoffset() == run.end_time.utcoffset()
    assert run.start_time.utcoffset().total_seconds() == 0
    assert run.params == {"alpha": 2}
    assert run.metrics == {"train_score": model.score(X, y)}
    assert run.tags["estimator"] == "sklearn.linear_model._ridge.Ridge"
    (use,) = run.datasets
    assert (use.context, use.data.shape, use.target.shape) == ("train", (10, 2), (10,))
    assert {"model/manifest.json", "model/model.pkl"} == set(run.artifacts()["path"])
    assert run.children().empty


def test_handles_of_one_run_are_equal_and_those_of_others_are_not(fitted):
    run, _ = fitted
    same = autotrack.get_run(run.run_id)
    assert same == run
    assert hash(same) == hash(run)
    assert run != run.run_id
    with autotrack.start_run() as other:
        pass
    assert run != other


def test_a_handle_is_live():
    with autotrack.start_run() as run:
        before = run.params
        autotrack.log_param("a", 1)
        assert (before, run.params) == ({}, {"a": 1})


def test_children_are_a_frame_oldest_first():
    with autotrack.start_run() as run:
        for name in "ab":
            with autotrack.start_run(name, nested=True):
                autotrack.log_metric("m", 1)
    children = run.children()
    assert children["name"].tolist() == ["a", "b"]
    assert set(children["parent_id"]) == {run.run_id}
    assert children["metrics.m"].tolist() == [1.0, 1.0]


def test_the_text_of_a_run_shows_the_facts(fitted):
    run, _ = fitted
    lines = repr(run).splitlines()
    assert lines[0] == f"<Run 'tea' FINISHED {run.run_id} in 'drinks'>"
    assert "  params   alpha = 2" in lines
    assert any(line.startswith("  metrics  train_score = 0.9") for line in lines)


def test_the_text_of_a_failed_run_shows_the_error():
    with pytest.raises(ValueError, match="cold"), autotrack.start_run() as run:
        raise ValueError("cold")
    assert "error    ValueError: cold" in repr(run)
    assert "ValueError: cold" in run._repr_html_()


def test_a_run_that_cannot_be_read_says_why_when_it_is_shown(fitted, store_path):
    run, _ = fitted
    shutil.rmtree(store_path)
    assert repr(run).startswith(f"<Run {run.run_id}: no run has the id")
    assert "&lt;Run" in run._repr_html_()


class _Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)

    def handle_data(self, data):
        self.text += data


def test_nothing_of_a_run_is_taken_for_markup():
    evil = "<script>alert('x')</script>&amp;"
    with (
        pytest.raises(ValueError, match="script"),
        autotrack.start_run(evil, experiment=evil) as run,
    ):
        autotrack.log_params({evil: evil})
        autotrack.log_metric(evil, 1)
        autotrack.set_tag(evil, evil)
        raise ValueError(evil)
    page = _Tags(run._repr_html_())
    assert "script" not in page.found
    assert page.text.count(evil) == 8


def test_the_page_of_a_run_shows_the_facts(fitted):
    run, _ = fitted
    page = run._repr_html_()
    for fact in ("tea", "drinks", "FINISHED", run.run_id, "alpha", "train_score", "estimator"):
        assert fact in page


def test_a_run_loads_its_model(fitted):
    run, model = fitted
    crate = run.load_model()
    np.testing.assert_array_equal(crate.predict(X), model.predict(X))


def test_a_score_of_a_loaded_model_goes_to_the_run_it_came_from(fitted):
    run, _ = fitted
    with autotrack.enable():
        crate = run.load_model()
        crate.score(X[:5], y[:5])
    assert "test_score" in run.metrics


@pytest.mark.parametrize("uri", ["runs:/{}/model", "runs:/{}", "runs:{}/model", "runs://{}/model/"])
def test_a_model_is_loaded_by_its_address(fitted, uri):
    run, _ = fitted
    assert autotrack.load_model(uri.format(run.run_id)).manifest.run_id == run.run_id


def test_a_model_under_another_name_is_loaded_by_that_name():
    with autotrack.start_run() as run:
        autotrack.log_model(Ridge().fit(X, y), "models/ridge", input_example=X[:2])
    crate = autotrack.load_model(f"runs:/{run.run_id}/models/ridge")
    assert type(crate.estimator) is Ridge
    assert "models/ridge_input_example.json" in set(run.artifacts()["path"])
    with pytest.raises(ArtifactNotFoundError, match=r"no crate 'model'"):
        run.load_model()


def test_a_crate_is_logged_like_a_model(fitted):
    run, model = fitted
    crate = run.load_model()
    with autotrack.start_run() as other:
        autotrack.log_model(crate)
    again = other.load_model()
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.manifest.run_id == other.run_id
    assert again.schema == crate.schema


def test_a_model_logged_again_replaces_the_older_one(fitted, store_path):
    with autotrack.start_run() as run:
        for alpha in (1, 2):
            autotrack.log_model(Ridge(alpha=alpha).fit(X, y))
    assert run.load_model().estimator.alpha == 2
    assert run.artifacts()["path"].tolist().count("model/model.pkl") == 1
    folder = store_path / "artifacts" / run.run_id
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert len(kept) == len(run.artifacts())


def test_a_run_without_a_model_says_why():
    with autotrack.enable(log_models=False):
        Ridge().fit(X, y)
    with pytest.raises(ArtifactNotFoundError, match="log_models was off"):
        autotrack.last_run().load_model()
    model = Ridge()
    model.handle = (row for row in X)
    with autotrack.enable(), pytest.warns(autotrack.CaptureWarning, match=r"at Ridge\.handle"):
        model.fit(X, y)
    run = autotrack.last_run()
    assert run.status == "FINISHED"
    with pytest.raises(ArtifactNotFoundError, match=r"cannot be pickled.*at Ridge\.handle"):
        run.load_model()


@pytest.mark.parametrize(
    ("uri", "error", "says"),
    [
        ("runs:/ffffffff/model", RunNotFoundError, "no run has the id 'ffffffff'"),
        ("models:/wine/1", ModelNotFoundError, "no model is registered as 'wine'"),
        (
            "s3://bucket/model",
            CrateFormatError,
            "not a place a crate can be loaded from; give",
        ),
        ("no/such/folder", ArtifactNotFoundError, "there is no crate at .*no/such/folder"),
        (".", CrateFormatError, r"manifest\.json cannot be read"),
        ("runs:/", autotrack.InvalidValueError, "run_id"),
    ],
)
def test_an_address_that_leads_nowhere_is_an_error_that_says_what_to_do(
    uri, error, says, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=says):
        autotrack.load_model(uri)


def test_a_file_exchanged_in_the_store_is_not_opened(fitted, store_path, tmp_path):
    run, _ = fitted
    (model,) = (store_path / "artifacts" / run.run_id).rglob("model.pkl")
    trap = tmp_path / "sprung"
    model.write_bytes(pickle.dumps(_Trap(trap)))
    with pytest.raises(DigestMismatchError, match="it was not opened"):
        run.load_model()
    assert not trap.exists()


class _Trap:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return type(self.file).touch, (self.file,)


def test_a_model_that_clusters_without_predicting_is_kept_and_says_so():
    with autotrack.enable():
        DBSCAN(eps=3).fit(X)
    crate = autotrack.last_run().load_model()
    assert not hasattr(crate, "predict")
    assert crate.estimator.labels_.shape == (10,)


def test_a_run_can_be_pickled_and_is_the_same_run_elsewhere(fitted, run_python, tmp_path):
    """joblib hands whatever a task closes over to its workers."""
    run, _ = fitted
    assert pickle.loads(pickle.dumps(run)) == run
    (tmp_path / "run.pkl").write_bytes(pickle.dumps(run))
    code = "import pickle; print(pickle.load(open('run.pkl', 'rb')).params)"
    assert run_python(code=code).stdout == "{'alpha': 2}\n"


def test_models_of_a_run_that_is_going_on_can_be_loaded():
    with autotrack.enable(), autotrack.start_run() as run:
        model = LogisticRegression(C=3).fit(X, y > 4)
        np.testing.assert_array_equal(run.load_model()(X), model.predict(X))


OF_ITS_OWN = """
import autotrack, numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

class Half(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self
    def predict(self, X):
        return X[:, 0] / 2

autotrack.enable()
Half().fit(np.arange(20.0).reshape(10, 2), np.arange(10.0))
"""


def test_a_loaded_model_whose_class_was_written_in_a_script_is_heard_too(tmp_path, run_python):
    (tmp_path / "train.py").write_text(OF_ITS_OWN)
    run_python(tmp_path / "train.py")
    run = autotrack.get_run(autotrack.search_runs()["run_id"].iloc[0])
    X_new, y_new = np.arange(12.0).reshape(6, 2), np.array([0.0, 1, 2, 3, 4, 6])

    with autotrack.enable():
        value = r2_score(y_new, run.load_model().predict(X_new))

    assert run.metrics == {"new_r2_score": value}
