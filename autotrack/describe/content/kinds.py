"""Kinds of Python's and numpy's own, each of which has its own way to be added."""

from __future__ import annotations

import array
import functools
import random
import re
import sys
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from autotrack.describe.content import functions, holding
from autotrack.describe.content.walk import Walk, name_of


def _method(walk: Walk, value: Any, cloned: bool) -> None:
    walk.note("method")
    walk.under("", value.__func__)
    walk.under(f" (of {value.__func__.__name__})", value.__self__, cloned)


def _partial(walk: Walk, value: Any, cloned: bool) -> None:
    walk.note("partial")
    walk.under("", value.func)
    walk.under(" (bound)", value.args)
    walk.under(" (bound)", value.keywords)
    walk.attributes(vars(value))


def _wrapping(walk: Walk, value: Any, cloned: bool) -> None:
    walk.note(type(value).__name__)
    walk.under("", value.__func__)


def _property(walk: Walk, value: Any, cloned: bool) -> None:
    walk.note("property")
    for part in (value.fget, value.fset, value.fdel):
        walk.under("", part)


def _cached(walk: Walk, value: Any, cloned: bool) -> None:
    walk.note("cached")
    walk.under("", value.cache_parameters())
    walk.under("", value.__wrapped__)


def _code_object(walk: Walk, value: Any, cloned: bool) -> None:
    functions.compiled(walk, value, {"__name__": None})


def _reference(walk: Walk, value: Any, cloned: bool) -> None:
    walk.note("reference")
    walk.under("", value())


def _of_thread(walk: Walk, value: Any, cloned: bool) -> None:
    walk.note("local")
    walk.attributes(vars(value))


def _proxy(walk: Walk, value: Any, cloned: bool) -> None:
    holding.mapping(walk, dict(value), cloned)


def _generator(walk: Walk, value: Any, cloned: bool) -> None:
    """Add a random generator: what it is going to draw."""
    if value is _drawn_by_numpy() or value is random._inst:
        walk.note("global generator", type(value).__name__)
        return
    walk.generators.append(value)
    walk.note(name_of(type(value)))
    if isinstance(value, np.random.RandomState):
        state: Any = value.get_state(legacy=False)
    elif isinstance(value, np.random.Generator):
        state = value.bit_generator.state
    else:
        state = value.getstate()
    walk.under("", state)


def _pattern(walk: Walk, value: Any, cloned: bool) -> None:
    walk.note("pattern", value.pattern, value.flags)


def _plain_data(walk: Walk, value: Any, cloned: bool) -> None:
    walk.note(type(value).__name__, repr(value))


def _ufunc(walk: Walk, value: Any, cloned: bool) -> None:
    if _named_ufunc(value) is not value:
        raise walk.undigestible("a ufunc of no module")
    walk.note("ufunc", value.__name__)


def _alias(walk: Walk, value: Any, cloned: bool) -> None:
    walk.note("alias", repr(value))


def _drawn_by_numpy() -> Any:
    """The generator of ``np.random``'s functions, and of whatever has no seed."""
    return getattr(sys.modules.get("numpy.random.mtrand"), "_rand", None)


def _named_ufunc(value: Any) -> Any:
    for module in ("numpy", "scipy.special", getattr(value, "__module__", None) or "numpy"):
        found = getattr(sys.modules.get(module), value.__name__, None)
        if found is value:
            return found
    return None


#: What is done with values of just these kinds.
KINDS: dict[type, Callable[[Walk, Any, bool], None]] = {
    list: Walk.sequence,
    dict: holding.mapping,
    set: holding.a_set,
    frozenset: holding.a_set,
    types.MethodType: _method,
    threading.local: _of_thread,
    functools.partial: _partial,
    staticmethod: _wrapping,
    classmethod: _wrapping,
    property: _property,
    functools._lru_cache_wrapper: _cached,
    types.CodeType: _code_object,
    weakref.ReferenceType: _reference,
    types.MappingProxyType: _proxy,
    np.random.RandomState: _generator,
    np.random.Generator: _generator,
    random.Random: _generator,
    re.Pattern: _pattern,
    range: _plain_data,
    slice: _plain_data,
    bytearray: _plain_data,
    array.array: _plain_data,
    np.ufunc: _ufunc,
    types.GenericAlias: _alias,
    types.UnionType: _alias,
}
