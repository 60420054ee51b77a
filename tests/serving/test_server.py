"""The server's processes, and who may ask them how much."""

from __future__ import annotations

import base64
import os
import re
import signal
import socket
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

import autotrack
from autotrack.cli import main
from tests.waiting import wait_until

X = np.arange(12.0).reshape(6, 2)
forks = pytest.mark.skipif(not Path("/proc").exists(), reason="looks into /proc")


@pytest.fixture(scope="module")
def guarded(start):
    return start(
        LinearRegression(), X, X[:, 0], "--max-body", "2kB", AUTOTRACK_SERVE_TOKEN="secret"
    )


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("Bearer wrong", 401),
        ("Bearer secre", 401),
        ("secret", 401),
        ("Basic secret", 401),
        ("Bearer secret", 200),
        ("bearer secret", 200),
        ("Basic " + base64.b64encode(b"me:secret").decode(), 200),
    ],
)
def test_whoever_has_no_token_gets_no_answer(guarded, header, status):
    headers = {} if header is None else {"Authorization": header}
    for method, path, body in (
        ("POST", "/predict", [[1, 2]]),
        ("GET", "/schema", None),
        ("GET", "/docs", None),
        ("GET", "/openapi.json", None),
    ):
        got, _, said = guarded.ask(method, path, body, headers)
        assert got == status
        assert ("WWW-Authenticate" in said) == (status == 401)
        if path == "/openapi.json" and status == 200:
            assert guarded.ask(method, path, None, headers)[1]["security"] == [{"token": []}]
    assert guarded.ask("GET", "/ping")[0] == 200


def test_a_body_above_the_limit_is_refused_however_it_is_sent(guarded):
    headers = {"Authorization": "Bearer secret"}
    large = b"[" + b"[1, 2]," * 400 + b"[1, 2]]"
    for body, more in ((large, {}), (iter([large[:1000], large[1000:]]), {})):
        status, said, _ = guarded.ask("POST", "/predict", body, {**headers, **more})
        assert (status, "--max-body" in said["detail"]) == (413, True)
    assert guarded.ask("POST", "/predict", iter([b"[[1,", b"2]]"]), headers)[0] == 200


@pytest.fixture(scope="module")
def slow():
    """A function that says in the folder HERE that it has begun, and waits for a file `go`."""

    def waits(rows):
        import os
        import pathlib

        here = pathlib.Path(os.environ["HERE"])
        (here / "begun").touch()
        while not (here / "go").exists():
            time.sleep(0.05)
        return [os.getpid()] * len(rows)

    return autotrack.crate(waits)


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_finishes_what_has_begun(start, slow, workers, number, tmp_path):
    server = start(slow, None, None, "--workers", workers, HERE=str(tmp_path))
    got = []
    asking = threading.Thread(target=lambda: got.append(server.post("/predict", [{"a": 1}])))
    asking.start()
    wait_until((tmp_path / "begun").exists, "the prediction's begin")
    going = threading.Timer(1, (tmp_path / "go").touch)
    going.start()
    assert server.stop(number) == 0
    asking.join()
    going.join()
    assert len(got[0]["predictions"]) == 1
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", server.port)).close()


def test_while_a_model_is_slow_the_server_answers_others(start, slow, tmp_path):
    server = start(slow, HERE=str(tmp_path))
    got = []
    asking = threading.Thread(target=lambda: got.append(server.post("/predict", [{"a": 1}])))
    asking.start()
    wait_until((tmp_path / "begun").exists, "the prediction's begin")
    try:
        assert server.ask("GET", "/ping")[0] == 200
        assert not got
    finally:
        (tmp_path / "go").touch()
        asking.join()
    assert len(got[0]["predictions"]) == 1


@forks
def test_the_death_of_a_worker_is_survived(start):
    server = start(LinearRegression(), X, X[:, 0], "--workers", "2")
    assert server.post("/predict", [[1, 2]])
    before = server.children()
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    for _ in range(20):
        assert server.post("/predict", [[1, 2]])
    wait_until(
        lambda: len(server.children()) == 2 and before[0] not in server.children(), "another worker"
    )
    assert server.post("/predict", [[1, 2]])
    assert "ended with -9" in server.errors.read_text()
    assert server.stop() == 0


