"""Rows and columns of whatever holds data, taken without making the whole of it anything else."""

from __future__ import annotations

import array
from collections import deque
from typing import Any

import numpy as np

from autotrack.lineage.values.arrays import Array, equal_to, is_lazy, spread

# Columns by which rows are told apart before they are compared whole.
_TELLING = 16
# Rows that may be equal and are compared whole, and numbers in them.
_COMPARED = 2000
_NUMBERS = 1 << 20
# The formats of sparse matrices whose rows can be taken.
_INDEXED = ("csr", "csc", "lil", "dok")
# Columns of a sparse row that are searched for in the whole matrix.
_SEARCHED = 4


def is_sparse(data: object) -> bool:
    """Whether `data` is a sparse matrix or array of scipy."""
    kind = type(data)  # an object may answer to any name
    return hasattr(kind, "tocoo") and hasattr(kind, "nnz")


def take_rows(data: Any, positions: Array) -> Any:
    """Some rows of `data`, as a list, a sparse matrix or whatever numpy makes an array of."""
    if type(data) is np.ndarray:
        return data[positions]
    if isinstance(data, list | tuple | range | deque):
        return [data[at] for at in positions.tolist()]
    if isinstance(data, memoryview | array.array):
        return np.asarray(data)[positions]
    if is_lazy(data):
        raise TypeError("what is not computed yet has no rows")
    if hasattr(data, "iloc"):
        return data.iloc[positions]
    if _is_arrow(data):
        return data.take(positions)
    if is_sparse(data):
        return (data if data.format in _INDEXED else data.tocsr())[positions]
    return _indexed(data)[positions]


def take_column(data: Any, j: int) -> Array:
    """One column of `data` as an array of one dimension; of a single one, the whole."""
    if len(data.shape) == 1:
        return np.asarray(data)
    if hasattr(data, "iloc"):
        return np.asarray(data.iloc[:, j])
    if is_sparse(data):
        return _sparse_column(data, j)
    return np.asarray(data.column(j) if _is_arrow(data) else _indexed(data)[:, j])


def _is_arrow(data: object) -> bool:
    return type(data).__module__.partition(".")[0] == "pyarrow"


def _indexed(data: Any) -> Any:
    """What can be indexed by an array of numpy, which not every other kind of array can."""
    plain = hasattr(data, "__getitem__") and not hasattr(data, "__array_namespace__")
    return data if plain else np.asarray(data)


def _sparse_column(matrix: Any, j: int) -> Array:
    stored = matrix.tocoo(copy=False)
    column = np.zeros(matrix.shape[0], stored.data.dtype)
    held = stored.col == j
    np.add.at(column, stored.row[held], stored.data[held])
    return column


def sparse_block(matrix: Any) -> Array:
    """A few rows of a sparse matrix as an array."""
    stored = matrix.tocoo(copy=False)
    block = np.zeros(matrix.shape, stored.data.dtype)
    np.add.at(block, (stored.row, stored.col), stored.data)
    return block


def has_row(data: Any, row: Array) -> bool:
    """Whether one of the rows of `data` (which is not sparse) is `row`."""
    width = len(row)
    # Zeros are what most rows have in common.
    columns = np.argsort(equal_to(row, 0), kind="stable")[:_TELLING].tolist()
    places = np.flatnonzero(equal_to(take_column(data, columns[0]), row[columns[0]]))
    for j in columns[1:]:
        if not len(places):
            return False
        places = places[equal_to(take_column(data, j)[places], row[j])]
    if width <= _TELLING or not len(places):
        return bool(len(places))
    places = places[: max(1, min(_COMPARED, _NUMBERS // width))]
    block = np.asarray(take_rows(data, places))
    missing = (block != block) & (row != row)  # noqa: PLR0124 - which is true of NaN alone
    return bool(((block == row) | missing).all(axis=1).any())


def sparse_row(matrix: Any, at: int) -> tuple[Array, Array]:
    """The columns of a row of a csr matrix that are not zero, in order, and what stands there."""
    held = slice(matrix.indptr[at], matrix.indptr[at + 1])
    columns, values = matrix.indices[held], matrix.data[held]
    order = np.flatnonzero(values != 0)
    order = order[np.argsort(columns[order], kind="stable")]
    return columns[order], values[order]


def has_sparse_row(matrix: Any, columns: Array, values: Array) -> bool:
    """Whether one of the rows of a csr matrix holds just these values in these columns."""
    counts = np.diff(matrix.indptr)
    if not len(columns):
        return bool((counts == 0).any())
    places = np.flatnonzero(counts >= len(columns))
    for at in spread(len(columns), _SEARCHED):
        if len(places) <= _SEARCHED:
            break
        held = np.flatnonzero((matrix.indices == columns[at]) & (matrix.data == values[at]))
        fits = np.zeros(len(counts), bool)
        fits[np.searchsorted(matrix.indptr, held, side="right") - 1] = True
        places = places[fits[places]]
    for place in places[:_COMPARED].tolist():
        there, stands = sparse_row(matrix, place)
        if np.array_equal(there, columns) and np.array_equal(stands, values):
            return True
    return False
