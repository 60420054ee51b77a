"""How a value is gone through: each object once, code after all else, and where one is on the way.

What is done with each kind of value stands in the modules beside this one; `Walk.look_into` is
where a class that knows them all chooses.
"""

from __future__ import annotations

import types
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from autotrack.describe.data.digest import Sink, add_array, add_cells, note
from autotrack.describe.origins import top_of
from autotrack.runtime.patching import unwrapped

#: So many objects are looked at; it takes about two seconds.
MOST = 500_000
#: Kinds that are written down as they are.
PLAIN = frozenset(
    {type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented)}
)
# Of an integer that is noted in decimal.
_MOST_BITS = 10_000
_DEEPEST = 100
# More items than this are digested together where their kinds allow for it.
_FEW = 8
_ROWS = frozenset({list, tuple})
# Kinds of cells that `digest.add_cells` tells apart by their values.
_CELLS = PLAIN - {type(Ellipsis), type(NotImplemented)}
# A cached property, and whatever `functools.wraps` was used on, has a text of its own.
_OF_TEXT = frozenset({"__doc__", "__annotations__"})


class Undigestible(Exception):  # noqa: N818 - an answer, which every caller has to expect
    """A value holds something whose content cannot be told.

    Attributes
    ----------
    path : str
        Where it is, such as ``estimator.func``; empty for the value itself.
    reason : str
        What it is: ``a generator``.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{reason} ({path})" if path else reason)
        self.path = path
        self.reason = reason


class Walk(ABC):
    """A digest of several values, and what came to light on the way.

    Attributes
    ----------
    packages : set of str
        The top-level modules of what is installed that the values use.
    generators : list
        The random generators among the values.
    sink : Sink
        What is digested goes here.
    path : list of str
        The way to the value that is looked at.
    files : set of str
        The modules that were added by their files.
    classes : list of type
        The user's own classes that were met.
    asks_for_subclasses : bool
        Whether code was met that asks a class for its subclasses.
    """

    def __init__(self, *, most: int = MOST) -> None:
        self.packages: set[str] = set()
        self.generators: list[Any] = []
        self.sink = Sink()
        self.path: list[str] = []
        self.files: set[str] = set()
        self.classes: list[type] = []
        self.asks_for_subclasses = False
        self._most = most
        # By id, in the order they were met; what is alive keeps its id.
        self._numbers: dict[int, int] = {}
        self._alive: list[object] = []
        # Code is followed when all else is done: chains of calls are longer than the stack.
        self._later: deque[tuple[str, Callable[[], None]]] = deque()

    @abstractmethod
    def look_into(self, value: Any, kind: type, cloned: bool) -> None:
        """Add a value that was not met before, by its kind."""

    @abstractmethod
    def add_subclasses(self) -> bool:
        """Add the subclasses of the classes that were met; whether there were any more."""

    def another(self) -> Walk:
        """A walk of the same kind, for a part that is digested on its own."""
        return type(self)(most=self._most)

    def hexdigest(self) -> str:
        """The digest of all that was added."""
        return self.sink.hexdigest()

    def add(self, value: object, name: str = "", *, cloned: bool = False) -> None:
        """Add a value.

        Parameters
        ----------
        value : object
        name : str
            What it is called where it cannot be digested.
        cloned : bool
            Whether it is only ever used after ``sklearn.base.clone``: what an estimator learned
            does not count then.
        """
        try:
            self.under(name, value, cloned)
            self.follow()
        except RecursionError:
            raise self.undigestible("what is nested that deep") from None
        finally:
            self.path = []

    def later(self, path: str, work: Callable[[], None]) -> None:
        """Have something added when all else is."""
        self._later.append((path, work))

    def follow(self) -> None:
        """Add the bodies of the functions, classes and modules that were met."""
        while self._later or (self.asks_for_subclasses and self.add_subclasses()):
            if not self._later:
                continue
            path, work = self._later.popleft()
            self.path = [path]
            try:
                work()
            except (Undigestible, RecursionError):
                raise
            except Exception as error:
                said = f"what raised {type(error).__name__} when it was looked at"
                raise self.undigestible(said) from error

    def under(self, label: str, value: Any, cloned: bool = False) -> None:
        """Add a part of the value that is looked at, which `label` leads to."""
        if type(value) in PLAIN:
            # With more digits Python does not write it.
            huge = type(value) is int and value.bit_length() > _MOST_BITS
            note(self.sink, type(value).__name__, hex(value) if huge else value)
            return
        self.path.append(label)
        self._add(value, cloned)
        self.path.pop()

    def _add(self, value: Any, cloned: bool) -> None:
        if type(value) is types.FunctionType:
            value = unwrapped(value)
        kind = type(value)
        if kind in PLAIN:
            self.note(kind.__name__, value)
        elif kind is tuple:
            # By value: which equal ones are one and the same depends on how they were compiled.
            self.sequence(value, cloned)
        elif isinstance(value, np.generic) and not isinstance(value, np.object_):
            add_array(self.sink, np.array(value))
        elif not self.is_known(value):
            if len(self.path) > _DEEPEST:
                raise self.undigestible("what is nested that deep")
            try:
                self.look_into(value, kind, cloned)
            except (Undigestible, RecursionError):
                raise
            except Exception as error:
                raise self.undigestible(article(kind)) from error

    def is_known(self, value: object) -> bool:
        """Whether an object was met before; if so, it is added as that one."""
        number = self._numbers.get(id(value))
        if number is not None:
            self.note("again", number)
            return True
        self._numbers[id(value)] = len(self._numbers)
        self._alive.append(value)
        if len(self._alive) > self._most:
            raise self.undigestible(f"what holds more than {self._most} objects")
        return False

    def undigestible(self, reason: str) -> Undigestible:
        """What is raised of something that cannot be digested, here."""
        return Undigestible("".join(self.path).lstrip("."), reason)

    def note(self, *facts: object) -> None:
        """Add plain facts."""
        note(self.sink, *facts)

    def touch(self, module: str | None) -> None:
        """Have the version of a module count, if it is installed."""
        top = top_of(module)
        if top:
            self.packages.add(top)

    def sequence(self, value: Any, cloned: bool) -> None:
        """Add a list, or what is one."""
        self.note(type(value).__name__, len(value))
        self.items(value, cloned)

    def items(self, value: Any, cloned: bool) -> None:
        """Add values one after the other."""
        if len(value) > _FEW and _are_plain(value):
            add_cells(self.sink, value)
            return
        for number, item in enumerate(value):
            self.under(f"[{number}]", item, cloned)

    def attributes(self, held: Mapping[str, Any]) -> None:
        """Add values by their names, in whichever order they come."""
        names = sorted((name for name in held if name not in _OF_TEXT), key=str)
        self.note(len(names))
        for name in names:
            self.note(str(name))
            self.under(f".{name}", held[name])

    def unordered(self, label: str, values: Iterable[Any], cloned: bool = False) -> None:
        """Add values that have no order."""
        for found in sorted(self.apart(label, value, cloned) for value in values):
            self.sink.update(found)

    def apart(self, label: str, value: Any, cloned: bool = False) -> bytes:
        """The digest of a value on its own, where this is."""
        part = self.another()
        part.path = [*self.path, label]
        part._numbers, part._alive = dict(self._numbers), list(self._alive)
        part.files = set(self.files)
        part._add(value, cloned)
        part.follow()
        self.packages |= part.packages
        self.generators += part.generators
        self.classes += part.classes
        self.asks_for_subclasses |= part.asks_for_subclasses
        return part.sink.digest()


def name_of(kind: type) -> str:
    """A class by its module and name."""
    return f"{kind.__module__}.{kind.__qualname__}"


def article(kind: type) -> str:
    """Something of a class, as one says it: ``a generator``."""
    name = kind.__qualname__
    shown = name if kind.__module__ == "builtins" else name_of(kind)
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {shown}"


def _are_plain(items: Any) -> bool:
    """Whether these are numbers and texts, or rows of them."""
    kinds = {kind for kind in map(type, items) if not _is_scalar(kind)}
    if kinds <= _CELLS:
        return True
    return kinds <= _ROWS and all(set(map(type, item)) <= _CELLS for item in items)


def _is_scalar(kind: type) -> bool:
    return kind.__module__ == "numpy" and issubclass(kind, np.number | np.bool_)
