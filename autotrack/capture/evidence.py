"""Whether values can be shown to come from a prediction.

Pure functions on arrays. A relation counts only if it could not well have come about otherwise:
a constant shows nothing, and a two-valued array of five rows fits half of all models. Whether the
values may as well have been made by hand is asked in :mod:`autotrack.capture.byhand`.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np

from autotrack.capture.arrays import (
    Array,
    groups,
    is_constant,
    is_numeric,
    is_real,
    parts,
    same,
    spread,
)

# Chance agreement below one in a thousand.
_ENOUGH_BITS = 10.0
# Values looked up first where some rows may have been taken.
_PROBES = 8


class Evidence(IntEnum):
    """How well values were shown to come from a prediction; larger is stronger.

    `MONOTONE` and `PART` leave room for values that were made by hand.
    """

    NONE = 0
    MONOTONE = 1
    PART = 2
    DERIVED = 3
    EQUAL = 4


def relation(values: Array, prediction: Array) -> Evidence:
    """How `values` can be shown to come from `prediction`, judging by the two alone."""
    try:
        return _relation(values, prediction)
    except (TypeError, ValueError):  # objects that cannot be compared, sorted or counted
        return Evidence.NONE


def _relation(values: Array, prediction: Array) -> Evidence:
    if is_constant(values):
        return Evidence.NONE
    if same(values, prediction):
        return Evidence.EQUAL
    if values.ndim == 2:
        return _matrix(values, prediction) if prediction.ndim == 2 else Evidence.NONE
    if prediction.ndim == 1:
        return _column(values, prediction)
    found = max(_column(values, prediction[:, j]) for j in range(prediction.shape[1]))
    if found < Evidence.DERIVED and len(values) == len(prediction) and is_numeric(prediction):
        found = max(found, _relabelled(values, prediction))
    return found


def _column(values: Array, prediction: Array) -> Evidence:
    if len(values) < len(prediction):
        return _subset(values, prediction)
    if len(values) > len(prediction):
        return Evidence.NONE
    if same(values, prediction):
        return Evidence.EQUAL
    if not is_numeric(prediction) or not is_real(prediction):
        found = _relabelled(values, prediction)
        if found or not is_numeric(prediction):
            return found
    if not all(map(is_monotone, parts(values), parts(prediction))):
        return _subset(values, prediction)
    if _is_usual_map(values, prediction):
        return Evidence.DERIVED
    return Evidence.MONOTONE if _bits(values) >= _ENOUGH_BITS else Evidence.NONE


def _bits(values: Array) -> float:
    """How surprising it would be to meet this arrangement by chance, in bits."""
    counts = np.bincount(groups(values))
    arrangements = math.lgamma(len(values) + 1) - sum(math.lgamma(c + 1) for c in counts.tolist())
    return arrangements / math.log(2) - 1  # one bit for the choice of rising or falling


def is_monotone(values: Array, prediction: Array) -> bool:
    """Whether `values` rises or falls with `prediction`; labels need only be ranges of it."""
    order = np.argsort(prediction, kind="stable")
    ordered = prediction[order]
    if ordered.dtype.kind == "f" and np.isnan(ordered[-1]):
        return False
    if is_numeric(values):
        before, after = values[order[:-1]], values[order[1:]]
        rising, falling = bool((after >= before).all()), bool((after <= before).all())
        moved = after != before
    else:
        kinds = groups(values)[order]
        moved = np.diff(kinds) != 0
        rising = falling = int(moved.sum()) == int(kinds.max())
    ties = ordered[1:] == ordered[:-1]
    return (rising or falling) and not bool((moved & ties).any())


def _relabelled(values: Array, prediction: Array) -> Evidence:
    """Labels under other names, one for one; of a matrix its highest column in each row."""
    for some, of in zip(parts(values), parts(prediction), strict=True):
        if not _one_for_one(some, of.argmax(axis=1) if of.ndim == 2 else of):
            return Evidence.NONE
    if _bits(values) < _ENOUGH_BITS:
        return Evidence.NONE
    return Evidence.MONOTONE if is_real(values) else Evidence.DERIVED


def _one_for_one(values: Array, labels: Array) -> bool:
    """Whether equal values stand beside equal labels, and other values beside other labels."""
    a, b = groups(values), groups(labels)
    kinds = int(a.max()) + 1
    if kinds != int(b.max()) + 1:
        return False
    return len(np.unique(a.astype(np.int64) * kinds + b)) == kinds


def _is_usual_map(values: Array, prediction: Array) -> bool:
    """Whether it is one of the maps people apply to predictions, with its usual constants."""
    p = prediction.astype(np.float64, copy=False)
    if int(groups(values).max()) == 1:
        return _is_usual_choice(values, p)
    if not is_numeric(values):
        return False
    v = values.astype(np.float64, copy=False)
    with np.errstate(all="ignore"):
        usual = [np.exp(p), np.expm1(p), np.log(p), np.log1p(p), 1 - p, -p, np.square(p)]
        usual += [np.sqrt(p), np.power(10.0, p), 1 / (1 + np.exp(-p)), np.floor(p), np.ceil(p)]
        usual += [np.trunc(p), *(np.round(p, digits) for digits in range(7))]
        clipped = np.clip(p, v.min(), v.max())
        if any(np.allclose(v, mapped, rtol=1e-12, atol=0) for mapped in usual):
            return True
        # Clipped: the bounds are the values' own, so enough of what lies between must be left.
        between = (v > v.min()) & (v < v.max())
        return bool(np.allclose(v, clipped, rtol=1e-12, atol=0) and between.sum() > 2)


def _is_usual_choice(values: Array, p: Array) -> bool:
    """Whether two labels tell which side of a half or of zero the prediction is on."""
    if is_real(values):
        return False  # two numbers of somebody's choice say less than labels
    sides = (p >= 0.5, p > 0.5, p > 0, p >= 0)
    if is_numeric(values):
        upper = values == values.max()
        return any(bool((upper == side).all()) for side in sides)
    # Names do not say which of them is the upper one, so few rows fit too easily.
    upper = values == values[0]
    fits = any(bool((upper == side).all() or (upper != side).all()) for side in sides)
    return fits and _bits(values) >= _ENOUGH_BITS


def _subset(values: Array, prediction: Array) -> Evidence:
    """Some or all of the rows of a real-valued prediction, in any order, each once at most."""
    if not (is_numeric(values) and is_numeric(prediction)) or values.dtype.kind != "f":
        return Evidence.NONE
    if not all((prediction == probe).any() for probe in values[spread(len(values), _PROBES)]):
        return Evidence.NONE
    # A bootstrap sample holds some rows twice: its score is not one of the prediction's.
    kinds, counts = np.unique(values, return_counts=True)
    known, held = np.unique(prediction, return_counts=True)
    at = np.minimum(np.searchsorted(known, kinds), len(known) - 1)
    if not ((known[at] == kinds) & (held[at] >= counts)).all():
        return Evidence.NONE
    return Evidence.PART if _tells(kinds) else Evidence.NONE


def _tells(values: Array) -> bool:
    # A number with many digits is not met by chance; 0.5 and 3.0 are.
    return np.unique(values[values != np.round(values, 3)]).size > 1


def _matrix(values: Array, prediction: Array) -> Evidence:
    """A matrix whose columns come from those of the prediction, or made of some of its rows."""
    if values.shape[1] != prediction.shape[1] or len(values) > len(prediction):
        return Evidence.NONE
    if values.shape == prediction.shape:
        found = _columns(values, prediction)
        if found in (Evidence.MONOTONE, Evidence.DERIVED, Evidence.EQUAL):
            return found
    return _rows_of(values, prediction)


def _columns(values: Array, prediction: Array) -> Evidence:
    """What is shown of each of the columns that are not constant."""
    found = Evidence.EQUAL
    for j in range(values.shape[1]):
        if not is_constant(values[:, j]):
            found = min(found, _column(values[:, j], prediction[:, j]))
            if not found:
                break
    return found


def _rows_of(values: Array, prediction: Array) -> Evidence:
    """A matrix made of some of the rows of a real-valued matrix."""
    if values.dtype.kind != "f" or prediction.dtype != values.dtype:
        return Evidence.NONE
    probes = values[spread(len(values), _PROBES)]
    if not all(bool((prediction == row).all(axis=1).any()) for row in probes):
        return Evidence.NONE
    rows = np.ascontiguousarray(values).view([("", values.dtype)] * values.shape[1])[:, 0]
    known = np.ascontiguousarray(prediction).view([("", values.dtype)] * values.shape[1])[:, 0]
    if not np.isin(rows, known).all():
        return Evidence.NONE
    return Evidence.PART if _tells(values.ravel()) else Evidence.NONE
