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

from autotrack.describe.data import digest
from autotrack.describe.data.digest import Array, Sink
from autotrack.describe.data.dtypes import kept_text
from autotrack.describe.data.frames import Frame, PolarsFrame, PolarsSeries, open_column
from autotrack.describe.data.sparse import Sparse
from autotrack.entities import Column


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
        return open_column(data)
    if _is_a(data, "scipy.sparse", "spmatrix") or _is_a(data, "scipy.sparse", "sparray"):
        return Sparse(data)
    if _is_a(data, "polars", "DataFrame"):
        return PolarsFrame(data)
    if _is_a(data, "polars", "Series"):
        return PolarsSeries(data)
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
        return Frame(view) if isinstance(view, pandas.DataFrame) else open_column(view)
    if _is_a(data, "catboost", "Pool"):  # it raises where it holds more than numbers
        values, names = data.get_features(), data.get_feature_names()  # type: ignore[attr-defined]
        return _ForeignFrame(values, names)
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
            return (Column(None, kept_text(dtype)),)
        return tuple(Column(name, kept_text(dtype[name])) for name in dtype.names)

    def feed(self, sink: Sink) -> None:
        digest.add_array(sink, self.values)


class _ForeignFrame(_Array):
    """A frame of a library that is not known here, as the array it makes of itself."""

    def __init__(self, array: Array, names: list[Any]) -> None:
        super().__init__(array)
        self.names = names

    def columns(self) -> tuple[Column, ...]:
        text = kept_text(self.values.dtype)
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


# What may be a row of a sequence; of the latter each knows its own shape.
_ROWS = (list, tuple, range, stdlib_array.array)
_SHAPED = (np.ndarray, memoryview)


class _Sequence:
    """A list, tuple, range or deque of numbers, texts, lists, arrays or anything."""

    def __init__(self, items: Sequence[Any] | deque[Any]) -> None:
        self.items = items
        self.kinds = set(map(type, items))
        self.shape: tuple[int, ...] | None = (len(items),)
        if self.kinds and all(issubclass(kind, (*_ROWS, *_SHAPED)) for kind in self.kinds):
            widths: set[tuple[int, ...]] = {
                row.shape or () if isinstance(row, _SHAPED) else (len(row),) for row in items
            }
            if len(widths) == 1:
                self.shape += widths.pop()

    def columns(self) -> tuple[Column, ...]:
        names = {kind.__qualname__ for kind in self.kinds}
        return (Column(None, names.pop() if len(names) == 1 else "object"),)

    def feed(self, sink: Sink) -> None:
        digest.note(sink, "sequence", len(self.items))
        digest.add_cells(sink, self.items)
