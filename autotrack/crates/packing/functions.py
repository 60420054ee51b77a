"""A function, cut loose: with builtins, importable modules and the objects it was given, no more.

The idea is that of R's carrier: what a function uses must be said, so nothing comes along unseen
and nothing is missing elsewhere.
"""

from __future__ import annotations

import builtins
import dis
import functools
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any

from autotrack.crates.requirements import USUAL, ProjectCode
from autotrack.errors import FreeNameError, InvalidValueError
from autotrack.runtime.dataclass import dataclass

_LOADS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
# What every module has, and code may ask for.
_OF_ITSELF = frozenset({"__name__", "__builtins__"})
_NOTHING = object()


@dataclass(frozen=True, slots=True, eq=False)
class Isolated:
    """A function and the objects it was given.

    Attributes
    ----------
    function : callable
        It sees its objects, builtins and modules.
    objects : mapping
        By name, functions among them cut as well.
    modules : frozenset of str
        What it and its functions import, or know under a name.
    """

    function: Callable[..., Any]
    objects: Mapping[str, Any]
    modules: frozenset[str]

    @property
    def name(self) -> str:
        """Module and name of the function."""
        function: Any = self.function
        while isinstance(function, functools.partial):
            function = function.func
        return f"{function.__module__}.{function.__qualname__}"


@dataclass(frozen=True, slots=True)
class _Use:
    """A name that code looks up outside of itself: on which line, and what is found there now."""

    name: str
    line: int | None
    function: FunctionType
    in_cell: bool
    value: Any

    def __str__(self) -> str:
        what = ", a variable around it" if self.in_cell else ""
        file = Path(self.function.__code__.co_filename).name
        return f"{self.name!r} ({file}, line {self.line}{what})"


def isolate(
    function: Callable[..., Any], objects: Mapping[str, Any], own: ProjectCode = USUAL
) -> Isolated:
    """Cut `function` loose from where it was defined.

    Parameters
    ----------
    function : callable
        A function, or a ``functools.partial`` of one. One that an installed distribution holds is
        left as it is.
    objects : mapping
        What it may use, by name. Functions in it are cut as well, and see the same objects.
    own : ProjectCode, optional
        Whose functions are cut.

    Returns
    -------
    Isolated
        The rebuilt function. The given ones are not changed.

    Raises
    ------
    FreeNameError
        If it uses a name that is neither a builtin, nor a module, nor among `objects`; the message
        has every such name with its line.
    InvalidValueError
        If it is no function, or an object is used by nobody.
    """
    cut = _Cut(objects, own)
    rebuilt = cut.rebuilt(function)
    given = {name: cut.cut(value) for name, value in objects.items()}
    if cut.free:
        raise FreeNameError(_told(function, cut.free), sorted({use.name for use in cut.free}))
    unused = [name for name in objects if name not in cut.used]
    if unused:
        raise InvalidValueError(
            f"{_name_of(function)} was given {', '.join(unused)}, which neither it nor a function "
            "it was given uses; leave that out, or check how it is spelled"
        )
    cut.give(given)
    return Isolated(rebuilt, given, frozenset(cut.modules))


def _name_of(function: object) -> str:
    return str(getattr(function, "__qualname__", None) or type(function).__name__)


def _told(function: object, free: list[_Use]) -> str:
    first = {use.name: use for use in reversed(free)}
    names = sorted(first, key=lambda name: (first[name].line or 0, name))
    given = ", ".join(f"{name}={name}" for name in names)
    uses = ", ".join(str(first[name]) for name in names)
    return (
        f"{_name_of(function)} uses what it was not given: {uses}. Pass it by name, as in "
        f"autotrack.crate(..., {given}); modules and builtins need not be passed"
    )


