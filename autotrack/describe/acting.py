"""Which params of an estimator act when it predicts, and not only when it is fitted.

Told from the code of its class: a param acts if what `predict` and its kin call, within the class,
speaks of it. A class that predicts in C says nothing, and counts as one none of whose params act.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from autotrack.describe.constructor import constructor_defaults
from autotrack.runtime.patching import unwrapped
from autotrack.runtime.weak_map import IdentityMap

# Whatever they are called with, the prediction is the same; `n_estimators` of a fitted ensemble
# only says how the work is shared out.
_NEVER_ACT = frozenset(
    {
        "cache_size",
        "copy",
        "copy_X",
        "error_score",
        "max_fun",
        "max_iter",
        "memory",
        "n_estimators",
        "n_jobs",
        "pre_dispatch",
        "random_state",
        "refit",
        "tol",
        "verbose",
        "verbose_feature_names_out",
        "warm_start",
    }
)
_PREDICTING = ("decision_function", "score", "score_samples", "transform", "kneighbors")
# What a prediction may mention, and does not do.
_NOT_FOLLOWED = ("fit", "_fit", "partial_fit", "__", "get_params", "set_params", "_validate_params")

_known: IdentityMap[tuple[str, ...]] = IdentityMap()


def acting_params(cls: type) -> tuple[str, ...]:
    """The params of `cls` that act on the predictions of a fitted estimator."""
    known = _known.get(cls)
    if known is None:
        known = _read(cls)
        _known.set(cls, known)
    return known


def _read(cls: type) -> tuple[str, ...]:
    params = set(constructor_defaults(cls)) | set(_required(cls))
    spoken = _spoken_of(cls)
    return tuple(sorted((params & spoken) - _NEVER_ACT))


def _required(cls: type) -> list[str]:
    try:
        return list(inspect.signature(cls).parameters)
    except (TypeError, ValueError):
        return []


def _spoken_of(cls: type) -> set[str]:
    """Every name in the code of the methods that predict, and of what they call in the class."""
    names: set[str] = set()
    waiting = {n for owner in cls.__mro__[:-1] for n in owner.__dict__ if _predicts(n)}
    while waiting:
        name = waiting.pop()
        if name in names:
            continue
        names.add(name)
        if name.startswith(_NOT_FOLLOWED):
            continue
        for owner in cls.__mro__[:-1]:
            if name in owner.__dict__:
                for code in _codes(owner.__dict__[name]):
                    waiting.update(set(code.co_names) - names)
    return names


def _predicts(name: str) -> bool:
    return name in _PREDICTING or name.startswith("predict")


def _codes(attribute: Any) -> Iterator[CodeType]:
    found = unwrapped(attribute)
    if isinstance(found, property):
        found = found.fget
    elif isinstance(found, functools.cached_property):
        found = found.func
    elif isinstance(found, classmethod | staticmethod):
        found = found.__func__
    elif not isinstance(found, FunctionType):
        found = getattr(found, "fn", None)
    while isinstance(found, FunctionType):
        yield from _nested(found.__code__)
        found = getattr(found, "__wrapped__", None)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _nested(const)
