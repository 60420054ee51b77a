"""Columns of lists and frames that say what scores are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autotrack.analysis.data_frames import RUN_COLUMNS, runs_frame
from autotrack.analysis.evidence.ledger import models_judged
from autotrack.runtime.dataclass import dataclass
from autotrack.store.search.query import RunRow
from autotrack.store.search.unset import unset_params
from autotrack.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

#: A held-out set that judged fewer models is not worth a column.
FEWEST_JUDGED = 2


@dataclass(frozen=True, slots=True)
class Worth:
    """What is to be said of several runs, by their ids.

    Attributes
    ----------
    findings : mapping of str to sequence of str
        The codes that were found, the gravest first.
    judged : mapping of str to int
        How many models the held-out set has judged that the run was scored on; empty where none
        of the runs shares its set with another model.
    """

    findings: Mapping[str, Sequence[str]]
    judged: Mapping[str, int]


def worth_of(store: Store, rows: Sequence[RunRow]) -> Worth:
    """What is to be said of the runs of a list."""
    findings = store.codes_found(row.run_id for row in rows)
    scored = [row.run_id for row in rows if row.metrics and row.kind != "candidate"]
    judged = models_judged(store, scored)
    if max(judged.values(), default=0) < FEWEST_JUDGED:
        judged = {}
    return Worth(findings, judged)


def unset_of(store: Store, rows: Sequence[RunRow]) -> dict[str, Mapping[str, Any]]:
    """What each run had of the params that another of them set, and it did not; by its id."""
    keys = {key for row in rows for key in row.params}
    with store.reading() as connection:
        found = unset_params(connection, rows, keys)
    return {row.run_id: unset for row, unset in zip(rows, found, strict=True)}


def with_defaults(store: Store, rows: Sequence[RunRow]) -> list[RunRow]:
    """The runs with the default of each param that another of them set, where it is known."""
    unset = unset_of(store, rows)
    return [
        replace(row, params={**row.params, **unset[row.run_id]}) if unset[row.run_id] else row
        for row in rows
    ]


def runs_with_worth(store: Store, rows: Sequence[RunRow]) -> pd.DataFrame:
    """A row a run, with `findings` and `judged` where there is something to say."""
    import pandas as pd

    frame, worth = runs_frame(with_defaults(store, rows)), worth_of(store, rows)
    place = len(RUN_COLUMNS)
    if worth.judged:
        counts = [worth.judged.get(row.run_id) for row in rows]
        frame.insert(place, "judged", pd.Series(counts, dtype="Int64"))
    if worth.findings:
        codes = [", ".join(worth.findings.get(row.run_id, ())) for row in rows]
        frame.insert(place, "findings", codes)
    return frame
