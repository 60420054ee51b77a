"""How far a score may be trusted, and predictions as input of further models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autotrack.analysis.predictions.reading import Table
from autotrack.analysis.statistics.comparisons import bootstrap
from autotrack.describe.metrics import Metric
from autotrack.errors import InvalidValueError
from autotrack.printable import described
from autotrack.runtime.dataclass import dataclass
from autotrack.store.predictions.evaluation import ROW, TRUTH, Array

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Interval:
    """A score with its confidence interval.

    Attributes
    ----------
    metric : str
    value : float
        The mean over the splits.
    low, high : float
    level : float
        How often such intervals hold what they are about.
    by : str
        What was drawn: ``rows`` or ``groups``.
    n : int
        How many of these there are.
    resamples : int
        On how many draws the metric was defined.
    """

    metric: str
    value: float
    low: float
    high: float
    level: float
    by: str
    n: int
    resamples: int

    def __repr__(self) -> str:
        return (
            f"<Interval {self.metric} {self.value:.6g}, {self.level:.0%} of {self.low:.6g} to "
            f"{self.high:.6g} by {self.n} {self.by}>"
        )


def interval(
    table: Table,
    metric: Metric,
    level: float,
    groups: Array | bool | None,
    resamples: int,
    seed: int,
    rows: int | None = None,
) -> Interval:
    """The bootstrap interval of a score: see :meth:`autotrack.Run.interval`."""
    if not 0 < level < 1:
        raise InvalidValueError(f"level is between 0 and 1, not {level!r}")
    codes = group_codes(table, groups, rows)

    def mean(drawn: Array) -> float:
        part = table.where(drawn)
        return float(np.mean(list(part.scores(metric).values())))

    found = bootstrap(mean, table.strata, groups=codes, level=level, resamples=resamples, seed=seed)
    n = len(table) if codes is None else len(np.unique(codes))
    value = mean(np.arange(len(table)))
    by = "rows" if codes is None else "groups"
    return Interval(metric.name, value, found.low, found.high, level, by, n, found.resamples)


def group_codes(table: Table, groups: Any, rows: int | None = None) -> Array | None:
    """The group of each prediction: those that were kept (True), or by row of the data.

    Parameters
    ----------
    table : Table
    groups : bool, array-like or None
    rows : int, optional
        How many rows the data has, where that is on record.

    Raises
    ------
    InvalidValueError
        If they are no groups, or not one for each row of the data.
    """
    if groups is None or groups is False:
        return None
    if groups is True:
        if table.groups is None:
            raise InvalidValueError(
                "no groups were given to what was evaluated; pass groups= with one for each row"
            )
        return table.groups
    if not hasattr(groups, "__len__") or isinstance(groups, str | bytes | Mapping):
        raise InvalidValueError(
            f"groups={described(groups)} is no group for each row; pass an array with one for each "
            "row of the data, or True for those that were given to the evaluation"
        )
    values = np.asarray(groups)
    if values.ndim != 1:
        raise InvalidValueError(
            f"groups has the shape {values.shape}; it needs one value for each row of the data"
        )
    tested = table.columns[ROW]
    least = int(tested.max(initial=-1)) + 1
    if len(values) < least or (rows is not None and len(values) != rows):
        count = f"{least} or more" if rows is None else f"{rows}"
        raise InvalidValueError(
            f"groups has {len(values)} values; it needs one for each row of the data, of which "
            f"there are {count}"
        )
    return _numbered(values)[tested]


def _numbered(values: Array) -> Array:
    """Numbers of values that may be of several types."""
    try:
        return np.unique(values, return_inverse=True)[1].reshape(-1)
    except TypeError:  # values that cannot be sorted, as texts beside None
        import pandas as pd

        return pd.factorize(values, use_na_sentinel=False)[0]


_STACKED = ("predict_proba", "decision_function", "predict")


def stacked(tables: Sequence[Table], names: Sequence[str]) -> pd.DataFrame:
    """Out-of-fold predictions by row: see :meth:`autotrack.Run.out_of_fold`."""
    import pandas as pd

    parts = []
    truth: pd.DataFrame | None = None
    for table, name in zip(tables, names, strict=True):
        columns = _features(table)
        own = pd.DataFrame(columns).assign(row=table.columns[ROW]).groupby("row").mean()
        if names[0] or len(tables) > 1:
            own.columns = [f"{name}__{column}" for column in own.columns]
        labels = {n: v for n, v in table.columns.items() if n.startswith(TRUTH)}
        known = pd.DataFrame(labels, index=table.columns[ROW])
        known = known[~known.index.duplicated()].sort_index()
        if truth is not None and not truth.equals(known):
            raise InvalidValueError(
                "not comparable: the runs predicted other rows, or rows with another truth"
            )
        truth = known
        parts.append(own)
    found = pd.concat([*parts, truth], axis=1)
    found.index.name = "row"
    return found


def _features(table: Table) -> dict[str, Array]:
    """What `StackingClassifier` and `StackingRegressor` would take: of two classes one column."""
    for method in _STACKED:
        held = [n for n in table.kinds() if n == method or n.startswith(f"{method}_")]
        if method == "predict":
            held = [n for n in held if not n.startswith(("predict_proba", "predict_log_proba"))]
        if method == "predict_proba" and len(held) == 2 and len(table.classes) == 2:
            held = held[1:]
        if held and all(table.columns[n].dtype.kind in "biuf" for n in held):
            return {n: table.columns[n].astype(np.float64) for n in held}
    raise InvalidValueError(
        "a further model takes numbers, and what was predicted is labels that are texts. Have the "
        'evaluation compute a score that takes probabilities, as in scoring=["accuracy", "roc_auc"]'
    )
