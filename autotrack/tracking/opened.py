"""A fit that has begun."""

from __future__ import annotations

from dataclasses import dataclass

from autotrack.store.database import Store
from autotrack.tracking.context import ActiveRun
from autotrack.tracking.facts import FitFacts


@dataclass(slots=True)
class OpenFit:
    """A fit that has begun: where it is recorded, and whether the run is its own.

    `further` says that it goes on with a run that holds what the estimator was trained before;
    `number` is which of these fits it is, from 0, and None where they are not counted; `moved` are
    the params that changed between them.
    """

    facts: FitFacts
    store: Store
    run_id: str
    own: bool
    active: ActiveRun | None
    further: bool = False
    number: int | None = None
    moved: frozenset[str] = frozenset()
