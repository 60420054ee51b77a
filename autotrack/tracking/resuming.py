"""Taking up what an interrupted search had computed."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autotrack.entities import Note
from autotrack.printable import printable
from autotrack.store.database import Store
from autotrack.store.search import Query, RunRow

#: Tags of a search: what it does, to which data, with which versions; and, by loop, its splits.
SEARCH_TAG, DATA_TAG, VERSIONS_TAG = "autotrack.search", "autotrack.data", "autotrack.versions"
SPLITS_TAG = "autotrack.splits"
#: The tag by which a candidate is known again: a digest of its params, and its loop.
CANDIDATE_TAG = "autotrack.candidate"
#: Where a search says whose evaluations it goes on with, or why with none.
RESUMED_TAG, AFRESH_TAG = "resumed_from", "not_resumed"

# The keys of what a split measures begin so.
_MEASURED = ("test_", "train_", "fit_time", "score_time")

#: The digests of a candidate's params and of a split.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Likeness:
    """What two searches must have in common for one to go on with the other.

    Attributes
    ----------
    identity : str
        Digest of the estimator, what is swept, the splitter and the scorers.
    data, versions : str
        The data, and the libraries that matter.
    """

    identity: str
    data: str
    versions: str

    @property
    def tags(self) -> dict[str, str]:
        """What is kept of it."""
        return {SEARCH_TAG: self.identity, DATA_TAG: self.data, VERSIONS_TAG: self.versions}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation had measured, and what came up in it."""

    numbers: Mapping[str, float]
    notes: Sequence[Note]


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier search that was interrupted; nothing where there is none.

    Attributes
    ----------
    run_id : str
        Its run; empty if there is none to go on with.
    evaluations : dict
        What it had computed.
    why_not : str
        Why the search starts over although there was one.
    """

    run_id: str = ""
    evaluations: Mapping[Key, Evaluation] = field(default_factory=dict)
    why_not: str = ""

    @property
    def tags(self) -> dict[str, str]:
        """What the search that goes on, or does not, says of it."""
        if self.run_id:
            return {RESUMED_TAG: self.run_id}
        return {AFRESH_TAG: self.why_not} if self.why_not else {}


def find_earlier(store: Store, experiment: str, likeness: Likeness) -> Earlier:
    """What the newest search like this one had computed, if it was interrupted."""
    query = Query(
        experiment_ids=(store.experiment_id(experiment),),
        where=f"tags.`{SEARCH_TAG}` = '{likeness.identity}'",
        kinds=("search",),
        children=True,
        limit=1,
    )
    rows = store.search(query)
    if not rows or rows[0].status in ("FINISHED", "RUNNING"):
        return Earlier()
    row = rows[0]
    if row.tags.get(DATA_TAG) != likeness.data:
        return Earlier(why_not=f"the data is not that of run {row.run_id[:8]}")
    before = row.tags.get(VERSIONS_TAG, "")
    if before != likeness.versions:
        return Earlier(why_not=f"run {row.run_id[:8]} was made with {_changed(before, likeness)}")
    return Earlier(row.run_id, _evaluations(store, row))


def _changed(before: str, likeness: Likeness) -> str:
    now = set(likeness.versions.split(", "))
    return ", ".join(part for part in before.split(", ") if part not in now) or "other libraries"


def _evaluations(store: Store, search: RunRow) -> dict[Key, Evaluation]:
    numbers: dict[tuple[str, int], dict[str, float]] = {}
    for run_id, split, key, value in store.split_metrics(search.run_id):
        if key.startswith(_MEASURED):
            numbers.setdefault((run_id, split), {})[key] = value
    notes: dict[tuple[str, int], list[Note]] = {}
    for run_id, _, note in store.notes(search.run_id):
        notes.setdefault((run_id, note.split), []).append(note)
    candidates = store.tagged_children(search.run_id, CANDIDATE_TAG)
    found: dict[Key, Evaluation] = {}
    for (run_id, split), measured in numbers.items():
        digest, _, loop = candidates.get(run_id, "").partition(":")
        splits = json.loads(search.tags.get(f"{SPLITS_TAG}.{loop}", "{}"))
        if digest and str(split) in splits:
            found[digest, splits[str(split)]] = Evaluation(measured, notes.get((run_id, split), ()))
    return found


def tell(earlier: Earlier, quiet: bool) -> None:
    """One line about what becomes of an earlier search."""
    if quiet or sys.stderr is None:
        return
    if earlier.run_id:
        count = len(earlier.evaluations)
        sys.stderr.write(
            f"autotrack: goes on with the search {earlier.run_id[:8]}, which was interrupted: "
            f"{count} evaluations need not be computed again (resume=False starts over)\n"
        )
    elif earlier.why_not:
        why = printable(earlier.why_not)
        sys.stderr.write(f"autotrack: the search starts over, since {why}\n")
