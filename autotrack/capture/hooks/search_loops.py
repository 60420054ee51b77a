"""The loops of a search: over candidates and splits, or over the splits of one candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autotrack.capture.parallel.joblib_loop import Loop
from autotrack.capture.parallel.task_warnings import Noted
from autotrack.capture.results.kept_predictions import LoopPredictions
from autotrack.capture.results.search_identity import as_result, split_digest, test_share

if TYPE_CHECKING:
    from autotrack.capture.hooks.searches import WatchedSearch


class Evaluations(Loop):
    """A loop over candidates and splits."""

    def __init__(
        self,
        watched: WatchedSearch,
        loop: int,
        first: int,
        splits: int,
        numbers: Mapping[str, float],
    ) -> None:
        self._watched = watched
        self._loop = loop
        self._first = first
        self._splits = splits
        self._numbers = numbers
        self._digests: dict[int, str] = {}
        self._split_digests: dict[int, str] = {}
        # Candidate and split of the tasks that are under way.
        self._places: dict[int, tuple[int, int]] = {}
        self._predictions = LoopPredictions(watched.predictions, watched.failsafe)
        self.keeper = self._predictions.keeper

    def created(self, place: int, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Note a task that is to be run; its result if that is known already."""
        watched, split = self._watched, kwargs["split_progress"][0]
        watched.split(kwargs["train"], kwargs["test"])
        with watched.failsafe.guard("record a candidate"):
            number = self._first + kwargs["candidate_progress"][0]
            if number not in self._digests:
                self._digests[number] = watched.create(
                    number, kwargs["parameters"], self._splits, self._numbers, self._loop
                )
            if split not in self._split_digests:
                digest = split_digest(kwargs["train"], kwargs["test"])
                self._split_digests[split] = digest
                share = test_share(kwargs["train"], kwargs["test"])
                watched.sweep.split(self._loop, split, digest, share)
            key = self._digests[number], self._split_digests[split]
            known = watched.sweep.earlier.evaluations.get(key)
            if (
                known is not None
                and (result := as_result(known, kwargs, watched.scorer)) is not None
                and self._predictions.take_over(known.run_id, key, split, kwargs["test"], number)
            ):
                watched.reuse(number, split, known)
                return result
            self._places[place] = number, split
            self._predictions.expect(place, split, kwargs["test"], number, key)
        return None

    def kept(self, place: int, value: Any) -> None:
        """Keep what a task predicted."""
        self._predictions.add(place, value)

    def drew(self, place: int) -> None:
        """Note that a task drew from the global random generator."""
        with self._watched.failsafe.guard("record an evaluation"):
            self._watched.drew.add(self._places[place])

    def finished(self, place: int, result: Any, notes: Sequence[Noted]) -> None:
        """Record what a task returned."""
        self._predictions.miss(place)
        with self._watched.failsafe.guard("record an evaluation"):
            self._watched.finish(*self._places.pop(place), result, notes)

    def failed(self, place: int | None, error: BaseException) -> None:
        """Note whose evaluation ended the loop."""
        self._watched.culprit = self._places.get(-1 if place is None else place, (None,))[0]


class CandidateLoop(Loop):
    """A loop over the splits of one candidate."""

    def __init__(
        self, watched: WatchedSearch, number: int, params: Mapping[str, Any], splits: int
    ) -> None:
        self._watched = watched
        self._number = number
        watched.create(number, params, splits, {})
        self._predictions = LoopPredictions(watched.predictions, watched.failsafe)
        self.keeper = self._predictions.keeper

    def created(self, place: int, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Note a task that is to be run; its result if that is known already."""
        self._watched.split(kwargs.get("train"), kwargs.get("test"))
        self._predictions.expect(place, place, kwargs.get("test"), self._number)

    def kept(self, place: int, value: Any) -> None:
        """Keep what a task predicted."""
        self._predictions.add(place, value)

    def finished(self, place: int, result: Any, notes: Sequence[Noted]) -> None:
        """Record what a task returned."""
        self._predictions.miss(place)
        with self._watched.failsafe.guard("record an evaluation"):
            self._watched.finish(self._number, place, result, notes)

    def failed(self, place: int | None, error: BaseException) -> None:
        """Note whose evaluation ended the loop."""
        self._watched.culprit = self._number
