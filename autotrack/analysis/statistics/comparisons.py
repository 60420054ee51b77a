"""Whether two models differ by more than chance: tests on the same splits or the same rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrack.runtime.dataclass import dataclass

Array = NDArray[Any]


def corrected_pvalue(differences: Sequence[float], test_share: float) -> float:
    """The corrected resampled t-test for scores of two models on the same splits.

    Training parts of cross-validation overlap, so differences between splits vary less than those
    between independent samples would, and a plain t-test finds too many winners. The variance is
    taken ``1 / n + n_test / n_train`` times instead of ``1 / n`` times.
    The paper has splits of one size. Where sizes differ, a search keeps the mean of the splits' own
    ``n_test / n_train``; scikit-learn's example of comparing models takes that of the first split.

    Parameters
    ----------
    differences : sequence of float
        The difference of the two scores on each of n splits.
    test_share : float
        Rows of a test part for each row of its training part, on average over the splits.

    Returns
    -------
    float
        Two-sided p-value; NaN for fewer than two splits.

    References
    ----------
    C. Nadeau and Y. Bengio, "Inference for the Generalization Error", Machine Learning 52,
    239-281 (2003).
    """
    n = len(differences)
    if n < 2:
        return math.nan
    mean, variance = float(np.mean(differences)), float(np.var(differences, ddof=1))
    if variance == 0:
        return 1.0 if mean == 0 else 0.0
    from scipy.special import stdtr

    t = mean / math.sqrt((1 / n + test_share) * variance)
    return float(2 * stdtr(n - 1, -abs(t)))


@dataclass(frozen=True, slots=True)
class Rope:
    """How probable it is that a model is worse, practically equal, or better than another.

    Attributes
    ----------
    worse, equal, better : float
        They add up to 1.
    """

    worse: float
    equal: float
    better: float


def bayesian_t_test(differences: Sequence[float], test_share: float, rope: float) -> Rope:
    """The Bayesian correlated t-test for scores of two models on the same splits.

    The posterior of the mean difference is Student's t with n - 1 degrees of freedom around the
    mean of the differences, whose variance is corrected for the overlap of training parts:
    ``(1 / n + rho / (1 - rho)) * variance``, where the correlation ``rho`` is the share of test
    rows among all, so that ``rho / (1 - rho)`` is `test_share`.

    Parameters
    ----------
    differences : sequence of float
        The difference of the two scores, the first minus the second, on each of n splits.
    test_share : float
        Rows of a test part for each row of its training part, on average over the splits.
    rope : float
        The region of practical equivalence: smaller differences do not matter.

    Returns
    -------
    Rope
        Probabilities of the first; all NaN for fewer than two splits.

    References
    ----------
    G. Corani and A. Benavoli, "A Bayesian approach for comparing cross-validated algorithms on
    multiple data sets", Machine Learning 100, 285-304 (2015); A. Benavoli, G. Corani, J. Demsar
    and M. Zaffalon, "Time for a Change: a Tutorial for Comparing Multiple Classifiers Through
    Bayesian Analysis", Journal of Machine Learning Research 18(77), 1-36 (2017).
    """
    n = len(differences)
    if n < 2:
        return Rope(math.nan, math.nan, math.nan)
    mean, variance = float(np.mean(differences)), float(np.var(differences, ddof=1))
    scale = math.sqrt((1 / n + test_share) * variance)
    if scale == 0:
        worse, better = float(mean < -rope), float(mean > rope)
        if rope == 0 and mean == 0:
            worse = better = 0.5
        return Rope(worse, 1 - worse - better, better)
    from scipy.special import stdtr

    worse = float(stdtr(n - 1, (-rope - mean) / scale))
    better = float(stdtr(n - 1, (mean - rope) / scale))
    return Rope(worse, max(0.0, 1 - worse - better), better)


def mcnemar_pvalue(right_a: Array, right_b: Array) -> float:
    """McNemar's test, exact, of which rows two classifiers predict right.

    Only rows on which they disagree count: were both equally good, each would be right in half of
    them, by the binomial distribution.

    Parameters
    ----------
    right_a, right_b : array of bool
        Whether each of them predicted each row right.

    Returns
    -------
    float
        Two-sided p-value.

    References
    ----------
    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", Psychometrika 12, 153-157 (1947); T. G. Dietterich, "Approximate Statistical Tests
    for Comparing Supervised Classification Learning Algorithms", Neural Computation 10, 1895-1923
    (1998).
    """
    only_a = int(np.sum(right_a & ~right_b))
    only_b = int(np.sum(~right_a & right_b))
    count, few = only_a + only_b, min(only_a, only_b)
    if count == 0:
        return 1.0
    from scipy.special import bdtr

    return float(min(1.0, 2 * bdtr(few, count, 0.5)))


@dataclass(frozen=True, slots=True)
class Resampled:
    """What a statistic comes to on resampled rows.

    Attributes
    ----------
    low, high : float
        The percentile interval.
    pvalue : float
        Twice the smaller share of the values on either side of zero, at most 1.
    resamples : int
        How many of the resamples the statistic was defined on.
    values : tuple of float
        What it was there.
    """

    low: float
    high: float
    pvalue: float
    resamples: int
    values: tuple[float, ...] = ()

    def beside(self, rope: float) -> Rope:
        """How often the statistic, a difference, was beyond `rope` on either side, or within it.

        This is close to the posterior of the Bayesian bootstrap [1]_, which gives rows smooth
        weights where this draws whole ones.

        References
        ----------
        .. [1] D. B. Rubin, "The Bayesian Bootstrap", Annals of Statistics 9, 130-134 (1981).
        """
        if not self.values:
            return Rope(math.nan, math.nan, math.nan)
        found = np.asarray(self.values)
        worse, better = float(np.mean(found < -rope)), float(np.mean(found > rope))
        return Rope(worse, 1 - worse - better, better)


def bootstrap(
    statistic: Callable[[Array], float],
    strata: Array,
    *,
    groups: Array | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Resampled:
    """The percentile bootstrap of a statistic of rows, or of groups of rows.

    Within each stratum (a test part) as many rows as it has are drawn with replacement; with
    `groups`, as many groups, each with all of its rows. It tells what another sample of test rows
    would have changed, with the same trained models: not what other training rows would have.

    Parameters
    ----------
    statistic : callable
        Gets the places of the drawn rows, and returns a number. Where it raises ValueError or
        returns NaN, as a ranking does of rows of one class, the draw does not count.
    strata : array of int
        The stratum of each row.
    groups : array of int, optional
        The group of each row.
    level : float, default=0.95
    resamples : int, default=2000
    seed : int, default=0
        Of a generator of its own: the global one is left alone.

    Returns
    -------
    Resampled

    References
    ----------
    B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", chapters 8, 13 and 16 (1993);
    of groups: A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application", section
    3.8 (1997).
    """
    random = np.random.default_rng(seed)
    units = [
        [rows] if groups is None else _by_group(rows, groups)
        for rows in (np.flatnonzero(strata == one) for one in np.unique(strata))
    ]
    values = []
    for _ in range(resamples):
        drawn = np.concatenate([_drawn(rows, random, groups is not None) for rows in units])
        try:
            value = float(statistic(drawn))
        except ValueError:
            continue
        if not math.isnan(value):
            values.append(value)
    if not values:
        return Resampled(math.nan, math.nan, math.nan, 0)
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    found = np.asarray(values)
    side = min(float(np.mean(found <= 0)), float(np.mean(found >= 0)))
    # As many draws as there were can show no p-value below this.
    pvalue = min(1.0, max(2 * side, 1 / len(values)))
    return Resampled(float(low), float(high), pvalue, len(values), tuple(values))


def _by_group(rows: Array, groups: Array) -> list[Array]:
    own = groups[rows]
    order = np.argsort(own, kind="stable")
    starts = np.flatnonzero(np.diff(own[order])) + 1
    return [rows[part] for part in np.split(order, starts)]


def _drawn(units: list[Array], random: np.random.Generator, grouped: bool) -> Array:
    if not grouped:
        rows = units[0]
        drawn: Array = rows[random.integers(0, len(rows), len(rows))]
        return drawn
    return np.concatenate([units[n] for n in random.integers(0, len(units), len(units))])
