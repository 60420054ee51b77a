"""Dtypes as text: what tells two of them apart, and what may be kept.

Some dtypes carry data: the categories of a polars ``Enum``, what fills a sparse column. They count
in a fingerprint and are never written down.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

import numpy as np

#: The polars dtypes whose text is their name and what they measure in.
_MEASURES = frozenset({"Datetime", "Decimal", "Duration"})


def dtype_text(dtype: Any) -> str:
    """Name a numpy or pandas dtype in full, whatever its byte order and padding.

    Parameters
    ----------
    dtype : numpy.dtype or pandas.api.extensions.ExtensionDtype
        The dtype to name.

    Returns
    -------
    str
        Such as ``float64``, ``datetime64[ns, UTC]`` or ``{'a': int8, 'b': <U3}``. It is for
        digests: it may hold values.
    """
    if not isinstance(dtype, np.dtype):
        return str(dtype)
    if dtype.names is not None:
        fields = (f"{name!r}: {dtype_text(dtype[name])}" for name in dtype.names)
        return "{" + ", ".join(fields) + "}"
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return f"({dtype_text(base)}, {shape})"
    return _name(dtype)


@functools.lru_cache(maxsize=256)
def _name(dtype: np.dtype[Any]) -> str:
    # numpy takes its time to name one.
    return str(dtype if dtype.isnative else dtype.newbyteorder("="))


def kept_text(dtype: Any) -> str:
    """Name a numpy or pandas dtype without the values it may hold.

    Parameters
    ----------
    dtype : numpy.dtype or pandas.api.extensions.ExtensionDtype
        The dtype to name.

    Returns
    -------
    str
        As `dtype_text`, without what fills a sparse column or stands for a missing text.
    """
    if isinstance(dtype, np.dtype):
        return "StringDType()" if dtype.kind == "T" else dtype_text(dtype)
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(dtype, pandas.SparseDtype):
        return f"Sparse[{kept_text(dtype.subtype)}]"
    return dtype_text(dtype)


def polars_text(dtype: Any) -> str:
    """Name a polars dtype without the values it may hold.

    Parameters
    ----------
    dtype : polars.DataType
        The dtype to name.

    Returns
    -------
    str
        Such as ``Int64``, ``Enum``, ``List(String)`` or ``Struct({'a': Enum})``.
    """
    name = type(dtype).__name__
    fields, inner = getattr(dtype, "fields", None), getattr(dtype, "inner", None)
    if name == "Struct" and fields is not None:
        held = (f"{field.name!r}: {polars_text(field.dtype)}" for field in fields)
        return "Struct({" + ", ".join(held) + "})"
    if inner is not None:
        shape = f", shape={dtype.shape}" if name == "Array" else ""
        return f"{name}({polars_text(inner)}{shape})"
    return str(dtype) if name in _MEASURES else name


def is_plain(dtype: Any) -> bool:
    """Tell whether values of this dtype can be digested as the bytes they lie in.

    Parameters
    ----------
    dtype : numpy.dtype or pandas.api.extensions.ExtensionDtype
        The dtype to judge.

    Returns
    -------
    bool
        False also for all that is not a numpy dtype.
    """
    return (
        isinstance(dtype, np.dtype)
        and dtype.kind in "biufcmM"
        and dtype.isnative
        and dtype.char not in "gG"
    )
