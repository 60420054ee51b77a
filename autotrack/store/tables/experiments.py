"""The part of the store that keeps experiments."""

from __future__ import annotations

import difflib
import sqlite3
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autotrack.entities import Experiment
from autotrack.errors import ExperimentNotFoundError, InvalidValueError
from autotrack.printable import described
from autotrack.store.database import Database
from autotrack.store.keys import clean_key, clean_text
from autotrack.store.tables.runs import refuse_if_registered

_COLUMNS = "id, name, artifact_location, created, deleted"
_RUNS = "WITH family (id) AS (SELECT id FROM runs WHERE experiment = ?)"


def instant(seconds: float) -> datetime:
    """Epoch seconds, as the store keeps them, as a UTC datetime."""
    return datetime.fromtimestamp(seconds, UTC)


class Experiments(Database):
    """Experiments by name and id. Ids are numbers, given out as text."""

    def create_experiment(
        self,
        name: str,
        *,
        artifact_location: str | Path | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Make an experiment and return its id.

        Parameters
        ----------
        name : str
        artifact_location : path, optional
            Folder for the files of its runs; by default they lie in the store.
        tags : mapping of str to str, optional

        Raises
        ------
        InvalidValueError
            If the name is empty or taken, be it by a deleted experiment.
        """
        name = _clean_name(name)
        place = None
        if artifact_location is not None:
            place = clean_text(Path(artifact_location).expanduser().absolute())
        with self.transaction() as connection:
            number = _insert(connection, name, place)
            if number is None:
                found = self._experiment_row(connection, name=name)
                raise InvalidValueError(
                    f"experiment {name!r} exists already (id {found[0]}"
                    + (
                        f"); bring it back with restore_experiment('{found[0]}')"
                        if found[4]
                        else "); use it with set_experiment, or choose another name"
                    )
                )
            rows = [
                (number, clean_key(key, "tag"), clean_text(text))
                for key, text in (tags or {}).items()
            ]
            connection.executemany("INSERT INTO experiment_tags VALUES (?, ?, ?)", rows)
        return str(number)

    def experiment_id(self, name: str) -> str:
        """The id of the experiment called `name`, which is made if there is none.

        Raises
        ------
        ExperimentNotFoundError
            If it was deleted.
        """
        find = "SELECT id, deleted, artifact_location FROM experiments WHERE name = ?"
        name = _clean_name(name)
        with self.reading() as connection:
            row = connection.execute(find, (name,)).fetchone()
        if row is None:
            with self.transaction() as connection:
                # Unless another process was quicker.
                _insert(connection, name, None)
                row = connection.execute(find, (name,)).fetchone()
        self._remember(("experiment", str(row[0])), row[2])
        if row[1]:
            raise ExperimentNotFoundError(
                f"experiment {name!r} was deleted; bring it back with "
                f"restore_experiment('{row[0]}'), or choose another name"
            )
        return str(row[0])

    def get_experiment(
        self, *, name: str | None = None, experiment_id: str | None = None
    ) -> Experiment:
        """The experiment of this name or id, be it deleted.

        Raises
        ------
        ExperimentNotFoundError
            If there is none; the message names those that look alike.
        """
        if (name is None) == (experiment_id is None):
            raise InvalidValueError("give either the name or the experiment_id of an experiment")
        with self.reading() as connection:
            row = self._experiment_row(connection, name=name, experiment_id=experiment_id)
            tags = connection.execute(
                "SELECT key, value FROM experiment_tags WHERE experiment = ?", (row[0],)
            ).fetchall()
        return _experiment(row, dict(tags))

    def list_experiments(self, *, deleted: bool = False) -> list[Experiment]:
        """All experiments, oldest first; with `deleted`, the deleted ones among them."""
        with self.reading() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM experiments WHERE deleted <= ? ORDER BY id",
                (int(deleted),),
            ).fetchall()
            tags: dict[int, dict[str, str]] = {}
            for number, key, value in connection.execute("SELECT * FROM experiment_tags"):
                tags.setdefault(number, {})[key] = value
        return [_experiment(row, tags.get(row[0], {})) for row in rows]

    def rename_experiment(self, experiment_id: str, name: str) -> None:
        """Give an experiment another name.

        Raises
        ------
        InvalidValueError
            If another one has it.
        """
        name = _clean_name(name)
        with self.transaction() as connection:
            row = self._experiment_row(connection, experiment_id=experiment_id)
            taken = connection.execute(
                "SELECT id FROM experiments WHERE name = ? AND id <> ?", (name, row[0])
            ).fetchone()
            if taken:
                raise InvalidValueError(
                    f"experiment {taken[0]} is called {name!r} already; choose another name"
                )
            connection.execute("UPDATE experiments SET name = ? WHERE id = ?", (name, row[0]))

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark an experiment as deleted; its runs are kept, and hidden with it."""
        self._mark_experiment(experiment_id, deleted=True)

    def restore_experiment(self, experiment_id: str) -> None:
        """Undo :meth:`delete_experiment`."""
        self._mark_experiment(experiment_id, deleted=False)

    def _mark_experiment(self, experiment_id: str, *, deleted: bool) -> None:
        with self.transaction() as connection:
            row = self._experiment_row(connection, experiment_id=experiment_id)
            if deleted:
                refuse_if_registered(connection, _RUNS, row[0])
            connection.execute(
                "UPDATE experiments SET deleted = ? WHERE id = ?", (int(deleted), row[0])
            )

    def _experiment_row(
        self,
        connection: sqlite3.Connection,
        *,
        name: str | None = None,
        experiment_id: str | None = None,
    ) -> tuple[Any, ...]:
        if name is not None:
            where, value = "name = :asked", str(name)
        else:
            # Compared as text, so that '01' or 'abc' is no experiment rather than number 1 or 0.
            where, value = (
                "id = CAST(:asked AS INTEGER) AND CAST(id AS TEXT) = :asked",
                str(experiment_id),
            )
        row: tuple[Any, ...] | None = connection.execute(
            f"SELECT {_COLUMNS} FROM experiments WHERE {where}", {"asked": clean_text(value)}
        ).fetchone()
        if row is None:
            raise self._no_experiment(connection, value, by_name=name is not None)
        return row

    def _no_experiment(
        self, connection: sqlite3.Connection, asked: str, *, by_name: bool
    ) -> ExperimentNotFoundError:
        rows = connection.execute("SELECT id, name FROM experiments ORDER BY id DESC LIMIT 500")
        known = {name: str(number) for number, name in rows}
        near = difflib.get_close_matches(asked, known, n=3, cutoff=0.5) or list(known)[:5]
        listed = ", ".join(f"{name!r} (id {known[name]})" for name in near)
        return ExperimentNotFoundError(
            f"no experiment {'is called' if by_name else 'has the id'} {asked!r} in {self.root}; "
            + (f"there is {listed}" if listed else "the store holds none yet")
        )


def _insert(connection: sqlite3.Connection, name: str, location: str | None) -> int | None:
    cursor = connection.execute(
        "INSERT INTO experiments (name, artifact_location, created) VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO NOTHING",
        (name, location, time.time()),
    )
    return cursor.lastrowid if cursor.rowcount else None


def _clean_name(name: object) -> str:
    if isinstance(name, str) and name.strip() and clean_text(name) == name:
        return name
    raise InvalidValueError(
        f"{described(name)} cannot be the name of an experiment; give a non-empty text"
    )


def _experiment(row: tuple[Any, ...], tags: Mapping[str, str]) -> Experiment:
    number, name, location, created, deleted = row
    return Experiment(str(number), name, location, instant(created), bool(deleted), tags)
