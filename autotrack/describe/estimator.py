"""What the user set on an estimator, and what kind of thing it is."""

from __future__ import annotations

import functools
import json
import math
import sys
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import xxhash

from autotrack.describe.constructor import constructor_defaults, own_params, without_defaults
from autotrack.describe.data.fingerprint import describe
from autotrack.describe.parts import has, held_by
from autotrack.printable import plain_text
from autotrack.runtime.patterns import pattern

#: Params longer than this (as JSON text) are kept as a short form and a digest.
LONGEST_VALUE = 500
_SHORT_FORM, _MOST_BITS, _DEEPEST = 200, 10_000, 12
# Of an object, so many of its attributes are shown, and so many objects inside are looked at.
_SHOWN = 5
_MOST_OBJECTS = 20_000
# In a text that was made of an object: where it lay in memory.
_ADDRESS = pattern(r"\b0x[0-9a-fA-F]{6,}")

#: What a value is inside of, outermost first.
Outer = tuple[object, ...]

#: What scikit-learn's tags call estimators that are models; samplers and transformers are none.
_MODEL_TYPES = frozenset(
    ("classifier", "regressor", "clusterer", "outlier_detector", "density_estimator")
)


def is_estimator(value: object) -> bool:
    """Whether `value` is an instance with scikit-learn's params protocol."""
    # Asked of its class: a mock has whatever it is asked for.
    return hasattr(type(value), "get_params") and not isinstance(value, type)


def is_model(estimator: object) -> bool:
    """Whether fitting `estimator` makes a model: something that predicts, clusters or scores.

    A thing that transforms, and only gives a likelihood on the side (`PCA.score`), is a
    transformer. Methods a meta-estimator has only for some of its parts count when it has them.
    """
    if has(estimator, "predict") or has(estimator, "fit_predict"):
        return True
    if hasattr(type(estimator), "biclusters_"):  # rows and columns together
        return True
    if _estimator_type(estimator) in _MODEL_TYPES:
        return True  # one that predicts once it is fitted (stacking)
    if has(estimator, "transform") or has(estimator, "fit_transform"):
        return False
    return any(
        has(estimator, name)
        for name in ("predict_proba", "decision_function", "score_samples", "score")
    )


def _estimator_type(estimator: Any) -> str | None:
    """``classifier``, ``regressor`` and so on, as scikit-learn's tags have it."""
    try:
        return getattr(estimator.__sklearn_tags__(), "estimator_type", None)
    except Exception:  # noqa: BLE001 - half of the tags of a foreign class may be missing
        return None


def summary(estimator: object) -> str:
    """A short name: the class, or for a pipeline its steps, ``StandardScaler > Ridge``."""
    # From the instance itself: a class that hands on what it lacks may have nobody to hand it to.
    steps = held_by(estimator).get("steps")
    if isinstance(steps, list) and steps and all(_is_named(step) for step in steps):
        parts = [
            summary(step[1])
            for step in steps
            if step[1] is not None and not (isinstance(step[1], str) and step[1] == "passthrough")
        ]
        return " > ".join(parts) or type(estimator).__name__
    return type(estimator).__name__


def qualified_name(estimator: object) -> str:
    """Module and class, as one would import it."""
    return qualified_name_of(type(estimator))


def qualified_name_of(cls: type) -> str:
    """Module and class of a class, as one would import it."""
    return f"{cls.__module__}.{cls.__qualname__}"


def user_params(estimator: object, *, defaults: bool = False) -> dict[str, Any]:
    """The params the user set, at every level of nesting, typed and ready to keep.

    A param counts as set when it differs from the default in its constructor's signature. Keys
    are scikit-learn's own (``step__name``). The parts of a composition (pipeline steps, a
    voting ensemble's members, a param that holds an estimator) stand under their own key with
    their class name.

    Parameters
    ----------
    estimator : estimator
        Anything with ``get_params``.
    defaults : bool, default=False
        Keep the params left at their default as well.

    Returns
    -------
    dict of str to None, bool, int, float, str or list/dict of those
    """
    found: dict[str, Any] = {}
    _collect(estimator, "", defaults, found, ())
    return found


