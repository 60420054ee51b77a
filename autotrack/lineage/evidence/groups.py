"""Groups that the program named by `groups=`, held against what is fitted and scored later.

Rows are known by their keys, so groups that a splitter or a validation was given are known of rows
that are split by hand afterwards, in whichever container and order.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrack.analysis.evidence.catalogue import finding
from autotrack.describe.data.row_keys import RowKeys, row_keys
from autotrack.entities import Finding
from autotrack.lineage.evidence.sightings import of_all
from autotrack.lineage.overlap import BEYOND, among
from autotrack.lineage.values.arrays import spread
from autotrack.runtime.dataclass import dataclass

Keys = NDArray[np.uint64]

CODE = "AT107"
# Data of which the groups are remembered, and what that may take in all (bytes).
_MOST, _MOST_BYTES = 16, 6_000_000
# A few rows tell whether data is part of what groups were given for.
_FEW, _MOSTLY = 32, 0.9
# Groups on both sides that are no accident, and the share of scored rows in them.
_FEWEST_SHARED, _MANY = 2, 0.1


@dataclass(frozen=True, slots=True, eq=False)
class _Grouped:
    """Rows, in order of their keys, and the number of the group of each."""

    said: str
    keys: Keys
    groups: NDArray[np.int64]

    @property
    def size(self) -> int:
        return self.keys.nbytes + self.groups.nbytes

    def has(self, keys: Keys) -> bool:
        """Whether nearly all of a few of these rows are there."""
        few = keys[spread(len(keys), _FEW)]
        return bool(len(few)) and float(among(few, self.keys).mean()) >= _MOSTLY

    def of(self, keys: Keys) -> NDArray[np.int64]:
        """The group of each row; -1 where it is not known."""
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[at] == keys, self.groups[at], -1)


class Groups:
    """Remembers which rows are of which group, for data that groups were given for."""

    def __init__(self) -> None:
        self._known: deque[_Grouped] = deque(maxlen=_MOST)

    def __bool__(self) -> bool:
        return bool(self._known)

    def given(self, rows: RowKeys | None, groups: Any, said: str) -> None:
        """Groups were given for rows, to what is called `said`."""
        found = row_keys(groups)
        if rows is None or found is None or rows.sample is not None or found.sample is not None:
            return
        if len(rows.keys) != len(found.keys):
            return
        numbers = np.unique(found.keys, return_inverse=True)[1].astype(np.int64)
        keys, first, at = np.unique(rows.keys, return_index=True, return_inverse=True)
        numbers_of = numbers[first]
        # Equal rows of several groups are of none.
        numbers_of[np.unique(at[numbers_of[at] != numbers])] = -1
        for known in self._known:
            if np.array_equal(known.keys, keys) and np.array_equal(known.groups, numbers_of):
                return
        self._known.append(_Grouped(said, keys, numbers_of))
        while len(self._known) > 1 and sum(one.size for one in self._known) > _MOST_BYTES:
            self._known.popleft()

    def on_both_sides(self, trained: Keys, scored: Keys, data: str) -> Finding | None:
        """The finding that scored rows are of groups that training had.

        Scored rows that are training rows themselves do not count.
        """
        for known in [*self._known][::-1]:
            if not (known.has(scored) and known.has(trained)):
                continue
            of_training, of_scored = known.of(trained), known.of(scored)
            fresh = (of_scored >= 0) & ~among(scored, np.sort(trained))
            both = fresh & np.isin(of_scored, of_training[of_training >= 0])
            count, shared = int(both.sum()), len(np.unique(of_scored[both]))
            if shared < _FEWEST_SHARED or count < max(BEYOND, _MANY * len(scored)):
                continue
            text = (
                f"{shared} groups that {known.said} was given are on both sides, with "
                f"{of_all(count, len(scored))} scored rows"
            )
            evidence = {"given": known.said, "groups": shared, "rows": count, "of": len(scored)}
            return finding(CODE, data, text, evidence)
        return None
