"""What a page of runs asks of the store: which runs match, a screen of them, what varies.

All of it is reading. A question about every matching run is asked by the numbers that the tables of
facts know runs by, so that a page sorts and counts all of them and reads only those it shows.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from autotrack.runtime.dataclass import dataclass
from autotrack.store.codec import decode_metric, decode_param
from autotrack.store.search.parser import parse_order
from autotrack.store.search.query import Query, compiled_for
from autotrack.store.tables.experiments import instant

#: The tables of facts with keys, as the filter language calls them.
FAMILIES = ("params", "metrics", "tags")
_EACH = "FROM json_each(?) AS j CROSS JOIN {} AS t ON t.run = j.value"


@dataclass(frozen=True, slots=True)
class Line:
    """A run as a line of a table.

    `counts` says how many values each metric has had, `children` how many runs are below.
    """

    number: int
    run_id: str
    name: str
    kind: str
    status: str
    experiment_id: str
    experiment: str
    parent: int | None
    parent_id: str | None
    start_time: datetime
    end_time: datetime | None
    error: tuple[str, str] | None
    deleted: bool
    children: int
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    counts: Mapping[str, int]
    tags: Mapping[str, str]
    findings: tuple[tuple[str, int, str], ...]


@dataclass(frozen=True, slots=True)
class Key:
    """A key of some runs: how many have it, and how many different values they have."""

    family: str
    key: str
    runs: int
    values: int


def state_of(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """What is another one once anything in the database has changed."""
    (version,) = connection.execute("PRAGMA data_version").fetchone()
    return id(connection), int(version), connection.total_changes


def matching(connection: sqlite3.Connection, query: Query) -> list[tuple[int, int | None]]:
    """The number of every run that `query` asks for, in its order, with that of its parent.

    Raises
    ------
    FilterError
        If its texts cannot be understood.
    """
    param = _sorted_param(query)
    sql, values = compiled_for(
        connection, query if param is None else replace(query, order_by=None)
    )
    sql = sql[sql.index(" FROM runs AS r") :]
    if param is not None:
        # Joined, a param is looked up once for its number and its text.
        key, way = param
        values["sorted"] = key
        join = " LEFT JOIN params AS o ON o.run = r.id AND o.key = :sorted WHERE "
        sql = sql.replace(" WHERE ", join, 1)
        order = f" ORDER BY o.number {way} NULLS LAST, o.value {way} NULLS LAST, "
        sql = order.join(sql.rsplit(" ORDER BY ", 1))
    return connection.execute(f"SELECT r.id, r.parent{sql}", values).fetchall()


def _sorted_param(query: Query) -> tuple[str, str] | None:
    """The param that runs are sorted by, and which way; None if it is something else."""
    terms = parse_order(query.order_by)
    if len(terms) != 1 or terms[0].field.family != "params":
        return None
    return terms[0].field.key, "DESC" if terms[0].descending else "ASC"


def roots_of(connection: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, int]:
    """The run at the top of the tree that each of these runs stands in."""
    rows = connection.execute(
        "WITH RECURSIVE up (id, above) AS (SELECT value, value FROM json_each(?) UNION ALL"
        " SELECT up.id, r.parent FROM up JOIN runs AS r ON r.id = up.above"
        " WHERE r.parent IS NOT NULL)"
        " SELECT up.id, up.above FROM up JOIN runs AS r ON r.id = up.above WHERE r.parent IS NULL",
        (json.dumps(list(numbers)),),
    )
    return dict(rows.fetchall())


def lines(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[Line]:
    """These runs, in this order."""
    asked = (json.dumps(list(numbers)),)
    params: dict[int, dict[str, Any]] = {}
    metrics: dict[int, dict[str, float]] = {}
    counts: dict[int, dict[str, int]] = {}
    tags: dict[int, dict[str, str]] = {}
    findings: dict[int, list[tuple[str, int, str]]] = {}
    for run, key, kind, text, number in connection.execute(
        f"SELECT t.* {_EACH.format('params')}", asked
    ):
        params.setdefault(run, {})[key] = decode_param(kind, text, number)
    for run, key, value, number in connection.execute(
        f"SELECT t.run, t.key, t.value, t.number {_EACH.format('metrics')}", asked
    ):
        metrics.setdefault(run, {})[key] = decode_metric(value)
        counts.setdefault(run, {})[key] = number + 1
    for run, key, text in connection.execute(f"SELECT t.* {_EACH.format('tags')}", asked):
        tags.setdefault(run, {})[key] = text
    for run, code, grade, text in connection.execute(
        f"SELECT t.run, t.code, max(t.grade), t.text {_EACH.format('findings')}"
        " GROUP BY t.run, t.code ORDER BY 3 DESC, t.code",
        asked,
    ):
        findings.setdefault(run, []).append((code, grade, text))
    rows = connection.execute(
        "SELECT r.id, r.run_id, r.name, r.kind, r.status, r.experiment, e.name, r.parent, p.run_id,"
        " r.start_time, r.end_time, r.error_type, r.error_message, r.deleted,"
        " (SELECT count(*) FROM runs AS c WHERE c.parent = r.id AND NOT c.deleted)"
        " FROM json_each(?) AS j CROSS JOIN runs AS r ON r.id = j.value"
        " JOIN experiments AS e ON e.id = r.experiment LEFT JOIN runs AS p ON p.id = r.parent",
        asked,
    ).fetchall()
    return [
        Line(
            number=row[0],
            run_id=row[1],
            name=row[2],
            kind=row[3],
            status=row[4],
            experiment_id=str(row[5]),
            experiment=row[6],
            parent=row[7],
            parent_id=row[8],
            start_time=instant(row[9]),
            end_time=None if row[10] is None else instant(row[10]),
            error=None if row[11] is None else (row[11], row[12] or ""),
            deleted=bool(row[13]),
            children=row[14],
            params=params.get(row[0], {}),
            metrics=metrics.get(row[0], {}),
            counts=counts.get(row[0], {}),
            tags=tags.get(row[0], {}),
            findings=tuple(findings.get(row[0], ())),
        )
        for row in rows
    ]


def numbers_of(connection: sqlite3.Connection, run_ids: Sequence[str]) -> list[int]:
    """The numbers of the runs with these ids, in this order; those that there are."""
    rows = connection.execute(
        "SELECT r.id FROM json_each(?) AS j CROSS JOIN runs AS r ON r.run_id = j.value",
        (json.dumps(list(run_ids)),),
    )
    return [number for (number,) in rows]


def below(connection: sqlite3.Connection, number: int, most: int) -> list[int]:
    """The numbers of the runs directly below a run, oldest first."""
    rows = connection.execute(
        "SELECT id FROM runs WHERE parent = ? AND NOT deleted ORDER BY start_time, id LIMIT ?",
        (number, most),
    )
    return [found for (found,) in rows]


def keys_of(connection: sqlite3.Connection, numbers: Sequence[int], most: int) -> list[Key]:
    """The params and metrics of these runs, so many of each; those that most have come first."""
    asked = (json.dumps(list(numbers)),)
    columns = {"params": "t.type || ':' || ifnull(t.value, t.number)", "metrics": "t.value"}
    found = [
        Key(family, key, runs, values)
        for family, column in columns.items()
        for key, runs, values in connection.execute(
            f"SELECT t.key, count(*), count(DISTINCT {column}) {_EACH.format(family)}"
            " GROUP BY t.key ORDER BY 2 DESC, t.key LIMIT ?",
            (*asked, most),
        )
    ]
    return sorted(found, key=lambda key: (-key.runs, key.key))


def all_keys(connection: sqlite3.Connection, after: int) -> dict[str, set[str]]:
    """Every key of the runs with a larger number than `after`, by family."""
    return {
        family: {
            key
            for (key,) in connection.execute(
                f"SELECT DISTINCT key FROM {family} WHERE run > ?", (after,)
            )
        }
        for family in FAMILIES
    }


def contexts(connection: sqlite3.Connection) -> list[str]:
    """What data is called that runs saw."""
    return [name for (name,) in connection.execute("SELECT DISTINCT context FROM run_datasets")]


def newest(connection: sqlite3.Connection) -> int:
    """The largest number of a run; 0 where there is none."""
    (number,) = connection.execute("SELECT ifnull(max(id), 0) FROM runs").fetchone()
    return int(number)


def groups(
    connection: sqlite3.Connection, numbers: Sequence[int], param: str, metric: str
) -> list[tuple[Any, int, int, float | None, float | None, float | None]]:
    """Each value of a param: how many runs, how many with the metric, and its least, mean, most."""
    rows = connection.execute(
        "SELECT p.type, p.value, p.number, count(*), count(m.value), min(m.value), avg(m.value),"
        " max(m.value) FROM json_each(?) AS j LEFT JOIN params AS p ON p.run = j.value"
        " AND p.key = ? LEFT JOIN metrics AS m ON m.run = j.value AND m.key = ?"
        " GROUP BY p.type, p.value, p.number ORDER BY count(*) DESC LIMIT 200",
        (json.dumps(list(numbers)), param, metric),
    ).fetchall()
    return [(None if row[0] is None else (decode_param(*row[:3]),), *row[3:]) for row in rows]


def points(
    connection: sqlite3.Connection, numbers: Sequence[int], x: str, y: str, error: str = ""
) -> list[tuple[int, Any, float, float | None]]:
    """The runs in which a metric is a number, with what they have on another axis.

    Parameters
    ----------
    connection : sqlite3.Connection
    numbers : sequence of int
        The runs to look at.
    x : str
        ``started``, ``params.<key>`` or ``metrics.<key>``. Of params, texts are texts.
    y, error : str
        The keys of the metric, and of its standard error.
    """
    family, _, key = x.partition(".")
    column, join = "r.start_time", "CROSS JOIN runs AS r ON r.id = j.value AND :key = :key"
    if family == "params":
        column = (
            "CASE WHEN a.type IN ('int', 'float') THEN a.number WHEN a.type = 'bool'"
            " THEN CASE a.number WHEN 1 THEN 'True' ELSE 'False' END"
            " WHEN a.type = 'none' THEN 'None' ELSE a.value END"
        )
        join = "CROSS JOIN params AS a ON a.run = j.value AND a.key = :key"
    elif family == "metrics":
        column = "a.value"
        join = "CROSS JOIN metrics AS a ON a.run = j.value AND a.key = :key"
    spread, beside = "NULL", " AND :error = :error"
    if error:
        spread = "s.value"
        beside = " LEFT JOIN metrics AS s ON s.run = j.value AND s.key = :error"
    rows = connection.execute(
        f"SELECT j.value, {column} AS x, b.value, {spread} FROM json_each(:runs) AS j {join}"
        " CROSS JOIN metrics AS b ON b.run = j.value AND b.key = :y AND b.value IS NOT NULL"
        f"{beside} WHERE x IS NOT NULL",
        # In the order of the tables, where neighbours share a page.
        {"runs": json.dumps(sorted(numbers)), "key": key, "y": y, "error": error},
    )
    return rows.fetchall()


def names_of(connection: sqlite3.Connection, numbers: Sequence[int]) -> dict[int, tuple[str, str]]:
    """The id and name of each of these runs."""
    rows = connection.execute(
        "SELECT r.id, r.run_id, r.name FROM json_each(?) AS j CROSS JOIN runs AS r"
        " ON r.id = j.value",
        (json.dumps(list(numbers)),),
    )
    return {number: (run_id, name) for number, run_id, name in rows}


def experiments(connection: sqlite3.Connection) -> list[tuple[str, str, bool, dict[str, int], Any]]:
    """Of each experiment its id, name, whether it is deleted, its runs by status, the last start.

    Runs with a parent are not counted.
    """
    found: dict[int, tuple[str, bool, dict[str, int], float]] = {
        number: (name, bool(deleted), {}, created)
        for number, name, deleted, created in connection.execute(
            "SELECT id, name, deleted, created FROM experiments"
        )
    }
    # One pass over the runs; joined with their experiments it takes ten times as long.
    for number, status, count, last in connection.execute(
        "SELECT experiment, status, count(*), max(start_time) FROM runs"
        " WHERE NOT deleted AND parent IS NULL GROUP BY experiment, status"
    ):
        name, gone, counts, moment = found[number]
        counts[status] = count
        found[number] = name, gone, counts, max(moment, last)
    ordered = sorted(found.items(), key=lambda item: -item[1][3])
    return [(str(n), name, gone, counts, instant(at)) for n, (name, gone, counts, at) in ordered]


def names_of_experiments(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Id and name of the experiments, deleted ones aside; the newest first."""
    rows = connection.execute("SELECT id, name FROM experiments WHERE NOT deleted ORDER BY id DESC")
    return [(str(number), name) for number, name in rows]
