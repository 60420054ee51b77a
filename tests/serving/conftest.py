"""Servers of real processes, and a client for them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import autotrack
from tests.waiting import PATIENCE


class Server:
    """A process of `autotrack serve`."""

    def __init__(self, *arguments: str, cwd: Path, before: str = "", **environment: str) -> None:
        # Python code to run `before` it begins, where the clock has to tick faster.
        code = f"from autotrack.cli import main\n{before}\nmain()"
        command = ["-c", code] if before else ["-m", "autotrack"]
        self.errors = cwd / "errors"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, *command, "serve", *arguments, "--port", "0"],
                cwd=cwd,
                env={**os.environ, **environment},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        self.said = ""
        while (found := re.search(r":(\d+)/docs", self.said)) is None:
            line = self.process.stdout.readline()
            assert line, self.errors.read_text()
            self.said += line
        self.port = int(found[1])

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        connection: HTTPConnection | None = None,
    ) -> tuple[int, Any, Any]:
        """Status, JSON (else the text) and headers of an answer."""
        if not isinstance(body, str | bytes | Iterator | None):
            body = json.dumps(body)
        through = connection or HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        through.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
        answer = through.getresponse()
        content = answer.read()
        if connection is None:
            through.close()
        is_json = answer.headers.get_content_type() == "application/json"
        said = json.loads(content) if is_json else content.decode("utf-8", "replace")
        return answer.status, said, answer.headers

    def post(self, path: str, body: Any, content_type: str = "application/json") -> Any:
        """The JSON of an answer that must be a good one."""
        status, said, _ = self.ask("POST", path, body, {"Content-Type": content_type})
        assert status == 200, said
        return said

    def refused(self, path: str, body: Any, content_type: str = "application/json") -> list[str]:
        """The messages of a 422."""
        status, said, _ = self.ask("POST", path, body, {"Content-Type": content_type})
        assert status == 422, said
        return [each["msg"] for each in said["detail"]]

    def children(self) -> list[int]:
        """The processes it has started."""
        pid = self.process.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Serve a fitted model, a function's crate or a URI; all are ended with the module."""
    started = []

    def start(
        model: Any,
        X: Any = None,
        y: Any = None,
        *options: str,
        before: str = "",
        **environment: str,
    ):
        cwd = tmp_path_factory.mktemp("server")
        uri = model
        if not isinstance(model, str):
            if X is not None:
                with pytest.MonkeyPatch.context() as patched:
                    patched.setenv("AUTOTRACK_STORE", str(cwd / "made"))
                    with autotrack.enable():
                        model.fit(X, y)
                    model = autotrack.last_run().load_model()
                    uri = str(model.save(cwd / "crate"))
                autotrack.tracking.workspace.workspace.forget()
            else:
                uri = str(model.save(cwd / "crate"))
            # The server's store is another one, and did not pack it.
            options = ("--trust", "true", *options)
        server = Server(uri, *options, cwd=cwd, before=before, **environment)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def coffee() -> pd.DataFrame:
    """Some columns of each kind, with gaps as in life."""
    return pd.DataFrame(
        {
            "aroma": [7.5, 6.25, None, 8.0, 7.0, 6.5] * 5,
            "bags": [10, 250, 3, 40, 1, 320] * 5,
            # Missing as in a file that was read: scikit-learn tells NaN from None.
            "variety": ["Bourbon", "Caturra", np.nan, "Bourbon", "Typica", "Caturra"] * 5,
            "organic": [True, False, True, True, False, False] * 5,
            "grade": [82.0, 80.5, 79.0, 84.0, 81.0, 78.5] * 5,
        }
    )
