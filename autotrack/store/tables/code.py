"""The user's own code that models use: each text once, however many runs have it."""

from __future__ import annotations

from collections.abc import Mapping

from autotrack.store.keys import clean_text
from autotrack.store.tables.runs import Runs


class Codes(Runs):
    """Texts by their digests, and the runs of a process."""

    def put_code(self, texts: Mapping[str, str]) -> None:
        """Keep texts by digest; what is there stays."""
        rows = [(digest, clean_text(text)) for digest, text in texts.items()]
        with self.transaction() as connection:
            connection.executemany("INSERT OR IGNORE INTO code VALUES (?, ?)", rows)

    def code(self, digest: str) -> str | None:
        """The text of this digest; None where there is none."""
        with self.reading() as connection:
            row: tuple[str] | None = connection.execute(
                "SELECT text FROM code WHERE digest = ?", (digest,)
            ).fetchone()
        return None if row is None else row[0]

    def runs_of_source(self, source_id: str) -> list[str]:
        """The runs that one process made, in the order in which they began."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT run_id FROM runs WHERE source_id = ? AND NOT deleted ORDER BY id",
                (source_id,),
            ).fetchall()
        return [run_id for (run_id,) in rows]
