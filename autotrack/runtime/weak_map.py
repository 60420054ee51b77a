"""A weak map from objects to values, by who the objects are."""

from __future__ import annotations

import weakref
from typing import Generic, TypeVar

Value = TypeVar("Value")


class IdentityMap(Generic[Value]):
    """Weakly maps objects to values by who they are, whatever ``__eq__`` and ``__hash__`` say.

    It leaves no mark on the object. Objects that cannot be weakly referenced are not kept. Threads
    may share it: each step is one of a dict's, so there is no lock that a fork could leave shut.
    """

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[object], Value]] = {}

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
        # A copy of a dict is made in one step, whatever other threads do to it.
        entries = self._entries.copy().values()
        pairs = [(reference(), value) for reference, value in entries]
        return [(key, value) for key, value in pairs if key is not None]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
