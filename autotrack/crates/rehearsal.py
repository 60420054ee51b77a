"""A pickle played through with stand-ins: all that loading it would do, and nothing done.

The interpreter's own unpickler follows the outline of a file. Whatever it asks for by name is a
stand-in, so that every call the stream would make, and every change to a thing it names, is heard
here first, with its arguments. Both passes are of the same unpickler over the same opcodes, so
there is no second reading of the format that could differ from the first.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from autotrack.errors import CrateFormatError

_READ_AT_ONCE = 1 << 20
#: Module and name, as the stream says them.
Name = tuple[str, str]
#: What becomes of a call, or a complaint (:class:`OddError`).
Call = Callable[..., Any]


class OddError(Exception):
    """A call or a state that no pickler writes."""


#: What the unpickler asks an instance for, by name.
_HIDDEN = frozenset({"__setstate__", "append", "extend", "add"})


def must(is_so: object, complaint: str) -> None:
    """Complain unless it is so."""
    if not is_so:
        raise OddError(complaint)


class _Kind(type):
    """The class of stand-ins for what a stream names: it hears what is done with them."""

    name: Name
    report: Report
    #: What a call gives; None if it may not be called.
    call: Call | None

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        cls.report.called.add(cls.name)
        return cls.made() if cls.call is None else cls.call(cls, *args, **kwargs)

    def made(cls) -> Any:
        """A stand-in of an instance."""
        return object.__new__(cls)  # type: ignore[arg-type]

    def _changed(cls) -> Callable[..., None]:
        cls.report.changed.add(cls.name)
        return _nothing

    # Properties of the class's class come before what an instance has under these names.
    __setstate__ = append = extend = add = property(_changed)

    def __setitem__(cls, key: object, value: object) -> None:
        cls.report.changed.add(cls.name)


def _nothing(*args: object) -> None:
    pass


class Thing(metaclass=_Kind):
    """A stand-in of an instance; it takes in whatever it is given.

    What is set on it stays on it, since it may be what is called in the end.
    """

    name: Name = ("", "")

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __setattr__(self, name: str, value: object) -> None:
        # Reached by no pickle of protocol 5 but for classes with slots.
        self.__dict__[name] = value

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Note that an instance is called, which no pickler writes."""
        cls = type(self)
        cls.report.called_instances.add(cls.name)
        return cls.report.anything()

    append = extend = add = _nothing


class Built(Thing):
    """... that takes any state, or what `state` says."""

    state: Callable[[Any, Any], None] | None = None
    report: Report

    def __setstate__(self, state: object) -> None:
        """Take the state, after a look at it."""
        if isinstance(state, dict) and not _HIDDEN.isdisjoint(state):
            type(self).report.complain(type(self).name, "hides a method that unpickling calls")
        check = type(self).state
        if check is not None:
            try:
                check(self, state)
            except OddError as complaint:
                type(self).report.complain(type(self).name, complaint)


class Bare(Built):
    """... whose bare instances pickles make, and give a state."""

    def __new__(cls, *args: object, **kwargs: object) -> Bare:
        """Complain of arguments: classes written in C may take them unchecked."""
        if args or kwargs:
            cls.report.complain(cls.name, "is made with arguments")
        return object.__new__(cls)


class Unmade(Built):
    """... whose class is named by pickles, and never called by them nor made anew."""

    def __new__(cls, *args: object, **kwargs: object) -> Unmade:
        """Complain."""
        cls.report.called.add(cls.name)
        return object.__new__(cls)


class Maker:
    """A stand-in of a function that a stream may call with certain arguments."""

    def __init__(self, name: Name, report: Report, call: Call) -> None:
        self.name, self.report, self._call = name, report, call

    def __call__(self, *args: Any) -> Any:
        """The call, if its arguments are those that a pickler writes."""
        try:
            return self._call(*args)
        except (OddError, TypeError) as complaint:
            self.report.complain(self.name, complaint)
            return self.report.anything()

    def __setstate__(self, state: object) -> None:
        """Note that the function is altered."""
        self.report.changed.add(self.name)

    def __setitem__(self, key: object, value: object) -> None:
        self.report.changed.add(self.name)

    append = extend = add = __setstate__


class _Anything(_Kind):
    """Of what is trusted whatever it does: what it returns may be a class as well."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        cls.report.called.add(cls.name)
        return cls.report.anything(cls.name)

    __setstate__ = append = extend = add = property(lambda cls: _nothing)

    def __setitem__(cls, key: object, value: object) -> None:
        pass


class Whatever(Built, metaclass=_Anything):
    """A stand-in for what nothing is asked of."""


@dataclass(eq=False)
class Report:
    """What a stream was heard to do.

    Attributes
    ----------
    names : dict
        What it names, with the stand-ins.
    called : set of Name
        Classes and functions that it calls.
    called_instances : set of Name
        Classes whose instances it calls.
    changed : set of Name
        Classes and functions that it alters.
    complaints : dict of Name to str
        What it does with things that no pickler would.
    """

    names: dict[Name, Any] = field(default_factory=dict)
    called: set[Name] = field(default_factory=set)
    called_instances: set[Name] = field(default_factory=set)
    changed: set[Name] = field(default_factory=set)
    complaints: dict[Name, str] = field(default_factory=dict)

    def complain(self, name: Name, complaint: object) -> None:
        """Note what is odd about the use of `name`."""
        self.complaints.setdefault(name, str(complaint))

    def kind(self, name: Name, base: type[Thing], **facts: Any) -> Any:
        """A stand-in for the class, or else the function, of this name."""
        facts = {"call": None, **facts, "name": name, "report": self}
        # The class of the class makes it, without being called as one of its stand-ins is.
        return type.__call__(type(base), name[1], (base,), facts)

    def anything(self, name: Name = ("", "")) -> Any:
        """A stand-in that may be a class or an instance, and of which nothing is asked."""
        return self.kind(name, Whatever)


#: Makes the stand-in for a name.
Cast = Callable[[Report, Name], Any]


def rehearse(outline: bytes, count: int, cast: Cast, what: object) -> Report:
    """Follow the `count` pickles of an outline with stand-ins.

    Parameters
    ----------
    outline : bytes
        As :func:`autotrack.crates.opcodes.outline` gives it.
    count : int
    cast : callable
        Makes a stand-in for each name.
    what : object
        What is being read, for messages.

    Raises
    ------
    CrateFormatError
        If the stream is none that a pickler writes.
    """
    report = Report()
    # Buffered, so that the unpickler need not ask for each opcode by itself.
    file: Any = io.BufferedReader(io.BytesIO(outline), _READ_AT_ONCE)
    unpickler = _Rehearsal(file, cast, report)
    try:
        for _ in range(count):
            unpickler.load()
    except Exception as error:
        if report.complaints:
            return report  # which say it better
        raise CrateFormatError(
            f"{what} holds no pickle that can be followed ({type(error).__name__}: "
            f"{error!s:.200}); the file was damaged or made by hand, so it was not opened"
        ) from error
    return report


class _Rehearsal(pickle.Unpickler):
    def __init__(self, file: Any, cast: Cast, report: Report) -> None:
        super().__init__(file)
        self._cast = cast
        self._report = report

    def find_class(self, module: str, name: str) -> Any:
        names = self._report.names
        found = names.get((module, name))
        if found is None:
            found = names[module, name] = self._cast(self._report, (module, name))
        return found


def cast_anything(report: Report, name: Name) -> Any:
    """A stand-in of which nothing is asked, for any name."""
    return report.anything(name)


def is_kind(value: object) -> bool:
    """Whether `value` stands for a class that the stream named."""
    return isinstance(value, _Kind)
