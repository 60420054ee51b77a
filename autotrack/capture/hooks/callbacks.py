"""Scores of scikit-learn's own callbacks: what a `ScoringMonitor` of the user logs of a fit.

The monitor is read, and nothing of it is exchanged: its log, its workers and its pickles are as
they are without tracking. Versions before 1.9 have none.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from numbers import Real
from typing import Any

from autotrack.capture.naming.data_names import key_text
from autotrack.capture.naming.scorer_names import scorer_name
from autotrack.capture.results.metric_result import thinned
from autotrack.describe.parts import held_by, held_of_other_kinds
from autotrack.failsafe import Failsafe
from autotrack.lineage.training_rows import TRAIN
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.weak_map import IdentityMap
from autotrack.tracking.evaluations.evaluation_run import Measurements
from autotrack.tracking.facts import ScoreFacts, Table
from autotrack.tracking.opened_fit import OpenFit
from autotrack.tracking.recording.recorder import Recorder

# How deep an estimator is looked through for others in it.
_DEEPEST = 8
_PLAIN = frozenset({type(None), bool, int, float, str})
# The task of a search whose parts are no part of the model that comes out of it.
_SEARCH = "search"


@dataclass(slots=True)
class _Claim:
    """A fit whose scores a monitor logs, from the entry `start` on."""

    start: int
    shared: bool


@dataclass(frozen=True, slots=True)
class _Entry:
    """One task that a monitor scored."""

    fit: object
    path: tuple[int, ...]
    estimator: str
    task: str
    searched: bool
    scores: Mapping[str, float]


class MonitorHook:
    """Follows the scoring monitors that are set on an estimator, or on a part of it."""

    def __init__(self, recorder: Recorder, failsafe: Failsafe) -> None:
        self._recorder = recorder
        self._measurements = Measurements(recorder)
        self._failsafe = failsafe
        self._claims: IdentityMap[_Claim] = IdentityMap()

    def following(
        self, estimator: object, opened: OpenFit | None
    ) -> AbstractContextManager[object]:
        """A block that fits `estimator`, whatever becomes of it; `opened` is where it goes."""
        module = sys.modules.get("sklearn.callback")
        if module is None or opened is None:
            return nullcontext()
        with self._failsafe.guard("find the callbacks of an estimator"):
            found: list[Any] = []
            _collect(estimator, module.ScoringMonitor, found, 0)
            if found:
                block = ExitStack()
                claims = [(monitor, self._claim(monitor)) for monitor in found]
                block.callback(self._ended, claims, opened)
                return block
        return nullcontext()

    def _ended(self, claims: list[tuple[Any, _Claim]], opened: OpenFit) -> None:
        with self._failsafe.guard("record the scores of a callback"):
            for monitor, claim in claims:
                if self._claims.get(monitor) is claim:
                    self._claims.discard(monitor)
                # Which entries are whose cannot be told of fits that run side by side.
                if not claim.shared:
                    self._record(monitor, claim.start, opened)

    def _claim(self, monitor: Any) -> _Claim:
        other = self._claims.get(monitor)
        if other is not None:
            other.shared = True
        claim = _Claim(len(monitor._log), other is not None)
        self._claims.set(monitor, claim)
        return claim

    def _record(self, monitor: Any, start: int, opened: OpenFit) -> None:
        entries = [entry for raw in monitor._log[start:] if (entry := _entry(raw, monitor)).scores]
        trainings = _trainings(entries)
        own = [training for training in trainings if not training[0].searched]
        if len(own) == 1:
            self._measurements.add(
                opened,
                [
                    (f"{TRAIN}_{name}", value, None)
                    for entry in own[0]
                    for name, value in entry.scores.items()
                ],
            )
        if len(trainings) > 1:
            # One history cannot be that of several estimators.
            facts = ScoreFacts(TRAIN, {}, {"scoring_monitor": _table(trainings)})
            self._recorder.score(self._measurements.link_of(opened), facts)


def _collect(value: object, kind: type, found: list[Any], depth: int) -> None:
    """Gather the callbacks of this `kind` that are set on an estimator and on those it is made of.

    Its params are read where they are held: `get_params` takes longer than a small fit may.
    """
    held = held_by(value)
    if not held or depth > _DEEPEST:
        return
    for callback in held.get("_skl_callbacks", ()):
        if isinstance(callback, kind) and not any(callback is other for other in found):
            found.append(callback)
    for name, part in held_of_other_kinds(value, _PLAIN):
        if name[:1] == "_" or name[-1:] == "_":
            continue  # no param, but what a fit left behind
        for inner in part if isinstance(part, list) else (part,):
            candidate = inner[1] if isinstance(inner, tuple) and len(inner) > 1 else inner
            if hasattr(type(candidate), "get_params"):
                _collect(candidate, kind, found, depth + 1)


def _entry(raw: Any, monitor: Any) -> _Entry:
    """An entry of a monitor's log, which `get_logs` makes its rows of."""
    fit, _, tasks, scores = raw
    return _Entry(
        fit,
        tuple(task["task_id"] for task in tasks),
        str(tasks[-1]["estimator_name"]),
        str(tasks[-1]["task_name"]),
        any(task["task_name"] == _SEARCH for task in tasks),
        {
            _name(column, monitor): float(value)
            for column, value in scores.items()
            if isinstance(value, Real)
        },
    )


def _name(column: str, monitor: Any) -> str:
    """The name of a scorer: one that is an object is logged as ``score``, as is `.score` itself."""
    scoring = monitor._scoring
    if column == "score" and isinstance(scoring, Mapping) and column in scoring:
        return key_text(scorer_name(scoring[column]))
    return key_text(column)


def _trainings(entries: list[_Entry]) -> list[list[_Entry]]:
    """The entries of each estimator that was trained: its iterations, and then its end."""
    iterated = {(entry.fit, entry.path[:-1]) for entry in entries}
    found: dict[object, list[_Entry]] = {}
    for entry in entries:
        ended = (entry.fit, entry.path) in iterated
        path = entry.path if ended else entry.path[:-1]
        found.setdefault((entry.fit, path, entry.estimator), []).append(entry)
    for training in found.values():
        training.sort(key=lambda entry: ((entry.fit, entry.path) in iterated, entry.path))
    return list(found.values())


def _table(trainings: list[list[_Entry]]) -> Table:
    entries = [entry for training in trainings for entry in training]
    names = list(dict.fromkeys(name for entry in entries for name in entry.scores))
    fits = {fit: number for number, fit in enumerate(dict.fromkeys(e.fit for e in entries))}
    rows = [
        [
            fits[entry.fit],
            "/".join(map(str, entry.path)),
            entry.estimator,
            entry.task,
            *(entry.scores.get(name) for name in names),
        ]
        for entry in entries
    ]
    columns = ["fit", "task", "estimator", "name", *names]
    return Table(columns, [rows[place] for place in thinned(len(rows))])
