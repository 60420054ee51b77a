"""Any Python value by what it holds: data, objects, functions and classes with all they use.

Two values have one digest if nothing tells them apart but where they lie in memory: arrays, frames
and containers by their values in their order, sets whatever theirs, objects by their attributes,
and the user's own functions and classes by their code (`autotrack.describe.code`) with everything
that code reads, transitively: globals, closures, defaults, attributes of modules, base classes.
What is installed counts by its name here; `Content.packages` says whose versions belong to it.
The digest is the same in every process.

    >>> digest([1, 2]) == digest([1, 2])
    True
"""

from __future__ import annotations

import array
import contextlib
import enum
import functools
import os
import random
import re
import sys
import threading
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from autotrack.describe.code import Import, Read, read_code
from autotrack.describe.constructor import own_params
from autotrack.describe.containers import open_content
from autotrack.describe.digest import Sink, add_array, add_cells, note
from autotrack.describe.origins import is_installed, top_of
from autotrack.patching import unwrapped

__all__ = ["Content", "Undigestible", "digest"]

#: So many objects are looked at; it takes about two seconds.
MOST = 500_000
# Of an integer that is noted in decimal.
_MOST_BITS = 10_000
_DEEPEST = 100
# More items than this are digested together where their kinds allow for it.
_FEW = 8
_ROWS = frozenset({list, tuple})

_PLAIN = frozenset(
    {type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented)}
)
# Kinds of cells that `digest.add_cells` tells apart by their values.
_CELLS = _PLAIN - {type(Ellipsis), type(NotImplemented)}
_BUILTIN = types.BuiltinFunctionType, types.MethodWrapperType
_DESCRIPTORS = (
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)
# What holds nothing that a computation depends on.
_EMPTY = frozenset(
    {
        "_thread.lock",
        "_thread.RLock",
        "logging.Logger",
        "logging.RootLogger",
        "weakref.WeakKeyDictionary",
        "weakref.WeakValueDictionary",
        "_weakrefset.WeakSet",
        "_abc._abc_data",
    }
)
# Of a class: where it stands, and what Python makes of the rest of it.
_OF_CLASS = frozenset(
    "__dict__ __weakref__ __doc__ __module__ __qualname__ __firstlineno__ __static_attributes__ "
    "__annotations__ __annotate__ __annotate_func__ __annotations_cache__ __abstractmethods__ "
    "_abc_impl __parameters__ __orig_bases__ __match_args__ __slotnames__".split()
)
_OF_TEXT = frozenset({"__doc__", "__annotations__"})
_OF_MODULE = frozenset(
    "__name__ __doc__ __package__ __loader__ __spec__ __file__ __cached__ __builtins__ __path__ "
    "__annotations__".split()
)
# Instructions of a call that say nothing of its arguments.
_BETWEEN = frozenset({"PRECALL", "PUSH_NULL", "TO_BOOL"})


