"""What came out of crates that the store in use did not pack, as long as it lives.

Packed again, the store would vouch for it: so whoever packs asks here first.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

from autotrack.crates.packing.functions import Isolated
from autotrack.runtime.weak_map import IdentityMap

_known: IdentityMap[bool] = IdentityMap()
#: Beyond so many objects a model is taken for a stranger's.
_MOST = 100_000


def remember(loaded: Iterable[object], *, trusted: bool) -> None:
    """Remember models, and the models and functions inside of them.

    `trusted` says whether the caller answered for all of the crate.
    """
    for _, part in zip(range(_MOST), _parts(loaded), strict=False):
        if _is_its_own(part):
            _known.set(part, trusted)


def _is_its_own(part: object) -> bool:
    """Whether it is a model or a function that came with the crate, and is in no module."""
    if isinstance(part, FunctionType):
        found: Any = sys.modules.get(part.__module__ or "")
        for name in part.__qualname__.split("."):
            found = getattr(found, name, None)
        return found is not part
    return any(hasattr(type(part), name) for name in ("get_params", "fit", "predict", "transform"))


def holds_any(model: object) -> bool:
    """Whether something in a model came out of such a crate."""
    return _strangers(model) is not None


def are_trusted(model: object) -> bool:
    """Whether the caller answered for all that did."""
    return _strangers(model) is not False


def _strangers(model: object) -> bool | None:
    """Whether all strangers in a model are trusted; None where there are none."""
    if not _known.living():
        return None
    found: bool | None = None
    for number, part in enumerate(_parts([model])):
        trusted = False if number >= _MOST else _known.get(part)
        if trusted is False:
            return False
        found = found or trusted
    return found


def _parts(roots: Iterable[object]) -> Iterator[object]:
    """What a model consists of, as far as it is kept in attributes, containers and closures."""
    waiting, seen = list(roots), {}
    while waiting:
        part = waiting.pop()
        # Held, so that no number is given again meanwhile.
        if id(part) in seen:
            continue
        seen[id(part)] = part
        yield part
        waiting += _inside(part)


def _inside(part: Any) -> Iterable[object]:
    kind = type(part)
    if kind is dict:
        return list(part.values())
    if kind in (list, tuple, set, frozenset):
        return list(part)
    if isinstance(part, FunctionType):
        cells = [cell.cell_contents for cell in part.__closure__ or () if _is_filled(cell)]
        return [*cells, *(part.__defaults__ or ()), *(part.__kwdefaults__ or {}).values()]
    if isinstance(part, type | ModuleType):
        return ()
    if isinstance(part, Isolated):
        return [part.function, *part.objects.values()]
    if isinstance(part, functools.partial):
        return [part.func, *part.args, *part.keywords.values()]
    if isinstance(part, MethodType):
        return [part.__self__, part.__func__]
    try:
        attributes = object.__getattribute__(part, "__dict__")
    except AttributeError:
        return ()
    return list(attributes.values()) if type(attributes) is dict else ()


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - it raises where there is nothing
    except ValueError:
        return False
    return True
