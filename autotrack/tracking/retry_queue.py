"""Writes to the store that a training must not wait for, nor lose.

Every change carries its own ids and times, so one that the store refuses now (locked by another
program, disk full) can be made later as it was: it is kept and tried again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from autotrack.errors import StoreError
from autotrack.failsafe import Failsafe
from autotrack.store.store import Store
from autotrack.store.syncing import syncer

Change = Callable[[Store], None]

# Facts are small; this many are a few megabytes.
_MOST_PENDING = 20_000
# After a refusal the store is left alone this long (seconds), and twice as long after the next, so
# that a training whose store is in trouble pays for it once and not at every call.
_PAUSE = 15.0
_LONGEST_PAUSE = 240.0


class RetryQueue:
    """Makes changes in the store, or owes them."""

    def __init__(self, failsafe: Failsafe) -> None:
        self._failsafe = failsafe
        self._pending: deque[tuple[Store, Change, bool]] = deque()
        self._not_before = 0.0
        self._pause = _PAUSE
        self._lock = threading.RLock()
        self.lost = 0

    def write(self, store: Store, change: Change, *, durable: bool = False) -> bool:
        """Make `change` in one transaction; False if it is pending.

        By default it is safe from a power cut a moment later, and from all else at once.
        """
        if syncer.untold:
            self._tell()
        if self._pending:
            with self._lock:
                self._owe(store, change, durable)
                if time.monotonic() < self._not_before:
                    return False
                return self.flush()
        refusal = _make(store, change, durable)
        if refusal is None:
            return True
        with self._lock:
            self._owe(store, change, durable)
            self._leave_alone()
        self._failsafe.report(f"write to the store {store.root}", refusal)
        return False

    def _owe(self, store: Store, change: Change, durable: bool) -> None:
        if len(self._pending) >= _MOST_PENDING:
            self._pending.popleft()
            self.lost += 1
        self._pending.append((store, change, durable))

    def flush(self) -> bool:
        """Try to make every pending change, oldest first; False if some are left."""
        with self._lock:
            while self._pending:
                made, refusal = False, None
                # A change that can never be made must not block the rest.
                with self._failsafe.guard("write a pending record"):
                    refusal = _make(*self._pending[0])
                    made = True
                if refusal is not None:
                    self._leave_alone()
                    return False
                self._pending.popleft()
                self.lost += not made
            self._pause = _PAUSE
            return True

    def sync(self) -> None:
        """Have everything that was written safe from a power cut."""
        syncer.flush()
        self._tell()

    def _tell(self) -> None:
        while syncer.untold:
            path, error = syncer.untold.pop()
            self._failsafe.report(f"make {path} safe from a power cut", error)

    def _leave_alone(self) -> None:
        self._not_before = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    @property
    def has_pending(self) -> bool:
        """Whether changes wait for a store in trouble."""
        return bool(self._pending)

    def close(self) -> None:
        """A last attempt; what is pending after it is lost."""
        if not self.flush():
            self.lost += len(self._pending)
            self._pending.clear()

    def forget(self) -> None:
        """Drop what is pending: a forked child leaves it to its parent."""
        self._lock = threading.RLock()
        self._pending.clear()
        self.lost = 0


def _make(store: Store, change: Change, durable: bool) -> StoreError | None:
    """Make a change; the refusal of a store in trouble, if it refuses."""
    try:
        with store.transaction(durable=durable):
            change(store)
    except StoreError as error:
        return error
    return None
