"""Tracking URIs behind which no server is: MLflow's own stores answer, within this process.

MLflow's application takes the same calls as its server does, and hands them to the store of the
URI: a database or a folder. That takes the whole of MLflow, which knows how to write them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from autotrack.errors import ReplicationError
from autotrack.replication.wire.answers import RefusedError, UnavailableError


class InProcess:
    """MLflow's application, which works on the store behind a tracking URI.

    Parameters
    ----------
    uri : str
        Such as ``sqlite:///mlflow.db`` or ``postgresql://...``.

    Raises
    ------
    ReplicationError
        If MLflow is not installed, or does not take the URI.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        scheme = uri.partition(":")[0]
        try:
            # It starts what a server has around it unless told otherwise.
            os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
            from mlflow.server import app, handlers
        except ImportError as error:
            raise ReplicationError(
                f"a tracking URI of {scheme}: is written by MLflow itself, which is not here "
                f"({error}); install mlflow, or give the http address of its server"
            ) from error
        try:
            handlers.initialize_backend_stores(uri, uri, default_artifact_root=_artifact_root(uri))
        except Exception as error:
            raise ReplicationError(
                f"MLflow cannot open the store of {scheme}: ({type(error).__name__}: {error})"
            ) from error
        self._client = app.test_client()

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, once: bool = False
    ) -> dict[str, Any]:
        """As :meth:`autotrack.replication.wire.http.Transport.call`."""
        given: dict[str, Any] = {"query_string": body} if method == "GET" else {"json": body or {}}
        answer = self._client.open(f"/api/2.0/{path}", method=method, **given)
        found = answer.get_json(silent=True)
        if answer.status_code < 300 and isinstance(found, dict):
            return found
        said = found if isinstance(found, dict) else {}
        message = f"MLflow answered {answer.status_code}: {said.get('message', '')}"
        if answer.status_code >= 500:
            raise UnavailableError(message)
        raise RefusedError(message, str(said.get("error_code", "")), answer.status_code)

    def upload(self, url: str, file: Path) -> None:
        """As :meth:`autotrack.replication.wire.http.Transport.upload`."""
        raise ReplicationError(f"files at {url} are a server's, and there is none")

    def download(self, url: str, to: IO[bytes]) -> None:
        """As :meth:`autotrack.replication.wire.http.Transport.download`."""
        raise ReplicationError(f"files at {url} are a server's, and there is none")

    def close(self) -> None:
        """There is no connection."""


def _artifact_root(uri: str) -> str:
    """Where new experiments keep files: as MLflow has it, a folder beside the database."""
    if uri.startswith("sqlite:///"):
        return str(Path(uri.removeprefix("sqlite:///")).absolute().parent / "mlruns")
    return str(Path("mlruns").absolute())
