"""What is the same for every model that is scored on the same data, and so is computed once."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from autotrack.describe.data.row_keys import RowKeys
from autotrack.lineage.evidence.columns import Array, Suspects, suspects_among
from autotrack.lineage.evidence.sightings import Scored
from autotrack.lineage.overlap import among
from autotrack.lineage.training_rows import Trained

_MOST_DATA = 64
# What is held on to has no more rows, or different values of the target, than this.
_FEW_ROWS = 100_000


class SameData:
    """Remembers what earlier scores showed of their data."""

    def __init__(self) -> None:
        self._suspects: OrderedDict[tuple[object, ...], Suspects] = OrderedDict()
        self._seen: tuple[RowKeys, RowKeys, NDArray[np.bool_]] | None = None

    def suspects(self, scored: Scored, y: Array | None) -> Suspects:
        """The columns of what is scored that may be proxies or groups; `y` is its target."""
        if scored.X is None or not scored.marks or not all(scored.marks):
            return suspects_among(scored.X, y)
        mark = (type(scored.X), *scored.marks)
        found = self._suspects.get(mark)
        if found is None:
            found = suspects_among(scored.X, y)
            if found.kinds is None or len(found.kinds) <= _FEW_ROWS:
                self._suspects[mark] = found
                while len(self._suspects) > _MOST_DATA:
                    self._suspects.popitem(last=False)
        return found

    def seen(self, trained: Trained, rows: RowKeys) -> NDArray[np.bool_]:
        """For each of the scored rows whether training had it."""
        assert trained.keys is not None
        known = self._seen
        if known is not None and known[0] is rows and known[1] is trained.keys:
            return known[2]
        seen = among(rows.keys, trained.ordered_keys())
        if len(rows.keys) + len(trained.keys.keys) <= _FEW_ROWS:
            self._seen = rows, trained.keys, seen
        return seen
