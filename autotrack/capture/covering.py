"""Which columns of a table are what a transformer returned, some rows of it perhaps.

Rows that lie apart settle nearly every question; what they leave is held against whole columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from autotrack.capture.arrays import Array, same, spread
from autotrack.capture.rows import (
    has_row,
    has_sparse_row,
    is_sparse,
    sparse_block,
    take_column,
    take_rows,
)

#: What a column holds at some rows.
Key: TypeAlias = "bytes | tuple[str, ...]"

# Rows by which columns are told apart, and those that are looked up where rows were taken.
_PROBES, _FEW_PROBES = 32, 4
# The widest table whose columns are told apart, and columns that are compared whole.
_WIDEST, _WHOLE = 20_000, 8
# Places at which a block of columns may begin.
_MOST_PLACES = 64


class Table:
    """Data of rows and columns, asked for what stands in some of its rows."""

    def __init__(self, data: Any) -> None:
        self.data = data
        shape = getattr(data, "shape", None)
        if not isinstance(shape, tuple):
            raise TypeError("no table")
        self.rows = int(shape[0])
        self.width = int(shape[1]) if len(shape) == 2 else 1
        if len(shape) > 2 or not self.rows or not 0 < self.width <= _WIDEST:
            raise TypeError("no table of rows and columns")
        columns = getattr(data, "columns", None)
        self.names = None if columns is None else [*columns]
        self._keys: list[Key] | None = None

    def block(self, rows: Array) -> list[Array]:
        """The columns of some rows."""
        taken = take_rows(self.data, rows)
        if is_sparse(taken):
            return [*sparse_block(taken).T]
        if hasattr(taken, "iloc") and len(taken.shape) == 2:
            return [np.asarray(taken.iloc[:, j]) for j in range(self.width)]
        values = np.asarray(taken)
        return [values] if values.ndim == 1 else [*values.T]

    @cached_property
    def known(self) -> set[Key]:
        """The keys of all columns."""
        return set(self.keys)

    @cached_property
    def first(self) -> list[Any]:
        """The first row."""
        return [column[0] for column in self._block]

    def tells(self, j: int) -> bool:
        """Whether a column holds real numbers that are not met by chance."""
        values = self._block[j]
        if values.dtype.kind != "f":
            return False
        values = values[np.isfinite(values)]
        if not len(values) or (values == values[0]).all():
            return False
        return bool((values != np.round(values, 3)).any())

    def column(self, j: int) -> list[Any]:
        """A column at rows that depend on their number alone."""
        found: list[Any] = self._block[j].tolist()
        return found

    @cached_property
    def _block(self) -> list[Array]:
        return self.block(spread(self.rows, _PROBES))

    @property
    def keys(self) -> list[Key]:
        """What each column holds at rows that depend on their number alone."""
        if self._keys is None:
            self._keys = [key_of(column) for column in self._block]
        return self._keys


def look(data: Any) -> Table | None:
    """A table of `data` with its keys as they are now; None of what is none."""
    try:
        table = Table(data)
        _ = table.keys
    except Exception:  # noqa: BLE001 - a foreign container may do anything
        return None
    return table


def key_of(column: Array) -> Key:
    """Equal for equal values, whatever their type of number."""
    if column.dtype.kind in "biuf":
        numbers = column.astype(np.float64) + 0.0
        numbers[np.isnan(numbers)] = np.nan
        return numbers.tobytes()
    return tuple(map(str, column.tolist()))


@dataclass(frozen=True, slots=True)
class Seen:
    """What is kept of an output without holding it.

    Attributes
    ----------
    rows : int
    keys : sequence of Key
        What its columns hold at some rows.
    computed : sequence of int
        The columns that are none of the input.
    telling : int or None
        One of these that holds real numbers, which are met nowhere by chance.
    did_nothing : bool
        Whether the output holds what the input does.
    """

    rows: int
    keys: Sequence[Key]
    computed: Sequence[int]
    telling: int | None
    did_nothing: bool

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.keys)


def seen(before: Table | None, output: Any) -> Seen | None:
    """Look at an output, and at what its transformer was given; None of what is no table."""
    after = look(output)
    if after is None:
        return None
    known: set[Key] = set()
    did_nothing = False
    if before is not None and before.rows == after.rows:
        known, did_nothing = set(before.keys), before.keys == after.keys
    computed = [j for j, key in enumerate(after.keys) if key not in known]
    telling = (j for j in computed[:_WHOLE] if after.tells(j))
    return Seen(after.rows, after.keys, computed, next(telling, None), did_nothing)


def may_cover(table: Table, output: Seen, held: Any) -> bool:
    """Whether an output may be in a table, by a look at little of both."""
    if output.width > table.width or not output.keys:
        return False
    if output.rows == table.rows and all(key in table.known for key in output.keys):
        return True
    if is_sparse(table.data) or is_sparse(held):
        return True
    column = take_column(held, output.telling or 0)
    return any(bool((column == value).any()) for value in table.first)


def covered(table: Table, outputs: Sequence[Any], names: Sequence[Any]) -> tuple[int, ...] | None:
    """The columns of `table` that hold what a transformer returned; None if they do not.

    Parameters
    ----------
    table : Table
    outputs : sequence
        What the transformer returned: that which is asked for, and what it returned otherwise.
    names : sequence
        What its columns may be called.
    """
    output = Table(outputs[0])
    if output.width > table.width:
        return None
    if output.rows == table.rows:
        columns = _same_columns(table, output, names)
        if columns is not None and _hold_throughout(table, output, columns):
            return columns
    return _taken_rows(table, [Table(other) for other in outputs], names)


def _same_columns(table: Table, output: Table, names: Sequence[Any]) -> tuple[int, ...] | None:
    """The columns that hold the same at the rows that are looked at."""
    named = _named(table, output.width, names)
    if named is not None and all(
        table.keys[j] == key for j, key in zip(named, output.keys, strict=True)
    ):
        return named
    first = output.keys[0]
    for at in range(table.width - output.width + 1):
        if table.keys[at] == first and table.keys[at : at + output.width] == output.keys:
            return tuple(range(at, at + output.width))
    free: dict[Key, list[int]] = {}
    for j in reversed(range(table.width)):
        free.setdefault(table.keys[j], []).append(j)
    found = [places.pop() if (places := free.get(key)) else -1 for key in output.keys]
    return None if -1 in found else tuple(found)


def _hold_throughout(table: Table, output: Table, columns: tuple[int, ...]) -> bool:
    """Whether these columns hold what is in the output, in every row; a few of many columns."""
    for j in spread(len(columns), _WHOLE).tolist():
        here, there = take_column(table.data, columns[j]), take_column(output.data, j)
        if here.dtype.kind in "biuf" and there.dtype.kind in "biuf":
            if not same(here.astype(np.float64), there.astype(np.float64)):
                return False
        elif key_of(here) != key_of(there):
            return False
    return True


def _taken_rows(
    table: Table, outputs: Sequence[Table], names: Sequence[Any]
) -> tuple[int, ...] | None:
    """The columns in which rows of the outputs stand, one after the other or by their names."""
    width = outputs[0].width
    rows = spread(table.rows, _FEW_PROBES)
    block = table.block(rows)
    blocks = [_named(table, width, names), *_places(table, outputs, block)]
    for columns in blocks:
        if columns is not None and all(
            any(_has(other, [block[j][at] for j in columns]) for other in outputs)
            for at in range(len(rows))
        ):
            return columns
    return None


def _places(
    table: Table, outputs: Sequence[Table], block: Sequence[Array]
) -> list[tuple[int, ...]]:
    """Where the outputs may begin: a row's first value is one of theirs."""
    width = outputs[0].width
    last = table.width - width
    if last == 0:
        return [tuple(range(width))]
    firsts = [take_column(other.data, 0) for other in outputs]
    found = []
    for at in range(last + 1):
        held = (any((first == value).any() for first in firsts) for value in block[at][:2])
        if all(held):
            found.append(tuple(range(at, at + width)))
            if len(found) == _MOST_PLACES:
                break
    return found


def _has(output: Table, row: Sequence[Any]) -> bool:
    values = (
        np.array(row)
        if all(isinstance(v, str) == isinstance(row[0], str) for v in row)
        else (np.array(row, dtype=object))
    )
    if is_sparse(output.data):
        matrix = output.data.tocsr()
        held = np.flatnonzero(values)
        return has_sparse_row(matrix, held, values[held])
    return has_row(output.data, values)


def _named(table: Table, width: int, names: Sequence[Any]) -> tuple[int, ...] | None:
    """The columns that are called so."""
    if table.names is None or len(names) != width:
        return None
    places = {name: j for j, name in enumerate(table.names)}
    found = [places.get(name, -1) for name in names]
    return None if -1 in found else tuple(found)
