"""Frames and columns of pandas and polars, opened: names, dtypes, and the values for the digest."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from autotrack.describe.data import digest
from autotrack.describe.data.digest import Sink
from autotrack.describe.data.dtypes import dtype_text, is_plain, kept_text, polars_text
from autotrack.entities import Column

#: Rows of an extension column that are turned into Python objects or numpy values at a time.
_ROWS = 1 << 16

#: The polars dtypes that numpy has too.
_NUMPY_NAMES = frozenset(
    "Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Float32 Float64".split()
)


def _dtypes(frame: Any) -> list[Any]:
    """The dtypes of a pandas frame.

    `frame.dtypes` makes a series of them, for which pandas exchanges the filters of warnings, and
    Python forgets which warnings it has shown.
    """
    try:
        found: list[Any] = frame._mgr.get_dtypes().tolist()
    except AttributeError:
        found = frame.dtypes.tolist()
    return found


class Frame:
    """A pandas frame: a digest for each column, since pandas keeps columns together."""

    def __init__(self, frame: Any) -> None:
        self.frame = frame
        self.shape: tuple[int, ...] | None = frame.shape
        self.names = frame.columns.tolist()
        self.dtypes = _dtypes(frame)
        first = self.dtypes[0] if self.dtypes else None
        self.uniform = is_plain(first) and self.dtypes.count(first) == len(self.dtypes)
        self.texts = (
            [dtype_text(first)] * len(self.dtypes)
            if self.uniform
            else list(map(dtype_text, self.dtypes))
        )

    def columns(self) -> tuple[Column, ...]:
        """Name the columns and their dtypes."""
        texts = self.texts if self.uniform else map(kept_text, self.dtypes)
        return tuple(
            Column(name if type(name) is str else str(name), text)
            for name, text in zip(self.names, texts, strict=True)
        )

    def feed(self, sink: Sink) -> None:
        """Digest the values and what they mean."""
        digest.note(sink, "frame", self.shape, self.texts)
        digest.add_cells(sink, self.names)
        if self.uniform and self.is_one_block():
            sink.update(digest.column_digests(self.frame.to_numpy().T))
            return
        for _, series in self.frame.items():  # noqa: PERF102 - a frame is no dict
            column = Sink()
            open_column(series).feed_values(column)
            sink.update(column.digest())

    def is_plain_block(self) -> bool:
        """Tell whether it is one block of numbers of one dtype, which can be read as it lies."""
        return self.uniform and self.is_one_block() and self.frame.to_numpy().flags.forc

    def is_one_block(self) -> bool:
        """Tell whether the frame as an array is a view, or so small that a copy does not matter."""
        rows, columns = self.frame.shape
        if rows * columns * self.dtypes[0].itemsize <= digest.BLOCK:
            return True
        first_row = self.frame.iloc[:1].to_numpy()
        first_column = self.frame.iloc[:, :1].to_numpy()
        return bool(np.may_share_memory(first_row, first_column))


def open_column(series: Any) -> PlainColumn:
    """Open a pandas series, index, or column of a frame."""
    if isinstance(series.dtype, np.dtype):
        return PlainColumn(series, series.to_numpy())
    return _ExtensionColumn(series, series.array)


class PlainColumn:
    """A pandas series or index, or one column of a frame, of a numpy dtype."""

    def is_plain_block(self) -> bool:
        """Tell whether it is one block of numbers that can be read as it lies."""
        flat = isinstance(self.values, np.ndarray) and is_plain(self.values.dtype)
        return flat and self.values.flags.c_contiguous and hasattr(self.series, "iloc")

    def __init__(self, series: Any, values: Any) -> None:
        self.series = series
        self.values = values
        self.shape: tuple[int, ...] | None = (len(values),)

    def columns(self) -> tuple[Column, ...]:
        """Name the one column and its dtype."""
        name = self.series.name
        return (Column(None if name is None else str(name), kept_text(self.series.dtype)),)

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
            open_column(dtype.categories).feed(sink)
            return
        if isinstance(dtype, pandas.SparseDtype):  # its text tells what fills the rest
            digest.add_array(sink, values.sp_index.to_int_index().indices)
            digest.add_array(sink, values.sp_values)
            return
        if isinstance(dtype, pandas.IntervalDtype):  # its text tells which side is closed
            open_column(values.left).feed(sink)
            open_column(values.right).feed(sink)
            return
        ticks = getattr(values, "asi8", None)  # times with a zone, periods
        if isinstance(ticks, np.ndarray):
            digest.add_values(sink, ticks)
            return
        for start in range(0, len(values), _ROWS):
            part = values[start : start + _ROWS]
            if getattr(dtype, "kind", "O") in "biuf" and hasattr(dtype, "numpy_dtype"):
                missing = np.asarray(part.isna())
                digest.add_values(sink, missing)
                digest.add_values(sink, _filled(part, missing, dtype))
            else:
                digest.add_cells(sink, part.to_numpy(dtype=object))


def _filled(part: Any, missing: Any, dtype: Any) -> Any:
    """The numbers of an extension array with zeros in its gaps."""
    held = getattr(part, "_data", None)
    if type(held) is np.ndarray and held.dtype == dtype.numpy_dtype:
        # What `to_numpy` does, which exchanges the filters of warnings for it.
        return np.where(missing, held.dtype.type(0), held)
    return part.to_numpy(dtype=dtype.numpy_dtype, na_value=False if dtype.kind == "b" else 0)


class PolarsSeries:
    """A polars series, or one column of a frame, read piece by piece."""

    def __init__(self, series: Any) -> None:
        self.series = series
        self.shape: tuple[int, ...] | None = (len(series),)

    def columns(self) -> tuple[Column, ...]:
        """Name the one column and its dtype."""
        return (Column(str(self.series.name), polars_text(self.series.dtype)),)

    def feed(self, sink: Sink) -> None:
        """Digest the values and what they mean."""
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


class PolarsFrame:
    """A polars frame."""

    def __init__(self, frame: Any) -> None:
        self.series = [PolarsSeries(series) for series in frame.get_columns()]
        self.shape: tuple[int, ...] | None = frame.shape

    def columns(self) -> tuple[Column, ...]:
        """Name the columns and their dtypes."""
        return tuple(column for series in self.series for column in series.columns())

    def feed(self, sink: Sink) -> None:
        """Digest the values and what they mean."""
        digest.note(sink, "polars frame", self.shape)
        digest.add_cells(sink, [str(series.series.name) for series in self.series])
        for series in self.series:
            series.feed(sink)
