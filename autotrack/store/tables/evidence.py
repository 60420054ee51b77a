"""The part of the store that keeps what scores are worth: findings, and rows that training had."""

from __future__ import annotations

import json
from collections.abc import Iterable

from autotrack.entities import Finding, SeenRows, SharedRows
from autotrack.store.keys import clean_text
from autotrack.store.tables.runs import Runs


class ScoreEvidence(Runs):
    """Findings and counts of seen rows, by run and by what the data is called."""

    def add_evidence(
        self, run_id: str, findings: Iterable[Finding], seen: SeenRows | None = None
    ) -> None:
        """Keep findings, each kind once for the same data, and how many rows training had."""
        rows = [
            (
                clean_text(found.data),
                found.code,
                found.grade,
                clean_text(found.text),
                clean_text(found.remedy),
                json.dumps(dict(found.evidence)),
            )
            for found in findings
        ]
        with self.transaction() as connection:
            number = self._number(connection, run_id)
            if rows:
                connection.executemany(
                    "INSERT OR REPLACE INTO findings VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [(number, *row) for row in rows],
                )
            if seen is not None:
                connection.execute(
                    "INSERT OR REPLACE INTO seen_rows VALUES (?, ?, ?, ?, ?)",
                    (number, clean_text(seen.data), seen.rows, seen.seen, seen.with_target),
                )

    def add_shared_rows(self, pairs: Iterable[SharedRows]) -> None:
        """Keep how many rows data sets have in common."""
        rows = [(pair.fingerprint, pair.other, pair.rows) for pair in pairs]
        rows += [(other, fingerprint, count) for fingerprint, other, count in rows]
        with self.transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO shared_rows VALUES (?, ?, ?)", rows)

    def shared_rows(self) -> dict[str, dict[str, int]]:
        """How many rows each data set shares with which others, by fingerprints."""
        with self.reading() as connection:
            rows = connection.execute("SELECT * FROM shared_rows").fetchall()
        found: dict[str, dict[str, int]] = {}
        for fingerprint, other, count in rows:
            found.setdefault(fingerprint, {})[other] = count
        return found

    def findings(self, run_id: str) -> list[Finding]:
        """What was found of a run's scores, the gravest first."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT code, grade, data, text, remedy, evidence FROM findings"
                " WHERE run = ? ORDER BY grade DESC, code, data",
                (self._number(connection, run_id),),
            ).fetchall()
        return [
            Finding(code, grade, data, text, remedy, json.loads(evidence))
            for code, grade, data, text, remedy, evidence in rows
        ]

    def codes_found(self, run_ids: Iterable[str]) -> dict[str, list[str]]:
        """The codes of what was found of several runs, the gravest first; without runs of none.

        What is for the record alone (grade 0) is left out.
        """
        wanted = json.dumps(list(run_ids))
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT r.run_id, f.code FROM findings AS f JOIN runs AS r ON r.id = f.run"
                " WHERE f.grade > 0 AND r.run_id IN (SELECT value FROM json_each(?))"
                " GROUP BY r.id, f.code ORDER BY r.id, max(f.grade) DESC, f.code",
                (wanted,),
            ).fetchall()
        found: dict[str, list[str]] = {}
        for run_id, code in rows:
            found.setdefault(run_id, []).append(code)
        return found

    def seen_rows(self, run_id: str) -> dict[str, SeenRows]:
        """How many of the scored rows training had, by what the data is called."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT data, rows, seen, with_target FROM seen_rows WHERE run = ?",
                (self._number(connection, run_id),),
            ).fetchall()
        return {row[0]: SeenRows(*row) for row in rows}

    def move_evidence(self, source: str, target: str) -> None:
        """Move what was found of a run to another one."""
        with self.transaction() as connection:
            old, new = self._number(connection, source), self._number(connection, target)
            for table in ("findings", "seen_rows"):
                connection.execute(
                    f"UPDATE OR REPLACE {table} SET run = ? WHERE run = ?", (new, old)
                )