class Undigestible(Exception):  # noqa: N818 - an answer, which every caller has to expect
    """A value holds something whose content cannot be told.

    Attributes
    ----------
    path : str
        Where it is, such as ``estimator.func``; empty for the value itself.
    reason : str
        What it is: ``a generator``.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{reason} ({path})" if path else reason)
        self.path = path
        self.reason = reason


def digest(value: object, *, most: int = MOST) -> str:
    """Digest a value by what it holds.

    Parameters
    ----------
    value : object
        Anything. It is not changed, and no code of its own is run but ``__reduce__`` and
        ``__getstate__``.
    most : int
        So many objects are looked at before it is given up.

    Returns
    -------
    str
        32 hexadecimal digits.

    Raises
    ------
    Undigestible
        If it holds what has no content (a generator, a file, a connection), or too much.
    """
    content = Content(most=most)
    content.add(value)
    return content.hexdigest()


class Content:
    """A digest of several values, and what came to light on the way.

    Attributes
    ----------
    packages : set of str
        The top-level modules of what is installed that the values use.
    generators : list
        The random generators among the values.
    """

    def __init__(self, *, most: int = MOST) -> None:
        self.packages: set[str] = set()
        self.generators: list[Any] = []
        self._sink = Sink()
        self._most = most
        self._path: list[str] = []
        # By id, in the order they were met; what is alive keeps its id.
        self._numbers: dict[int, int] = {}
        self._alive: list[object] = []
        self._files: set[str] = set()
        # Code is followed when all else is done: chains of calls are longer than the stack.
        self._later: deque[tuple[str, Callable[[], None]]] = deque()

    def hexdigest(self) -> str:
        """The digest of all that was added."""
        return self._sink.hexdigest()

    def add(self, value: object, name: str = "", *, cloned: bool = False) -> None:
        """Add a value.

        Parameters
        ----------
        value : object
        name : str
            What it is called where it cannot be digested.
        cloned : bool
            Whether it is only ever used after ``sklearn.base.clone``: what an estimator learned
            does not count then.
        """
        try:
            self._under(name, value, cloned)
            self._follow()
        except RecursionError:
            raise self._undigestible("what is nested that deep") from None
        finally:
            self._path = []

    def _follow(self) -> None:
        """Add the bodies of the functions, classes and modules that were met."""
        while self._later:
            path, work = self._later.popleft()
            self._path = [path]
            try:
                work()
            except (Undigestible, RecursionError):
                raise
            except Exception as error:
                said = f"what raised {type(error).__name__} when it was looked at"
                raise self._undigestible(said) from error

    # -- one value after another ---------------------------------------------------------------

    def _under(self, label: str, value: Any, cloned: bool = False) -> None:
        if type(value) in _PLAIN:
            # With more digits Python does not write it.
            huge = type(value) is int and value.bit_length() > _MOST_BITS
            note(self._sink, type(value).__name__, hex(value) if huge else value)
            return
        self._path.append(label)
        self._add(value, cloned)
        self._path.pop()

    def _undigestible(self, reason: str) -> Undigestible:
        return Undigestible("".join(self._path).lstrip("."), reason)

    def _note(self, *facts: object) -> None:
        note(self._sink, *facts)

    def _add(self, value: Any, cloned: bool) -> None:
        if type(value) is types.FunctionType:
            value = unwrapped(value)
        kind = type(value)
        if kind in _PLAIN:
            self._note(kind.__name__, value)
        elif kind is tuple:
            # By value: which equal ones are one and the same depends on how they were compiled.
            self._sequence(value, cloned)
        elif isinstance(value, np.generic) and not isinstance(value, np.object_):
            add_array(self._sink, np.array(value))
        elif not self._is_known(value):
            if len(self._path) > _DEEPEST:
                raise self._undigestible("what is nested that deep")
            try:
                self._look_into(value, kind, cloned)
            except (Undigestible, RecursionError):
                raise
            except Exception as error:
                raise self._undigestible(_article(kind)) from error

    def _is_known(self, value: object) -> bool:
        number = self._numbers.get(id(value))
        if number is not None:
            self._note("again", number)
            return True
        self._numbers[id(value)] = len(self._numbers)
        self._alive.append(value)
        if len(self._alive) > self._most:
            raise self._undigestible(f"what holds more than {self._most} objects")
        return False

    def _look_into(self, value: Any, kind: type, cloned: bool) -> None:
        if isinstance(value, type):
            self._class(value)
        elif kind is types.FunctionType:
            self._function(value)
        elif _is_public(value, kind):
            self._touch(value.__module__)
            self._note("installed", value.__module__, value.__qualname__)
        elif kind is types.ModuleType or isinstance(value, types.ModuleType):
            self._module(value)
        elif (handler := _HANDLERS.get(kind)) is not None:
            handler(self, value, cloned)
        elif isinstance(value, _BUILTIN):
            self._builtin(value)
        elif isinstance(value, _DESCRIPTORS):
            owner = value.__objclass__
            self._note("descriptor", value.__name__)
            self._under(f" of {owner.__qualname__}", owner)
        elif not self._data(value):
            self._object(value, kind, cloned)

    def _name_of(self, kind: type) -> str:
        return f"{kind.__module__}.{kind.__qualname__}"

    # -- containers ----------------------------------------------------------------------------

    def _sequence(self, value: Any, cloned: bool) -> None:
        self._note(type(value).__name__, len(value))
        self._items(value, cloned)

    def _items(self, value: Any, cloned: bool) -> None:
        if len(value) > _FEW and _are_plain(value):
            add_cells(self._sink, value)
            return
        for number, item in enumerate(value):
            self._under(f"[{number}]", item, cloned)

    def _mapping(self, value: Any, cloned: bool) -> None:
        self._note(type(value).__name__, len(value))
        for key, item in list(value.items()):
            label = f"[{key!r}]" if isinstance(key, str | int) else "[...]"
            self._under(label, key)
            self._under(label, item, cloned)

    def _set(self, value: Any, cloned: bool) -> None:
        self._note(type(value).__name__, len(value))
        for found in sorted(self._apart("{...}", item, cloned) for item in value):
            self._sink.update(found)

    def _apart(self, label: str, value: Any, cloned: bool) -> bytes:
        """The digest of an element of what has no order."""
        part = Content(most=self._most)
        part._path = [*self._path, label]
        part._numbers, part._alive = dict(self._numbers), list(self._alive)
        part._files = set(self._files)
        part._add(value, cloned)
        part._follow()
        self.packages |= part.packages
        self.generators += part.generators
        return part._sink.digest()

    def _data(self, value: Any) -> bool:
        """Add arrays, frames and sparse matrices; whether it was one."""
        if isinstance(value, np.ndarray):
            self._array(value)
            return True
        if isinstance(value, list | tuple | deque):
            return False
        if not is_installed(type(value).__module__):
            return False  # a class of the user's may make an array of itself, and hold more
        content = open_content(value)
        if content is None:
            return False
        self._note(self._name_of(type(value)))
        self._touch(type(value).__module__)
        content.feed(self._sink)
        if hasattr(value, "iloc"):  # what scikit-learn does not look at, but the user's code may
            held: Any = value
            self._under(".index", held.index.to_numpy())
            self._under(".attrs", held.attrs)
        for label, cells in _object_columns(value):
            self._under(label, cells)
        return True

    def _array(self, value: Any) -> None:
        self._note(self._name_of(type(value)))
        plain = np.asarray(value)
        if not plain.dtype.hasobject:
            add_array(self._sink, plain)
            if isinstance(value, np.ma.MaskedArray):
                self._under(".mask", np.ma.getmaskarray(value))
            return
        self._note(str(plain.dtype), plain.shape)
        self._items(plain.ravel().tolist(), cloned=False)

    # -- code ----------------------------------------------------------------------------------

    def _touch(self, module: str | None) -> None:
        top = top_of(module)
        if top:
            self.packages.add(top)

    def _function(self, function: Any) -> None:
        home = function.__globals__.get("__name__")
        if is_installed(home):
            self._touch(home)
            self._touch(function.__module__)
            self._note("installed function", function.__module__, function.__qualname__)
            if is_installed(function.__module__) and _is_found_by_name(function):
                return
        else:
            self._note("function", function.__name__)
        label = f"{''.join(self._path)}"
        self._later.append((label, lambda: self._function_body(function, not is_installed(home))))

    def _function_body(self, function: Any, is_own: bool) -> None:
        self._path = [_named(function)]
        self._under(" (defaults)", function.__defaults__)
        self._under(" (defaults)", function.__kwdefaults__)
        held = {k: v for k, v in vars(function).items() if k != "__wrapped__"}
        self._attributes(held)
        code = function.__code__
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
            try:
                inside = cell.cell_contents
            except ValueError:  # not assigned yet
                self._note("empty cell", name)
                continue
            self._under(f", which uses {name}", inside)
        if is_own:
            self._code(code, function.__globals__)

    def _code(self, code: types.CodeType, scope: Mapping[str, Any]) -> None:
        known = read_code(code)
        self._sink.update(known.digest)
        seen = set()
        for read in known.reads:
            if read not in seen:
                seen.add(read)
                self._read(read, scope)
        for wanted in known.imports:
            self._import(wanted, scope)
        names = {read.names[0] for read in known.reads} | {
            name for read in known.reads for name in read.names[1:]
        }
        if names & {"eval", "exec", "globals"}:
            self._namespace(scope)
        if names & {"__import__", "import_module"}:
            self._import_by_text(known.texts)

    def _read(self, read: Read, scope: Mapping[str, Any]) -> None:
        name, *attributes = read.names
        if name in scope:
            value = scope[name]
        else:
            builtins = scope.get("__builtins__", {})
            held: Mapping[str, Any] = builtins if isinstance(builtins, dict) else vars(builtins)
            self._note("builtin" if name in held else "missing", name)
            return
        path = name
        while isinstance(value, types.ModuleType) and attributes:
            attribute = attributes.pop(0)
            path += f".{attribute}"
            self._note(path)
            if value is os and attribute in ("environ", "getenv", "environb"):
                self._environment([attribute, *attributes], read, scope)
                return
            owner, value = value, _static(value, attribute, self)
            if value is _MISSING:
                self._note("missing")
                return
            if is_installed(owner.__name__) and not isinstance(value, types.ModuleType):
                self._touch(owner.__name__)
                is_told = callable(value) or type(value) in _PLAIN or value is sys.argv
                if not is_told:
                    return  # a table of that package's, such as its options
        if value is os.environ or value is os.getenv:
            found = ["environ" if value is os.environ else "getenv", *attributes]
            self._environment(found, read, scope)
            return
        self._under(f", which uses {path}", value)

    def _environment(self, names: list[str], read: Read, scope: Mapping[str, Any]) -> None:
        """Add the variables that are read; those whose names are not written down cannot be."""
        steps = [step for step in read.further if step[0] not in _BETWEEN]
        operations = [step[0] for step in steps] + [""] * 3
        if names == ["environ"] and operations[0] == "CONTAINS_OP":
            key = read.before[1] if read.before[0] == "LOAD_CONST" else None
            present: Any = isinstance(key, str) and key in os.environ
        else:
            key = steps[0][1] if steps else None
            if operations[0] == "LOAD_GLOBAL":
                key = scope.get(str(key))
            elif operations[0] != "LOAD_CONST":
                key = None
            present = os.environ.get(key) if isinstance(key, str) else None
        if not isinstance(key, str):
            raise self._undigestible("an environment variable whose name is not written there")
        if names == ["environ"] and operations[1] == "STORE_SUBSCR":
            return
        if names in (["environ", "get"], ["getenv"]):
            if operations[2].startswith("POP_JUMP"):
                return  # it is only asked whether it is set: a switch, of a debugger perhaps
            if present is None and operations[1] == "LOAD_CONST":
                present = steps[1][1]
        self._note("variable", key, present)

    # -- modules -------------------------------------------------------------------------------

    def _module(self, module: types.ModuleType) -> None:
        name = module.__name__
        if is_installed(name):
            self._touch(name)
            self._note("installed module", name)
            return
        self._note("module", name)
        scope = vars(module)
        self._later.append((f"module {name}", lambda: self._namespace(scope)))

    def _namespace(self, scope: Mapping[str, Any]) -> None:
        """Add everything in a module: code finds it there by names that are not written down."""
        if self._is_known(scope):
            return
        held = {
            name: value
            for name, value in scope.items()
            if name not in _OF_MODULE and not (name.startswith("_") and name[1:].isdigit())
        }
        self._path = [f"module {scope.get('__name__')}"]
        self._attributes(held)

    def _import(self, wanted: Import, scope: Mapping[str, Any]) -> None:
        name = wanted.module
        if wanted.level:
            package = str(scope.get("__package__") or scope.get("__name__") or "")
            parts = package.split(".")
            base = ".".join(parts[: len(parts) - wanted.level + 1])
            name = f"{base}.{name}" if name else base
        self._note("import", name)
        if is_installed(name):
            self._touch(name)
            return
        module = sys.modules.get(name)
        if module is None:
            self._unloaded(name)
        elif wanted.names is None:
            self._under(f", which imports {name}", module)
            if "." in name and not wanted.level:
                self._import(Import(top := name.partition(".")[0], 0, None), {"__name__": top})
        else:
            for attribute in wanted.names:
                if attribute == "*":
                    self._under(f", which imports {name}", module)
                elif attribute in vars(module):
                    self._under(f", which imports {name}.{attribute}", vars(module)[attribute])
                else:
                    self._unloaded(f"{name}.{attribute}")

    def _import_by_text(self, texts: frozenset[str]) -> None:
        found = [text for text in sorted(texts) if text in sys.modules or _spec(text) is not None]
        if not found:
            raise self._undigestible("a module that is imported by a name not written there")
        for text in found:
            self._import(Import(text, 0, None), {})

    def _unloaded(self, name: str) -> None:
        """Add a module of the user's that is not imported yet, by its file."""
        spec = _spec(name)
        if spec is None or spec.origin is None:
            self._note("no module", name)
            return
        if is_installed(name, spec.origin):
            self._touch(name)
            return
        if not spec.origin.endswith(".py"):
            self._sink.update(_file_digest(spec.origin))
            return
        if name in self._files:
            return
        self._files.add(name)
        code = compile(Path(spec.origin).read_bytes(), spec.origin, "exec", dont_inherit=True)
        known = read_code(code)
        self._sink.update(known.digest)
        package = name if spec.submodule_search_locations else name.rpartition(".")[0]
        for wanted in known.imports:
            self._import(wanted, {"__package__": package})

    # -- classes -------------------------------------------------------------------------------

    def _class(self, cls: type) -> None:
        if is_installed(cls.__module__) and _is_found_by_name(cls):
            self._installed_class(cls)
            return
        self._note("class", cls.__name__)
        self._later.append(("", lambda: self._class_body(cls)))

    def _installed_class(self, cls: type) -> None:
        self._note("installed class", cls.__module__, cls.__qualname__)
        for owner in cls.__mro__:
            if owner is object:
                continue
            self._touch(owner.__module__)
            for name, value in list(vars(owner).items()):
                # A method that the user put there in place of the package's own.
                if isinstance(value, types.FunctionType):
                    plain = unwrapped(value)
                    home = getattr(plain, "__globals__", {}).get("__name__")
                    if not is_installed(home) and _is_written(plain):
                        self._note(name)
                        self._under(f"{owner.__qualname__}.{name}", plain)

    def _class_body(self, cls: type) -> None:
        self._path = [f"class {cls.__qualname__}"]
        self._under(" (metaclass)", type(cls))
        for base in cls.__bases__:
            self._under(f" (base {base.__qualname__})", base)
        held = {k: unwrapped(v) for k, v in vars(cls).items() if k not in _OF_CLASS}
        if is_installed(cls.__module__) or _is_compiled(cls.__module__):
            self._module_file(cls.__module__)
        self._attributes(held)

    def _module_file(self, name: str | None) -> None:
        file = getattr(sys.modules.get(name or ""), "__file__", None)
        if file and not is_installed(name):
            self._sink.update(_file_digest(file))

    def _builtin(self, value: Any) -> None:
        owner = getattr(value, "__self__", None)
        name = value.__name__
        self._note("builtin", name)
        if owner is None or isinstance(owner, types.ModuleType):
            module = getattr(value, "__module__", None) or getattr(owner, "__name__", None)
            self._note(module)
            self._touch(module)
            if module and not is_installed(module):
                self._module_file(module)
        else:
            self._under(f" (of {name})", owner)

    # -- objects -------------------------------------------------------------------------------

    def _object(self, value: Any, kind: type, cloned: bool) -> None:
        name = self._name_of(kind)
        if name in _EMPTY:
            self._note("empty", name)
            return
        if value is os.environ:
            raise self._undigestible("all environment variables")
        if isinstance(value, enum.Enum):
            self._note("member", value.name)
            self._under("", value.value)
            self._under("", kind)
            return
        self._under("", kind)
        if isinstance(value, str | bytes | int | float | complex):
            self._note(_underlying(value))
        if cloned and _is_cloned_by_params(value):
            self._params(value, kind)
            return
        if isinstance(value, dict):
            self._mapping(value, cloned)
        elif isinstance(value, list | tuple | deque):
            self._sequence(value, cloned)
        elif isinstance(value, set | frozenset):
            self._set(value, cloned)
        self._state(value, kind)

    def _params(self, value: Any, kind: type) -> None:
        self._note("params")
        for name, held in own_params(value).items():
            self._note(name)
            if name == "stop_words" and isinstance(held, list) and is_installed(kind.__module__):
                held = frozenset(held)  # noqa: PLW2901 - what scikit-learn makes of it, too
            self._under(f".{name}", held, True)
        instance = getattr(value, "__dict__", {})
        for name in ("_metadata_request", "_sklearn_output_config", "_skl_callbacks"):
            if name in instance:
                self._note(name)
                self._under(f".{name}", instance[name])

    def _state(self, value: Any, kind: type) -> None:
        """Add what an object holds: its attributes, or what it gives to be pickled."""
        owner = next((c for c in kind.__mro__ if "__getstate__" in vars(c)), object)
        if owner is not object and is_installed(owner.__module__):
            # The package knows best: the time when it was made is left out, and the like.
            state = value.__getstate__()
            if type(state) is dict and all(isinstance(name, str) for name in state):
                self._attributes(state)
            else:
                self._under("", state)
        elif _is_opaque(kind):
            self._reduced(value, kind)
        else:
            self._attributes(dict(_attributes_of(value, kind)))

    def _attributes(self, held: Mapping[str, Any]) -> None:
        # A cached property, and whatever `functools.wraps` was used on, has a text of its own.
        names = sorted((name for name in held if name not in _OF_TEXT), key=str)
        self._note(len(names))
        for name in names:
            self._note(str(name))
            self._under(f".{name}", held[name])

    def _reduced(self, value: Any, kind: type) -> None:
        try:
            reduced = value.__reduce_ex__(4)
        except Exception:  # noqa: BLE001 - whatever it raises, it has no content to give
            raise self._undigestible(_article(kind)) from None
        if isinstance(reduced, str):
            self._note("name", reduced)
            return
        function, arguments, *rest = reduced
        self._under("", function)
        self._under("", arguments)
        for part in rest:
            self._under("", list(part) if isinstance(part, Iterator) else part)

    # -- kinds of their own --------------------------------------------------------------------

    def _method(self, value: Any, cloned: bool) -> None:
        self._note("method")
        self._under("", value.__func__)
        self._under(f" (of {value.__func__.__name__})", value.__self__, cloned)

    def _partial(self, value: Any, cloned: bool) -> None:
        self._note("partial")
        self._under("", value.func)
        self._under(" (bound)", value.args)
        self._under(" (bound)", value.keywords)
        self._attributes(vars(value))

    def _wrapping(self, value: Any, cloned: bool) -> None:
        self._note(type(value).__name__)
        self._under("", value.__func__)

    def _property(self, value: Any, cloned: bool) -> None:
        self._note("property")
        for part in (value.fget, value.fset, value.fdel):
            self._under("", part)

    def _cached(self, value: Any, cloned: bool) -> None:
        self._note("cached")
        self._under("", value.cache_parameters())
        self._under("", value.__wrapped__)

    def _code_object(self, value: Any, cloned: bool) -> None:
        self._code(value, {"__name__": None})

    def _reference(self, value: Any, cloned: bool) -> None:
        self._note("reference")
        self._under("", value())

    def _of_thread(self, value: Any, cloned: bool) -> None:
        self._note("local")
        self._attributes(vars(value))

    def _proxy(self, value: Any, cloned: bool) -> None:
        self._mapping(dict(value), cloned)

    def _generator(self, value: Any, cloned: bool) -> None:
        """Add a random generator: what it is going to draw."""
        if value is _drawn_by_numpy() or value is random._inst:
            self._note("global generator", type(value).__name__)
            return
        self.generators.append(value)
        self._note(self._name_of(type(value)))
        if isinstance(value, np.random.RandomState):
            state: Any = value.get_state(legacy=False)
        elif isinstance(value, np.random.Generator):
            state = value.bit_generator.state
        else:
            state = value.getstate()
        self._under("", state)

    def _pattern(self, value: Any, cloned: bool) -> None:
        self._note("pattern", value.pattern, value.flags)

    def _plain_data(self, value: Any, cloned: bool) -> None:
        self._note(type(value).__name__, repr(value))

    def _ufunc(self, value: Any, cloned: bool) -> None:
        if _named_ufunc(value) is not value:
            raise self._undigestible("a ufunc of no module")
        self._note("ufunc", value.__name__)

    def _alias(self, value: Any, cloned: bool) -> None:
        self._note("alias", repr(value))


