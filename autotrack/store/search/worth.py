"""What stands beside scores: the errors of the best, and what held-out data has judged."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from autotrack.runtime.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class HeldOutUse:
    """Data that a run was scored on: what it is called, its rows, and how many runs it judged."""

    context: str
    rows: int | None
    runs: int


def best_candidates(connection: sqlite3.Connection, numbers: Sequence[int]) -> dict[int, int]:
    """The number of the best candidate of each of these runs that is a search and has one."""
    rows = connection.execute(
        "SELECT j.value, max(c.id) FROM json_each(?) AS j"
        " CROSS JOIN metrics AS b ON b.run = j.value AND b.key = 'best_index'"
        " CROSS JOIN runs AS c ON c.parent = j.value AND c.kind = 'candidate' AND NOT c.deleted"
        " CROSS JOIN metrics AS i ON i.run = c.id AND i.key = 'index' AND i.value = b.value"
        " GROUP BY j.value",
        (json.dumps(list(numbers)),),
    )
    return dict(rows.fetchall())


def held_out_uses(
    connection: sqlite3.Connection, numbers: Sequence[int]
) -> dict[int, list[HeldOutUse]]:
    """What these runs were scored on, and how many runs, candidates aside, were scored on it."""
    asked = {"runs": json.dumps(list(numbers))}
    uses = connection.execute(
        "SELECT u.run, u.context, u.dataset, u.target, d.shape FROM json_each(:runs) AS j"
        " CROSS JOIN run_datasets AS u ON u.run = j.value JOIN datasets AS d ON d.id = u.dataset"
        " WHERE u.context NOT IN ('train', 'validation')",
        asked,
    ).fetchall()
    wanted = json.dumps(list({dataset for _, _, dataset, _, _ in uses}))
    counts = {
        (dataset, target): count
        for dataset, target, count in connection.execute(
            "SELECT u.dataset, u.target, count(DISTINCT u.run) FROM run_datasets AS u"
            " JOIN runs AS r ON r.id = u.run WHERE u.dataset IN (SELECT value FROM json_each(?))"
            " AND u.context <> 'train' AND NOT r.deleted AND r.kind <> 'candidate'"
            " GROUP BY u.dataset, u.target",
            (wanted,),
        )
    } if uses else {}  # fmt: skip
    found: dict[int, list[HeldOutUse]] = {}
    for run, context, dataset, target, shape in uses:
        rows = None if shape is None else json.loads(shape)[0]
        use = HeldOutUse(context, rows, counts.get((dataset, target), 1))
        found.setdefault(run, []).append(use)
    return found
