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
from autotrack.failsafe import Trouble
from autotrack.store.store import Store

Change = Callable[[Store], None]

# Facts are small; this many are a few megabytes.
_MOST_OWED = 20_000
# After a refusal the store is left alone this long (seconds), and twice as long after the next, so
# that a training whose store is in trouble pays for it once and not at every call.
_PAUSE = 15.0
_LONGEST_PAUSE = 240.0


class Ledger:
    """Makes changes in the store, or owes them."""

    def __init__(self, trouble: Trouble) -> None:
        self._trouble = trouble
        self._owed: deque[tuple[Store, Change, bool]] = deque()
        self._not_before = 0.0
        self._pause = _PAUSE
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
            self._leave_alone()
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
                    self._leave_alone()
                    return False
                self._owed.popleft()
                self.lost += not made
            self._pause = _PAUSE
            return True

    def _leave_alone(self) -> None:
        self._not_before = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    @property
    def is_owing(self) -> bool:
        """Whether changes wait for a store in trouble."""
        return bool(self._owed)

    def close(self) -> None:
        """A last attempt; what is owed after it is lost."""
        if not self.settle():
            self.lost += len(self._owed)
            self._owed.clear()

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