@forks
def test_workers_do_not_outlive_who_started_them(start):
    server = start(LinearRegression(), X, X[:, 0], "--workers", "2")
    assert server.post("/predict", [[1, 2]])
    children = server.children()
    server.stop(signal.SIGKILL)
    wait_until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), "the workers' end"
    )


@forks
def test_workers_share_the_memory_of_the_model(start):
    known = np.random.default_rng(0).normal(size=(60_000, 200))
    server = start(KNeighborsRegressor(1, algorithm="brute"), known, known[:, 0], "--workers", "2")
    for _ in range(10):
        assert server.post("/predict", known[:1].tolist())["predictions"] == [known[0, 0]]
    for pid in server.children():
        memory = Path(f"/proc/{pid}/smaps_rollup").read_text()
        own = re.search(r"Private_Dirty: +(\d+) kB", memory)
        assert int(own[1]) * 1024 < known.nbytes / 2


def test_a_client_that_goes_away_harms_nobody(start, slow, tmp_path):
    (tmp_path / "go").touch()
    server = start(slow, HERE=str(tmp_path))
    gone = HTTPConnection("127.0.0.1", server.port)
    gone.request("POST", "/predict", '[{"a": 1}]')
    gone.close()
    with socket.create_connection(("127.0.0.1", server.port)) as half:
        half.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n[{")
    assert server.post("/predict", [{"a": 1}])
    assert server.errors.read_text() == ""


def test_what_an_alias_points_at_is_served_and_nothing_is_recorded(start, store_path):
    with autotrack.enable():
        LinearRegression().fit(X, X[:, 0])
        run = autotrack.last_run()
    version = autotrack.register_model(f"runs:/{run.run_id}/model", "coffee")
    autotrack.set_alias("coffee", "champion", version.version)
    server = start("models:/coffee@champion", None, None, "--store", str(store_path))
    assert "models:/coffee@champion, version 1" in server.said
    assert server.post("/predict", [[1, 2]])["predictions"] == pytest.approx([1.0])
    said = server.ask("GET", "/metadata")[1]
    assert said["model"]["name"] == "coffee"
    assert said["run_id"] == run.run_id
    assert len(autotrack.search_runs(children=True)) == 1


def serve(*arguments):
    return CliRunner().invoke(main, ["serve", *map(str, arguments)])


def test_a_port_that_is_taken_is_named(tmp_path):
    folder = autotrack.crate(LinearRegression().fit(X, X[:, 0])).save(tmp_path / "crate")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = serve(folder, "--port", taken.getsockname()[1])
    assert done.exit_code == 5
    assert f"cannot listen at 127.0.0.1:{taken}" not in done.output
    assert "choose another with --port" in done.output


def test_what_cannot_be_served_is_said(tmp_path):
    scaler = autotrack.crate(StandardScaler().fit(X)).save(tmp_path / "scaler")
    assert "has no predict" in serve(scaler).output
    odd = autotrack.crate(lambda *rows: rows).save(tmp_path / "odd")
    assert "reach one parameter as a frame" in serve(odd).output
    assert "no crate at" in serve(tmp_path / "nowhere").output
    assert "expected a size such as 500kB" in serve(scaler, "--max-body", "much").output
    assert "the token is empty" in serve(scaler, "--token", " ").output


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "fastapi_offline"])
def test_a_missing_extra_is_named(tmp_path, run_python, missing):
    folder = autotrack.crate(LinearRegression().fit(X, X[:, 0])).save(tmp_path / "crate")
    hidden = (
        "import sys; from importlib import abc\n"
        "class Hidden(abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        if name.partition('.')[0] == {missing!r}:\n"
        f"            raise ModuleNotFoundError('hidden', name={missing!r})\n"
        "sys.meta_path.insert(0, Hidden())\n"
        f"from autotrack.cli import main; main(['serve', {str(folder)!r}, '--port', '0'])"
    )
    done = run_python(code=hidden, check=False)
    assert done.returncode == 5
    assert "pip install 'sklearn-autotrack[serve]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_crate_of_a_stranger_is_not_served(tmp_path, run_python):
    folder = autotrack.crate(lambda row: row).save(tmp_path / "crate")
    done = run_python(
        "-m", "autotrack", "serve", folder, "--port", "0",
        check=False, AUTOTRACK_STORE=str(tmp_path / "other"),
    )  # fmt: skip
    assert done.returncode != 0
    assert "the store in use did not pack" in done.stderr
    assert "Traceback" not in done.stderr
