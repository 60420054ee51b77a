"""What a search has to write at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import field

from autotrack.entities import Note
from autotrack.runtime.dataclass import dataclass
from autotrack.store.store import Store
from autotrack.store.tables.candidates import Ending, NewCandidate
from autotrack.store.tables.run_data import MetricRow


@dataclass(slots=True)
class Batch:
    """What is to be written in one transaction."""

    new: list[NewCandidate] = field(default_factory=list)
    measured: dict[str, list[MetricRow]] = field(default_factory=dict)
    numbers: dict[str, dict[str, float]] = field(default_factory=dict)
    notes: dict[str, list[Note]] = field(default_factory=dict)
    endings: list[Ending] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    # Whether it may have been written before an interrupt struck.
    again: bool = False

    def write(self, store: Store, search: str) -> None:
        """Write it below the run `search`."""
        now = time.time()
        store.add_candidates(search, self.new)
        measured = self.measured
        if self.again:
            measured = {run_id: _missing(store, run_id, rows) for run_id, rows in measured.items()}
        store.add_metrics_of(measured)
        store.put_metrics(self.numbers, now)
        if self.notes:
            store.add_notes(self.notes)
        store.end_candidates(self.endings)
        store.set_tags(search, self.tags)

    def with_later(self, later: Batch) -> Batch:
        """It may have been written, or not: once more, with what came since."""
        self.again = True
        self.new += later.new
        self.endings += later.endings
        self.tags |= later.tags
        for run_id, rows in later.measured.items():
            self.measured.setdefault(run_id, []).extend(rows)
        for run_id, numbers in later.numbers.items():
            self.numbers.setdefault(run_id, {}).update(numbers)
        for run_id, notes in later.notes.items():
            self.notes.setdefault(run_id, []).extend(notes)
        return self


def _missing(store: Store, run_id: str, rows: Sequence[MetricRow]) -> list[MetricRow]:
    known = {
        (m.key, m.step) for key in {r[0] for r in rows} for m in store.metric_history(run_id, key)
    }
    return [row for row in rows if (row[0], row[2]) not in known]
