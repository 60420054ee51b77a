"""What came out of crates that the store in use did not pack, as long as it lives.

Packed again, the store would vouch for it: so whoever packs asks here first.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from autotrack.runtime.weak_map import IdentityMap

_known: IdentityMap[bool] = IdentityMap()
#: Beyond so many objects a model is taken for a stranger's.
_MOST = 100_000
#: What holds nothing else. They are passed over, since a vocabulary has a million of them.
_ATOMS = (str, bytes, int, float, complex, type(None), np.generic, CodeType)


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
        return not _is_importable(part)
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
    """What a model consists of, in whatever attributes, containers, arrays and closures."""
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
    if isinstance(part, (*_ATOMS, ModuleType)):
        return ()
    if isinstance(part, type):
        return () if _is_elsewhere(part) else list(vars(part).values())
    if isinstance(part, FunctionType):
        return _of_function(part)
    if isinstance(part, np.ndarray):
        # The collector is not told what an array of objects holds.
        held = part.ravel().tolist() if part.dtype.hasobject else []
        return [*held, part.base, *gc.get_referents(part)]
    # Whatever kind of container, attributes or slots: what the collector would follow.
    return [each for each in gc.get_referents(part) if not isinstance(each, _ATOMS)]


def _of_function(function: FunctionType) -> Iterable[object]:
    """What a function holds; of one that goes into a pickle by value also the globals it names."""
    held: list[object] = [*(function.__closure__ or ()), *(function.__defaults__ or ())]
    held += [*(function.__kwdefaults__ or {}).values(), *vars(function).values()]
    if not _is_elsewhere(function):
        names = _names(function.__code__)
        held += [function.__globals__[name] for name in names if name in function.__globals__]
    return held


def _names(code: CodeType) -> set[str]:
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _is_elsewhere(part: FunctionType | type) -> bool:
    """Whether a pickle only names it."""
    return part.__module__ != "__main__" and _is_importable(part)


def _is_importable(part: FunctionType | type) -> bool:
    """Whether it is found in its module."""
    found: Any = sys.modules.get(part.__module__ or "")
    for name in part.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is part
