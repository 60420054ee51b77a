"""Crates without pickle: the same model, and nothing in it that was not trusted."""

from __future__ import annotations

import builtins
import hashlib
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, TweedieRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVC

import autotrack
from autotrack import (
    CrateError,
    CrateFormatError,
    InvalidValueError,
    UncratableError,
    UntrustedCrateError,
)

pytest.importorskip("skops", reason="skops is not installed here")

random = np.random.default_rng(0)
X = random.normal(size=(60, 3))
y = np.arange(60) % 2
FRAME = pd.DataFrame(
    {"size": X[:, 0], "gap": np.where(y, X[:, 1], np.nan), "kind": ["a", "b"] * 30}
)


class Own(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


def own(values):
    return values


def on_frames():
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    parts = [("n", numbers, make_column_selector(dtype_include="number"))]
    parts += [("k", OneHotEncoder(), ["kind"])]
    return make_pipeline(ColumnTransformer(parts, remainder="passthrough"), LogisticRegression())


MODELS = {
    "a line": (Ridge(), X),
    "a pipeline on a frame": (on_frames(), FRAME),
    "splines": (make_pipeline(SplineTransformer(), Ridge()), X),
    "a function of numpy's": (make_pipeline(FunctionTransformer(np.exp), Ridge()), X),
    "a selection": (make_pipeline(SelectKBest(k=2), SVC()), X),
    "a search": (GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2), X),
    "calibrated": (CalibratedClassifierCV(LogisticRegression(), cv=2), X),
    "a stack": (StackingRegressor([("a", Ridge()), ("b", Ridge(2))], cv=2), X),
    "a network": (MLPRegressor(hidden_layer_sizes=(3,), max_iter=5), X),
    "a process": (GaussianProcessRegressor(ConstantKernel() * RBF()), X),
    "a loss": (TweedieRegressor(power=0), X),
    "texts": (make_pipeline(TfidfVectorizer(), MultinomialNB()), ["good tea", "bad tea"] * 30),
    "sparse": (MultinomialNB(), sp.csr_matrix(np.abs(X))),
}
TREES = {
    "a forest": (RandomForestClassifier(3, random_state=0), X),
    "boosting": (HistGradientBoostingRegressor(max_iter=3), X),
    "neighbours": (KNeighborsClassifier(), X),
}


def kept(model, data, target=y, **options):
    """The run with the fitted model, stored by skops."""
    with autotrack.start_run() as run:
        autotrack.log_model(model.fit(data, target), format="skops", **options)
    return run


@pytest.mark.filterwarnings("ignore")  # too few iterations
@pytest.mark.parametrize("what", [*MODELS, *TREES])
def test_a_model_predicts_the_same_after_a_round_trip(what, tmp_path):
    model, data = {**MODELS, **TREES}[what]
    run = kept(model, data)
    crate = run.load_model()
    assert crate.manifest.storage == "skops"
    np.testing.assert_array_equal(crate.predict(data), model.predict(data))
    saved = crate.save(tmp_path / "saved")
    names = {path.name for path in saved.rglob("*")}
    assert "model.skops" in names
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".joblib"))]
    assert any(line.startswith("skops==") for line in crate.requirements)
    if what in MODELS:
        loaded = autotrack.load_model(saved)
        np.testing.assert_array_equal(loaded.predict(data), model.predict(data))


@pytest.mark.parametrize("what", TREES)
def test_compiled_trees_are_scikit_learns_own(what, tmp_path):
    model, data = TREES[what]
    saved = kept(model, data).load_model().save(tmp_path / "saved")
    loaded = autotrack.load_model(saved)
    np.testing.assert_array_equal(loaded.predict(data), model.predict(data))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("what", [*MODELS, *TREES])
def test_mlflow_loads_it(what, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed here")
    model, data = {**MODELS, **TREES}[what]
    saved = kept(model, data).load_model().save(tmp_path / "saved")
    loaded = mlflow.sklearn.load_model(str(saved))
    np.testing.assert_array_equal(loaded.predict(data), model.predict(data))
    loaded = mlflow.pyfunc.load_model(str(saved))
    np.testing.assert_array_equal(loaded.predict(data), model.predict(data))


def test_a_crate_is_saved_in_the_other_format(tmp_path):
    with autotrack.enable():
        model = on_frames().fit(FRAME, y)
    crate = autotrack.last_run().load_model()
    without = autotrack.load_model(crate.save(tmp_path / "without", format="skops"))
    within = autotrack.load_model(without.save(tmp_path / "within", format="pickle"))
    for other, file in ((without, "model.skops"), (within, "model.pkl")):
        np.testing.assert_array_equal(other.predict(FRAME), model.predict(FRAME))
        assert other.schema == crate.schema
        assert other.manifest.run_id == crate.manifest.run_id
        assert other.manifest.files[0].path == file
        assert repr(other).splitlines()[1].split()[0] == file
    # As it is, unless said otherwise.
    assert (without.save(tmp_path / "again") / "model.skops").exists()
    assert not (tmp_path / "within" / "model.skops").exists()


def test_a_registered_one_is_loaded_by_its_name():
    run = kept(RandomForestClassifier(3), X)
    autotrack.register_model(f"runs:/{run.run_id}/model", "tea")
    np.testing.assert_array_equal(
        autotrack.load_model("models:/tea/1").predict(X), run.load_model().predict(X)
    )


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (make_pipeline(FunctionTransformer(lambda x: x), Ridge()), "<lambda>"),
        (make_pipeline(FunctionTransformer(own), Ridge()), "own"),
        (Own(), "Own"),
        (make_pipeline(StandardScaler(), Own()), "Own"),
    ],
)
def test_code_of_ones_own_is_named_and_left_to_pickle(model, named, tmp_path):
    model.fit(X, y)
    with pytest.raises(UncratableError, match=rf"{named}.*format='pickle'"), autotrack.start_run():
        autotrack.log_model(model, format="skops")
    with pytest.raises(UncratableError, match=named):
        autotrack.crate(model).save(tmp_path / "saved", format="skops")
    assert not (tmp_path / "saved").exists()


