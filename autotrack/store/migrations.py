"""The schema, step by step: one function for each, with the number the database then carries.

A step and the record of it (``PRAGMA user_version``) share one transaction: a store is of one
version or of the next, never in between. A released step is never edited; a change is a new one.
"""

# Long because steps of the schema are added at its end, and never edited or moved.

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from autotrack.errors import StoreDamagedError, StoreError
from autotrack.store.sqlite_errors import is_locked

Step = Callable[[sqlite3.Connection], None]

#: Written into the file's header, so that `file` and we can tell whose database it is ("atrk").
APPLICATION_ID = 0x6174726B

_steps: list[Step] = []


def step(function: Step) -> Step:
    """Append a step; its number is its place in this file, counted from 1."""
    _steps.append(function)
    return function


def latest() -> int:
    """The version this autotrack writes."""
    return len(_steps)


def schema(version: int) -> set[tuple[str, ...]]:
    """Type, name, table and text of all that a database of this version is made of."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for function in _steps[:version]:
            function(connection)
        return schema_of(connection)


def schema_of(connection: sqlite3.Connection) -> set[tuple[str, ...]]:
    """What a database is made of, as :func:`schema` says it; SQLite's own tables aside."""
    rows = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE substr(name, 1, 7) <> 'sqlite_'"
    )
    return {(kind, name, table, " ".join((text or "").split())) for kind, name, table, text in rows}


