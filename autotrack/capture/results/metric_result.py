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

from autotrack.runtime.patterns import pattern
from autotrack.tracking.facts import Table

Shaped = tuple[dict[str, float], dict[str, Table], list[NDArray[Any]]]
#: A call that a metric function made: its arguments by name, and what it returned.
Part = tuple[Mapping[str, Any], Any]

_REPORTED = ("precision", "recall", "f1-score", "support")
_RETURNED = pattern(r"^(\w+)\s*:", re.MULTILINE)
_RETURNED_TOGETHER = pattern(r"^\((\w+(?:, \w+)*)\)\s*:", re.MULTILINE)
# Tables are for people and for plots; a longer curve is thinned to so many rows.
MOST_ROWS = 2000


def shape(name: str, function: Callable[..., Any], bound: Mapping[str, Any], result: Any) -> Shaped:
    """Sort a result into metrics, tables, and the arrays it is made of.

    Parameters
    ----------
    name : str
        The function's name with the options that change its meaning.
    function : callable
        The function itself: its docstring names the parts of what it returns.
    bound : mapping
        The arguments by name.
    result : object
        What it returned.
    """
    # Asked of its type first, since `Real` takes long to tell what is one.
    is_number = type(result) is float or isinstance(result, Real)
    if is_number or (isinstance(result, np.ndarray) and result.ndim == 0):
        return {name: float(result)}, {}, []
    if isinstance(result, Mapping):
        return {}, {name: _report(result)}, []
    if isinstance(result, tuple):
        return _parts(name, function, result)
    if isinstance(result, np.ndarray) and result.dtype.kind in "biuf":
        return {}, {name: array_table(result, _labels(bound))}, []
    if isinstance(result, list) and result and all(isinstance(r, np.ndarray) for r in result):
        return {}, {f"{name}_{i}": array_table(part) for i, part in enumerate(result)}, []
    return {}, {}, []


def report_of(text: str, bound: Mapping[str, Any], parts: Sequence[Part]) -> dict[str, Any]:
    """What ``output_dict=True`` would have returned for a report in text.

    Parameters
    ----------
    text : str
        The report.
    bound : mapping
        The arguments of `classification_report` by name.
    parts : sequence of Part
        The calls of `precision_recall_fscore_support` it is made of: that of each class, and then
        one for each average. Asking for the report again would take its time, and give its
        warnings, twice.
    """
    (asked, found), *averages = parts
    names = bound.get("target_names")
    names = [f"{label}" for label in asked["labels"]] if names is None else names
    report: dict[str, Any] = {
        str(name): dict(zip(_REPORTED, map(float, row), strict=True))
        for name, *row in zip(names, *found, strict=False)
    }
    # The line of the accuracy has no precision and no recall of its own.
    lines = (line.split() for line in text.splitlines())
    is_accuracy = any(len(line) == 3 and line[0] == "accuracy" for line in lines)
    for options, (precision, recall, score, _) in averages:
        if options["average"] == "micro" and is_accuracy:
            report["accuracy"] = float(precision)
        else:
            row = (precision, recall, score, np.sum(found[-1]))
            heading = f"{options['average']} avg"
            report[heading] = dict(zip(_REPORTED, map(float, row), strict=True))
    return report


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
        tables = {f"{name}_{part}": array_table(np.asarray(value)) for part, value in pairs}
        return {}, tables, arrays
    return {}, {name: Table([part for part, _ in pairs], curve_rows(arrays))}, arrays


def curve_rows(arrays: Sequence[NDArray[Any]], most: int = MOST_ROWS) -> list[list[Any]]:
    """The points of a curve, a row each; one that is longer than `most` is thinned."""
    chosen = thinned(max(len(array) for array in arrays), most)
    return [[a[i].item() if i < len(a) else None for a in arrays] for i in chosen]


def thinned(count: int, most: int = MOST_ROWS) -> Sequence[int]:
    """The places of at most so many of `count` rows, evenly spread."""
    if count <= most:
        return range(count)
    return [int(i) for i in np.unique(np.linspace(0, count - 1, most).round())]


def array_table(array: NDArray[Any], labels: Sequence[Any] = ()) -> Table:
    """A result for each class, or a matrix of them, whose classes are `labels`."""
    if array.ndim <= 1:
        flat = array.ravel()
        keys = labels if len(labels) == len(flat) else range(len(flat))
        return Table(["label", "value"], [[keys[i], flat[i].item()] for i in thinned(len(flat))])
    if array.ndim == 2:
        square = len(labels) == array.shape[0] == array.shape[1]
        columns = labels if square else list(range(array.shape[1]))
        rows = [[labels[i] if square else i, *array[i].tolist()] for i in thinned(array.shape[0])]
        return Table(["true \\ predicted" if square else "row", *map(str, columns)], rows)
    rows = [[*index, array[index].item()] for index in np.ndindex(array.shape)]
    return Table([*(f"axis_{axis}" for axis in range(array.ndim)), "value"], rows[:MOST_ROWS])


def _labels(bound: Mapping[str, Any]) -> list[Any]:
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
    together = _RETURNED_TOGETHER.search(section)
    return together[1].split(", ") if together else _RETURNED.findall(section)
