"""A crate's folder is a model to a real MLflow, which needs no autotrack for it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

import autotrack
from autotrack.crates.formats.mlflow_signature import signature
from autotrack.schema import ColumnSchema, DataSchema
from tests.waiting import PATIENCE

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed here")
yaml = pytest.importorskip("yaml")

ROWS = 40
random = np.random.default_rng(0)
X = random.normal(size=(ROWS, 4))
y = (X[:, 0] > 0).astype(int)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    # MLflow may leave a database where it is run.
    monkeypatch.chdir(tmp_path)


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "aroma": [5.08 + row / 9 if row % 7 else None for row in range(ROWS)],
            "weight": np.linspace(0, 1, ROWS, dtype="float32"),
            "bags": np.arange(ROWS),
            "small": np.arange(ROWS, dtype="int16"),
            "variety": [("Bourbon", "Typica", None)[row % 3] for row in range(ROWS)],
            "organic": np.arange(ROWS) % 2 == 0,
        }
    )


def frame_model(*, used=("aroma", "bags", "small", "weight", "organic"), texts=("variety",)):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    kinds = OneHotEncoder(handle_unknown="ignore")
    parts = [("numbers", numbers, list(used)), ("kinds", kinds, list(texts))]
    return make_pipeline(ColumnTransformer(parts), LinearRegression())


def crated(model, data, target=None, to="crate") -> Path:
    """The folder of a crate of the fitted model, apart from its store."""
    with autotrack.enable(training_score=False):
        model.fit(data, target)
        if autotrack.last_run() is None:  # a transformer
            autotrack.log_model(model)
    return autotrack.last_run().load_model().save(Path(to).absolute())


def predicted(folder, data):
    return mlflow.pyfunc.load_model(str(folder)).predict(data)


def agree(folder, data):
    """Whether MLflow says what the crate says."""
    expected = autotrack.load_model(folder).predict(data)
    np.testing.assert_array_equal(predicted(folder, data), expected)
    model = mlflow.sklearn.load_model(str(folder))
    np.testing.assert_array_equal(model.predict(data), expected)
    return expected


def types_in(folder) -> dict[str, tuple[str, bool]]:
    inputs = mlflow.models.get_model_info(str(folder)).signature.inputs
    return {spec.name: (spec.type.name, spec.required) for spec in inputs.inputs}


def has_inputs(folder) -> bool:
    signature = mlflow.models.get_model_info(str(folder)).signature
    return signature is not None and signature.inputs is not None


# -- what is predicted ----------------------------------------------------------------------------


def test_a_pipeline_on_a_frame_with_gaps_predicts_the_same():
    data = frame()
    folder = crated(frame_model(), data, np.arange(ROWS))
    agree(folder, data)
    assert types_in(folder) == {
        "aroma": ("double", False),
        "weight": ("float", True),
        "bags": ("long", True),
        "small": ("integer", True),
        "variety": ("string", False),
        "organic": ("boolean", True),
    }


def test_a_pipeline_on_categories_and_times_predicts_the_same():
    data = frame().assign(
        grade=pd.Categorical(["low", "high"] * (ROWS // 2), ["low", "high"], ordered=True),
        day=pd.Timestamp("2020-01-01") + pd.to_timedelta(range(ROWS), "D"),
        zone=pd.date_range("2020", periods=ROWS, tz="UTC"),
    )
    years = FunctionTransformer(lambda days: days.apply(lambda day: day.dt.year))
    encode = OneHotEncoder(handle_unknown="ignore")
    parts = [("kinds", encode, ["grade", "variety"]), ("years", years, ["day", "zone"])]
    folder = crated(
        make_pipeline(ColumnTransformer(parts), LinearRegression()), data, np.arange(ROWS)
    )
    agree(folder, data)


def test_a_model_that_asks_for_categories_gets_them():
    data = pd.DataFrame({"grade": pd.Categorical(["low", "high"] * (ROWS // 2)), "size": X[:, 0]})
    model = HistGradientBoostingRegressor(categorical_features="from_dtype", min_samples_leaf=2)
    assert len(set(agree(crated(model, data, np.arange(ROWS) % 2), data))) > 1


def test_a_classifier_on_an_array_predicts_the_same():
    folder = crated(RandomForestClassifier(5, random_state=0), X, np.array(["no", "yes"])[y])
    assert set(agree(folder, X)) == {"no", "yes"}
    told = mlflow.models.get_model_info(str(folder)).signature
    assert told.inputs.to_dict() == [
        {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": (-1, 4)}}
    ]
    assert told.outputs.to_dict() == [{"type": "string", "required": True}]


def test_several_outputs_are_predicted_and_told():
    folder = crated(MultiOutputRegressor(Ridge()), X, X[:, :2])
    agree(folder, X)
    (told,) = mlflow.models.get_model_info(str(folder)).signature.outputs.to_dict()
    assert told["tensor-spec"] == {"dtype": "float64", "shape": (-1, 2)}


def test_texts_go_in_as_a_list():
    texts = ["good coffee", "bad tea"] * 10
    folder = crated(make_pipeline(CountVectorizer(), MultinomialNB()), texts, [1, 0] * 10)
    agree(folder, texts)
    assert not has_inputs(folder)


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csc_array, sp.coo_matrix])
def test_sparse_matrices_go_in(kind):
    folder = crated(MultinomialNB(), kind(np.abs(X).round()), y)
    agree(folder, kind(np.abs(X).round()))


def test_a_frame_of_polars_goes_in():
    polars = pytest.importorskip("polars")
    data = polars.DataFrame({"a": X[:, 0], "b": X[:, 1]})
    agree(crated(Ridge(), data, y), data)


def test_columns_named_by_numbers():
    for names in (range(4), [0.5, 1.5, 2.5, 3.5]):
        data = pd.DataFrame(X, columns=names)
        folder = crated(Ridge(), data, y, to=f"crate of {names}")
        assert not has_inputs(folder)
        agree(folder, data)


def test_a_transformer_is_loaded_by_sklearn_alone():
    folder = crated(StandardScaler(), X)
    loaded = mlflow.sklearn.load_model(str(folder))
    np.testing.assert_array_equal(loaded.transform(X), StandardScaler().fit_transform(X))
    with pytest.raises(mlflow.MlflowException, match="python_function"):
        predicted(folder, X)


# -- functions ------------------------------------------------------------------------------------


def test_a_function_predicts_with_what_it_was_given():
    model, threshold = LogisticRegression().fit(X, y), 0.4
    made = autotrack.crate(
        lambda X: scaled(model.predict_proba(X)[:, 1]) > threshold,
        model=model,
        threshold=threshold,
        scaled=lambda values: values / max(values),
    )
    folder = made.save("crate")
    np.testing.assert_array_equal(predicted(folder, X), made(X))
    flavors = mlflow.models.Model.load(str(folder)).flavors
    assert flavors.keys() == {"python_function"}


def scaled(values):
    raise AssertionError("the crate has one of its own")


def test_two_functions_in_one_process_are_two():
    double = autotrack.crate(lambda values: values * factor, factor=2).save("double")  # noqa: F821
    triple = autotrack.crate(lambda values: values * factor, factor=3).save("triple")  # noqa: F821
    assert predicted(double, X[:1]).tolist() == (X[:1] * 2).tolist()
    assert predicted(triple, X[:1]).tolist() == (X[:1] * 3).tolist()


# -- where there is no autotrack ------------------------------------------------------------------


def test_mlflow_needs_no_autotrack_for_it(tmp_path, run_python):
    run_python(
        code="""
