"""Reading a pickle that somebody answers for, as `pickle.loads` does, and faster."""

from __future__ import annotations

import functools
import io
import pickle
import sys
from collections.abc import Callable
from typing import Any


def loads(content: Any) -> Any:
    """What a pickle holds."""
    # A larger file is mapped into memory, and would be copied.
    return (
        Unpickler(io.BytesIO(content)).load() if type(content) is bytes else pickle.loads(content)
    )


class Unpickler(pickle.Unpickler):
    """Makes arrays in one step where numpy takes several: a forest has thousands."""

    def find_class(self, module: str, name: str) -> Any:
        """What the stream names by `module` and `name`."""
        found = super().find_class(module, name)
        if name == "_frombuffer" and module.startswith("numpy."):
            return functools.partial(_array, found, sys.modules["numpy"].ndarray)
        return found


class KeepingUnpickler(Unpickler):
    """Leaves the classes of this process as they are.

    A class that went into the pickle by value is found again in the process that made it, and
    cloudpickle would put copies of its methods in the place of those it has.
    """

    def find_class(self, module: str, name: str) -> Any:
        """What the stream names by `module` and `name`."""
        found = super().find_class(module, name)
        return functools.partial(_set_once, found) if name == "_class_setstate" else found


def _set_once(set_state: Callable[[type, Any], type], cls: type, state: Any) -> type:
    attributes = state[0]
    return cls if attributes.keys() <= vars(cls).keys() else set_state(cls, state)


def _array(
    original: Callable[..., Any],
    ndarray: Callable[..., Any],
    buffer: Any,
    dtype: Any,
    shape: Any,
    order: str,
    *further: Any,
) -> Any:
    """The array of a buffer; numpy's own way where anything is unusual."""
    if order in ("C", "F") and (not further or further == (None,)):
        try:
            made = ndarray(shape, dtype, buffer, 0, None, order)
            if made.nbytes == len(buffer):
                return made
        except (TypeError, ValueError):
            pass
    return original(buffer, dtype, shape, order, *further)