_MISSING = object()

_HANDLERS: dict[type, Callable[[Content, Any, bool], None]] = {
    list: Content._sequence,
    dict: Content._mapping,
    set: Content._set,
    frozenset: Content._set,
    types.MethodType: Content._method,
    threading.local: Content._of_thread,
    functools.partial: Content._partial,
    staticmethod: Content._wrapping,
    classmethod: Content._wrapping,
    property: Content._property,
    functools._lru_cache_wrapper: Content._cached,
    types.CodeType: Content._code_object,
    weakref.ReferenceType: Content._reference,
    types.MappingProxyType: Content._proxy,
    np.random.RandomState: Content._generator,
    np.random.Generator: Content._generator,
    random.Random: Content._generator,
    re.Pattern: Content._pattern,
    range: Content._plain_data,
    slice: Content._plain_data,
    bytearray: Content._plain_data,
    array.array: Content._plain_data,
    np.ufunc: Content._ufunc,
    types.GenericAlias: Content._alias,
    types.UnionType: Content._alias,
}


def _are_plain(items: Any) -> bool:
    """Whether these are numbers and texts, or rows of them."""
    kinds = {kind for kind in map(type, items) if not _is_scalar(kind)}
    if kinds <= _CELLS:
        return True
    return kinds <= _ROWS and all(set(map(type, item)) <= _CELLS for item in items)


