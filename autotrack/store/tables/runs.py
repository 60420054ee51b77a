"""The part of the store that keeps runs: their beginning, end and whereabouts."""

from __future__ import annotations

import difflib
import sqlite3
import uuid
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property

from autotrack.entities import RunError, RunKind, RunStatus
from autotrack.errors import (
    ExperimentNotFoundError,
    InvalidValueError,
    RegisteredRunError,
    RunNotFoundError,
    StoreError,
)
from autotrack.store.database import Database
from autotrack.store.keys import clean_text, is_text
from autotrack.store.liveness import Processes

_SHORTEST_PREFIX = 4

_DESCENDANTS = """
    WITH RECURSIVE family (id) AS (
        VALUES (?) UNION SELECT runs.id FROM runs JOIN family ON runs.parent = family.id
    )
"""


def new_run_id() -> str:
    """A fresh id: 32 hexadecimal digits, like MLflow's."""
    return uuid.uuid4().hex


class Runs(Database):
    """Runs by id. A running one is owned by a process; see :mod:`autotrack.store.liveness`."""

    @cached_property
    def processes(self) -> Processes:
        """Who is alive among those that own runs."""
        return Processes(self.root / "processes")

    def create_run(
        self,
        *,
        run_id: str,
        name: str,
        kind: RunKind,
        experiment_id: str,
        parent_id: str | None = None,
        start_time: float,
        source_id: str | None = None,
        owner: str | None = None,
    ) -> None:
        """Begin a run, owned by this process, or by that of the token `owner`.

        `source_id` may be added later in the same transaction.

        Raises
        ------
        ExperimentNotFoundError, RunNotFoundError
            If there is no such experiment or parent.
        InvalidValueError
            If there is a run of this id.
        """
        owner = owner or self.processes.token()
        with self.transaction() as connection:
            parent = None if parent_id is None else self._number(connection, parent_id)
            try:
                made = connection.execute(
                    "INSERT INTO runs (run_id, experiment, parent, name, kind, status, start_time,"
                    " source_id, owner) VALUES (?, ?, ?, ?, ?, 'RUNNING', ?, ?, ?)",
                    (
                        run_id,
                        _experiment_number(experiment_id),
                        parent,
                        clean_text(name),
                        kind,
                        start_time,
                        source_id,
                        owner,
                    ),
                )
            except sqlite3.IntegrityError as error:
                if connection.execute("SELECT 1 FROM runs WHERE run_id = ?", (run_id,)).fetchone():
                    raise InvalidValueError(
                        f"run {run_id!r} exists already; a new run needs an id of its own"
                    ) from error
                raise ExperimentNotFoundError(
                    f"no experiment has the id {experiment_id!r} in {self.root} (was the store "
                    "deleted meanwhile?); ask for its id by name again"
                ) from error
            self._run_numbers[run_id] = int(made.lastrowid or 0)
            place = ("experiment", experiment_id)
            if place in self._memory:
                self._remember(("run", run_id), self._memory[place])

    def reopen_run(self, run_id: str) -> None:
        """Let an ended run go on, owned by this process; its end and error are forgotten."""
        owner = self.processes.token()
        self._update(
            run_id,
            "status = 'RUNNING', owner = ?, end_time = NULL,"
            " error_type = NULL, error_message = NULL, error_traceback = NULL",
            (owner,),
        )

    def end_run(
        self, run_id: str, *, status: RunStatus, end_time: float, error: RunError | None = None
    ) -> None:
        """End a run, or give another end to one that has ended."""
        self._update(
            run_id,
            "status = ?, end_time = ?, owner = NULL,"
            " error_type = ?, error_message = ?, error_traceback = ?",
            (status, end_time, *columns_of(error)),
        )

    def rename_run(self, run_id: str, name: str) -> None:
        """Give a run another name; names need not be unique."""
        self._update(run_id, "name = ?", (clean_text(name),))

    def adopt_run(self, run_id: str, parent_id: str) -> None:
        """Make a run a child of another."""
        with self.transaction() as connection:
            parent = self._number(connection, parent_id)
            self._update(run_id, "parent = ?", (parent,))

    def delete_run(self, run_id: str) -> None:
        """Mark a run and its descendants as deleted; nothing is removed."""
        self._mark_run(run_id, deleted=True)

    def restore_run(self, run_id: str) -> None:
        """Undo :meth:`delete_run`, for the descendants as well."""
        self._mark_run(run_id, deleted=False)

    def purge_run(self, run_id: str) -> list[str]:
        """Remove a run and its descendants for good; returns the locations of their files."""
        with self.transaction() as connection:
            number = self._number(connection, run_id)
            refuse_if_registered(connection, _DESCENDANTS, number)
            rows = connection.execute(
                f"{_DESCENDANTS} SELECT location FROM artifacts WHERE run IN family", (number,)
            ).fetchall()
            connection.execute(f"{_DESCENDANTS} DELETE FROM runs WHERE id IN family", (number,))
            self._run_numbers.clear()
        return [location for (location,) in rows]

    def has_run(self, run_id: str) -> bool:
        """Whether there is a run of this id."""
        with self.reading() as connection:
            found = connection.execute("SELECT 1 FROM runs WHERE run_id = ?", (run_id,))
            return found.fetchone() is not None

    def run_status(self, run_id: str) -> RunStatus:
        """The status as it is stored: of a run whose process died, only reading ends it."""
        with self.reading() as connection:
            row: tuple[RunStatus] | None = connection.execute(
                "SELECT status FROM runs WHERE run_id = ?", (run_id,)
            ).fetchone()
            if row is None:
                raise self._no_run(connection, run_id)
        return row[0]

    def children(self, run_id: str) -> list[str]:
        """The ids of the runs below `run_id`, in the order they were made, deleted ones aside."""
        with self.reading() as connection:
            number = self._number(connection, run_id)
            rows = connection.execute(
                "SELECT run_id FROM runs WHERE parent = ? AND NOT deleted ORDER BY id", (number,)
            ).fetchall()
        return [child for (child,) in rows]

    def find_run(self, text: str) -> str:
        """The full id that `text` is, or begins.

        Raises
        ------
        RunNotFoundError
            If there is none, or more than one.
        """
        with self.reading() as connection:
            return self._find(connection, text)

    def reap(self) -> list[str]:
        """End as KILLED the running runs whose process is gone; returns their ids.

        They end at the last moment something is known of them. A store that cannot be written
        to just now is left as it is: this is for readers, who should get their answer.
        """
        with self.reading() as connection:
            owners = connection.execute(
                "SELECT DISTINCT owner FROM runs WHERE status = 'RUNNING'"
            ).fetchall()
        gone = [owner for (owner,) in owners if not self.processes.alive(owner)]
        killed: list[str] = []
        if gone:
            with suppress(StoreError), self.transaction(durable=False) as connection:
                for owner in gone:
                    killed += self._kill(connection, owner)
        return killed

    def _kill(self, connection: sqlite3.Connection, owner: str | None) -> list[str]:
        mine = "status = 'RUNNING' AND owner IS ?"
        rows = connection.execute(f"SELECT run_id FROM runs WHERE {mine}", (owner,)).fetchall()
        connection.execute(
            "UPDATE runs SET status = 'KILLED', owner = NULL, end_time = max(start_time, coalesce("
            "(SELECT max(time) FROM metrics WHERE run = runs.id), start_time))"
            f" WHERE {mine}",
            (owner,),
        )
        return [run_id for (run_id,) in rows]

    def _mark_run(self, run_id: str, *, deleted: bool) -> None:
        with self.transaction() as connection:
            number = self._number(connection, run_id)
            if deleted:
                refuse_if_registered(connection, _DESCENDANTS, number)
            connection.execute(
                f"{_DESCENDANTS} UPDATE runs SET deleted = ? WHERE id IN family",
                (number, int(deleted)),
            )

    def _update(self, run_id: str, assignments: str, values: Iterable[object]) -> None:
        with self.transaction() as connection:
            cursor = connection.execute(
                f"UPDATE runs SET {assignments} WHERE run_id = ?", (*values, run_id)
            )
            if not cursor.rowcount:
                raise self._no_run(connection, run_id)

    def _number(self, connection: sqlite3.Connection, run_id: str) -> int:
        """The number that the tables of facts know the run by."""
        known = self._run_numbers.get(run_id)
        if known is not None:
            return known
        row: tuple[int] | None = connection.execute(
            "SELECT id FROM runs WHERE run_id = ?", (run_id,)
        ).fetchone()
        if row is None:
            raise self._no_run(connection, run_id)
        self._run_numbers[run_id] = row[0]
        return row[0]

    def _find(self, connection: sqlite3.Connection, text: str) -> str:
        text = clean_text(text)
        rows = connection.execute(
            "SELECT run_id, name FROM runs WHERE run_id = :text"
            " OR (length(:text) >= :least AND run_id BETWEEN :text AND :text || char(1114111))"
            " ORDER BY run_id <> :text, run_id LIMIT 6",
            {"text": text, "least": _SHORTEST_PREFIX},
        ).fetchall()
        if not rows:
            raise self._no_run(connection, text)
        if len(rows) > 1 and rows[0][0] != text:
            listed = ", ".join(f"{run_id} ({name})" for run_id, name in rows[:5])
            more = ", ..." if len(rows) > 5 else ""
            raise RunNotFoundError(
                f"several runs begin with {text!r}: {listed}{more}; give more of the id"
            )
        return str(rows[0][0])

    def _no_run(self, connection: sqlite3.Connection, asked: str) -> RunNotFoundError:
        asked = clean_text(asked)
        rows = connection.execute(
            "SELECT run_id, name FROM runs WHERE name = ? ORDER BY id DESC LIMIT 3", (asked,)
        ).fetchall()
        # The newest only: to compare with every run of a big store would take seconds.
        newest = connection.execute("SELECT run_id, name FROM runs ORDER BY id DESC LIMIT 300")
        known = {text: row for row in newest.fetchall() for text in row}
        near = difflib.get_close_matches(asked, known, n=3, cutoff=0.5)
        rows = rows or list(dict.fromkeys(known[text] for text in near))
        if len(asked) < _SHORTEST_PREFIX:
            advice = f"of an id at least {_SHORTEST_PREFIX} letters are needed"
        elif rows:
            listed = " or ".join(f"{run_id} ({name})" for run_id, name in rows)
            advice = f"did you mean {listed}?"
        elif known:
            advice = "search_runs() lists those there are"
        else:
            advice = "it holds no run at all (was it deleted meanwhile?)"
        return RunNotFoundError(f"no run has the id {asked!r} in {self.root}; {advice}")

    def runs_of_source(self, source_id: str) -> list[str]:
        """The runs that one process made, in the order in which they began."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT run_id FROM runs WHERE source_id = ? AND NOT deleted ORDER BY id",
                (source_id,),
            ).fetchall()
        return [run_id for (run_id,) in rows]


def refuse_if_registered(connection: sqlite3.Connection, family: str, asked: int) -> None:
    """Raise if a version of a model came from one of the runs whose numbers `family` selects.

    Raises
    ------
    RegisteredRunError
        It names the versions.
    """
    rows = connection.execute(
        f"{family} SELECT m.name, v.version FROM model_versions AS v"
        " JOIN registered_models AS m ON m.id = v.model"
        " WHERE v.run IN family ORDER BY 1, 2 LIMIT 6",
        (asked,),
    ).fetchall()
    if rows:
        named = [f"models:/{name}/{version}" for name, version in rows]
        listed = ", ".join(named[:5]) + (", ..." if len(named) > 5 else "")
        raise RegisteredRunError(
            f"{listed} came from what is to be deleted; take that out of the registry first: "
            f"autotrack.delete_model({rows[0][0]!r}, {rows[0][1]})"
        )


def columns_of(error: RunError | None) -> tuple[str | None, str | None, str | None]:
    """What the columns ``error_type``, ``error_message`` and ``error_traceback`` hold."""
    if error is None:
        return None, None, None
    return clean_text(error.type), clean_text(error.message), clean_text(error.traceback)


def _experiment_number(experiment_id: str) -> int:
    return int(experiment_id) if is_text(experiment_id) and experiment_id.isdecimal() else -1
