"""Runs that collect what many evaluations measure, as each of them finishes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from autotrack.analysis.evidence.seeds import unset_seeds
from autotrack.entities import Finding, Note, RunKind
from autotrack.failsafe import Failsafe
from autotrack.progress.counts import PROGRESS_TAG, Progress
from autotrack.store.store import Store
from autotrack.store.tables.run_data import MetricRow
from autotrack.store.tables.runs import new_run_id
from autotrack.tracking.active import ActiveRun, active_runs, note_filed
from autotrack.tracking.crating.run_files import file_table
from autotrack.tracking.evaluations.flusher import Flusher
from autotrack.tracking.facts import FitFacts, Table
from autotrack.tracking.kept.writer import PredictionWriter
from autotrack.tracking.model_links import Link
from autotrack.tracking.opened_fit import OpenFit
from autotrack.tracking.recording.recorder import Recorder
from autotrack.tracking.recording.telling import tell

#: The tag by which a run that judges a fitted model knows the run it was fitted in.
MODEL_RUN_TAG = "autotrack.model_run"

#: Key, value and step of a metric.
Measured = tuple[str, float, int | None]


class Measurements:
    """Writes a run whose numbers come in one evaluation at a time.

    Safe to use from several threads. Every method may raise; capture turns that into a warning.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._retry_queue = recorder.retry_queue

    def open(
        self,
        facts: FitFacts,
        kind: RunKind = "validation",
        *,
        parent: OpenFit | None = None,
        progress: Progress | None = None,
    ) -> OpenFit:
        """Begin a run of its own: a child of `parent`, else of the active run where there is one.

        Where it is known how many evaluations there will be, `progress` says so.
        """
        stack = active_runs()
        active = stack[-1] if stack else None

        def usual(facts: FitFacts, active: ActiveRun | None) -> OpenFit:
            above = parent or active
            store = self._recorder.store_for(active) if parent is None else parent.store
            opened = OpenFit(facts, store, new_run_id(), True, active)
            self._recorder.create_run(opened, kind, None if above is None else above.run_id)
            return opened

        if parent is not None:
            opened = usual(facts, active)
        else:
            opened = self._recorder.place(facts, active, usual, kind)
        if progress is not None:
            self.add(opened, [], progress)
        return opened

    def add(
        self,
        opened: OpenFit,
        metrics: Sequence[Measured],
        progress: Progress | None = None,
        notes: Sequence[Note] = (),
    ) -> None:
        """Write what was measured meanwhile, at once, how far that is, and what came up in it."""
        now = time.time()
        self.put(opened, [(*metric, now) for metric in metrics], progress, notes)

    def put(
        self,
        opened: OpenFit,
        rows: Sequence[MetricRow],
        progress: Progress | None = None,
        notes: Sequence[Note] = (),
    ) -> None:
        """Write what was measured, with the times when that was."""
        if not opened.own:
            note_filed(opened.run_id, (key for key, *_ in rows))

        def put(store: Store) -> None:
            store.add_metrics(opened.run_id, rows)
            if notes:
                store.add_notes({opened.run_id: notes})
            if progress is not None:
                store.set_tags(opened.run_id, {PROGRESS_TAG: str(progress)})

        self._retry_queue.write(opened.store, put, durable=False)

    def stream(self, opened: OpenFit) -> Stream:
        """For evaluations that may come quickly; to be closed before the run ends."""
        return Stream(self, opened, self._recorder.failsafe)

    def predictions(self, opened: OpenFit, y: object, groups: object) -> PredictionWriter:
        """For what the evaluations predict; to be closed before the run ends."""
        return PredictionWriter(opened.store, opened.run_id, self._retry_queue, y, groups)

    def close(
        self,
        opened: OpenFit,
        metrics: Sequence[Measured],
        tables: Mapping[str, Table],
        progress: Progress | None = None,
        tags: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """All evaluations returned: what they came to, and the run ends."""
        now = time.time()
        folder = self._recorder.workspace.files_of(opened.store, opened.run_id)
        files = [
            file_table(folder, opened.run_id, f"scores/{name}.csv", table)
            for name, table in tables.items()
        ]

        found = unset_seeds(tags, "validation", self._recorder.settings.checks)

        def close(store: Store) -> None:
            store.add_metrics(opened.run_id, [(*metric, now) for metric in metrics])
            if found:
                store.add_evidence(opened.run_id, found)
            store.put_artifacts(opened.run_id, files)
            store.set_tags(opened.run_id, tags or {})
            if progress is not None:
                store.set_tags(opened.run_id, {PROGRESS_TAG: str(progress), **tags})
            store.end_run(opened.run_id, status="FINISHED", end_time=now)

        self._retry_queue.write(opened.store, close)

    def found(self, opened: OpenFit, findings: Sequence[Finding]) -> None:
        """Write what makes its scores worth less than they look."""
        if findings:
            self._retry_queue.write(
                opened.store,
                lambda store: store.add_evidence(opened.run_id, findings),
                durable=False,
            )
            if not self._recorder.settings.quiet:
                tell(opened.run_id, findings)

    def fail(self, opened: OpenFit, error: BaseException) -> None:
        """The call raised: its run ends with the error."""
        self._recorder.fail_fit(opened, error)

    @staticmethod
    def link_of(opened: OpenFit, scope: str = "") -> Link:
        """The tie to the run for what is computed from its results later.

        With a `scope`, the scores of its models are kept apart from those it measured itself.
        """
        return Link(opened.store, opened.run_id, scope=scope)


class Stream:
    """What the evaluations of one run measure, written within half a second of its coming."""

    def __init__(self, measurements: Measurements, opened: OpenFit, failsafe: Failsafe) -> None:
        self._measurements = measurements
        self._opened = opened
        self._flusher = Flusher(self._write, failsafe)
        self._waiting: deque[tuple[MetricRow, ...]] = deque()
        self._notes: deque[Note] = deque()
        self._progress: Progress | None = None

    def add(
        self, metrics: Sequence[Measured], progress: Progress, notes: Sequence[Note] = ()
    ) -> None:
        """An evaluation finished."""
        now = time.time()
        self._waiting.append(tuple((*metric, now) for metric in metrics))
        self._notes.extend(notes)
        self._progress = progress
        self._flusher.notify()

    def close(self) -> None:
        """Write whatever waits; nothing comes any more."""
        self._flusher.close()

    def _write(self) -> None:
        rows: list[MetricRow] = []
        notes: list[Note] = []
        # What comes meanwhile, from another thread, is written now or with the next.
        progress, self._progress = self._progress, None
        while self._waiting:
            rows += self._waiting.popleft()
        while self._notes:
            notes.append(self._notes.popleft())
        if rows or notes or progress is not None:
            self._measurements.put(self._opened, rows, progress, notes)
