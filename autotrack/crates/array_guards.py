"""What NumPy's own functions may be called with by a pickle.

NumPy takes a data type's flags from a pickle as they come: an array of numbers whose type says that
it holds objects is a heap of forged pointers. So a data type, an array and their states are held
against what NumPy itself would have written, before it sees them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from autotrack.crates.rehearsal import (
    Built,
    Maker,
    Name,
    OddError,
    Report,
    Unmade,
    is_kind,
    must,
)

_BYTES = (bytes, bytearray)
#: Of one value of a data type, in bytes: more takes NumPy long to make sense of.
_LARGEST = 1 << 24
_ORDERS = ("C", "F", "A", "K")
_TYPE = re.compile(r"[?bBhHiIlLqQnNpPefdgFDGSUVOMm]\d{0,9}|[biufcSUVOMm]\d{1,9}")


class DataType(Unmade):
    """A stand-in of a data type, with the real one that it should become."""

    real: np.dtype[Any] | None
    descr: str

    @staticmethod
    def call(kind: Any, descr: Any = None, align: Any = False, copy: Any = True) -> Any:
        """As in ``dtype("f8", False, True)``."""
        made = object.__new__(kind)
        made.__dict__.update(real=None, descr="")
        try:
            must(type(descr) is str and _TYPE.fullmatch(descr), f"makes the data type {descr!r}")
            must(type(align) in {bool, int} and type(copy) in {bool, int}, "is called oddly")
            must(copy, "would change a data type of everybody's")
            made.__dict__.update(real=np.dtype(descr), descr=descr)
        except (OddError, TypeError, ValueError) as complaint:
            kind.report.complain(kind.name, complaint)
        return made

    @staticmethod
    def state(made: Any, state: Any) -> None:
        """Find the data type of this state, if it is one that NumPy would have written."""
        held = made.__dict__
        must(held.get("real") is not None and "built" not in held, "changes a data type")
        held["built"] = True
        try:
            held["real"] = _data_type(held["descr"], held["real"], state)
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            held["real"] = None
            raise OddError(f"makes a data type of {state!r:.80}") from error


def _data_type(descr: str, plain: np.dtype[Any], state: Any) -> np.dtype[Any]:
    complaint = f"makes a data type {descr} of {state!r:.80}"
    must(type(state) is tuple and len(state) in {8, 9} and state[0] in {3, 4}, complaint)
    _, order, sub, names, fields, size, alignment, flags = state[:8]
    must(all(type(each) is int for each in (state[0], size, alignment, flags)), complaint)
    must(-1 <= size <= _LARGEST, complaint)
    real = plain
    if names is not None:
        must(type(names) is tuple and type(fields) is dict, complaint)
        must(len(names) == len(fields) <= 10_000 and sub is None, complaint)
        parts = [fields[name] for name in names]
        must(all(type(part) is tuple and len(part) in {2, 3} for part in parts), complaint)
        must(all(type(part[1]) is int for part in parts), complaint)
        formats = [_real(part[0]) for part in parts]
        # NumPy adds these up in numbers that overflow.
        ends = [
            (part[1], part[1] + each.itemsize) for part, each in zip(parts, formats, strict=True)
        ]
        must(all(0 <= start <= end <= size for start, end in ends), complaint)
        of: Any = {
            "names": [str(name) for name in names],
            "formats": formats,
            "offsets": [part[1] for part in parts],
            "itemsize": size,
        }
        real = np.dtype(of)
    elif sub is not None:
        must(type(sub) is tuple and len(sub) == 2 and type(sub[1]) is tuple, complaint)
        must(all(type(each) is int and each > 0 for each in sub[1]), complaint)
        real = np.dtype((_real(sub[0]), sub[1]))
    else:
        must(fields is None, complaint)
    if plain.kind in "Mm":
        # NumPy looks for the unit without asking whether there is one.
        must(len(state) == 9, complaint)
        real = _moment(plain, state[8], complaint)
    else:
        must(len(state) == 8 or not state[8], complaint)
    # Only what has no size of its own takes it from here.
    own = set() if plain.kind in "SUV" else {-1}
    must(size in {*own, real.itemsize}, complaint)
    must(alignment in {*own, 1, 2, 4, 8, 16, 32, 64, real.alignment}, complaint)
    # Whether it is aligned (128) is no matter of safety; the rest says where pointers are.
    must(flags & ~0x80 == real.flags & ~0x80, complaint)
    must(type(order) is str and order in {"<", ">", "|", "="}, complaint)
    return real


def _moment(plain: np.dtype[Any], state: Any, complaint: str) -> np.dtype[Any]:
    must(type(state) is tuple and len(state) == 2 and state[0] in ({}, None), complaint)
    about = state[1]
    must(type(about) is tuple and len(about) == 4 and type(about[0]) in {bytes, str}, complaint)
    must(all(type(each) is int for each in about[1:]), complaint)
    unit = about[0].decode() if isinstance(about[0], bytes) else about[0]
    count = "" if about[1] == 1 else about[1]
    generic = unit in {"generic", ""}
    return np.dtype(plain.kind + "8" if generic else f"{plain.kind}8[{count}{unit}]")


def _real(value: Any) -> np.dtype[Any]:
    real: np.dtype[Any] | None = None
    if isinstance(value, DataType):
        real = value.__dict__.get("real")
        # From here on it is what it is: to change it now would change what was made with it.
        value.__dict__["built"] = True
    if real is None:
        raise OddError("makes something of no data type")
    return real


class Array(Unmade):
    """A stand-in of an array class, and of its arrays."""

    @staticmethod
    def state(made: Any, state: Any) -> None:
        """Hold the state of an array against what NumPy writes."""
        masked = type(made).name[1].startswith("Masked")
        must("empty" in made.__dict__, "changes an array that is there")
        made.__dict__.pop("empty", None)
        must(type(state) is tuple and len(state) == (7 if masked else 5), "has an odd state")
        version, shape, dtype, _, content = state[:5]
        must(type(version) is int and is_shape(shape), f"has the shape {shape!r:.80}")
        real = _real(dtype)
        if real.hasobject:
            # NumPy takes as many as the shape says, however many there are.
            fits = type(content) is list and len(content) == math.prod(shape)
            must(fits, "makes objects of bytes, or of too few")
        else:
            must(type(content) in _BYTES, "makes numbers of objects")


def is_shape(value: Any) -> bool:
    """Whether it is the shape of an array."""
    return type(value) is tuple and all(type(each) is int and each >= 0 for each in value)


def empty_array(cls: Any, shape: Any, code: Any) -> Any:
    """``_reconstruct(ndarray, (0,), b"b")``: an array that its state is to fill."""
    must(is_kind(cls) and issubclass(cls, Array), "makes an array of another class")
    must(shape == (0,) and type(shape) is tuple and code in (b"b", "b"), "makes an odd array")
    made = cls.made()
    made.__dict__["empty"] = True
    return made


def masked_array(cls: Any, base: Any, shape: Any, code: Any) -> Any:
    """``_mareconstruct(MaskedArray, ndarray, (0,), "b")``."""
    must(is_kind(base) and issubclass(base, Array), "makes an array of another class")
    return empty_array(cls, shape, code)


class Whole(Built):
    """A stand-in of an array or scalar that is complete as it is."""

    @staticmethod
    def state(made: Any, state: Any) -> None:
        """Nothing changes it."""
        raise OddError("changes an array that is there")


class FromBuffer(Maker):
    """``_frombuffer(bytes, dtype, shape, order)``, of which a forest has thousands."""

    def __init__(self, name: Name, report: Report) -> None:
        super().__init__(name, report, self._make)
        self._whole = object.__new__(report.kind(name, Whole))
        self._known: set[DataType] = set()

    def __call__(self, *args: Any) -> Any:
        """A whole array, if NumPy would call it so."""
        if len(args) == 4:
            content, dtype, shape, order = args
            if (
                type(content) in _BYTES
                and isinstance(dtype, DataType)
                and dtype in self._known
                and type(shape) is tuple
                and type(order) is str
            ):
                return self._whole
        return super().__call__(*args)

    def _make(self, content: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> Any:
        must(type(content) in _BYTES, "makes an array of no bytes")
        must(not _real(dtype).hasobject, "makes objects of bytes")
        must(type(shape) is tuple and type(order) is str and order in _ORDERS, "is called oddly")
        must(axes is None or is_shape(axes), "is called oddly")
        self._known.add(dtype)
        return self._whole


def scalar(whole: Any) -> Callable[..., Any]:
    """``scalar(dtype, bytes)``."""

    def call(dtype: Any, content: Any = b"") -> Any:
        real = _real(dtype)
        must(type(content) in _BYTES and not real.hasobject, "makes a number of no bytes")
        return whole

    return call