def _collect(
    estimator: Any, prefix: str, defaults: bool, found: dict[str, Any], within: Outer
) -> None:
    if _is_inside(estimator, within):
        return
    expected = constructor_defaults(type(estimator))
    params = own_params(estimator)
    for name, value in params.items() if defaults else without_defaults(params, expected):
        key = f"{prefix}{name}"
        if is_estimator(value):
            found[key] = type(value).__name__
            _collect(value, f"{key}__", defaults, found, (*within, estimator))
        elif _is_composition(value):
            for part in value:
                found[f"{prefix}{part[0]}"] = _part_name(part[1])
                if is_estimator(part[1]):
                    _collect(part[1], f"{prefix}{part[0]}__", defaults, found, (*within, estimator))
            if any(len(part) > 2 for part in value):
                found[key] = storable([[part[0], *part[2:]] for part in value], within)
        elif defaults or not _same(value, expected.get(name)):
            found[key] = storable(value, within)


def deep_params(estimator: Any, within: Outer = ()) -> dict[str, Any]:
    """What ``get_params()`` gives, at every level of nesting, whatever a part's own would do.

    A foreign `get_params` may draw from random generators, and what only looks like an estimator
    (a mock) may answer with anything.
    """
    found: dict[str, Any] = {}
    if _is_inside(estimator, within):
        return found
    for name, value in own_params(estimator).items():
        found[name] = value
        for part in value if _is_composition(value) else [(name, value)]:
            found[part[0]] = part[1]
            if is_estimator(part[1]):
                below = deep_params(part[1], (*within, estimator))
                found |= {f"{part[0]}__{key}": held for key, held in below.items()}
    return found


def held_params(estimator: object) -> dict[str, Any]:
    """Every param at every level, set by the user or not, ready to be held against another."""
    return {
        name: type(value).__name__ if is_estimator(value) else storable(value)
        for name, value in deep_params(estimator).items()
    }


def _is_inside(value: object, within: Outer) -> bool:
    """Whether `value` holds itself, or stands too deep to be read."""
    return len(within) > _DEEPEST or any(value is outer for outer in within)


def _is_named(part: object) -> bool:
    return isinstance(part, tuple) and len(part) >= 2 and isinstance(part[0], str)


def _is_composition(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) > 0
        and all(_is_named(part) for part in value)
        and any(is_estimator(part[1]) for part in value)
    )


def _part_name(part: object) -> Any:
    return type(part).__name__ if is_estimator(part) else storable(part)


def _same(value: Any, default: Any) -> bool:
    if value is default:
        return True
    if isinstance(value, bool) != isinstance(default, bool):
        return False  # True == 1, but they do not mean the same
    if isinstance(value, float) and isinstance(default, float):
        return value == default or (math.isnan(value) and math.isnan(default))
    if isinstance(value, np.ndarray) or isinstance(default, np.ndarray):
        return (
            isinstance(value, np.ndarray)
            and isinstance(default, np.ndarray)
            and np.array_equal(value, default)
        )
    try:
        return (bool(value == default) and type(value) is type(default)) or (
            isinstance(value, int | float | np.number)
            and isinstance(default, int | float)
            and bool(value == default)
        )
    except Exception:  # noqa: BLE001 - a foreign __eq__ may do anything
        return False


def storable(value: Any, within: Outer = ()) -> Any:
    """`value` as plain typed data; long or opaque values as a readable form and a digest."""
    try:
        plain = _plain(value, within)
    except Exception:  # noqa: BLE001 - a foreign value may do anything, from any attribute
        plain = f"<{type(value).__qualname__}>"
    if isinstance(plain, bool | int | float) or plain is None:
        return plain
    text = plain if isinstance(plain, str) else json.dumps(plain, default=str)
    if len(text) <= LONGEST_VALUE:
        return plain
    digest = xxhash.xxh3_64_hexdigest(text.encode("utf-8", "surrogatepass"))
    return f"{text[:_SHORT_FORM]}… ({len(text)} characters, xxh3:{digest})"


