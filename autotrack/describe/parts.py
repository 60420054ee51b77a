"""The estimators inside of a fitted model: those it predicts with, and those it shares.

Told from what a model holds, so that those of other packages are read the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import compress
from operator import not_
from types import FunctionType
from typing import Any

import numpy as np

# The members of a longer list are the ensemble's own, and nobody changes them one by one.
_MOST_SHARED = 16
_MOST_MEMBERS = 10_000
_DEEPEST = 6
# Lists of named parts that a model fits in place; whatever else is a template, which is cloned.
_FITTED_IN_PLACE = ("steps", "transformer_list")
# Parts whose prediction is the model's own.
_THE_MODEL_ITSELF = ("best_estimator_", "estimator_", "regressor_")
_FROZEN = "FrozenEstimator"
# What most attributes are: neither an estimator, nor a list of some.
_NO_PARTS = frozenset({type(None), bool, int, float, complex, str, bytes, np.float64, np.int64})
# The same with arrays, in which there may be objects.
_NO_PARTS_OR_ARRAYS = _NO_PARTS | {np.ndarray}
# What holds an estimator and predicts, without being one.
_HOLDER = "_CalibratedClassifier"


def held_by(model: object) -> dict[str, Any]:
    """The attributes of `model` itself, whatever its class makes of being asked for one."""
    try:
        found = object.__getattribute__(model, "__dict__")
    except Exception:  # noqa: BLE001 - none, or a property of the user's, which may raise anything
        return {}
    return found if isinstance(found, dict) else {}


def held_of_other_kinds(model: object, kinds: frozenset[type]) -> Iterator[tuple[str, Any]]:
    """The attributes of `model` that are of none of these kinds.

    Most are plain numbers and texts. To pass over them one by one takes longer than all else that
    is done with them.
    """
    held = dict.copy(held_by(model))  # in one step, whatever other threads do to it
    return compress(held.items(), map(not_, map(kinds.__contains__, map(type, held.values()))))


def attribute(model: object, name: str, default: Any = None) -> Any:
    """What `model` has of this name; the default where it has none, whatever it raises then.

    A class that hands on what it lacks to the model it holds may be asked before there is one.
    """
    try:
        return getattr(model, name, default)
    except Exception:  # noqa: BLE001 - a foreign __getattr__ may do anything
        return default


def has(model: object, name: str) -> bool:
    """Whether `model` has an attribute of this name.

    Its class is looked at first: what it hands on to others is asked for only where it says no.
    """
    for owner in type(model).__mro__:
        if isinstance(owner.__dict__.get(name), FunctionType):
            return True
    return attribute(model, name, _MISSING) is not _MISSING


_MISSING = object()


def named_parts(value: object) -> list[tuple[str, Any]]:
    """The names and estimators of a list such as a pipeline's `steps`; empty for anything else."""
    if not isinstance(value, list | tuple) or not value:
        return []
    if not all(isinstance(part, tuple) and len(part) > 1 for part in value):
        return []
    return [(str(part[0]), part[1]) for part in value]


def shared_parts(model: object, depth: int = 0) -> Iterator[object]:
    """The estimators that `model` predicts with and that others may hold, fit or change as well."""
    if depth > _DEEPEST:
        return
    for name, value in held_of_other_kinds(model, _NO_PARTS_OR_ARRAYS):
        for part in _shared_in(name, value):
            if part is not model:
                yield part
                yield from shared_parts(part, depth + 1)


def _shared_in(name: str, value: Any) -> list[object]:
    if name in _FITTED_IN_PLACE:
        return [part for _, part in named_parts(value) if _is_estimator(part)]
    if not name.endswith("_") or name.startswith("_"):
        return [value] if is_frozen(value) else []
    if _is_estimator(value):
        return [value]
    if isinstance(value, list | tuple) and 0 < len(value) <= _MOST_SHARED:
        return [part for part in value if _is_estimator(part)]
    return []


