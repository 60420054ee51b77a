"""Containers, opened: what each says of itself, and its values in the order they are digested.

Neither pandas nor scipy nor polars is imported here: what was never imported cannot have made the
object at hand, so asking ``sys.modules`` is enough.
"""

from __future__ import annotations

import array as stdlib_array
import sys
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from autotrack.describe import digest
from autotrack.describe.digest import Array, Sink
from autotrack.entities import Column

#: Rows of an extension column that are turned into Python objects or numpy values at a time.
_ROWS = 1 << 16

#: The polars dtypes that numpy has too.
_NUMPY_NAMES = frozenset(
    "Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Float32 Float64".split()
)


class Content(Protocol):
    """One container, opened: its facts, and its values for the digest."""

    shape: tuple[int, ...] | None

    def columns(self) -> tuple[Column, ...]:
        """Name the columns and their dtypes."""

    def feed(self, sink: Sink) -> None:
        """Digest the values and what they mean: dtype, shape, column names."""


def open_content(data: object) -> Content | None:
    """Open a container, or None for what is none."""
    if isinstance(data, np.ndarray):
        return _MaskedArray(data) if isinstance(data, np.ma.MaskedArray) else _Array(data)
    if isinstance(data, (list, tuple, range, deque)):
        return _Sequence(data)
    if data is None or isinstance(data, (str, bytes, bytearray, np.generic)):
        return None
    if _is_a(data, "pandas", "DataFrame"):
        return Frame(data)
    if _is_a(data, "pandas", "Series") or _is_a(data, "pandas", "Index"):
        return _column(data)
    if _is_a(data, "scipy.sparse", "spmatrix") or _is_a(data, "scipy.sparse", "sparray"):
        return _Sparse(data)
    if _is_a(data, "polars", "DataFrame"):
        return _PolarsFrame(data)
    if _is_a(data, "polars", "Series"):
        return _PolarsSeries(data)
    return _other(data)


def _is_a(data: object, module: str, name: str) -> bool:
    cls = getattr(sys.modules.get(module), name, None)
    return isinstance(cls, type) and isinstance(data, cls)


def _other(data: object) -> Content | None:
    """Open what says of itself that it is an array or a frame."""
    if isinstance(data, (stdlib_array.array, memoryview)):
        return _Array(np.asarray(data))
    if hasattr(type(data), "__dask_graph__"):  # not computed yet, and not ours to compute
        return None
    if any(
        _is_a(data, "pyarrow", name) for name in ("Table", "RecordBatch", "ChunkedArray", "Array")
    ):
        import pandas

        view: Any = data.to_pandas(types_mapper=pandas.ArrowDtype)  # type: ignore[attr-defined]
        return Frame(view) if isinstance(view, pandas.DataFrame) else _column(view)
    if _is_a(data, "torch", "Tensor"):
        data = data.detach()  # type: ignore[attr-defined]
    if not hasattr(type(data), "__array__"):
        return None
    array = np.asarray(data)
    if array.ndim == 0:
        return None
    if hasattr(type(data), "__dataframe__"):
        return _ForeignFrame(array, list(data.columns))  # type: ignore[attr-defined]
    return _Array(array)


class _Array:
    """A numpy array."""

    def __init__(self, array: Array) -> None:
        self.values = np.asarray(array)  # np.matrix and np.memmap as plain views
        self.shape: tuple[int, ...] | None = self.values.shape

    def columns(self) -> tuple[Column, ...]:
        dtype = self.values.dtype
        if dtype.names is None:
            return (Column(None, digest.dtype_text(dtype)),)
        return tuple(Column(name, digest.dtype_text(dtype[name])) for name in dtype.names)

    def feed(self, sink: Sink) -> None:
        digest.add_array(sink, self.values)


class _ForeignFrame(_Array):
    """A frame of a library that is not known here, as the array it makes of itself."""

    def __init__(self, array: Array, names: list[Any]) -> None:
        super().__init__(array)
        self.names = names

    def columns(self) -> tuple[Column, ...]:
        text = digest.dtype_text(self.values.dtype)
        return tuple(Column(str(name), text) for name in self.names)

    def feed(self, sink: Sink) -> None:
        super().feed(sink)
        digest.add_cells(sink, self.names)


class _MaskedArray(_Array):
    """A masked array: what lies under the mask counts too, as scikit-learn sees it."""

    def __init__(self, array: np.ma.MaskedArray[Any, Any]) -> None:
        super().__init__(np.ma.getdata(array))
        self.mask = np.ma.getmaskarray(array)

    def feed(self, sink: Sink) -> None:
        super().feed(sink)
        digest.add_array(sink, self.mask)


