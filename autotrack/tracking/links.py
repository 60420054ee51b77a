"""Which run a fitted estimator came from, for as long as the estimator lives."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from autotrack.entities import DatasetUse
from autotrack.store.database import Store

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A fitted estimator's tie to its run.

    Attributes
    ----------
    store, run_id
        The run, and the store that holds it.
    train : DatasetUse or None
        What it was trained on.
    train_ref : weak reference or None
        The training input itself, for as long as it lives.
    partial : bool
        Whether it is being trained by `partial_fit`, each call going on with the run.
    """

    store: Store
    run_id: str
    train: DatasetUse | None = None
    train_ref: weakref.ref[Any] | None = None
    partial: bool = False


class IdentityMap(Generic[Value]):
    """Weakly maps objects to values by who they are, whatever ``__eq__`` and ``__hash__`` say.

    It leaves no mark on the object. Objects that cannot be weakly referenced are not kept.
    """

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[object], Value]] = {}
        self._lock = threading.RLock()

    def set(self, key: object, value: Value) -> None:
        """Remember `value` for `key`."""
        number = id(key)

        def forget(reference: weakref.ref[object]) -> None:
            # The number may belong to a younger object by now.
            entry = self._entries.get(number)
            if entry is not None and entry[0] is reference:
                del self._entries[number]

        try:
            reference = weakref.ref(key, forget)
        except TypeError:
            return
        with self._lock:
            self._entries[number] = (reference, value)

    def get(self, key: object) -> Value | None:
        """The value kept for `key`, or None."""
        entry = self._entries.get(id(key))
        return entry[1] if entry is not None and entry[0]() is key else None

    def discard(self, key: object) -> None:
        """Forget `key`."""
        self._entries.pop(id(key), None)

    def living(self) -> list[tuple[object, Value]]:
        """Every key that still lives, with its value."""
        with self._lock:
            entries = list(self._entries.values())
        pairs = [(reference(), value) for reference, value in entries]
        return [(key, value) for key, value in pairs if key is not None]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()


#: The runs of the estimators of this process: fitted while tracking was on, or loaded from crates.
links: IdentityMap[Link] = IdentityMap()
