"""Rows, known again by a number each: a keyed 64-bit digest of their cells.

Rows that hold the same values have the same number, in whichever container, type of number and
memory layout: 1 is 1.0 is True, a `float32` is the `float64` of its value, a sparse row is the
dense one. Others have it by chance, once in 2**64. The key is drawn once in a process and
never written down, so the number of a row says nothing to anybody who has not got the row.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from autotrack.describe.data.fingerprint import (
    described_before,
    single_block,
    stamp_of_described,
)
from autotrack.entities import Dataset
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.weak_map import IdentityMap

Array = NDArray[Any]

#: Data of more cells than this is known by rows that are spread evenly over it, as many as have
#: so many cells. It takes a tenth of a second or two.
MOST_CELLS = 20_000_000
# The same for cells that are no numbers, each of which takes longer.
_MOST_OBJECTS = 1_000_000
# Numbers digested at a time: so many stay in the processor's cache.
_BLOCK = 1 << 14
_WORD = np.uint64
# One factor a column; drawn once, and more of them for wider data.
_factors: Array = np.zeros(0, _WORD)
_seed = 0
# What a cell holds in which there is nothing, and what texts, bytes and times are marked by.
_MISSING = np.float64("nan").view(_WORD)
_TIME = _WORD(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, eq=False)
class RowKeys:
    """The numbers of the rows of some data.

    Attributes
    ----------
    keys : array of uint64
        One a row.
    total : int
        How many rows the data has.
    sample : array of int or None
        Where the rows of `keys` stand in the data, if they are a sample of it.
    """

    keys: Array
    total: int
    sample: Array | None = None


def row_keys(
    data: Any, *, most_cells: int = MOST_CELLS, described: Dataset | None = None
) -> RowKeys | None:
    """The keys of the rows of `data`.

    Parameters
    ----------
    data : object
        An array, frame, series, sparse matrix, or a list of numbers, texts or rows. It is not
        changed. A target of one column is data of one column.
    most_cells : int
        Above so many cells there are the keys of a sample of the rows.
    described : Dataset, optional
        What `describe` said of it just now.

    Returns
    -------
    RowKeys or None
        None for what is no such data.
    """
    try:
        dataset = described if stamp_of_described(data, described) is not None else None
        if described is None and most_cells == MOST_CELLS:
            dataset = described_before(data)
        if dataset is None:
            return _row_keys(data, most_cells)
        made = _made.get(data)
        if made is not None and made[0] is dataset:
            return made[1]
        keys = _row_keys(data, most_cells)
        if keys is not None:
            keys.keys.flags.writeable = False  # whoever asks for them gets the same ones
            _made.set(data, (dataset, keys))
        return keys
    except Exception:  # noqa: BLE001 - a user's class may raise anything, from any attribute
        return None


# Models are fitted in loops, and all of a loop on the same data.
_made: IdentityMap[tuple[Dataset, RowKeys]] = IdentityMap()


def _row_keys(data: Any, most_cells: int) -> RowKeys | None:
    if type(data) is np.ndarray:
        table: Any = data
    else:
        table = _opened(data)
        if table is None:
            return None
    shape: tuple[int, ...] = tuple(table.shape)
    if not shape or len(shape) > 2 or not shape[0]:
        return None
    rows, width = shape[0], shape[1] if len(shape) == 2 else 1
    if not width:
        return None
    sparse = hasattr(table, "indptr")
    cells = table.nnz if sparse else rows * width
    plain = sparse or (type(table) is np.ndarray and table.dtype.kind in "biuf")
    most = most_cells if plain else min(most_cells, _MOST_OBJECTS)
    sample = None
    if cells > most:
        count = max(1, int(most * rows / cells))
        sample = np.unique(np.linspace(0, rows - 1, count, dtype=np.intp))
        table = table[sample] if not hasattr(table, "iloc") else table.iloc[sample]
    factors = _factors_for(width)
    keys: Array | None
    if sparse:
        keys = _of_sparse(table, factors)
    elif type(table) is np.ndarray:
        keys = _of_array(table.reshape(len(table), -1), factors)
    else:
        keys = _of_frame(table, factors)
    return None if keys is None else RowKeys(keys, rows, sample)


def with_target(rows: RowKeys | None, target: RowKeys | None) -> Array | None:
    """The keys of rows together with their target; None where these are not of the same rows."""
    if rows is None or target is None or len(rows.keys) != len(target.keys):
        return None
    if rows.total != target.total:
        return None
    return rows.keys * _WORD(0x9FB21C651E98DF25) + target.keys


# -- containers ------------------------------------------------------------------------------------


def _opened(data: Any) -> Any:
    """An array, a frame of pandas, or a matrix in csr format, of what `data` holds."""
    block = single_block(data)
    if block is not None:
        return block.T if block.ndim == 2 else block
    kind = type(data)
    if hasattr(kind, "tocsr") and hasattr(kind, "nnz"):
        return data.tocsr()
    if isinstance(data, list | tuple | range):
        return _listed(data)
    if isinstance(data, np.ndarray):
        return np.asarray(data)
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        if isinstance(data, pandas.DataFrame):
            return data
        if isinstance(data, pandas.Series | pandas.Index):
            return pandas.Series(data).to_frame()
    name = kind.__module__.partition(".")[0]
    if name == "polars":
        if hasattr(data, "collect"):
            return None
        frame = data if hasattr(data, "columns") else data.to_frame()
        return _columns([column.to_numpy() for column in frame.get_columns()])
    if name == "pyarrow" and hasattr(data, "to_pandas"):
        return _opened(data.to_pandas())
    if hasattr(kind, "__dask_graph__") or not hasattr(kind, "__array__"):
        return None
    return np.asarray(data)


def _columns(columns: Sequence[Any]) -> Any:
    if all(column.dtype.kind in "biuf" for column in columns):
        return np.column_stack(columns)
    import pandas as pd

    return pd.DataFrame(dict(enumerate(columns)))


def _listed(data: Any) -> Array | None:
    if not len(data):
        return None
    first = data[0]
    if isinstance(first, str | bytes):
        return np.asarray([*data, None], object)[:-1]
    array = np.asarray(data)
    if array.dtype.kind in "US":  # numbers beside texts became texts
        found = np.empty(array.shape, object)
        found[...] = [list(row) for row in data] if array.ndim == 2 else list(data)
        return found
    return array


# -- cells -----------------------------------------------------------------------------------------


def _factors_for(width: int) -> Array:
    global _factors, _seed  # noqa: PLW0603 - grows with the widest data
    if len(_factors) < width:
        drawn = np.random.SeedSequence().generate_state(width + 64, _WORD)
        _factors = np.concatenate([_factors, drawn | _WORD(1)])
        _seed = _seed or int(_factors[0])
    return _factors[:width]


def _bits(values: Array) -> Array:
    """The bits of numbers as a `float64`, the same ones for both zeros and for every NaN."""
    numbers = np.ascontiguousarray(values, np.float64)
    if values.dtype.kind != "f":
        return numbers.view(_WORD)
    numbers = numbers + 0.0
    bits: Array = numbers.view(_WORD)
    missing = np.isnan(numbers)
    if missing.any():
        bits[missing] = _MISSING
    return bits


def _mixed(bits: Array, factors: Any) -> Array:
    """A number that a cell adds to that of its row; a zero adds nothing, as in a sparse row."""
    mixed: Array = (bits ^ (bits >> _WORD(29))) * factors
    mixed ^= mixed >> _WORD(32)
    mixed *= factors
    mixed ^= mixed >> _WORD(29)
    return mixed


def _of_array(table: Array, factors: Array) -> Array | None:
    kind = table.dtype.kind
    if kind not in "biuf":
        return _of_columns([table[:, j] for j in range(table.shape[1])], factors)
    rows, width = table.shape
    step = max(1, _BLOCK // width)
    keys = np.empty(rows, _WORD)
    for start in range(0, rows, step):
        block = _mixed(_bits(table[start : start + step]), factors)
        block.sum(axis=1, dtype=_WORD, out=keys[start : start + step])
    return keys


def _of_sparse(table: Any, factors: Array) -> Array:
    if table.has_canonical_format is False:
        table = table.copy()
        table.sum_duplicates()
    mixed = _mixed(_bits(table.data), factors[table.indices])
    sums = np.concatenate([np.zeros(1, _WORD), np.cumsum(mixed, dtype=_WORD)])
    found: Array = sums[table.indptr[1:]] - sums[table.indptr[:-1]]
    return found


def _of_frame(frame: Any, factors: Array) -> Array | None:
    columns = [frame.iloc[:, j] for j in range(frame.shape[1])]
    return _of_columns(columns, factors)


def _of_columns(columns: Sequence[Any], factors: Array) -> Array | None:
    keys = np.zeros(len(columns[0]), _WORD)
    for column, factor in zip(columns, factors, strict=True):
        bits = _column_bits(column)
        if bits is None:
            return None
        keys += _mixed(bits, factor)
    return keys


def _column_bits(column: Any) -> Array | None:
    kind = column.dtype.kind if isinstance(column.dtype, np.dtype) else "O"
    if kind in "biuf":
        return _bits(np.asarray(column))
    if kind in "mM":
        return np.asarray(column).astype(f"{kind}8[ns]").view(_WORD) ^ _TIME
    import pandas as pd

    codes, kinds = pd.factorize(column)
    known = np.array([*map(_cell, kinds), _MISSING], _WORD)
    return known[codes]


def _cell(value: Any) -> int:
    """The bits of a cell that is no plain number in an array of such."""
    if isinstance(value, bool | int | float | np.integer | np.floating | np.bool_):
        return int(_bits(np.array([float(value)]))[0])
    if isinstance(value, str):
        return xxhash.xxh3_64_intdigest(value.encode("utf-8", "surrogatepass"), _seed)
    nanoseconds = getattr(value, "value", None)
    if isinstance(nanoseconds, int) and hasattr(value, "tzinfo"):
        return (nanoseconds & (1 << 64) - 1) ^ int(_TIME)
    return xxhash.xxh3_64_intdigest(repr(value).encode("utf-8", "surrogatepass"), _seed)
