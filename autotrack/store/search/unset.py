"""What runs had for params that they did not set: the defaults of their classes, told from names.

A run keeps the params that differ from their defaults, its class and those of its parts, and the
versions of what was installed; the store keeps the defaults of each class once for a version. A
candidate of a search has what it sweeps, and for the rest what its search had. Where a name is that
of several classes, and for classes of no version (those in a script), nothing is told.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

_WITHIN = "estimator__"
_NOTHING: Mapping[str, Any] = {}


class Row(Protocol):
    """A run with what it recorded."""

    @property
    def run_id(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def parent_id(self) -> str | None: ...  # noqa: D102
    @property
    def params(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def tags(self) -> Mapping[str, str]: ...  # noqa: D102


def unset_params(
    connection: sqlite3.Connection, rows: Sequence[Row], wanted: Collection[str]
) -> list[Mapping[str, Any]]:
    """Of each run the wanted params that it did not set and had all the same.

    Parameters
    ----------
    connection : sqlite3.Connection
    rows : sequence of runs
    wanted : collection of str
        The keys that are asked for.
    """
    known = _Classes(connection)
    if not known.names or not wanted or not rows:
        return [_NOTHING] * len(rows)
    sources = _sources(connection, [row.run_id for row in rows])
    above = _parents(connection, {r.parent_id for r in rows if r.kind == "candidate"} - {None})
    memory: dict[object, Mapping[str, Any]] = {}
    keys = frozenset(wanted)
    found: list[Mapping[str, Any]] = []
    for row in rows:
        params: Mapping[str, Any] = row.params
        root = row.tags.get("estimator", "")
        set_above: Mapping[str, Any] = _NOTHING
        if row.kind == "candidate":
            set_above = above.get(row.parent_id or "", _NOTHING)
            root = set_above.get("estimator", "")
            params = _both(set_above, params)
        parts = tuple(
            (key, value)
            for key, value in params.items()
            if type(value) is str and value in known.names
        )
        place = sources.get(row.run_id, -1), root, parts
        if (defaults := memory.get(place)) is None:
            defaults = memory[place] = known.defaults(*place, keys)
        had = {key: value for key, value in defaults.items() if key not in params}
        if set_above:
            had |= {k: v for k, v in params.items() if k not in row.params and k in keys}
        found.append(had)
    return found


def _both(above: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What a candidate has of its search, with what it has itself."""
    within = {
        key.removeprefix(_WITHIN): value for key, value in above.items() if key.startswith(_WITHIN)
    }
    # A step that the candidate replaced takes its params along.
    replaced = tuple(f"{key}__" for key in own if key in within and own[key] != within[key])
    kept = {key: value for key, value in within.items() if not key.startswith(replaced or "\0")}
    return kept | dict(own)


def _sources(connection: sqlite3.Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """The number of the source of each run."""
    return dict(
        connection.execute(
            "SELECT r.run_id, s.rowid FROM json_each(?) AS j CROSS JOIN runs AS r"
            " ON r.run_id = j.value JOIN (SELECT source_id, row_number() OVER (ORDER BY source_id)"
            " AS rowid FROM sources) AS s ON s.source_id = r.source_id",
            (json.dumps(list(run_ids)),),
        ).fetchall()
    )


def _parents(
    connection: sqlite3.Connection, run_ids: Collection[str | None]
) -> dict[str, dict[str, Any]]:
    from autotrack.store.codec import decode_param

    found: dict[str, dict[str, Any]] = {}
    for run_id, key, kind, text, number in connection.execute(
        "SELECT r.run_id, t.key, t.type, t.value, t.number FROM json_each(?) AS j CROSS JOIN runs"
        " AS r ON r.run_id = j.value CROSS JOIN params AS t ON t.run = r.id",
        (json.dumps(sorted(map(str, run_ids))),),
    ):
        found.setdefault(run_id, {})[key] = decode_param(kind, text, number)
    return found


class _Classes:
    """The defaults of all classes that a store knows, by how a run names them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rows: dict[str, list[tuple[str, str, str, str]]] = {}
        for row in connection.execute("SELECT * FROM class_defaults"):
            for name in {row[0], row[0].rpartition(".")[2]}:
                self._rows.setdefault(name, []).append(row)
        self.names = self._rows.keys()
        self._packages: dict[int, Mapping[str, str]] = {}
        self._read: dict[tuple[str, ...], Mapping[str, Any]] = {}

    def defaults(
        self, source: int, root: str, parts: Sequence[tuple[str, str]], wanted: Collection[str]
    ) -> Mapping[str, Any]:
        """The wanted defaults of a model of these parts, in the environment of a source."""
        found: dict[str, Any] = {}
        for prefix, name in (("", root), *((f"{key}__", name) for key, name in parts)):
            for param, value in self._of(name, source).items():
                if prefix + param in wanted:
                    found[prefix + param] = value
        return found

    def _of(self, name: str, source: int) -> Mapping[str, Any]:
        packages = self._packages_of(source)
        fitting = [row for row in self._rows.get(name, ()) if packages.get(row[1]) == row[2]]
        if len(fitting) != 1:
            return _NOTHING
        row = fitting[0]
        if row[:3] not in self._read:
            self._read[row[:3]] = json.loads(row[3])
        return self._read[row[:3]]

    def _packages_of(self, source: int) -> Mapping[str, str]:
        if source not in self._packages:
            row = self._connection.execute(
                "SELECT packages FROM (SELECT packages, row_number() OVER (ORDER BY source_id)"
                " AS n FROM sources) WHERE n = ?",
                (source,),
            ).fetchone()
            held = json.loads(row[0]) if row else {}
            self._packages[source] = dict(held)
        return self._packages[source]
