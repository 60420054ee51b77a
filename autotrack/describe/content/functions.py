"""Functions, by their code and all that it reads."""

from __future__ import annotations

import builtins
import contextlib
import os
import sys
import types
from collections.abc import Mapping
from typing import Any

from autotrack.describe.code import Read, read_code
from autotrack.describe.content import modules
from autotrack.describe.content.names import is_found_by_name, named
from autotrack.describe.content.options import options_asked_for
from autotrack.describe.content.walk import PLAIN, Walk
from autotrack.describe.origins import is_installed
from autotrack.runtime.patterns import pattern

# Instructions of a call that say nothing of its arguments.
_BETWEEN = frozenset({"PRECALL", "PUSH_NULL", "TO_BOOL", "KW_NAMES"})
_LOADS = frozenset({"LOAD_CONST", "LOAD_GLOBAL", "LOAD_NAME", "LOAD_SMALL_INT"})
# A call, or the element of a table.
_ENDS = "CALL", "BINARY_SUBSCR", "BINARY_OP", "STORE_SUBSCR", "DELETE_SUBSCR"
_MISSING = object()
# What leads to everything in a module by names that are not written down.
_OF_NAMESPACES = frozenset({"eval", "exec", "globals"})
_NAMESPACES = frozenset({"__globals__", "f_globals", "f_locals", "__builtins__"})
# What finds a module, or something in one, by a name in a text.
_IMPORTERS = frozenset(
    "importlib.import_module importlib.__import__ importlib._bootstrap.__import__ "
    "builtins.__import__ importlib.util.find_spec runpy.run_module pkgutil.resolve_name "
    "pydoc.locate pydoc.safeimport".split()
)
_LIKE_IMPORTERS = frozenset(
    {"__import__", "import_module", "run_module", "resolve_name", "import_string"}
)
_OF_IMPORTERS = frozenset({"importlib", "runpy", "pkgutil", "pydoc"})
# What finds objects without any name.
_FINDERS = frozenset(
    "gc.get_objects gc.get_referrers gc.get_referents sys._getframe inspect.currentframe "
    "inspect.stack importlib.metadata.entry_points pkg_resources.iter_entry_points".split()
)
# What a program had there before anybody put more.
_BUILTINS = {
    name: value
    for name, value in vars(builtins).items()
    if name.startswith("__") or getattr(value, "__module__", None) == "builtins"
}
_SHELL = frozenset({"get_ipython", "display", "exit", "quit"})
_TABLES = frozenset({dict, list, set, frozenset})
# Variables in the text of a query to a frame of pandas.
_IN_QUERY = pattern(r"@([A-Za-z_]\w*)")
_QUERIES = frozenset({"query", "eval"})


def function(walk: Walk, value: Any) -> None:
    """Add a function; its body, if it is the user's own."""
    home = value.__globals__.get("__name__")
    if is_installed(home):
        walk.touch(home)
        walk.touch(value.__module__)
        walk.note("installed function", value.__module__, value.__qualname__)
        if is_installed(value.__module__) and is_found_by_name(value):
            return
    else:
        walk.note("function", value.__name__)
    walk.later("".join(walk.path), lambda: _body(walk, value, not is_installed(home)))


def _body(walk: Walk, value: Any, is_own: bool) -> None:
    walk.path = [named(value)]
    walk.under(" (defaults)", value.__defaults__)
    walk.under(" (defaults)", value.__kwdefaults__)
    walk.attributes({k: v for k, v in vars(value).items() if k != "__wrapped__"})
    code = value.__code__
    for name, cell in zip(code.co_freevars, value.__closure__ or (), strict=False):
        try:
            inside = cell.cell_contents
        except ValueError:  # not assigned yet
            walk.note("empty cell", name)
            continue
        walk.under(f", which uses {name}", inside)
    if is_own:
        compiled(walk, code, value.__globals__)


