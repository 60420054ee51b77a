"""Pages beside a notebook: a server in a process of its own, that ends with the kernel."""

from __future__ import annotations

import atexit
import os
import secrets
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

from autotrack.errors import AutotrackError, InvalidValueError
from autotrack.markup import line, soft, strong, view, words

_NEEDED = ("starlette", "uvicorn", "httptools", "jinja2", "markupsafe")
_EXTRA = "pip install 'sklearn-autotrack[ui]'"
# A machine may be slow.
_PATIENCE = 60.0
_running: dict[Path, Pages] = {}
_guard = threading.Lock()


class Pages:
    """A server of the pages of a store, which shows a link to them in a notebook.

    Attributes
    ----------
    url : str
        Where they are. It has a token that opens them, as long as the server runs.
    store : Path
        The store that they show.
    """

    def __init__(self, store: Path, *, read_only: bool) -> None:
        self.store = store
        self.read_only = read_only
        self._pid = os.getpid()
        command = [sys.executable, "-m", "autotrack", "ui", "--port", "0", "--with-stdin"]
        command += ["--store", str(store), *(["--read-only"] if read_only else [])]
        self._process = subprocess.Popen(
            command,
            # The server ends when this is closed, however our process ends.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "AUTOTRACK_UI_TOKEN": secrets.token_urlsafe(24)},
            # A Ctrl-C is for the cell.
            start_new_session=True,
        )
        self.url = self._told()

    def _told(self) -> str:
        """The address, which is the second line that the server says."""
        said: list[str] = []
        assert self._process.stdout is not None
        out = self._process.stdout

        def read() -> None:
            for told in out:
                if len(said) < 20:
                    said.append(told.strip())

        # Goes on reading, so that the server never waits for somebody to read.
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        for _ in range(int(_PATIENCE / 0.02)):
            address = next((told for told in list(said) if told.startswith("http://")), None)
            if address is not None:
                return address
            if self._process.poll() is not None:
                break
            reader.join(0.02)
        self.stop()
        raise AutotrackError(
            f"the server of the pages did not start: {' '.join(said) or 'no word'}"
        )

    @property
    def is_running(self) -> bool:
        """Whether the pages can be asked for."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the server."""
        if os.getpid() != self._pid:  # a fork's copy
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __repr__(self) -> str:
        return f"<Pages of {self.store}: {self.url if self.is_running else 'stopped'}>"

    def _repr_html_(self) -> str:
        if not self.is_running:
            return view(line(strong("The pages"), soft("are stopped; autotrack.ui() starts anew")))
        link = (
            f'<a href="{words(self.url)}" target="_blank" rel="noopener noreferrer">'
            "Open the pages of autotrack</a>"
        )
        return view(line(link, soft(f"of {self.store}, while this kernel runs")))


def pages_of(store: Path, *, read_only: bool) -> Pages:
    """The pages of a store; those that run already, if they do."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise InvalidValueError(f"the pages need {missing[0]}: {_EXTRA}")
    with _guard:
        known = _running.get(store)
        if known is not None and known._pid == os.getpid():
            if known.is_running and known.read_only == read_only:
                return known
            known.stop()
        _running[store] = Pages(store, read_only=read_only)
        return _running[store]


def _stop_all() -> None:
    for pages in _running.values():
        pages.stop()


atexit.register(_stop_all)
