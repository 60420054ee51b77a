"""What a metric function returned, as numbers and small tables."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import unique_labels

from autotrack.tracking.facts import Table

Shaped = tuple[dict[str, float], dict[str, Table], list[NDArray[Any]]]

_RETURNED = re.compile(r"^(\w+)\s*:", re.MULTILINE)
# Tables are for people and for plots; a longer curve is thinned to so many rows.
MOST_ROWS = 2000


def shape(name: str, function: Callable[..., Any], bound: Mapping[str, Any], result: Any) -> Shaped:
    """Sort a result into metrics, tables, and the arrays it is made of.

    Parameters
    ----------
    name : str
        The function's name with the options that change its meaning.
    function : callable
        The function itself: its docstring names the parts of what it returns, and a report in
        text is asked for again as numbers.
    bound : mapping
        The arguments by name.
    result : object
        What it returned.
    """
    if isinstance(result, str):
        result = function(**{**bound, "output_dict": True})
    if isinstance(result, Real) or (isinstance(result, np.ndarray) and result.ndim == 0):
        return {name: float(result)}, {}, []
    if isinstance(result, Mapping):
        return {}, {name: _report(result)}, []
    if isinstance(result, tuple):
        return _parts(name, function, result)
    if isinstance(result, np.ndarray) and result.dtype.kind in "biuf":
        return {}, {name: _array(result, bound)}, []
    if isinstance(result, list) and result and all(isinstance(r, np.ndarray) for r in result):
        return {}, {f"{name}_{i}": _array(part, {}) for i, part in enumerate(result)}, []
    return {}, {}, []


def _report(report: Mapping[Any, Any]) -> Table:
    # Rows such as `accuracy` hold one number, the others a mapping of several.
    columns = list(
        dict.fromkeys(
            str(column) for row in report.values() if isinstance(row, Mapping) for column in row
        )
    )
    rows = [
        [label, *(row.get(column) for column in columns)]
        if isinstance(row, Mapping)
        else [label, *([None] * max(0, len(columns) - 2)), row, None][: len(columns) + 1]
        for label, row in report.items()
    ]
    return Table(["label", *(columns or ["value"])], rows)


def _parts(name: str, function: Callable[..., Any], result: tuple[Any, ...]) -> Shaped:
    names = _names(function)
    if len(names) != len(result):
        names = [str(index) for index in range(len(result))]
    pairs = [(part, value) for part, value in zip(names, result, strict=True) if value is not None]
    if all(isinstance(value, Real) for _, value in pairs):
        return {f"{name}_{part}": float(value) for part, value in pairs}, {}, []
    if all(isinstance(value, list) for _, value in pairs):  # a curve for each output
        return {}, {}, []
    arrays = [np.asarray(value) for _, value in pairs]
    if any(array.ndim != 1 for array in arrays):
        tables = {f"{name}_{part}": _array(np.asarray(value), {}) for part, value in pairs}
        return {}, tables, arrays
    longest = max(len(array) for array in arrays)
    chosen = _thinned(longest)
    rows = [[a[i].item() if i < len(a) else None for a in arrays] for i in chosen]
    return {}, {name: Table([part for part, _ in pairs], rows)}, arrays


def _thinned(count: int) -> Sequence[int]:
    if count <= MOST_ROWS:
        return range(count)
    return [int(i) for i in np.unique(np.linspace(0, count - 1, MOST_ROWS).round())]


def _array(array: NDArray[Any], bound: Mapping[str, Any]) -> Table:
    labels = _labels(bound, array)
    if array.ndim <= 1:
        flat = array.ravel()
        keys = labels if len(labels) == len(flat) else range(len(flat))
        return Table(["label", "value"], [[keys[i], flat[i].item()] for i in _thinned(len(flat))])
    if array.ndim == 2:
        square = len(labels) == array.shape[0] == array.shape[1]
        columns = labels if square else list(range(array.shape[1]))
        rows = [[labels[i] if square else i, *array[i].tolist()] for i in _thinned(array.shape[0])]
        return Table(["true \\ predicted" if square else "row", *map(str, columns)], rows)
    rows = [[*index, array[index].item()] for index in np.ndindex(array.shape)]
    return Table([*(f"axis_{axis}" for axis in range(array.ndim)), "value"], rows[:MOST_ROWS])


def _labels(bound: Mapping[str, Any], array: NDArray[Any]) -> list[Any]:
    """The class labels along the axes of a per-class result."""
    if bound.get("labels") is not None and "y_true" in bound:
        return list(np.asarray(bound["labels"]).tolist())
    prediction = bound.get("y_pred")
    if "y_true" not in bound or prediction is None:
        return []
    try:
        return list(unique_labels(bound["y_true"], prediction).tolist())
    except (TypeError, ValueError):  # regression targets have no labels
        return []


@functools.cache
def _names(function: Callable[..., Any]) -> list[str]:
    """The names of the returned values, as the docstring has them."""
    _, found, after = inspect.cleandoc(function.__doc__ or "").partition("\nReturns\n-------\n")
    section = re.split(r"\n\n\w[^\n]*\n---", after)[0] if found else ""
    return _RETURNED.findall(section)
