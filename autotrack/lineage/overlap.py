"""Which of the scored rows are training rows, and whether chance explains it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autotrack.describe.data.row_keys import RowKeys, row_keys
from autotrack.lineage.values.rows import take_column
from autotrack.runtime.dataclass import dataclass

Array = NDArray[np.generic]

# Rows whose values are counted for what chance explains, and columns of theirs.
_COUNTED, _COLUMNS = 2000, 200
# A column of no more different values than this may go with others that have as few.
_FEW_VALUES = 20
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


def expected_by_chance(X: object, rows: RowKeys, trained: int) -> float:
    """How many of the scored rows would be training rows if their columns had nothing in common.

    That is ``n * (1 - (1 - prod_j sum_v p_j(v)**2) ** n_train)``, with the chance that two rows
    have the same value in a column estimated from the scored rows. Where no column has more than
    a few different values, the columns may depend on each other, and the chance that two rows are
    equal is taken from whole rows: whatever repeats among those is expected to repeat.
    """
    count = rows.total
    taken = np.linspace(0, count - 1, min(count, _COUNTED), dtype=np.intp)
    try:
        width = X.shape[1] if len(X.shape) == 2 else 1  # type: ignore[attr-defined]
        columns = np.linspace(0, width - 1, min(width, _COLUMNS), dtype=np.intp)
        log_chance, most_kinds = 0.0, 0
        for j in np.unique(columns).tolist():
            found = row_keys(take_column(X, j)[taken])
            if found is None:
                return 0.0
            chance, kinds = _collision(found.keys)
            most_kinds = max(most_kinds, kinds)
            if not chance:
                return 0.0
            log_chance += np.log(chance)
        chance = float(np.exp(log_chance * width / max(1, len(np.unique(columns)))))
    except Exception:  # noqa: BLE001 - a foreign container may do anything
        return 0.0
    if most_kinds <= min(_FEW_VALUES, max(2, len(taken) // 5)):
        chance = max(chance, _collision(rows.keys)[0])
    return float(count * -np.expm1(trained * np.log1p(-min(chance, 1 - 1e-12))))


def _collision(keys: NDArray[np.uint64]) -> tuple[float, int]:
    """The chance that two values are equal, without bias, and how many different there are."""
    times = np.unique(keys, return_counts=True)[1].astype(float)
    n = len(keys)
    return float((times * (times - 1)).sum() / (n * (n - 1))) if n > 1 else 0.0, len(times)
