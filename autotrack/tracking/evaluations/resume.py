"""Taking up what an interrupted search had computed."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Protocol

from autotrack.analysis.names import CANDIDATE_TAG, SPLITS_TAG
from autotrack.analysis.split_keys import measured_key
from autotrack.entities import Note
from autotrack.printable import printable
from autotrack.runtime.dataclass import dataclass
from autotrack.store.search.query import Query, RunRow
from autotrack.store.store import Store

#: Tags of a search: what it is called, what an evaluation of it depends on, which candidates it
#: tries, on which data, with which versions.
NAME_TAG, SEARCH_TAG, SWEPT_TAG = "autotrack.search_name", "autotrack.search", "autotrack.swept"
DATA_TAG, VERSIONS_TAG = "autotrack.data", "autotrack.versions"
#: The state of the global random generators at its beginning, and whether evaluations drew from
#: them ("global") or from a generator of the user's own code ("own").
STATE_TAG, DREW_TAG = "autotrack.random_state", "autotrack.drew"
#: Where a search says whose evaluations it goes on with, that they are of another draw than its
#: own, or why it goes on with none.
RESUMED_TAG, DRAW_TAG, AFRESH_TAG = "resumed_from", "resumed_draw", "not_resumed"

# The keys of what a split measures begin so.
_MEASURED = ("split_test_", "split_train_", "fit_time", "score_time")
# What scikit-learn warns of when a scorer raises.
_SCORING_FAILED = "Scoring failed"
# So many searches of one name are looked at, the newest first.
_MOST_SEARCHES = 50

#: The digests of a candidate's params and of a split.
Key = tuple[str, str]


class Generators(Protocol):
    """The random generators that a search may draw from."""

    state: str

    def moved(self) -> str:
        """Which of them have moved on since the search began: "own", "global" or none."""

    def are_seeded(self) -> bool:
        """Whether the user's code sets a seed."""