def _is_scalar(kind: type) -> bool:
    return kind.__module__ == "numpy" and issubclass(kind, np.number | np.bool_)


def _article(kind: type) -> str:
    name = kind.__qualname__
    shown = name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}"
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {shown}"


def _named(function: Any) -> str:
    name = function.__qualname__.replace("<locals>.", "")
    return f"{function.__module__}.{name}" if function.__module__ != "__main__" else name


def _is_public(value: Any, kind: type) -> bool:
    """Whether something callable is what an installed module has under its name."""
    if kind.__module__ == "builtins" and kind is not types.BuiltinFunctionType:
        return False
    try:
        module, name = value.__module__, value.__qualname__
    except Exception:  # noqa: BLE001 - any object may raise anything
        return False
    named = isinstance(module, str) and isinstance(name, str) and is_installed(module)
    return named and _is_found_by_name(value)


def _is_written(value: Any) -> bool:
    """Whether a function stands in a file or cell, and was not made by the package itself."""
    code = getattr(value, "__code__", None)
    return code is not None and not code.co_filename.startswith("<") and bool(value.__module__)


def _is_found_by_name(thing: Any) -> bool:
    """Whether what is installed is what its module has under its name."""
    found: Any = sys.modules.get(thing.__module__)
    for part in thing.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is thing or (found is not None and unwrapped(found) is thing)


