"""What functions, classes and modules are called, and whether that is where they are found."""

from __future__ import annotations

import sys
import types
from typing import Any

from autotrack.describe.origins import is_installed
from autotrack.runtime.patching import unwrapped


def named(function: Any) -> str:
    """A function as messages call it."""
    name = function.__qualname__.replace("<locals>.", "")
    return f"{function.__module__}.{name}" if function.__module__ != "__main__" else name


def is_public(value: Any, kind: type) -> bool:
    """Whether something callable is what an installed module has under its name."""
    if kind.__module__ == "builtins" and kind is not types.BuiltinFunctionType:
        return False
    try:
        module, name = value.__module__, value.__qualname__
    except Exception:  # noqa: BLE001 - any object may raise anything
        return False
    has_names = isinstance(module, str) and isinstance(name, str)
    return has_names and is_installed(module) and is_found_by_name(value)


def is_written(value: Any) -> bool:
    """Whether a function stands in a file or cell, and was not made by the package itself."""
    code = getattr(value, "__code__", None)
    return code is not None and not code.co_filename.startswith("<") and bool(value.__module__)


def is_found_by_name(thing: Any) -> bool:
    """Whether what is installed is what its module has under its name."""
    found: Any = sys.modules.get(thing.__module__)
    for part in thing.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is thing or (found is not None and unwrapped(found) is thing)


def is_compiled(module: str | None) -> bool:
    """Whether a module has a file that is not Python's source."""
    file = getattr(sys.modules.get(module or ""), "__file__", None) or ""
    return bool(file) and not file.endswith((".py", ".ipynb", ".pyc"))
