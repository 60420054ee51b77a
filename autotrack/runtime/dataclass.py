"""Dataclasses that cost little to define.

The standard decorator compiles six functions for a frozen class with slots, which was a third of
what `import autotrack` took. Here `__init__` alone is compiled, because it is called often, and
the rest is shared code. That is done when a class is first used, and so is what the standard
library wants to know of its fields: most classes are not used in most processes. What such a class
does is the same.
"""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeGuard

from autotrack.runtime.patterns import pattern

__all__ = ["dataclass"]

# Annotations of what is no field, or not like others.
_SPECIAL = pattern("ClassVar|InitVar|KW_ONLY")
# What Python makes for each class.
_MADE_AGAIN = ("__dict__", "__weakref__")

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(
        *,
        frozen: bool = False,
        slots: bool = False,
        eq: bool = True,
        repr: bool = True,  # noqa: A002 - as the standard one calls it
        **others: Any,
    ) -> Any:
        """Do as `dataclasses.dataclass` does, which it leaves most kinds of classes to."""
        given = {"frozen": frozen, "slots": slots, "eq": eq, "repr": repr}
        if slots and not others:
            return lambda cls: _slotted(cls, **given)
        return dataclasses.dataclass(**given, **others)


def _slotted(cls: type, *, frozen: bool, slots: bool, eq: bool, repr: bool) -> type:  # noqa: A002
    if not _is_plain(cls):
        return dataclasses.dataclass(frozen=frozen, slots=slots, eq=eq, repr=repr)(cls)
    own = cls.__dict__
    names = tuple(own["__annotations__"])
    given = {name: own[name] for name in names if name in own}
    fields = {name: value for name, value in given.items() if _is_field(value)}
    body = {name: value for name, value in own.items() if name not in (*names, *_MADE_AGAIN)}
    methods: dict[str, Any] = {}
    if repr:
        methods["__repr__"] = _repr([n for n in names if n not in fields or fields[n].repr])
    if eq:
        values = _values([n for n in names if n not in fields or fields[n].compare])
        methods |= {"__eq__": _eq(values), "__hash__": _hash(values) if frozen else None}
    if frozen:
        methods |= {"__getstate__": _getstate, "__setstate__": _setstate}
        body |= {"__setattr__": _setattr, "__delattr__": _delattr}
    made = type(
        cls.__name__,
        (),
        {"__match_args__": names, "__slots__": names, "__replace__": _replaced, **methods, **body,
         "__qualname__": cls.__qualname__},
    )  # fmt: skip
    shadow = _Shadow(cls, names, given)
    for name, make in (
        ("__init__", lambda: _init(made, dataclasses.fields(made), frozen=frozen)),
        ("__dataclass_fields__", shadow.fields),
        ("__dataclass_params__", shadow.params),
    ):
        if name not in own:
            setattr(made, name, _AtFirstUse(made, name, make))
    return made


class _AtFirstUse:
    """An attribute of a class that is made when it is first asked for."""

    __slots__ = ("_make", "_name", "_owner")

    def __init__(self, owner: type, name: str, make: Callable[[], Any]) -> None:
        self._owner, self._name, self._make = owner, name, make

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        value = self._make()
        setattr(self._owner, self._name, value)
        get = getattr(type(value), "__get__", None)
        return value if get is None else get(value, instance, owner)


class _Shadow:
    """What the standard decorator makes of the same fields."""

    __slots__ = ("_body", "_name")

    def __init__(self, cls: type, names: tuple[str, ...], given: dict[str, Any]) -> None:
        self._name = cls.__name__
        own = cls.__dict__
        kinds = {name: own["__annotations__"][name] for name in names}
        self._body = {
            "__annotations__": kinds, "__module__": cls.__module__, "__doc__": cls.__doc__ or "",
            **given,
        }  # fmt: skip

    def fields(self) -> Any:
        return self._made().__dataclass_fields__

    def params(self) -> Any:
        return self._made().__dataclass_params__

    def _made(self) -> Any:
        try:
            shadow = type(self._name, (), dict(self._body))
        except RuntimeError as error:
            # What Python makes of an interrupt that comes while it tells fields their names.
            if error.__cause__ is None or isinstance(error.__cause__, Exception):
                raise
            raise error.__cause__ from None
        return dataclasses.dataclass(init=False, repr=False, eq=False)(shadow)


def _is_field(value: object) -> TypeGuard[dataclasses.Field[Any]]:
    return isinstance(value, dataclasses.Field)


def _replaced(self: Any, /, **changes: Any) -> Any:
    return dataclasses.replace(self, **changes)


def _is_plain(cls: type) -> bool:
    own = cls.__dict__
    kinds: dict[str, object] = own.get("__annotations__", {})
    return (
        cls.__bases__ == (object,)
        and type(cls) is type
        and "__post_init__" not in own
        and bool(kinds)
        and all(isinstance(kind, str) and not _SPECIAL.search(kind) for kind in kinds.values())
        and not any(
            _is_field(value)
            and not (value.init and value.hash is None and value.kw_only is dataclasses.MISSING)
            for value in own.values()
        )
    )


def _init(
    cls: type, fields: tuple[dataclasses.Field[Any], ...], *, frozen: bool
) -> Callable[..., None]:
    """The constructor, which sets each slot by its descriptor where attributes cannot be set."""
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
        lines.append(f"    _set_{name}(self, {value})" if frozen else f"    self.{name} = {value}")
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
