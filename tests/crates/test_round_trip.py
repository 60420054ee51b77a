"""What comes out of a crate predicts as what went in, also where autotrack does not exist."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.manifold import SpectralEmbedding
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KernelDensity, KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import autotrack
from tests.waiting import PATIENCE

FRESH = Path(__file__).with_name("fresh.py")

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
y = (X[:, 0] + 0.1 * rng.normal(size=60) > 0).astype(int)
frame = pd.DataFrame(
    {
        "size": rng.normal(size=60),
        "kind": rng.choice(["a", "b", "ü"], 60),
        "shade": pd.Categorical(rng.choice(["light", "dark"], 60)),
    }
)
frame.loc[3, "size"] = None
texts = ["green tea", "black coffee", "tea and coffee"] * 20
columns = ColumnTransformer(
    [
        ("n", KNNImputer(), ["size"]),
        ("c", OneHotEncoder(handle_unknown="ignore"), ["kind", "shade"]),
    ]
)

MODELS = {
    "boosting": (GradientBoostingClassifier(n_estimators=5), X, y),
    "columns": (make_pipeline(columns, Ridge()), frame, y),
    "forest": (RandomForestRegressor(n_estimators=5), X, y),
    "functions": (make_pipeline(FunctionTransformer(np.log1p), Ridge()), abs(X), y),
    "gaussian process": (GaussianProcessRegressor(), X, y),
    "histograms": (HistGradientBoostingRegressor(max_iter=5), X, y),
    "isolation": (IsolationForest(n_estimators=5), X, None),
    "lambda": (make_pipeline(FunctionTransformer(lambda x: x * 2), Ridge()), X, y),
    "naive bayes": (GaussianNB(), X, y),
    "nearest": (KNeighborsClassifier(), X, y),
    "network": (MLPClassifier((4,), max_iter=5), X, y),
    "outputs": (MultiOutputRegressor(Ridge()), X, X[:, :2]),
    "search": (GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2), X, y),
    "sparse": (SGDClassifier(max_iter=5), sp.csr_matrix(X), y),
    "splines": (make_pipeline(SplineTransformer(n_knots=3), StandardScaler(), Ridge()), X, y),
    "strings": (LogisticRegression(), X, np.where(y, "yes", "no")),
    "svm": (SVC(probability=False), X, y),
    "target": (TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1), X, y),
    "texts": (make_pipeline(TfidfVectorizer(), LogisticRegression()), texts, y),
    "union": (make_pipeline(FeatureUnion([("s", StandardScaler())]), Ridge()), X, y),
    "voting": (VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())]), X, y),
}


def fit_and_keep(model, data, target) -> autotrack.Run:
    with autotrack.enable(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence is not what this is about
        clone(model).fit(data, target)
    return autotrack.last_run()


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """For each model its run's crate's prediction here, and that of its pickle elsewhere."""
    root = tmp_path_factory.mktemp("models")
    here = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOTRACK_STORE", str(root / "store"))
        for name, (model, data, target) in MODELS.items():
            crate = fit_and_keep(model, data, target).load_model()
            crate.save(root / "saved" / name)
            (root / "saved" / name / "data.pkl").write_bytes(pickle.dumps(data))
            here[name] = crate, crate.predict(data)
    command = [sys.executable, "-I", str(FRESH), str(root / "saved")]
    subprocess.run(command, check=True, cwd=root, timeout=PATIENCE)
    return here, pickle.loads((root / "saved" / "answers.pkl").read_bytes())


@pytest.mark.parametrize("name", MODELS)
def test_the_pickle_predicts_the_same_where_autotrack_does_not_exist(name, answers):
    here, elsewhere = answers
    np.testing.assert_array_equal(elsewhere[name], here[name][1])


@pytest.mark.parametrize("name", MODELS)
def test_the_schema_says_what_the_training_data_looked_like(name, answers):
    crate, _ = answers[0][name]
    data = MODELS[name][1]
    if name == "columns":
        assert [column["name"] for column in crate.schema["columns"]] == ["size", "kind", "shade"]
        assert crate.schema["columns"][0]["dtype"] == "float64"
    assert crate.schema["shape"][0] == len(y)
    assert crate.schema["kind"].rpartition(".")[2] == type(data).__name__


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.integers(2, 20),
    width=st.integers(1, 4),
    dtype=st.sampled_from(["float32", "float64", "int16", "bool"]),
    order=st.sampled_from("CF"),
    seed=st.integers(0, 9),
)
def test_the_loaded_model_holds_the_very_bits(rows, width, dtype, order, seed):
    data = np.asarray(np.random.default_rng(seed).normal(size=(rows, width)) * 5, dtype, order)
    model = KNeighborsClassifier(1, algorithm="brute").fit(data, np.arange(rows) % 2)
    with autotrack.start_run() as run:
        autotrack.log_model(model)
    loaded = run.load_model().estimator
    assert pickle.dumps(loaded._fit_X, 5) == pickle.dumps(model._fit_X, 5)
    np.testing.assert_array_equal(loaded.predict(data), model.predict(data))


def test_a_crate_passes_on_what_its_model_can_and_nothing_else():
    crate = fit_and_keep(LogisticRegression(), X, y).load_model()
    np.testing.assert_array_equal(crate(X), crate.predict(X))
    np.testing.assert_array_equal(crate.predict_proba(X), crate.estimator.predict_proba(X))
    assert crate.score(X, y) == crate.estimator.score(X, y)
    assert {"predict_proba", "decision_function", "score"} <= set(dir(crate))
    for name in ("transform", "kneighbors", "sample", "score_samples", "coef_", "_secret"):
        assert not hasattr(crate, name)
    assert "transform" not in dir(crate)
    with pytest.raises(AttributeError, match="'LogisticRegression' object has no attribute"):
        crate.transform(X)


def test_what_a_model_has_only_for_some_settings_its_crate_has_only_then():
    for probability in (True, False):
        loss = "log_loss" if probability else "hinge"
        crate = fit_and_keep(SGDClassifier(loss=loss), X, y).load_model()
        assert hasattr(crate, "predict_proba") is probability


def test_a_transformer_is_crated_by_hand():
    with autotrack.start_run() as run:
        autotrack.log_model(StandardScaler().fit(X))
    crate = run.load_model()
    np.testing.assert_allclose(crate.transform(X).mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(crate.inverse_transform(crate.transform(X)), X)
    assert not hasattr(crate, "predict")
    with pytest.raises(AttributeError, match="'StandardScaler' object has no attribute 'predict'"):
        crate(X)


def test_so_is_what_neither_predicts_nor_transforms():
    density, embedding = KernelDensity().fit(X), SpectralEmbedding(random_state=0).fit(X)
    with autotrack.start_run() as run:
        autotrack.log_model(density)
        autotrack.log_model(embedding, "embedding")
    np.testing.assert_array_equal(run.load_model().score_samples(X), density.score_samples(X))
    loaded = autotrack.load_model(f"runs:/{run.run_id}/embedding").estimator
    np.testing.assert_array_equal(loaded.embedding_, embedding.embedding_)


def size_of(count):
    return [f"{count}", "B"] if count < 1000 else [f"{count / 1000:.1f}", "kB"]


def test_the_text_of_a_crate_is_its_bill():
    run = fit_and_keep(make_pipeline(FunctionTransformer(lambda x: x), Ridge()), X, y)
    lines = repr(run.load_model()).splitlines()
    sizes = run.artifacts().set_index("path")["size"]
    model, manifest = sizes["model/model.pkl"], sizes["model/manifest.json"]
    assert sizes.sum() == model + manifest
    assert lines[0] == f"<Crate sklearn.pipeline.Pipeline: {model / 1000:.1f} kB>"
    assert lines[1].split() == ["model.pkl", f"{model / 1000:.1f}", "kB"]
    facts = "\n".join(lines[2:])
    assert run.run_id in facts
    assert f"Python {sys.version.split()[0]}, cloudpickle==" in facts
    assert "scikit-learn==" in facts
    assert "carries" in facts


def test_a_saved_crate_is_loaded_from_its_folder_and_linked_to_its_run(tmp_path):
    run = fit_and_keep(LogisticRegression(), X, y)
    saved = run.load_model().save(tmp_path / "deep" / "model")
    assert {path.name for path in saved.iterdir()} > {"manifest.json", "model.pkl"}
    with autotrack.enable():
        crate = autotrack.load_model(saved)
        crate.score(X[:30], y[:30])
    assert "test_score" in run.metrics
    with pytest.raises(FileExistsError, match="save the crate to a path that does not"):
        crate.save(saved)


def test_a_saved_crate_loads_on_my_word_where_there_is_no_store(tmp_path, run_python):
    saved = fit_and_keep(LogisticRegression(), X, y).load_model().save(tmp_path / "model")
    digest = hashlib.sha256((saved / "model.pkl").read_bytes()).hexdigest()
    code = f"""
import autotrack
try:
    autotrack.load_model("model")
except autotrack.UntrustedCrateError as error:
    assert {digest!r} in str(error)
print(autotrack.load_model("model", trust={digest!r}).predict([[1, 0, 0, 0]]))
"""
    done = run_python(code=code, AUTOTRACK_STORE=str(tmp_path / "none"))
    assert done.stdout == "[1]\n"
    assert not (tmp_path / "none").exists()
    assert saved.exists()
