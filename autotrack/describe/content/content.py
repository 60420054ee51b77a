"""A digest of values of any kind: which kind is added in which way."""

from __future__ import annotations

import types
from typing import Any

from autotrack.describe.content import classes, functions, holding, modules, objects
from autotrack.describe.content.kinds import KINDS
from autotrack.describe.content.names import is_public
from autotrack.describe.content.walk import MOST, Walk

_BUILTIN = types.BuiltinFunctionType, types.MethodWrapperType
_DESCRIPTORS = (
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)


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


class Content(Walk):
    """The walk that knows what to do with each kind of value."""

    def look_into(self, value: Any, kind: type, cloned: bool) -> None:
        """Add a value that was not met before, by its kind."""
        if isinstance(value, type):
            classes.a_class(self, value)
        elif kind is types.FunctionType:
            functions.function(self, value)
        elif is_public(value, kind):
            self.touch(value.__module__)
            self.note("installed", value.__module__, value.__qualname__)
        elif isinstance(value, types.ModuleType):
            modules.module(self, value)
        elif (add := KINDS.get(kind)) is not None:
            add(self, value, cloned)
        elif isinstance(value, _BUILTIN):
            functions.builtin(self, value)
        elif isinstance(value, _DESCRIPTORS):
            owner = value.__objclass__
            self.note("descriptor", value.__name__)
            self.under(f" of {owner.__qualname__}", owner)
        elif not holding.data(self, value):
            objects.instance(self, value, kind, cloned)

    def add_subclasses(self) -> bool:
        """Add the subclasses of the classes that were met; whether there were any more."""
        found, self.classes = self.classes, []
        classes.add_subclasses(self, found)
        return bool(found)
