"""Looking before loading: what a pickle would import, call and alter, held against what is trusted.

A crate that nobody vouches for may name what :mod:`autotrack.crates.trusted` lists and what its
caller trusts. One that the store's own packer wrote may also hold code by value and name what is
installed, short of what runs commands. No crate says itself what it may do.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from autotrack.crates import array_guards, guards, trusted
from autotrack.crates.opcodes import View, outline
from autotrack.crates.rehearsal import Name, OddError, Report, cast_anything, rehearse
from autotrack.crates.trust import CODE
from autotrack.errors import CrateFormatError, UntrustedCrateError

_SHOWN = 8
# Of a class that a `class` statement made (Py_TPFLAGS_HEAPTYPE).
_OF_PYTHON = 1 << 9
_BUFFERS = frozenset(
    {("numpy.core.numeric", "_frombuffer"), ("numpy._core.numeric", "_frombuffer")}
)


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found of a pickle.

    Attributes
    ----------
    names : frozenset of Name
        All that it imports.
    refused : dict of Name to str
        What of it is not trusted, and why.
    code : bool
        Whether it holds code by value.
    """

    names: frozenset[Name]
    refused: Mapping[Name, str] = field(default_factory=dict)
    code: bool = False


def audit(view: View, count: int, what: object, trust: Sequence[str] = ()) -> Audit:
    """Read the `count` pickles of a file without loading anything, as of an unknown origin.

    Parameters
    ----------
    view : bytes or mmap
        The file.
    count : int
        How many pickles it should hold.
    what : object
        What is being read, for messages.
    trust : sequence of str
        Names that the caller trusts.

    Raises
    ------
    CrateFormatError
        If the file is none that a pickler writes.
    """
    cut = outline(view, count, what)
    cast = functools.partial(_cast, trust=frozenset(trust))
    try:
        report = rehearse(cut, count, cast, what)
    except CrateFormatError:
        # Where code makes classes, stand-ins can be followed only if nothing is asked of them.
        report = rehearse(cut, count, cast_anything, what)
        refused = {name: "code by value" for name in report.names if trusted.is_code(name)}
        if not refused:
            raise
    else:
        refused = _refused(report, frozenset(trust))
    code = any(map(trusted.is_code, refused)) or CODE in trust
    if refused or code:
        # What was odd may have been the end of it: these are all the names.
        report = rehearse(cut, count, cast_anything, what)
        for name in report.names:
            if trusted.is_gadget(name) and name in report.called and not _is_trusted(name, trust):
                refused.setdefault(name, "runs code, or reaches files")
    found = Audit(frozenset(report.names), refused, code)
    # Code may do whatever it likes: there is no use in asking for what it names.
    return replace(found, refused=vouched(found)) if CODE in trust else found


def vouched(found: Audit) -> Mapping[Name, str]:
    """What is refused also of a crate that the store's own packer wrote."""
    gadgets = {name: why for name, why in found.refused.items() if trusted.is_gadget(name)}
    if found.code:
        # What its functions use is in there too, and is not called by the pickle.
        return {name: why for name, why in gadgets.items() if why == "runs code, or reaches files"}
    return gadgets


def refuse(refused: Mapping[Name, str], what: object) -> None:
    """Raise for what is not trusted.

    Raises
    ------
    UntrustedCrateError
        Unless nothing is refused.
    """
    if not refused:
        return
    names = sorted(".".join(name) for name in refused)
    reasons = [f"{'.'.join(name)} ({why})" for name, why in sorted(refused.items())]
    shown = "; ".join(f"{reason:.200}" for reason in reasons[:_SHOWN])
    more = f"; and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
    needs = {f"{'.'.join(name):.80}" for name in refused if trusted.is_gadget(name)}
    if any(map(trusted.is_code, refused)):
        needs.add(CODE)
    else:
        needs |= {f"{'.'.join(name):.80}" for name in refused}
    paste = ", ".join(repr(each) for each in sorted(needs)[:_SHOWN])
    raise UntrustedCrateError(
        f"{what} would load what is not trusted: {shown}{more}. Nothing of it was executed. If you "
        f"know where it comes from, pass trust=({paste},{' ...' if more else ''})",
        names,
    )


# -- casting --------------------------------------------------------------------------------------


def _cast(report: Report, name: Name, trust: frozenset[str]) -> Any:
    """The stand-in for a name: what may be done with it is asked of the tables."""
    name = trusted.proper(name)
    if _is_trusted(name, trust):
        return report.anything(name)
    if trusted.is_gadget(name):
        return report.anything(name)
    if name in _BUFFERS:
        return array_guards.FromBuffer(name, report)
    if name in trusted.CALLS:
        return guards.maker(report, name, *trusted.CALLS[name])
    if trusted.is_unpickler(name):
        return guards.maker(report, name, guards.of_class(name), True)
    if name in trusted.INSTANCES:
        return object.__new__(report.kind(name, array_guards.Whole))
    base = trusted.base_of(name)
    if base is None:
        return report.anything(name)
    guard = trusted.class_guard(name)
    if guard is not None:
        return report.kind(name, base, call=functools.partial(_call_guarded, guard))
    return report.kind(name, base, **({"call": base.call} if "call" in vars(base) else {}))