@dataclass(frozen=True, slots=True)
class SearchIdentity:
    """What two searches must have in common for one to go on with the other.

    Attributes
    ----------
    name : str
        Digest of what it is called.
    identity : str
        Digest of all that an evaluation depends on, its own params and rows aside.
    swept : str
        Digest of what is swept, on which splits.
    data, versions : str
        Digest of the data, and the libraries that matter.
    draws : Generators or None
        The random generators that it may draw from.
    unlike : str
        What it depends on and has no content to compare; it goes on with no other search then.
    """

    name: str
    identity: str = ""
    swept: str = ""
    data: str = ""
    versions: str = ""
    draws: Generators | None = None
    unlike: str = ""

    @property
    def tags(self) -> dict[str, str]:
        """What is kept of it."""
        if self.unlike:
            return {NAME_TAG: self.name}
        return {
            NAME_TAG: self.name,
            SEARCH_TAG: self.identity,
            SWEPT_TAG: self.swept,
            DATA_TAG: self.data,
            VERSIONS_TAG: self.versions,
            STATE_TAG: "" if self.draws is None else self.draws.state,
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation had measured, and what came up in it.

    Attributes
    ----------
    numbers : mapping of str to float
    notes : sequence of Note
    run_id : str
        The search it was computed in.
    drew : str
        Whether that search drew from random generators, and from which.
    """

    numbers: Mapping[str, float]
    notes: Sequence[Note]
    run_id: str = ""
    drew: str = ""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What interrupted searches had computed; nothing where there is none.

    Attributes
    ----------
    evaluations : dict
        By the digests of their params and split.
    why_not : str
        Why the search starts over although there was one.
    """

    evaluations: Mapping[Key, Evaluation] = field(default_factory=dict)
    why_not: str = ""


def find_earlier(store: Store, experiment: str, search_identity: SearchIdentity) -> Earlier:
    """What searches like this one had computed before they were interrupted.

    Not of those that another one went on with to its end, nor of those older than one that tried
    the same and finished.
    """
    query = Query(
        experiment_ids=(store.experiment_id(experiment),),
        where=f"tags.`{NAME_TAG}` = '{search_identity.name}'",
        kinds=("search",),
        children=True,
        limit=_MOST_SEARCHES,
    )
    found: dict[Key, Evaluation] = {}
    finished: set[str] = set()
    used: set[str] = set()
    reasons: list[str] = []
    for place, row in enumerate(store.search(query)):
        if row.status == "RUNNING":
            continue
        alike = not search_identity.unlike and row.tags.get(SEARCH_TAG) == search_identity.identity
        if row.status == "FINISHED":
            finished.add(row.tags.get(SWEPT_TAG, "") if alike else "")
        if row.status == "FINISHED" or row.run_id in used:
            used |= {*row.tags.get(RESUMED_TAG, "").split(", ")}
        elif not alike:
            reasons += [] if place else [_difference(row, search_identity)]
        elif row.tags.get(SWEPT_TAG) not in finished:
            if why_not := _why_not(row, search_identity):
                reasons.append(why_not)
            else:
                found = _evaluations(store, row) | found
    return Earlier(found, "" if found or not reasons else reasons[0])


def _difference(row: RunRow, search_identity: SearchIdentity) -> str:
    if search_identity.unlike:
        return f"{search_identity.unlike} cannot be compared"
    if SEARCH_TAG not in row.tags:
        return f"run {row.run_id[:8]} used what cannot be compared"
    return f"its code or settings are not those of run {row.run_id[:8]}"


def _why_not(row: RunRow, search_identity: SearchIdentity) -> str:
    """Why nothing that a search like this one had computed can be used."""
    run = f"run {row.run_id[:8]}"
    if row.tags.get(DATA_TAG) != search_identity.data:
        return f"the data is not that of {run}"
    before = row.tags.get(VERSIONS_TAG, "")
    if before != search_identity.versions:
        return f"{run} was made with {_changed(before, search_identity)}"
    drew = row.tags.get(DREW_TAG)
    if drew == "own":
        return f"{run} drew from a random generator of its code, evaluation by evaluation"
    draws = search_identity.draws
    if drew and (draws is None or row.tags.get(STATE_TAG) == draws.state or draws.are_seeded()):
        return f"{run} drew from a seeded global random generator, evaluation by evaluation"
    return ""


def _changed(before: str, search_identity: SearchIdentity) -> str:
    now = set(search_identity.versions.split(", "))
    return ", ".join(part for part in before.split(", ") if part not in now) or "other libraries"


def _evaluations(store: Store, search: RunRow) -> dict[Key, Evaluation]:
    numbers: dict[tuple[str, int], dict[str, float]] = {}
    for run_id, split, key, value in store.split_metrics(search.run_id):
        if key.startswith(_MEASURED):
            numbers.setdefault((run_id, split), {})[measured_key(key)] = value
    notes: dict[tuple[str, int], list[Note]] = {}
    for run_id, _, note in store.notes(search.run_id):
        notes.setdefault((run_id, note.split), []).append(note)
    candidates = store.tagged_children(search.run_id, CANDIDATE_TAG)
    drew = search.tags.get(DREW_TAG, "")
    found: dict[Key, Evaluation] = {}
    for (run_id, split), measured in numbers.items():
        digest, _, loop = candidates.get(run_id, "").partition(":")
        splits = json.loads(search.tags.get(f"{SPLITS_TAG}.{loop}", "{}"))
        noted = notes.get((run_id, split), ())
        if digest and str(split) in splits and not _failed(measured, noted):
            rows = splits[str(split)]
            found[digest, rows] = Evaluation(measured, noted, search.run_id, drew)
    return found


def _failed(measured: Mapping[str, float], notes: Sequence[Note]) -> bool:
    """Whether an evaluation could not be fitted or scored: what was in its way may be gone."""
    return any(math.isnan(value) for value in measured.values()) or any(
        note.kind == "error" or _SCORING_FAILED in note.message for note in notes
    )


def tell(text: str, quiet: bool) -> None:
    """One line about what becomes of an earlier search."""
    if not quiet and sys.stderr is not None:
        sys.stderr.write(f"autotrack: {printable(text)}\n")


def going_on(run_id: str, drew: str) -> str:
    """What is said when the first evaluation of an earlier search is used."""
    draw = "; what it drew is of another draw, since no seed is set" if drew else ""
    return (
        f"goes on with the search {run_id[:8]}, which was interrupted: what it computed is not "
        f"computed again (resume=False starts over){draw}"
    )
