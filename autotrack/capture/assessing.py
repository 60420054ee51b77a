"""Scores with what they are worth: hands what hooks see to the evidence, where checks are on."""

from __future__ import annotations

import linecache
import math
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from types import FrameType
from typing import Any

from autotrack.describe.data.fingerprint import row_count
from autotrack.describe.data.row_keys import RowKeys
from autotrack.describe.estimator import summary
from autotrack.describe.parts import has
from autotrack.entities import DatasetUse, Finding
from autotrack.lineage.evidence.assess import Evidence
from autotrack.lineage.evidence.models import of_fit, score_metric
from autotrack.lineage.evidence.sightings import Scored
from autotrack.lineage.prediction import Prediction
from autotrack.lineage.program.call_site import names_in_call, span_of, users_frame
from autotrack.lineage.training_rows import TRAIN, trainings
from autotrack.lineage.values.rows import take_rows
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patterns import pattern
from autotrack.runtime.quiet import quiet
from autotrack.runtime.stack import variable_name
from autotrack.tracking.facts import ScoreFacts, TransformerFacts
from autotrack.tracking.model_links import Link, links

_OWN_SCORE = {"score"}
_MOST_TOLD = 10_000
_IGNORED = pattern(r"#.*\bautotrack:\s*ignore(?:\[([^\]]*)\])?")


@dataclass(frozen=True, slots=True, eq=False)
class Recomputed:
    """A call of a metric that can be made again with some of the rows.

    `by_row` names the arguments that have a value for each row; `numbers` turns the arguments by
    name and the result into metrics. Nothing of the user's is called by it.
    """

    function: Callable[..., Any]
    bound: Mapping[str, Any]
    by_row: Collection[str]
    numbers: Callable[[Callable[..., Any], Mapping[str, Any], Any], Mapping[str, float]]

    def of_rows(self, positions: Any, rows: int) -> Mapping[str, float]:
        """The metrics of the rows at some positions; empty where they cannot be computed."""
        given = dict(self.bound)
        for name in self.by_row:
            if given.get(name) is not None:
                if row_count(given[name]) != rows:
                    return {}
                given[name] = take_rows(given[name], positions)
        if any(map(callable, given.values())):
            return {}
        try:
            with quiet():
                result = self.function(**given)
            return self.numbers(self.function, given, result)
        except Exception:  # noqa: BLE001 - a metric may need what these rows have not
            return {}


def _asked_again(model: Any, score: Callable[..., Any]) -> Callable[..., float]:
    """The `score` of a model, which leaves no trace on it; an error for one with own code."""

    def ask(**given: Any) -> float:
        weighted = {n: given.pop(n) for n in ("sample_weight",) if n in given}
        from autotrack.crates.packing.pack import runs_own_code
        from autotrack.crates.verification.example import untouched

        if runs_own_code(model):
            raise ValueError("it has code of the user's, which is not to run once more")
        with untouched(model):
            return float(score(model, *given.values(), **weighted))

    return ask


