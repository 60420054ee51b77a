"""Noting the warnings that come up in a task, without changing what becomes of them.

A filter that matches nothing is put before the others: Python asks it of every warning that is
not dealt with further inside, and then goes on to those of the user.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

#: Category and text of a warning.
Noted = tuple[str, str]

# More are no news.
_MOST = 20


class _Ear:
    """What came up in the task at hand; the text is asked of a filter first, then the category."""

    __slots__ = ("notes", "text")

    def __init__(self) -> None:
        self.notes: dict[Noted, None] = {}
        self.text = ""


_ear: ContextVar[_Ear | None] = ContextVar("autotrack_ear", default=None)


class _AnyText:
    """Stands for the compiled text of a filter, and matches none."""

    # What scikit-learn hands on to the threads of a task, as the text of a filter.
    pattern = r"(?!)"

    @staticmethod
    def match(text: str) -> None:
        ear = _ear.get()
        if ear is not None:
            ear.text = text


class _AnyCategory(type):
    def __subclasscheck__(cls, category: type) -> bool:
        ear = _ear.get()
        if ear is not None and ear.text and len(ear.notes) < _MOST:
            ear.notes[_name(category), ear.text] = None
            ear.text = ""
        return False


class Spy(Warning, metaclass=_AnyCategory):
    """A category that no warning is of."""


_FILTER = ("ignore", _AnyText(), Spy, None, 0)


def _name(category: type) -> str:
    module = category.__module__
    return f"{module}.{category.__qualname__}" if module != "builtins" else category.__qualname__


class noting:  # noqa: N801 - a block, which reads as one
    """A block whose warnings are noted.

    A class, since what `contextlib` makes of a generator sets an attribute of every exception
    that passes, which not all of them let it.

    Parameters
    ----------
    private : bool
        Whether somebody outside of the block puts the filters back after it. If not, they are
        left for the next block: exchanging them makes Python forget what it has shown already.
        :func:`stop_noting` puts them back.
    """

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._notes: list[Noted] = []

    def __enter__(self) -> Sequence[Noted]:
        self._watched = _Ear()
        self._token = _ear.set(self._watched)
        if self._private or not _is_there():
            _start()
        return self._notes

    def __exit__(self, *about: object) -> None:
        _ear.reset(self._token)
        self._notes.extend(self._watched.notes)


def _is_there() -> bool:
    filters: Any = warnings.filters
    return any(known is _FILTER for known in filters)


def _start() -> None:
    # Tells Python that the filters change, and leaves a filter in the first place for ours.
    warnings.simplefilter("ignore", Spy)
    if warnings.filters and warnings.filters[0][2] is Spy:
        warnings.filters[0] = _FILTER  # type: ignore[index]


def stop_noting() -> None:
    """Take away the filter that :func:`noting` left in this process."""
    filters: Any = warnings.filters
    for place in reversed(range(len(filters))):
        if filters[place] is _FILTER:
            del filters[place]
