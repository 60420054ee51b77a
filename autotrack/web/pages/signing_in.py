"""The form that asks for the token, where the server has one."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from autotrack.web.rendering import render
from autotrack.web.site import site_of


def form(request: Request) -> Response:
    """Ask for the token."""
    return render("sign_in.html", 401, wrong=False)


async def enter(request: Request) -> Response:
    """Let in who has the token."""
    guard = site_of(request).guard
    assert guard is not None
    body = (await request.body())[:10_000].decode("utf-8", "replace")
    given = parse_qs(body).get("token", [""])[0].strip()
    if guard.is_token(given):
        return guard.admit("/")
    return render("sign_in.html", 401, wrong=True) if given else RedirectResponse("/sign-in", 303)