def _is_compiled(module: str | None) -> bool:
    file = getattr(sys.modules.get(module or ""), "__file__", None) or ""
    return bool(file) and not file.endswith((".py", ".ipynb", ".pyc"))


def _static(module: types.ModuleType, name: str, content: Content) -> Any:
    if name in vars(module):
        return vars(module)[name]
    if is_installed(module.__name__):
        with contextlib.suppress(Exception):  # its lazy attributes may do anything
            return getattr(module, name, _MISSING)
    elif "__getattr__" in vars(module):
        content._under(f"{module.__name__}.__getattr__", vars(module)["__getattr__"])
    return _MISSING


def _spec(name: str) -> Any:
    """Where a module would be imported from; its parents are not imported for it."""
    parent = name.rpartition(".")[0]
    try:
        if not all(part.isidentifier() for part in name.split(".")):
            return None
        if not parent:
            return PathFinder.find_spec(name)
        loaded = sys.modules.get(parent)
        above = getattr(loaded, "__path__", None)
        if above is None and (spec := _spec(parent)) is not None:
            above = spec.submodule_search_locations
        return None if above is None else PathFinder.find_spec(name, list(above))
    except Exception:  # noqa: BLE001 - a path of the user's may hold anything
        return None


def _file_digest(file: str) -> bytes:
    return xxhash.xxh3_128_digest(Path(file).read_bytes())


