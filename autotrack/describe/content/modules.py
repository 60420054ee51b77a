"""Modules of the user's own, and how code comes by them: by an import, or by a name in a text."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import xxhash

from autotrack.describe.code import Code, Import, read_code
from autotrack.describe.content.walk import Walk
from autotrack.describe.origins import is_installed
from autotrack.runtime.patterns import pattern

#: What is said of a module whose name only running the code would tell.
NOT_WRITTEN = "a module that is imported by a name not written there"
_OF_MODULE = frozenset(
    "__name__ __doc__ __package__ __loader__ __spec__ __file__ __cached__ __builtins__ __path__ "
    "__annotations__".split()
)
#: What leads to everything in a module.
WHOLE = frozenset({"__dict__", "__getattribute__"})
# A module and something in it: ``package.module:function``.
_PATH = pattern(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*[.:][A-Za-z_]\w*")


def module(walk: Walk, module: types.ModuleType) -> None:
    """Add a module; of what is installed, its name."""
    name = module.__name__
    if is_installed(name):
        walk.touch(name)
        walk.note("installed module", name)
        return
    walk.note("module", name)
    scope = vars(module)
    walk.later(f"module {name}", lambda: namespace(walk, scope))


def namespace(walk: Walk, scope: Mapping[str, Any]) -> None:
    """Add everything in a module: code finds it there by names that are not written down."""
    if walk.is_known(scope):
        return
    held = {
        name: value
        for name, value in scope.items()
        if name not in _OF_MODULE and not (name.startswith("_") and name[1:].isdigit())
    }
    walk.path = [f"module {scope.get('__name__')}"]
    walk.attributes(held)


def imported(walk: Walk, wanted: Import, scope: Mapping[str, Any]) -> None:
    """Add what code imports while it runs."""
    name = _absolute(wanted.module, wanted.level, scope)
    walk.note("import", name)
    if is_installed(name):
        walk.touch(name)
        return
    module = sys.modules.get(name)
    if module is None:
        _unloaded(walk, name)
    elif wanted.names is None:
        walk.under(f", which imports {name}", module)
        if "." in name and not wanted.level:
            imported(walk, Import(top := name.partition(".")[0], 0, None), {"__name__": top})
    else:
        for attribute in wanted.names:
            if attribute == "*" or attribute in WHOLE:
                walk.under(f", which imports {name}", module)
            elif attribute in vars(module):
                walk.under(f", which imports {name}.{attribute}", vars(module)[attribute])
            else:
                _unloaded(walk, f"{name}.{attribute}")


def _absolute(name: str, level: int, scope: Mapping[str, Any]) -> str:
    if not level:
        return name
    parts = str(scope.get("__package__") or scope.get("__name__") or "").split(".")
    base = ".".join(parts[: len(parts) - level + 1])
    return f"{base}.{name}" if name else base


def by_text(walk: Walk, text: str, scope: Mapping[str, Any]) -> None:
    """Add the module that a text is the name of, or what the text names in it."""
    level = len(text) - len(text.lstrip("."))
    name = _absolute(text[level:].replace(":", "."), level, scope)
    found, attribute = name, ""
    while not _is_module(found) and "." in found:
        found, _, attribute = found.rpartition(".")
    if _is_module(found):
        imported(walk, Import(found, 0, (attribute,) if attribute else None), {})
    else:
        walk.note("no module", name)


def by_any_text(walk: Walk, texts: Iterable[str]) -> None:
    """Add the modules that texts are the names of; which of them is imported is not known."""
    found = [text for text in sorted(texts) if _is_module(text)]
    if not found:
        raise walk.undigestible(NOT_WRITTEN)
    for text in found:
        by_text(walk, text, {})


def by_paths(walk: Walk, texts: Iterable[str]) -> None:
    """Add what texts such as ``package.module.function`` lead to in modules of the user's own.

    Whatever they are handed to may look it up.
    """
    for text in sorted(texts):
        if _PATH.fullmatch(text):
            path, _, attribute = text.replace(":", ".").rpartition(".")
            if _holds(path, attribute):
                by_text(walk, text, {})


def _is_module(name: str) -> bool:
    return name in sys.modules or _spec(name) is not None


def _holds(path: str, attribute: str) -> bool:
    """Whether a module of the user's own, or a class in it, has such an attribute."""
    top = path.partition(".")[0]
    if top in sys.modules:
        if is_installed(top):
            return False
        held: Any = sys.modules.get(path)
        if held is None:
            held = sys.modules.get(path.rpartition(".")[0])
            attribute = path.rpartition(".")[2]
        return attribute in getattr(held, "__dict__", {}) or _is_module(f"{path}.{attribute}")
    spec = _spec(path)
    if spec is None or spec.origin is None or is_installed(path, spec.origin):
        return False
    if spec.origin == getattr(sys.modules.get("__main__"), "__file__", None):
        return False  # the script itself, which is called otherwise
    return spec.origin.endswith(".py") and attribute in _code_of(spec.origin).names


def _unloaded(walk: Walk, name: str) -> None:
    """Add a module of the user's that is not imported yet, by its file."""
    spec = _spec(name)
    if spec is None or spec.origin is None:
        walk.note("no module", name)
        return
    if is_installed(name, spec.origin):
        walk.touch(name)
        return
    if not spec.origin.endswith(".py"):
        walk.sink.update(_file_digest(spec.origin))
        return
    if name in walk.files:
        return
    walk.files.add(name)
    known = _code_of(spec.origin)
    walk.sink.update(known.digest)
    package = name if spec.submodule_search_locations else name.rpartition(".")[0]
    for wanted in known.imports:
        imported(walk, wanted, {"__package__": package})


def file_of(walk: Walk, name: str | None) -> None:
    """Add the file of a module of the user's."""
    file = getattr(sys.modules.get(name or ""), "__file__", None)
    if file and not is_installed(name):
        walk.sink.update(_file_digest(file))


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


def _code_of(file: str) -> Code:
    return read_code(compile(Path(file).read_bytes(), file, "exec", dont_inherit=True))


def _file_digest(file: str) -> bytes:
    return xxhash.xxh3_128_digest(Path(file).read_bytes())
