"""The world as a test can look at it: what could be exchanged, and with what it was exchanged.

It is every class and function of scikit-learn, joblib and of the parts of Python that run things,
with what is inside of them (methods, closures, attributes), by identity.
"""

from __future__ import annotations

import builtins
import copyreg
import sys
import warnings
from collections.abc import Iterator
from types import CellType, FunctionType, ModuleType
from typing import Any

from autotrack.runtime.patching import is_patched

PACKAGES = {"sklearn", "joblib", "concurrent", "multiprocessing", "threading", "pickle", "copyreg"}
# What these modules change themselves.
THEIR_OWN = {"__warningregistry__", "_dangling", "_shutdown_locks_dict", "_executor"}
# What a class keeps of itself there.
OF_THE_CLASS = {"__abstractmethods__", "_abc_impl", "__annotations__", "__annotations_cache__"}

EMPTY = CellType()
World = dict[tuple[Any, ...], object]


def look_at_the_world() -> World:
    """Whatever could be exchanged, by where it is."""
    found: World = {("builtins", name): value for name, value in vars(builtins).items()}
    found |= {("reducer of", kind): reduce for kind, reduce in copyreg.dispatch_table.items()}
    found |= {("sys", name): getattr(sys, name) for name in ("excepthook", "displayhook")}
    found["warnings", "showwarning"] = warnings.showwarning
    seen: set[int] = set()
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType) and module.__name__.partition(".")[0] in PACKAGES:
            for name, value in list(vars(module).items()):
                if name not in THEIR_OWN:
                    found[module.__name__, name] = value
                    found.update(inside(value, (module.__name__, name), seen))
    return found


def inside(thing: object, where: tuple[Any, ...], seen: set[int]) -> Iterator[tuple[Any, object]]:
    """What is in a class or function."""
    if id(thing) in seen:
        return
    if isinstance(thing, type):
        for owner in thing.__mro__:
            if id(owner) not in seen:
                seen.add(id(owner))
                for name, value in list(vars(owner).items()):
                    if name not in OF_THE_CLASS:
                        yield (owner, name), value
                        yield from inside(value, (owner, name), seen)
    elif isinstance(thing, classmethod | staticmethod):
        yield from inside(thing.__func__, (*where, "func"), seen)
    elif isinstance(thing, FunctionType):
        seen.add(id(thing))
        for name in ("__code__", "__defaults__", "__kwdefaults__"):
            yield (*where, name), getattr(thing, name)
        for name, value in vars(thing).items():
            yield (*where, "attribute", name), value
        for number, cell in enumerate(thing.__closure__ or ()):
            if cell != EMPTY:
                yield (*where, number), cell.cell_contents
                yield from inside(cell.cell_contents, (*where, number), seen)
    elif isinstance(getattr(thing, "fn", None), FunctionType):
        yield (*where, "fn"), thing.fn
        yield from inside(thing.fn, (*where, "fn"), seen)


def changed(before: World) -> list[Any]:
    """Where the world differs from what it was before. Modules may have come meanwhile."""
    after, missing = look_at_the_world(), object()
    gone = [where for where in before if after.get(where, missing) is not before[where]]
    classes = {where[0] for where in after.keys() - before.keys() if isinstance(where[0], type)}
    return [*gone, *filter(is_patched, classes)]
