"""What belongs to no single run: code by its digest, defaults of classes, views that have names."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from autotrack.errors import InvalidValueError
from autotrack.printable import described
from autotrack.store.database import Database
from autotrack.store.keys import clean_text, is_text

_LONGEST_VIEW = 200


class Shared(Database):
    """Texts of code by digest, defaults by class and version, and addresses by name."""

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

    def put_class_defaults(self, rows: Iterable[tuple[str, str, str, Mapping[str, Any]]]) -> None:
        """Keep the defaults of classes; what is there stays.

        Parameters
        ----------
        rows : iterable of (estimator, distribution, version, params)
        """
        written = [
            (clean_text(name), clean_text(place), clean_text(version), json.dumps(params))
            for name, place, version, params in rows
        ]
        with self.transaction(durable=False) as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO class_defaults VALUES (?, ?, ?, ?)", written
            )

    def put_view(self, name: str, address: str) -> None:
        """Give a view a name; one that had it is replaced.

        Raises
        ------
        InvalidValueError
            If it can be no name.
        """
        name = name.strip()
        if not name or len(name) > _LONGEST_VIEW or not is_text(name):
            raise InvalidValueError(f"{described(name)} cannot be the name of a view")
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO views VALUES (?, ?, ?)",
                (name, clean_text(address), time.time()),
            )

    def delete_view(self, name: str) -> None:
        """Forget a view."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM views WHERE name = ?", (name,))

    def views(self) -> list[tuple[str, str]]:
        """The name and address of each view, by name."""
        with self.reading() as connection:
            rows = connection.execute("SELECT name, address FROM views ORDER BY name").fetchall()
        return [(name, address) for name, address in rows]