def prepare(connection: sqlite3.Connection, path: Path, *, writable: bool) -> None:
    """Bring the database up to :func:`latest`; safe while other processes do the same.

    Raises
    ------
    StoreDamagedError
        If it is a database of another program.
    StoreError
        If a newer autotrack wrote it, or an older one did and it cannot be written to.
    """
    version = _version(connection)
    if version == latest():
        return
    if version > latest():
        raise StoreError(
            f"{path} was written by a newer autotrack (schema {version}, this one reads up to "
            f"{latest()}); upgrade with: pip install -U sklearn-autotrack"
        )
    if not writable:
        raise StoreError(
            f"{path} is of schema {version}, this autotrack needs {latest()}, and it cannot be "
            "upgraded because it is read-only; copy the folder to a place you may write to"
        )
    if version == 0:
        _refuse_foreign(connection, path)
        _use_wal(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while we waited for the lock.
        for number in range(_version(connection) + 1, latest() + 1):
            _steps[number - 1](connection)
            connection.execute(f"PRAGMA user_version={number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    # In one statement: between two, another process may finish creating the store.
    version, tables = connection.execute(
        "SELECT (SELECT user_version FROM pragma_user_version),"
        " (SELECT count(*) FROM sqlite_master)"
    ).fetchone()
    if version == 0 and tables:
        raise StoreDamagedError(
            f"{path} is a database of another program; name another folder for the store"
        )


def _use_wal(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("PRAGMA journal_mode=WAL").fetchone()
    except sqlite3.OperationalError as error:
        if is_locked(error):
            raise
        # No shared memory on this file system: slower, but just as safe.
        connection.execute("PRAGMA journal_mode=DELETE").fetchone()


def _run(connection: sqlite3.Connection, script: str) -> None:
    # Not executescript, which would commit the transaction first.
    for statement in script.split(";"):
        if statement.strip():
            connection.execute(statement)


@step
def create(connection: sqlite3.Connection) -> None:
    """Schema 1.

    Runs are referred to by a small integer, which keeps the tables of facts compact and tells
    the order of insertion. Metric values are NULL where they are NaN, since SQLite has no NaN.
    Each index is another page for every commit to write: a foreign key has one only where rows
    of its parent are deleted, which experiments, sources and datasets never are.
    """
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    _run(
        connection,
        """
        CREATE TABLE experiments (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            artifact_location TEXT,
            created REAL NOT NULL,
            deleted INTEGER NOT NULL DEFAULT 0
        );
        CREATE TABLE experiment_tags (
            experiment INTEGER NOT NULL REFERENCES experiments ON DELETE CASCADE,
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (experiment, key)
        ) WITHOUT ROWID;
        CREATE TABLE sources (
            source_id TEXT PRIMARY KEY,
            script TEXT,
            command TEXT NOT NULL,
            git_commit TEXT,
            git_dirty INTEGER,
            user TEXT NOT NULL,
            host TEXT NOT NULL,
            pid INTEGER NOT NULL,
            python TEXT NOT NULL,
            platform TEXT NOT NULL,
            packages TEXT NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE runs (
            id INTEGER PRIMARY KEY,
            run_id TEXT NOT NULL UNIQUE,
            experiment INTEGER NOT NULL REFERENCES experiments,
            parent INTEGER REFERENCES runs ON DELETE CASCADE,
            name TEXT NOT NULL,
            kind TEXT NOT NULL,
            status TEXT NOT NULL,
            start_time REAL NOT NULL,
            end_time REAL,
            error_type TEXT,
            error_message TEXT,
            error_traceback TEXT,
            source_id TEXT REFERENCES sources DEFERRABLE INITIALLY DEFERRED,
            owner TEXT,
            deleted INTEGER NOT NULL DEFAULT 0
        );
        CREATE INDEX runs_by_parent ON runs (parent, start_time);
        CREATE INDEX runs_running ON runs (owner) WHERE status = 'RUNNING';
        CREATE TABLE params (
            run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
            key TEXT NOT NULL,
            type TEXT NOT NULL,
            value TEXT,
            number NUMERIC,
            PRIMARY KEY (run, key)
        ) WITHOUT ROWID;
        CREATE TABLE metrics (
            id INTEGER PRIMARY KEY,
            run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
            key TEXT NOT NULL,
            step INTEGER NOT NULL,
            value REAL,
            time REAL NOT NULL
        );
        CREATE INDEX metrics_by_run ON metrics (run, key);
        CREATE TABLE latest_metrics (
            run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
            key TEXT NOT NULL,
            value REAL,
            time REAL NOT NULL,
            next_step INTEGER NOT NULL,
            PRIMARY KEY (run, key)
        ) WITHOUT ROWID;
        CREATE TABLE tags (
            run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (run, key)
        ) WITHOUT ROWID;
        CREATE TABLE datasets (
            id INTEGER PRIMARY KEY,
            digest TEXT NOT NULL UNIQUE,
            fingerprint TEXT NOT NULL,
            kind TEXT NOT NULL,
            shape TEXT,
            columns TEXT NOT NULL
        );
        CREATE INDEX datasets_by_fingerprint ON datasets (fingerprint);
        CREATE TABLE run_datasets (
            id INTEGER PRIMARY KEY,
            run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
            context TEXT NOT NULL,
            name TEXT,
            dataset INTEGER NOT NULL REFERENCES datasets,
            target INTEGER REFERENCES datasets
        );
        CREATE INDEX run_datasets_by_run ON run_datasets (run);
        CREATE TABLE artifacts (
            run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
            path TEXT NOT NULL,
            location TEXT NOT NULL,
            size INTEGER NOT NULL,
            sha256 TEXT NOT NULL,
            PRIMARY KEY (run, path)
        ) WITHOUT ROWID;
        CREATE INDEX artifacts_by_location ON artifacts (location)
        """,
    )


@step
def keep_the_latest_apart(connection: sqlite3.Connection) -> None:
    """Schema 2.

    The latest value of a metric stands in `metrics`, which is all that most metrics ever have;
    those before it move to `earlier_metrics`. A score is one page for its commit to write, where
    it was three. `number` counts the values of a metric in the order they were written.
    """
    _run(
        connection,
        """
        ALTER TABLE metrics RENAME TO history;
        CREATE TABLE metrics (
            run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
            key TEXT NOT NULL,
            number INTEGER NOT NULL,
            step INTEGER NOT NULL,
            value REAL,
            time REAL NOT NULL,
            next_step INTEGER NOT NULL,
            PRIMARY KEY (run, key)
        ) WITHOUT ROWID;
        CREATE TABLE earlier_metrics (
            run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
            key TEXT NOT NULL,
            number INTEGER NOT NULL,
            step INTEGER NOT NULL,
            value REAL,
            time REAL NOT NULL,
            PRIMARY KEY (run, key, number)
        ) WITHOUT ROWID;
        CREATE TEMP TABLE numbered AS
            SELECT run, key, step, value, time,
                row_number() OVER (PARTITION BY run, key ORDER BY id) - 1 AS number,
                id = max(id) OVER (PARTITION BY run, key) AS is_latest
            FROM history;
        INSERT INTO metrics
            SELECT n.run, n.key, n.number, n.step, n.value, n.time, l.next_step
            FROM numbered AS n JOIN latest_metrics AS l ON l.run = n.run AND l.key = n.key
            WHERE n.is_latest;
        INSERT INTO earlier_metrics
            SELECT run, key, number, step, value, time FROM numbered WHERE NOT is_latest;
        DROP TABLE numbered;
        DROP TABLE latest_metrics;
        DROP TABLE history
        """,
    )


@step
def keep_notes(connection: sqlite3.Connection) -> None:
    """Schema 3.

    Runs have notes: warnings and errors that came up in a split. The same words come up in many
    splits of many candidates, so they are kept once.
    """
    _run(
        connection,
        """
        CREATE TABLE messages (
            id INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            category TEXT NOT NULL,
            message TEXT NOT NULL,
            details TEXT NOT NULL,
            UNIQUE (kind, category, message, details)
        );
        CREATE TABLE notes (
            run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
            split INTEGER NOT NULL,
            message INTEGER NOT NULL REFERENCES messages,
            PRIMARY KEY (run, split, message)
        ) WITHOUT ROWID
        """,
    )


@step
def move_what_is_not_the_latest(connection: sqlite3.Connection) -> None:
    """Schema 4.

    A metric whose `number` changes has a new value: the one before it moves to `earlier_metrics`.
    Values are written in one statement, however many, where it were two for each.
    """
    connection.execute(
        """
        CREATE TRIGGER move_to_earlier_metrics BEFORE UPDATE OF number ON metrics BEGIN
            INSERT INTO earlier_metrics
                VALUES (old.run, old.key, old.number, old.step, old.value, old.time);
        END
        """
    )


@step
def register_models(connection: sqlite3.Connection) -> None:
    """Schema 5.

    Models have names, versions and aliases. A version points at its files itself, so that they
    stay when the run's crate is replaced; its run cannot go while it is there.
    """
    _run(
        connection,
        """
        CREATE TABLE registered_models (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            description TEXT NOT NULL DEFAULT '',
            created REAL NOT NULL,
            next_version INTEGER NOT NULL DEFAULT 1
        );
        CREATE TABLE registered_model_tags (
            model INTEGER NOT NULL REFERENCES registered_models ON DELETE CASCADE,
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (model, key)
        ) WITHOUT ROWID;
        CREATE TABLE model_versions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            model INTEGER NOT NULL REFERENCES registered_models ON DELETE CASCADE,
            version INTEGER NOT NULL,
            run INTEGER REFERENCES runs,
            source TEXT NOT NULL,
            user TEXT NOT NULL,
            description TEXT NOT NULL,
            created REAL NOT NULL,
            UNIQUE (model, version)
        );
        CREATE INDEX model_versions_by_run ON model_versions (run);
        CREATE TABLE model_version_tags (
            version INTEGER NOT NULL REFERENCES model_versions ON DELETE CASCADE,
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (version, key)
        ) WITHOUT ROWID;
        CREATE TABLE model_version_files (
            version INTEGER NOT NULL REFERENCES model_versions ON DELETE CASCADE,
            path TEXT NOT NULL,
            location TEXT NOT NULL,
            size INTEGER NOT NULL,
            sha256 TEXT NOT NULL,
            PRIMARY KEY (version, path)
        ) WITHOUT ROWID;
        CREATE INDEX model_version_files_by_location ON model_version_files (location);
        CREATE TABLE model_aliases (
            model INTEGER NOT NULL REFERENCES registered_models ON DELETE CASCADE,
            alias TEXT NOT NULL,
            version INTEGER NOT NULL REFERENCES model_versions ON DELETE CASCADE,
            PRIMARY KEY (model, alias)
        ) WITHOUT ROWID;
        CREATE INDEX model_aliases_by_version ON model_aliases (version)
        """,
    )


@step
def remember_what_was_packed(connection: sqlite3.Connection) -> None:
    """Schema 6.

    The digests of the models that this store's own packer wrote stay, whatever becomes of their
    runs: a copy of such a file may hold code, and files logged from elsewhere may not. Of those
    that are there already, crates are taken for the packer's.
    """
    _run(
        connection,
        """
        CREATE TABLE packed (sha256 TEXT PRIMARY KEY) WITHOUT ROWID;
        INSERT OR IGNORE INTO packed
            SELECT m.sha256 FROM artifacts AS m JOIN artifacts AS a ON a.run = m.run
            AND a.path = substr(m.path, 1, length(m.path) - length('model.pkl')) || 'manifest.json'
            WHERE m.path LIKE '%/model.pkl';
        INSERT OR IGNORE INTO packed
            SELECT sha256 FROM model_version_files WHERE path = 'model.pkl'
        """,
    )


@step
def keep_code(connection: sqlite3.Connection) -> None:
    """Schema 7.

    The texts of the user's own code that models use, and lists of them, each kept once. A run names
    its list by a tag.
    """
    connection.execute("CREATE TABLE code (digest TEXT PRIMARY KEY, text TEXT NOT NULL)")


@step
def keep_evidence(connection: sqlite3.Connection) -> None:
    """Schema 8.

    Scores have findings, and counts of the rows that training had. Names and numbers are kept of
    them, no values of data.
    """
    _run(
        connection,
        """
        CREATE TABLE findings (
            run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
            data TEXT NOT NULL,
            code TEXT NOT NULL,
            grade INTEGER NOT NULL,
            text TEXT NOT NULL,
            remedy TEXT NOT NULL,
            evidence TEXT NOT NULL,
            PRIMARY KEY (run, data, code)
        ) WITHOUT ROWID;
        CREATE TABLE seen_rows (
            run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
            data TEXT NOT NULL,
            rows INTEGER NOT NULL,
            seen INTEGER NOT NULL,
            with_target INTEGER NOT NULL,
            PRIMARY KEY (run, data)
        ) WITHOUT ROWID
        """,
    )


@step
def keep_shared_rows(connection: sqlite3.Connection) -> None:
    """Schema 9.

    How many rows two data sets have in common, by their fingerprints: counts alone, no rows and
    nothing that is computed from single ones.
    """
    connection.execute(
        "CREATE TABLE shared_rows (fingerprint TEXT NOT NULL, other TEXT NOT NULL,"
        " rows INTEGER NOT NULL, PRIMARY KEY (fingerprint, other)) WITHOUT ROWID"
    )


@step
def keep_defaults_and_views(connection: sqlite3.Connection) -> None:
    """Schema 10.

    The defaults of a class are kept once for each version of where it comes from, so that a run
    without a param can be told to have had its default. Views of the pages have names.
    """
    _run(
        connection,
        """
        CREATE TABLE class_defaults (
            estimator TEXT NOT NULL,
            distribution TEXT NOT NULL,
            version TEXT NOT NULL,
            params TEXT NOT NULL,
            PRIMARY KEY (estimator, distribution, version)
        ) WITHOUT ROWID;
        CREATE TABLE views (
            name TEXT PRIMARY KEY,
            address TEXT NOT NULL,
            created REAL NOT NULL
        ) WITHOUT ROWID
        """,
    )


@step
def keep_changes(connection: sqlite3.Connection) -> None:
    """Schema 11.

    Which runs changed, in the order of the changes, for those who send them elsewhere. Nothing is
    written here until somebody asks for it: the triggers are made then (`tables/changes.py`). Run
    0 stands for experiments and registered models.
    """
    connection.execute("CREATE TABLE changes (id INTEGER PRIMARY KEY, run INTEGER NOT NULL)")
