"""A pickler that carries the user's own code by value, and notes what else a pickle imports."""

from __future__ import annotations

import copyreg
import functools
import io
import sys
import types
from pickle import whichmodule  # type: ignore[attr-defined]
from typing import Any

import cloudpickle
import numpy as np
from cloudpickle import cloudpickle as _cloudpickle

from autotrack.crates.packing.functions import imported
from autotrack.crates.requirements import USUAL, ProjectCode
from autotrack.describe.origins import is_installed
from autotrack.describe.parts import held_by
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patching import unwrapped

PROTOCOL = 5
_CACHE_INFO = functools._CacheInfo
_REDUCERS = cloudpickle.Pickler._dispatch_table


# Kinds of NumPy's whose objects have no attributes of their own, and the modules they are said to
# be of. Whatever pickle does with one, it does with all.
_HOMES = {
    kind: kind.__module__ for kind in (np.ndarray, *{type(np.dtype(c)) for c in "?bhilqBHILQefdgO"})
}
# What is pickled by its name, where that leads to it.
_NAMED = (type, types.FunctionType)


class CratePickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles the user's own code by value, and notes every module the load will import.

    `reducer_override` sees every class, function, module and instance the stream will name, since
    only plain containers, numbers and texts are written without asking it.
    """

    def __init__(self, file: io.RawIOBase, own: ProjectCode) -> None:
        super().__init__(file, protocol=PROTOCOL)
        self._own = own
        self.modules: set[str] = set()
        #: The user's own classes and functions, by module and name.
        self.by_value: dict[str, type | types.FunctionType] = {}
        #: The classes of all objects, and all functions.
        self.kinds: set[type | types.FunctionType] = set()
        self._has_own = False

    @property
    def dispatch_table(self) -> dict[type, Any]:
        """What cloudpickle and `copyreg` say of classes, as a dict.

        Pickle asks it for each object, which takes a while of cloudpickle's own chain of mappings.
        """
        return {**copyreg.dispatch_table, **_REDUCERS}

    @property
    def is_installed(self) -> bool:
        """Whether all that was pickled is of installed packages."""
        return not self._has_own and all(map(is_installed, self.modules))

    def reducer_override(self, obj: Any) -> Any:
        """How to pickle an object; pickle asks for each that is no plain container or value."""
        kind = type(obj)
        home = _HOMES.get(kind)
        if home is not None:  # most of what models learn
            self.kinds.add(kind)
            self.modules.add(home)
            return NotImplemented
        before = unwrapped(obj)
        if before is not obj and not isinstance(before, types.FunctionType):
            return before.__reduce_ex__(PROTOCOL)
        obj = before
        if isinstance(obj, _ModulePart):
            return _cloudpickle.dynamic_subimport, (obj.module.__name__, obj.content())
        if isinstance(obj, types.ModuleType):
            self.modules.add(obj.__name__)
        elif isinstance(obj, _NAMED):
            # A function made by exec may come from nowhere: it goes by value as well.
            home = str(getattr(obj, "__module__", None) or "__main__")
            if self._own.holds(home):
                owner = obj.__qualname__.rpartition(".")[0]
                if isinstance(obj, type) or owner == "" or owner.endswith("<locals>"):
                    # Methods go unsaid.
                    self.by_value.setdefault(f"{home}.{obj.__qualname__}", obj)
                return self._reduce_by_value(obj)
            self.modules.add(home)
            if not isinstance(obj, type):
                self.kinds.add(obj)
            if _is_found_by_name(obj, home):
                return NotImplemented
        elif isinstance(obj, functools._lru_cache_wrapper) and self._own.holds(_module_of(obj)):
            # It names its place and no more: elsewhere it is the same function and a new cache.
            self._has_own = True
            options = obj.cache_parameters()
            made_of = (obj.__wrapped__, options["maxsize"], options["typed"], _CACHE_INFO)
            return type(obj), made_of, vars(obj)
        else:
            self.kinds.add(kind)
            self.modules.add(_module_of(obj))
            return NotImplemented  # cloudpickle says so of all but classes and functions
        return super().reducer_override(obj)

    def _reduce_by_value(self, obj: Any) -> Any:
        self.modules.add("cloudpickle")
        self._has_own = True
        if isinstance(obj, type):
            # An enum or a typed tuple has a reduction of its own there.
            reduced = _cloudpickle._class_reduce(obj)
            return _cloudpickle._dynamic_class_reduce(obj) if reduced is NotImplemented else reduced
        reduced = self._dynamic_function_reduce(obj)
        _carry_modules(obj.__code__, reduced[2][1], self._own)
        self.modules.update(name for name in imported(obj.__code__) if not self._own.holds(name))
        return reduced


def _is_found_by_name(obj: Any, home: str) -> bool:
    """Whether cloudpickle would find that a class or function is what a module has by its name.

    It does find that, of more than what is found here, in several times the time.
    """
    found = getattr(sys.modules.get(home), obj.__qualname__, None)
    return found is obj and not getattr(_cloudpickle, "_PICKLE_BY_VALUE_MODULES", True)


@dataclass(frozen=True, slots=True)
class _ModulePart:
    """What a function uses of a module of the user's own, which is not there elsewhere."""

    module: types.ModuleType
    names: frozenset[str]
    own: ProjectCode
    within: frozenset[str] = frozenset()

    def content(self) -> dict[str, Any]:
        """The used names with their values."""
        within = self.within | {self.module.__name__}
        used = {name: vars(self.module)[name] for name in self.names & vars(self.module).keys()}
        return {
            name: _ModulePart(value, self.names, self.own, within)
            if _is_project_module(value, self.own)
            else value
            for name, value in sorted(used.items())
            if getattr(value, "__name__", None) not in within  # modules that import each other
        }


