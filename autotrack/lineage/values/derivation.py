"""Whether values are a function of a prediction, verified on every row.

Pure functions on arrays, for values whose program is known to have made them of one model's
predictions, but not how. Ranking alike shows nothing here: every row has to be what a function of
the family gives for the prediction of that row.
"""

from __future__ import annotations

import numpy as np

from autotrack.lineage.values.arrays import (
    FEW,
    Array,
    groups,
    is_constant,
    is_numeric,
    is_real,
    parts,
    same,
    spread,
)

# A number with more digits than this is not met by chance; 0.5 and 3.0 are.
_DIGITS = 4
# So many different numbers with many digits say which prediction it is.
_ENOUGH = 2
_MOST_KINDS = 100


def tells(values: Array) -> bool:
    """Whether values are such that two arrays of them are equal only if one was made of the other.

    True of real numbers with many digits, a few of them different; not of labels and counts.
    """
    if values.dtype.kind != "f":
        return False
    with np.errstate(all="ignore"):
        for part in parts(values):
            some = part[np.isfinite(part)]
            if len(np.unique(some[some != np.round(some, _DIGITS)])) >= _ENOUGH:
                return True
    return False


def is_function_of(values: Array, prediction: Array) -> bool:
    """Whether `values` come from `prediction` row by row, by a function of the family.

    That is an exponential, logarithm, power, rounding, clipping or line, a threshold or several, or
    a name for each label. Of a matrix, one of its columns or its highest column.
    """
    if len(values) != len(prediction) or is_constant(values):
        return False
    try:
        if same(values, prediction):
            return True
        if values.ndim == 2:
            return _is_matrix_of(values, prediction)
        if prediction.ndim == 1:
            return _is_column_of(values, prediction)
        columns = (prediction[:, j] for j in range(prediction.shape[1]))
        if any(_is_column_of(values, column) for column in columns):
            return True
        return is_numeric(prediction) and _is_renamed(values, prediction.argmax(axis=1))
    except (TypeError, ValueError):  # objects that cannot be compared, sorted or counted
        return False


def _is_column_of(values: Array, prediction: Array) -> bool:
    if same(values, prediction):
        return True
    if not is_numeric(prediction) or not is_real(prediction):
        if _is_renamed(values, prediction):
            return True
        if not is_numeric(prediction):
            return False
    if is_numeric(values) and is_usual(values, prediction):
        return True
    kinds = int(groups(values).max()) + 1
    if kinds <= min(_MOST_KINDS, len(values) // 2 + 1) and _are_ranges(values, prediction):
        return True
    return is_numeric(values) and _is_line(values, prediction)


def is_just_usual(values: Array, prediction: Array) -> bool:
    """Whether it is, to the last bit, one of the maps that people apply to predictions."""
    rows = len(prediction)
    if rows > FEW:
        some = spread(rows, FEW)
        if not is_just_usual(values[some], prediction[some]):
            return False
    p, v = prediction.astype(np.float64, copy=False), values.astype(np.float64, copy=False)
    with np.errstate(all="ignore"):
        usual = (np.exp(p), np.expm1(p), np.log(p), np.log1p(p), 1 - p, -p, np.square(p))
        return any(np.array_equal(v, mapped) for mapped in (*usual, np.sqrt(p), 10.0**p))


def is_usual(values: Array, prediction: Array) -> bool:
    """Whether it is one of the maps people apply to predictions, which need no constants."""
    p = prediction.astype(np.float64, copy=False)
    v = values.astype(np.float64, copy=False)
    with np.errstate(all="ignore"):
        usual = [np.exp(p), np.expm1(p), np.log(p), np.log1p(p), 1 - p, -p, np.square(p)]
        usual += [np.sqrt(p), np.power(10.0, p), 1 / (1 + np.exp(-p)), np.floor(p), np.ceil(p)]
        usual += [np.trunc(p), *(np.round(p, digits) for digits in range(7))]
        if any(np.allclose(v, mapped, rtol=1e-12, atol=0) for mapped in usual):
            return True
        # Clipped: the bounds are the values' own, so enough of what lies between must be left.
        clipped = np.clip(p, v.min(), v.max())
        between = (v > v.min()) & (v < v.max())
        return bool(np.allclose(v, clipped, rtol=1e-12, atol=0) and between.sum() > 2)


def _is_line(values: Array, prediction: Array) -> bool:
    """Whether values lie on one line over the prediction."""
    p = prediction.astype(np.float64, copy=False)
    v = values.astype(np.float64, copy=False)
    if len(v) <= 2 or not (np.isfinite(p).all() and np.isfinite(v).all()):
        return False
    low, high = int(p.argmin()), int(p.argmax())
    if p[low] == p[high]:
        return False
    slope = (v[high] - v[low]) / (p[high] - p[low])
    fitted = v[low] + slope * (p - p[low])
    size = max(float(np.abs(v).max()), abs(slope) * float(np.abs(p).max()))
    return slope != 0 and bool(np.abs(fitted - v).max() <= 1e-9 * size)


def _is_renamed(values: Array, labels: Array) -> bool:
    """Whether equal values stand beside equal labels, and other values beside other labels."""
    a, b = groups(values), groups(labels)
    kinds = int(a.max()) + 1
    if kinds != int(b.max()) + 1 or kinds > max(2, len(values) // 2):
        return False
    return len(np.unique(a.astype(np.int64) * kinds + b)) == kinds


def _are_ranges(values: Array, prediction: Array) -> bool:
    """Whether each value stands for a range of the prediction: thresholds were applied."""
    order = np.argsort(prediction, kind="stable")
    ordered = prediction[order]
    if ordered.dtype.kind == "f" and np.isnan(ordered[-1]):
        return False
    kinds = groups(values)[order]
    moved = np.diff(kinds) != 0
    if int(moved.sum()) != int(kinds.max()):
        return False
    return not bool((moved & (ordered[1:] == ordered[:-1])).any())


def _is_matrix_of(values: Array, prediction: Array) -> bool:
    if values.shape != prediction.shape:
        return False
    pairs = [(values[:, j], prediction[:, j]) for j in range(values.shape[1])]
    return all(is_constant(v) or _is_column_of(v, p) for v, p in pairs)
