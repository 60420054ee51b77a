"""Calls over HTTP with retries of our own, on one connection that is kept open."""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from autotrack._version import __version__
from autotrack.errors import ReplicationError
from autotrack.replication.wire.answers import RefusedError, StoppedError, UnavailableError
from autotrack.replication.wire.credentials import (
    Host,
    headers_for,
    host_of,
    tls_context,
    without_credentials,
)

#: Under which proxied artifacts are found.
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"

_TRIES = 6
_FIRST_WAIT = 0.2
_LONGEST_WAIT = 20.0
_LONGEST_ASKED = 120.0
_CHUNK = 1 << 18
_FOR_NOW = frozenset({408, 425, 429, 500, 502, 503, 504})
_NOT_DONE = frozenset({429, 503})
# Servers of MLflow's keep a connection for five seconds.
_IDLE = 3.0

_T = TypeVar("_T")


class Transport(Protocol):
    """What carries calls to where MLflow answers."""

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, once: bool = False
    ) -> dict[str, Any]:
        """One call of MLflow's REST interface; the body of a GET is its query.

        Parameters
        ----------
        method, path : str
            Such as ``POST`` and ``mlflow/runs/create``.
        body : mapping, optional
        once : bool
            Not to be sent again where it may have been done.

        Raises
        ------
        RefusedError
            For good.
        UnavailableError
            After a few tries; at once if `once` and it is not certain that nothing was done.
        StoppedError
            If the sender is to end.
        """

    def upload(self, url: str, file: Path) -> None:
        """Put a file to where its URL, of this host or a full one, says."""

    def download(self, url: str, to: IO[bytes]) -> None:
        """Write what is at a URL into `to`."""

    def close(self) -> None:
        """Close the connection."""


