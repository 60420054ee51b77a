"""What the best of the models that a held-out set judged is expected to gain by luck."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from autotrack.analysis.predictions.files import OUT_OF_FOLD, kept_parts
from autotrack.analysis.predictions.losses import has_row_losses, row_losses
from autotrack.analysis.predictions.reading import Table, is_of
from autotrack.analysis.statistics.optimism import bootstrap
from autotrack.errors import AutotrackError
from autotrack.runtime.dataclass import dataclass
from autotrack.store.predictions.evaluation import Array
from autotrack.store.store import Store

#: How an optimism was found.
BOOTSTRAP, BOUND = "bootstrap", "bound"
# So many losses of single rows are looked at, and remembered, at most.
_MOST_CELLS = 5_000_000


@dataclass(frozen=True, slots=True)
class Gain:
    """What the best is expected to gain by luck.

    Attributes
    ----------
    value : float
        NaN where it is not known.
    error : float
        Its standard error; NaN of a bound.
    by : str
        ``bootstrap`` over kept losses of single rows, ``bound``, or nothing.
    """

    value: float = math.nan
    error: float = math.nan
    by: str = ""

    def __str__(self) -> str:
        if self.by == BOOTSTRAP:
            return f"{self.value:.2g} \u00b1 {self.error:.1g}"
        return f"up to {self.value:.2g}"


class _Remembered:
    """Losses and truth of single rows, by run and metric: each file is read once."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, str, float], tuple[Array, Array]] = OrderedDict()
        self._cells = 0

    def losses(
        self, store: Store, run_id: str, names: Sequence[str], metric: str, value: float
    ) -> tuple[Array, Array] | None:
        """The losses of the rows, and their truth; None if the run has not kept them."""
        key = run_id, metric, value
        if key not in self._held:
            found = _read(store, run_id, names, metric, value)
            if found is None:
                return None
            self._held[key] = found
            self._cells += len(found[0])
            while self._cells > _MOST_CELLS and len(self._held) > 1:
                self._cells -= len(self._held.popitem(last=False)[1][0])
            return found
        self._held.move_to_end(key)
        return self._held[key]


_remembered = _Remembered()


def gain_by_rows(
    store: Store, judged: Sequence[tuple[float, str]], names: Sequence[str], metric: str
) -> Gain | None:
    """The optimism of the best of models, from what they predicted for single rows.

    Parameters
    ----------
    store : Store
    judged : sequence of (float, str)
        The score and the run of each model.
    names : sequence of str
        What the held-out data is called there.
    metric : str

    Returns
    -------
    Gain or None
        None unless each of the runs has kept its predictions of these rows, these are no more than
        a few million, and the metric is known to be made of losses of single rows
        (`autotrack.analysis.predictions.losses`).
    """
    if not has_row_losses(metric):
        return None
    tables: list[Array] = []
    truth: Array | None = None
    for value, run_id in judged:
        found = _remembered.losses(store, run_id, names, metric, value)
        if found is None or (truth is not None and not np.array_equal(truth, found[1])):
            return None
        tables.append(found[0])
        truth = found[1]
        if len(tables) * len(truth) > _MOST_CELLS:
            return None
    if len(tables) < 2:
        return None
    return Gain(*bootstrap(np.stack(tables)), BOOTSTRAP)


def _read(
    store: Store, run_id: str, names: Sequence[str], metric: str, value: float
) -> tuple[Array, Array] | None:
    try:
        parts = list(kept_parts(store, run_id))
    except (AutotrackError, OSError):  # what is not there any more
        return None
    for name, kept in parts:
        if name == OUT_OF_FOLD or not any(is_of(name, own) for own in names):
            continue
        table = Table(name, dict(kept.columns), kept.classes)
        losses = row_losses(table, metric, value)
        if losses is not None:
            return losses, table.columns["y_true"]
    return None
