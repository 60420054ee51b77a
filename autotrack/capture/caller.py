"""The user's own frame, and what they called their data."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType

_NOT_THE_USER = frozenset({"autotrack", "sklearn", "joblib", "functools", "contextlib"})
# Frames to look through for a name: far enough for a helper that is handed the data.
_FARTHEST = 25
# Names that say nothing of which data it is.
_PLAIN = frozenset({"X", "x", "data", "df", "y", "array", "values", "self", "args"})


def user_frames() -> Iterator[FrameType]:
    """The frames of the user's code, innermost first."""
    frame: FrameType | None = sys._getframe(1)
    found = 0
    while frame is not None and found < _FARTHEST:
        top = frame.f_globals.get("__name__", "").partition(".")[0]
        if found or top not in _NOT_THE_USER:
            found += 1
            yield frame
        frame = frame.f_back


def variable_name(data: object) -> str | None:
    """What the caller, or whoever called them, calls `data`; None if nobody has a name for it.

    A name that says something (``X_val``) wins over one that does not (``X`` in a helper).
    """
    plain: str | None = None
    for frame in user_frames():
        for name, value in list(frame.f_locals.items()):
            if value is data and not name.startswith("_"):
                if name not in _PLAIN:
                    return name
                plain = plain or name
    return plain


def data_part(name: str | None, prefix: str = "X_") -> str | None:
    """What a variable's name says of the data: ``X_val`` gives ``val``, ``X`` nothing."""
    if name is None or name in _PLAIN:
        return None
    if name[: len(prefix)].lower() == prefix.lower():
        return name[len(prefix) :] or None
    return name if prefix == "X_" else None
