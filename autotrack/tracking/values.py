"""Checks what users pass to the verbs, and makes it plain.

R's numbers arrive as floats, its vectors of length one as scalars, NumPy's as scalars of its own:
all of them mean what they look like.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from autotrack.errors import InvalidValueError


def text(value: object, what: str) -> str:
    """`value` if it is a non-empty text."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidValueError(f"{what} must be a non-empty text, not {value!r}")
    return value


def text_mapping(values: Mapping[str, object], what: str) -> dict[str, str]:
    """Keys checked, values as text."""
    if not isinstance(values, Mapping):
        raise InvalidValueError(
            f"{what}s are given as a mapping of names to values, not {values!r}"
        )
    return {text(key, f"the key of a {what}"): str(value) for key, value in values.items()}


def number(value: Any, what: str) -> float:
    """`value` as a float if it is one number: a scalar, or an array of one element."""
    if isinstance(value, list | tuple) and len(value) == 1:
        return number(value[0], what)
    scalar = value
    if hasattr(value, "item") and 1 in (getattr(value, "size", 0), 1 - getattr(value, "ndim", 1)):
        scalar = value.item()
    # What has a dtype still is an array of several.
    if hasattr(scalar, "__float__") and not hasattr(scalar, "dtype"):
        try:
            return float(scalar)
        except (TypeError, ValueError, OverflowError):
            pass
    raise InvalidValueError(
        f"{what} must be one number, not {_short(value)}; "
        "log a table of values with log_table, a text with set_tag"
    )


def whole(value: Any, what: str) -> int | None:
    """`value` as an int (None stays None); 3.0 is 3."""
    if value is None:
        return None
    as_float = number(value, what)
    if not as_float.is_integer():
        raise InvalidValueError(f"{what} must be a whole number, not {_short(value)}")
    return int(as_float)


def several(value: str | Iterable[str] | None, what: str) -> tuple[str, ...]:
    """A text or many as a tuple of texts; None is none."""
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Iterable):
        value = (value,)
    return tuple(text(item, what) for item in value)


def _short(value: object) -> str:
    shown = repr(value)
    return f"{shown[:80]}… ({type(value).__name__})" if len(shown) > 80 else shown