class _Sequence:
    """A list, tuple, range or deque of numbers, texts, lists, arrays or anything."""

    def __init__(self, items: Sequence[Any] | deque[Any]) -> None:
        self.items = items
        self.kinds = set(map(type, items))
        self.shape: tuple[int, ...] | None = (len(items),)
        if self.kinds and all(issubclass(kind, (list, tuple, np.ndarray)) for kind in self.kinds):
            widths = {
                np.shape(row) if isinstance(row, np.ndarray) else (len(row),) for row in items
            }
            if len(widths) == 1:
                self.shape += widths.pop()

    def columns(self) -> tuple[Column, ...]:
        names = {kind.__qualname__ for kind in self.kinds}
        return (Column(None, names.pop() if len(names) == 1 else "object"),)

    def feed(self, sink: Sink) -> None:
        digest.note(sink, "sequence", len(self.items))
        digest.add_cells(sink, self.items)


class Frame:
    """A pandas frame: a digest for each column, since pandas keeps columns together."""

    def __init__(self, frame: Any) -> None:
        self.frame = frame
        self.shape: tuple[int, ...] | None = frame.shape
        self.names = frame.columns.tolist()
        self.dtypes = frame.dtypes.tolist()
        first = self.dtypes[0] if self.dtypes else None
        self.uniform = digest.is_plain(first) and self.dtypes.count(first) == len(self.dtypes)
        self.texts = (
            [digest.dtype_text(first)] * len(self.dtypes)
            if self.uniform
            else list(map(digest.dtype_text, self.dtypes))
        )

    def columns(self) -> tuple[Column, ...]:
        """Name the columns and their dtypes."""
        return tuple(
            Column(name if type(name) is str else str(name), text)
            for name, text in zip(self.names, self.texts, strict=True)
        )

    def feed(self, sink: Sink) -> None:
        """Digest the values and what they mean."""
        digest.note(sink, "frame", self.shape, self.texts)
        digest.add_cells(sink, self.names)
        if self.uniform and self._is_one_block():
            sink.update(digest.column_digests(self.frame.to_numpy().T))
            return
        for _, series in self.frame.items():  # noqa: PERF102 - a frame is no dict
            column = Sink()
            _column(series).feed_values(column)
            sink.update(column.digest())

    def is_plain_block(self) -> bool:
        """Tell whether it is one block of numbers of one dtype, which can be read as it lies."""
        return self.uniform and self._is_one_block() and self.frame.to_numpy().flags.forc

    def _is_one_block(self) -> bool:
        """Tell whether the frame as an array is a view, or so small that a copy does not matter."""
        rows, columns = self.frame.shape
        if rows * columns * self.dtypes[0].itemsize <= digest.BLOCK:
            return True
        first_row = self.frame.iloc[:1].to_numpy()
        first_column = self.frame.iloc[:, :1].to_numpy()
        return bool(np.may_share_memory(first_row, first_column))


def _column(series: Any) -> PlainColumn:
    if isinstance(series.dtype, np.dtype):
        return PlainColumn(series, series.to_numpy())
    return _ExtensionColumn(series, series.array)


class PlainColumn:
    """A pandas series or index, or one column of a frame, of a numpy dtype."""

    def is_plain_block(self) -> bool:
        """Tell whether it is one block of numbers that can be read as it lies."""
        flat = isinstance(self.values, np.ndarray) and digest.is_plain(self.values.dtype)
        return flat and self.values.flags.c_contiguous and hasattr(self.series, "iloc")

    def __init__(self, series: Any, values: Any) -> None:
        self.series = series
        self.values = values
        self.shape: tuple[int, ...] | None = (len(values),)

    def columns(self) -> tuple[Column, ...]:
        """Name the one column and its dtype."""
        name = self.series.name
        return (Column(None if name is None else str(name), digest.dtype_text(self.series.dtype)),)

    def feed(self, sink: Sink) -> None:
        """Digest the values and what they mean."""
        digest.add_array(sink, self.values)

    def feed_values(self, sink: Sink) -> None:
        """Digest the values alone; the frame has noted dtypes and length."""
        digest.add_values(sink, self.values)


