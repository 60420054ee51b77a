"""How much of the order of scores goes with the values of one param."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def correlation_ratio(values: Sequence[Any], scores: NDArray[np.float64]) -> float | None:
    """The share of the scores' order that goes with a param, from 0 to 1.

    The scores are ranked, and the runs are put into groups by the value of the param: numbers of
    many values into ten groups of equal size, runs that did not set it into one of their own. Told
    is Kelley's unbiased correlation ratio of the ranks (T. L. Kelley, "An unbiased correlation
    ratio measure", PNAS 21, 1935; of ranks it is the effect size of the Kruskal-Wallis test):
    the variance between groups over all of it, less what as many groups have by chance. Params
    that only matter together with others are not seen by it, and params that were varied together
    share what either of them does.

    Parameters
    ----------
    values : sequence
        The value of each run, None where it has none.
    scores : array
        Finite numbers.

    Returns
    -------
    float or None
        None where all runs are in one group, or each is in one of its own.
    """
    groups = _groups(values)
    count, total = int(groups.max()) + 1, len(scores)
    if not 1 < count < total:
        return None
    ranks = _ranks(scores)
    whole = float(((ranks - ranks.mean()) ** 2).sum())
    if whole == 0:
        return None
    sizes = np.bincount(groups)
    means = np.bincount(groups, ranks) / sizes
    between = float((sizes * (means - ranks.mean()) ** 2).sum())
    within = (whole - between) / (total - count)
    return max(0.0, (between - (count - 1) * within) / whole)


def _groups(values: Sequence[Any]) -> NDArray[np.int64]:
    """The number of the group of each value."""
    numbers = [v for v in values if isinstance(v, int | float)]
    different = sorted(set(numbers))
    edges: NDArray[np.float64] | None = None
    if len(different) > 10:
        edges = np.unique(np.quantile(np.array(numbers, float), np.linspace(0, 1, 11)[1:-1]))
    known: dict[Any, int] = {}
    found = []
    for value in values:
        place: Any = value
        if edges is not None and isinstance(value, int | float):
            place = ("part", int(np.searchsorted(edges, value, side="left")))
        found.append(known.setdefault(place, len(known)))
    return np.array(found, np.int64)


def _ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rank of each, of ties the mean of theirs."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middles: NDArray[np.float64] = ends - (counts - 1) / 2
    ranks: NDArray[np.float64] = middles[places]
    return ranks
