"""What a text may be the beginning of: runs, experiments and keys of metrics, for completion.

Each is one statement over an index or over the newest runs, so that a large store answers at once.
"""

from __future__ import annotations

import sqlite3

_NEWEST = 300
_LAST = chr(0x10FFFF)


def runs(connection: sqlite3.Connection, text: str, most: int) -> list[tuple[str, str, str]]:
    """Id, name and kind of runs whose id begins with `text`, the newest first."""
    if text:
        return connection.execute(
            "SELECT run_id, name, kind FROM runs WHERE run_id BETWEEN ? AND ? AND NOT deleted"
            " ORDER BY id DESC LIMIT ?",
            (text, text + _LAST, most),
        ).fetchall()
    return connection.execute(
        "SELECT run_id, name, kind FROM runs WHERE parent IS NULL AND NOT deleted"
        " ORDER BY id DESC LIMIT ?",
        (most,),
    ).fetchall()


def experiments(connection: sqlite3.Connection, text: str, most: int) -> list[str]:
    """Names of experiments that begin with `text`."""
    rows = connection.execute(
        "SELECT name FROM experiments WHERE NOT deleted AND name BETWEEN ? AND ?"
        " ORDER BY name LIMIT ?",
        (text, text + _LAST, most),
    )
    return [name for (name,) in rows]


def metric_keys(connection: sqlite3.Connection, text: str, most: int) -> list[str]:
    """Keys of metrics of the newest runs that begin with `text`."""
    rows = connection.execute(
        "SELECT DISTINCT key FROM metrics WHERE run IN (SELECT id FROM runs ORDER BY id DESC"
        " LIMIT ?) AND key BETWEEN ? AND ? ORDER BY key LIMIT ?",
        (_NEWEST, text, text + _LAST, most),
    )
    return [key for (key,) in rows]


def models(connection: sqlite3.Connection, text: str, most: int) -> list[str]:
    """Names of registered models that begin with `text`."""
    rows = connection.execute(
        "SELECT name FROM registered_models WHERE name BETWEEN ? AND ? ORDER BY name LIMIT ?",
        (text, text + _LAST, most),
    )
    return [name for (name,) in rows]
