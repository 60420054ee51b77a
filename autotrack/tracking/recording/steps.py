"""At which step a score stands, and which of the values of a metric is the one to be shown.

A score is one step more than its key has so far, but for these:

- That of a stage of a model stands at the number of the stage, from 1. A stage before the last is
  only in the history, since it is not what the model scores. What the whole model scores on the
  same data is the step of its last stage.
- A model that is trained further by fits (``warm_start``) has its scores at the number of the fit,
  from 0. The params that change between these fits are metrics with the same steps.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TypeGuard

from autotrack.store.store import Store
from autotrack.store.tables.run_data import MetricRow
from autotrack.tracking.facts import FitFacts, ScoreFacts
from autotrack.tracking.model_links import Link
from autotrack.tracking.opened_fit import OpenFit
from autotrack.tracking.retry_queue import RetryQueue

#: Key, value, step and time of a value that is not to be shown.
StageRow = tuple[str, float, int, float]

_MOST_KEYS = 10_000
# What ends the key of a number that a display drew, where the function computed another.
_DISPLAYED = "display"


class Steps:
    """Knows the steps of the scores of this process."""

    def __init__(self, retry_queue: RetryQueue) -> None:
        self._retry_queue = retry_queue
        # The last stage of keys whose stages were scored, and the fit that had so many.
        self._last: dict[tuple[str, str], tuple[int, FitFacts | None]] = {}
        # Keys that have numbers of displays alone.
        self._drawn: set[tuple[str, str]] = set()

    def of(
        self,
        store: Store,
        run_id: str,
        numbers: Mapping[str, float],
        facts: ScoreFacts,
        link: Link | None,
    ) -> tuple[list[MetricRow], list[StageRow]]:
        """The numbers of a score as metrics of a run, and those of them that are not to be shown.

        Parameters
        ----------
        store, run_id
            The run.
        numbers : mapping
            The numbers by their whole keys.
        facts : ScoreFacts
            The score.
        link : Link or None
            The tie of the model to the run.
        """
        now = time.time()
        if facts.drawn:
            numbers = self._beside_computed(store, run_id, numbers)
        elif self._drawn:
            self._drawn.difference_update((run_id, key) for key in numbers)
        step = facts.step
        if step is not None and link is not None and link.stages is not None:
            if len(self._last) >= _MOST_KEYS:
                self._last.clear()
            self._last |= {(run_id, key): (link.stages, link.facts) for key in numbers}
            if step < link.stages:
                return [], [(key, number, step, now) for key, number in numbers.items()]
        if step is not None or link is None:
            return [(key, number, step, now) for key, number in numbers.items()], []
        return [(key, n, self._whole(run_id, key, link), now) for key, n in numbers.items()], []

    def _whole(self, run_id: str, key: str, link: Link) -> int | None:
        """The step of a score of a whole model."""
        last, fitted = self._last.get((run_id, key), (None, None)) if self._last else (None, None)
        return last if last is not None and fitted is link.facts else link.step

    def _beside_computed(
        self, store: Store, run_id: str, numbers: Mapping[str, float]
    ) -> dict[str, float]:
        """The numbers of a display without those that the metric's function computed as well.

        One that is another than the function's is kept under a key that says where it is from.
        """
        present = {} if self._retry_queue.has_pending else store.get_run(run_id).metrics
        found = {}
        for key, number in numbers.items():
            if key not in present or (run_id, key) in self._drawn:
                self._drawn.add((run_id, key))
                found[key] = number
            elif present[key] != number:
                found[f"{key}_{_DISPLAYED}"] = number
        return found


def first_number(facts: FitFacts) -> int | None:
    """The number of a fit that opens a run, where later ones may go on with it."""
    return 0 if facts.warm else None


def count_on(fit: OpenFit, before: Link) -> list[MetricRow]:
    """Number a further fit; the params that moved, as metrics: which score had which of them."""
    if not fit.facts.warm or before.step is None:
        return []
    fit.number = before.step + 1
    known = before.facts.params if before.facts is not None else {}
    present = {key: value for key, value in fit.facts.params.items() if _is_number(value)}
    moved = {key for key, value in present.items() if value != known.get(key)}
    fit.moved = before.moved | moved
    now = time.time()
    first = [(key, known.get(key)) for key in sorted(moved - before.moved)]
    rows: list[MetricRow] = [(k, float(v), before.step, now) for k, v in first if _is_number(v)]
    held = sorted(fit.moved & present.keys())
    return [*rows, *((key, float(present[key]), fit.number, now) for key in held)]


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
