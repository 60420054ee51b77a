"""Which of the scored rows are training rows, and whether chance explains it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autotrack.describe.data.row_keys import RowKeys, row_keys
from autotrack.lineage.values.arrays import spread
from autotrack.lineage.values.rows import take_column
from autotrack.runtime.dataclass import dataclass

Array = NDArray[np.generic]

# Rows whose values are counted for what chance explains, and columns of theirs.
_COUNTED, _COLUMNS = 2000, 200
# A column of no more different values than this may go with others that have as few.
_FEW_VALUES = 20
# The different rows that half of a table has of all, if only a few are possible; and the least
# variance of how often each is there, by the mean of that: 1 where they are drawn, 0 for copies.
_SATURATED, _LEAST_SPREAD = 0.9, 0.5
# So many columns of fractions, each with half as many different values as there are different
# rows, are measurements, and no categories.
_MEASURED, _HALF = 3, 0.5
#: Repeated rows that are wanted beyond those that chance explains.
BEYOND = 5


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """Scored rows held against training rows.

    Attributes
    ----------
    rows : int
        How many rows were looked at: all, or a sample of those that were scored.
    seen : array of bool
        For each whether training had its X.
    with_target : int
        How many training had with the same target.
    is_sample : bool
        Whether either side is a sample, so that the counts are too low or of some of the rows.
    """

    rows: int
    seen: NDArray[np.bool_]
    with_target: int
    is_sample: bool = False

    @property
    def count(self) -> int:
        """How many of the rows training had."""
        return int(self.seen.sum())


def among(keys: NDArray[np.uint64], ordered: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """For each key whether it is one of others, which are in order."""
    if not len(ordered):
        return np.zeros(len(keys), bool)
    at = np.searchsorted(ordered, keys)
    at[at == len(ordered)] = 0
    return np.asarray(ordered[at] == keys)


def expected_by_chance(X: object, rows: RowKeys, trained: RowKeys) -> float:
    """How many of the scored rows would be training rows if no row had been copied.

    If columns have nothing in common, that is ``n * (1 - (1 - prod_j sum_v p_j(v)**2) ** n_train)``
    with the chance that two rows have the same value in a column estimated from the scored rows.
    Where no column has more than a few different values, the columns may depend on each other, and
    the chance that two rows are equal is taken from whole rows: whatever repeats among those is
    expected to repeat. So it is where the table has few possible rows, whatever its columns have:
    see `_by_repetition`.
    """
    count = rows.total
    taken = np.linspace(0, count - 1, min(count, _COUNTED), dtype=np.intp)
    few = rows.keys[spread(len(rows.keys), len(taken))]
    distinct, measured = len(np.unique(few)), 0
    try:
        width = X.shape[1] if len(X.shape) == 2 else 1  # type: ignore[attr-defined]
        columns = np.linspace(0, width - 1, min(width, _COLUMNS), dtype=np.intp)
        log_chance, most_kinds = 0.0, 0
        for j in np.unique(columns).tolist():
            column = take_column(X, j)[taken]
            found = row_keys(column)
            if found is None:
                return 0.0
            chance, kinds = _collision(found.keys)
            most_kinds = max(most_kinds, kinds)
            if not chance:
                return 0.0
            log_chance += np.log(chance)
            if kinds >= _HALF * distinct and _has_fractions(column):
                measured += 1
        chance = float(np.exp(log_chance * width / max(1, len(np.unique(columns)))))
    except Exception:  # noqa: BLE001 - a foreign container may do anything
        return 0.0
    if most_kinds <= min(_FEW_VALUES, max(2, len(taken) // 5)):
        chance = max(chance, _collision(rows.keys)[0])
    expected = float(count * -np.expm1(trained.total * np.log1p(-min(chance, 1 - 1e-12))))
    if measured >= _MEASURED:
        return expected
    return max(expected, count * _by_repetition(rows.keys, trained.keys))


def _by_repetition(scored: NDArray[np.uint64], trained: NDArray[np.uint64]) -> float:
    """The share of rows that have an equal one in training, if the table has few possible rows.

    Then half of the rows have nearly all of the different ones. Copies are as many of each row, or
    of some rows alone: rows that come up by chance do so as often as by throwing dice, at least.
    The share is that of the training rows that are repeated in training.
    """
    times = np.unique(np.concatenate([scored, trained]), return_counts=True)[1].astype(float)
    in_half = float((1 - 0.5**times).mean())
    if in_half < _SATURATED or times.var() < _LEAST_SPREAD * times.mean():
        return 0.0
    within = np.unique(trained, return_counts=True)[1]
    return float(within[within > 1].sum() / len(trained))


def _has_fractions(column: object) -> bool:
    values = np.asarray(column)
    return values.dtype.kind == "f" and bool((values != np.round(values)).any())


def is_beyond(count: int, expected: float, rows: int) -> bool:
    """Whether so many repeated rows, of so many, are more than are expected by chance."""
    spread_of_chance = float(np.sqrt(expected * max(0.0, 1 - expected / max(rows, 1))))
    return count >= expected + BEYOND + 2 * spread_of_chance


def _collision(keys: NDArray[np.uint64]) -> tuple[float, int]:
    """The chance that two values are equal, without bias, and how many different there are."""
    times = np.unique(keys, return_counts=True)[1].astype(float)
    n = len(keys)
    return float((times * (times - 1)).sum() / (n * (n - 1))) if n > 1 else 0.0, len(times)
