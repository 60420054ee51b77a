"""Values into an xxh3 stream: arrays by their bytes, Python objects by type and value.

The stream depends on the values alone, never on how they lie in memory, and is fed in blocks, so
that no temporary grows with the data. Floats count by their bits: ``-0.0`` differs from ``0.0``,
and a NaN equals only a NaN of the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, compress, islice
from typing import Any

import numpy as np
import xxhash

from autotrack.describe.data.dtypes import dtype_text
from autotrack.runtime.patterns import pattern

Sink = xxhash.xxh3_128
Array = np.ndarray[Any, Any]

#: Bytes handled at a time: the block and its reordered copy stay in the processor's cache.
BLOCK = 1 << 20

#: Python objects handled at a time.
CELLS = 4096

#: Kinds of dtype whose bytes are their value. The rest hold pointers.
_BYTES_ARE_VALUES = frozenset("biufcmMSUV")

#: Bytes of a C long double that carry its value. The x86 one is 10 bytes and rubbish up to 16.
_LONG_DOUBLE_BYTES = 10 if np.finfo(np.longdouble).nmant == 63 else np.dtype("g").itemsize

#: Lists within lists are followed this far: a list may hold itself.
_DEEPEST = 6

_ADDRESS = pattern(r"\b0x[0-9a-fA-F]{6,}")


def note(sink: Sink, *facts: object) -> None:
    """Put plain facts (texts, numbers, None, tuples of them) between the values.

    Parameters
    ----------
    sink : xxhash.xxh3_128
        What receives them.
    *facts : object
        Facts whose repr is unambiguous.
    """
    sink.update(repr(facts).encode("utf-8", "backslashreplace"))


def add_array(sink: Sink, array: Array) -> None:
    """Digest an array: dtype, shape and values in C order.

    Parameters
    ----------
    sink : xxhash.xxh3_128
        What receives them.
    array : numpy.ndarray
        The array, of any dtype and layout.
    """
    note(sink, "array", dtype_text(array.dtype), array.shape)
    add_values(sink, array)


def add_values(sink: Sink, array: Array) -> None:
    """Digest the values of an array in C order, without its dtype and shape.

    Parameters
    ----------
    sink : xxhash.xxh3_128
        What receives them.
    array : numpy.ndarray
        The array, of any dtype and layout.
    """
    dtype = array.dtype
    if not array.size or not dtype.itemsize:
        return
    if dtype.names is not None:
        for name in dtype.names:  # field by field: the padding between them is rubbish
            add_values(sink, array[name])
    elif dtype.hasobject or dtype.kind not in _BYTES_ARE_VALUES:
        add_cells(sink, array.flat)
    else:
        for block in _blocks(array):
            sink.update(_bytes(block).data)


def _blocks(array: Array) -> Iterator[Array]:
    """Cut an array into contiguous blocks in C order, copying only where it must."""
    if array.flags.c_contiguous:
        flat = array.reshape(-1)
        step = max(1, BLOCK // array.itemsize)
        for start in range(0, flat.size, step):
            yield flat[start : start + step]
    elif array.nbytes <= BLOCK:
        yield np.ascontiguousarray(array)
    elif rows := BLOCK * len(array) // array.nbytes:
        for start in range(0, len(array), rows):
            yield np.ascontiguousarray(array[start : start + rows])
    else:
        for row in array:
            yield from _blocks(row)


def _bytes(block: Array) -> Array:
    """View a contiguous block as the bytes that carry its values."""
    dtype = block.dtype
    if not dtype.isnative:
        block = block.astype(dtype.newbyteorder("="))
    if dtype.char not in "gG":
        return block.reshape(-1).view(np.uint8)
    each = np.dtype("g").itemsize
    return np.ascontiguousarray(
        block.reshape(-1).view(np.uint8).reshape(-1, each)[:, :_LONG_DOUBLE_BYTES]
    )


def column_digests(columns: Array) -> bytes:
    """Digest each row of a two-dimensional array of a plain dtype by itself.

    Parameters
    ----------
    columns : numpy.ndarray
        One column of a frame in each row. The layout is whatever pandas chose.

    Returns
    -------
    bytes
        The digests, one after another.
    """
    if columns.dtype.kind in "mM":
        columns = columns.view(np.int64)  # times have no buffer that xxhash could read
    count, rows = columns.shape
    if not rows or columns.strides[1] == columns.itemsize:
        return b"".join(map(xxhash.xxh3_128_digest, columns))
    if columns.nbytes <= BLOCK:
        return b"".join(map(xxhash.xxh3_128_digest, np.ascontiguousarray(columns)))
    # Row after row in memory: reading one column touches the cache lines of all of them, so
    # some hundred columns are read together and turned round in the cache.
    digests: list[bytes] = []
    for first in range(0, count, 256):
        group = columns[first : first + 256]
        sinks = [Sink() for _ in group]
        step = max(1, BLOCK // (len(group) * columns.itemsize))
        for start in range(0, rows, step):
            block = np.ascontiguousarray(group[:, start : start + step])
            for sink, values in zip(sinks, block, strict=True):
                sink.update(values.data)
        digests += [sink.digest() for sink in sinks]
    return b"".join(digests)


def add_cells(sink: Sink, cells: Iterable[object], depth: int = 0) -> None:
    """Digest Python objects by type and value, in their order.

    Parameters
    ----------
    sink : xxhash.xxh3_128
        What receives them.
    cells : iterable of object
        The objects: texts, numbers, None, lists, arrays, anything. They need not be hashable.
    depth : int
        How many lists they already lie in.
    """
    rest = iter(cells)
    while chunk := list(islice(rest, CELLS)):
        kinds = dict.fromkeys(map(type, chunk))
        note(sink, len(chunk), len(kinds))
        if len(kinds) == 1:
            _add_alike(sink, next(iter(kinds)), chunk, depth)
            continue
        # 1 and "1" and True may digest to the same bytes: which cell is of which type is noted
        # first, then the cells of each type follow together.
        numbers = {kind: number for number, kind in enumerate(kinds)}
        codes = np.fromiter(map(numbers.__getitem__, map(type, chunk)), np.uint16, len(chunk))
        sink.update(codes.data)
        for kind, number in numbers.items():
            _add_alike(sink, kind, list(compress(chunk, (codes == number).tolist())), depth)


def _add_alike(sink: Sink, kind: type, cells: list[Any], depth: int) -> None:
    """Digest cells that are all of one type."""
    note(sink, kind.__module__, kind.__qualname__, len(cells))
    if (add := _SCALARS.get(kind)) is not None:
        add(sink, cells)
    elif depth < _DEEPEST and issubclass(kind, (list, tuple, dict, set, frozenset)):
        _add_nested(sink, kind, cells, depth + 1)
    elif issubclass(kind, str):
        _add_texts(sink, cells)
    elif issubclass(kind, np.generic) and not issubclass(kind, (np.void, np.object_)):
        add_array(sink, np.array(cells))
    elif hasattr(kind, "__array__"):
        _add_arrays(sink, cells)
    else:
        _add_objects(sink, kind, cells)


def _add_nested(sink: Sink, kind: type, cells: list[Any], depth: int) -> None:
    """Digest lists, dicts and sets: how long each is, and what they hold."""
    _add_lengths(sink, cells)
    if issubclass(kind, (list, tuple)):
        add_cells(sink, chain.from_iterable(cells), depth)
    elif issubclass(kind, dict):
        for cell in cells:  # whatever the order the keys were set in
            keys = list(cell)
            simple = all(type(key) is str for key in keys)
            keys.sort(key=None if simple else lambda key: _digest(key, depth))
            add_cells(sink, keys, depth)
            add_cells(sink, (cell[key] for key in keys), depth)
    else:
        for cell in cells:  # in the order of the digests: a set's own changes with every process
            sink.update(b"".join(sorted(_digest(element, depth) for element in cell)))


def _digest(cell: object, depth: int) -> bytes:
    sink = Sink()
    add_cells(sink, (cell,), depth)
    return sink.digest()


def _add_lengths(sink: Sink, cells: list[Any]) -> None:
    sink.update(np.fromiter(map(len, cells), np.int64, len(cells)).data)


def _add_texts(sink: Sink, texts: list[str]) -> None:
    """Digest texts: all lengths, then all characters."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    sink.update(lengths.data)
    # Joined, short texts cost one call for all; long ones would build a big temporary.
    for text in ("".join(texts),) if lengths.sum() <= 4 * BLOCK else texts:
        sink.update(text.encode("utf-8", "surrogatepass"))