import autotrack
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge
import numpy as np

class Half(BaseEstimator):
    def __init__(self, inner): self.inner = inner
    def fit(self, X, y):
        self.inner.fit(X, y)
        return self
    def predict(self, X): return self.inner.predict(X) / 2

X = np.arange(20.0).reshape(10, 2)
with autotrack.enable():
    Half(Ridge()).fit(X, np.arange(10.0))
made = autotrack.last_run().load_model()
made.save("own")
model = made.estimator
autotrack.crate(lambda X: model.predict(X) + 1, model=model).save("function")
np.save("expected.npy", made.predict(X))
"""
    )
    code = """
import sys
sys.modules["autotrack"] = None
import mlflow, numpy as np
X, expected = np.arange(20.0).reshape(10, 2), np.load("expected.npy")
for load in (mlflow.pyfunc.load_model, mlflow.sklearn.load_model):
    assert (load("own").predict(X) == expected).all()
assert (mlflow.pyfunc.load_model("function").predict(X) == expected + 1).all()
"""
    subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, check=True, timeout=PATIENCE)
    flavor = mlflow.models.Model.load("own").flavors["sklearn"]
    assert flavor["serialization_format"] == "cloudpickle"
    assert "cloudpickle==" in Path("own/requirements.txt").read_text()


# -- what MLflow lets through ---------------------------------------------------------------------


def test_what_the_model_accepts_passes_the_signature():
    data = frame()
    folder = crated(frame_model(), data, np.arange(ROWS))
    accepted = {
        "another order": data[data.columns[::-1]],
        "one row": data.iloc[[3]],
        "another index": data.iloc[5:9],
        "no gaps": data.dropna(),
        "unseen texts": data.assign(variety="Catuai"),
        "a text column of gaps": data.assign(variety=pd.Series([None] * ROWS, dtype=object)),
        "strings of pandas": data.assign(variety=data["variety"].astype("string")),
        "ints for doubles": data.assign(aroma=np.arange(ROWS, dtype="int32")),
        "narrow ints for wide ones": data.assign(bags=np.arange(ROWS, dtype="int8")),
        "a column more": data.assign(more=1),
    }
    model = mlflow.sklearn.load_model(str(folder))
    for what, rows in accepted.items():
        expected = model.predict(rows[data.columns])
        np.testing.assert_allclose(predicted(folder, rows), expected, rtol=1e-6, err_msg=what)


def test_wide_ints_for_doubles_are_refused_by_mlflow_whoever_wrote_the_model():
    # It takes them over HTTP, where it casts first. If this changes, the docs may say so.
    data = pd.DataFrame({"size": X[:, 0]})
    ours = crated(Ridge(), data, y)
    mlflow.sklearn.save_model(
        Ridge().fit(data, y),
        "theirs",
        serialization_format="pickle",
        signature=mlflow.models.infer_signature(data),
        pip_requirements=[],
    )
    for folder in (ours, "theirs"):
        with pytest.raises(mlflow.MlflowException, match="safely convert int64"):
            predicted(folder, pd.DataFrame({"size": [7]}))


def test_a_column_that_the_model_does_not_use_may_be_missing():
    data = frame().assign(grade=pd.Categorical(["low", "high"] * (ROWS // 2)))
    folder = crated(frame_model(used=["bags"]), data, np.arange(ROWS))
    assert types_in(folder)["aroma"] == ("double", False)
    assert types_in(folder)["organic"] == ("boolean", False)
    assert types_in(folder)["bags"] == ("long", True)
    assert "grade" not in types_in(folder)
    expected = autotrack.load_model(folder).predict(data)
    few = data[["variety", "bags"]]
    np.testing.assert_array_equal(predicted(folder, few), expected)
    np.testing.assert_array_equal(predicted(folder, data), expected)
    with pytest.raises(mlflow.MlflowException, match=r"missing inputs \['bags'\]"):
        predicted(folder, data[["variety"]])


SOME = st.characters(exclude_categories=["Cs"])


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.text(SOME, min_size=1), min_size=1, max_size=4, unique=True))
def test_any_names_of_columns_reach_mlflow_or_there_is_no_signature(tmp_path_factory, names):
    data = pd.DataFrame(np.arange(3.0 * len(names)).reshape(3, -1), columns=names)
    folder = tmp_path_factory.mktemp("named") / "crate"
    with autotrack.start_run():
        autotrack.log_model(Ridge().fit(data, [1, 2, 3]), input_example=data)
    autotrack.last_run().load_model().save(folder)
    inputs = mlflow.models.Model.load(str(folder)).signature.inputs
    if inputs is not None:
        assert inputs.input_names() == names
    if all(name.isalpha() and len(name) > 5 for name in names):
        assert inputs is not None
    np.testing.assert_array_equal(
        predicted(folder, data), mlflow.sklearn.load_model(str(folder)).predict(data)
    )


@pytest.mark.parametrize(
    "column",
    [
        {"name": "0", "dtype": "float64"},
        {"name": "3", "dtype": "float64", "label": "int"},
        {"name": "-1.5", "dtype": "float64"},
        {"name": "nan", "dtype": "float64"},
        {"name": "('a', 'b')", "dtype": "float64"},
        {"name": "2020-01-01 00:00:00", "dtype": "float64"},
        {"name": "", "dtype": "float64"},
        {"name": "size", "dtype": "float64"},  # twice
        {"name": "a", "dtype": "category"},
        {"name": "a", "dtype": "Int64"},
        {"name": "a", "dtype": "uint64"},
        {"name": "a", "dtype": "datetime64[ns, UTC]"},
        {"name": "a", "dtype": "datetime64[s]"},
        {"name": "a", "dtype": "object", "values": "mixed"},
        {"name": "a", "dtype": "object", "values": "bool"},
        {"name": "a", "dtype": "complex128"},
    ],
)
def test_a_column_mlflow_would_get_wrong_leaves_the_inputs_unsaid(column):
    plain = ColumnSchema("size", "float64")
    other = ColumnSchema.from_json(column)
    assert signature(DataSchema("pandas.DataFrame", columns=(plain,)), {})[0]
    assert signature(DataSchema("pandas.DataFrame", columns=(plain, other)), {})[0] == []


# -- the files ------------------------------------------------------------------------------------


def test_the_files_say_what_the_manifest_says():
    folder = crated(frame_model(), frame(), np.arange(ROWS))
    manifest = json.loads((folder / "manifest.json").read_text())
    model = mlflow.models.Model.load(str(folder))
    version = sys.version.split()[0]
    assert model.flavors["python_function"]["python_version"] == version == manifest["python"]
    assert model.flavors["sklearn"]["serialization_format"] == "pickle"
    assert (
        f"scikit-learn=={model.flavors['sklearn']['sklearn_version']}" in manifest["requirements"]
    )
    assert model.model_size_bytes == (folder / "model.pkl").stat().st_size
    assert model.run_id is None  # the run is none of MLflow's
    assert manifest["created"].replace("T", " ").startswith(model.utc_time_created)
    lines = (folder / "requirements.txt").read_text().splitlines()
    exact = [line for line in lines if "==" in line]
    assert exact == manifest["requirements"]
    assert "mlflow" in lines
    conda = yaml.safe_load((folder / "conda.yaml").read_text())
    assert conda["dependencies"][0] == f"python={version}"
    assert conda["dependencies"][-1]["pip"] == [*exact, "mlflow"]
    environment = yaml.safe_load((folder / "python_env.yaml").read_text())
    assert environment["python"] == version
    assert environment["dependencies"] == ["-r requirements.txt"]
    assert mlflow.pyfunc.get_model_dependencies(str(folder)) == str(folder / "requirements.txt")


def test_each_crate_is_a_model_of_its_own():
    folders = [crated(Ridge(alpha), X, y, to=f"crate{alpha}") for alpha in (1, 2)]
    first, second = (mlflow.models.Model.load(str(folder)) for folder in folders)
    assert first.model_uuid != second.model_uuid


def test_a_registered_crate_is_an_mlflow_model_too(store_path):
    with autotrack.enable():
        Ridge().fit(X, y)
    run = autotrack.last_run()
    autotrack.register_model(f"runs:/{run.run_id}/model", "tea")
    saved = autotrack.load_model("models:/tea/1").save("saved")
    version = autotrack.register_model(saved, "tea")
    assert version.version == 2
    again = autotrack.load_model("models:/tea/2").save("again")
    downloaded = autotrack.download_artifact(run.run_id, "model")
    assert not list((store_path / "artifacts").rglob("MLmodel"))
    for folder in (downloaded, saved, again):
        np.testing.assert_array_equal(predicted(folder, X), run.load_model().predict(X))
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
        assert names == {
            "MLmodel", "conda.yaml", "manifest.json", "model.pkl", "python_env.yaml",
            "requirements.txt",
        }  # fmt: skip


def test_mlflow_may_be_told_to_open_no_pickles(monkeypatch):
    folder = crated(Ridge(), X, y)
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    with pytest.raises(mlflow.MlflowException, match="disallowed"):
        predicted(folder, X)


# -- the server -----------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def asked(port: int, rows: dict, patience: float = PATIENCE) -> list:
    """What the server predicts, once it answers."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations",
        data=json.dumps(rows).encode(),
        headers={"Content-Type": "application/json"},
    )
    until = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                return json.load(response)["predictions"]
        except urllib.error.HTTPError as error:
            pytest.fail(error.read().decode())
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


