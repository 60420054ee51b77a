"""The handle of a run that users hold: live, reading the store when asked."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from autotrack.analysis.data_frames import artifacts_frame, notes_frame
from autotrack.analysis.evidence.ledger import judged
from autotrack.analysis.evidence.listing import runs_with_worth
from autotrack.analysis.evidence.reading import findings_frame, scores
from autotrack.analysis.names import CRATE
from autotrack.analysis.selection import Candidates
from autotrack.crates.crate import Crate
from autotrack.crates.trust.trust import Trust, Word
from autotrack.entities import DatasetUse, Finding, RunError, RunKind, RunRecord, RunStatus
from autotrack.errors import AutotrackError
from autotrack.printable import described
from autotrack.store.search.query import Query
from autotrack.store.store import Store
from autotrack.tracking import active
from autotrack.tracking.crating.load_stored import (
    load_of_run,
)
from autotrack.tracking.of_run.predictions import RunPredictions
from autotrack.tracking.of_run.reports import ReportsOfRun
from autotrack.tracking.recording import library_calls
from autotrack.tracking.recording.unlike_scores import note_children
from autotrack.tracking.run_errors import ended_by, run_error
from autotrack.tracking.workspace import workspace

if TYPE_CHECKING:
    import pandas as pd


class Run(ReportsOfRun, RunPredictions):
    """One recorded piece of work.

    What it says is read from the store at the moment it is asked, so a run looked at inside its
    own ``with`` block shows what was recorded so far. As a context manager it ends the run:
    FINISHED, or FAILED (KILLED for KeyboardInterrupt) with the exception, which passes unchanged.
    """

    def __init__(self, store: Store, run_id: str, compared: Sequence[Finding] = ()) -> None:
        self._store = store
        self._run_id = run_id
        # What is to be said of the runs that it was chosen from.
        self._compared = compared

    @property
    def run_id(self) -> str:
        """The id: 32 hexadecimal digits."""
        return self._run_id

    def record(self) -> RunRecord:
        """Everything about the run as a frozen value, as it is now."""
        library_calls.settle()
        return self._store.get_run(self._run_id)

    @property
    def name(self) -> str:
        """The name."""
        return self.record().name

    @property
    def kind(self) -> RunKind:
        """``fit``, ``search``, ``candidate``, ``validation``, ``function`` or ``user``."""
        return self.record().kind

    @property
    def status(self) -> RunStatus:
        """``RUNNING``, ``FINISHED``, ``FAILED`` or ``KILLED``."""
        return self.record().status

    @property
    def experiment(self) -> str:
        """Name of its experiment."""
        return self.record().experiment

    @property
    def parent_id(self) -> str | None:
        """Id of its parent run, or None."""
        return self.record().parent_id

    @property
    def start_time(self) -> datetime:
        """When it started, in UTC."""
        return self.record().start_time

    @property
    def end_time(self) -> datetime | None:
        """When it ended, in UTC; None while it runs."""
        return self.record().end_time

    @property
    def params(self) -> Mapping[str, Any]:
        """The params, typed."""
        return self.record().params

    @property
    def metrics(self) -> Mapping[str, float]:
        """The latest value of each metric."""
        return self.record().metrics

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags."""
        return self.record().tags

    @property
    def datasets(self) -> tuple[DatasetUse, ...]:
        """The data it saw."""
        return self.record().datasets

    @property
    def error(self) -> RunError | None:
        """The exception that ended it, or None."""
        return self.record().error

    def artifacts(self) -> pd.DataFrame:
        """Its files, a row each: path, size in bytes, sha256."""
        workspace.before_reading(self._run_id)
        return artifacts_frame(self._store.list_artifacts(self._run_id))

    def children(self) -> pd.DataFrame:
        """Its child runs, a row each, oldest first; columns as in `search_runs`."""
        query = Query(parent_id=self._run_id, order_by=("start_time",))
        return runs_with_worth(self._store, self._store.search(query))

    def leaderboard(self, metric: str | None = None) -> pd.DataFrame:
        """The evaluated candidates of a search, best first.

        Parameters
        ----------
        metric : str, optional
            Which of several scores, as the scorer is called; by default the one that the search
            refitted by.

        Returns
        -------
        DataFrame
            A row a candidate: rank, name, run_id, ``params.*``, mean, std and standard error (se)
            of the score, how many splits, and whether it is statistically tied with the best: by
            the corrected resampled t-test (p_value) on the level of 0.05, see
            `autotrack.analysis.statistics.comparisons.corrected_pvalue`. With many candidates some
            differ by chance; the test is not corrected for that.

        Raises
        ------
        InvalidValueError
            If the run is no search with evaluated candidates, or has no such score.
        """
        return Candidates(self._store, self._run_id, metric).leaderboard()

    def select(
        self,
        rule: str = "best",
        *,
        by: str | Sequence[str] | None = None,
        metric: str | None = None,
        limit: float = 2,
    ) -> Run:
        """Choose a candidate of a search from its stored scores, without fitting anything.

        Parameters
        ----------
        rule : {"best", "one_std_err", "pct_loss"}
            The best mean score; the simplest candidate within one standard error of the best; or
            the simplest that is at most as complex as the best and loses less than `limit` percent
            of its score. As `select_best`, `select_by_one_std_err` and `select_by_pct_loss` of
            tidymodels do.
        by : str or sequence of str
            The swept params that order candidates from simple to complex, by their names or the
            last part of them: ``"max_depth"``; ``"-alpha"`` where smaller is more complex.
        metric : str, optional
            Which of several scores; by default the one that the search refitted by.
        limit : float, default=2
            Percent of the best score that may be lost.

        Returns
        -------
        Run
            The candidate, whose params are those it was evaluated with.

        Raises
        ------
        InvalidValueError
            If the run is no search with evaluated candidates, or an argument makes no sense there.
        """
        candidates = Candidates(self._store, self._run_id, metric)
        return Run(self._store, candidates.select(rule, by, limit))

    def notes(self) -> pd.DataFrame:
        """What came up in it and in its children and did not end them, a row each.

        Warnings, and the errors of fits that failed: run_id, name, split, kind, category, message.
        """
        return notes_frame(self._store.notes(self._run_id))

    def findings(self) -> pd.DataFrame:
        """What makes its scores worth less than they look, the gravest first, a row each.

        Columns: code, grade (``the target was seen``, ``rows were seen``, ``worth a look``), data
        (what it is called in the keys of the scores), finding, remedy, and evidence, a dict of
        numbers and names. ``autotrack help CODE`` explains a code.
        """
        return findings_frame(self._store.findings(self.record().run_id))

    def load_model(self, name: str = CRATE, *, trust: Word | Trust = False) -> Crate:
        """Load the crate that the run keeps under `name`.

        Parameters
        ----------
        name : str, default="model"
        trust : bool, str or sequence of str, optional
            As of :func:`autotrack.load_model`: for a crate that was logged as a file, and not
            packed by the store.

        Raises
        ------
        ArtifactNotFoundError
            If the run holds no such crate; the message says why, where that is known.
        DigestMismatchError
            If a file is not the one that was recorded.
        UntrustedCrateError
            If the store did not pack it, and you do not answer for it.
        """
        return load_of_run(self._store, self.record(), name, trust)

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._run_id not in active.open_runs:
            return
        # A store in trouble must not stop the script, nor put its exception in the user's place.
        with workspace.failsafe.guard(f"end run {self._run_id}"):
            self._end("FINISHED" if error is None else ended_by(error), error)

    def _end(self, status: RunStatus, error: BaseException | None = None) -> None:
        library_calls.note_error(error)
        now, kept = time.time(), None if error is None else run_error(error)
        for run in active.remove(self._run_id):
            run_id = run.run_id
            workspace.write(
                run.store,
                lambda store, run_id=run_id: store.end_run(  # type: ignore[misc]
                    run_id, status=status, end_time=now, error=kept
                ),
            )
            if run.children:
                note_children(run.store, run_id)

    def __reduce__(self) -> tuple[Any, ...]:
        # The handle travels to a worker process, which opens the store for itself.
        return _run_at, (self._store.root, self._run_id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and other.run_id == self.run_id

    def __hash__(self) -> int:
        return hash(self._run_id)

    def _found(self) -> list[tuple[str, str]]:
        found = [*self._store.findings(self._run_id), *self._compared]
        return [(each.code, each.text) for each in found]

    def _judged(self) -> dict[str, str]:
        return judged(self._store, self._run_id)

    def __repr__(self) -> str:
        try:
            record = self.record()
        except AutotrackError as error:  # whoever looks at a value wants no traceback
            return f"<Run {self._run_id}: {error}>"
        lines = [f"<Run {record.name!r} {record.status} {record.run_id} in {record.experiment!r}>"]
        lines += [
            f"  params   {key} = {described(value, 1000)}" for key, value in record.params.items()
        ]
        lines += [f"  metrics  {key} = {text}" for key, text in scores(self._store, record)]
        lines += [f"  findings {code} {text}" for code, text in self._found()]
        lines += [f"  held out {name} {text}" for name, text in self._judged().items()]
        if record.error is not None:
            lines.append(f"  error    {record.error.type}: {record.error.message}")
        if self._asked is not None:
            from autotrack.analysis.predictions import ranking

            lines += [f"  {line}" for line in ranking.standing(self._store, record, *self._asked)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from autotrack import markup

        try:
            record = self.record()
        except AutotrackError:
            return markup.view(markup.line(markup.words(repr(self))))
        where = f"{record.kind} in {record.experiment}"
        if record.end_time is not None:
            where += f", {(record.end_time - record.start_time).total_seconds():.3g} s"
        error = record.error
        return markup.view(
            markup.line(
                markup.strong(record.name),
                f'<span class="{_STYLES.get(record.status, "soft")}">{record.status}</span>',
                markup.code(record.run_id),
                markup.soft(where),
            ),
            markup.line(markup.words(f"{error.type}: {error.message}"), style="bad")
            if error
            else "",
            *(
                markup.line(markup.strong(code), markup.words(text), style="warn")
                for code, text in self._found()
            ),
            markup.pairs("metrics", scores(self._store, record)),
            *(markup.line(markup.code(name), markup.soft(t)) for name, t in self._judged().items()),
            markup.pairs("params", record.params),
            markup.pairs(
                "tags",
                {k: v for k, v in record.tags.items() if not k.startswith("autotrack.")},
            ),
        )


#: How a status stands out.
_STYLES = {"FAILED": "bad", "KILLED": "warn"}


def _run_at(root: Path, run_id: str) -> Run:
    return Run(workspace.store_at(root, lazy=True), run_id)