def _add_integers(sink: Sink, numbers: list[int]) -> None:
    try:
        sink.update(np.fromiter(numbers, np.int64, len(numbers)).data)
    except OverflowError:
        _add_texts(sink, list(map(hex, numbers)))


def _add_floats(sink: Sink, numbers: list[float]) -> None:
    sink.update(np.fromiter(numbers, np.float64, len(numbers)).data)


def _add_complex(sink: Sink, numbers: list[complex]) -> None:
    sink.update(np.fromiter(numbers, np.complex128, len(numbers)).data)


def _add_booleans(sink: Sink, answers: list[bool]) -> None:
    sink.update(bytes(answers))


def _add_bytes(sink: Sink, texts: list[bytes]) -> None:
    _add_lengths(sink, texts)
    sink.update(b"".join(texts))


def _add_nothing(sink: Sink, cells: list[None]) -> None:
    """Digest Nones: their number is noted already."""


#: How values of exactly these types are digested, all of a list in one go.
_SCALARS: dict[type, Callable[[Sink, list[Any]], None]] = {
    str: _add_texts,
    bool: _add_booleans,
    int: _add_integers,
    float: _add_floats,
    complex: _add_complex,
    bytes: _add_bytes,
    bytearray: _add_bytes,
    type(None): _add_nothing,
}


def _add_arrays(sink: Sink, cells: list[Any]) -> None:
    """Digest what lies as an array, series or frame in a cell."""
    for cell in cells:
        try:
            array = np.asarray(cell)
            names = list(map(str, getattr(cell, "columns", ())))
        except Exception:  # noqa: BLE001 - a user's own __array__ may do anything
            array, names = np.empty((), object), []
        add_cells(sink, names)
        if array.dtype.hasobject and array.ndim == 0:
            _add_objects(sink, type(cell), [cell])
        else:
            add_array(sink, array)


def by_content(cells: list[Any]) -> str:
    """A digest of objects by what they hold; `describe` puts that of `content` here."""
    raise NotImplementedError


def _add_objects(sink: Sink, kind: type, cells: list[Any]) -> None:
    """Digest objects: by repr, or by what they hold where that tells where they lie in memory.

    Raises
    ------
    Undigestible
        If it cannot be told what they hold: nothing may be taken for such data then.
    """
    silent: object = object.__repr__  # it tells the type and an address
    if kind.__repr__ is not silent:
        try:
            texts = list(map(repr, cells))
        except Exception:  # noqa: BLE001 - a user's own __repr__ may do anything
            texts = []
        if texts and not any(map(_ADDRESS.search, texts)):
            _add_texts(sink, texts)
            return
    sink.update(by_content(cells).encode())
