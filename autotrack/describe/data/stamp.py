"""Whether data is still what it was, told in microseconds.

The stamp of an array says what it holds, so it may be compared with that of any other array. The
stamp of whatever else is good for as long as the data lives, and is never kept: where columns of a
frame lie, and digests of their raw memory, which for objects are their addresses.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xxhash

#: What a stamp is: equal stamps of one object mean that nothing was changed in it.
Stamp = tuple[object, ...]


def array_stamp(array: np.ndarray[Any, Any]) -> Stamp | None:
    """The stamp of what an array holds; None for objects, of which only the addresses are told.

    Equal stamps mean equal content. Unequal ones may be of equal content in another memory layout.
    """
    kind, flags = array.dtype, array.flags
    if kind.hasobject:
        return None
    flat = array if flags.forc else np.ascontiguousarray(array)
    flat = flat.reshape(-1, order="A")
    # Times and the like lend their memory to nobody, the bytes that they are do.
    digest = xxhash.xxh3_128_digest((flat if kind.kind in "biuf" else flat.view(np.uint8)).data)
    # The layout counts where it decides which row a number is in.
    return array.shape, kind.str, flags.f_contiguous, digest


def stamp(data: Any) -> Stamp | None:
    """The stamp of an array, frame, series, sparse matrix or list; None for other data.

    Parameters
    ----------
    data : object
        It is not changed.
    """
    try:
        return _stamp(data)
    except Exception:  # noqa: BLE001 - a user's class may raise anything, from any attribute
        return None


def _stamp(data: Any) -> Stamp | None:
    if isinstance(data, np.ndarray):
        return _array(data)
    if type(data) in (list, tuple):
        return len(data), hash(tuple(map(id, data)))
    blocks = getattr(getattr(data, "_mgr", None), "blocks", None)
    if blocks is not None:
        names = data.columns if data.ndim > 1 else data.name
        return data.shape, _Same(names), *(_block(block.values) for block in blocks)
    parts = [getattr(data, name, None) for name in ("data", "indices", "indptr", "row", "col")]
    if hasattr(data, "nnz") and isinstance(parts[0], np.ndarray):  # a sparse matrix
        return data.shape, *(_array(part) for part in parts if isinstance(part, np.ndarray))
    return None


class _Same:
    """Equal if it is the very same object."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, held: object) -> None:
        self._held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._held is other._held


def _block(values: Any) -> Stamp:
    if isinstance(values, np.ndarray):
        return _Same(values), *_array(values)
    # Times have an array below them; texts and the like one that a change puts another in place of.
    inner: list[Any] = [
        getattr(values, name, None) for name in ("_ndarray", "_data", "_mask", "_codes")
    ]
    inner = [part for part in inner if isinstance(part, np.ndarray)]
    chunks = getattr(values, "_pa_array", None)
    return _Same(values), _Same(chunks), *(_array(part) for part in inner)


def _array(array: np.ndarray[Any, Any]) -> Stamp:
    stamp = array_stamp(array)
    if stamp is not None:
        return stamp
    return array.shape, array.dtype.str, hash(tuple(map(id, array.ravel(order="K").tolist())))
