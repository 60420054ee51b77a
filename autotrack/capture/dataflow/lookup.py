"""Attributes and elements of the user's objects, looked up without running any of their code."""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType, GetSetDescriptorType, MethodType, ModuleType
from typing import Any

from autotrack.capture.operations import UNKNOWN, is_rows

_KEYS = (str, int, float, bool, tuple)
# As `type` has them, whatever a metaclass makes of them.
_MRO: Any = type.__dict__["__mro__"]
_NAMESPACE: Any = type.__dict__["__dict__"]


def attributes_kept(held: Any) -> Mapping[str, Any]:
    """The attributes that an object keeps itself; none for a class."""
    kind = type(held)
    if issubclass(kind, type):
        return {}
    for cls in _MRO.__get__(kind):
        found = _NAMESPACE.__get__(cls).get("__dict__")
        if type(found) is GetSetDescriptorType:
            kept = found.__get__(held)
            return kept if type(kept) is dict else {}
        if found is not None:
            return {}
    return {}


def attribute_of(held: Any, name: str) -> Any:
    """An attribute that an object or a module keeps, or a method of its class; else UNKNOWN."""
    if held is UNKNOWN:
        return UNKNOWN
    if type(held) is ModuleType:
        return vars(held).get(name, UNKNOWN)
    if is_rows(held) or issubclass(type(held), str | int | float | dict):
        return UNKNOWN
    kept = attributes_kept(held)
    return kept[name] if name in kept else class_attribute(held, name)


def class_attribute(held: Any, name: str) -> Any:
    """A method or constant of an object's class; UNKNOWN for what would run code."""
    kind = type(held)
    if issubclass(kind, type):
        found = _of_class(held, name)
        return found.__func__ if type(found) is staticmethod else found
    found = _of_class(kind, name)
    if type(found) is FunctionType:
        return MethodType(found, held)
    if type(found) is staticmethod:
        return found.__func__
    if type(found) is classmethod:
        return MethodType(found.__func__, kind)
    return UNKNOWN if _of_class(type(found), "__get__") is not UNKNOWN else found


def _of_class(kind: type, name: str) -> Any:
    for cls in _MRO.__get__(kind):
        namespace = _NAMESPACE.__get__(cls)
        if name in namespace:
            return namespace[name]
    return UNKNOWN


def element_of(held: Any, key: Any) -> Any:
    """What a dictionary holds under a key; UNKNOWN where that would run code, or nothing is."""
    if type(held) is dict and type(key) in _KEYS:
        return held.get(key, UNKNOWN)
    return UNKNOWN
