"""What a score is the mean of: the losses of single rows, from kept predictions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from autotrack.analysis.predictions.reading import SCORE, Table
from autotrack.store.predictions.evaluation import Array

# The score that a model has of itself.
_OWN = "score"
# A recorded score is that of a table if it differs by rounding at most.
_ROUNDING = 1e-6


def has_row_losses(metric: str) -> bool:
    """Whether a metric is known to be made of losses of single rows."""
    return metric == _OWN or metric in _KNOWN


def row_losses(table: Table, metric: str, value: float) -> Array | None:
    """What each row adds to a loss of the model, or None if it cannot be told.

    Their mean differs from the metric by a constant, and by its sign where more is better. Of
    metrics that are no means over rows (r2, the root of an error, the area under a curve) it is
    the effect of a row in first order: the empirical influence [1]_.

    Parameters
    ----------
    table : Table
        Kept predictions of held-out rows.
    metric : str
        As keys of scores name it, without the data: ``accuracy_score``.
    value : float
        What is recorded. If the predictions give another value (that of another model, or one that
        is weighted), there are no losses.

    References
    ----------
    .. [1] F. R. Hampel, *The Influence Curve and Its Role in Robust Estimation*, Journal of the
       American Statistical Association 69, 1974; of the area under the curve: E. R. DeLong, D. M.
       DeLong and D. L. Clarke-Pearson, *Comparing the Areas under Two or More Correlated Receiver
       Operating Characteristic Curves*, Biometrics 44, 1988.
    """
    name = metric
    if name == _OWN:
        name = "accuracy_score" if table.classes else "r2_score"
    if name not in _KNOWN or len(table) < 2:
        return None
    found = _KNOWN[name](table)
    if found is None:
        return None
    again, losses = found
    if not math.isclose(again, value, rel_tol=_ROUNDING, abs_tol=1e-12):
        return None
    return losses if np.isfinite(losses).all() else None


def is_mean_of_rows(metric: str) -> bool:
    """Whether a metric is the mean of the losses of the rows, or one less it (accuracy)."""
    return metric in _MEANS or metric == "accuracy_score"


def mean_losses(table: Table, metric: str, value: float) -> Array | None:
    """The losses of the rows whose mean a metric is; None if it is none, or they cannot be told."""
    return row_losses(table, metric, value) if metric in _MEANS else None


# The value of the metric, and the losses of the rows.
_Found = tuple[float, Array] | None


def _pair(table: Table) -> tuple[Array, Array] | None:
    """Truth and prediction where both are one column."""
    truth, predicted = table.columns.get("y_true"), table.columns.get("predict")
    return None if truth is None or predicted is None else (truth, predicted)


def _numbers(table: Table) -> tuple[Array, Array] | None:
    pair = _pair(table)
    if pair is None or any(column.dtype.kind not in "biuf" for column in pair):
        return None
    return pair[0].astype(np.float64), pair[1].astype(np.float64)


def _wrong(table: Table) -> Array | None:
    pair = _pair(table)
    return None if pair is None else (pair[0] != pair[1]).astype(np.float64)


def _accuracy(table: Table) -> _Found:
    wrong = _wrong(table)
    return None if wrong is None else (1 - float(wrong.mean()), wrong)


def _zero_one(table: Table) -> _Found:
    wrong = _wrong(table)
    return None if wrong is None else (float(wrong.mean()), wrong)


def _absolute(table: Table) -> _Found:
    pair = _numbers(table)
    return None if pair is None else _mean(np.abs(pair[0] - pair[1]))


def _squared(table: Table) -> _Found:
    pair = _numbers(table)
    return None if pair is None else _mean((pair[0] - pair[1]) ** 2)


def _root_squared(table: Table) -> _Found:
    if (found := _squared(table)) is None:
        return None
    root = math.sqrt(found[0])
    return (root, found[1] / (2 * root)) if root else (root, found[1])


def _r2(table: Table) -> _Found:
    found, pair = _squared(table), _numbers(table)
    if found is None or pair is None:
        return None
    error, losses = found
    spread = (pair[0] - pair[0].mean()) ** 2
    variance = float(spread.mean())
    if not variance:
        return None
    return 1 - error / variance, (losses - error / variance * spread) / variance


def _log_loss(table: Table) -> _Found:
    truth, classes = table.columns.get("y_true"), list(table.classes)
    columns = [table.columns.get(f"predict_proba_{label}") for label in classes]
    held = [column for column in columns if column is not None]
    if truth is None or not held or len(held) < len(columns):
        return None
    chances = np.column_stack(held)
    chances = chances / chances.sum(axis=1, keepdims=True)
    right = np.column_stack([truth == label for label in classes])
    if not (right.sum(axis=1) == 1).all():
        return None
    smallest = float(np.finfo(chances.dtype).eps)
    return _mean(-np.log(np.clip(chances[right], smallest, 1 - smallest)))


def _ranked(table: Table) -> tuple[Array, Array] | None:
    """Whether a row is of the second of two classes, and what ranks it."""
    truth = table.columns.get("y_true")
    scores = table.columns.get(SCORE, table.columns.get("decision_function"))
    if scores is None and len(table.classes) == 2:
        scores = table.columns.get(f"predict_proba_{table.classes[1]}")
    if truth is None or scores is None:
        return None
    labels = np.unique(truth)
    return (truth == labels[1], scores.astype(np.float64)) if len(labels) == 2 else None


def _brier(table: Table) -> _Found:
    found = _ranked(table)
    return None if found is None else _mean((found[0] - found[1]) ** 2)


def _area(table: Table) -> _Found:
    if (found := _ranked(table)) is None:
        return None
    positive, scores = found
    losses = np.empty(len(scores))
    areas = []
    for own, sign in ((positive, 1), (~positive, -1)):
        others = np.sort(sign * scores[~own])
        mine = sign * scores[own]
        below = np.searchsorted(others, mine, "left") + np.searchsorted(others, mine, "right")
        placed = below / (2 * len(others))
        areas.append(float(placed.mean()))
        losses[own] = (areas[-1] - placed) / own.mean()
    return areas[0], losses


def _mean(losses: Array) -> tuple[float, Array]:
    return float(losses.mean()), losses


_MEANS = frozenset({
    "zero_one_loss", "mean_absolute_error", "mean_squared_error", "log_loss", "brier_score_loss",
})  # fmt: skip
_KNOWN: dict[str, Callable[[Table], _Found]] = {
    "accuracy_score": _accuracy,
    "zero_one_loss": _zero_one,
    "mean_absolute_error": _absolute,
    "mean_squared_error": _squared,
    "root_mean_squared_error": _root_squared,
    "r2_score": _r2,
    "log_loss": _log_loss,
    "brier_score_loss": _brier,
    "roc_auc_score": _area,
}
