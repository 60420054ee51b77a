"""Writing at once what comes rarely, and together what comes quickly."""

from __future__ import annotations

import threading
import time
from _thread import start_new_thread
from collections.abc import Callable
from queue import Empty, SimpleQueue

from autotrack.failsafe import Failsafe

# So many seconds are between two writes, hence nothing waits for longer. A shorter pause is felt:
# with every write the thread takes a core that the training's own threads were on.
_PAUSE = 0.5
# What took as long as so many writes is written at once: that costs two hundredths of it.
_LONG = 50


class Flusher:
    """Says when to write.

    What comes when nothing was written lately is written by whoever brings it. For what comes
    sooner a thread is started, so that it does not depend on how long the next one takes.

    Parameters
    ----------
    write : callable
        Writes whatever there is to write. It is never called by two threads at a time.
    trouble : Trouble
        Takes what goes wrong in the thread.
    """

    def __init__(self, write: Callable[[], None], failsafe: Failsafe) -> None:
        self._write = write
        self._failsafe = failsafe
        self._lock = threading.RLock()
        # Of C, as is the thread: an interrupt may strike at every Python call, and none may leave
        # a thread behind.
        self._closed: SimpleQueue[None] = SimpleQueue()
        self._is_waiting = self._has_thread = False
        self._next = self._cost = 0.0

    def notify(self, took: float = 0.0) -> None:
        """There is something to write, which took so many seconds to come by."""
        if time.monotonic() >= self._next or took > _LONG * self._cost:
            self.flush()
        else:
            self._is_waiting = True
            if not self._has_thread:
                self._has_thread = True
                start_new_thread(self._write_later, ())

    def flush(self) -> None:
        """Write now."""
        with self._lock:
            self._is_waiting = False
            began = time.monotonic()
            try:
                self._write()
            finally:
                ended = time.monotonic()
                self._cost, self._next = ended - began, ended + _PAUSE

    def close(self) -> None:
        """Write what is left; nothing comes any more."""
        self._closed.put(None)
        self.flush()

    def _write_later(self) -> None:
        # Last of all it looks once more: what was brought meanwhile relied on it. Should there be
        # a second thread then, it finds nothing to do.
        while self._is_waiting or self._has_thread:
            self._has_thread = True
            closed = self._wait()
            with self._failsafe.guard("record what was measured"), self._lock:
                # Whoever brought something meanwhile may have written it.
                if self._is_waiting and (closed or time.monotonic() >= self._next):
                    self.flush()
            self._has_thread = False

    def _wait(self) -> bool:
        """Wait until the next write is due; whether that is because nothing comes any more."""
        try:
            self._closed.get(timeout=max(0.0, self._next - time.monotonic()))
        except Empty:
            return False
        return True
