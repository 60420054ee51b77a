"""Whether code reads only names whose values cannot change unseen, and what these are now."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from sklearn.utils._metadata_requests import RequestMethod

from autotrack.describe.code import read_code
from autotrack.describe.content.walk import PLAIN
from autotrack.describe.origins import is_installed

#: Where a name stands, the name, and what it stands for.
Read = tuple[Mapping[str, Any], str, Any]

# What stays as it is for as long as it is the same object.
_FIXED = (
    *PLAIN,
    types.FunctionType,
    types.BuiltinFunctionType,
    type,
    np.ufunc,
    property,
    classmethod,
    staticmethod,
)
# By these code may come by anything.
_ANYTHING = frozenset(
    "environ getenv argv globals locals eval exec modules import_module __import__ vars getattr "
    "get_option option_context options get_config config_context __subclasses__ __dict__ "
    "__globals__".split()
)
# Of a class: what Python or others put there.
_OF_CLASS = ("__", "_abc_", "_sklearn_")


def reads_of(found: Iterable[Any], functions: Iterable[types.FunctionType]) -> list[Read] | None:
    """What classes and functions read.

    Returns
    -------
    list or None
        None where something may change without any name being given another value.
    """
    reads: list[Read] = []
    for function in functions:
        part = _of_function(function)
        if part is None:
            return None
        reads += part
    for cls in found:
        if isinstance(cls, type):
            held: Mapping[str, Any] = vars(cls)
            own = [(held, n, v) for n, v in held.items() if not n.startswith(_OF_CLASS)]
            if not all(_is_fixed(value) or type(value) is RequestMethod for *_, value in own):
                return None
            reads += own
    return reads


def _of_function(function: types.FunctionType) -> list[Read] | None:
    given = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    if not all(type(value) in PLAIN for value in given):
        return None
    for cell in function.__closure__ or ():
        try:
            if not isinstance(cell.cell_contents, type):  # as `super()` has one
                return None
        except ValueError:  # not assigned yet
            return None
    known = read_code(function.__code__)
    if any(each.level or not is_installed(each.module) for each in known.imports):
        return None
    names = set(_names(function.__code__))
    if names & _ANYTHING:
        return None
    scope = function.__globals__
    reads: list[Read] = [(scope, name, scope[name]) for name in names if name in scope]
    return reads if all(_is_fixed(value) for *_, value in reads) else None


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _names(const)


def _is_fixed(value: Any) -> bool:
    if isinstance(value, types.ModuleType):
        return is_installed(value.__name__)
    return isinstance(value, _FIXED)
