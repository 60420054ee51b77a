"""Who may ask, and how much: the first that a request meets."""

from __future__ import annotations

import base64
import binascii
import hmac

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autotrack.serving.allowed_hosts import Origins

#: What anyone may ask: whether the server is there.
_OPEN = ("/ping", "/health")


class Guard:
    """Refuses what is meant for others (403), has no token (401) or too large a body (413).

    The token is that of ``Authorization: Bearer``, or the password of ``Authorization: Basic``,
    which is how a browser gets to the documentation.

    Parameters
    ----------
    app : ASGI application
        What is behind it.
    token : str or None
        None lets everyone in.
    most : int
        The bytes a body may have, however it is sent.
    origins : Origins
        Which names the server has.
    """

    def __init__(self, app: ASGIApp, token: str | None, most: int, origins: Origins) -> None:
        self._app = app
        self._origins = origins
        self._token = None if token is None else token.encode()
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = b""
        given = b""
        hosts, origins = [], []
        for name, value in scope["headers"]:
            if name == b"content-length":
                length = value
            elif name == b"host":
                hosts.append(value)
            elif name == b"origin":
                origins.append(value)
            elif name == b"authorization":
                given = value
        problem = self._origins.refusal(hosts, origins)
        if problem is None and not hosts and scope["http_version"] != "1.0":
            problem = "the header Host is missing"
        if problem is not None:
            await JSONResponse({"detail": problem}, 403)(scope, receive, send)
            return
        if self._token is not None and scope["path"] not in _OPEN and not self._knows(given):
            headers = {"WWW-Authenticate": 'Bearer, Basic realm="autotrack"'}
            refusal = JSONResponse({"detail": "a token is needed"}, 401, headers=headers)
            await refusal(scope, receive, send)
            return
        if length:
            if length.isdigit() and int(length) > self._most:
                await JSONResponse({"detail": self._too_large()}, 413)(scope, receive, send)
                return
            await self._app(scope, receive, send)  # the server itself counts up to it
            return
        await self._app(scope, _Counting(receive, self._most, self._too_large()), send)

    def _knows(self, given: bytes) -> bool:
        assert self._token is not None
        scheme, _, credentials = given.partition(b" ")
        offered = credentials.strip()
        if scheme.lower() == b"basic":
            try:
                _, _, offered = base64.b64decode(offered, validate=True).partition(b":")
            except binascii.Error:
                return False
        elif scheme.lower() != b"bearer":
            return False
        return hmac.compare_digest(offered, self._token)

    def _too_large(self) -> str:
        return f"the body is larger than the {self._most:,} bytes that are allowed (--max-body)"


class _Counting:
    """Receives a body of unknown length, up to the limit."""

    def __init__(self, receive: Receive, most: int, refusal: str) -> None:
        self._receive = receive
        self._left = most
        self._refusal = refusal

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(413, self._refusal)
        return message
