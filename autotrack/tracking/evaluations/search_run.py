"""A search and its candidates, written as their evaluations finish."""

# Long because the state of a search under way is changed by all of its methods.

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import timedelta
from typing import Any

from autotrack.analysis.evidence.seeds import unset_seeds
from autotrack.analysis.names import BEST_SCORE, CANDIDATE_TAG, RANK_TAG, SPLITS_TAG, TEST_SHARE_TAG
from autotrack.analysis.split_keys import ScoreNames, split_key
from autotrack.analysis.statistics.moments import moments
from autotrack.entities import Note, RunError, RunStatus
from autotrack.progress.counts import PROGRESS_TAG, TIME_LEFT_TAG, Progress
from autotrack.runtime.dataclass import dataclass
from autotrack.store.artifacts import StoredArtifact
from autotrack.store.store import Store
from autotrack.store.tables.candidates import Ending, NewCandidate
from autotrack.store.tables.runs import new_run_id
from autotrack.tracking.active import active_runs
from autotrack.tracking.crating.run_files import file_table
from autotrack.tracking.evaluations.evaluation_run import Measurements
from autotrack.tracking.evaluations.flusher import Flusher
from autotrack.tracking.evaluations.pending import Batch
from autotrack.tracking.evaluations.resume import (
    AFRESH_TAG,
    DRAW_TAG,
    DREW_TAG,
    RESUMED_TAG,
    Earlier,
    Evaluation,
    SearchIdentity,
    find_earlier,
    going_on,
    tell,
)
from autotrack.tracking.facts import FitFacts, Stitched, Table
from autotrack.tracking.recording.recorder import Recorder
from autotrack.tracking.run_errors import ended_by, run_error

_MOST_LINES = 10


