"""A store on a real MLflow server: equal field by field, whatever happens on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import autotrack
from autotrack.cli import main
from autotrack.errors import DigestMismatchError
from autotrack.tracking.workspace import workspace
from tests.replication.comparing import Asking, all_equal
from tests.replication.proxy import BadProxy
from tests.replication.server import BIN
from tests.split import Split
from tests.waiting import wait_until


def cli(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def record_everything(experiment: str, split: Split) -> str:
    """Runs of all kinds, odd keys and values, a registered model; the id of its run."""
    X_train, X_test, y_train, y_test = split.X_train, split.X_test, split.y_train, split.y_test
    autotrack.enable(experiment=experiment)
    autotrack.create_experiment(f"{experiment}-empty", tags={"team": "a"})
    model = LogisticRegression(C=0.5, max_iter=300).fit(X_train, y_train)
    accuracy_score(y_test, model.predict(X_test))
    run = autotrack.last_run()
    assert run is not None
    GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, cv=2).fit(
        X_train, y_train
    )
    with autotrack.start_run("by hand") as hand:
        autotrack.log_params({"a (b)": 1, "number as text": "12", "nothing": None, "list": [1, 2]})
        autotrack.log_params({"long": "x" * 9000, "truth": True, "half": 0.5})
        for value in (1.0, float("inf"), float("nan"), -float("inf"), 2.0):
            autotrack.log_metric("odd [metric]", value)
        autotrack.set_tags({"long": "y" * 9000, "gréat/key": "ü"})
        autotrack.log_text("hello", "notes/a b.txt")
        with autotrack.start_run("child", nested=True):
            StandardScaler().fit(X_train)
    with pytest.raises(ZeroDivisionError), autotrack.start_run("failed"):
        raise ZeroDivisionError("on purpose")
    with autotrack.start_run("deleted") as deleted:
        autotrack.log_metric("m", 1)
    autotrack.delete_run(deleted.run_id)
    assert hand.run_id
    version = autotrack.register_model(
        f"runs:/{run.run_id}/model", experiment, description="first", tags={"ok": "yes"}
    )
    autotrack.set_alias(experiment, "champion", version.version)
    return run.run_id


def test_the_server_holds_what_the_store_holds_and_mlflow_reads_it(
    mlflow_server: str,
    bad_proxy: BadProxy,
    store_path: Path,
    experiment: str,
    split: Split,
    tmp_path: Path,
) -> None:
    run_id = record_everything(experiment, split)
    # One answer in ten is lost, and as many calls are refused for now.
    bad_proxy.dropped = bad_proxy.refused = 0.1
    said = cli("replicate", "--to", bad_proxy.uri)
    assert "everything is sent" in said
    assert any(line.endswith("dropped") for line in bad_proxy.log)
    assert all_equal(store_path, mlflow_server) == []

    # What changes later is sent later, and nothing else is.
    run = autotrack.get_run(run_id)
    model = run.load_model().estimator
    accuracy_score(split.y_train, model.predict(split.X_train))
    second = autotrack.register_model(f"runs:/{run_id}/model", experiment, description="second")
    autotrack.set_alias(experiment, "champion", second.version)
    bad_proxy.dropped = bad_proxy.refused = 0
    before = len(bad_proxy.log)
    cli("replicate", "--to", bad_proxy.uri)
    assert 0 < len(bad_proxy.log) - before < 40
    assert all_equal(store_path, mlflow_server) == []
    before = len(bad_proxy.log)
    cli("replicate", "--to", bad_proxy.uri)
    # Runs whose making was in doubt are asked for once more.
    assert all("runs/search" in line for line in bad_proxy.log[before:])
    assert "everything is sent" in cli("replicate", "--status")

    # MLflow's own client finds and loads all of it.
    code = f"""
import json, sys, mlflow, pandas as pd
mlflow.set_tracking_uri({mlflow_server!r})
runs = mlflow.search_runs(experiment_names=[{experiment!r}])
kinds = runs["tags.autotrack.kind"].value_counts().to_dict()
parents = runs["tags.mlflow.parentRunId"].dropna().isin(runs.run_id).all()
rows = pd.read_json(sys.argv[1])
by_alias = mlflow.pyfunc.load_model("models:/{experiment}@champion").predict(rows)
remote = runs[runs["tags.autotrack.run_id"] == {run_id!r}].run_id.iloc[0]
by_run = mlflow.sklearn.load_model(f"runs:/{{remote}}/model").predict(rows)
print(json.dumps([kinds, bool(parents), by_alias.tolist(), by_run.tolist()]))
"""
    rows = tmp_path / "rows.json"
    split.X_test.head(5).to_json(rows)
    done = subprocess.run(
        [BIN / "python", "-c", code, rows], capture_output=True, text=True, check=False,
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    kinds, has_parents, by_alias, by_run = json.loads(done.stdout.splitlines()[-1])
    assert kinds == {"candidate": 2, "search": 1, "fit": 1, "user": 3}
    assert has_parents
    expected = model.predict(split.X_test.head(5)).tolist()
    assert by_alias == by_run == expected

    # On another machine, without the store, the server that is named vouches for the crate.
    autotrack.disable()
    workspace.forget()
    other = tmp_path / "other"
    os.environ["AUTOTRACK_STORE"] = str(other)
    crate = autotrack.load_model(f"models:/{experiment}@champion", tracking_uri=mlflow_server)
    assert crate.predict(split.X_test.head(5)).tolist() == expected
    assert "is here" in cli("pull", f"runs:/{run_id}", "--from", mlflow_server)
    pulled = autotrack.get_run(run_id)
    assert (pulled.params, pulled.metrics) == (run.params, autotrack.get_run(run_id).metrics)
    assert pulled.load_model().predict(split.X_test.head(5)).tolist() == expected
    said = json.loads(cli("pull", f"models:/{experiment}/1", "--from", mlflow_server, "--json"))
    assert said["data"]["model"] == f"models:/{experiment}/1"
    assert autotrack.load_model(f"models:/{experiment}/1").predict(split.X_test).shape


def test_a_lost_answer_to_a_creation_makes_no_second_one(
    mlflow_server: str, bad_proxy: BadProxy, store_path: Path, experiment: str, split: Split
) -> None:
    autotrack.enable(experiment=experiment)
    LogisticRegression().fit(split.X_train, split.y_train)
    run = autotrack.last_run()
    assert run is not None
    autotrack.register_model(f"runs:/{run.run_id}/model", experiment)
    bad_proxy.drop_next = ["runs/create", "mlflow/logged-models", "model-versions/create"]
    cli("replicate", "--to", bad_proxy.uri)
    dropped = [line for line in bad_proxy.log if line.endswith("dropped")]
    assert [line.rpartition("/")[2] for line in dropped] == [
        "create dropped", "logged-models dropped", "create dropped",
    ]  # fmt: skip
    assert all_equal(store_path, mlflow_server) == []


_TRAINS = """
import autotrack, time, sys
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
X, y = make_classification(200, random_state=0)
autotrack.enable(experiment=sys.argv[1])
for number in range(100):
    LogisticRegression(C=1 + number).fit(X, y).score(X, y)
    time.sleep(min(number, 20) / 10)