def is_frozen(value: object) -> bool:
    """Whether `value` is scikit-learn's wrapper around a model that is not to be fitted again."""
    return type(value).__name__ == _FROZEN


def may_have_members(model: object) -> bool:
    """Whether `model` holds fitted estimators."""
    for name, value in held_of_other_kinds(model, _NO_PARTS):
        if name == "steps":
            return True
        if not name.endswith("_") or name.startswith("_"):
            continue
        if isinstance(value, np.ndarray):
            if value.dtype == object:
                return True
        elif isinstance(value, list | tuple):
            if value and _is_member(value[0]):
                return True
        elif _is_estimator(value):
            return True
    return False


def members(model: object) -> Iterator[tuple[str, object]]:
    """The fitted estimators that `model` holds, and what each of them is called in it.

    One whose prediction is the model's own has no name: the last step of a pipeline, say.
    """
    held = held_by(model)
    for _, part in named_parts(held.get("steps")):
        yield "", part
    named = _by_name(held)
    for name, value in list(held.items()):
        if name in _THE_MODEL_ITSELF:
            yield "", value
        elif name.endswith("_") and not name.startswith("_"):
            yield from _members_in(name.rstrip("_"), value, named)


def _by_name(held: dict[str, Any]) -> dict[int, str]:
    found: dict[int, str] = {}
    for name, value in held.items():
        if name.startswith("named_") and isinstance(value, dict):
            found |= {id(part): str(key) for key, part in value.items()}
    return found


def _members_in(name: str, value: Any, named: dict[int, str]) -> Iterator[tuple[str, object]]:
    if _is_member(value):
        yield named.get(id(value), name), value
        return
    if isinstance(value, dict):
        pairs: Any = list(value.items())
    elif isinstance(value, list | tuple):
        pairs = enumerate(value)
    elif isinstance(value, np.ndarray) and value.dtype == object:
        flat = value.ndim == 2 and value.shape[1] == 1
        places = (index[:1] if flat else index for index in np.ndindex(value.shape))
        pairs = zip(("_".join(map(str, place)) for place in places), value.flat, strict=True)
    else:
        return
    one = name.removesuffix("s")
    for number, (key, part) in enumerate(pairs):
        if number >= _MOST_MEMBERS:
            return
        if _is_member(part):
            called = named.get(id(part)) or (str(key) if isinstance(value, dict) else "")
            yield called or f"{one}_{key}", part
            if type(part).__name__ == _HOLDER:
                yield f"{one}_{key}", getattr(part, "estimator", None)


def _is_estimator(value: object) -> bool:
    return hasattr(type(value), "get_params") and not isinstance(value, type)


def _is_member(value: object) -> bool:
    return _is_estimator(value) or type(value).__name__ == _HOLDER


def with_own_parts(model: object) -> Iterator[object]:
    """`model`, and the parts of it whose predictions are its own: a pipeline's last step, say."""
    waiting = [model]
    for _ in range(_MOST_SHARED):
        if not waiting:
            return
        here = waiting.pop()
        yield here
        held = held_by(here)
        waiting += [part for _, part in named_parts(held.get("steps"))[-1:]]
        waiting += [held[name] for name in _THE_MODEL_ITSELF if _is_estimator(held.get(name))]


def is_pipeline_end(part: object, whole: object) -> bool:
    """Whether the steps of `part` are the last ones of `whole`, the very same."""
    ours, theirs = (
        [step for _, step in named_parts(held_by(model).get("steps"))] for model in (part, whole)
    )
    return (
        bool(ours)
        and len(ours) <= len(theirs)
        and all(a is b for a, b in zip(ours, theirs[len(theirs) - len(ours) :], strict=True))
    )


def is_unfitted(model: object) -> bool:
    """Whether `model` holds nothing that a fit leaves behind."""
    return not any(n.endswith("_") and not n.startswith("_") for n in held_by(model))
