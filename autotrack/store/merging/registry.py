"""Registered models, taken over: versions, their numbers and aliases."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from autotrack.runtime.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class RegistryRows:
    """What became of registered models.

    Attributes
    ----------
    versions : int
        How many were taken over.
    renumbered : sequence of (name, number there, number here)
    aliases : sequence of (name, alias, number here, number of theirs)
        Those that point elsewhere in the other store.
    """

    versions: int
    renumbered: Sequence[tuple[str, int, int]]
    aliases: Sequence[tuple[str, str, int, int]]


#: Files of a version by their paths, with digests.
_Files = frozenset[tuple[str, str]]


def merge_registry(
    connection: sqlite3.Connection, locations: Mapping[str, str], *, move_aliases: bool
) -> RegistryRows:
    """Take over models; `locations` says where their files lie here."""
    renumbered: list[tuple[str, int, int]] = []
    aliases: list[tuple[str, str, int, int]] = []
    count = 0
    models = connection.execute(
        "SELECT id, name, description, created, next_version FROM there.registered_models"
        " ORDER BY id"
    ).fetchall()
    for there, name, description, created, next_version in models:
        known = connection.execute(
            "SELECT id, next_version FROM main.registered_models WHERE name = ?", (name,)
        ).fetchone()
        if known is None:
            here = connection.execute(
                "INSERT INTO registered_models (name, description, created) VALUES (?, ?, ?)",
                (name, description, created),
            ).lastrowid
            known = (here, 1)
        elif description:
            connection.execute(
                "UPDATE registered_models SET description = ? WHERE id = ? AND description = ''",
                (description, known[0]),
            )
        here = known[0]
        connection.execute(
            "INSERT OR IGNORE INTO registered_model_tags SELECT ?, key, value"
            " FROM there.registered_model_tags WHERE model = ?",
            (here, there),
        )
        numbers, made = _versions(connection, there, here, known[1], locations)
        count += len(made)
        renumbered += [(name, old, numbers[old]) for old in made if old != numbers[old]]
        connection.execute(
            "UPDATE registered_models SET next_version = max(next_version, ?, (SELECT"
            " coalesce(max(version), 0) + 1 FROM model_versions WHERE model = ?)) WHERE id = ?",
            (next_version, here, here),
        )
        aliases += _aliases(connection, there, here, name, numbers, move=move_aliases)
    return RegistryRows(count, renumbered, aliases)


def _versions(
    connection: sqlite3.Connection,
    there: int,
    here: int,
    free: int,
    locations: Mapping[str, str],
) -> tuple[dict[int, int], list[int]]:
    """Take over the versions of a model: their numbers there and here, and those that are new."""
    ours = {_identity(connection, "main", row): row[1] for row in _rows(connection, "main", here)}
    taken = set(ours.values())
    numbers: dict[int, int] = {}
    missing = []
    for row in _rows(connection, "there", there):
        known = ours.get(_identity(connection, "there", row))
        if known is not None:
            numbers[row[1]] = known
        else:
            missing.append(row)
    # In their order, so that the newest of theirs stays the newest of theirs.
    moves = any(row[1] < free or row[1] in taken for row in missing)
    for row in missing:
        number, old = row[0], row[1]
        new = free if moves else old
        free = new + 1
        numbers[old] = new
        made = connection.execute(
            "INSERT INTO model_versions (model, version, run, source, user, description, created)"
            " SELECT ?, ?, m.here, v.source, v.user, v.description, v.created"
            " FROM there.model_versions AS v LEFT JOIN temp.merged_runs AS m ON m.there = v.run"
            " WHERE v.id = ?",
            (here, new, number),
        ).lastrowid
        connection.execute(
            "INSERT INTO model_version_tags SELECT ?, key, value FROM there.model_version_tags"
            " WHERE version = ?",
            (made, number),
        )
        files = connection.execute(
            "SELECT path, location, size, sha256 FROM there.model_version_files WHERE version = ?",
            (number,),
        ).fetchall()
        connection.executemany(
            "INSERT INTO model_version_files VALUES (?, ?, ?, ?, ?)",
            [
                (made, path, locations[location], size, sha256)
                for path, location, size, sha256 in files
                if location in locations
            ],
        )
    return numbers, [row[1] for row in missing]


def _rows(
    connection: sqlite3.Connection, database: str, model: int
) -> list[tuple[int, int, float]]:
    return connection.execute(
        f"SELECT id, version, created FROM {database}.model_versions WHERE model = ?"
        " ORDER BY version",
        (model,),
    ).fetchall()


def _identity(
    connection: sqlite3.Connection, database: str, row: tuple[int, int, float]
) -> tuple[float, _Files]:
    """What a version is known again by: when it was registered, and the bytes of its files."""
    files = connection.execute(
        f"SELECT path, sha256 FROM {database}.model_version_files WHERE version = ?", (row[0],)
    )
    return row[2], frozenset(files.fetchall())


def _aliases(
    connection: sqlite3.Connection,
    there: int,
    here: int,
    name: str,
    numbers: Mapping[int, int],
    *,
    move: bool,
) -> list[tuple[str, str, int, int]]:
    """Take over aliases; those that point elsewhere here, which stay unless `move`."""
    found: list[tuple[str, str, int, int]] = []
    rows = connection.execute(
        "SELECT a.alias, v.version, o.version FROM there.model_aliases AS a"
        " JOIN there.model_versions AS v ON v.id = a.version"
        " LEFT JOIN main.model_aliases AS h ON h.model = ? AND h.alias = a.alias"
        " LEFT JOIN main.model_versions AS o ON o.id = h.version WHERE a.model = ?",
        (here, there),
    ).fetchall()
    for alias, version, ours in rows:
        theirs = numbers[version]
        if ours == theirs:
            continue
        if ours is not None:
            found.append((name, alias, ours, theirs))
        if ours is None or move:
            connection.execute(
                "INSERT OR REPLACE INTO model_aliases SELECT ?, ?, id FROM main.model_versions"
                " WHERE model = ? AND version = ?",
                (here, alias, here, theirs),
            )
    return found


def versions_of(connection: sqlite3.Connection, database: str) -> dict[int, tuple[object, ...]]:
    """What every version of a database is known again by, by its number in the table."""
    rows = connection.execute(
        f"SELECT v.id, m.name, v.version, v.created FROM {database}.model_versions AS v"
        f" JOIN {database}.registered_models AS m ON m.id = v.model"
    ).fetchall()
    return {
        number: (name, *_identity(connection, database, (number, version, created)))
        for number, name, version, created in rows
    }
