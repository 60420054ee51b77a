"""Attributes and elements of the user's objects, looked up without running any of their code."""

from __future__ import annotations

from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, MethodType, ModuleType
from typing import Any, NamedTuple

from autotrack.lineage.values.operations import UNKNOWN
from autotrack.lineage.values.plain import is_rows


class _Named(NamedTuple):
    field: None


_KEYS = (str, int, float, bool, tuple)
# As `type` has them, whatever a metaclass makes of them.
_MRO: Any = type.__dict__["__mro__"]
_NAMESPACE: Any = type.__dict__["__dict__"]
# What reads a slot, or a field of a named tuple, and runs nothing of the user's.
_READERS = (MemberDescriptorType, type(_Named.__dict__["field"]))
_HOLDERS = (GetSetDescriptorType, MemberDescriptorType)


def has_attributes(held: Any) -> bool:
    """Whether what it keeps under names is to be asked of an object; not of a list or an array."""
    kind = type(held)
    if held is UNKNOWN or issubclass(kind, str | bytes | int | float | dict):
        return False
    return not is_rows(held) or (issubclass(kind, tuple) and kind is not tuple)


def kept_attribute(held: Any, name: str) -> Any:
    """An attribute that an object keeps itself; UNKNOWN for others."""
    kind = type(held)
    if issubclass(kind, type):
        return UNKNOWN
    found = _of_class(kind, name)
    try:
        if type(found) in _READERS:
            return found.__get__(held)
        holder = _of_class(kind, "__dict__")
        kept = holder.__get__(held) if type(holder) in _HOLDERS else None
    except AttributeError:  # a slot that was not set
        return UNKNOWN
    return kept.get(name, UNKNOWN) if type(kept) is dict else UNKNOWN


def attribute_of(held: Any, name: str) -> Any:
    """An attribute that an object or a module keeps, or a method of its class; else UNKNOWN."""
    if type(held) is ModuleType:
        return vars(held).get(name, UNKNOWN)
    if not has_attributes(held):
        return UNKNOWN
    kept = kept_attribute(held, name)
    return class_attribute(held, name) if kept is UNKNOWN else kept


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