def _call_guarded(guard: Any, cls: Any, *args: Any) -> Any:
    made = cls.made()
    try:
        return guard(made)(*args)
    except (OddError, TypeError) as complaint:
        cls.report.complain(cls.name, complaint)
        return made


def _is_trusted(name: Name, trust: frozenset[str] | Sequence[str]) -> bool:
    """Whether the caller trusts a name: in full, or, if it is no gadget, with all of its module."""
    module, attribute = name
    if f"{module}.{attribute}" in trust or (
        module in {"posix", "nt"} and f"os.{attribute}" in trust
    ):
        return True
    if trusted.is_gadget(name):
        return False
    if CODE in trust and trusted.is_code(name):
        return True
    parts = module.split(".")
    return any(".".join(parts[:count]) in trust for count in range(1, len(parts) + 1))


# -- judging --------------------------------------------------------------------------------------


def _refused(report: Report, trust: frozenset[str]) -> dict[Name, str]:
    refused: dict[Name, str] = {}
    names = {trusted.proper(name) for name in report.names}
    for name in names:
        if _is_trusted(name, trust):
            continue
        why = _why_not(report, name)
        if why is not None:
            refused[name] = why
    # Only now that every name is known to be harmless is anything imported.
    for name in [] if refused else names:
        if not _is_trusted(name, trust):
            why = _why_not_found(report, name)
            if why is not None:
                refused[name] = why
    return refused


def _why_not(report: Report, name: Name) -> str | None:
    if trusted.is_gadget(name):
        return "runs code, or reaches files" if name in report.called else "a gadget"
    if name in report.changed:
        return "is altered"
    if name in report.called_instances:
        return "has an instance called"
    if name in report.complaints:
        return report.complaints[name]
    if name in trusted.CALLS or name in _BUFFERS or name in trusted.INSTANCES:
        return None
    if trusted.is_unpickler(name):
        return None
    if trusted.base_of(name) is not None:
        unmade = name in report.called and not trusted.is_called(name)
        return "is called" if unmade else None
    if _is_ufunc(name) or trusted.is_value(name):
        return "is called" if name in report.called else None
    return "is not known"


def _is_ufunc(name: Name) -> bool:
    import numpy as np

    module, attribute = name
    if module.partition(".")[0] not in {"numpy", "scipy"}:
        return False
    # NumPy and what is loaded of SciPy know their own; nothing is imported to find out.
    if module.startswith("scipy.special"):
        importlib.import_module("scipy.special")
    return isinstance(vars(sys.modules.get(module, ModuleType(""))).get(attribute), np.ufunc)


def _why_not_found(report: Report, name: Name) -> str | None:
    """Why what stands under a trusted name is not what the name promises."""
    try:
        found = resolve(name)
    except ImportError:
        return None  # it is said when it is needed
    except AttributeError:
        return None
    if name in trusted.CALLS or name in _BUFFERS or name in trusted.INSTANCES or _is_ufunc(name):
        return None
    if isinstance(found, type):
        return _why_no_class(report, name, found)
    if trusted.is_unpickler(name) or trusted.is_value(name):
        return None if _is_function(found) else "is no function"
    if trusted.is_code(name):
        return None
    home = str(getattr(found, "__module__", ""))
    own = (home, str(getattr(found, "__name__", "")))
    if _is_function(found) and trusted.is_value(own) and name not in report.called:
        return None
    return "is no class"


def _why_no_class(report: Report, name: Name, found: type) -> str | None:
    if trusted.is_value(name):
        return None
    own = trusted.proper((found.__module__, found.__qualname__))
    foreign = own != name and (
        trusted.is_gadget(own) or (trusted.base_of(own) is None and name not in trusted.CLASSES)
    )
    if foreign:
        return f"is {'.'.join(own)}"
    if not found.__flags__ & _OF_PYTHON and not trusted.is_known_compiled(name):
        return "is compiled, and may take its state unchecked"
    return "is a type of types" if issubclass(found, type) else None


def _is_function(found: object) -> bool:
    return isinstance(found, FunctionType | BuiltinFunctionType) or (
        type(found).__name__ in {"cython_function_or_method", "_ArrayFunctionDispatcher"}
    )


def resolve(name: Name) -> Any:
    """What stands under a name, imported if need be."""
    module, attribute = trusted.proper(name)
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found
