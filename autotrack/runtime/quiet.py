"""Blocks of autotrack's own: nobody is warned, no garbage is looked for, or nothing is recorded.

`warnings.catch_warnings` makes Python forget which warnings it has shown already: what is shown
once for each line would be shown again after every such block. So a filter is put before the
others in place, which holds for the context of the block alone: another thread's warnings go on
to the user's filters, and Python keeps no note of what was left out.
"""

from __future__ import annotations

import copyreg
import gc
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any

from autotrack.runtime.forks import at_fork

#: Whether a tracked call is open in this context, so that what is called is not recorded; None
#: where nobody asked yet.
open_call: ContextVar[bool | None] = ContextVar("autotrack_open_call", default=None)
_is_quiet: ContextVar[bool] = ContextVar("autotrack_is_quiet", default=False)
_lock = threading.Lock()


def _child_after_fork() -> None:
    global _lock  # noqa: PLW0603 - a thread that a fork does not have may have held it
    _lock = threading.Lock()


at_fork(in_child=_child_after_fork)


class _AnythingHere(type):
    def __subclasscheck__(cls, category: type) -> bool:
        return _is_quiet.get()


class _Anything(Warning, metaclass=_AnythingHere):
    """A category that every warning inside of a block is of, and none outside."""


def _of_nothing(cls: type) -> tuple[type, tuple[str, tuple[type, ...], dict[str, object]]]:
    """What the category is in another process, which need not have autotrack."""
    return type, (cls.__name__, (Warning,), {})


# scikit-learn hands the filters in place on to its workers.
copyreg.pickle(_AnythingHere, _of_nothing)

_FILTER = ("ignore", None, _Anything, None, 0)


class quiet:  # noqa: N801 - a block, which reads as one
    """A block in which nobody is warned of anything."""

    __slots__ = ("_filters", "_token")

    _filters: list[Any]
    _token: Token[bool]

    def __enter__(self) -> None:
        self._token = _is_quiet.set(True)
        # A block inside of this one may exchange the list.
        filters: Any = warnings.filters
        self._filters = filters
        filters.insert(0, _FILTER)

    def __exit__(self, *about: object) -> None:
        with _lock:
            places = (n for n, known in enumerate(self._filters) if known is _FILTER)
            place = next(places, None)
            if place is not None:
                del self._filters[place]
        _is_quiet.reset(self._token)


@contextmanager
def uncollected() -> Iterator[None]:
    """A block that makes thousands of things, none of them garbage: nobody need look for it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class CollectionWatch:
    """Knows which threads collect garbage just now, while it is on."""

    def __init__(self) -> None:
        self._collecting: dict[int, bool] = {}

    def __call__(self, phase: str, _: dict[str, int]) -> None:
        """Note that a collection starts or stops."""
        self._collecting[threading.get_ident()] = phase == "start"

    def switch(self, *, on: bool) -> None:
        """Switch it on or off."""
        if on and self not in gc.callbacks:
            gc.callbacks.append(self)
        elif not on and self in gc.callbacks:
            gc.callbacks.remove(self)

    @property
    def is_collecting(self) -> bool:
        """Whether this thread does."""
        return self._collecting.get(threading.get_ident(), False)


@contextmanager
def unrecorded() -> Iterator[None]:
    """A block whose calls of scikit-learn are autotrack's own, and are not recorded."""
    token = open_call.set(True)
    try:
        yield
    finally:
        open_call.reset(token)