@pytest.fixture
def served(tmp_path):
    """Serve a folder as anyone would; give the port."""
    servers = []

    def serve(folder) -> int:
        port = free_port()
        command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
        command += ["-m", str(folder), "-p", str(port), "-h", "127.0.0.1"]
        beside = str(Path(sys.executable).parent)  # the server is a program of its own
        environment = {**os.environ, "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}"}
        with open(tmp_path / "server.log", "wb") as log:
            server = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        servers.append(server)
        return port

    yield serve
    for server in servers:
        os.killpg(server.pid, 15)
        server.wait(PATIENCE)


@pytest.mark.thorough
def test_mlflow_serves_a_frame_model(served):
    data = frame()
    folder = crated(frame_model(), data, np.arange(ROWS))
    port = served(folder)
    rows = json.loads(data.to_json(orient="split", index=False))
    expected = autotrack.load_model(folder).predict(data)
    np.testing.assert_allclose(asked(port, {"dataframe_split": rows}), expected, rtol=1e-6)
    records = json.loads(data.assign(aroma=7)[data.columns[::-1]].to_json(orient="records"))
    expected = autotrack.load_model(folder).predict(data.assign(aroma=7.0))
    np.testing.assert_allclose(asked(port, {"dataframe_records": records}), expected, rtol=1e-6)


