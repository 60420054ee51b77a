"""Held-out sets whose rows are part of others'."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from autotrack.describe.data.row_keys import RowKeys
from autotrack.entities import SharedRows
from autotrack.lineage.overlap import BEYOND, among
from autotrack.lineage.values.arrays import spread

Keys = NDArray[np.uint64]

# Data sets that are remembered, and what their keys may take in all (bytes).
_MOST, _MOST_BYTES = 64, 6_000_000
# A few rows tell whether one may be part of the other.
_FEW = 32
# How many of its rows a part has in the whole, and how many have to be different.
_NEARLY_ALL, _DIFFERENT = 0.9, 0.5


class HeldOutRows:
    """Remembers the rows that were scored on, and finds subsets and supersets among them."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Keys] = OrderedDict()
        self._bytes = 0

    def knows(self, fingerprint: str) -> bool:
        """Whether this set was looked at."""
        return fingerprint in self._known

    def shared(self, fingerprint: str, rows: RowKeys | None) -> list[SharedRows]:
        """The sets that this one is part of, or that are part of it; nothing the second time."""
        if not fingerprint or fingerprint in self._known:
            return []
        found: list[SharedRows] = []
        keys = np.zeros(0, np.uint64)
        if rows is not None and rows.sample is None:
            keys = np.unique(rows.keys)
            # Rows of a few different kinds are met in any data.
            if len(keys) >= max(BEYOND, _DIFFERENT * len(rows.keys)):
                for other, theirs in self._known.items():
                    count = _of_part(keys, theirs)
                    if count:
                        found.append(SharedRows(fingerprint, other, count))
            else:
                keys = keys[:0]
        self._keep(fingerprint, keys)
        return found

    def _keep(self, fingerprint: str, keys: Keys) -> None:
        self._known[fingerprint] = keys
        self._bytes += keys.nbytes
        while len(self._known) > _MOST or (len(self._known) > 1 and self._bytes > _MOST_BYTES):
            self._bytes -= self._known.popitem(last=False)[1].nbytes


def _of_part(keys: Keys, theirs: Keys) -> int:
    """How many rows are in both, if that is nearly all of the smaller."""
    part, whole = (keys, theirs) if len(keys) <= len(theirs) else (theirs, keys)
    if not len(part):
        return 0
    few = part[spread(len(part), _FEW)]
    if among(few, whole).mean() < _NEARLY_ALL / 2:
        return 0
    count = int(among(part, whole).sum())
    return count if count >= _NEARLY_ALL * len(part) else 0