def _underlying(value: Any) -> Any:
    for kind in (str, bytes, int, float, complex):
        if isinstance(value, kind):
            return kind.__repr__(value)
    return None


def _is_cloned_by_params(value: Any) -> bool:
    """Whether scikit-learn's ``clone`` makes another of it from its params alone."""
    kind = type(value)
    if not hasattr(kind, "get_params"):
        return False
    own = getattr(kind, "__sklearn_clone__", None)
    return own is None or getattr(own, "__module__", None) == "sklearn.base"


def _attributes_of(value: Any, kind: type) -> Iterator[tuple[str, Any]]:
    yield from getattr(value, "__dict__", {}).items()
    for owner in kind.__mro__:
        slots = vars(owner).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name in ("__dict__", "__weakref__"):
                continue
            mangled = name
            if name.startswith("__") and not name.endswith("__"):
                mangled = f"_{owner.__name__.lstrip('_')}{name}"
            with contextlib.suppress(AttributeError):
                yield mangled, object.__getattribute__(value, mangled)


def _is_opaque(kind: type) -> bool:
    """Whether instances hold more than attributes: they are made in C, or of a class that is."""
    return any(
        not owner.__flags__ & _HEAP_TYPE
        or ("__slots__" not in vars(owner) and not owner.__dictoffset__)
        or _is_compiled(owner.__module__)
        or owner.__module__ in sys.builtin_module_names
        for owner in kind.__mro__
        if owner not in _TRANSPARENT
    )


# Of the classes that a `class` statement makes, and of some that are made in C.
_HEAP_TYPE = 1 << 9
_TRANSPARENT = frozenset(
    {object, dict, list, tuple, set, frozenset, deque, str, bytes, int, float, complex}
)


def _object_columns(value: Any) -> Iterator[tuple[str, Any]]:
    """The columns of a frame, or a series, that may hold objects of any kind."""
    if not hasattr(value, "iloc"):
        return
    if value.ndim == 1:
        if value.dtype == object:
            yield "", value.to_numpy()
        return
    for number, dtype in enumerate(value.dtypes):
        if isinstance(dtype, np.dtype) and dtype.hasobject:
            yield f"[column {number}]", value.iloc[:, number].to_numpy()


def _drawn_by_numpy() -> Any:
    """The generator of ``np.random``'s functions, and of whatever has no seed."""
    return getattr(sys.modules.get("numpy.random.mtrand"), "_rand", None)


def _named_ufunc(value: Any) -> Any:
    for module in ("numpy", "scipy.special", getattr(value, "__module__", None) or "numpy"):
        found = getattr(sys.modules.get(module), value.__name__, None)
        if found is value:
            return found
    return None
