"""Which run a fitted estimator came from, for as long as the estimator lives."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

from autotrack.entities import DatasetUse
from autotrack.identity import IdentityMap
from autotrack.store.database import Store


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A fitted estimator's tie to its run.

    Attributes
    ----------
    store, run_id
        The run, and the store that holds it.
    train : DatasetUse or None
        What it was trained on.
    train_ref : weak reference or None
        The training input itself, for as long as it lives.
    partial : bool
        Whether it is being trained by `partial_fit`, each call going on with the run.
    """

    store: Store
    run_id: str
    train: DatasetUse | None = None
    train_ref: weakref.ref[Any] | None = None
    partial: bool = False


#: The runs of the estimators of this process: fitted while tracking was on, or loaded from crates.
links: IdentityMap[Link] = IdentityMap()