"""


def test_runs_appear_as_they_are_recorded_and_a_killed_process_is_gone_on_with(
    mlflow_server: str, store_path: Path, experiment: str, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _TRAINS, experiment],
        env={**os.environ, "AUTOTRACK_REPLICATE_TO": mlflow_server},
        cwd=tmp_path,
    )
    ask = Asking(mlflow_server)

    def sent() -> bool:
        try:
            found = ask("experiments/get-by-name", experiment_name=experiment)["experiment"]
        except OSError:
            return False
        body = {"experiment_ids": [found["experiment_id"]]}
        return len(ask("runs/search", body).get("runs", ())) >= 2

    try:
        wait_until(sent, "a run on the server while the process trains")
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    said = cli("replicate", "--to", mlflow_server)
    assert "everything is sent" in said
    assert all_equal(store_path, mlflow_server) == []


def test_a_crate_that_was_exchanged_on_the_server_is_not_opened(
    mlflow_server: str, store_path: Path, experiment: str, split: Split, tmp_path: Path
) -> None:
    autotrack.enable(experiment=experiment)
    LogisticRegression().fit(split.X_train, split.y_train)
    run = autotrack.last_run()
    assert run is not None
    cli("replicate", "--to", mlflow_server)
    ask = Asking(mlflow_server)
    found = ask("experiments/get-by-name", experiment_name=experiment)["experiment"]
    body = {"experiment_ids": [found["experiment_id"]]}
    (model,) = ask("logged-models/search", body)["models"]
    place = urllib.parse.urlsplit(model["info"]["artifact_uri"]).path
    uri = f"runs:/{run.run_id}/model"
    for file, content in (("model.pkl", b"cos\nsystem\n."), ("manifest.json", b"{}")):
        url = f"{mlflow_server}/api/2.0/mlflow-artifacts/artifacts{place}/{file}"
        urllib.request.urlopen(urllib.request.Request(url, content, method="PUT"), timeout=60)
        with pytest.raises(DigestMismatchError, match="exchanged"):
            autotrack.load_model(uri, tracking_uri=mlflow_server)
        with pytest.raises(DigestMismatchError, match="exchanged"):
            autotrack.load_model(uri, tracking_uri=mlflow_server, trust=True)
    with pytest.raises(autotrack.ModelNotFoundError, match="none-of-it"):
        autotrack.load_model("models:/none-of-it/1", tracking_uri=mlflow_server)
    with pytest.raises(autotrack.RunNotFoundError):
        autotrack.load_model("runs:/0123/model", tracking_uri=mlflow_server)


def test_what_the_server_refuses_is_told_and_keeps_nothing_else_back(
    mlflow_server: str, bad_proxy: BadProxy, store_path: Path, experiment: str
) -> None:
    with autotrack.start_run("odd", experiment=experiment):
        # A step that no column there holds.
        autotrack.log_metric("m", 1.0, step=2**62)
        autotrack.log_params({"good": 1})
    with autotrack.start_run("fine", experiment=experiment):
        autotrack.log_param("also", 2)
    bad_proxy.refuse_for_good = "artifacts/"
    with autotrack.start_run("file", experiment=experiment):
        autotrack.log_text("x", "a.txt")
        autotrack.log_param("kept", 3)
    said = cli("replicate", "--to", bad_proxy.uri, code=1)
    assert "artifact a.txt" in said
    assert "not sent" in cli("replicate", "--status")
    ask = Asking(mlflow_server)
    found = ask("experiments/get-by-name", experiment_name=experiment)["experiment"]
    runs = ask("runs/search", {"experiment_ids": [found["experiment_id"]]})["runs"]
    params = {p["key"] for run in runs for p in run["data"].get("params", ())}
    assert params == {"good", "also", "kept"}
    assert {run["info"]["status"] for run in runs} == {"FINISHED"}
    # Asked for again, it is there.
    bad_proxy.refuse_for_good = ""
    assert "everything is sent" in cli("replicate", "--to", bad_proxy.uri, "--again")
    assert all_equal(store_path, mlflow_server) == []
