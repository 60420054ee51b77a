"""Pages of an application in this process, without a server."""

from __future__ import annotations

import asyncio
from typing import Any


def answer_of(app: Any, address: str) -> tuple[int, bytes]:
    """The status and the body of what is answered at an address."""
    path, _, query = address.partition("?")
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": path, "raw_path": path.encode(), "root_path": "",
        "query_string": query.encode(), "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def page_of(app: Any, address: str) -> str:
    """The page at an address, which there has to be."""
    status, body = answer_of(app, address)
    assert status == 200, body
    return body.decode()
