"""How far a score may be trusted, and predictions as input of further models."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autotrack.analysis.predictions.losses import is_mean_of_rows, row_losses
from autotrack.analysis.predictions.reading import Table
from autotrack.describe.metrics import Metric
from autotrack.errors import InvalidValueError
from autotrack.printable import described
from autotrack.runtime.dataclass import dataclass
from autotrack.store.predictions.evaluation import ROW, TRUTH, Array

if TYPE_CHECKING:
    import pandas as pd

# What a draw may cost: so many scores of splits are computed, and so many rows drawn, unless these
# are fewer draws than an interval can be read from.
_MOST_SCORES, _MOST_DRAWN, _LEAST = 20_000, 200_000_000, 50


@dataclass(frozen=True, slots=True)
class Interval:
    """A score with its confidence interval.

    Attributes
    ----------
    metric : str
    value : float
        The mean over the splits.
    low, high : float
        NaN where they cannot be told: `why` says the reason.
    level : float
        How often such intervals hold what they are about.
    by : str
        What was drawn: ``rows`` or ``groups``.
    n : int
        How many of these there are.
    resamples : int
        On how many draws the metric was defined; fewer than asked for where they take long.
    why : str
        Why there is no interval; empty if there is one.
    """

    metric: str
    value: float
    low: float
    high: float
    level: float
    by: str
    n: int
    resamples: int
    why: str = ""

    def __repr__(self) -> str:
        if self.why:
            return f"<Interval {self.metric} {self.value:.6g}, not to be told: {self.why}>"
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
    _check(level, resamples=resamples, seed=seed)
    codes = group_codes(table, groups, rows)
    units = _numbered(table.columns[ROW] if codes is None else codes)
    by, n = "rows" if codes is None else "groups", int(units.max(initial=-1)) + 1
    scores = _defined_scores(table, metric)
    value = float(np.mean(list(scores.values())))
    found = Interval(metric.name, value, math.nan, math.nan, level, by, n, 0)
    if math.isnan(value):
        bare = [split for split, score in scores.items() if math.isnan(score)]
        why = f"it is not defined on the test part of {len(bare)} of {len(scores)} splits"
        return replace(found, why=why)
    if n < 2:
        return replace(found, why=f"there is one of these {by}, which cannot be drawn otherwise")
    values = _drawn_values(table, metric, scores, units, resamples, np.random.default_rng(seed))
    if not len(values):
        return replace(found, why=f"it is not defined on {by} that are drawn from these")
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return replace(found, low=float(low), high=float(high), resamples=len(values))


def _check(level: Any, **counts: Any) -> None:
    """Refuse what is no level, or no number of draws."""
    if not isinstance(level, float | int | np.floating) or not 0 < level < 1:
        raise InvalidValueError(f"level is between 0 and 1, not {described(level)}; 0.95 is usual")
    for name, count in counts.items():
        least = 0 if name == "seed" else 1
        if not isinstance(count, int | np.integer) or isinstance(count, bool) or count < least:
            raise InvalidValueError(
                f"{name} is a whole number of at least {least}, not {described(count)}"
            )


def _defined_scores(table: Table, metric: Metric) -> dict[int, float]:
    """The score of each split, NaN where it has none; what fits no split at all is raised."""
    scores: dict[int, float] = {}
    problem: ValueError | None = None
    for split, part in table.splits():
        try:
            scores[split] = part.value(metric)
        except ValueError as error:
            scores[split], problem = math.nan, error
    if problem is not None and all(math.isnan(score) for score in scores.values()):
        table.value(metric)  # raises what is wrong with any rows
    return scores


def _drawn_values(
    table: Table,
    metric: Metric,
    scores: Mapping[int, float],
    units: Array,
    resamples: int,
    random: np.random.Generator,
) -> Array:
    """The score on each draw of units: its splits' scores, weighted by how much of each was drawn.

    A unit brings all of its rows, in whichever splits. The weight of a split is the number of its
    rows in the draw, as a share of those that it has: one that is a single unit (a row left out, a
    group left out) is thereby drawn as a whole. For a mean over rows that comes to a weighted mean
    of what the rows add, and is computed as that.
    """
    splits, sizes = np.unique(table.strata, return_inverse=True, return_counts=True)[1:]
    share = 1 / sizes[splits]
    count = int(units.max()) + 1
    by_row = _row_values(table, metric, scores, splits)
    if by_row is not None:
        added = np.bincount(units, by_row * share), np.bincount(units, share)
        values = np.empty(min(resamples, max(_LEAST, _MOST_DRAWN // count)))
        for place in range(len(values)):
            drawn = random.integers(0, count, count)
            values[place] = added[0][drawn].sum() / added[1][drawn].sum()
        return values
    order = np.argsort(units, kind="stable")
    rows = np.split(order, np.flatnonzero(np.diff(units[order])) + 1)
    pairs = np.unique(np.column_stack([splits, units]), axis=0)[:, 0]
    several = np.bincount(pairs) > 1
    known = np.array(list(scores.values()))
    most = min(
        resamples,
        _MOST_SCORES // max(1, int(several.sum())),
        _MOST_DRAWN // len(table),
    )
    found = []
    for _ in range(min(resamples, max(_LEAST, most))):
        drawn = np.concatenate([rows[unit] for unit in random.integers(0, count, count)])
        weights = np.bincount(splits[drawn], minlength=len(known)) / sizes
        values = known.copy()
        try:
            for split in np.flatnonzero(several & (weights > 0)):
                values[split] = table.where(drawn[splits[drawn] == split]).value(metric)
        except ValueError:
            continue
        found.append(float(np.sum(weights * values) / np.sum(weights)))
    defined: Array = np.array([value for value in found if not math.isnan(value)])
    return defined


def _row_values(
    table: Table, metric: Metric, scores: Mapping[int, float], splits: Array
) -> Array | None:
    """Numbers of the rows whose mean the metric is on each split, or None if there are none."""
    name = getattr(metric.function, "__name__", "")
    if not is_mean_of_rows(name):
        return None
    try:
        losses = row_losses(table, name, metric.sign * table.value(metric))
    except ValueError:
        return None
    if losses is None:
        return None
    values = metric.sign * (1 - losses if name == "accuracy_score" else losses)
    means = np.bincount(splits, values) / np.bincount(splits)
    # Options, such as weights, make another number of it.
    return values if np.allclose(means, list(scores.values()), rtol=1e-9, atol=1e-12) else None


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