def _plain(value: Any, within: Outer) -> Any:
    if value is None or isinstance(value, bool | str):
        return plain_text(value) if isinstance(value, str) else value
    if isinstance(value, int):
        # With more digits Python neither writes nor reads it.
        return int(value) if value.bit_length() <= _MOST_BITS else hex(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, np.generic):
        item = value.item()
        return item if isinstance(item, bool | int | float | str) else str(value)
    if _is_inside(value, within):
        return "…"
    if isinstance(value, list):
        return [_plain(item, (*within, value)) for item in value]
    if isinstance(value, tuple):
        return tuple(_plain(item, (*within, value)) for item in value)
    if isinstance(value, set | frozenset):
        return sorted((_plain(item, (*within, value)) for item in value), key=repr)
    if isinstance(value, dict):
        return {
            _key(key, (*within, value)): _plain(item, (*within, value))
            for key, item in value.items()
        }
    if isinstance(value, np.ndarray):
        return _array(value, within)
    return _opaque(value, within)


def _array(value: np.ndarray[Any, Any], within: Outer) -> Any:
    # Two dimensions are rows of data more often than settings.
    if value.ndim < 2 and value.size <= 20 and value.dtype != object:
        return _plain(value.tolist(), (*within, value))
    form = f"array(shape={value.shape}, dtype={value.dtype})"
    if value.dtype == object:
        return f"{form} {_content(value)}"
    return f"{form} xxh3:{xxhash.xxh3_64_hexdigest(value.tobytes())}"


def _opaque(value: Any, within: Outer) -> str:
    if isinstance(value, functools.partial):
        inside = (*within, value)
        bound = [f"{_plain(item, inside)!r}" for item in value.args]
        bound += [f"{key}={_plain(item, inside)!r}" for key, item in value.keywords.items()]
        return f"partial({', '.join([_opaque(value.func, inside), *bound])})"
    if isinstance(value, type | FunctionType):
        name = f"{value.__module__}.{value.__qualname__}"
        # What is made inside a function has one name however often it is made: lambdas, closures.
        return name if _is_found_by_name(value) else f"{name} {_content(value)}"
    if callable(value) and hasattr(value, "__qualname__"):
        module = getattr(value, "__module__", None)
        name = f"{module}.{value.__qualname__}" if module else str(value.__qualname__)
        owner = getattr(value, "__self__", None)
        if owner is None or isinstance(owner, ModuleType | type):
            return name
        return f"{name} of {_opaque(owner, (*within, value))}"
    if isinstance(value, np.ufunc):
        return f"numpy.{value.__name__}"
    held = describe(value) if hasattr(value, "shape") or hasattr(value, "__array__") else None
    if held is not None:  # data as a param: what tells it apart, and none of its values
        shape = " x ".join(map(str, held.shape or ()))
        return f"{held.kind}({shape}) {held.fingerprint}"
    if is_estimator(value):
        return f"{type(value).__name__}({_settings(value, within)})"
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a foreign __repr__ may do anything
        return _object_form(value)
    # A default repr holds a memory address, which means nothing tomorrow.
    return _object_form(value) if _ADDRESS.search(text) else plain_text(text)


def _key(key: Any, within: Outer) -> str:
    """The key of a mapping as text."""
    try:
        return plain_text(str(_plain(key, within)))
    except Exception:  # noqa: BLE001 - a foreign __str__ may do anything
        return _object_form(key)


def _object_form(value: object) -> str:
    """The class of an object with its plain numbers, and a digest of all it holds."""
    try:
        held = [(name, item) for name, item in vars(value).items() if not name.startswith("_")]
    except TypeError:
        held = []
    shown = [
        f"{name}={item!r}"
        for name, item in held
        if item is None or type(item) in (bool, int, float)
    ][:_SHOWN]
    name = type(value).__qualname__
    if not shown:
        return f"<{name}> {_content(value)}"
    more = ", …" if len(shown) < len(held) else ""
    return f"{name}({', '.join(shown)}{more}) {_content(value)}"


def _content(value: object) -> str:
    """A digest of what a value holds, which tells it apart in every process."""
    from autotrack.describe.content import digest

    try:
        return f"xxh3:{digest(value, most=_MOST_OBJECTS)[:16]}"
    except Exception:  # noqa: BLE001 - a foreign object may raise anything
        return "(its content cannot be told)"


def _is_found_by_name(value: Any) -> bool:
    found: object = sys.modules.get(value.__module__)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


def _settings(estimator: Any, within: Outer) -> str:
    params: dict[str, Any] = {}
    _collect(estimator, "", False, params, within)
    return ", ".join(f"{key}={value!r}" for key, value in params.items())
