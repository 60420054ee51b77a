"""Objects of any class, by their state: params, attributes, or what they give to be pickled."""

from __future__ import annotations

import contextlib
import enum
import os
import sys
from collections import deque
from collections.abc import Iterator
from typing import Any

from autotrack.describe.constructor import own_params
from autotrack.describe.content import holding
from autotrack.describe.content.names import is_compiled
from autotrack.describe.content.walk import Walk, article, name_of
from autotrack.describe.origins import is_installed

# What holds nothing that a computation depends on.
_EMPTY = frozenset(
    {
        "_thread.lock",
        "_thread.RLock",
        "logging.Logger",
        "logging.RootLogger",
        "weakref.WeakKeyDictionary",
        "weakref.WeakValueDictionary",
        "_weakrefset.WeakSet",
        "_abc._abc_data",
    }
)
# Of the classes that a `class` statement makes, and of some that are made in C.
_HEAP_TYPE = 1 << 9
_TRANSPARENT = frozenset(
    {object, dict, list, tuple, set, frozenset, deque, str, bytes, int, float, complex}
)


def instance(walk: Walk, value: Any, kind: type, cloned: bool) -> None:
    """Add an object of any class."""
    name = name_of(kind)
    if name in _EMPTY:
        walk.note("empty", name)
        return
    if value is os.environ:
        raise walk.undigestible("all environment variables")
    if isinstance(value, enum.Enum):
        walk.note("member", value.name)
        walk.under("", value.value)
        walk.under("", kind)
        return
    walk.under("", kind)
    if isinstance(value, str | bytes | int | float | complex):
        walk.note(_underlying(value))
    if cloned and _is_cloned_by_params(value):
        _params(walk, value, kind)
        return
    if isinstance(value, dict):
        holding.mapping(walk, value, cloned)
    elif isinstance(value, list | tuple | deque):
        walk.sequence(value, cloned)
    elif isinstance(value, set | frozenset):
        holding.a_set(walk, value, cloned)
    _state(walk, value, kind)


def _params(walk: Walk, value: Any, kind: type) -> None:
    walk.note("params")
    for name, held in own_params(value).items():
        walk.note(name)
        if name == "stop_words" and isinstance(held, list) and is_installed(kind.__module__):
            held = frozenset(held)  # noqa: PLW2901 - what scikit-learn makes of it, too
        walk.under(f".{name}", held, True)
    instance = getattr(value, "__dict__", {})
    for name in ("_metadata_request", "_sklearn_output_config", "_skl_callbacks"):
        if name in instance:
            walk.note(name)
            walk.under(f".{name}", instance[name])


def _state(walk: Walk, value: Any, kind: type) -> None:
    """Add what an object holds: its attributes, or what it gives to be pickled."""
    owner = next((c for c in kind.__mro__ if "__getstate__" in vars(c)), object)
    if owner is not object and is_installed(owner.__module__):
        # The package knows best: the time when it was made is left out, and the like.
        state = value.__getstate__()
        if type(state) is dict and all(isinstance(name, str) for name in state):
            walk.attributes(state)
        else:
            walk.under("", state)
    elif _is_opaque(kind):
        _reduced(walk, value, kind)
    else:
        walk.attributes(dict(_attributes_of(value, kind)))


def _reduced(walk: Walk, value: Any, kind: type) -> None:
    try:
        reduced = value.__reduce_ex__(4)
    except Exception:  # noqa: BLE001 - whatever it raises, it has no content to give
        raise walk.undigestible(article(kind)) from None
    if isinstance(reduced, str):
        walk.note("name", reduced)
        return
    function, arguments, *rest = reduced
    walk.under("", function)
    walk.under("", arguments)
    for part in rest:
        walk.under("", list(part) if isinstance(part, Iterator) else part)


def _underlying(value: Any) -> Any:
    for kind in (str, bytes, int, float, complex):
        if isinstance(value, kind):
            return kind.__repr__(value)
    return None


def _is_cloned_by_params(value: Any) -> bool:
    """Whether scikit-learn's ``clone`` makes another of it from its params alone."""
    kind = type(value)
    if not hasattr(kind, "get_params"):
        return False
    own = getattr(kind, "__sklearn_clone__", None)
    return own is None or getattr(own, "__module__", None) == "sklearn.base"


def _attributes_of(value: Any, kind: type) -> Iterator[tuple[str, Any]]:
    yield from getattr(value, "__dict__", {}).items()
    for owner in kind.__mro__:
        slots = vars(owner).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name in ("__dict__", "__weakref__"):
                continue
            mangled = name
            if name.startswith("__") and not name.endswith("__"):
                mangled = f"_{owner.__name__.lstrip('_')}{name}"
            with contextlib.suppress(AttributeError):
                yield mangled, object.__getattribute__(value, mangled)


def _is_opaque(kind: type) -> bool:
    """Whether instances hold more than attributes: they are made in C, or of a class that is."""
    return any(
        not owner.__flags__ & _HEAP_TYPE
        or ("__slots__" not in vars(owner) and not owner.__dictoffset__)
        or is_compiled(owner.__module__)
        or owner.__module__ in sys.builtin_module_names
        for owner in kind.__mro__
        if owner not in _TRANSPARENT
    )
