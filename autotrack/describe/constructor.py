"""What the constructor of an estimator takes, and what it was given."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from autotrack.describe.parts import held_by
from autotrack.runtime.weak_map import IdentityMap

# By identity: a metaclass may say what it likes about equality.
_names: IdentityMap[tuple[str, ...]] = IdentityMap()
_defaults: IdentityMap[dict[str, Any]] = IdentityMap()
#: The classes whose defaults were read, in that order; those of packages that have a version, since
#: a class of the user's own may have others tomorrow.
versioned: list[tuple[type, str, str]] = []
_takes_deep: IdentityMap[bool] = IdentityMap()


# Where scikit-learn defines `get_params`. Unless it is asked for more, each of these reads the
# attributes that are called as the params.
_READ_ATTRIBUTES = frozenset(
    {
        "sklearn.base",
        "sklearn.compose._column_transformer",
        "sklearn.ensemble._base",
        "sklearn.pipeline",
    }
)


def own_params(estimator: Any) -> Mapping[str, Any]:
    """What ``get_params(deep=False)`` gives."""
    cls = type(estimator)
    if getattr(cls.get_params, "__module__", None) not in _READ_ATTRIBUTES:
        with _undrawn(estimator):
            return dict(estimator.get_params(**({"deep": False} if _is_asked_deep(cls) else {})))
    # scikit-learn's own get_params reads the constructor's signature anew at every call.
    names = _names.get(cls)
    if names is None:
        names = tuple(estimator.get_params(deep=False))
        _names.set(cls, names)
    return {name: getattr(estimator, name) for name in names}


def _is_asked_deep(cls: Any) -> bool:
    """Whether the ``get_params`` of `cls` takes ``deep``, as scikit-learn's does."""
    known = _takes_deep.get(cls)
    if known is None:
        parameters = _parameters(cls.get_params)
        known = not parameters or any(
            p.name == "deep" or p.kind == p.VAR_KEYWORD for p in parameters
        )
        _takes_deep.set(cls, known)
    return known


@contextlib.contextmanager
def _undrawn(estimator: object) -> Iterator[None]:
    """Leave the random generators of `estimator` as they are: XGBoost's ``get_params`` draws."""
    held = list(held_by(estimator).values())
    legacy = [(g, g.get_state()) for g in held if isinstance(g, np.random.RandomState)]
    bits = [g.bit_generator for g in held if isinstance(g, np.random.Generator)]
    modern = [(generator, generator.state) for generator in bits]
    try:
        yield
    finally:
        for drawn, before in legacy:
            drawn.set_state(before)
        for generator, state in modern:
            generator.state = state


def constructor_defaults(cls: type) -> Mapping[str, Any]:
    """The defaults in the constructor of `cls`; a param without one is missing.

    A constructor that takes any keyword hands on what it does not know, so those of the classes
    above count as well.
    """
    known = _defaults.get(cls)
    if known is None:
        known = _read_defaults(cls)
        _defaults.set(cls, known)
        top = cls.__module__.partition(".")[0]
        version = getattr(sys.modules.get(top), "__version__", None)
        if isinstance(version, str) and top != "__main__":
            versioned.append((cls, top, version))
    return known


def _read_defaults(cls: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for owner in cls.__mro__:
        init: Any = owner.__dict__.get("__init__")
        if init is None or owner is object:
            continue
        # deprecated_original: the constructor below scikit-learn's own deprecation wrapper.
        parameters = _parameters(getattr(init, "deprecated_original", init))
        for parameter in parameters:
            found.setdefault(parameter.name, _default(owner, parameter))
        if not any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters):
            break
    return {name: value for name, value in found.items() if value is not inspect.Parameter.empty}


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a function written in C
        return []


def _default(owner: type, parameter: inspect.Parameter) -> Any:
    field = getattr(owner, "__dataclass_fields__", {}).get(parameter.name)
    if field is None or field.default_factory is dataclasses.MISSING:
        return parameter.default
    return field.default_factory()
