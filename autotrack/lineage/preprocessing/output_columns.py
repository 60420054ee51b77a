"""Which columns of a table are what a transformer returned, some rows of it perhaps.

Rows that lie apart settle nearly every question; what they leave is held against whole columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from autotrack.lineage.values.arrays import Array, is_numeric, same, spread
from autotrack.lineage.values.rows import (
    has_row,
    has_sparse_row,
    is_sparse,
    sparse_block,
    take_column,
    take_rows,
)
from autotrack.runtime.dataclass import dataclass

#: What a column holds at some rows.
Key: TypeAlias = "bytes | tuple[str, ...]"
#: Columns, each an array; those of one type are the rows of one.
Columns: TypeAlias = "Array | list[Array]"

# Rows by which columns are told apart, and those that are looked up where rows were taken.
_PROBES, _FEW_PROBES = 32, 4
# The widest table whose columns are told apart, and columns that are compared whole.
_WIDEST, _WHOLE = 20_000, 8
# The same of a frame whose columns are of several types, which are looked at one by one.
_WIDEST_MIXED = 200
# Places at which a block of columns may begin.
_MOST_PLACES = 64


class Table:
    """Data of rows and columns, asked for what stands in some of its rows.

    It is asked around every transformer that is fitted, so thousands of columns are looked at by
    numpy and not one by one.
    """

    def __init__(self, data: Any) -> None:
        self.data = data
        shape = getattr(data, "shape", None)
        if not isinstance(shape, tuple):
            raise TypeError("no table")
        self.rows = int(shape[0])
        self.width = int(shape[1]) if len(shape) == 2 else 1
        if len(shape) > 2 or not self.rows or not 0 < self.width <= _WIDEST:
            raise TypeError("no table of rows and columns")

    @cached_property
    def names(self) -> list[Any] | None:
        """What the columns are called."""
        columns = getattr(self.data, "columns", None)
        return None if columns is None else [*columns]

    def block(self, rows: Array) -> Columns:
        """The columns of some rows."""
        return self._columns(take_rows(self.data, rows))

    def _columns(self, taken: Any) -> Columns:
        if is_sparse(taken):
            return sparse_block(taken).T
        if hasattr(taken, "iloc") and len(taken.shape) == 2:
            numbers: Array = taken.to_numpy()
            if is_numeric(numbers):
                return numbers.T
            if self.width > _WIDEST_MIXED:
                raise TypeError("too many columns to be looked at one by one")
            return [np.asarray(taken.iloc[:, j]) for j in range(self.width)]
        values = np.asarray(taken)
        return values[None, :] if values.ndim == 1 else values.T

    @cached_property
    def known(self) -> set[Key]:
        """The keys of all columns."""
        return set(self.keys)

    @cached_property
    def first(self) -> Array | list[Any]:
        """The first row of data that is not sparse."""
        block = self._block
        return block[:, 0] if isinstance(block, np.ndarray) else [column[0] for column in block]

    @cached_property
    def first_stored(self) -> Array:
        """What a sparse matrix stores of its first row."""
        row: Array = take_rows(self.data, np.zeros(1, np.intp)).tocoo().data
        stored: Array = row[row != 0]
        return stored

    def tells(self, j: int) -> bool:
        """Whether a column holds real numbers that are not met by chance."""
        values = self._probed_column(j)
        if values.dtype.kind != "f":
            return False
        values = values[np.isfinite(values)]
        if not len(values) or (values == values[0]).all():
            return False
        return bool((values != np.round(values, 3)).any())

    def column(self, j: int) -> list[Any]:
        """A column at rows that depend on their number alone."""
        found: list[Any] = self._probed_column(j).tolist()
        return found

    def _probed_column(self, j: int) -> Array:
        return take_column(self._probed, j) if is_sparse(self.data) else self._block[j]

    @cached_property
    def _probed(self) -> Any:
        return take_rows(self.data, spread(self.rows, _PROBES))

    @cached_property
    def _block(self) -> Columns:
        return self._columns(self._probed)

    @cached_property
    def keys(self) -> list[Key]:
        """What each column holds at rows that depend on their number alone."""
        if is_sparse(self.data):
            return self._keys_of_sparse()
        if isinstance(self._block, np.ndarray) and is_numeric(self._block):
            return _keys_of_numbers(self._block)
        return [key_of(column) for column in self._block]

    def _keys_of_sparse(self) -> list[Key]:
        probed = self._probed.tocsc()
        # Most columns hold nothing but zeros there.
        keys: list[Key] = [bytes(8 * probed.shape[0])] * self.width
        filled = np.flatnonzero(np.diff(probed.indptr))
        found = _keys_of_numbers(sparse_block(probed[:, filled]).T)
        for j, key in zip(filled.tolist(), found, strict=True):
            keys[j] = key
        return keys


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
    if is_numeric(column):
        return _keys_of_numbers(column[None, :])[0]
    return tuple(map(str, column.tolist()))


def _keys_of_numbers(block: Array) -> list[Key]:
    """The keys of columns of numbers, a row of `block` each."""
    if not block.size:
        return [b""] * len(block)
    # Adding zero makes the two zeros one.
    numbers = np.ascontiguousarray(block, np.float64) + 0.0
    numbers[np.isnan(numbers)] = np.nan
    keys: list[Key] = numbers.view(f"V{numbers.shape[1] * numbers.itemsize}").ravel().tolist()
    return keys


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
    if is_sparse(table.data):
        row, stored = table.first_stored, _stored(held, output.telling or 0)
        return stored is None or not len(row) or bool(np.isin(stored, row).any())
    column, first = take_column(held, output.telling or 0), table.first
    if isinstance(first, np.ndarray) and is_numeric(first) and is_numeric(column):
        return bool(np.isin(first, column).any())
    return any(bool((column == value).any()) for value in first)


def _stored(held: Any, j: int) -> Array | None:
    """What every sparse matrix with an output in it stores some of; None if that is not known."""
    if is_sparse(held):
        stored: Array = held.tocoo(copy=False).data
        return stored
    column = take_column(held, j)
    return column if is_numeric(column) and column.all() else None


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
    if not all(key in table.known for key in output.keys):
        return None
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
            any(_has(other, row) for other in outputs) for row in _rows_of(block, columns)
        ):
            return columns
    return None


def _rows_of(block: Columns, columns: tuple[int, ...]) -> Iterator[Array]:
    """The rows of some columns."""
    if isinstance(block, np.ndarray):
        yield from block[list(columns)].T
        return
    for values in zip(*(block[j] for j in columns), strict=True):
        alike = all(isinstance(v, str) == isinstance(values[0], str) for v in values)
        yield np.array(values) if alike else np.array(values, dtype=object)


def _places(table: Table, outputs: Sequence[Table], block: Columns) -> list[tuple[int, ...]]:
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


def _has(output: Table, row: Array) -> bool:
    if is_sparse(output.data):
        matrix = output.data.tocsr()
        held = np.flatnonzero(row)
        return has_sparse_row(matrix, held, row[held])
    return has_row(output.data, row)


def _named(table: Table, width: int, names: Sequence[Any]) -> tuple[int, ...] | None:
    """The columns that are called so."""
    if table.names is None or len(names) != width:
        return None
    places = {name: j for j, name in enumerate(table.names)}
    found = [places.get(name, -1) for name in names]
    return None if -1 in found else tuple(found)
