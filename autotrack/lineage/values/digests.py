"""Digests by which data in memory is known again, cheap enough to be taken at every call."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from autotrack.describe.data.fingerprint import single_block
from autotrack.describe.data.stamp import Stamp, array_stamp
from autotrack.lineage.values.arrays import is_ndarray, is_numeric


def reference(value: object) -> weakref.ref[Any] | None:
    """A weak reference, or None for what cannot have one (lists, tuples)."""
    try:
        return weakref.ref(value)
    except TypeError:
        return None


def value_digest(array: NDArray[Any]) -> bytes:
    """A digest of what an array holds, whatever its type of number: 1 is 1.0."""
    digest = xxhash.xxh3_128(str(array.shape).encode())
    if is_numeric(array):
        # Adding zero makes the two zeros one.
        digest.update((np.ascontiguousarray(array, np.float64) + 0.0).data)
    else:
        digest.update(repr(array.tolist()).encode("utf-8", "surrogatepass"))
    return digest.digest()


def stamp_of(data: Any) -> Stamp | None:
    """What is compared to see whether an input still is what it was; None if it cannot be told.

    Equal stamps mean equal content. Unequal ones may be of equal content in another container or
    memory layout.
    """
    try:
        array = data if is_ndarray(data) else single_block(data)
        return None if array is None else array_stamp(array)
    except Exception:  # noqa: BLE001 - a foreign container may do anything
        return None
