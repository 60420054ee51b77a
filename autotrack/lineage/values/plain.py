"""Plain values: numbers, texts, arrays and pandas objects with which nothing of the user's runs."""

from __future__ import annotations

import datetime
import decimal
import sys
from collections.abc import Iterable, Sequence
from types import EllipsisType, NoneType
from typing import Any

import numpy as np

#: Values with more elements are not computed with.
MOST_NUMBERS = 5_000_000
_SCALARS = frozenset(
    {
        *(NoneType, EllipsisType, bool, int, float, complex, str, bytes, range, decimal.Decimal),
        *(datetime.date, datetime.datetime, datetime.time, datetime.timedelta),
    }
)
_PANDAS_SCALARS = frozenset({"Timestamp", "Timedelta", "NaTType", "NAType", "Interval", "Period"})
_TYPES = (bool, int, float, complex, str, bytes, object, list, tuple, dict)
# How deep lists lie in lists.
_DEEPEST = 4


def is_pandas(value: object, *names: str) -> bool:
    """Whether `value` is just one of these pandas classes: ``Series``, ``DataFrame``, ``Index``."""
    pandas, kind = sys.modules.get("pandas"), type(value)
    if pandas is not None:
        for name in names:
            if kind is getattr(pandas, name, None):
                return True
    return False


def is_rows(value: object) -> bool:
    """Whether a value has several elements, and may so have one for each row."""
    kind = type(value)
    if issubclass(kind, np.ndarray):
        array = np.asarray(value)
        return array.ndim > 0 and array.size > 1
    # The lengths as lists and tuples have them, whatever a class makes of them.
    if issubclass(kind, list):
        return bool(list.__len__(value) > 1)  # type: ignore[arg-type]
    if issubclass(kind, tuple):
        return bool(tuple.__len__(value) > 1)  # type: ignore[arg-type]
    return is_pandas(value, "Series", "DataFrame", "Index")


def length_of(value: Any) -> int:
    """How many elements a plain value has; -1 for what has none."""
    if type(value) in (list, tuple, dict) or is_pandas(value, "Series", "DataFrame", "Index"):
        return len(value)
    return len(value) if type(value) is np.ndarray and value.ndim else -1


def is_plain(value: Any, depth: int = 0) -> bool:
    """Whether computing with a value runs nothing but Python, numpy and pandas."""
    kind = type(value)
    if _is_plain_scalar(kind):
        return True
    if kind is np.ndarray:
        return not value.dtype.hasobject or _are_plain(value.ravel().tolist(), depth)
    if kind in (list, tuple):
        return _are_plain(value, depth)
    if kind is dict:
        return _are_plain([*value, *value.values()], depth)
    if kind is slice:
        return _are_plain([value.start, value.stop, value.step], depth)
    if kind is type:
        return any(value is known for known in _TYPES) or _is_numpys(value)
    return issubclass(kind, np.dtype) or _is_plain_in_pandas(value, depth)


def _is_plain_scalar(kind: type) -> bool:
    if kind in _SCALARS or _is_numpys(kind):
        return True
    return kind.__name__ in _PANDAS_SCALARS and _is_of_pandas(kind)


def _is_of_pandas(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "pandas"


def _is_numpys(kind: type) -> bool:
    return issubclass(kind, np.generic) and kind.__module__ == "numpy"


def _are_plain(values: Sequence[Any], depth: int) -> bool:
    if depth >= _DEEPEST or len(values) > MOST_NUMBERS:
        return False
    others = [kind for kind in set(map(type, values)) if not _is_plain_scalar(kind)]
    if not others:
        return True
    return all(is_plain(value, depth + 1) for value in values if type(value) in others)


def _is_plain_in_pandas(value: Any, depth: int) -> bool:
    if is_pandas(value, "DataFrame"):
        columns: Iterable[Any] = (value.iloc[:, j] for j in range(value.shape[1]))
        labels = _are_plain_labels(value.columns, depth) and _are_plain_labels(value.index, depth)
        return labels and all(_is_plain_column(column, depth) for column in columns)
    if is_pandas(value, "Series"):
        return _is_plain_column(value, depth) and _are_plain_labels(value.index, depth)
    if is_pandas(value, "Categorical"):
        return _are_plain_labels(value.categories, depth)
    return _are_plain_labels(value, depth)


def _is_plain_column(column: Any, depth: int) -> bool:
    dtype = column.dtype
    if issubclass(type(dtype), np.dtype):
        return not dtype.hasobject or _are_plain(column.tolist(), depth)
    if not _is_of_pandas(type(dtype)):
        return False
    categories = getattr(dtype, "categories", None)
    return categories is None or _are_plain_labels(categories, depth)


def _are_plain_labels(index: Any, depth: int) -> bool:
    kind = type(index)
    if not _is_of_pandas(kind) or not kind.__name__.endswith("Index"):
        return False
    return kind.__name__ != "Index" or _is_plain_column(index, depth)
