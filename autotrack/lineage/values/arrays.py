"""Arrays, compared cheaply: a few rows settle nearly every question, and the rest is asked last."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

#: Rows looked at first.
FEW = 64
#: Rows looked at next, where almost all of them are the same.
MANY = 4096


def is_lazy(data: object) -> bool:
    """Whether `data` is yet to be computed, by a cluster perhaps."""
    return hasattr(type(data), "__dask_graph__")


def is_ndarray(value: object) -> bool:
    """Whether a value is an array of numpy's, and of no class derived from it."""
    return type(value) is np.ndarray


def plain_array(values: object) -> Array | None:
    """`values` as an array of one or two dimensions, a single column flattened, or None."""
    if type(values) is np.ndarray and values.ndim == 1 and values.dtype.kind in "biuf":
        return values if values.size else None  # as nearly always
    if is_lazy(values):
        return None
    try:
        array = np.asarray(values)
        if array.dtype.hasobject and array.size and isinstance(array.flat[0], _NUMBERS):
            array = _numbers(array)
    except Exception:  # noqa: BLE001 - a foreign container may do anything
        return None
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    return array if array.ndim in (1, 2) and array.size else None


_NUMBERS = (int, float, np.number, np.bool_)


def _numbers(array: Array) -> Array:
    """An array of objects that are all numbers, as pandas makes one, as an array of numbers."""
    try:
        found = np.array(array.tolist())
    except ValueError:  # rows of different lengths
        return array
    return found if is_numeric(found) and found.shape == array.shape else array


def is_numeric(array: Array) -> bool:
    """Whether the array holds plain real numbers."""
    return array.dtype.kind in "biuf"


def is_constant(array: Array) -> bool:
    """Whether all rows are equal."""
    return same(array, np.broadcast_to(array[:1], array.shape))


def is_real(array: Array) -> bool:
    """Real-valued, as opposed to labels and counts that happen to be stored as floats."""
    return array.dtype.kind == "f" and any(map(_has_fractions, parts(array)))


def _has_fractions(array: Array) -> bool:
    finite = array[np.isfinite(array)]
    return bool((finite != np.round(finite)).any())


def same(a: Array, b: Array) -> bool:
    """Equal in shape and values, whatever the types: 1 is 1.0, NaN is NaN."""
    if a.shape != b.shape:
        return False
    if a.size <= MANY:
        return _same(a, b)
    return all(_same(*pair) for pair in zip(parts(a), parts(b), strict=True))


def _same(a: Array, b: Array) -> bool:
    if is_numeric(a) and is_numeric(b):
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f"))
    if is_numeric(a) != is_numeric(b) and "O" not in (a.dtype.kind, b.dtype.kind):
        return False
    try:
        return bool(a.tolist() == b.tolist())
    except (TypeError, ValueError):  # objects that do not compare, arrays within the array
        return False


@functools.lru_cache(maxsize=64)
def spread(rows: int, count: int) -> Array:
    """At most `count` positions, spread evenly over so many rows."""
    positions = np.unique(np.linspace(0, rows - 1, count, dtype=np.intp))
    positions.flags.writeable = False  # shared by all who ask
    return positions


def parts(array: Array) -> Iterator[Array]:
    """Some rows of an array, more of them, and at last all: what fails for few is settled."""
    rows = len(array)
    for count in (FEW, MANY):
        if rows > count:
            yield array[spread(rows, count)]
    yield array


def groups(values: Array) -> Array:
    """For each value the number of its kind, counted from 0."""
    if is_numeric(values):
        return np.unique(values, return_inverse=True)[1]
    codes: dict[Any, int] = {}
    return np.fromiter((codes.setdefault(v, len(codes)) for v in values.tolist()), np.intp)


def equal_to(column: Array, value: Any) -> Array:
    """For each element whether it is `value`; NaN is NaN."""
    found = np.asarray(column == value)
    if found.shape != column.shape:  # things that do not compare
        return np.zeros(column.shape, bool)
    missing = value != value  # noqa: PLR0124 - which is true of NaN alone
    if isinstance(missing, bool | np.bool_) and missing:
        found = found | np.asarray(column != column)  # noqa: PLR0124
    return found.astype(bool, copy=False)
