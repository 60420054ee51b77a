"""Python values as columns, and back exactly.

A param is kept as its type, its text and, where it is a number, the number: the text is what comes
back (SQLite has neither big integers nor NaN), the number is what is compared in a search.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from autotrack.errors import InvalidValueError
from autotrack.printable import described, plain_text
from autotrack.store.keys import is_text

#: type, text, number
ParamColumns = tuple[str, str | None, int | float | None]

INT64 = range(-(2**63), 2**63)

# JSON knows lists and text keys only; these wrap the rest.
_TUPLE = "()"
_PAIRS = "{}"
# Beyond this many bits Python refuses decimal text (its guard against quadratic conversions).
_DECIMAL_BITS = 10_000


def encode_param(key: str, value: object) -> ParamColumns:
    """The columns that keep `value`.

    Raises
    ------
    InvalidValueError
        If it is not None, a bool, a number, text, or a list, tuple or dict of those.
    """
    if value is None:
        return "none", None, None
    if isinstance(value, bool):
        return "bool", None, int(value)
    if isinstance(value, str):
        text = plain_text(value)
        return ("str", text, None) if is_text(text) else ("json", json.dumps(text), None)
    if isinstance(value, float):
        number = float(value)
        return "float", repr(number), None if math.isnan(number) else number
    if isinstance(value, int):
        number = int(value)
        return "int", int_text(number), number if number in INT64 else nearest_float(number)
    if isinstance(value, list | tuple | dict):
        try:
            return "json", json.dumps(_jsonable(value), separators=(",", ":")), None
        except (RecursionError, ValueError, TypeError) as error:
            raise InvalidValueError(
                f"param {key!r}: this {type(value).__name__} cannot be kept ({error}); "
                "log its repr() instead"
            ) from None
    if (plain := _from_numpy(value)) is not value:
        return encode_param(key, plain)
    raise InvalidValueError(
        f"param {key!r} is a {type(value).__module__}.{type(value).__qualname__}; kept are None, "
        "bool, int, float, str and lists, tuples and dicts of those; log its repr() instead"
    )


def decode_param(kind: str, text: str | None, number: int | float | None) -> Any:
    """The value whose columns these are."""
    match kind:
        case "str":
            return text
        case "float":
            return float(text or "nan")
        case "int":
            return int(text or "0", 16 if text and "x" in text else 10)
        case "bool":
            return bool(number)
        case "json":
            return _from_jsonable(json.loads(text or "null"))
    return None


def encode_metric(key: str, value: object) -> float | None:
    """The column that keeps `value`: NULL for NaN. A minus zero loses its sign.

    Raises
    ------
    InvalidValueError
        If it is no number.
    """
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        return math.inf if value > 0 else -math.inf  # type: ignore[operator]
    except Exception:  # noqa: BLE001 - a foreign number may do anything
        number = None
    if number is None or isinstance(value, str | bytes):
        raise InvalidValueError(
            f"metric {key!r} is {described(value)}, which is not a number; keep text with set_tag"
        )
    return None if math.isnan(number) else number


def decode_metric(number: float | None) -> float:
    """The value whose column this is."""
    return math.nan if number is None else number


def int_text(number: int) -> str:
    """A whole number of any size as text, in one way."""
    return str(number) if number.bit_length() <= _DECIMAL_BITS else hex(number)


def nearest_float(number: float) -> float:
    """The nearest float there is, which may be infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _from_numpy(value: object) -> object:
    # numpy registers its scalars with `numbers`; asked so, numpy need not be imported.
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    return value


def _jsonable(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    if isinstance(value, tuple):
        return {_TUPLE: [_jsonable(item) for item in value]}
    if isinstance(value, Mapping):
        if all(type(key) is str for key in value) and not {_TUPLE, _PAIRS} & value.keys():
            return {key: _jsonable(item) for key, item in value.items()}
        return {_PAIRS: [[_jsonable(key), _jsonable(item)] for key, item in value.items()]}
    if (plain := _from_numpy(value)) is not value:
        return _jsonable(plain)
    raise TypeError(f"it holds a {type(value).__module__}.{type(value).__qualname__}")


def _from_jsonable(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_jsonable(item) for item in value]
    if isinstance(value, dict):
        if _TUPLE in value:
            return tuple(_from_jsonable(item) for item in value[_TUPLE])
        if _PAIRS in value:
            return {_from_jsonable(key): _from_jsonable(item) for key, item in value[_PAIRS]}
        return {key: _from_jsonable(item) for key, item in value.items()}
    return value
