"""The source text of the user's own classes and functions, for people who look into a crate."""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from types import CodeType, FunctionType

from autotrack.runtime.weak_map import IdentityMap

# A file is parsed for every class in it, so each is asked for once.
_known: IdentityMap[str] = IdentityMap()


def source_of(thing: type | FunctionType) -> str | None:
    """The text that defines a class or function, as far as it can be found.

    Parameters
    ----------
    thing : type or function

    Returns
    -------
    str or None
        None for what was typed into a shell that keeps no text, or made by `exec`.
    """
    known = _known.get(thing)
    if known is None:
        known = _find(thing) or ""
        _known.set(thing, known)
    return known or None


def _find(thing: type | FunctionType) -> str | None:
    try:
        return textwrap.dedent(inspect.getsource(thing))
    except Exception:  # noqa: BLE001 - whatever is in the way (no file, none of these lines), no text
        return _find_class(thing) if isinstance(thing, type) else None


def _find_class(cls: type) -> str | None:
    """The text around a method of the class: a notebook's cell is known by its functions only."""
    for code in _methods(cls):
        text = "".join(linecache.getlines(code.co_filename))
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef) or node.name != cls.__name__:
                continue
            if node.lineno <= code.co_firstlineno <= (node.end_lineno or 0):
                return textwrap.dedent(ast.get_source_segment(text, node, padded=True) or "")
    return None


def _methods(cls: type) -> list[CodeType]:
    held = (getattr(value, "__wrapped__", value) for value in vars(cls).values())
    return [value.__code__ for value in held if isinstance(value, FunctionType)]