def compiled(walk: Walk, code: types.CodeType, scope: Mapping[str, Any]) -> None:
    """Add compiled code with what it reads of a module's variables, and reaches by texts."""
    known = read_code(code)
    walk.sink.update(known.digest)
    for read in dict.fromkeys(known.reads):
        _read(walk, read, scope)
    for wanted in known.imports:
        modules.imported(walk, wanted, scope)
    names = {name for read in known.reads for name in read.names}
    if names & _OF_NAMESPACES or known.names & _NAMESPACES:
        modules.namespace(walk, scope)
    if (known.names - names) & _LIKE_IMPORTERS:  # a method of an object, perhaps
        modules.by_any_text(walk, known.texts)
    modules.by_paths(walk, known.texts)
    if known.names & _QUERIES:
        _queries(walk, known.texts, scope)
    if "__subclasses__" in known.names or "__subclasses__" in known.texts:
        walk.asks_for_subclasses = True
    asked = options_asked_for(known.names)
    if asked:
        walk.under(" (options)", asked)


def _queries(walk: Walk, texts: frozenset[str], scope: Mapping[str, Any]) -> None:
    """Add the variables that texts speak of which pandas looks up where it is called."""
    for name in sorted({name for text in texts for name in _IN_QUERY.findall(text)}):
        if name in scope:
            walk.note(name)
            walk.under(f", which uses {name}", scope[name])


def _read(walk: Walk, read: Read, scope: Mapping[str, Any]) -> None:
    """Add what code reads."""
    if read.module:
        if is_installed(read.module):
            _read_of_import(walk, read, scope)
        return
    name, *attributes = read.names
    if name not in scope:
        given = scope.get("__builtins__", builtins)
        held: Mapping[str, Any] = given if isinstance(given, dict) else vars(given)
        walk.note("builtin" if name in held else "missing", name)
        if name not in held or name in _SHELL or held[name] is _BUILTINS.get(name):
            _looks_up(walk, held.get(name), attributes, read, scope)
            return
        scope = {**scope, name: held[name]}  # put there by the user
    value, path = scope[name], name
    while isinstance(value, types.ModuleType) and attributes:
        attribute = attributes.pop(0)
        path += f".{attribute}"
        walk.note(path)
        owner, value = value, _static(walk, value, attribute)
        if is_installed(owner.__name__) and not isinstance(value, types.ModuleType):
            walk.touch(owner.__name__)
            if not _is_told(value):
                return  # an object of that package's
    if value is _MISSING:
        walk.note("missing")
    elif _is_environment(value):
        _environment(walk, value, attributes, read, scope)
    elif not _looks_up(walk, value, attributes, read, scope):
        _leads_on(walk, value, attributes)
        walk.under(f", which uses {path}", value)


def _is_told(value: Any) -> bool:
    """Whether it counts what an installed module has under a name."""
    if callable(value) or type(value) in PLAIN or type(value) in _TABLES:
        return True
    return value is _MISSING or value is sys.argv or _is_environment(value)


def _leads_on(walk: Walk, value: Any, attributes: list[str]) -> None:
    """Look after attributes that lead to what a value does not hold."""
    if not _LIKE_IMPORTERS.isdisjoint(attributes):
        raise walk.undigestible(modules.NOT_WRITTEN)
    if "__subclasses__" in attributes and isinstance(value, type):
        walk.classes.append(value)
    if "__globals__" in attributes and isinstance(value, types.FunctionType):
        modules.namespace(walk, value.__globals__)


def _read_of_import(walk: Walk, read: Read, scope: Mapping[str, Any]) -> None:
    """Add what is read of an installed module that is imported where it is used.

    Whether it is imported already is chance, so nothing is added of what it holds itself.
    """
    value: Any = sys.modules.get(read.module)
    attributes = list(read.names[1:])
    while isinstance(value, types.ModuleType) and attributes:
        value = vars(value).get(attributes.pop(0))
    if _is_environment(value):
        _environment(walk, value, attributes, read, scope)
    elif value is sys.argv:
        walk.under(", which uses sys.argv", value)
    elif value is None:  # not imported yet
        _looks_up_as(walk, ".".join(read.names), read, scope)
    else:
        _looks_up(walk, value, attributes, read, scope)


def _is_environment(value: Any) -> bool:
    return value is os.environ or value is os.getenv or value is getattr(os, "environb", _MISSING)


def _looks_up(
    walk: Walk, value: Any, attributes: list[str], read: Read, scope: Mapping[str, Any]
) -> bool:
    """Add the module that is looked up by its name, if `value` is what looks modules up."""
    if value is sys.modules:
        if attributes not in ([], ["get"]):
            raise walk.undigestible("all modules")
        steps = _steps(read)
        if not attributes and steps and steps[0][0] == "CONTAINS_OP":
            return True  # it is only asked whether it is imported
        _look_up(walk, read, scope)
        return True
    if isinstance(value, types.ModuleType):
        return _looks_up_as(walk, value.__name__, read, scope)
    if not callable(value) or isinstance(value, type):
        return False
    try:
        name = f"{value.__module__}.{value.__name__}"
    except Exception:  # noqa: BLE001 - any object may raise anything
        return False
    return _looks_up_as(walk, name, read, scope)


