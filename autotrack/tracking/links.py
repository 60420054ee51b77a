"""Which run a fitted estimator came from, for as long as the estimator lives."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autotrack.entities import DatasetUse
from autotrack.identity import IdentityMap
from autotrack.store.database import Store
from autotrack.tracking.facts import FitFacts


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
    facts : FitFacts or None
        What is known of its last fit.
    loaded : bool
        Whether it came out of a crate.
    scope : str
        What the keys of its scores begin with, where the run has others of the same name.
    changed : str or None
        The fingerprint of the training input after the fit, if that changed it in place.
    """

    store: Store
    run_id: str
    train: DatasetUse | None = None
    train_ref: weakref.ref[Any] | None = None
    partial: bool = False
    facts: FitFacts | None = None
    loaded: bool = False
    scope: str = ""
    changed: str | None = None

    @property
    def training_input(self) -> Any:
        """What the estimator was trained on, if that still exists."""
        return None if self.train_ref is None else self.train_ref()


#: The runs of the estimators of this process: fitted while tracking was on, or loaded from crates.
links: IdentityMap[Link] = IdentityMap()


#: Told of the class of every model that comes out of a crate: one that travelled by value was
#: given its methods after it was born, so capture has not heard them.
arrivals: list[Callable[[type], None]] = []


def link_loaded(model: object, link: Link) -> None:
    """Tie a model that came out of a crate to the run it was fitted in."""
    for part in (model, *final_parts(model)):
        for tell in arrivals:
            tell(type(part))
    link_parts(model, link)


def link_parts(model: object, link: Link) -> None:
    """Tie a fitted model, and the parts of it that predict as well, to a run."""
    links.set(model, link)
    for part in final_parts(model):
        # A part that was fitted before keeps the run of that fit.
        if links.get(part) is None:
            links.set(part, link)


def final_parts(model: object) -> list[object]:
    """The fitted parts of `model` through which a user may predict as well."""
    steps = getattr(model, "steps", None)
    named = isinstance(steps, list) and all(isinstance(step, tuple) for step in steps)
    parts = [step[1] for step in steps or () if len(step) > 1] if named else []
    held = vars(model) if hasattr(model, "__dict__") else {}
    parts += [held.get(name) for name in ("best_estimator_", "estimator_", "regressor_")]
    return [part for part in parts if hasattr(part, "predict")]
