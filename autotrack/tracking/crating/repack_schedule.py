"""Crates of models that are trained further: which are behind, and when each is packed again."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.weak_map import IdentityMap

# A crate that is refreshed again and again may take this share of the time.
_SHARE = 0.02
# Models that are behind are held, so that what a model came to is crated even if nobody else
# holds it any more; no more than these.
_MOST_BEHIND = 8
# The references to a model that only we hold: the list's, the loop's, and the question's.
_NOBODY_ELSE = 3


@dataclass(slots=True)
class _Age:
    when: float
    cost: float


class Upkeep:
    """Knows how old the crates of this process's models are."""

    def __init__(self) -> None:
        self._ages: IdentityMap[_Age] = IdentityMap()
        self._behind: list[object] = []

    def packed(self, model: object, cost: float) -> None:
        """Note that `model` was packed just now, in `cost` seconds."""
        self._ages.set(model, _Age(time.monotonic(), cost))
        self._behind = [other for other in self._behind if other is not model]

    def may_wait(self, model: object) -> bool:
        """Whether the crate of `model` was made too short a while ago to be made again."""
        age = self._ages.get(model)
        return age is not None and time.monotonic() - age.when <= age.cost / _SHARE

    def left_behind(self, model: object) -> list[object]:
        """Note that `model` was trained further than its crate; the models to be packed now."""
        if not any(model is other for other in self._behind):
            self._behind.append(model)
        return self._taken(self._behind[:-_MOST_BEHIND])

    def abandoned(self) -> list[object]:
        """The models that are behind and that nobody else holds, to be packed now."""
        alone = [model for model in self._behind if sys.getrefcount(model) <= _NOBODY_ELSE]
        return self._taken(alone) if alone else alone

    def behind_in(self, is_in: Callable[[object], bool]) -> list[object]:
        """The models that are behind and in which somebody is interested, to be packed now."""
        return self._taken([model for model in self._behind if is_in(model)])

    def all_behind(self) -> list[object]:
        """Every model that is behind, to be packed now."""
        return self._taken(self._behind)

    def _taken(self, models: list[object]) -> list[object]:
        taken = {id(model) for model in models}
        self._behind = [other for other in self._behind if id(other) not in taken]
        return list(models)
