"""Writes to the store that a training must not wait for, nor lose.

Every change carries its own ids and times, so one that the store refuses now (locked by another
program, disk full) can be made later as it was: it is kept and tried again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from autotrack.errors import CaptureWarning, StoreError
from autotrack.store.database import Store
from autotrack.tracking.trouble import Trouble

Change = Callable[[Store], None]

# Facts are small; this many are a few megabytes.
_MOST_OWED = 20_000
# After a refusal the store is left alone this long (seconds), so that a training whose store is
# in trouble pays for it once and not at every call.
_PAUSE = 15.0


class Ledger:
    """Makes changes in the store, or owes them."""

    def __init__(self, trouble: Trouble) -> None:
        self._trouble = trouble
        self._owed: deque[tuple[Store, Change, bool]] = deque()
        self._not_before = 0.0
        self._lock = threading.RLock()
        self.lost = 0

    def write(self, store: Store, change: Change, *, durable: bool = True) -> bool:
        """Make `change` in one transaction; False if it is owed for now."""
        if self._owed:
            with self._lock:
                self._owe(store, change, durable)
                if time.monotonic() < self._not_before:
                    return False
                return self.settle()
        refusal = _make(store, change, durable)
        if refusal is None:
            return True
        with self._lock:
            self._owe(store, change, durable)
            self._not_before = time.monotonic() + _PAUSE
        self._trouble.report(f"write to the store {store.root}", refusal)
        return False

    def _owe(self, store: Store, change: Change, durable: bool) -> None:
        if len(self._owed) >= _MOST_OWED:
            self._owed.popleft()
            self.lost += 1
        self._owed.append((store, change, durable))

    def settle(self) -> bool:
        """Try to make every change that is owed, oldest first; False if some are left."""
        with self._lock:
            while self._owed:
                made, refusal = False, None
                # A change that can never be made must not block the rest.
                with self._trouble.guard("write an owed record"):
                    refusal = _make(*self._owed[0])
                    made = True
                if refusal is not None:
                    self._not_before = time.monotonic() + _PAUSE
                    return False
                self._owed.popleft()
                self.lost += not made
            return True

    def close(self) -> None:
        """A last attempt; says what could not be written."""
        if self.settle() and not self.lost:
            return
        count = len(self._owed) + self.lost
        self._trouble.tell_once(
            ("close", "lost"),
            f"autotrack could not write {count} records before the process ended; "
            "the store was locked, full or unwritable until the end",
            CaptureWarning,
        )

    def forget(self) -> None:
        """Drop what is owed: a forked child leaves it to its parent."""
        self._lock = threading.RLock()
        self._owed.clear()
        self.lost = 0


def _make(store: Store, change: Change, durable: bool) -> StoreError | None:
    """Make a change; the refusal of a store in trouble, if it refuses."""
    try:
        with store.transaction(durable=durable):
            change(store)
    except StoreError as error:
        return error
    return None