class Http:
    """A server over HTTP. For one thread.

    Parameters
    ----------
    uri : str
        An ``http``, ``https`` or ``databricks`` tracking URI.
    stop : Event, optional
        Ends waits when it is set.
    tries : int
    timeout : float, optional
        Seconds to wait for an answer; by default MLFLOW_HTTP_REQUEST_TIMEOUT, else 30.
    """

    def __init__(
        self,
        uri: str,
        stop: threading.Event | None = None,
        *,
        tries: int = _TRIES,
        timeout: float | None = None,
    ) -> None:
        self.uri = uri
        self.name = without_credentials(uri)
        self._stop = stop or threading.Event()
        self._tries = tries
        self._timeout = timeout or float(os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT") or 30)
        self._host: Host | None = None
        self._headers: dict[str, str] | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._used = 0.0
        #: Whether a thread waits for an answer just now.
        self.is_waiting = False

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, once: bool = False
    ) -> dict[str, Any]:
        """As :meth:`Transport.call`."""
        target = f"/api/2.0/{path}"
        content = None
        if method == "GET":
            target += f"?{urlencode(body, doseq=True)}" if body else ""
        else:
            content = json.dumps(body or {}).encode()
        answer = self._again(lambda: self._answer(method, target, content), once=once)
        try:
            found = json.loads(answer) if answer else {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise RefusedError(f"{self.name} does not answer as MLflow does: {answer[:80]!r}")
        return found

    def upload(self, url: str, file: Path) -> None:
        """As :meth:`Transport.upload`."""

        def put() -> None:
            with open(file, "rb") as reader:
                self._answer(
                    "PUT", self._target(url), reader, size=os.fstat(reader.fileno()).st_size
                )

        self._again(put)

    def download(self, url: str, to: IO[bytes]) -> None:
        """As :meth:`Transport.download`."""

        def get() -> None:
            to.seek(0)
            to.truncate()
            self._answer("GET", self._target(url), to=to)

        self._again(get)

    def close(self) -> None:
        """Close the connection; the next call opens one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError):
                connection.close()

    def _target(self, url: str) -> str:
        # The path alone: files lie with the server that the user named.
        return quote(urlsplit(url).path if "://" in url else url)

    def _again(self, action: Callable[[], _T], *, once: bool = False) -> _T:
        tries = 0
        while True:
            if self._stop.is_set():
                raise StoppedError("the sender was told to end")
            try:
                return action()
            except UnavailableError as error:
                tries += 1
                if tries >= self._tries or (once and not error.is_certain):
                    raise
                self.rest(tries, error.wait)

    def rest(self, tries: int, asked: float | None = None) -> None:
        """Wait before the next try: at random, the longer the more there were."""
        longest = min(_FIRST_WAIT * 2**tries, _LONGEST_WAIT)
        wait = random.uniform(longest / 4, longest)
        if asked is not None:
            wait = max(wait, min(asked, _LONGEST_ASKED))
        if self._stop.wait(wait):
            raise StoppedError("the sender was told to end")

    def _answer(
        self,
        method: str,
        target: str,
        content: bytes | IO[bytes] | None = None,
        *,
        size: int | None = None,
        to: IO[bytes] | None = None,
    ) -> bytes:
        """One try. What a server says that failed is no secret, what we sent may be."""
        sent = False
        self.is_waiting = True
        try:
            connection = self._connected()
            headers = dict(self._headers or {})
            headers["User-Agent"] = f"autotrack/{__version__}"
            if content is not None:
                binary = to is not None or size is not None
                headers["Content-Type"] = (
                    "application/octet-stream" if binary else "application/json"
                )
                headers["Content-Length"] = str(
                    len(content) if isinstance(content, bytes) else size
                )
            assert self._host is not None
            sent = True
            connection.request(method, self._host.prefix + target, content, headers)
            response = connection.getresponse()
            if response.status < 300 and to is not None:
                while chunk := response.read(_CHUNK):
                    to.write(chunk)
                return b""
            answer = response.read()
            if response.will_close:
                self.close()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if isinstance(error, ssl.SSLCertVerificationError):
                raise UnavailableError(f"{self.name}: {error}", is_certain=True) from error
            said = str(error) or type(error).__name__
            refused = isinstance(error, ConnectionRefusedError | socket.gaierror)
            raise UnavailableError(
                f"{self.name}: {said}", is_certain=refused or not sent
            ) from error
        finally:
            self.is_waiting = False
            self._used = time.monotonic()
        if response.status < 300:
            return answer
        raise self._failure(response.status, answer, response.headers.get("Retry-After"))

    def _failure(
        self, status: int, answer: bytes, wait: str | None
    ) -> RefusedError | UnavailableError:
        code, said = "", answer[:300].decode("utf-8", "replace").strip()
        with suppress(ValueError, AttributeError):
            read = json.loads(answer)
            code, said = str(read.get("error_code", "")), str(read.get("message", said))
        message = f"{self.name} answered {status}: {said[:500]}"
        if status == 401 or (status == 403 and code != "PERMISSION_DENIED"):
            # The next try reads credentials anew.
            self.close()
            return UnavailableError(message, is_certain=True, is_denied=True)
        if status in _FOR_NOW:
            return UnavailableError(message, is_certain=status in _NOT_DONE, wait=_seconds(wait))
        return RefusedError(message, code, status)

    def _connected(self) -> http.client.HTTPConnection:
        if time.monotonic() - self._used > _IDLE:
            # The server may be about to close it, and a call that is lost with it is in doubt.
            self.close()
        if self._connection is None:
            try:
                self._host = host_of(self.uri)
                self._headers = headers_for(self.uri)
            except ReplicationError as error:
                # It may be there the next time, as a token that somebody renews.
                raise UnavailableError(str(error), is_certain=True, is_denied=True) from error
            host = self._host
            self._connection = _connect(host, self._timeout)
        return self._connection


def _connect(host: Host, timeout: float) -> http.client.HTTPConnection:
    bare = host.netloc.rpartition(":")[0] or host.netloc
    proxy = None
    if not urllib.request.proxy_bypass(bare):
        proxy = urllib.request.getproxies().get(host.scheme)
    via = urlsplit(proxy).netloc.rpartition("@")[2] if proxy else None
    if host.scheme == "https":
        secure = http.client.HTTPSConnection(
            via or host.netloc, timeout=timeout, context=tls_context()
        )
        if via:
            secure.set_tunnel(host.netloc)
        return _opened(secure)
    plain = http.client.HTTPConnection(via or host.netloc, timeout=timeout)
    if via:
        plain.set_tunnel(host.netloc)
    return _opened(plain)


def _opened(connection: http.client.HTTPConnection) -> http.client.HTTPConnection:
    connection.connect()
    # A head and a body are two writes, of which the second would wait for the first's receipt.
    with suppress(OSError):
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _seconds(text: str | None) -> float | None:
    """What Retry-After says: seconds, or a date."""
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        with suppress(ValueError, TypeError):
            return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return None
