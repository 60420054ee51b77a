"""What belongs to no single run: the defaults of classes, and the views that have names."""

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
    """Defaults by class and version, and addresses by name."""

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
