"""A copy of another store's database that holds nothing but rows such as we write ourselves.

Who made the other store may be a stranger, or a damaged disk: its rows are read one by one, and
written into a database whose tables are our own. What comes later may believe them.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from autotrack.errors import InvalidValueError, StoreDamagedError, StoreError
from autotrack.printable import described
from autotrack.store.codec import decode_param
from autotrack.store.keys import clean_path, is_text
from autotrack.store.merging.origin import Origin
from autotrack.store.migrations import latest, prepare, schema, schema_of
from autotrack.store.sqlite_errors import explain_sqlite
from autotrack.store.tables.changes import triggers
from autotrack.store.tables.experiments import instant
from autotrack.store.tables.models import clean_model_name
from autotrack.store.tables.run_data import read_dataset

#: Every table of a store, those before others that these name.
TABLES = (
    "experiments",
    "experiment_tags",
    "sources",
    "runs",
    "params",
    "metrics",
    "earlier_metrics",
    "tags",
    "datasets",
    "run_datasets",
    "artifacts",
    "messages",
    "notes",
    "registered_models",
    "registered_model_tags",
    "model_versions",
    "model_version_tags",
    "model_version_files",
    "model_aliases",
    "packed",
    "code",
    "findings",
    "seen_rows",
    "shared_rows",
    "class_defaults",
    "views",
)

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_STATUSES = frozenset({"RUNNING", "FINISHED", "FAILED", "KILLED"})
_TYPES: dict[str, tuple[type, ...]] = {
    "TEXT": (str,),
    "INTEGER": (int,),
    "REAL": (float, int),
    "NUMERIC": (int, float),
}
_FAULTS = (ValueError, TypeError, KeyError, OverflowError, RecursionError, OSError)

Row = dict[str, Any]


def copy_checked(origin: Origin, folder: Path) -> Path:
    """Copy the database of `origin` into `folder`, checked; the path of the copy.

    Raises
    ------
    StoreDamagedError
        If it holds what no store of ours does; the message says where.
    StoreError
        If a newer autotrack wrote it.
    """
    raw, checked = folder / "there.db", folder / "checked.db"
    origin.copy_database(raw)
    try:
        with closing(_connected(raw)) as there:
            _hold_to_schema(there, origin)
            prepare(there, raw, writable=True)
            with closing(_connected(checked)) as here:
                here.execute("PRAGMA journal_mode=OFF")
                prepare(here, checked, writable=True)
                here.execute("PRAGMA synchronous=OFF")
                here.execute("BEGIN")
                for table in TABLES:
                    _copy_table(there, here, table, origin)
                _refuse_circles(here, origin)
                here.execute("COMMIT")
    except sqlite3.Error as error:
        explained = explain_sqlite(error, raw)
        if isinstance(explained, StoreDamagedError) or isinstance(error, sqlite3.OperationalError):
            raise StoreDamagedError(
                f"{origin.name}: its database is damaged ({error}); nothing was taken over"
            ) from error
        raise explained from error
    except StoreError as error:
        # It speaks of a file that nobody knows.
        raise type(error)(str(error).replace(str(raw), origin.name)) from error
    return checked


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA mmap_size=0")
    return connection


def _hold_to_schema(there: sqlite3.Connection, origin: Origin) -> None:
    """Refuse tables, triggers and views that are not those of a store of its version."""
    version = int(there.execute("PRAGMA user_version").fetchone()[0])
    if version > latest():
        return  # `prepare` says what to do
    # One that is sent to a server notes its changes.
    noting = {
        ("trigger", name, text.split(" ON ")[1].split()[0], f"CREATE TRIGGER {name} {text}")
        for name, text in triggers().items()
    }
    if version < 1 or schema_of(there) - noting != schema(version):
        raise StoreDamagedError(
            f"{origin.name}: its database has other tables than a store of autotrack "
            f"(schema {version}); nothing was taken over"
        )


def _copy_table(
    there: sqlite3.Connection, here: sqlite3.Connection, table: str, origin: Origin
) -> None:
    columns = here.execute(f"PRAGMA table_info({table})").fetchall()
    names = [name for _, name, *_ in columns]
    kinds = [
        (*_TYPES[kind], *(() if required or key else (type(None),)))
        for _, _, kind, required, _, key in columns
    ]
    rows = there.execute(f"SELECT {', '.join(names)} FROM {table}")
    here.executemany(
        f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})",
        _checked_rows(rows, table, names, kinds, _CHECKS.get(table), origin),
    )


def _checked_rows(
    rows: sqlite3.Cursor,
    table: str,
    names: Sequence[str],
    kinds: Sequence[tuple[type, ...]],
    check: Callable[[Row], None] | None,
    origin: Origin,
) -> Iterator[tuple[Any, ...]]:
    pairs = tuple(enumerate(kinds))
    for row in rows:
        for place, allowed in pairs:
            if type(row[place]) not in allowed:
                raise _fault(origin, table, names, row, f"{names[place]} is of another type")
        if check is not None:
            try:
                check(dict(zip(names, row, strict=True)))
            except (InvalidValueError, *_FAULTS) as error:
                raise _fault(origin, table, names, row, str(error)) from error
        yield row


def _fault(
    origin: Origin, table: str, names: Sequence[str], row: Sequence[Any], why: str
) -> StoreDamagedError:
    return StoreDamagedError(
        f"{origin.name}: a row of {table} ({names[0]} {described(row[0], 60)}) is none that "
        f"autotrack writes ({why:.200}); nothing was taken over"
    )


def _want(holds: object, what: str) -> None:
    if not holds:
        raise ValueError(what)


def _check_experiment(row: Row) -> None:
    _want(row["name"].strip() and is_text(row["name"]), "its name is empty")
    instant(row["created"])


def _check_run(row: Row) -> None:
    _want(_ID.fullmatch(row["run_id"]), "its id is none")
    _want(row["status"] in _STATUSES, "its status is none")
    instant(row["start_time"])
    if row["end_time"] is not None:
        instant(row["end_time"])


def _check_param(row: Row) -> None:
    if row["type"] != "str":
        decode_param(row["type"], row["value"], row["number"])


def _check_source(row: Row) -> None:
    command, packages = json.loads(row["command"]), json.loads(row["packages"])
    _want(type(command) is list and all(type(part) is str for part in command), "its command")
    _want(
        type(packages) is dict and all(type(version) is str for version in packages.values()),
        "its packages",
    )


def _check_dataset(row: Row) -> None:
    known = read_dataset(row["fingerprint"], row["kind"], row["shape"], row["columns"])
    _want(
        known.shape is None or (known.shape and all(type(size) is int for size in known.shape)),
        "its shape",
    )
    facts = json.dumps([row["fingerprint"], row["kind"], row["shape"], row["columns"]])
    digest = hashlib.blake2b(facts.encode(), digest_size=16).hexdigest()
    _want(row["digest"] == digest, "its digest is another one")


def _check_finding(row: Row) -> None:
    _want(type(json.loads(row["evidence"])) is dict, "its evidence")
    _want(0 <= row["grade"] <= 9, "its grade")


def _check_file(row: Row) -> None:
    _want(clean_path(row["path"]) == row["path"], "its path")
    _want(row["size"] >= 0 and _SHA256.fullmatch(row["sha256"]), "its size or digest")


def _check_model(row: Row) -> None:
    clean_model_name(row["name"])
    instant(row["created"])


def _check_version(row: Row) -> None:
    _want(0 < row["version"] < 10**15, "its number")
    instant(row["created"])


def _check_defaults(row: Row) -> None:
    _want(type(json.loads(row["params"])) is dict, "its params")


def _check_view(row: Row) -> None:
    # It becomes a link of the pages.
    _want(row["address"] == "/runs" or row["address"].startswith("/runs?"), "its address")


def _check_packed(row: Row) -> None:
    _want(_SHA256.fullmatch(row["sha256"]), "it is no digest")


_CHECKS: dict[str, Callable[[Row], None]] = {
    "experiments": _check_experiment,
    "runs": _check_run,
    "params": _check_param,
    "sources": _check_source,
    "datasets": _check_dataset,
    "findings": _check_finding,
    "artifacts": _check_file,
    "model_version_files": _check_file,
    "registered_models": _check_model,
    "model_versions": _check_version,
    "packed": _check_packed,
    "class_defaults": _check_defaults,
    "views": _check_view,
}


def _refuse_circles(here: sqlite3.Connection, origin: Origin) -> None:
    """Refuse runs that are their own ancestors, or below ones that are not there."""
    parents = dict(here.execute("SELECT id, parent FROM runs WHERE parent IS NOT NULL"))
    known = {number for (number,) in here.execute("SELECT id FROM runs")}
    ended: set[int] = set()
    for start in parents:
        way: set[int] = set()
        at: int | None = start
        while at is not None and at not in ended:
            if at in way or at not in known:
                raise StoreDamagedError(
                    f"{origin.name}: run {start} is below itself, or below a run that is not there"
                )
            way.add(at)
            at = parents.get(at)
        ended |= way
