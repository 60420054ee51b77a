"""Data into facts: fingerprint, container, shape and columns; never the values.

A fingerprint is an xxh3 digest of values, dtype, shape and column names. Equal content gives equal
fingerprints whatever the memory layout: C or Fortran order, slices, strides, byte order, memory
maps, one pandas block or many. The index of a frame or series and the name of a series do not
count, as scikit-learn does not look at them; a series has the fingerprint of its array. Floats
count by their bits (``-0.0`` is not ``0.0``), missing values by what they are (None is not NaN).
"""

from __future__ import annotations

import array as stdlib_array
import sys
from collections import deque
from typing import Any

import numpy as np

from autotrack.describe.data.containers import Content, open_content
from autotrack.describe.data.digest import Array, Sink
from autotrack.describe.data.frames import Frame, PlainColumn
from autotrack.describe.data.stamp import Stamp, array_stamp
from autotrack.entities import Dataset
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.weak_map import IdentityMap

__all__ = ["describe", "described_before", "fingerprint", "row_count", "stamp_of_described"]


def fingerprint(data: object) -> str:
    """Digest data: equal content gives an equal text, whatever the memory layout.

    Parameters
    ----------
    data : array-like
        An array, frame, series, sparse matrix, list or whatever else `describe` knows.

    Returns
    -------
    str
        ``xxh3:`` and 32 hexadecimal digits.

    Raises
    ------
    TypeError
        If `data` is not of a kind that can be digested.
    """
    content = open_content(data)
    if content is None:
        raise TypeError(
            f"cannot take the fingerprint of a {type(data).__qualname__}: pass an array, "
            "a frame, a series, a sparse matrix or a list"
        )
    return _fingerprint(content)


def describe(data: object, stamp: Stamp | None = None) -> Dataset | None:
    """Describe data without keeping any of its values.

    Parameters
    ----------
    data : object
        Whatever was passed as X or y. It is not changed, and an iterator is not consumed.
    stamp : object, optional
        That of the array in which it keeps its values, if it was taken just now.

    Returns
    -------
    Dataset or None
        None for None and for everything that is not data (texts, estimators, iterators), also
        where the object itself raises when it is looked at.
    """
    try:
        seen = _described.get(data)
        if seen is not None and seen.is_still(data, stamp):
            return seen.dataset
        content = open_content(data)
        if content is None:
            return None
        dataset = Dataset(
            fingerprint=_fingerprint(content),
            kind=_kind(type(data)),
            shape=content.shape,
            columns=content.columns(),
        )
        block: Array | None = None
        if isinstance(content, Frame | PlainColumn) and content.is_plain_block():
            block = single_block(data)
        array = block
        if type(data) is np.ndarray and data.dtype.kind in "biuf":
            array = data
        if array is not None and array.nbytes <= _LARGEST_SEEN:
            seen_as = stamp or array_stamp(array)
            if seen_as is not None:
                names = None if block is None else _names(data)
                _described.set(data, _Seen(names, block, seen_as, dataset))
        return dataset
    except Exception:  # noqa: BLE001 - a user's class may raise anything, from any attribute
        return None


def described_before(data: object) -> Dataset | None:
    """What `describe` said of data that still holds the same.

    Parameters
    ----------
    data : object
        Whatever was passed as X or y.

    Returns
    -------
    Dataset or None
        The very object that was returned then; None where it was not asked yet, or where only a
        new description tells whether anything was changed.
    """
    try:
        seen = _described.get(data)
        return seen.dataset if seen is not None and seen.is_still(data, None) else None
    except Exception:  # noqa: BLE001 - a user's class may raise anything, from any attribute
        return None


def stamp_of_described(data: object, dataset: Dataset | None) -> Stamp | None:
    """The stamp of data that was described as `dataset` just now; None where it is not kept."""
    seen = _described.get(data) if dataset is not None else None
    return seen.stamp if seen is not None and seen.dataset is dataset else None


@dataclass(frozen=True, slots=True)
class _Seen:
    """Data that was described, and what it held then: a frame, a series or an array.

    `block` is where a frame or a series keeps its values; an array keeps them itself.
    """

    names: Any
    block: Array | None
    stamp: Stamp
    dataset: Dataset

    def is_still(self, data: Any, stamp: Stamp | None) -> bool:
        """Whether the data holds the same under the same names; `stamp` as in `describe`."""
        if self.block is None:
            array = data
        elif single_block(data) is self.block and _names(data) is self.names:
            array = self.block
        else:
            return False
        return bool((stamp or array_stamp(array)) == self.stamp)


# The same data is looked at for every fit and score on it, and most of the time goes into asking
# what it is. Whether it still holds the same is told by its memory.
_described: IdentityMap[_Seen] = IdentityMap()


# Data above this size (bytes) is described anew each time: its digest takes longer than all else,
# and holding on to the memory of a frame would be felt.
_LARGEST_SEEN = 16 << 20


def single_block(data: Any) -> Array | None:
    """The array in which a frame or series of pandas keeps all its values, if that is one."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not issubclass(type(data), pandas.Series | pandas.DataFrame):
        return None
    # Public ways to it make a new array at every call, which takes longer than all else here.
    blocks: Any = getattr(getattr(data, "_mgr", None), "blocks", ())
    block = blocks[0].values if len(blocks) == 1 else None
    return block if isinstance(block, np.ndarray) else None


def _names(data: Any) -> Any:
    return data.columns if data.ndim > 1 else data.name


def row_count(data: object) -> int | None:
    """Count the rows of data without reading it.

    Parameters
    ----------
    data : object
        Whatever was passed as X or y.

    Returns
    -------
    int or None
        None where there is no such number: scalars, texts, iterators, estimators.
    """
    try:
        if type(data) is np.ndarray:  # as nearly always
            return len(data) if data.ndim else None
        if isinstance(data, (list, tuple, range, deque)):
            return len(data)
        shape = getattr(data, "shape", None)
        if isinstance(shape, tuple) and shape:
            return int(shape[0])
        if isinstance(data, stdlib_array.array) or hasattr(type(data), "__array__"):
            return len(data)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - a user's class may raise anything, from any attribute
        pass
    return None


def _fingerprint(content: Content) -> str:
    sink = Sink()
    content.feed(sink)
    return "xxh3:" + sink.hexdigest()


def _kind(cls: type) -> str:
    """Name a class by the shortest path that reaches it: ``pandas.DataFrame``."""
    name = cls.__qualname__
    if cls.__module__ == "builtins":
        return name
    parts = cls.__module__.split(".")
    for end in range(1, len(parts)):
        path = ".".join(parts[:end])
        # vars() and not getattr(): that could start a lazy import.
        if vars(sys.modules.get(path) or object).get(name) is cls:
            return f"{path}.{name}"
    return f"{cls.__module__}.{name}"
