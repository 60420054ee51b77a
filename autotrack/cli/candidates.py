"""What `autotrack show` says of a search: its best candidates, and what came up in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from autotrack.analysis.names import BEST_SCORE, CANDIDATE_TAG, RANK_TAG, SPLITS_TAG, TEST_SHARE_TAG
from autotrack.entities import RunRecord
from autotrack.progress.counts import TIME_LEFT_TAG
from autotrack.store.search.query import Query, RunRow
from autotrack.store.store import Store
from autotrack.tracking.evaluations.resume import DATA_TAG, SEARCH_TAG, VERSIONS_TAG

#: By what a search and its candidates are known again, which says nothing to people.
SEARCH_TAGS = (
    CANDIDATE_TAG,
    RANK_TAG,
    TEST_SHARE_TAG,
    SEARCH_TAG,
    DATA_TAG,
    VERSIONS_TAG,
    SPLITS_TAG,
    TIME_LEFT_TAG,
)
_MOST = 10


def best_candidates(store: Store, record: RunRecord) -> list[RunRow]:
    """The candidates that were evaluated on all splits, the best first; then those that were not.

    Of a halving search the last round comes first. No more than fit on a screen.
    """
    ranked = record.tags.get(RANK_TAG, "score")
    order = ("metrics.iter desc", f"metrics.`mean_test_{ranked}` desc", "start_time")
    found = store.search(Query(parent_id=record.run_id, order_by=order, limit=_MOST))
    shown = [f"{moment}_test_{ranked}" for moment in ("mean", "se", "n")]
    shown += ["iter", "n_resources", f"rank_test_{ranked}"]
    return [
        replace(row, metrics={key: row.metrics[key] for key in shown if key in row.metrics})
        for row in found
    ]


def best_so_far(record: RunRecord, best: RunRow) -> str | None:
    """The line that names the best candidate; None while there is none."""
    score = record.metrics.get(BEST_SCORE)
    return None if score is None else f"{score:.6g} with {best.name}"


def notes_of(store: Store, record: RunRecord) -> Iterator[tuple[str, str]]:
    """Split and words of every note of a candidate."""
    for run_id, _, note in store.notes(record.run_id):
        if run_id == record.run_id:
            first = note.message.partition("\n")[0]
            yield f"split {note.split}", f"{note.category.rpartition('.')[2]}: {first}"
