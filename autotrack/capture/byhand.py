"""Whether values may as well have been made by hand: from the input, or from the truth.

What is a function of a single column of the input (a rule, the previous value) or made of the true
values themselves (a lag, a shuffle) is somebody's baseline, even where a model's prediction
happens to show it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autotrack.capture.arrays import FEW, Array, groups, is_numeric, plain_array, spread
from autotrack.capture.rows import is_sparse, sparse_block, take_column, take_rows

# A column with one value for every so many rows is a category, and any function of it a rule.
_ROWS_A_KIND = 4
# No model is a function of one column among so many.
_MOST_COLUMNS = 2000
# Numbers of a sample that is kept of an input.
_SAMPLE_SIZE = 8192


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class InputSample:
    """Some rows of an input, kept for the case that the input itself does not live on.

    `rows` is None where no column of the input could explain anything: texts, images, words.
    """

    positions: Array
    rows: Any


def sample_of(data: Any, rows: int) -> InputSample | None:
    """A sample of an input of so many rows; None if it cannot be taken."""
    try:
        first = data[0] if isinstance(data, list | tuple) else None
        shape = data.shape[1:] if first is None else np.shape(first)
        width = int(np.prod(shape)) if shape else 1
        if isinstance(first, str) or len(shape) > 1 or width > _MOST_COLUMNS:
            return InputSample(spread(rows, 1), None)
        positions = spread(rows, min(rows, max(FEW, _SAMPLE_SIZE // max(1, width))))
        taken = take_rows(data, positions)
        if is_sparse(taken):
            return InputSample(positions, taken)
        matrix = np.asarray(taken)
        if matrix.dtype.kind == "O" and len(matrix) > FEW:
            # Texts may be of any length, and what is kept here is not copied.
            positions = spread(rows, FEW)
            matrix = np.asarray(take_rows(data, positions))
        return InputSample(positions, matrix)
    except Exception:  # noqa: BLE001 - a foreign container may do anything
        return None


def explained_by_input(values: Array, data: Any, sample: InputSample | None) -> bool:
    """Whether `values` may have been made from a single column of the input.

    Where the input is gone, its sample decides; where there is none, nothing can be ruled out.
    """
    if data is None:
        if sample is None:
            return True
        if sample.rows is None:
            return False
        values, data = values[sample.positions], sample.rows
    try:
        if values.ndim == 2:
            return all(_explained(column, data) for column in values.T)
        return _explained(values, data)
    except Exception:  # noqa: BLE001 - an input that cannot be looked into explains nothing
        return False


def made_of(values: Array, truth: object) -> bool:
    """Whether most of `values` are true values: a lag or a shuffle of the truth."""
    known = plain_array(truth)
    if known is None or not (is_numeric(known) and is_numeric(values)):
        return False
    return bool(np.isin(values, known).mean() > 0.5)


def _explained(values: Array, data: Any) -> bool:
    if isinstance(data, list | tuple):
        data = plain_array(data)
    shape: tuple[int, ...] = getattr(data, "shape", ())
    width = shape[1] if len(shape) == 2 else 1
    if len(shape) not in (1, 2) or shape[0] != len(values) or width > _MOST_COLUMNS:
        return False
    few = spread(len(values), min(len(values), FEW))
    rows = take_rows(data, few)
    matrix = sparse_block(rows) if is_sparse(rows) else np.asarray(rows).reshape(len(few), width)
    likely = _functions(values[few], list(matrix.T), most=3 * len(few) // 4)
    return any(
        _functions(values, [take_column(data, int(j))], most=len(values) // _ROWS_A_KIND)[0]
        for j in np.flatnonzero(likely)
    )


def _functions(values: Array, columns: list[Array], most: int) -> Array:
    """For each column whether `values` is a function of it, monotone or of at most `most` kinds."""
    numeric = [_numbers(column) for column in columns]
    pairs = zip(columns, numeric, strict=True)
    matrix = np.stack([groups(column) if n is None else n for column, n in pairs])
    order = np.argsort(matrix, axis=1, kind="stable")
    sorted_columns = np.take_along_axis(matrix, order, axis=1)
    steps = sorted_columns[:, 1:] != sorted_columns[:, :-1]
    ordered = values[order] if is_numeric(values) else groups(values)[order]
    moved = ordered[:, 1:] != ordered[:, :-1]
    if is_numeric(values):
        rising = (ordered[:, 1:] >= ordered[:, :-1]).all(axis=1)
        monotone = rising | (ordered[:, 1:] <= ordered[:, :-1]).all(axis=1)
    else:
        monotone = moved.sum(axis=1) == ordered.max()
    monotone &= np.array([n is not None for n in numeric])
    few = steps.sum(axis=1) < most
    function: Array = ~(moved & ~steps).any(axis=1) & (monotone | few)
    return function


def _numbers(column: Array) -> Array | None:
    if is_numeric(column):
        return column
    try:
        return column.astype(np.float64) if column.dtype.kind == "O" else None
    except (TypeError, ValueError):
        return None
