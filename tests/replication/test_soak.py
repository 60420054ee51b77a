"""A server on PostgreSQL, killed in the middle like the client: nothing is lost, nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from sklearn.linear_model import LogisticRegression

import autotrack
from tests.replication.comparing import all_equal
from tests.replication.server import BIN, ROOT, Postgres, free_port
from tests.replication.soak import soak
from tests.split import Split
from tests.waiting import wait_until


@pytest.mark.thorough
def test_a_store_is_whole_on_postgresql_after_kills_of_both_sides(tmp_path: Path) -> None:
    if not (BIN / "mlflow").exists():
        pytest.skip("there is no MLflow to talk to: make .venv-bench/installed")
    if Postgres.program("initdb") is None:
        pytest.skip("there is no PostgreSQL")
    database = Postgres()
    database.start()
    try:
        wrong = soak(
            tmp_path,
            database.uri,
            kills=3,
            server_kills=1,
            candidates=3,
            dropped=0.1,
            patience=5.0,
            seed=1,
        )
    finally:
        database.stop()
    assert wrong == []


@pytest.mark.thorough
def test_mlflow_serves_a_registered_crate_and_a_database_needs_no_server(
    mlflow_server: str, tmp_path: Path, experiment: str, split: Split, store_path: Path
) -> None:
    autotrack.enable(experiment=experiment)
    model = LogisticRegression(C=0.5).fit(split.X_train, split.y_train)
    run = autotrack.last_run()
    assert run is not None
    version = autotrack.register_model(f"runs:/{run.run_id}/model", experiment)
    autotrack.set_alias(experiment, "champion", version.version)
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    database = f"sqlite:///{tmp_path}/mlflow.db"
    for python, target in ((sys.executable, mlflow_server), (BIN / "python", database)):
        done = subprocess.run(
            [python, "-m", "autotrack", "replicate", "--to", target],
            capture_output=True, text=True, check=False, cwd=ROOT,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    assert all_equal(store_path, mlflow_server) == []

    code = (
        f"import mlflow; mlflow.set_tracking_uri({database!r})\n"
        f"print(mlflow.search_runs(experiment_names=[{experiment!r}])['params.C'].tolist())\n"
        f"print(mlflow.pyfunc.load_model('models:/{experiment}@champion').metadata.flavors.keys())"
    )
    done = subprocess.run(
        [BIN / "python", "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "['0.5']" in done.stdout
    assert "python_function" in done.stdout

    port = free_port()
    serving = subprocess.Popen(
        [
            BIN / "mlflow", "models", "serve", "-m", f"models:/{experiment}@champion",
            "--env-manager", "local", "-p", str(port), "-h", "127.0.0.1",
        ],
        env={**environment, "MLFLOW_TRACKING_URI": mlflow_server},
        cwd=tmp_path, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    body = json.dumps({"dataframe_split": split.X_test.head(4).to_dict(orient="split")}).encode()
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"}
    )

    def answer() -> list[int] | None:
        try:
            with urllib.request.urlopen(asked, timeout=30) as given:
                return list(json.load(given)["predictions"])
        except OSError:
            return None

    try:
        found = wait_until(answer, "an answer of `mlflow models serve`")
    finally:
        os.killpg(serving.pid, signal.SIGKILL)
        serving.wait()
    assert found == model.predict(split.X_test.head(4)).tolist()
