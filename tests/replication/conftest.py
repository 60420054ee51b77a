"""One MLflow server for all tests, whichever worker process they run in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.replication.proxy import BadProxy
from tests.replication.server import BIN, ROOT
from tests.split import Split
from tests.waiting import PATIENCE

# Ends the server when the process that runs the tests has ended, however it did.
_KEEP = """
import json, os, pathlib, signal, sys, time
from tests.replication.server import MlflowServer
folder, watched = pathlib.Path(sys.argv[1]), int(sys.argv[2])
server = MlflowServer(folder)
server.start()
(folder / "told.new").write_text(json.dumps({"uri": server.uri, "port": server.port}))
(folder / "told.new").rename(folder / "told")
try:
    while True:
        os.kill(watched, 0)
        time.sleep(0.5)
except ProcessLookupError:
    pass
finally:
    server.kill()
"""


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a server on SQLite that all tests share."""
    if not (BIN / "mlflow").exists():
        pytest.skip("there is no MLflow to talk to: make .venv-bench/installed")
    base = tmp_path_factory.getbasetemp()
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    folder = (base.parent if worker else base) / "mlflow-server"
    try:
        folder.mkdir()
    except FileExistsError:
        pass
    else:
        watched = os.getppid() if worker else os.getpid()
        with open(folder / "keeper.log", "ab") as log:
            subprocess.Popen(
                [sys.executable, "-c", _KEEP, str(folder), str(watched)],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
    until = time.monotonic() + PATIENCE
    while not (folder / "told").exists():
        assert time.monotonic() < until, (folder / "keeper.log").read_text()
        time.sleep(0.1)
    return str(json.loads((folder / "told").read_text())["uri"])


@pytest.fixture
def bad_proxy(mlflow_server: str) -> Iterator[BadProxy]:
    """A proxy before that server, which behaves well until it is told otherwise."""
    proxy = BadProxy(int(mlflow_server.rpartition(":")[2]))
    yield proxy
    proxy.close()


@pytest.fixture
def experiment(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A name that no other test has for its experiment, nor for its models."""
    return f"{request.node.name[:60]}-{os.getpid()}"


@pytest.fixture
def split(classes: Split) -> Split:
    """Data in frames, so that MLflow's signatures have names."""
    names = ["a", "b", "c", "d"]
    return classes._replace(
        X_train=pd.DataFrame(classes.X_train, columns=names),
        X_test=pd.DataFrame(classes.X_test, columns=names),
    )
