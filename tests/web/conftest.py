"""Servers of pages, and the browser that looks at them."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest

from autotrack.store.store import Store
from tests.waiting import PATIENCE
from tests.web.browser import Browser, Page, executable, opened

ROOT = Path(__file__).resolve().parents[2]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str


class Served:
    """A server of `autotrack ui`, asked without a browser."""

    def __init__(self, address: str, store: Path) -> None:
        self.address = address.rstrip("/")
        self.store = store
        split = urlsplit(address)
        self.host, self.port = split.hostname or "", split.port or 0

    def ask(
        self,
        path: str,
        form: dict[str, str] | None = None,
        *,
        method: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        body = None if form is None else urlencode(form)
        sent = {} if form is None else {"content-type": "application/x-www-form-urlencoded"}
        with contextlib.closing(connection):
            verb = method or ("GET" if form is None else "POST")
            connection.request(verb, path, body, sent | (headers or {}))
            answer = connection.getresponse()
            received = {key.lower(): value for key, value in answer.getheaders()}
            return Answer(answer.status, received, answer.read().decode("utf-8", "replace"))

    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.ask(f"/runs/{self.newest()}").text)
        assert found
        return found[1]

    def newest(self, name: str | None = None) -> str:
        store = Store(self.store, create=False)
        where = "1" if name is None else "name = ?"
        with store.reading() as connection:
            (found,) = connection.execute(
                f"SELECT run_id FROM runs WHERE {where} ORDER BY id DESC LIMIT 1",
                () if name is None else (name,),
            ).fetchone()
        store.close()
        return str(found)


@contextlib.contextmanager
def serving(store: Path, *options: str, log: Path) -> Iterator[Served]:
    """`autotrack ui` on a store, in a process of its own."""
    command = [sys.executable, "-m", "autotrack", "ui", "--port", "0", "--store", str(store)]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        assert lines[-1], log.read_text()
        yield Served(lines[-1].strip(), store)
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that people's code made, in a process of its own."""
    store = tmp_path_factory.mktemp("pages") / "autotrack_runs"
    subprocess.run(
        [sys.executable, "-m", "tests.web.making"],
        cwd=ROOT,
        env={**os.environ, "AUTOTRACK_STORE": str(store)},
        check=True,
        timeout=PATIENCE,
    )
    return store


@pytest.fixture(scope="session")
def served(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The pages of that store."""
    with serving(filled, log=tmp_path_factory.mktemp("log") / "log") as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser."""
    if executable() is None:
        pytest.skip("chromium is not installed")
    with opened() as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window."""
    found = browser.page()
    yield found
    found.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Serves further stores."""
    with contextlib.ExitStack() as stack:

        def start(store: Path, *options: str) -> Served:
            return stack.enter_context(serving(store, *options, log=tmp_path / "ui.log"))

        yield start