def test_a_function_is_left_to_pickle(tmp_path):
    made = autotrack.crate(lambda values: values)
    with pytest.raises(UncratableError, match="skops stores no functions"):
        made.save(tmp_path / "saved", format="skops")
    with pytest.raises(UncratableError, match="skops stores no functions"), autotrack.start_run():
        autotrack.log_model(made, format="skops")


def test_a_format_there_is_not_is_named(tmp_path):
    with pytest.raises(InvalidValueError, match="'pickle' or 'skops', not 'onnx'"):
        autotrack.log_model(Ridge().fit(X, y), format="onnx")
    with pytest.raises(InvalidValueError, match="'pickle' or 'skops', not 'onnx'"):
        autotrack.crate(Ridge().fit(X, y)).save(tmp_path / "saved", format="onnx")


# -- what comes from elsewhere --------------------------------------------------------------------


def exchanged(folder, change) -> None:
    """Change the stored model, and the manifest so that it vouches for that."""

    path = folder / "model.skops"
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(content["schema.json"])
    change(schema)
    content["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    manifest = json.loads((folder / "manifest.json").read_text())
    for file in manifest["files"]:
        if file["path"] == "model.skops":
            file["size"] = path.stat().st_size
            file["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def call(module: str, name: str, argument: str) -> dict:
    """What skops would read as a call, were it let in."""
    text = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}
    return {
        "__class__": name,
        "__module__": module,
        "__loader__": "ReduceNode",
        "content": {"__id__": 1, "__loader__": "TupleNode", "__class__": "tuple",
                    "__module__": "builtins",
                    "content": [{**text, "content": json.dumps(argument), "is_json": True}]},
    }  # fmt: skip


@pytest.fixture
def saved(tmp_path):
    return kept(make_pipeline(StandardScaler(), Ridge()), X).load_model().save(tmp_path / "saved")


def set_alpha(schema, node):
    steps = schema["content"]["content"]["steps"]["content"]
    steps[1]["content"][1]["content"]["content"]["alpha"] = node


def test_an_unknown_function_is_refused_with_nothing_executed(saved, tmp_path):
    proof = tmp_path / "proof"
    function = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}
    for node in (function, call("os", "system", f"touch {proof}"), call("builtins", "eval", "1")):
        exchanged(saved, lambda schema, node=node: set_alpha(schema, node))
        with pytest.raises((CrateError, CrateFormatError)):
            autotrack.load_model(saved)
    assert not proof.exists()


def test_a_type_from_elsewhere_is_named_and_not_imported(saved, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "stranger.py").write_text(
        "import builtins\nbuiltins.strangers = 1\nclass Alpha:\n    pass\n"
    )
    node = {
        "__class__": "Alpha", "__module__": "stranger", "__loader__": "ObjectNode",
        "content": {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode",
                    "content": {}, "key_types": {"__class__": "list", "__module__": "builtins",
                                                 "__loader__": "ListNode", "content": []}},
    }  # fmt: skip
    exchanged(saved, lambda schema: set_alpha(schema, node))
    with pytest.raises(UntrustedCrateError, match=r"by itself: stranger.Alpha\.") as caught:
        autotrack.load_model(saved)
    assert caught.value.names == ["stranger.Alpha"]
    assert 'trust=["stranger.Alpha"]' in str(caught.value)
    with pytest.raises(UntrustedCrateError):
        autotrack.load_model(saved, trust=("stranger.Alph", "sklearn.Alpha"))
    assert not hasattr(builtins, "strangers")
    digest = caught.value.digests["model.skops"]
    for trust in ("stranger.Alpha", ["stranger.Alpha"], digest, True):
        loaded = autotrack.load_model(saved, trust=trust)
        assert type(loaded.estimator[-1].alpha).__name__ == "Alpha"
    del builtins.strangers


def test_a_file_that_is_none_of_skops_is_refused(saved):

    (saved / "model.skops").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    manifest = json.loads((saved / "manifest.json").read_text())
    manifest["files"][0]["size"] = (saved / "model.skops").stat().st_size
    manifest["files"][0]["sha256"] = hashlib.sha256(
        (saved / "model.skops").read_bytes()
    ).hexdigest()
    (saved / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CrateFormatError, match="cannot be read by skops"):
        autotrack.load_model(saved)
    (saved / "manifest.json").write_text(json.dumps({**manifest, "storage": "tape"}))
    with pytest.raises(CrateFormatError, match="tape"):
        autotrack.load_model(saved)


def test_without_skops_the_way_to_get_it_is_said(saved, run_python):
    code = """
import sys
sys.modules["skops"] = None
import autotrack
from sklearn.linear_model import Ridge

for attempt in (
    lambda: autotrack.load_model("saved"),
    lambda: autotrack.crate(Ridge().fit([[1], [2]], [1, 2])).save("other", format="skops"),
):
    try:
        attempt()
    except autotrack.CrateError as error:
        print(error)
"""
    lines = run_python(code=code).stdout.splitlines()
    assert len(lines) == 2
    assert all("pip install 'sklearn-autotrack[skops]'" in line for line in lines)


def test_it_is_verified_in_a_process_of_its_own(tmp_path):
    with autotrack.enable():
        on_frames().fit(FRAME, y)
    saved = autotrack.last_run().load_model().save(tmp_path / "saved", format="skops")
    verification = autotrack.load_model(saved).verify()
    assert verification.problems == ()
    assert "predict" in verification.methods
