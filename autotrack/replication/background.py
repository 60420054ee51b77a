"""Sending from a thread of the process that records, which never waits for it."""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path

from autotrack.errors import AutotrackError
from autotrack.printable import printable
from autotrack.replication.replicator import Replicator
from autotrack.replication.wire.credentials import without_credentials
from autotrack.runtime.forks import at_fork

#: How long the end of a process waits for what is still to send (seconds).
AT_EXIT = 2.0
# How long changes are gathered.
_PAUSE = 1.0


class Background:
    """A thread that sends a store to a target as it grows.

    Parameters
    ----------
    root : Path
        The folder of the store.
    uri : str
        A tracking URI.
    """

    def __init__(self, root: Path, uri: str) -> None:
        self.root = root
        self.uri = uri
        self._begin()
        _live.add(self)

    def _begin(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._replicator: Replicator | None = None
        self._pid = os.getpid()
        self._was_ended = False

    def start(self) -> None:
        """Begin to send."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="autotrack-replicate", daemon=True)
        with suppress(RuntimeError):  # there are too many, or the interpreter is about to end
            self._thread.start()

    def _work(self) -> None:
        stop = self._stop
        while not (self.root / "autotrack.db").exists():
            if stop.wait(0.2):
                return
        try:
            self._replicator = made = Replicator(self.root, self.uri, stop)
        except AutotrackError as error:
            _tell(f"autotrack: nothing is sent to {without_credentials(self.uri)}: {error}")
            return
        try:
            made.keep_sending(watch=True, pause=_PAUSE)
        except Exception as error:  # noqa: BLE001 - a thread has nobody to raise to
            with suppress(Exception):
                made.ledger.note(trouble=f"{type(error).__name__}: {error}")
        finally:
            with suppress(Exception):
                made.close()

    def finish(self, *, quiet: bool = False) -> None:
        """At the end of the process: send what can be sent quickly, and say what is left."""
        if self._pid != os.getpid() or self._thread is None:
            return
        made, deadline = self._replicator, time.monotonic() + AT_EXIT
        left = self._left(made)
        while left and self._thread.is_alive() and time.monotonic() < deadline - 0.2:
            time.sleep(0.02)
            left = self._left(made)
        self._stop.set()
        self._thread.join(max(0.1, deadline - time.monotonic()))
        if left and not quiet:
            count = f"{left} run{'s are' if left > 1 else ' is'}"
            target = without_credentials(self.uri)
            _tell(
                f"autotrack: {count} still to be sent to {target}; "
                f"send with: autotrack replicate --to {target}"
            )

    def _left(self, made: Replicator | None) -> int:
        if made is None:
            return 0
        with suppress(AutotrackError):
            return made.to_send()
        return 0

    # -- forks ------------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """End the thread, unless it waits for an answer: then it holds nothing of a child's."""
        thread, made = self._thread, self._replicator
        self._was_ended = False
        if thread is None or not thread.is_alive() or thread is threading.current_thread():
            return
        if made is not None and getattr(made.transport, "is_waiting", False):
            return
        self._stop.set()
        thread.join(0.5)
        self._was_ended = True

    def after_fork(self) -> None:
        """In the parent: go on."""
        if self._was_ended:
            self._was_ended = False
            self.start()

    def leave(self) -> None:
        """In a forked child, whose parent goes on sending."""
        self._begin()


_live: weakref.WeakSet[Background] = weakref.WeakSet()


def _before_fork() -> None:
    for each in list(_live):
        each.before_fork()


def _after_in_parent() -> None:
    for each in list(_live):
        each.after_fork()


def _after_in_child() -> None:
    for each in list(_live):
        each.leave()


# Called before the store and the ledger are closed for the fork, for which the thread may wait.
at_fork(before=_before_fork, in_parent=_after_in_parent, in_child=_after_in_child)


def _tell(line: str) -> None:
    with suppress(AttributeError, OSError, ValueError):
        sys.stderr.write(f"{printable(line)}\n")
