"""Calls over HTTP: what is tried again, how long is waited, and which credentials go along."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from autotrack.errors import ReplicationError
from autotrack.replication.ledger import Ledger
from autotrack.replication.wire.answers import RefusedError, StoppedError, UnavailableError
from autotrack.replication.wire.credentials import headers_for, host_of, without_credentials
from autotrack.replication.wire.http import Http


class Answering:
    """Gives the answers it was told to, one after the other; the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], Any]] = [(200, {}, {})]
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        own = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                own.asked.append((f"{self.command} {self.path}", dict(self.headers), body))
                last = len(own.answers) == 1
                status, headers, content = own.answers[0] if last else own.answers.pop(0)
                if status == 0:
                    self.close_connection = True
                    return
                data = json.dumps(content).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = _any

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def answering() -> Iterator[Answering]:
    server = Answering()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.mark.parametrize("status", [0, 408, 429, 500, 502, 503, 504, 401])
def test_what_fails_for_now_is_tried_again(answering: Answering, status: int) -> None:
    answering.answers = [(status, {"Retry-After": "0"}, {}), (200, {}, {"done": 1})]
    assert Http(answering.uri).call("POST", "mlflow/x", {"a": 1}) == {"done": 1}
    assert [body for _, _, body in answering.asked] == [b'{"a": 1}'] * 2


@pytest.mark.parametrize("status", [0, 500, 502, 504])
def test_a_creation_that_may_have_been_done_is_not_sent_again(
    answering: Answering, status: int
) -> None:
    answering.answers = [(status, {}, {})]
    with pytest.raises(UnavailableError) as raised:
        Http(answering.uri).call("POST", "mlflow/runs/create", once=True)
    assert not raised.value.is_certain
    assert len(answering.asked) == 1


def test_a_creation_that_was_surely_not_done_is_sent_again(answering: Answering) -> None:
    answering.answers = [(429, {"Retry-After": "0"}, {}), (503, {}, {}), (200, {}, {"ok": 1})]
    assert Http(answering.uri).call("POST", "mlflow/runs/create", once=True) == {"ok": 1}


def test_a_refusal_is_for_good_and_says_why(answering: Answering) -> None:
    said = {"error_code": "INVALID_PARAMETER_VALUE", "message": "no such thing"}
    answering.answers = [(400, {}, said)]
    with pytest.raises(RefusedError, match="no such thing") as raised:
        Http(answering.uri).call("POST", "mlflow/x")
    assert raised.value.word == "INVALID_PARAMETER_VALUE"
    assert len(answering.asked) == 1


def test_it_waits_as_long_as_the_server_says(answering: Answering) -> None:
    answering.answers = [(429, {"Retry-After": "1"}, {}), (200, {}, {})]
    began = time.monotonic()
    Http(answering.uri).call("GET", "mlflow/x")
    assert time.monotonic() - began >= 1


def test_a_wait_ends_when_the_sender_is_told_to(answering: Answering) -> None:
    answering.answers = [(429, {"Retry-After": "100"}, {})]
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(StoppedError):
        Http(answering.uri, stop).call("GET", "mlflow/x")


def test_a_server_that_is_away_is_given_up_for_now() -> None:
    with pytest.raises(UnavailableError) as raised:
        Http("http://127.0.0.1:9", tries=2).call("POST", "mlflow/runs/create", once=True)
    assert raised.value.is_certain


def test_credentials_are_found_as_mlflow_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(name: str, password: str) -> dict[str, str]:
        word = base64.b64encode(f"{name}:{password}".encode()).decode()
        return {"Authorization": f"Basic {word}"}

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    uri = "https://mlflow.example:5000"
    assert headers_for(uri) == {}
    (tmp_path / ".netrc").write_text("machine mlflow.example login n password p\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert headers_for(uri) == said("n", "p")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    assert headers_for(uri) == {"Authorization": "Bearer secret"}
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").write_text(
        "[mlflow]\nmlflow_tracking_username = file\nmlflow_tracking_password = word%\n"
    )
    assert headers_for(uri) == said("file", "word%")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "env")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "pw")
    assert headers_for(uri) == said("env", "pw")
    assert headers_for("http://in:uri@host") == said("in", "uri")


def test_a_token_that_was_renewed_is_taken_up(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "old")
    server = Http(answering.uri)
    server.call("GET", "mlflow/x")
    answering.answers = [(401, {}, {}), (200, {}, {})]
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "new")
    server.call("GET", "mlflow/x")
    words = [headers.get("Authorization") for _, headers, _ in answering.asked]
    assert words == ["Bearer old", "Bearer old", "Bearer new"]


def test_databricks_is_reached_with_the_credentials_that_mlflow_finds(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("DATABRICKS_HOST", answering.uri)
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi")
    assert host_of("databricks").netloc == answering.uri.removeprefix("http://")
    Http("databricks").call("POST", "mlflow/experiments/search", {})
    asked, headers, _ = answering.asked[-1]
    assert asked == "POST /api/2.0/mlflow/experiments/search"
    assert headers["Authorization"] == "Bearer dapi"


def test_credentials_in_a_uri_are_kept_nowhere(tmp_path: Path) -> None:
    uri = "http://name:secret@host:5000/prefix/"
    assert without_credentials(uri) == "http://host:5000/prefix"
    ledger = Ledger(tmp_path, uri)
    ledger.note(trouble="x")
    assert ledger.target == "http://host:5000/prefix"
    for file in (tmp_path / "replication").iterdir():
        assert b"secret" not in file.read_bytes()
        assert "secret" not in file.name
    ledger.close()


def test_what_is_no_server_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReplicationError, match="no address"):
        host_of("ftp://host")
    monkeypatch.setenv("MLFLOW_TRACKING_AWS_SIGV4", "true")
    with pytest.raises(ReplicationError, match="AWS_SIGV4"):
        headers_for("http://host")
