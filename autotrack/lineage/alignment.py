"""Which rows of a prediction are judged, and whether the truth is of the same rows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from inspect import CO_OPTIMIZED
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrack.lineage.values.arrays import Array, plain_array, same, spread
from autotrack.lineage.values.derivation import tells
from autotrack.lineage.values.plain import is_pandas
from autotrack.runtime.stack import variables

# How many frames up, and how many of their variables, are searched for the whole truth.
_FARTHEST = 8
_MOST_NAMES = 2000
_MOST_COLUMNS = 50
_ENOUGH_LABELS = 20
# Values looked for before all of them are.
_FEW = 3


def rows_of_view(view: NDArray[Any], whole: NDArray[Any]) -> Array | None:
    """The rows of `whole` that `view` holds, which shares its memory; None if it holds no rows."""
    if not view.ndim or not whole.ndim or not whole.strides[0] or not len(view):
        return None
    start = view.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    stride = whole.strides[0]
    first, step = start // stride, view.strides[0] // stride if len(view) > 1 else 1
    if view.strides[0] % stride and len(view) > 1:
        return None
    rows: Array = first + step * np.arange(len(view))
    if rows.min() < 0 or rows.max() >= len(whole):
        return None
    return rows


def rows_by_value(some: Array, whole: Array) -> Array | None:
    """The rows of `whole` at which the values of `some` stand, where each stands just once."""
    for value in some[spread(len(some), _FEW)]:
        if np.count_nonzero(whole == value) != 1:
            return None  # as nearly always, and much faster than to sort
    order = np.argsort(whole, kind="stable")
    ordered = whole[order]
    at = np.searchsorted(ordered, some)
    at[at == len(ordered)] = 0
    if not (ordered[at] == some).all():
        return None
    following = np.minimum(at + 1, len(ordered) - 1)
    if ((ordered[following] == some) & (following != at)).any():
        return None
    rows: Array = order[at]
    return rows


def rows_of_base(part: object, count: int) -> Array | None:
    """The rows of a whole of so many that an array is a view of; None if it is no such view."""
    if not isinstance(part, np.ndarray) or not isinstance(part.base, np.ndarray):
        return None
    whole = part.base
    return rows_of_view(part, whole) if whole.ndim == part.ndim and len(whole) == count else None


def stands_beside(
    truth: object,
    rows: Array,
    count: int,
    frame: FrameType | None,
    is_no_truth: Callable[[object], bool],
) -> bool:
    """Whether `truth` has the same rows taken of a whole that has `count` of them.

    The whole is looked for among the variables of the caller and their callers: the number is the
    prediction's if the truth of each of its rows is that of the same row.
    """
    some = plain_array(truth)
    if some is None or len(some) != len(rows):
        return False
    if not tells(some) and len(some) < _ENOUGH_LABELS:
        return False  # a few labels are met by chance
    for whole in _wholes(count, frame, far=tells(some)):
        array = None if is_no_truth(whole) else plain_array(whole)
        if array is not None and array.ndim == some.ndim and same(array[rows], some):
            return True
    return False


def _wholes(count: int, frame: FrameType | None, *, far: bool) -> Iterator[Any]:
    """Everything of so many rows that the caller, or their callers, have a name for.

    With `far`, the script too, whose variables a thread does not have below it.
    """
    modules: set[int] = set()
    for _ in range(_FARTHEST):
        if frame is None:
            break
        known = [variables(frame)] if frame.f_code.co_flags & CO_OPTIMIZED else []
        if id(frame.f_globals) not in modules:
            modules.add(id(frame.f_globals))
            known.append(frame.f_globals)
        for names in known:
            yield from _of(names, count)
        frame = frame.f_back
    main = sys.modules.get("__main__")
    if far and frame is None and main is not None and id(vars(main)) not in modules:
        yield from _of(vars(main), count)


def _of(names: Mapping[str, Any], count: int) -> Iterator[Any]:
    for value in list(names.values()) if len(names) <= _MOST_NAMES else ():
        yield from _whole(value, count)


def _whole(value: Any, count: int) -> Iterator[Any]:
    if type(value) is np.ndarray:
        if value.ndim in (1, 2) and len(value) == count:
            yield value
    elif is_pandas(value, "Series", "Index") or type(value) is list:
        if len(value) == count:
            yield value
    elif is_pandas(value, "DataFrame"):
        if len(value) == count:
            columns = range(min(value.shape[1], _MOST_COLUMNS))
            yield from (value.iloc[:, j] for j in columns)
    elif issubclass(type(value), tuple) and tuple.__len__(value) <= _MOST_COLUMNS:
        for part in tuple.__iter__(value):
            if not issubclass(type(part), tuple):
                yield from _whole(part, count)
