"""Classes: the user's own with their bases and what they hold, others by their name.

Classes may also be reached from another one: by its subclasses, if code asks for them, and by
having been registered with an abstract one.
"""

from __future__ import annotations

import abc
import types
from collections.abc import Iterator
from typing import Any

from autotrack.describe.content import modules
from autotrack.describe.content.names import is_compiled, is_found_by_name, is_written
from autotrack.describe.content.walk import Walk
from autotrack.describe.origins import is_installed
from autotrack.runtime.patching import unwrapped

# Of a class: where it stands, and what Python makes of the rest of it.
_OF_CLASS = frozenset(
    "__dict__ __weakref__ __doc__ __module__ __qualname__ __firstlineno__ __static_attributes__ "
    "__annotations__ __annotate__ __annotate_func__ __annotations_cache__ __abstractmethods__ "
    "_abc_impl __parameters__ __orig_bases__ __match_args__ __slotnames__".split()
)


def a_class(walk: Walk, cls: type) -> None:
    """Add a class."""
    if is_installed(cls.__module__) and is_found_by_name(cls):
        _installed(walk, cls)
    else:
        walk.note("class", cls.__name__)
        walk.classes.append(cls)
        walk.later("", lambda: _body(walk, cls))
    registered = [c for c in _registered(cls) if not is_installed(c.__module__)]
    if registered:
        walk.note("registered", len(registered))
        walk.unordered(" (registered)", registered)


def add_subclasses(walk: Walk, classes: list[type]) -> None:
    """Add the user's own subclasses of each of these classes, in their order."""
    for cls in classes:
        for found in _own_subclasses(cls):
            walk.path = [f"class {cls.__qualname__}"]
            walk.under(f" (subclass {found.__qualname__})", found)


def _own_subclasses(cls: type) -> Iterator[type]:
    # Of what is installed only what the user derived from it, however far below.
    subclasses: list[type] = type.__subclasses__(cls)
    for found in subclasses:
        if is_installed(found.__module__):
            yield from _own_subclasses(found)
        else:
            yield found


def _registered(cls: type) -> list[type]:
    """The classes that were registered with an abstract one."""
    if not isinstance(cls, abc.ABCMeta) or "_abc_impl" not in vars(cls):
        return []
    dump: Any = abc._get_dump  # type: ignore[attr-defined]
    held: list[Any] = [known() for known in dump(cls)[0]]
    return [each for each in held if each is not None]


def _installed(walk: Walk, cls: type) -> None:
    walk.note("installed class", cls.__module__, cls.__qualname__)
    for owner in cls.__mro__:
        if owner is object:
            continue
        walk.touch(owner.__module__)
        for name, value in list(vars(owner).items()):
            # A method that the user put there in place of the package's own.
            if isinstance(value, types.FunctionType):
                plain = unwrapped(value)
                home = getattr(plain, "__globals__", {}).get("__name__")
                if not is_installed(home) and is_written(plain):
                    walk.note(name)
                    walk.under(f"{owner.__qualname__}.{name}", plain)


def _body(walk: Walk, cls: type) -> None:
    walk.path = [f"class {cls.__qualname__}"]
    walk.under(" (metaclass)", type(cls))
    for base in cls.__bases__:
        walk.under(f" (base {base.__qualname__})", base)
    held = {k: unwrapped(v) for k, v in vars(cls).items() if k not in _OF_CLASS}
    if is_installed(cls.__module__) or is_compiled(cls.__module__):
        modules.file_of(walk, cls.__module__)
    walk.attributes(held)
