"""Runs of notebook cells that were run again: of each cell the newest execution stands for all."""

from __future__ import annotations

import sqlite3

from autotrack.runtime.dataclass import dataclass

#: The tags of a run that say which cell it came from, and in which execution.
CELL_TAG, EXECUTION_TAG = "autotrack.cell", "autotrack.execution"


@dataclass(frozen=True, slots=True)
class Repeats:
    """What folds.

    Attributes
    ----------
    superseded : frozenset of str
        Runs of cells that were run again.
    times : dict
        How often the cell of a run was run that is left, where that is more than once.
    """

    superseded: frozenset[str]
    times: dict[str, int]


def repeats(connection: sqlite3.Connection) -> Repeats:
    """The runs of cells that were run more than once."""
    rows = connection.execute(
        "SELECT r.run_id, c.value, e.value FROM tags AS c"
        " JOIN tags AS e ON e.run = c.run AND e.key = ?"
        " JOIN runs AS r ON r.id = c.run WHERE c.key = ? AND NOT r.deleted"
        " ORDER BY r.start_time, r.id",
        (EXECUTION_TAG, CELL_TAG),
    ).fetchall()
    executions: dict[str, dict[str, None]] = {}
    for _, cell, execution in rows:
        # In the order in which they were last seen.
        known = executions.setdefault(cell, {})
        known.pop(execution, None)
        known[execution] = None
    newest = {cell: list(known)[-1] for cell, known in executions.items()}
    return Repeats(
        frozenset(run for run, cell, execution in rows if execution != newest[cell]),
        {
            run: len(executions[cell])
            for run, cell, execution in rows
            if execution == newest[cell] and len(executions[cell]) > 1
        },
    )
