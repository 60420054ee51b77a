"""Checks what users pass to the verbs, and makes it plain.

R's numbers arrive as floats, its vectors of length one as scalars, NumPy's as scalars of its own:
all of them mean what they look like.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from autotrack.errors import InvalidValueError
from autotrack.printable import described, plain_text

# So deep a number may lie in lists of one element.
_DEEPEST = 8


def text(value: object, what: str) -> str:
    """`value` if it is a non-empty text."""
    if not isinstance(value, str) or not (plain := plain_text(value)).strip():
        raise InvalidValueError(f"{what} must be a non-empty text, not {described(value)}")
    return plain


def path(value: object, what: str) -> Path:
    """`value` as a path, with ``~`` spelt out."""
    if not isinstance(value, str | os.PathLike):
        raise InvalidValueError(f"{what} must be a path, not {described(value)}")
    try:
        return Path(plain_text(value) if isinstance(value, str) else value).expanduser()
    except (TypeError, RuntimeError) as error:  # of bytes; of a user who has no home
        raise InvalidValueError(f"{what} cannot be {described(value)}: {error}") from None


def text_mapping(values: Mapping[str, object], what: str) -> dict[str, str]:
    """Keys checked, values as text."""
    if not isinstance(values, Mapping):
        raise InvalidValueError(
            f"{what}s are given as a mapping of names to values, not {described(values)}"
        )
    return {
        text(key, f"the key of a {what}"): _as_text(value, f"{what} {described(key)}")
        for key, value in values.items()
    }


def _as_text(value: object, what: str) -> str:
    if isinstance(value, str):
        return plain_text(value)
    try:
        return plain_text(str(value))
    except Exception as error:  # noqa: BLE001 - a foreign __str__ may do anything
        raise InvalidValueError(
            f"{what} has no text: str() of a {type(value).__qualname__} fails "
            f"({type(error).__name__}); pass a text"
        ) from None


def number(value: Any, what: str) -> float:
    """`value` as a float if it is one number: a scalar, or an array of one element."""
    scalar = value
    for _ in range(_DEEPEST):  # a list may hold itself
        if not isinstance(scalar, list | tuple) or len(scalar) != 1:
            break
        scalar = scalar[0]
    try:
        if hasattr(scalar, "item") and 1 in (
            getattr(scalar, "size", 0),
            1 - getattr(scalar, "ndim", 1),
        ):
            scalar = scalar.item()
        # What has a dtype still is an array of several.
        if hasattr(scalar, "__float__") and not hasattr(scalar, "dtype"):
            return float(scalar)
    except Exception:  # noqa: BLE001 - a foreign number may do anything
        pass
    raise InvalidValueError(
        f"{what} must be one number, not {described(value)}; "
        "log a table of values with log_table, a text with set_tag"
    )


def whole(value: Any, what: str) -> int | None:
    """`value` as an int (None stays None); 3.0 is 3."""
    if value is None:
        return None
    as_float = number(value, what)
    if not as_float.is_integer():
        raise InvalidValueError(f"{what} must be a whole number, not {described(value)}")
    return int(as_float)


def several(value: str | Iterable[str] | None, what: str) -> tuple[str, ...]:
    """A text or many as a tuple of texts; None is none."""
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Iterable):
        value = (value,)
    return tuple(text(item, what) for item in value)
