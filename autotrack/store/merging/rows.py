"""The rows of runs, taken over from a checked database that is attached as ``there``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl, urlencode

from autotrack.runtime.dataclass import dataclass

#: Tables of facts of a run, whose rows are known by the run and their other key columns.
_FACTS = ("params", "tags", "findings", "seen_rows")
_NEW = "JOIN temp.merged_runs AS m ON m.there = f.run"


@dataclass(frozen=True, slots=True)
class RunRows:
    """What became of the runs.

    Attributes
    ----------
    new, known : int
        Runs that this store did not have, and those that it had.
    left : int
        Runs that are still running there, and those below them.
    hidden : sequence of str
        Experiments that are deleted here and were given runs.
    differing : sequence of str
        What runs of both stores have in common and say otherwise here.
    """

    new: int
    known: int
    left: int
    hidden: Sequence[str]
    differing: Sequence[str]


def running(connection: sqlite3.Connection, alive: Iterable[str]) -> None:
    """List in ``temp.left_runs`` what still runs there; end what died.

    `connection` is one of the checked database itself.
    """
    connection.execute("CREATE TABLE left_runs (id INTEGER PRIMARY KEY)")
    connection.executemany(
        "INSERT OR IGNORE INTO left_runs SELECT id FROM runs WHERE status = 'RUNNING'"
        " AND owner = ?",
        [(owner,) for owner in alive],
    )
    connection.execute(
        "WITH RECURSIVE family (id) AS (SELECT id FROM left_runs UNION SELECT r.id FROM runs AS r"
        " JOIN family ON r.parent = family.id)"
        " INSERT OR IGNORE INTO left_runs SELECT id FROM family"
    )
    connection.execute(
        "UPDATE runs SET status = 'KILLED', end_time = max(start_time, coalesce("
        "(SELECT max(time) FROM metrics WHERE run = runs.id), start_time))"
        " WHERE status = 'RUNNING' AND id NOT IN left_runs"
    )


def merge_runs(connection: sqlite3.Connection) -> RunRows:
    """Take over experiments, runs and what is known of them, files aside.

    Afterwards ``temp.merged_runs`` has the numbers of runs there and here, and which are new.
    """
    connection.execute("PRAGMA defer_foreign_keys=ON")
    hidden = _experiments(connection)
    connection.execute("INSERT OR IGNORE INTO sources SELECT * FROM there.sources")
    connection.execute("INSERT OR IGNORE INTO code SELECT * FROM there.code")
    for table in ("shared_rows", "class_defaults"):
        connection.execute(f"INSERT OR IGNORE INTO {table} SELECT * FROM there.{table}")
    _views(connection)
    _datasets(connection)
    _runs(connection)
    differing = _ends(connection)
    for table in _FACTS:
        names = _columns(connection, table)
        rest = ", ".join(f"f.{name}" for name in names[1:])
        connection.execute(
            f"INSERT OR IGNORE INTO {table} SELECT m.here, {rest} FROM there.{table} AS f {_NEW}"
        )
    differing += _metrics(connection)
    _uses(connection)
    _notes(connection)
    counts = dict(connection.execute("SELECT new, count(*) FROM temp.merged_runs GROUP BY new"))
    (left,) = connection.execute("SELECT count(*) FROM there.left_runs").fetchone()
    return RunRows(counts.get(1, 0), counts.get(0, 0), left, hidden, differing)


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [name for _, name, *_ in connection.execute(f"PRAGMA main.table_info({table})")]


def _experiments(connection: sqlite3.Connection) -> list[str]:
    # The files come into the store, wherever they were.
    connection.execute(
        "INSERT INTO experiments (name, artifact_location, created, deleted)"
        " SELECT name, NULL, created, deleted FROM there.experiments WHERE true ORDER BY id"
        " ON CONFLICT (name) DO NOTHING"
    )
    connection.execute(
        "CREATE TEMP TABLE merged_experiments AS SELECT t.id AS there, h.id AS here"
        " FROM there.experiments AS t JOIN main.experiments AS h ON h.name = t.name"
    )
    connection.execute(
        "INSERT OR IGNORE INTO experiment_tags SELECT m.here, t.key, t.value"
        " FROM there.experiment_tags AS t JOIN temp.merged_experiments AS m"
        " ON m.there = t.experiment"
    )
    rows = connection.execute(
        "SELECT h.name FROM temp.merged_experiments AS m"
        " JOIN main.experiments AS h ON h.id = m.here"
        " JOIN there.experiments AS t ON t.id = m.there WHERE h.deleted AND NOT t.deleted"
    )
    return [name for (name,) in rows]


def _views(connection: sqlite3.Connection) -> None:
    """Named views, in which experiments have the numbers that they have here."""
    here = {
        str(there): str(number)
        for there, number in connection.execute("SELECT there, here FROM temp.merged_experiments")
    }
    rows = connection.execute("SELECT name, address, created FROM there.views").fetchall()
    for name, address, created in rows:
        path, _, query = address.partition("?")
        asked = [
            (key, here.get(value, value) if key == "experiment" else value)
            for key, value in parse_qsl(query, keep_blank_values=True)
        ]
        moved = f"{path}?{urlencode(asked)}" if asked else path
        connection.execute("INSERT OR IGNORE INTO views VALUES (?, ?, ?)", (name, moved, created))


def _datasets(connection: sqlite3.Connection) -> None:
    connection.execute(
        "INSERT INTO datasets (digest, fingerprint, kind, shape, columns) SELECT digest,"
        " fingerprint, kind, shape, columns FROM there.datasets WHERE true ORDER BY id"
        " ON CONFLICT (digest) DO NOTHING"
    )
    connection.execute(
        "CREATE TEMP TABLE merged_datasets (there INTEGER PRIMARY KEY, here INTEGER)"
    )
    connection.execute(
        "INSERT INTO temp.merged_datasets SELECT t.id, h.id"
        " FROM there.datasets AS t JOIN main.datasets AS h ON h.digest = t.digest"
    )


def _runs(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TEMP TABLE merged_runs (there INTEGER PRIMARY KEY, here INTEGER, new INTEGER)"
    )
    connection.execute(
        "INSERT INTO temp.merged_runs SELECT t.id, h.id, h.id IS NULL FROM there.runs AS t"
        " LEFT JOIN main.runs AS h ON h.run_id = t.run_id"
        " WHERE t.id NOT IN (SELECT id FROM there.left_runs)"
    )
    connection.execute(
        "UPDATE temp.merged_runs SET here = (SELECT coalesce(max(id), 0) FROM main.runs) + n.rank"
        " FROM (SELECT there, row_number() OVER (ORDER BY there) AS rank"
        " FROM temp.merged_runs WHERE new) AS n WHERE n.there = merged_runs.there"
    )
    connection.execute(
        "INSERT INTO runs (id, run_id, experiment, parent, name, kind, status, start_time,"
        " end_time, error_type, error_message, error_traceback, source_id, deleted)"
        " SELECT m.here, t.run_id, e.here, p.here, t.name, t.kind, t.status, t.start_time,"
        " t.end_time, t.error_type, t.error_message, t.error_traceback, t.source_id, t.deleted"
        " FROM temp.merged_runs AS m JOIN there.runs AS t ON t.id = m.there"
        " JOIN temp.merged_experiments AS e ON e.there = t.experiment"
        " LEFT JOIN temp.merged_runs AS p ON p.there = t.parent WHERE m.new ORDER BY m.here"
    )


def _ends(connection: sqlite3.Connection) -> list[str]:
    """A run of both stores has the end that came later, unless it runs here."""
    later = connection.execute(
        "SELECT m.here, t.status, t.end_time, t.error_type, t.error_message, t.error_traceback"
        " FROM temp.merged_runs AS m JOIN there.runs AS t ON t.id = m.there"
        " JOIN main.runs AS h ON h.id = m.here WHERE NOT m.new AND h.status <> 'RUNNING'"
        " AND coalesce(t.end_time > h.end_time, t.end_time IS NOT NULL AND h.end_time IS NULL)"
    ).fetchall()
    connection.executemany(
        "UPDATE runs SET status = ?, end_time = ?, error_type = ?, error_message = ?,"
        " error_traceback = ? WHERE id = ?",
        [(*row[1:], row[0]) for row in later],
    )
    differing: list[str] = []
    for table in ("params", "tags"):
        rows = connection.execute(
            f"SELECT r.run_id, f.key FROM there.{table} AS f JOIN temp.merged_runs AS m"
            " ON m.there = f.run AND NOT m.new JOIN main.runs AS r ON r.id = m.here"
            f" JOIN main.{table} AS o ON o.run = m.here AND o.key = f.key"
            " WHERE o.value IS NOT f.value"
        )
        differing += [f"{table.removesuffix('s')} {key} of run {run}" for run, key in rows]
    return differing


def _metrics(connection: sqlite3.Connection) -> list[str]:
    """Histories of metrics: of a run of both stores the longer one, if the other begins it."""
    both = connection.execute(
        "SELECT f.run, m.here, f.key, r.run_id, f.number > h.number"
        " FROM there.metrics AS f JOIN temp.merged_runs AS m ON m.there = f.run AND NOT m.new"
        " JOIN main.metrics AS h ON h.run = m.here AND h.key = f.key"
        " JOIN main.runs AS r ON r.id = m.here"
        " WHERE (f.number, f.step, f.time) <> (h.number, h.step, h.time) OR f.value IS NOT h.value"
    ).fetchall()
    differing: list[str] = []
    for there, here, key, run_id, longer in both:
        theirs = _history(connection, "there", there, key)
        ours = _history(connection, "main", here, key)
        short, long = (ours, theirs) if longer else (theirs, ours)
        if long[: len(short)] != short:
            differing.append(f"metric {key} of run {run_id}")
        elif longer:
            for table in ("metrics", "earlier_metrics"):
                connection.execute(f"DELETE FROM {table} WHERE run = ? AND key = ?", (here, key))
    for table in ("earlier_metrics", "metrics"):
        # Before the latest are there: a key is whole, or has nothing here yet.
        rest = ", ".join(f"f.{name}" for name in _columns(connection, table)[1:])
        connection.execute(
            f"INSERT INTO {table} SELECT m.here, {rest} FROM there.{table} AS f {_NEW}"
            " WHERE NOT EXISTS (SELECT 1 FROM main.metrics AS o WHERE o.run = m.here"
            " AND o.key = f.key)"
        )
    return differing


def _history(
    connection: sqlite3.Connection, database: str, run: int, key: str
) -> list[tuple[object, ...]]:
    return connection.execute(
        f"SELECT number, step, value, time FROM {database}.earlier_metrics WHERE run = :run"
        f" AND key = :key UNION ALL SELECT number, step, value, time FROM {database}.metrics"
        " WHERE run = :run AND key = :key ORDER BY number",
        {"run": run, "key": key},
    ).fetchall()


def _uses(connection: sqlite3.Connection) -> None:
    connection.execute(
        "INSERT INTO run_datasets (run, context, name, dataset, target)"
        " SELECT m.here, f.context, f.name, d.here, y.here FROM there.run_datasets AS f"
        f" {_NEW} JOIN temp.merged_datasets AS d ON d.there = f.dataset"
        " LEFT JOIN temp.merged_datasets AS y ON y.there = f.target"
        " WHERE m.new OR NOT EXISTS (SELECT 1 FROM main.run_datasets AS o WHERE o.run = m.here"
        " AND o.context = f.context AND o.name IS f.name AND o.dataset = d.here"
        " AND o.target IS y.here) ORDER BY f.id"
    )


def _notes(connection: sqlite3.Connection) -> None:
    what = "kind, category, message, details"
    connection.execute(f"INSERT OR IGNORE INTO messages ({what}) SELECT {what} FROM there.messages")
    connection.execute(
        "INSERT OR IGNORE INTO notes SELECT m.here, f.split, o.id FROM there.notes AS f"
        f" {_NEW} JOIN there.messages AS t ON t.id = f.message JOIN main.messages AS o ON"
        " (o.kind, o.category, o.message, o.details) = (t.kind, t.category, t.message, t.details)"
    )


def forget(connection: sqlite3.Connection) -> None:
    """Drop the lists that merging made."""
    for name in ("merged_runs", "merged_experiments", "merged_datasets"):
        connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