class _Cut:
    """Rebuilds functions that are given the same objects."""

    def __init__(self, objects: Mapping[str, Any], own: ProjectCode) -> None:
        self._objects = objects
        self._own = own
        #: What they import, or know under a name.
        self.modules: set[str] = set()
        #: The objects that any of them uses.
        self.used: set[str] = set()
        #: Uses of what they were not given.
        self.free: list[_Use] = []
        self._done: dict[int, FunctionType] = {}

    def cut(self, value: Any) -> Any:
        """The value; a function of the user's own as :meth:`rebuilt` makes it."""
        inner = value
        while isinstance(inner, functools.partial):
            inner = inner.func
        return self.rebuilt(value) if self._is_own_function(inner) else value

    def _is_own_function(self, value: object) -> bool:
        home = str(getattr(value, "__module__", None) or "__main__")
        return isinstance(value, FunctionType) and self._own.holds(home)

    def rebuilt(self, function: Any) -> Any:
        """The function, with what it may see and nothing else."""
        if isinstance(function, functools.partial):
            inner = self.rebuilt(function.func)
            keywords = {name: self.cut(value) for name, value in function.keywords.items()}
            return functools.partial(inner, *map(self.cut, function.args), **keywords)
        if self._is_own_function(function):
            if id(function) not in self._done:
                self._done[id(function)] = self._rebuild(function)
            return self._done[id(function)]
        # A bound method, or an object that can be called, would bring along what nobody named.
        if isinstance(function, FunctionType | BuiltinFunctionType):
            self.modules.add(str(function.__module__))
            return function
        raise InvalidValueError(
            f"{function!r:.80} is not a plain function (def or lambda); write one around it, and "
            "pass what it uses by name: autotrack.crate(lambda X: thing(X), thing=thing)"
        )

    def _rebuild(self, function: FunctionType) -> FunctionType:
        code, scope = function.__code__, {"__builtins__": builtins, "__name__": function.__module__}
        rebuilt = FunctionType(
            code,
            scope,
            function.__name__,
            None if function.__defaults__ is None else tuple(map(self.cut, function.__defaults__)),
            tuple(CellType() for _ in code.co_freevars) or None,
        )
        if function.__kwdefaults__ is not None:
            only_by_name = function.__kwdefaults__.items()
            rebuilt.__kwdefaults__ = {name: self.cut(value) for name, value in only_by_name}
        rebuilt.__qualname__, rebuilt.__doc__ = function.__qualname__, function.__doc__
        rebuilt.__module__ = function.__module__
        for use in self._missing(function):
            value = use.value
            if value is function:  # it calls itself
                _put(rebuilt, use.name, rebuilt)
            elif isinstance(value, ModuleType) and _is_importable(value):
                self.modules.add(value.__name__)
                _put(rebuilt, use.name, value)
            else:
                self.free.append(use)
        self.modules.update(imported(code))
        return rebuilt

    def _missing(self, function: FunctionType) -> Iterator[_Use]:
        """What `function` uses that is neither a builtin nor one of the objects."""
        made = {name for code in _codes(function.__code__) for name in _stored(code)}
        for use in _uses(function):
            if use.name in self._objects:
                self.used.add(use.name)
            elif use.in_cell or not (use.name in made or use.name in _OF_ITSELF):
                standard = getattr(builtins, use.name, _NOTHING)
                hidden = use.value is not standard and use.value is not _NOTHING
                if use.in_cell or standard is _NOTHING or hidden:
                    yield use

    def give(self, objects: Mapping[str, Any]) -> None:
        """Let the rebuilt functions see the objects that they use."""
        for function in self._done.values():
            for use in _uses(function):
                if use.name in objects:
                    _put(function, use.name, objects[use.name])


def _put(function: FunctionType, name: str, value: Any) -> None:
    """Let `function` find `value` under a name, be it a global or of a cell."""
    if name in function.__code__.co_freevars:
        assert function.__closure__ is not None
        function.__closure__[function.__code__.co_freevars.index(name)].cell_contents = value
    else:
        function.__globals__[name] = value


def _is_importable(module: ModuleType) -> bool:
    """Whether other processes find `module`, or it can be carried along."""
    if module.__name__ == "__main__":
        return False
    try:
        return importlib.util.find_spec(module.__name__) is not None
    except (ImportError, ValueError, AttributeError):
        return False


# -- what code says -------------------------------------------------------------------------------


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function, and of what is defined inside of it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _uses(function: FunctionType) -> Iterator[_Use]:
    """Every name that is looked up outside of `function`: globals, and its own cells."""
    cells = frozenset(function.__code__.co_freevars)
    for code in _codes(function.__code__):
        local = {step.argval for step in dis.get_instructions(code) if step.opname == "STORE_NAME"}
        # A cell of its own may have the name of one of the function's.
        outer = cells & frozenset(code.co_freevars)
        for step in dis.get_instructions(code):
            line = step.positions.lineno if step.positions is not None else None
            if step.opname in _LOADS and step.argval not in local:
                value = function.__globals__.get(step.argval, _NOTHING)
                yield _Use(step.argval, line, function, False, value)
            elif step.argval in outer and "DEREF" in step.opname:
                yield _Use(step.argval, line, function, True, _content(function, step.argval))


def _content(function: FunctionType, name: str) -> Any:
    assert function.__closure__ is not None
    cell = function.__closure__[function.__code__.co_freevars.index(name)]
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return _NOTHING


def _stored(code: CodeType) -> Iterator[str]:
    """The globals that code itself sets."""
    return (step.argval for step in dis.get_instructions(code) if step.opname == "STORE_GLOBAL")


@functools.lru_cache(maxsize=1000)  # a class is packed with every fit of a model of it
def imported(code: CodeType) -> frozenset[str]:
    """The modules that code imports when it runs, and what is defined inside of it."""
    steps = (step for inner in _codes(code) for step in dis.get_instructions(inner))
    return frozenset(step.argval for step in steps if step.opname == "IMPORT_NAME")
