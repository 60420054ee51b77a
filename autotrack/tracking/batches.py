"""Writing at once what comes rarely, and together what comes quickly."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from autotrack.tracking.trouble import Trouble

# What was handed over is written after so many seconds at the latest.
_LONGEST = 0.5
# Writing may take this share of the time, as long as nothing waits for longer than that.
_SHARE = 0.01


class Batches:
    """Says when to write.

    What comes when nothing was written lately is written by whoever brings it. What comes sooner
    waits for a thread, so that it does not depend on how long the next one takes.

    Parameters
    ----------
    write : callable
        Writes whatever there is to write. It is never called by two threads at a time.
    trouble : Trouble
        Hears what goes wrong in the thread.
    """

    def __init__(self, write: Callable[[], None], trouble: Trouble) -> None:
        self._write = write
        self._trouble = trouble
        self._lock = threading.RLock()
        self._waiting = threading.Event()
        self._clerk: threading.Thread | None = None
        self._closed = False
        self._pause = self._written = 0.0

    def bring(self) -> None:
        """There is something to write."""
        if time.monotonic() >= self._written + self._pause:
            self.flush()
        elif not self._waiting.is_set():
            self._waiting.set()
            if self._clerk is None:
                self._hire()

    def _hire(self) -> None:
        with self._lock:
            if self._clerk is None and not self._closed:
                self._clerk = threading.Thread(
                    target=self._work, name="autotrack-batches", daemon=True
                )
                self._clerk.start()

    def flush(self) -> None:
        """Write now."""
        with self._lock:
            self._waiting.clear()
            started = time.monotonic()
            try:
                self._write()
            finally:
                self._written = time.monotonic()
                self._pause = min((self._written - started) / _SHARE, _LONGEST)

    def close(self) -> None:
        """Write what is left, and let the thread go."""
        self._closed = True
        try:
            self.flush()
        finally:
            self._waiting.set()

    def _work(self) -> None:
        while True:
            self._waiting.wait()
            if self._closed:
                return
            time.sleep(max(0.0, self._written + self._pause - time.monotonic()))
            # Whoever brought something meanwhile may have written it.
            if self._waiting.is_set() and not self._closed:
                with self._trouble.guard("record what was measured"):
                    self.flush()
