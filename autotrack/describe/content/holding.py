"""What holds other values: dictionaries, sets, arrays, frames and sparse matrices."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from autotrack.describe.content.walk import Walk, name_of
from autotrack.describe.data.containers import open_content
from autotrack.describe.data.digest import add_array
from autotrack.describe.origins import is_installed


def mapping(walk: Walk, value: Any, cloned: bool) -> None:
    """Add a dictionary, or what is one."""
    walk.note(type(value).__name__, len(value))
    for key, item in list(value.items()):
        label = f"[{key!r}]" if isinstance(key, str | int) else "[...]"
        walk.under(label, key)
        walk.under(label, item, cloned)


def a_set(walk: Walk, value: Any, cloned: bool) -> None:
    """Add a set, or what is one."""
    walk.note(type(value).__name__, len(value))
    walk.unordered("{...}", value, cloned)


def data(walk: Walk, value: Any) -> bool:
    """Add arrays, frames and sparse matrices; whether it was one."""
    if isinstance(value, np.ndarray):
        _array(walk, value)
        return True
    if isinstance(value, list | tuple | deque):
        return False
    if not is_installed(type(value).__module__):
        return False  # a class of the user's may make an array of itself, and hold more
    content = open_content(value)
    if content is None:
        return False
    walk.note(name_of(type(value)))
    walk.touch(type(value).__module__)
    content.feed(walk.sink)
    if hasattr(value, "iloc"):  # what scikit-learn does not look at, but the user's code may
        held: Any = value
        walk.under(".index", held.index.to_numpy())
        walk.under(".attrs", held.attrs)
    for label, cells in _object_columns(value):
        walk.under(label, cells)
    return True


def _array(walk: Walk, value: Any) -> None:
    walk.note(name_of(type(value)))
    plain = np.asarray(value)
    if not plain.dtype.hasobject:
        add_array(walk.sink, plain)
        if isinstance(value, np.ma.MaskedArray):
            walk.under(".mask", np.ma.getmaskarray(value))
        return
    walk.note(str(plain.dtype), plain.shape)
    walk.items(plain.ravel().tolist(), cloned=False)


def _object_columns(value: Any) -> Iterator[tuple[str, Any]]:
    """The columns of a frame, or a series, that may hold objects of any kind."""
    if not hasattr(value, "iloc"):
        return
    if value.ndim == 1:
        if value.dtype == object:
            yield "", value.to_numpy()
        return
    for number, dtype in enumerate(value.dtypes):
        if isinstance(dtype, np.dtype) and dtype.hasobject:
            yield f"[column {number}]", value.iloc[:, number].to_numpy()
