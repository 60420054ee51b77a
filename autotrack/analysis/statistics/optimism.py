"""How far the best of many models looks better than it is, on the data that chose it."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

# The plotting position by which the median rank of normal values is approximated best.
_BLOM = 0.375
# Into so many groups the jackknife parts rows; so many draws are looked at together.
_GROUPS, _AT_ONCE = 20, 50


def expected_maximum(models: int) -> float:
    """The expected largest of so many independent standard normal values.

    Blom's approximation, ``Phi^-1((n - 3/8) / (n + 1/4))`` [1]_, which is at most 0.02 off.

    References
    ----------
    .. [1] G. Blom, *Statistical Estimates and Transformed Beta-Variables*, Wiley, 1958.
    """
    if models < 2:
        return 0.0
    return NormalDist().inv_cdf((models - _BLOM) / (models + 1 - 2 * _BLOM))


def bound(models: int, rows: int, spread: float) -> float:
    """The optimism of the best of equal models whose errors are independent of each other.

    The score of each is the true one and an error of variance ``spread**2 / rows``; the best is the
    one with the luckiest error. Models that resemble each other are wrong on the same rows, so for
    them it is less: this is what it is at most, in expectation [1]_.

    Parameters
    ----------
    models, rows : int
    spread : float
        The standard deviation of the losses of single rows.

    References
    ----------
    .. [1] G. C. Cawley and N. L. C. Talbot, *On Over-fitting in Model Selection and Subsequent
       Selection Bias in Performance Evaluation*, JMLR 11, 2010.
    """
    if rows < 1 or models < 2:
        return 0.0
    return expected_maximum(models) * spread / math.sqrt(rows)


def spread_of_share(share: float) -> float:
    """The standard deviation of a loss of 0 or 1, such as that behind an accuracy."""
    share = min(max(share, 0.0), 1.0)
    return math.sqrt(share * (1 - share))


def bootstrap(losses: ArrayLike, *, rounds: int = 500, seed: int = 0) -> tuple[float, float]:
    """The optimism of the best of models whose losses of single rows are known.

    The rows are drawn again and again; by how much the mean loss of the luckiest model is below
    its own, on average, is what the best gains by luck if all are equally good. Since all models
    are scored on the same drawn rows, it counts how far they are wrong together. This is the
    centred bootstrap of White's reality check [1]_. Where models are not equally good, less of a
    difference is luck.

    Equally good models are taken to have losses of one spread, the mean of theirs: else those that
    seem to have more of it by chance would be the luckiest in most draws, and with few rows too
    much would be stated. What befalls all models alike has a mean of zero and is taken out of each
    draw. The error is that of other rows and of the draws, by a jackknife that leaves out groups of
    rows [2]_.

    Parameters
    ----------
    losses : array of shape (models, rows)
        Smaller is better.
    rounds : int, default=500
    seed : int, default=0
        Of a generator of its own: the global one is left alone.

    Returns
    -------
    optimism, error : float
        In the unit of the mean loss; the error is one standard error. Of fewer than 50 rows and
        skewed losses, such as squared errors, it is larger than stated.

    References
    ----------
    .. [1] H. White, *A Reality Check for Data Snooping*, Econometrica 68(5), 2000.
    .. [2] B. Efron and R. J. Tibshirani, *An Introduction to the Bootstrap*, chapters 11 and 19,
       Chapman & Hall, 1993.
    """
    table = np.asarray(losses, float)
    models, rows = table.shape
    if models < 2 or rows < 3:  # what is left of two rows does not vary
        return 0.0, 0.0
    random = np.random.default_rng(seed)
    groups = min(_GROUPS, rows)
    table = _of_one_spread(table[:, random.permutation(rows)])
    edges = np.linspace(0, rows, groups + 1).astype(int)
    sizes = np.diff(edges)
    rest = rows - sizes
    sums = np.add.reduceat(table, edges[:-1], axis=1).T
    means_of_rest = (sums.sum(axis=0) - sums) / rest[:, None]
    gains, gains_of_rest = np.empty(rounds), np.empty((groups, rounds))
    for start in range(0, rounds, _AT_ONCE):
        end = min(start + _AT_ONCE, rounds)
        drawn = random.multinomial(rows, np.full(rows, 1 / rows), size=end - start).astype(float)
        parts = [slice(*ends) for ends in pairwise(edges)]
        losses_in = np.stack([drawn[:, part] @ table[:, part].T for part in parts])
        drawn_in = np.stack([drawn[:, part].sum(axis=1) for part in parts])
        losses_of_all = losses_in.sum(axis=0)
        gains[start:end] = _best_over_mean(losses_of_all / rows)
        for group in range(groups):
            # All draws may be of one group, if there are few rows.
            count = np.maximum(rows - drawn_in[group], 1)[:, None]
            without = (losses_of_all - losses_in[group]) / count - means_of_rest[group]
            gains_of_rest[group, start:end] = _best_over_mean(without)
    # Drawn rows vary a little less than new ones, and fewer rows more.
    gains *= math.sqrt(rows / (rows - 1))
    left_out = gains_of_rest.mean(axis=1) * np.sqrt(rest / (rest - 1) * rest / rows)
    jackknife = (groups - 1) * float(np.var(left_out))
    return float(gains.mean()), math.sqrt(jackknife + float(np.var(gains)) / rounds)


def _of_one_spread(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """The losses around the mean of each model, as far as the models' losses are on average."""
    centred: NDArray[np.float64] = table - table.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.mean(centred**2, axis=1, keepdims=True))
    centred *= np.divide(math.sqrt(np.mean(spread**2)), spread, out=spread, where=spread > 0)
    return centred


def _best_over_mean(changes: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much the luckiest model is better than all are on average, in each draw."""
    found: NDArray[np.float64] = changes.mean(axis=1) - changes.min(axis=1)
    return found
