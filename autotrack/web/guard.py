"""Who may ask: the first that a request meets, and the headers that every answer carries."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autotrack.serving.allowed_hosts import Origins

#: What pages may load: what this server has itself, and no script or style in the page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
#: The same of a file that somebody recorded: it is alone in a box, and runs nothing.
SANDBOX = (
    "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; "
    "frame-ancestors 'self'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-cache, private",
}
#: Where who has the token tells it.
SIGN_IN = "/sign-in"
_OPEN = ("/static/",)
_READING = frozenset({"GET", "HEAD"})
_LONGEST_ADDRESS = 100_000


class Guard:
    """Refuses what is meant for others, has no token or comes from another site.

    Parameters
    ----------
    app : ASGI application
        What is behind it.
    origins : Origins
        Which names the server has.
    token : str or None
        What a browser has to bring along once, as ``?token=`` or in the form; a cookie has it from
        then on. None lets everyone in who reaches the server.
    """

    def __init__(self, app: ASGIApp, origins: Origins, token: str | None = None) -> None:
        self._app = app
        self._origins = origins
        self._token = token
        key = secrets.token_bytes(32)
        # Cookies are those of all ports of a machine, so each server has a name of its own.
        self._cookie = f"autotrack_{secrets.token_hex(4)}"
        self._pass = hmac.new(key, (token or "").encode(), hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        hosts, origins = _headers(scope, b"host"), _headers(scope, b"origin")
        problem = self._origins.refusal(hosts, origins)
        if not hosts:
            problem = "the header Host is missing"
        if len(scope["query_string"]) > _LONGEST_ADDRESS:
            problem = "the address is too long"
        sites = _headers(scope, b"sec-fetch-site")
        if scope["method"] not in _READING and any(
            s not in (b"same-origin", b"none") for s in sites
        ):
            problem = "this comes from a page of another site"
        if problem:
            return PlainTextResponse(problem, 403)
        if self._token is None or scope["path"].startswith(_OPEN) or self._is_known(scope):
            return None
        if scope["path"] == SIGN_IN:
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token")
        if given is not None and self.is_token(given):
            rest = urlencode([(key, value) for key, value in query if key != "token"])
            return self.admit(f"{_local(scope['path'])}{'?' + rest if rest else ''}")
        return RedirectResponse(SIGN_IN, 303) if scope["method"] in _READING else PlainTextResponse(
            "a token is needed", 401
        )  # fmt: skip

    def is_token(self, given: str) -> bool:
        """Whether somebody has the token."""
        return self._token is not None and hmac.compare_digest(given.encode(), self._token.encode())

    def admit(self, to: str) -> Response:
        """Send a browser on, with the cookie that lets it in."""
        response = RedirectResponse(to, 303)
        response.set_cookie(self._cookie, self._pass, httponly=True, samesite="strict", path="/")
        return response

    def _is_known(self, scope: Scope) -> bool:
        for header in _headers(scope, b"authorization"):
            scheme, _, given = header.decode("latin-1").partition(" ")
            if scheme.lower() == "bearer" and self.is_token(given.strip()):
                return True
        for header in _headers(scope, b"cookie"):
            try:
                found = SimpleCookie(header.decode("latin-1")).get(self._cookie)
            except CookieError:
                continue
            if found is not None and hmac.compare_digest(found.value.encode(), self._pass.encode()):
                return True
        return False


class Changes:
    """Tells forms of our own pages from those of others, by a secret that stands in ours."""

    def __init__(self, *, allowed: bool) -> None:
        self.allowed = allowed
        self.token = secrets.token_urlsafe(24)

    def is_ours(self, given: str) -> bool:
        """Whether a form came from one of our pages."""
        return hmac.compare_digest(given.encode(), self.token.encode())


def _headers(scope: Scope, name: bytes) -> list[bytes]:
    found: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return [value for key, value in found if key == name]


def _local(path: str) -> str:
    """A path of this server, and of no other: two slashes would begin the name of one."""
    return "/" + path.lstrip("/\\")