class _ExtensionColumn(PlainColumn):
    """A pandas column of a dtype of pandas' own, read piece by piece."""

    def feed(self, sink: Sink) -> None:
        digest.note(sink, "column", str(self.series.dtype), self.shape)
        self.feed_values(sink)

    def feed_values(self, sink: Sink) -> None:
        values, dtype = self.values, self.series.dtype
        pandas = sys.modules["pandas"]
        if isinstance(dtype, pandas.CategoricalDtype):
            digest.add_array(sink, np.asarray(values.codes))
            digest.note(sink, dtype.ordered)
            _column(dtype.categories).feed(sink)
            return
        if isinstance(dtype, pandas.SparseDtype):  # its text tells what fills the rest
            digest.add_array(sink, values.sp_index.to_int_index().indices)
            digest.add_array(sink, values.sp_values)
            return
        if isinstance(dtype, pandas.IntervalDtype):  # its text tells which side is closed
            _column(values.left).feed(sink)
            _column(values.right).feed(sink)
            return
        ticks = getattr(values, "asi8", None)  # times with a zone, periods
        if isinstance(ticks, np.ndarray):
            digest.add_values(sink, ticks)
            return
        for start in range(0, len(values), _ROWS):
            part = values[start : start + _ROWS]
            if getattr(dtype, "kind", "O") in "biuf" and hasattr(dtype, "numpy_dtype"):
                digest.add_values(sink, np.asarray(part.isna()))
                filler = False if dtype.kind == "b" else 0
                digest.add_values(sink, part.to_numpy(dtype=dtype.numpy_dtype, na_value=filler))
            else:
                digest.add_cells(sink, part.to_numpy(dtype=object))


class _Sparse:
    """A scipy sparse matrix or array of any format, never made dense."""

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix
        # As plain ints: scipy may keep numpy's, whose repr changes with numpy's version.
        self.shape: tuple[int, ...] | None = tuple(map(int, matrix.shape))

    def columns(self) -> tuple[Column, ...]:
        return (Column(None, digest.dtype_text(self.matrix.dtype)),)

    def feed(self, sink: Sink) -> None:
        matrix = self.matrix
        digest.note(sink, "sparse", matrix.format, self.shape)
        if matrix.format in ("lil", "dok"):
            matrix = matrix.tocsr() if matrix.ndim == 2 else matrix.tocoo()
        elif matrix.format in ("csr", "csc"):
            matrix = _sorted(matrix)
        for part in _sparse_parts(matrix):
            digest.add_array(sink, part)


def _sorted(matrix: Any) -> Any:
    """Sort a csr or csc matrix within its rows, in a copy.

    A view is asked, since scipy would write its answer into the user's own object.
    """
    view = type(matrix)(
        (matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape, copy=False
    )
    return view if view.has_sorted_indices else view.sorted_indices()


def _sparse_parts(matrix: Any) -> list[Array]:
    if matrix.format == "coo":
        coords = getattr(matrix, "coords", None) or (matrix.row, matrix.col)
        return [matrix.data, *map(_index, coords)]
    if matrix.format == "dia":
        return [matrix.data, _index(matrix.offsets)]
    return [matrix.data, _index(matrix.indices), _index(matrix.indptr)]


def _index(positions: Any) -> Array:
    """Bring positions to 32 bits where they fit: scipy chooses the width by how it was built."""
    array = np.asarray(positions)
    limits = np.iinfo(np.int32)
    if not array.size or (limits.min <= array.min() and array.max() <= limits.max):
        return array.astype(np.int32, copy=False)
    return array


class _PolarsSeries:
    """A polars series, or one column of a frame, read piece by piece."""

    def __init__(self, series: Any) -> None:
        self.series = series
        self.shape: tuple[int, ...] | None = (len(series),)

    def columns(self) -> tuple[Column, ...]:
        return (Column(str(self.series.name), str(self.series.dtype)),)

    def feed(self, sink: Sink) -> None:
        series = self.series
        digest.note(sink, "polars", str(series.dtype), len(series))
        if series.dtype.is_temporal():
            series = series.to_physical()
        for start in range(0, len(series), _ROWS):
            part = series.slice(start, _ROWS)
            if str(series.dtype) in _NUMPY_NAMES:
                digest.note(sink, part.null_count())
                if part.null_count():
                    digest.add_values(sink, part.is_null().to_numpy())
                    part = part.fill_null(0)
                digest.add_values(sink, part.to_numpy())
            else:
                digest.add_cells(sink, part.to_list())


class _PolarsFrame:
    """A polars frame."""

    def __init__(self, frame: Any) -> None:
        self.series = [_PolarsSeries(series) for series in frame.get_columns()]
        self.shape: tuple[int, ...] | None = frame.shape

    def columns(self) -> tuple[Column, ...]:
        return tuple(column for series in self.series for column in series.columns())

    def feed(self, sink: Sink) -> None:
        digest.note(sink, "polars frame", self.shape)
        digest.add_cells(sink, [column.name for column in self.columns()])
        for series in self.series:
            series.feed(sink)