def _looks_up_as(walk: Walk, name: str, read: Read, scope: Mapping[str, Any]) -> bool:
    if name in _FINDERS:
        raise walk.undigestible(f"what {name} finds")
    if name in _OF_IMPORTERS:
        raise walk.undigestible(modules.NOT_WRITTEN)
    module, _, last = name.rpartition(".")
    if name not in _IMPORTERS and not (last in _LIKE_IMPORTERS and is_installed(module)):
        return False
    _look_up(walk, read, scope)
    return True


def _look_up(walk: Walk, read: Read, scope: Mapping[str, Any]) -> None:
    """Add the module whose name is the first of the arguments, where that is written there."""
    steps = _steps(read)
    text = _text(steps[0], scope) if steps else None
    ends = [at for at, step in enumerate(steps) if step[0].startswith(_ENDS)]
    between = steps[1 : ends[0]] if ends else steps
    if text is None or not ends or not all(step[0] in _LOADS for step in between):
        raise walk.undigestible(modules.NOT_WRITTEN)
    package = _text(between[0], scope) if between and text.startswith(".") else None
    modules.by_text(walk, text, {**scope, "__package__": package} if package else scope)


def _steps(read: Read) -> list[tuple[str, Any]]:
    return [step for step in read.further if step[0] not in _BETWEEN]


def _text(step: tuple[str, Any], scope: Mapping[str, Any]) -> str | None:
    """The text that is loaded: one that is written there, or that a global name stands for."""
    operation, value = step
    if operation in ("LOAD_GLOBAL", "LOAD_NAME"):
        value = scope.get(str(value))
    elif operation != "LOAD_CONST":
        return None
    return value if isinstance(value, str) else None


def _environment(
    walk: Walk, value: Any, attributes: list[str], read: Read, scope: Mapping[str, Any]
) -> None:
    """Add the variables that are read; those whose names are not written down cannot be."""
    names = ["getenv" if value is os.getenv else "environ", *attributes]
    steps = _steps(read)
    operations = [step[0] for step in steps] + [""] * 3
    if names == ["environ"] and operations[0] == "CONTAINS_OP":
        key = read.before[1] if read.before[0] == "LOAD_CONST" else None
        present: Any = isinstance(key, str) and key in os.environ
    else:
        key = _text(steps[0], scope) if steps else None
        present = os.environ.get(key) if isinstance(key, str) else None
    if not isinstance(key, str):
        raise walk.undigestible("an environment variable whose name is not written there")
    if names == ["environ"] and operations[1] == "STORE_SUBSCR":
        return
    if names in (["environ", "get"], ["getenv"]):
        if operations[2].startswith("POP_JUMP"):
            return  # it is only asked whether it is set: a switch, of a debugger perhaps
        if present is None and operations[1] == "LOAD_CONST":
            present = steps[1][1]
    walk.note("variable", key, present)


def builtin(walk: Walk, value: Any) -> None:
    """Add a function that is made in C."""
    owner = getattr(value, "__self__", None)
    name = value.__name__
    walk.note("builtin", name)
    if owner is None or isinstance(owner, types.ModuleType):
        module = getattr(value, "__module__", None) or getattr(owner, "__name__", None)
        walk.note(module)
        walk.touch(module)
        if module and not is_installed(module):
            modules.file_of(walk, module)
    else:
        walk.under(f" (of {name})", owner)


def _static(walk: Walk, module: types.ModuleType, name: str) -> Any:
    """What a module has under a name; the module itself for what leads to all of it."""
    if name in vars(module):
        return vars(module)[name]
    if is_installed(module.__name__):
        with contextlib.suppress(Exception):  # its lazy attributes may do anything
            return getattr(module, name, _MISSING)
    elif name in modules.WHOLE:
        walk.under(f", which uses {module.__name__}", module)
    elif "__getattr__" in vars(module):
        walk.under(f"{module.__name__}.__getattr__", vars(module)["__getattr__"])
    return _MISSING
