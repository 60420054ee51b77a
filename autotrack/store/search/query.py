"""Searching runs: what a filter means, and how it is asked of SQLite.

- A comparison of a key that a run does not have is false, also with ``!=`` and ``not in``;
  ``metrics.r2 is null`` finds the runs without it. ``not`` turns round whatever it is put before.
- Params compare as they are typed: ``0.1`` with ints and floats, ``true`` with bools, ``'rbf'``
  with texts, ``none`` with None. A value of another type is different (so ``!=`` is true), and
  neither smaller nor larger. ``is null`` also holds for None.
- Metrics compare by their last value. NaN equals ``nan`` and is neither smaller nor larger.
- ``like`` knows ``%`` (anything) and ``_`` (one character); ``ilike`` does not look at case.
- Times compare with ISO text, UTC unless it says otherwise, or seconds since the epoch;
  `duration` is in seconds, and absent while a run lasts.
- A key with blanks, signs or dots at its end needs no quotes where a run has it, and what follows
  it reads on: ``params.my step__C > 1``. Between backquotes a key is taken as it is.
- Integers beyond 64 bits are equal exactly, and ordered by the nearest float.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from autotrack.entities import RunKind, RunStatus
from autotrack.errors import FilterError
from autotrack.printable import described
from autotrack.runtime.dataclass import dataclass
from autotrack.store.codec import INT64, decode_metric, decode_param
from autotrack.store.search.parser import KEY, parse_filter, parse_order
from autotrack.store.search.sql import Compiler
from autotrack.store.tables.experiments import instant


@dataclass(frozen=True, slots=True)
class Query:
    """What :meth:`Store.search` is asked.

    Attributes
    ----------
    experiment_ids : sequence of str, optional
        Only runs of these; by default all experiments that are not deleted.
    where : str, optional
        A filter; see :mod:`autotrack.store.search`.
    order_by : str or sequence of str, optional
        Such as ``"metrics.test_r2 desc"``; missing values and NaN come last either way.
        Ties, and all runs by default, come newest first.
    limit : int, optional
    kinds : sequence of str, optional
        Only runs of these kinds.
    children : bool
        Whether runs with a parent are shown as well.
    parent_id : str, optional
        Only the runs directly below this one (`children` is then of no matter).
    deleted : bool
        Whether deleted runs, and those of deleted experiments, are shown as well.
    """

    experiment_ids: Sequence[str] | None = None
    where: str | None = None
    order_by: str | Sequence[str] | None = None
    limit: int | None = None
    kinds: Sequence[RunKind] | None = None
    children: bool = False
    parent_id: str | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a table of runs."""

    run_id: str
    name: str
    kind: RunKind
    status: RunStatus
    experiment: str
    parent_id: str | None
    start_time: datetime
    end_time: datetime | None
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def run_search(connection: sqlite3.Connection, query: Query) -> list[RunRow]:
    """The rows that `query` asks for, in four statements whatever their number."""
    sql, values = compiled_for(connection, query)
    found = connection.execute(sql, values).fetchall()
    numbers = json.dumps([row[0] for row in found])
    params: dict[int, dict[str, Any]] = {row[0]: {} for row in found}
    metrics: dict[int, dict[str, float]] = {row[0]: {} for row in found}
    tags: dict[int, dict[str, str]] = {row[0]: {} for row in found}
    picked = "FROM json_each(?) AS j CROSS JOIN {} AS t ON t.run = j.value"
    for run, key, kind, text, number in connection.execute(
        f"SELECT t.* {picked.format('params')}", (numbers,)
    ):
        params[run][key] = decode_param(kind, text, number)
    for run, key, value in connection.execute(
        f"SELECT t.run, t.key, t.value {picked.format('metrics')}", (numbers,)
    ):
        metrics[run][key] = decode_metric(value)
    for run, key, text in connection.execute(f"SELECT t.* {picked.format('tags')}", (numbers,)):
        tags[run][key] = text
    return [
        RunRow(
            run_id,
            name,
            kind,
            status,
            experiment,
            parent_id,
            instant(start),
            None if end is None else instant(end),
            params[number],
            metrics[number],
            tags[number],
        )
        for number, run_id, name, kind, status, experiment, parent_id, start, end in found
    ]


def compiled_for(connection: sqlite3.Connection, query: Query) -> tuple[str, dict[str, Any]]:
    """The SELECT for `query`, whose text may hold keys of any letters without quotes."""
    try:
        return compile_query(query)
    except FilterError:
        # Only now, since it reads all keys: is it one with blanks or such in it?
        odd = _odd_keys(connection)
        if not odd:
            raise
        try:
            return compile_query(query, odd)
        except FilterError as error:
            told = error
        raise told from None


def _odd_keys(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """The keys, each with its table, that the filter language does not read as one word."""
    return [
        (table, key)
        for table in ("params", "metrics", "tags")
        for (key,) in connection.execute(f"SELECT DISTINCT key FROM {table}")
        if not KEY.fullmatch(key)
    ]


def compile_query(
    query: Query, odd_keys: Sequence[tuple[str, str]] = ()
) -> tuple[str, dict[str, Any]]:
    """The SELECT for `query` and what is to be bound to it.

    Parameters
    ----------
    query : Query
        What is asked.
    odd_keys : sequence of (table, key)
        Keys that are more than one word to the filter language, and are known all the same.

    Raises
    ------
    FilterError
        If `where`, `order_by` or `limit` cannot be understood.
    """
    compiler = Compiler(query.where if isinstance(query.where, str) else "")
    conditions = []
    if query.experiment_ids is not None:
        ids = [str(experiment) for experiment in query.experiment_ids]
        conditions.append(compiler.among("CAST(r.experiment AS TEXT)", ids))
    elif not query.deleted:
        conditions.append("NOT e.deleted")
    if not query.deleted:
        conditions.append("NOT r.deleted")
    if query.kinds is not None:
        conditions.append(compiler.among("r.kind", list(query.kinds)))
    if query.parent_id is not None:
        conditions.append(f"p.run_id = {compiler.bind(query.parent_id)}")
    elif not query.children:
        conditions.append("r.parent IS NULL")
    if query.where is not None and (tree := parse_filter(query.where, odd_keys)) is not None:
        conditions.append(compiler.condition(tree))
    order = [
        term
        for ordering in parse_order(query.order_by, odd_keys)
        for term in compiler.order(ordering)
    ]
    sql = (
        "SELECT r.id, r.run_id, r.name, r.kind, r.status, e.name, p.run_id, r.start_time,"
        " r.end_time FROM runs AS r JOIN experiments AS e ON e.id = r.experiment"
        " LEFT JOIN runs AS p ON p.id = r.parent"
        f" WHERE {' AND '.join(conditions or ['1'])}"
        f" ORDER BY {', '.join([*order, 'r.start_time DESC', 'r.id DESC'])}"
    )
    limit: object = query.limit
    if limit is not None:
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
            raise FilterError(f"limit={described(limit)} is not a number of runs; give 0 or more")
        sql += f" LIMIT {min(limit, INT64[-1])}"
    return sql, compiler.values
