"""Which run a score belongs to, the key and step it has there, and what is written with it."""

from __future__ import annotations

import time
from collections.abc import Callable

from autotrack.analysis.names import SCORE_METRIC_TAG
from autotrack.describe.environment import source
from autotrack.entities import DatasetUse
from autotrack.settings import Settings
from autotrack.store.store import Store
from autotrack.tracking.active import active_runs, note_filed
from autotrack.tracking.crating.run_files import ScoreTables
from autotrack.tracking.facts import ScoreFacts
from autotrack.tracking.model_links import Link
from autotrack.tracking.moved_fits import Moved
from autotrack.tracking.recording.loaded_scores import LOADED_TAG, noted
from autotrack.tracking.recording.steps import Steps
from autotrack.tracking.recording.telling import tell, unseen_metrics
from autotrack.tracking.workspace import Workspace

#: What begins the key of a score whose model is not known, in a run that holds a model.
UNLINKED = "unlinked"
_MOST_WRITTEN = 10_000

#: A run, and what was written of it; or a store, and what it has.
Mark = tuple[str | None, ...]


class WrittenOnce:
    """What was written already: most scores of a run are on the same data."""

    def __init__(self) -> None:
        self._marks: set[Mark] = set()

    def __contains__(self, mark: object) -> bool:
        return mark in self._marks

    def add(self, mark: Mark) -> None:
        """Note that it was written."""
        if len(self._marks) >= _MOST_WRITTEN:
            self._marks.clear()
        self._marks.add(mark)


class ScoreWriter:
    """Writes scores into runs.

    Parameters
    ----------
    settings : Settings
    workspace : Workspace
    moved : Moved
        Where fits are by now that were moved out of a run.
    written : WrittenOnce
        What the runs have already.
    open_changed : callable
        Makes the run of a model that was changed after its fit.
    """

    def __init__(
        self,
        settings: Settings,
        workspace: Workspace,
        moved: Moved,
        written: WrittenOnce,
        open_changed: Callable[[Link], None],
    ) -> None:
        self.settings = settings
        self.workspace = workspace
        self.retry_queue = workspace.retry_queue
        self.moved = moved
        self._written = written
        self._open_changed = open_changed
        self._tables = ScoreTables(workspace)
        self._steps = Steps(workspace.retry_queue)

    def score(self, link: Link | None, facts: ScoreFacts) -> None:
        """Write a score into the run of the model it judges, else into the active run."""
        stack = () if link is not None else active_runs()
        if link is not None:
            store, run_id = link.store, self.moved.place_of(link)
        elif stack:
            store, run_id = stack[-1].store, stack[-1].run_id
        else:
            self._note_unplaced(facts)
            return
        if link is not None and link.changed_from:
            self._open_changed(link)
        prefix = self._prefix(link, facts)
        numbers = {f"{prefix}_{name}": number for name, number in facts.numbers.items()}
        now = time.time()
        metrics, stages = self._steps.of(store, run_id, numbers, facts, link)
        metrics += unseen_metrics(prefix, facts, metrics)
        if link is None and stack[-1].fit is None:
            stack[-1].unlinked.update(numbers)
        rows = self._tables.file(store, run_id, prefix, facts.tables)
        place = run_id
        use = None if facts.data is None else (run_id, *marks(facts.data))
        if link is not None:
            note_filed(run_id, (k for k, *_ in (*metrics, *stages)), (row.path for row in rows))

        def put(store: Store) -> None:
            # It may have been moved meanwhile, by another thread.
            run_id = place if link is None else self.moved.place_of(link)
            store.add_metrics(run_id, metrics)
            if stages:
                store.add_stages(run_id, stages)
            if rows:
                store.put_artifacts(run_id, rows)
            self._put_data(store, run_id, facts, use)
            if link is not None and link.loaded:
                keys = [*numbers, *(row.path for row in rows)]
                # When the score was made, whenever it is written.
                self._note_loaded(store, run_id, keys, metrics[0][3] if metrics else now)

        if self.retry_queue.write(store, put) and use is not None and use not in self._written:
            self._written.add(use)
        self.workspace.scores += 1
        if not self.settings.quiet:
            tell(run_id, facts.findings)

    @staticmethod
    def _note_loaded(store: Store, run_id: str, keys: list[str], now: float) -> None:
        """Note which scores came after the run, with a model that was loaded."""
        before = store.tag(run_id, LOADED_TAG) or ""
        store.set_tags(run_id, {LOADED_TAG: noted(before, keys, now, source().script)})

    def _note_unplaced(self, facts: ScoreFacts) -> None:
        self.workspace.unplaced += 1
        self.workspace.first_unplaced = self.workspace.first_unplaced or facts.place

    def _prefix(self, link: Link | None, facts: ScoreFacts) -> str:
        """What the keys of a score begin with."""
        if link is not None:
            return f"{link.scope}_{facts.data_name}" if link.scope else facts.data_name
        if active_runs()[-1].fit is None:
            return facts.data_name
        # What no model of the run was shown to have predicted must not pass for its score.
        self._note_unplaced(facts)
        return f"{UNLINKED}_{facts.data_name}"

    def _put_data(
        self, store: Store, run_id: str, facts: ScoreFacts, use: tuple[str | None, ...] | None
    ) -> None:
        """Write on which data a score was computed, and what is to be said of that."""
        if facts.data is not None and use not in self._written:
            store.add_dataset(run_id, facts.data)
        if facts.is_assessed:
            store.add_evidence(run_id, facts.findings, facts.seen)
        if facts.shared:
            store.add_shared_rows(facts.shared)
        if facts.score_metric:
            store.set_tags(run_id, {SCORE_METRIC_TAG: facts.score_metric})


def marks(use: DatasetUse) -> Mark:
    """By what it is known that a run has a use of data."""
    # One X is listed once, whichever of its targets it is judged by.
    return use.context, use.name, use.data.fingerprint