def _carry_modules(code: types.CodeType, state: dict[str, Any], own: ProjectCode) -> None:
    """Replace the user's own modules among a function's globals by what it uses of them."""
    names = frozenset(_names(code))
    held = state["__globals__"]
    for name in [name for name, value in held.items() if _is_project_module(value, own)]:
        held[name] = _ModulePart(held[name], names, own)
    submodules = state["_cloudpickle_submodules"]
    submodules[:] = [module for module in submodules if not _is_project_module(module, own)]


def _is_project_module(value: object, own: ProjectCode) -> bool:
    return isinstance(value, types.ModuleType) and own.holds(value.__name__)


def _names(code: types.CodeType) -> set[str]:
    inner = (const for const in code.co_consts if isinstance(const, types.CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _module_of(obj: Any) -> str:
    module = getattr(obj, "__module__", None)
    if isinstance(module, str):
        return module
    # NumPy's ufuncs and other callables written in C do not know where they live.
    name = getattr(obj, "__name__", None) if callable(obj) else None
    return str(whichmodule(obj, name)) if name else type(obj).__module__


class Nowhere(io.RawIOBase):
    """A file that keeps nothing of what is written to it."""

    def write(self, chunk: Any, /) -> int:
        """Say that it was written."""
        return len(chunk)


def culprit(model: object, deepest: int = 6) -> str | None:
    """The path of the innermost attribute of `model` that cannot be pickled, or None."""
    path, here = type(model).__name__, model
    for _ in range(deepest):
        for step, part in _parts(here):
            if not _pickles(part):
                path, here = path + step, part
                break
        else:
            break
    return path if here is not model else None


def _parts(value: object) -> list[tuple[str, object]]:
    if isinstance(value, dict):
        return [(f"[{key!r}]", part) for key, part in value.items()]
    if isinstance(value, list | tuple | set | frozenset):
        return [(f"[{index}]", part) for index, part in enumerate(value)]
    return [(f".{name}", part) for name, part in held_by(value).items()]


def _pickles(value: object) -> bool:
    try:
        CratePickler(Nowhere(), USUAL).dump(value)
    except Exception:  # noqa: BLE001 - a foreign __reduce__ may do anything
        return False
    return True
