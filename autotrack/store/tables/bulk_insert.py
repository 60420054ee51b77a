"""Many rows in few statements.

Each statement that Python executes lets go of the interpreter's lock and asks for it again, which
a thread that writes beside a training waits for every time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

# SQLite up to 3.31 takes no more values for one statement than 999.
_MOST_VALUES = 990

Row = tuple[Any, ...]


def insert_rows(
    connection: sqlite3.Connection, head: str, rows: Sequence[Row], tail: str = ""
) -> int:
    """Execute `head`, the rows as ``VALUES`` and `tail`; how many rows that made or changed.

    Parameters
    ----------
    connection : Connection
    head : str
        A statement up to the values, such as ``INSERT INTO tags``.
    rows : sequence of tuple
        All of one length. They are taken in their order.
    tail : str
        What follows the values.
    """
    count = 0
    for part in _parts(rows):
        sql = _statement(head, len(part), len(part[0]), tail)
        count += connection.execute(sql, [value for row in part for value in row]).rowcount
    return count


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    size = _MOST_VALUES // len(rows[0]) if rows else 1
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


@lru_cache(maxsize=1024)
def _statement(head: str, rows: int, columns: int, tail: str) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"{head} VALUES {', '.join([row] * rows)}{tail}"
