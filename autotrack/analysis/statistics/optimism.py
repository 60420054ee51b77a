"""How far the best of many models looks better than it is, on the data that chose it."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

# The plotting position by which the median rank of normal values is approximated best.
_BLOM = 0.375


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

    Parameters
    ----------
    losses : array of shape (models, rows)
        Smaller is better.
    rounds : int, default=500
    seed : int, default=0

    Returns
    -------
    optimism, error : float
        In the unit of the mean loss; the error is that of the bootstrap, one standard error.

    References
    ----------
    .. [1] H. White, *A Reality Check for Data Snooping*, Econometrica 68(5), 2000.
    """
    table = np.asarray(losses, float)
    models, rows = table.shape
    if models < 2 or rows < 2:
        return 0.0, 0.0
    centred = table - table.mean(axis=1, keepdims=True)
    random = np.random.default_rng(seed)
    gains = np.empty(rounds)
    for start in range(0, rounds, 50):
        count = min(50, rounds - start)
        drawn = random.multinomial(rows, np.full(rows, 1 / rows), size=count)
        gains[start : start + count] = -(drawn @ centred.T / rows).min(axis=1)
    # Drawn rows vary a little less than new ones.
    gains *= math.sqrt(rows / (rows - 1))
    return float(gains.mean()), float(gains.std() / math.sqrt(rounds))