@dataclass(frozen=True, slots=True)
class CandidateFacts:
    """A candidate that is about to be evaluated.

    Attributes
    ----------
    name : str
        Its params, for people.
    params : mapping
        The swept params, ready to keep.
    identity : str
        Digest of the params, and in which loop they are tried.
    numbers : mapping of str to float
        What else is known of it, such as its resources.
    """

    name: str
    params: Mapping[str, Any]
    identity: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Candidate:
    name: str
    run_id: str
    splits: int
    round: int
    done: bool = False
    measured: dict[int, Mapping[str, float]] = field(default_factory=dict)
    failures: int = 0


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search came to.

    Attributes
    ----------
    params, numbers : mapping
        The best params and scores.
    candidates : mapping of int to mapping of str to float
        What is known of each candidate only now, such as its rank.
    tables : mapping of str to Table
        By file name.
    tags : mapping of str to str
        Further facts.
    """

    params: Mapping[str, Any]
    numbers: Mapping[str, float]
    candidates: Mapping[int, Mapping[str, float]]
    tables: Mapping[str, Table]
    tags: Mapping[str, str] = field(default_factory=dict)


class Sweep:
    """A search that is under way.

    Safe to use from several threads. Every method may raise; capture turns that into a warning.

    Parameters
    ----------
    recorder : Recorder
    facts : FitFacts
        The search.
    rank_by : str or None
        The score whose mean tells the best candidate so far; None if none alone does.
    likeness : Likeness, optional
        By what it is known again, and goes on with one that was interrupted.
    """

    def __init__(
        self,
        recorder: Recorder,
        facts: FitFacts,
        rank_by: str | None,
        search_identity: SearchIdentity | None = None,
    ) -> None:
        self._recorder = recorder
        tags = {} if rank_by is None else {RANK_TAG: rank_by}
        #: What need not be computed again.
        self.earlier = Earlier()
        if search_identity is not None:
            tags |= search_identity.tags
            if recorder.settings.resume:
                self.earlier = _earlier(recorder, search_identity)
                if self.earlier.why_not:
                    tags[AFRESH_TAG] = self.earlier.why_not
        facts = replace(facts, tags={**facts.tags, **tags})
        self.opened = Measurements(recorder).open(facts, "search")
        self._draws = None if search_identity is None else search_identity.draws
        self._drew = ""
        self._resumed: dict[str, None] = {}
        self._rank_by = rank_by
        self._lock = threading.RLock()
        self._batch = Batch()
        self._flusher = Flusher(self._write, recorder.failsafe)
        self._candidates: dict[int, _Candidate] = {}
        self._noted: dict[tuple[int, str], int] = {}
        self._finished = self._total = self._reused = self._round = 0
        self._best: tuple[int, float] | None = None
        self._started = 0.0
        self._splits: dict[int, dict[int, str]] = {}
        self._shares: dict[int, dict[int, float]] = {}
        self._names = ScoreNames()
        self._began = time.monotonic()
        #: The mean score of each candidate that was evaluated on all splits.
        self.means: dict[int, float] = {}

    def begin(self, evaluations: int, *, later: int = 0, afresh: bool = False) -> int:
        """A loop of so many evaluations begins, and so many will follow; how many that makes.

        With `afresh`, the best is one of this loop, whatever came before.
        """
        with self._lock:
            self._total = self._finished + evaluations + later
            self._round += afresh
            return self._total

    def create(self, number: int, facts: CandidateFacts, splits: int) -> None:
        """A candidate is handed over to be evaluated on so many splits."""
        with self._lock:
            # Each a moment later than the one before: they are listed by it.
            self._started = max(time.time(), self._started + 1e-6)
            new = _Candidate(facts.name, new_run_id(), splits, self._round)
            self._candidates[number] = new
            self._batch.new.append(
                NewCandidate(
                    new.run_id,
                    facts.name,
                    self._started,
                    facts.params,
                    {CANDIDATE_TAG: facts.identity},
                )
            )
            self._batch.numbers[new.run_id] = {"index": number, **facts.numbers}

    def split(self, loop: int, split: int, digest: str, test_share: float) -> None:
        """A loop has a split of these rows."""
        with self._lock:
            splits = self._splits.setdefault(loop, {})
            splits[split] = digest
            self._batch.tags[f"{SPLITS_TAG}.{loop}"] = json.dumps(splits)
            shares = self._shares.setdefault(loop, {})
            shares[split] = test_share
            self._batch.tags[TEST_SHARE_TAG] = repr(math.fsum(shares.values()) / len(shares))

    def finish(
        self,
        number: int,
        split: int,
        measured: Mapping[str, float],
        notes: Sequence[Note],
        *,
        drew: bool = False,
        reused: bool = False,
    ) -> float | None:
        """An evaluation finished: what it measured, and what came up in it.

        With `drew`, it drew from the global random generator.

        Returns the mean score of the candidate if that was its last.
        """
        now = time.time()
        with self._lock:
            candidate = self._candidates[number]
            if self._names.learn(measured):
                self._name_failures(now)
            measured = self._names.named(measured)
            candidate.measured[split] = measured
            rows = self._batch.measured.setdefault(candidate.run_id, [])
            rows += [
                (split_key(key), value, split, now)
                for key, value in self._names.without_unnamed(measured).items()
            ]
            self._finished += 1
            self._reused += reused
            if drew:
                self._note_draw("global")
            if notes:
                self._note(number, candidate, notes)
            if len(candidate.measured) == candidate.splits:
                self._complete(number, candidate, notes, now)
        took = 0.0 if reused else sum(measured.get(key, 0.0) for key in ("fit_time", "score_time"))
        self._flusher.notify(took)
        return self.means.get(number)

    def reuse(self, number: int, split: int, known: Evaluation, notes: Sequence[Note]) -> None:
        """An evaluation need not be computed again, since an earlier search had computed it."""
        with self._lock:
            if known.run_id not in self._resumed:
                self._resumed[known.run_id] = None
                self._batch.tags[RESUMED_TAG] = ", ".join(self._resumed)
                if known.drew:
                    self._note_draw(known.drew)
                    self._batch.tags[DRAW_TAG] = "another"
                tell(going_on(known.run_id, known.drew), self._recorder.settings.quiet)
        self.finish(number, split, known.numbers, notes, reused=True)

    def _note_draw(self, drew: str) -> None:
        if self._drew != "own":
            self._drew = self._batch.tags[DREW_TAG] = drew

    def _note(self, number: int, candidate: _Candidate, notes: Sequence[Note]) -> None:
        self._batch.notes.setdefault(candidate.run_id, []).extend(notes)
        candidate.failures += any(note.kind == "error" for note in notes)
        for category in {note.category for note in notes}:
            key = number, category
            self._noted[key] = self._noted.get(key, 0) + 1
        self._batch.tags["notes"] = ""

    def _name_failures(self, now: float) -> None:
        """The names of the scores are known: what stands for those of failed fits has them too."""
        for number, candidate in self._candidates.items():
            for split, measured in candidate.measured.items():
                if not self._names.lacks(measured):
                    continue
                named = candidate.measured[split] = self._names.named(measured)
                rows = self._batch.measured.setdefault(candidate.run_id, [])
                rows += [
                    (split_key(key), value, split, now)
                    for key, value in named.items()
                    if key not in measured
                ]
            if candidate.done and candidate.measured:
                self._summarise(number, candidate)

    def _summarise(self, number: int, candidate: _Candidate) -> None:
        """The moments of a candidate that was evaluated on all splits."""
        numbers = self._batch.numbers.setdefault(candidate.run_id, {})
        measured = [candidate.measured[split] for split in sorted(candidate.measured)]
        named = [self._names.without_unnamed(split) for split in measured]
        for key in named[0]:
            mean, std, se = moments([split.get(key, math.nan) for split in named])
            numbers[f"mean_{key}"] = mean
            if not key.endswith("_time"):
                numbers[f"std_{key}"], numbers[f"se_{key}"] = std, se
                numbers[f"n_{key}"] = float(len(named))
        if not any(map(self._names.lacks, measured)):
            candidate.measured.clear()
        score = numbers.get(f"mean_test_{self._rank_by}", math.nan)
        self.means[number] = score
        better = self._best is None or (candidate.round, score) > self._best
        if better and not math.isnan(score):
            self._best = candidate.round, score

    def _complete(
        self, number: int, candidate: _Candidate, notes: Sequence[Note], now: float
    ) -> None:
        error = None
        if candidate.failures == candidate.splits:
            failed = next(note for note in notes if note.kind == "error")
            error = RunError(failed.category, failed.message, failed.details)
        status: RunStatus = "FINISHED" if error is None else "FAILED"
        self._batch.endings.append(Ending(candidate.run_id, status, now, error))
        candidate.done = True
        self._summarise(number, candidate)

    def _write(self) -> None:
        with self._lock:
            # In the same transaction as what was computed by then.
            if self._finished and self._draws is not None and (moved := self._draws.moved()):
                self._note_draw(moved)
            batch, self._batch = self._batch, Batch()
            progress = self._progress()
            batch.tags[PROGRESS_TAG] = str(progress)
            if left := progress.left(timedelta(seconds=time.monotonic() - self._began)):
                batch.tags[TIME_LEFT_TAG] = str(timedelta(seconds=math.ceil(left.total_seconds())))
            if "notes" in batch.tags:
                batch.tags["notes"] = self._summary()
            if self._best is not None:
                batch.numbers[self.opened.run_id] = {BEST_SCORE: self._best[1]}
        try:
            self._recorder.retry_queue.write(
                self.opened.store,
                lambda store: batch.write(store, self.opened.run_id),
                durable=False,
            )
        except Exception:
            raise
        except BaseException:
            # An interrupt struck while it was written, or right after.
            with self._lock:
                self._batch = batch.with_later(self._batch)
            raise

    def _progress(self) -> Progress:
        total = max(self._total, self._finished)
        return Progress(self._finished, total, "evaluations", self._reused)

    def _summary(self) -> str:
        """What came up, and how often: a line a candidate."""
        lines = [
            f"{self._candidates[number].name}: {category.rpartition('.')[2]} in {count} of "
            f"{self._candidates[number].splits} splits"
            for (number, category), count in self._noted.items()
        ]
        more = len(lines) - _MOST_LINES
        return "\n".join(lines[:_MOST_LINES] + ([f"and {more} more"] if more > 0 else []))

    # -- how it ends --------------------------------------------------------------------------

    def close(
        self, result: SearchResult, model: object | None, X: object, stitched: Stitched | None
    ) -> None:
        """The search on `X` returned: what it came to, its refitted best model, and it ends."""
        opened = self.opened
        with self._lock:
            self._total = self._finished
            for number, numbers in result.candidates.items():
                if (candidate := self._candidates.get(number)) is not None:
                    self._batch.numbers.setdefault(candidate.run_id, {}).update(numbers)
            self._best = None
        self._flusher.close()
        files = self._files(result.tables)
        found = unset_seeds(result.tags, "train", self._recorder.settings.checks)

        def close(store: Store) -> None:
            store.set_params(opened.run_id, result.params)
            if found:
                store.add_evidence(opened.run_id, found)
            store.put_metrics({opened.run_id: result.numbers}, time.time())
            store.put_artifacts(opened.run_id, files)
            store.set_tags(opened.run_id, result.tags)
            store.delete_tag(opened.run_id, TIME_LEFT_TAG)
            if model is None:
                store.end_run(opened.run_id, status="FINISHED", end_time=time.time())

        self._recorder.retry_queue.write(opened.store, close, durable=model is None)
        if model is not None:
            self._recorder.close_fit(opened, model, X, stitched)

    def _files(self, tables: Mapping[str, Table]) -> list[StoredArtifact]:
        run_id = self.opened.run_id
        folder = self._recorder.workspace.files_of(self.opened.store, run_id)
        return [file_table(folder, run_id, name, table) for name, table in tables.items()]

    def fail(self, error: BaseException, number: int | None) -> None:
        """The search raised, while it evaluated this candidate if that is known.

        What was not finished ends with it.
        """
        now = time.time()
        with self._lock:
            self._names.give_up(self._rank_by or "score")
            self._name_failures(now)
            for place, candidate in self._candidates.items():
                if not candidate.done:
                    culprit = place == number
                    status = ended_by(error) if culprit else "KILLED"
                    kept = run_error(error) if culprit else None
                    self._batch.endings.append(Ending(candidate.run_id, status, now, kept))
        opened = self.opened
        try:
            self._flusher.close()
        finally:
            self._recorder.retry_queue.write(
                opened.store,
                lambda store: store.delete_tag(opened.run_id, TIME_LEFT_TAG),
                durable=False,
            )
            self._recorder.fail_fit(opened, error)


def _earlier(recorder: Recorder, search_identity: SearchIdentity) -> Earlier:
    if recorder.retry_queue.has_pending:  # the store cannot be asked just now
        return Earlier()
    stack = active_runs()
    active = stack[-1] if stack else None
    store, experiment = recorder.store_for(active), recorder.experiment_for(active)
    with recorder.failsafe.guard("look for an interrupted search"):
        found = find_earlier(store, experiment, search_identity)
        if found.why_not:
            tell(f"the search starts over, since {found.why_not}", recorder.settings.quiet)
        return found
    return Earlier()