class Assessing:
    """Adds to scores what the evidence says of them; does nothing while checks are off."""

    def __init__(self, evidence: Evidence | None, checks: bool | tuple[str, ...]) -> None:
        self._evidence = evidence
        self._checks = checks
        self.is_on = evidence is not None
        # The runs that know what the score of their model measures.
        self._told: set[str] = set()

    # -- what is remembered -----------------------------------------------------------------------

    def rows_of(self, data: object) -> RowKeys | None:
        """The keys of the rows of data that a call may change."""
        return None if self._evidence is None else self._evidence.keys_of(data)

    def rows_for(self, transformer: object, data: object) -> RowKeys | None:
        """The same, where a transformer gets it of which the rows are known."""
        if self._evidence is None or not self._evidence.asks_for(transformer):
            return None
        return self._evidence.keys_of(data)

    def fitted(
        self, transformer: object, facts: TransformerFacts, rows: RowKeys | None, y: object
    ) -> None:
        """A transformer was fitted outside of a pipeline."""
        if self._evidence is not None:
            self._evidence.fitted(transformer, facts.name, rows, y, resamples=facts.resamples)

    def fitted_model(self, model: object, y: object, result: object) -> None:
        """A model was fitted that may be used as a transformer, as those that select columns are.

        `result` is what the fit returned, which is its output where that is not the model.
        """
        if self._evidence is None or not has(model, "transform"):
            return
        known = trainings.get(model)
        rows = known.keys if known is not None else None
        self._evidence.fitted(model, summary(model), rows, y, resamples=False)
        if result is not model:
            self.transformed(model, rows, result)

    def transformed(self, transformer: object, rows: RowKeys | None, output: object) -> None:
        """A transformer returned `output` for rows."""
        if self._evidence is not None and rows is not None:
            self._evidence.transformed(transformer, rows, output)

    def trained(self, model: object, run_id: str) -> None:
        """A model was trained, in a run."""
        if self._evidence is not None:
            self._evidence.trained(model, run_id)

    def searched(self, search: object) -> None:
        """A search ended."""
        link = links.of_fit(search)
        if self._evidence is not None and link is not None:
            self._evidence.searched(search, link.run_id)

    def grouped(self, X: object, groups: object, said: str) -> None:
        """Groups were given for the rows of `X`, to what is called `said`."""
        if self._evidence is not None and X is not None and groups is not None:
            self._evidence.groups.given(self._evidence.keys_of(X), groups, said)

    def of_split(self, X: object, train: Any, test: Any) -> list[Finding]:
        """What is to be said of a split of a validation, by its rows in `X`."""
        if self._evidence is None or not self._evidence.groups:
            return []
        return self._wanted(self._evidence.of_split(X, train, test), None)

    def of_fit(self, model: object) -> list[Finding]:
        """What is to be said of a fit or a search that ended."""
        if self._evidence is None:
            return []
        found = [*of_fit(model, TRAIN)]
        return self._wanted(found, users_frame(sys._getframe(1))) if found else found

    def of_first_split(self, X: object, y: object, train: Any, test: Any) -> list[Finding]:
        """What the first split of a validation or a search shows of its data."""
        if self._evidence is None or X is None:
            return []
        found = self._evidence.of_first_split(X, y, train, test)
        return self._wanted(found, users_frame(sys._getframe(1)))

    # -- what is said of scores -------------------------------------------------------------------

    def of_metric(
        self,
        facts: ScoreFacts,
        prediction: Prediction,
        truth: object,
        call: Recomputed | None,
        frame: FrameType | None,
    ) -> ScoreFacts:
        """The score of a metric function, with what it is worth."""
        gone = prediction.gone
        scored = Scored(
            prediction.model() if prediction.model is not None else None,
            prediction.link,
            prediction.input(),
            truth,
            gone.rows if gone is not None else None,
            prediction.trained,
            facts.data_name,
            _marks(facts.data),
            self._names(facts, prediction.input(), truth, frame),
            gone.chance if gone is not None else 0.0,
        )
        return self._assessed(facts, scored, call, frame)

    def of_score(
        self,
        facts: ScoreFacts,
        link: Link,
        model: object,
        X: object,
        y: object,
        original: Callable[..., Any] | None,
        weights: object = None,
    ) -> ScoreFacts:
        """The score of an estimator's own `score`, or of a scorer, with what it is worth."""
        frame = users_frame(sys._getframe(1))
        names = self._names(facts, X, y, frame)
        trained = trainings.get(model)
        marks = _marks(facts.data)
        scored = Scored(model, link, X, y, None, trained, facts.data_name, marks, names)
        call = None
        if original is not None and _is_of_sklearn(original) and len(facts.numbers) == 1:
            (name,) = facts.numbers
            bound = {"X": X} if y is None else {"X": X, "y": y}
            if weights is not None:
                bound["sample_weight"] = weights
            ask = _asked_again(model, original)
            call = Recomputed(ask, bound, bound, lambda _, __, result: {name: result})
        return self._assessed(facts, scored, call, frame)

    def of_validation(self, estimator: object, X: object) -> list[Finding]:
        """What is to be said of a validation."""
        if self._evidence is None:
            return []
        found = self._evidence.of_validation(estimator, X)
        return self._wanted(found, users_frame(sys._getframe(1)))

    def _names(
        self, facts: ScoreFacts, X: object, y: object, frame: FrameType | None
    ) -> tuple[str, ...]:
        if not facts.data_name.startswith(("train", "relabel")):
            return ()
        held = facts.data.name if facts.data is not None else None
        truth = variable_name(y, frame) if y is not None else None
        called = [] if frame is None else names_in_call(frame, (X, y))
        return tuple(filter(None, (*called, held, truth)))

    def _assessed(
        self, facts: ScoreFacts, scored: Scored, call: Recomputed | None, frame: FrameType | None
    ) -> ScoreFacts:
        assert self._evidence is not None
        found = self._evidence.assess(scored)
        seen = found.seen_rows(facts.data_name)
        findings = self._wanted(found.findings, frame)
        shared = self._evidence.shared(scored)
        metric = self._metric_of_score(scored) if facts.numbers.keys() == _OWN_SCORE else ""
        if shared or metric:
            facts = replace(facts, shared=shared, score_metric=metric)
        if seen is None and not findings:
            return facts
        unseen: Mapping[str, float] = {}
        rest = found.rest(row_count(scored.y) or 0) if call is not None else None
        if call is not None and rest is not None and facts.numbers:
            unseen = call.of_rows(rest, row_count(scored.y) or 0)
            # What is not defined for these rows (one class is left) says nothing.
            unseen = {n: v for n, v in unseen.items() if n in facts.numbers and math.isfinite(v)}
        return replace(facts, unseen=unseen, seen=seen, findings=findings)

    def _metric_of_score(self, scored: Scored) -> str:
        """What the model's own `score` measures; empty where its run has been told."""
        run_id = scored.link.run_id if scored.link is not None else ""
        if not run_id or run_id in self._told:
            return ""
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()
        self._told.add(run_id)
        return score_metric(scored.model)

    def _wanted(
        self, findings: list[Finding] | tuple[Finding, ...], frame: FrameType | None
    ) -> list[Finding]:
        checks = self._checks
        found = [
            finding for finding in findings if isinstance(checks, bool) or finding.code in checks
        ]
        ignored = _ignored(frame) if found else None
        if ignored is None:
            return found
        return [finding for finding in found if ignored and finding.code not in ignored]


def _marks(use: DatasetUse | None) -> tuple[str, ...]:
    if use is None:
        return ()
    return use.data.fingerprint, use.target.fingerprint if use.target is not None else ""


def _is_of_sklearn(function: Callable[..., Any]) -> bool:
    return str(getattr(function, "__module__", "")).partition(".")[0] == "sklearn"


def _ignored(frame: FrameType | None) -> frozenset[str] | None:
    """The codes that a comment in the lines of the call leaves out; empty: all; None: none."""
    if frame is None:
        return None
    span = span_of((frame.f_code, frame.f_lasti))
    first, last = (span[0], span[2]) if span is not None else (frame.f_lineno, frame.f_lineno)
    for number in range(first, last + 1):
        line = linecache.getline(frame.f_code.co_filename, number, frame.f_globals)
        comment = _IGNORED.search(line)
        if comment is not None:
            codes = (comment.group(1) or "").upper().replace(",", " ").split()
            return frozenset(codes)
    return None


__all__ = ["Assessing", "Recomputed"]
