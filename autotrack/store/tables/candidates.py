"""The part of the store that takes many small runs at once: the candidates of a search."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from autotrack.entities import Note, NoteKind, RunError, RunStatus
from autotrack.runtime.dataclass import dataclass
from autotrack.store.codec import decode_metric, encode_metric, encode_param
from autotrack.store.keys import clean_key, clean_text
from autotrack.store.tables.bulk_insert import insert_rows
from autotrack.store.tables.run_data import Facts
from autotrack.store.tables.runs import columns_of

# Run ids in one question.
_MOST_ASKED = 500


@dataclass(frozen=True, slots=True)
class NewCandidate:
    """A candidate that is about to be evaluated."""

    run_id: str
    name: str
    start_time: float
    params: Mapping[str, Any]
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a candidate ended."""

    run_id: str
    status: RunStatus
    end_time: float
    error: RunError | None = None


class Sweeps(Facts):
    """Candidates, in as few statements as their number allows."""

    def add_candidates(self, parent_id: str, candidates: Sequence[NewCandidate]) -> None:
        """Begin runs of the kind ``candidate`` below a run, owned by this process.

        One that is there already is left as it is.
        """
        if not candidates:
            return
        owner = self.processes.token()
        params = [
            (c.run_id, [(clean_key(k, "param"), *encode_param(k, v)) for k, v in c.params.items()])
            for c in candidates
        ]
        with self.transaction() as connection:
            parent, experiment, source = self._family(connection, parent_id)
            family = ("candidate", "RUNNING", experiment, parent, source, owner)
            insert_rows(
                connection,
                "INSERT OR IGNORE INTO runs (run_id, name, start_time, kind, status, experiment,"
                " parent, source_id, owner)",
                [(c.run_id, clean_text(c.name), c.start_time, *family) for c in candidates],
            )
            numbers = self._numbers(connection, [c.run_id for c in candidates])
            insert_rows(
                connection,
                "INSERT OR REPLACE INTO params",
                [(numbers[run_id], *row) for run_id, rows in params for row in rows],
            )
            insert_rows(
                connection,
                "INSERT OR REPLACE INTO tags",
                [
                    (numbers[c.run_id], clean_key(key, "tag"), clean_text(value))
                    for c in candidates
                    for key, value in c.tags.items()
                ],
            )

    def _family(
        self, connection: sqlite3.Connection, parent_id: str
    ) -> tuple[int, int, str | None]:
        row: tuple[int, int, str | None] | None = connection.execute(
            "SELECT id, experiment, source_id FROM runs WHERE run_id = ?", (parent_id,)
        ).fetchone()
        if row is None:
            raise self._no_run(connection, parent_id)
        return row

    def _numbers(self, connection: sqlite3.Connection, run_ids: Iterable[str]) -> dict[str, int]:
        asked = list(dict.fromkeys(run_ids))
        found: dict[str, int] = {}
        for start in range(0, len(asked), _MOST_ASKED):
            part = asked[start : start + _MOST_ASKED]
            places = ", ".join("?" * len(part))
            sql = f"SELECT run_id, id FROM runs WHERE run_id IN ({places})"
            found |= dict(connection.execute(sql, part).fetchall())
        for run_id in asked:
            if run_id not in found:
                raise self._no_run(connection, run_id)
        return found

    def put_metrics(self, metrics: Mapping[str, Mapping[str, float]], time: float) -> None:
        """Keep numbers by run and key that have no history: a new one takes the old one's place."""
        rest = (0, 0, time, 1)
        with self.transaction() as connection:
            numbers = self._numbers(connection, metrics)
            insert_rows(
                connection,
                "INSERT OR REPLACE INTO metrics (run, key, value, number, step, time, next_step)",
                [
                    (numbers[run_id], clean_key(key, "metric"), encode_metric(key, value), *rest)
                    for run_id, measured in metrics.items()
                    for key, value in measured.items()
                ],
            )

    def end_candidates(self, endings: Sequence[Ending]) -> None:
        """End several runs."""
        with self.transaction() as connection:
            connection.executemany(
                "UPDATE runs SET status = ?, end_time = ?, owner = NULL, error_type = ?,"
                " error_message = ?, error_traceback = ? WHERE run_id = ?",
                [(end.status, end.end_time, *columns_of(end.error), end.run_id) for end in endings],
            )

    def add_notes(self, notes: Mapping[str, Sequence[Note]]) -> None:
        """Keep what was noted, by run; the same note of the same split is one."""
        with self.transaction() as connection:
            numbers = self._numbers(connection, notes)
            for run_id, noted in notes.items():
                for note in noted:
                    message = _message_number(connection, note)
                    connection.execute(
                        "INSERT OR IGNORE INTO notes VALUES (?, ?, ?)",
                        (numbers[run_id], note.split, message),
                    )

    def split_metrics(
        self, parent_id: str, key: str | None = None
    ) -> list[tuple[str, int, str, float]]:
        """What the runs directly below measured: run id, step, key and value, oldest first.

        With `key`, of that metric alone.
        """
        each = " UNION ALL ".join(
            f"SELECT r.run_id, m.step, m.key, m.value, m.number AS number FROM runs AS r"
            f" JOIN {table} AS m ON m.run = r.id WHERE r.parent = :run AND NOT r.deleted"
            f"{'' if key is None else ' AND m.key = :key'}"
            for table in ("earlier_metrics", "metrics")
        )
        with self.reading() as connection:
            asked = {"run": self._number(connection, parent_id), "key": key}
            rows = connection.execute(f"{each} ORDER BY number", asked).fetchall()
        return [(run, step, name, decode_metric(value)) for run, step, name, value, _ in rows]

    def tagged_children(self, parent_id: str, key: str) -> dict[str, str]:
        """The text of a tag, by the ids of the runs directly below."""
        with self.reading() as connection:
            number = self._number(connection, parent_id)
            rows = connection.execute(
                "SELECT r.run_id, t.value FROM runs AS r JOIN tags AS t ON t.run = r.id"
                " WHERE r.parent = ? AND NOT r.deleted AND t.key = ?",
                (number, key),
            ).fetchall()
        return dict(rows)

    def notes(self, run_id: str) -> list[tuple[str, str, Note]]:
        """What was noted in a run and in those directly below it: run id, name and note."""
        with self.reading() as connection:
            number = self._number(connection, run_id)
            rows = connection.execute(
                "SELECT r.run_id, r.name, n.split, m.kind, m.category, m.message, m.details"
                " FROM (SELECT id FROM runs WHERE id = :run UNION ALL"
                " SELECT id FROM runs WHERE parent = :run AND NOT deleted) AS f"
                " JOIN notes AS n ON n.run = f.id JOIN runs AS r ON r.id = f.id"
                " JOIN messages AS m ON m.id = n.message ORDER BY r.id, n.split, m.id",
                {"run": number},
            ).fetchall()
        return [(run, name, Note(*columns)) for run, name, *columns in rows]


def _message_number(connection: sqlite3.Connection, note: Note) -> int:
    kind: NoteKind = note.kind
    row = (kind, clean_text(note.category), clean_text(note.message), clean_text(note.details))
    connection.execute(
        "INSERT OR IGNORE INTO messages (kind, category, message, details) VALUES (?, ?, ?, ?)", row
    )
    found = connection.execute(
        "SELECT id FROM messages WHERE kind = ? AND category = ? AND message = ? AND details = ?",
        row,
    ).fetchone()
    return int(found[0])
