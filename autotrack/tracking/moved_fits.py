"""Moving what was fitted first in a run into a child of it, once others stand beside it.

The first fit in a run of the user's is recorded in that run. In a sweep it says nothing which of
them is the first (in threads it is whichever comes first): once several children are fits of the
same class, all of them are children. In a loop of an installed function they are from the second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field, replace
from typing import TYPE_CHECKING

from autotrack.entities import RunError, RunStatus
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.weak_map import IdentityMap
from autotrack.tracking.model_links import Link, links

if TYPE_CHECKING:
    from autotrack.store.store import Store
    from autotrack.tracking.facts import FitFacts
    from autotrack.tracking.opened_fit import OpenFit


@dataclass(eq=False, slots=True)
class Filed:
    """What recording a fit put into a run of the user's, beside what they put there.

    Attributes
    ----------
    fits : list of OpenFit
        Those of the one estimator that the run holds which have not returned; the last stays.
    metrics, paths : set of str
        The scores of that estimator, by key, and the files.
    tags : set of str
        What is said of it by tags.
    end : tuple or None
        How the last of them ended: status, time and error.
    alike : int
        How many children of the run are fits of the same class.
    """

    fits: list[OpenFit] = field(default_factory=list)
    metrics: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)
    end: tuple[RunStatus, float, RunError | None] | None = None
    alike: int = 0

    @property
    def estimator(self) -> str:
        """The class of the estimator."""
        return self.fits[-1].facts.estimator if self.fits else ""

    def stands_beside(self, facts: FitFacts) -> bool:
        """Whether with another fit there are several children that are fits of its class."""
        self.alike += facts.estimator == self.estimator
        return self.alike > 1

    def ended(
        self, fit: OpenFit, status: RunStatus, when: float, error: RunError | None = None
    ) -> None:
        """One of the fits returned or raised."""
        self.end = (status, when, error)
        if len(self.fits) > 1 and fit in self.fits:
            self.fits.remove(fit)

    def move(
        self,
        store: Store,
        source: str,
        target: str,
        params: Iterable[str],
        crates: Iterable[str],
    ) -> None:
        """Move it into the run `target`, which describes the fit already and has its `params`."""
        store.delete_params(source, params)
        # Copies, since other threads may add to them.
        metrics, tags, paths = set(self.metrics), set(self.tags), set(self.paths)
        store.move_facts(source, target, metrics, tags, [*crates, *paths])
        store.move_evidence(source, target)
        for held in self.fits:
            held.run_id, held.own = target, True
        if self.end is not None:
            status, when, error = self.end
            store.end_run(target, status=status, end_time=when, error=error)


class Moved:
    """Where the fits are that were moved out of the run they were recorded in first."""

    def __init__(self) -> None:
        self._runs: dict[str, dict[str, str]] = {}

    def note(self, source: str, identity: str, target: str, *, everything: bool) -> None:
        """The fit of an estimator was moved; with `everything` nothing is fitted there later."""
        places = self._runs.setdefault(source, {})
        places[identity] = target
        if everything:
            places[""] = target
        for model, link in links.living():
            if link.run_id == source:
                IdentityMap.set(links, model, replace(link, run_id=self.place_of(link)))

    def place_of(self, link: Link) -> str:
        """The run that a link leads to by now."""
        places = self._runs.get(link.run_id) if self._runs else None
        if not places:
            return link.run_id
        identity = link.facts.identity if link.facts is not None else ""
        return places.get(identity) or places.get("", link.run_id)