@pytest.mark.thorough
def test_mlflow_serves_a_function(served):
    model = LogisticRegression().fit(X, y)
    made = autotrack.crate(lambda X: model.predict_proba(X)[:, 1], model=model)
    port = served(made.save("crate"))
    np.testing.assert_allclose(asked(port, {"inputs": X.tolist()}), made(X))


def test_a_crate_in_the_store_is_two_files_and_a_downloaded_one_is_an_mlflow_model(store_path):
    with autotrack.enable():
        model = Ridge().fit(X, y)
    run = autotrack.last_run()
    (folder,) = (store_path / "artifacts").rglob("model.pkl")
    assert sorted(path.name for path in folder.parent.iterdir()) == ["manifest.json", "model.pkl"]
    assert list(run.artifacts()["path"]) == ["model/manifest.json", "model/model.pkl"]
    downloaded = autotrack.download_artifact(run.run_id, "model", to="out")
    np.testing.assert_array_equal(predicted(downloaded, X), model.predict(X))
    saved = run.load_model().save("saved")
    for made in downloaded.iterdir():
        assert made.read_bytes() == (saved / made.name).read_bytes(), made.name


def test_a_downloaded_folder_that_is_no_crate_of_the_stores_stays_as_it_is(store_path, tmp_path):
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "manifest.json").write_text('{"format": 4, "name": "an app"}')
    with autotrack.start_run() as run:
        autotrack.log_artifacts(foreign, "app")
    downloaded = autotrack.download_artifact(run.run_id, "app", to=tmp_path / "out")
    assert [path.name for path in downloaded.iterdir()] == ["manifest.json"]


@pytest.mark.parametrize(
    "changes", [{"created": "soon"}, {"schema": {"kind": "pandas.DataFrame", "columns": [
        {"dtype": "int64"}]}}, {"mlflow": {}}], ids=repr,
)  # fmt: skip
def test_a_manifest_made_by_hand_can_be_saved(changes):
    folder = crated(Ridge(), X, y)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))
    saved = autotrack.load_model(folder, trust=True).save("saved")
    assert mlflow.models.Model.load(str(saved)).model_uuid


@pytest.mark.parametrize("told", [{"predicts": "no"}, {"unused": [1]}, {"skops_types": "x"}, []])
def test_what_is_told_to_mlflow_is_checked_by_type(told):
    folder = crated(Ridge(), X, y)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "mlflow": told}))
    with pytest.raises(autotrack.CrateFormatError, match="mlflow="):
        autotrack.load_model(folder, trust=True)
