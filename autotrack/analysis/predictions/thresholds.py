"""Where to cut a score in two classes, from kept predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autotrack.analysis.predictions.reading import SCORE, Table
from autotrack.analysis.statistics.moments import moments
from autotrack.describe.metrics import Metric
from autotrack.errors import InvalidValueError
from autotrack.printable import described
from autotrack.runtime.dataclass import dataclass
from autotrack.store.predictions.evaluation import Array

if TYPE_CHECKING:
    import pandas as pd

_METHODS = ("predict_proba", "decision_function")


@dataclass(frozen=True, slots=True)
class Threshold:
    """The threshold at which a metric is best, and how good it is there.

    Attributes
    ----------
    metric : str
    response : str
        What is cut: ``predict_proba`` or ``decision_function`` of the positive class.
    threshold : float
        Rows with at least this much are of the positive class.
    value : float
        The metric there, the mean over the splits. It was chosen on these rows, and is too good.
    se : float
        Its standard error over the splits.
    unseen : float
        The mean over the splits of the metric at the threshold that the others would have chosen;
        NaN for fewer than two splits.
    curve : DataFrame
        A row a threshold: threshold, mean, se.
    """

    metric: str
    response: str
    threshold: float
    value: float
    se: float
    unseen: float
    curve: pd.DataFrame

    def __repr__(self) -> str:
        return (
            f"<Threshold {self.threshold:.6g} of {self.response}: {self.metric} {self.value:.6g} "
            f"(chosen on the other splits: {self.unseen:.6g})>"
        )


def best_threshold(
    table: Table, metric: Metric, mode: str | None, thresholds: int | Sequence[float]
) -> Threshold:
    """The best threshold of a binary classifier: see :meth:`autotrack.Run.threshold`."""
    import pandas as pd

    if len(table.classes) != 2:
        raise InvalidValueError(
            f"a threshold is between two classes, and there are {len(table.classes) or 'none'}"
        )
    if "predict" not in metric.responses:
        raise InvalidValueError(
            f"{metric.name} takes {' or '.join(metric.responses)}, which no threshold changes; "
            "name a metric of labels, such as 'f1' or 'balanced_accuracy'"
        )
    positive = metric.options.get("pos_label", table.classes[1])
    response, scores = _scores(table, metric)
    cuts = _cuts(scores, thresholds)
    labels = _labels(table, positive)
    # A row a split, a column a threshold.
    rows = []
    for split, part in table.splits():
        own, truth, more = scores[table.strata == split], part.truth(), part.options(metric)
        rows.append([metric(truth, labels(own >= cut), **more) for cut in cuts])
    values = np.array(rows)
    sign = -1 if (metric.is_loss if mode is None else mode == "min") else 1
    each = [moments(column) for column in values.T.tolist()]
    means = np.array([mean for mean, _, _ in each])
    if np.isnan(means).all():
        raise InvalidValueError(f"{metric.name} is not defined at any of {len(cuts)} thresholds")
    best = _best(sign * means)
    unseen = math.nan
    if len(values) > 1:
        rest = (values.sum(axis=0) - values) / (len(values) - 1)
        unseen = float(np.mean([own[_best(sign * r)] for own, r in zip(values, rest, strict=True)]))
    curve = pd.DataFrame({"threshold": cuts, "mean": means, "se": [se for _, _, se in each]})
    return Threshold(
        metric.name, response, float(cuts[best]), float(means[best]), each[best][2], unseen, curve
    )


def _best(values: Array) -> int:
    """The middle of the first stretch of thresholds that are equally good."""
    top = np.flatnonzero(values == np.nanmax(values))
    stretch = top[: np.argmax(np.diff(top, append=top[-1] + 2) > 1) + 1]
    return int(stretch[len(stretch) // 2])


def _scores(table: Table, metric: Metric) -> tuple[str, Array]:
    for method in _METHODS:
        asked = Metric(metric.name, metric.function, metric.options, (method,))
        held = any(name.startswith(method) for name in table.columns)
        if held and (found := table.response(asked)).ndim == 1:
            return method, found
    if SCORE in table.columns:
        return SCORE, table.columns[SCORE]
    raise InvalidValueError(
        "a threshold cuts probabilities or decisions, and what was predicted is "
        f"{', '.join(table.kinds())}. Have the evaluation compute a score that takes them, as in "
        'scoring=["accuracy", "roc_auc"]'
    )


def _cuts(scores: Array, wanted: Any) -> Array:
    if isinstance(wanted, int | np.integer) and not isinstance(wanted, bool):
        count = int(wanted)
        if count < 1:
            raise InvalidValueError(f"thresholds={count} tries none; give at least 1, or which")
        values = np.unique(scores[~np.isnan(scores)])
        if len(values) > count:
            values = np.unique(np.quantile(values, np.linspace(0, 1, count)))
        return values
    asked = np.asarray(wanted)
    if asked.ndim != 1 or not len(asked) or asked.dtype.kind not in "iuf" or np.isnan(asked).any():
        raise InvalidValueError(
            f"thresholds={described(wanted)} are none; give how many to try, or a list of numbers"
        )
    return np.sort(asked.astype(np.float64))


def _labels(table: Table, positive: Any) -> Any:
    negative = next(label for label in table.classes if label != positive)
    pair = np.array([negative, positive])
    return lambda is_positive: pair[is_positive.astype(int)]
