"""The store: a folder with a SQLite database and the files of runs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from autotrack.entities import DatasetUse, RunError, RunRecord, Source
from autotrack.errors import StoreError
from autotrack.store.artifacts import ArtifactFolder
from autotrack.store.codec import decode_metric, decode_param
from autotrack.store.search.query import Query, RunRow, run_search
from autotrack.store.tables.candidates import Sweeps
from autotrack.store.tables.changes import Changes
from autotrack.store.tables.evidence import ScoreEvidence
from autotrack.store.tables.experiments import Experiments, instant
from autotrack.store.tables.held_out import HeldOut
from autotrack.store.tables.models import Registry
from autotrack.store.tables.run_data import read_dataset
from autotrack.store.tables.shared import Shared

_UNKNOWN: Any = object()


class Store(Experiments, Sweeps, Registry, ScoreEvidence, HeldOut, Shared, Changes):
    """Runs at rest.

    Every method is one transaction, unless it is called within :meth:`transaction`. Threads and
    processes may share a store, across forks too. Whatever SQLite or the operating system
    refuses is raised as a :class:`~autotrack.errors.StoreError`.

    Parameters
    ----------
    root : Path
        The folder of the store.
    create : bool
        Whether to make a store where there is none.
    busy_timeout : float
        Seconds to wait for another process's transaction.
    lazy : bool
        Whether to leave the opening, and its errors, to the first call.

    Raises
    ------
    StoreError
        If there is no store that can be opened.
    """

    def __init__(
        self,
        root: Path,
        *,
        create: bool = True,
        busy_timeout: float = 5.0,
        lazy: bool = False,
    ) -> None:
        super().__init__(root, create=create, busy_timeout=busy_timeout)
        self._artifacts = self.root / "artifacts"
        if not lazy:
            with self._lock:
                self._ensure()

    @property
    def artifacts(self) -> ArtifactFolder:
        """The files of the store. It resolves every location, those outside the store too."""
        # Made each time: kept, it would hold the store in a cycle, and its connection open.
        return ArtifactFolder(self._artifacts, self.processes, elsewhere=self._locations)

    def artifacts_of(self, run_id: str) -> ArtifactFolder:
        """The folder for new files of a run: the store's, or the one its experiment names."""
        place: str | None = self._memory.get(("run", run_id), _UNKNOWN)
        if place is _UNKNOWN:
            with self.reading() as connection:
                row = connection.execute(
                    "SELECT e.artifact_location FROM runs AS r JOIN experiments AS e"
                    " ON e.id = r.experiment WHERE r.run_id = ?",
                    (run_id,),
                ).fetchone()
                if row is None:
                    raise self._no_run(connection, run_id)
                (place,) = row
                self._remember(("run", run_id), place)
        if place is None:
            return self.artifacts
        return ArtifactFolder(Path(place), self.processes, absolute=True, elsewhere=self._locations)

    def get_run(self, run_id: str) -> RunRecord:
        """A run by its id, or by the beginning of it if that is four characters or more.

        Raises
        ------
        RunNotFoundError
            If there is none, or more than one; the message names those that look alike.
        """
        self.reap()
        with self.reading() as connection:
            return _read_run(connection, self._find(connection, run_id))

    def search(self, query: Query) -> list[RunRow]:
        """The runs that `query` asks for; see :mod:`autotrack.store.search`.

        Raises
        ------
        FilterError
            If its texts cannot be understood.
        """
        self.reap()
        with self.reading() as connection:
            return run_search(connection, query)

    def check(self) -> list[str]:
        """What is wrong with the database, in SQLite's words; empty if nothing is."""
        try:
            with self.reading() as connection:
                rows = connection.execute("PRAGMA integrity_check(20)").fetchall()
                problems = [str(row[0]) for row in rows if row[0] != "ok"]
                for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
                    problems.append(
                        f"row {row} of {table} names a row of {parent} that is not there"
                    )
        except StoreError as error:
            return [str(error)]
        return problems

    def _locations(self) -> Iterable[Path]:
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT DISTINCT artifact_location FROM experiments"
                " WHERE artifact_location IS NOT NULL"
            ).fetchall()
        return [Path(location) for (location,) in rows]


def _read_run(connection: sqlite3.Connection, run_id: str) -> RunRecord:
    (
        number, name, kind, status, experiment_id, experiment, parent_id, start, end, deleted,
        error_type, message, traceback, source_id,
    ) = connection.execute(
        "SELECT r.id, r.name, r.kind, r.status, r.experiment, e.name, p.run_id, r.start_time,"
        " r.end_time, r.deleted, r.error_type, r.error_message, r.error_traceback, r.source_id"
        " FROM runs AS r JOIN experiments AS e ON e.id = r.experiment"
        " LEFT JOIN runs AS p ON p.id = r.parent WHERE r.run_id = ?",
        (run_id,),
    ).fetchone()  # fmt: skip
    params = connection.execute(
        "SELECT key, type, value, number FROM params WHERE run = ?", (number,)
    )
    metrics = connection.execute("SELECT key, value FROM metrics WHERE run = ?", (number,))
    tags = connection.execute("SELECT key, value FROM tags WHERE run = ?", (number,))
    return RunRecord(
        run_id=run_id,
        name=name,
        kind=kind,
        status=status,
        experiment_id=str(experiment_id),
        experiment=experiment,
        parent_id=parent_id,
        start_time=instant(start),
        end_time=None if end is None else instant(end),
        deleted=bool(deleted),
        params={key: decode_param(*columns) for key, *columns in params},
        metrics={key: decode_metric(value) for key, value in metrics},
        tags=dict(tags.fetchall()),
        datasets=_read_datasets(connection, number),
        error=None if error_type is None else RunError(error_type, message or "", traceback or ""),
        source=None if source_id is None else _read_source(connection, source_id),
    )


def _read_datasets(connection: sqlite3.Connection, number: int) -> tuple[DatasetUse, ...]:
    rows = connection.execute(
        "SELECT u.context, u.name, d.fingerprint, d.kind, d.shape, d.columns,"
        " t.fingerprint, t.kind, t.shape, t.columns FROM run_datasets AS u"
        " JOIN datasets AS d ON d.id = u.dataset LEFT JOIN datasets AS t ON t.id = u.target"
        " WHERE u.run = ? ORDER BY u.id",
        (number,),
    )
    return tuple(
        DatasetUse(
            context=row[0],
            data=read_dataset(*row[2:6]),
            name=row[1],
            target=None if row[6] is None else read_dataset(*row[6:]),
        )
        for row in rows
    )


def _read_source(connection: sqlite3.Connection, source_id: str) -> Source | None:
    row = connection.execute("SELECT * FROM sources WHERE source_id = ?", (source_id,)).fetchone()
    if row is None:
        return None
    _, script, command, commit, dirty, user, host, pid, python, platform, packages = row
    return Source(
        source_id=source_id,
        script=script,
        command=tuple(json.loads(command)),
        git_commit=commit,
        git_dirty=None if dirty is None else bool(dirty),
        user=user,
        host=host,
        pid=pid,
        python=python,
        platform=platform,
        packages=json.loads(packages),
    )
