"""Dataclasses that cost little to define.

The standard decorator compiles up to six functions for a class with slots, which was a third of
what `import autotrack` took. Here `__init__` alone is compiled, because it is called often, and
the rest is shared code. What such a class does is the same.
"""

from __future__ import annotations

import dataclasses
import functools
import reprlib
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(
        *, frozen: bool = False, slots: bool = False, eq: bool = True, **others: Any
    ) -> Any:
        """Do as `dataclasses.dataclass` does, which it leaves some kinds of classes to."""
        if slots and not others:
            return functools.partial(_with_slots, frozen=frozen, eq=eq)
        return dataclasses.dataclass(frozen=frozen, slots=slots, eq=eq, **others)


def _with_slots(cls: type, *, frozen: bool, eq: bool) -> type:
    if not _is_plain(cls):
        return dataclasses.dataclass(frozen=frozen, slots=True, eq=eq)(cls)
    own = set(cls.__dict__)
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    fields = dataclasses.fields(made)
    methods: dict[str, Any] = {
        "__init__": _init(made, fields),
        "__repr__": _repr([field.name for field in fields if field.repr]),
    }
    if eq:
        values = _values([field.name for field in fields if field.compare])
        methods["__eq__"] = _eq(values)
        # What can be changed has no hash, unless it says what that is.
        methods["__hash__"] = _hash(values) if frozen else None
    if frozen:
        methods |= {"__getstate__": _getstate, "__setstate__": _setstate}
        # As in `dataclasses`, whatever the class itself says.
        made.__setattr__ = _setattr
        made.__delattr__ = _delattr
    for name, method in methods.items():
        # Python itself says of a class with an `__eq__` of its own that it has no hash.
        if name not in own:
            setattr(made, name, method)
    return made  # type: ignore[no-any-return]


def _is_plain(cls: type) -> bool:
    own = cls.__dict__
    return (
        cls.__bases__ == (object,)
        and "__post_init__" not in own
        and not any(
            isinstance(value, dataclasses.Field) and not (value.init and value.hash is None)
            for value in own.values()
        )
    )


def _init(cls: type, fields: tuple[dataclasses.Field[Any], ...]) -> Callable[..., None]:
    """The constructor, which sets each slot by its descriptor: attributes cannot be set."""
    names: dict[str, Any] = {"_missing": dataclasses.MISSING}
    given, lines = [], []
    for field in fields:
        name = field.name
        names[f"_set_{name}"] = cls.__dict__[name].__set__
        value = name
        if field.default is not dataclasses.MISSING:
            names[f"_default_{name}"] = field.default
            given.append(f"{name}=_default_{name}")
        elif field.default_factory is not dataclasses.MISSING:
            names[f"_make_{name}"] = field.default_factory
            given.append(f"{name}=_missing")
            value = f"_make_{name}() if {name} is _missing else {name}"
        else:
            given.append(name)
        lines.append(f"    _set_{name}(self, {value})")
    code = f"def __init__({', '.join(['self', *given])}):\n" + "\n".join(lines or ["    pass"])
    names["__name__"] = cls.__module__
    exec(code, names)
    init: Callable[..., None] = names.pop("__init__")
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = {field.name: field.type for field in fields} | {"return": None}
    return init


def _values(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple(getattr(self, name) for name in names)


def _repr(names: list[str]) -> Callable[[Any], str]:
    @reprlib.recursive_repr()
    def __repr__(self: Any) -> str:  # noqa: N807 - it becomes the method of a class
        parts = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({parts})"

    return __repr__


def _eq(values: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any, object], bool]:
    def __eq__(self: Any, other: object) -> bool:  # noqa: N807 - it becomes the method of a class
        if other.__class__ is self.__class__:
            return values(self) == values(other)
        return NotImplemented

    return __eq__


def _hash(values: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], int]:
    def __hash__(self: Any) -> int:  # noqa: N807 - it becomes the method of a class
        return hash(values(self))

    return __hash__


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _setstate(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


def _setattr(self: Any, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
