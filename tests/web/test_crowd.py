"""Many requests at a time."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

from autotrack.serving.allowed_hosts import Origins
from autotrack.store.store import Store
from autotrack.web.app import make_app
from tests.web.many import make


def status_of(app, path: str, query: str) -> int:
    sent = []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": path, "raw_path": path.encode(), "root_path": "",
        "query_string": query.encode(), "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"]


def test_each_waits_for_its_turn_and_none_is_turned_away(tmp_path):
    make(tmp_path / "store", 4000)
    # The connection gives up on a thread that has to wait for a twentieth of a second.
    store = Store(tmp_path / "store", create=False, busy_timeout=-0.95)
    app = make_app(store, origins=Origins("127.0.0.1"))
    found: Counter[int] = Counter()

    def ask(number: int) -> None:
        query = (
            f"where=metrics.mean_test_score+%3E+0.{number:02}&sort=params.step{number % 8}__param"
        )
        found[status_of(app, "/runs", query)] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    assert found == {200: 30}
