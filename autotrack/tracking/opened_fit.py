"""A fit that has begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotrack.runtime.dataclass import dataclass
from autotrack.store.store import Store
from autotrack.tracking.active import ActiveRun
from autotrack.tracking.facts import FitFacts

if TYPE_CHECKING:
    from autotrack.tracking.moved_fits import Filed


@dataclass(slots=True)
class OpenFit:
    """A fit that has begun: where it is recorded, and whether the run is its own.

    `started` is when; `new` says whether its run, or its place in the user's, was made for it;
    `filed` is what was put into a run of the user's. `further` says that it goes on with a run
    that holds what the estimator was trained before; `number` is which of these fits it is, from
    0, and None where they are not counted; `moved` are the params that changed between them.
    `unset_seeds` names the seeds that were not set although numbers were drawn.
    """

    facts: FitFacts
    store: Store
    run_id: str
    own: bool
    active: ActiveRun | None
    further: bool = False
    number: int | None = None
    moved: frozenset[str] = frozenset()
    started: float = 0.0
    new: bool = True
    filed: Filed | None = None
    unset_seeds: str = ""
    # Whether the data is as it was given; None before that is known.
    unchanged: bool | None = None

    def describes(self, X: object) -> bool:
        """Whether `X`, to which it was fitted, is still as it was given, when it was asked first.

        That is right after the fit.
        """
        if X is None:
            return self.facts.describes(X)
        if self.unchanged is None:
            self.unchanged = self.facts.describes(X)
        return self.unchanged
