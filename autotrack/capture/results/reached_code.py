"""What code of the user's own a model uses, as text; and which of its seeds were never set.

Both are told from a look at the params of an estimator, which costs microseconds where all is of
installed packages. Only where something is the user's own is its code followed, as
`autotrack.describe.content` follows it.
"""

from __future__ import annotations

import functools
import types
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from autotrack.capture.parallel.random_draws import global_state
from autotrack.capture.results.reads import Read, reads_of
from autotrack.crates.packing.sources import source_of
from autotrack.describe.constructor import own_params
from autotrack.describe.content import Content, Undigestible
from autotrack.describe.content.walk import PLAIN
from autotrack.describe.origins import is_installed
from autotrack.describe.parts import held_by
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patching import unwrapped
from autotrack.tracking.facts import ReachedCode

#: What stands for draws of the user's own code, which has no param for a seed.
GLOBAL_GENERATOR = "numpy.random"

_SEEDS = ("random_state", "random_seed")
_CONTAINERS = frozenset({list, tuple, set, frozenset})
# Of a container so many items are looked at, and so deep.
_MOST_ITEMS = 200
_DEEPEST = 12
Thing = type | types.FunctionType

# Objects that are followed for their code: about 20 ms.
_MOST_OBJECTS = 5_000
# Classes whose instances hold no code.
_DATA = frozenset({"numpy", "pandas", "scipy", "polars", "pyarrow"})
# Pieces of code that are remembered.
_MOST_KNOWN = 64
_USES = ", which uses "
# Constants that are shown beside the code that reads them. Texts are not: they may be secrets.
_SHOWN = frozenset({bool, int, float})


@dataclass(frozen=True, slots=True)
class Overview:
    """What a look at the params of an estimator says.

    Attributes
    ----------
    own : tuple of type and function
        The user's own classes and functions in it.
    unseeded : tuple of str
        The params for seeds that are None, by scikit-learn's keys.
    state : bytes or None
        NumPy's global generator by then, where it matters whether the fit draws from it.
    """

    own: tuple[Thing, ...]
    unseeded: tuple[str, ...]
    state: bytes | None

    def unset_seeds(self, *, drew: bool = False) -> str:
        """The seeds that would have been needed, if numbers were drawn without them meanwhile.

        Parameters
        ----------
        drew : bool
            Whether it is known that they were, perhaps in another process.
        """
        if not (self.unseeded or self.own):
            return ""
        if not drew and self.state == global_state():
            return ""
        return ", ".join(self.unseeded) or GLOBAL_GENERATOR


def look_over(
    estimator: object, others: Mapping[str, object] = types.MappingProxyType({})
) -> Overview:
    """Look at the params of an estimator, at every level, and at what it is used with."""
    look = _Look()
    look.at(estimator, "", 0)
    for name, value in others.items():
        look.at(value, name, 0)
    unseeded = tuple(dict.fromkeys(look.unseeded))
    own = tuple(look.own.values())
    return Overview(own, unseeded, global_state() if unseeded or own else None)


class _Look:
    def __init__(self) -> None:
        #: By identity: a metaclass may say what it likes about equality.
        self.own: dict[int, Thing] = {}
        self.unseeded: list[str] = []

    def _note(self, thing: Thing, home: str | None) -> None:
        if not is_installed(home):
            self.own[id(thing)] = thing

    def at(self, value: Any, key: str, depth: int) -> None:
        kind = type(value)
        if kind in PLAIN or depth > _DEEPEST:
            return
        if kind is types.FunctionType:
            value = unwrapped(value)
            self._note(value, value.__globals__.get("__name__"))
        elif isinstance(value, type):
            self._note(value, value.__module__)
        elif kind in _CONTAINERS:
            self._items(value, key, depth)
        elif kind is dict:
            self._items(value.values(), key, depth)
        elif kind is functools.partial:
            self._items((value.func, *value.args, *value.keywords.values()), key, depth)
        elif kind is types.MethodType:
            self._items((value.__func__, value.__self__), key, depth)
        elif kind.__module__.partition(".")[0] not in _DATA:
            self._object(value, kind, key, depth)

    def _items(self, values: Any, key: str, depth: int) -> None:
        for _, item in zip(range(_MOST_ITEMS), values, strict=False):
            named = isinstance(item, tuple) and len(item) > 1 and isinstance(item[0], str)
            if named:  # a step of a pipeline
                below = f"{key.rpartition('__')[0]}__{item[0]}".removeprefix("__")
                for part in item[1:]:
                    self.at(part, below, depth + 1)
            else:
                self.at(item, key, depth + 1)

    def _object(self, value: Any, kind: Any, key: str, depth: int) -> None:
        self._note(kind, kind.__module__)
        held: Mapping[str, Any] = held_by(value)
        get_params = getattr(kind, "get_params", None)
        if getattr(get_params, "__module__", None) == "sklearn.base":
            held = own_params(value)
            if PLAIN.issuperset(map(type, held.values())):  # as nearly always
                for name in _SEEDS:
                    if held.get(name, "") is None and held.get("shuffle", True):
                        self.unseeded.append(f"{key}__{name}" if key else name)
                return
        for name, part in held.items():
            # What is learned, where another `get_params` would have to be asked: that of a pipeline
            # takes longer than all else here.
            if get_params is not None and (name[-1:] == "_" or name[:1] == "_"):
                continue
            if part is None:
                if name in _SEEDS and held.get("shuffle", True):
                    self.unseeded.append(f"{key}__{name}" if key else name)
            elif type(part) not in PLAIN:
                self.at(part, f"{key}__{name}" if key else name, depth + 1)


class _Reached(Content):
    """The walk over all that a value uses, which notes the user's own code on its way."""

    def __init__(self, *, most: int = _MOST_OBJECTS) -> None:
        super().__init__(most=most)
        self.found: dict[str, Thing] = {}
        self.functions: list[types.FunctionType] = []
        self.constants: dict[str, str] = {}

    def another(self) -> _Reached:
        part = _Reached(most=self._most)
        part.found, part.constants = self.found, self.constants
        part.functions = self.functions
        return part

    def look_into(self, value: Any, kind: type, cloned: bool) -> None:
        if isinstance(value, type):
            if not is_installed(value.__module__):
                self._note(value.__module__, value)
        elif kind is types.FunctionType:
            home = value.__globals__.get("__name__")
            owner = value.__qualname__.rpartition(".")[0]
            # A method is part of the text of its class.
            if not is_installed(home):
                self.functions.append(value)
                if not owner or owner.endswith("<locals>"):
                    self._note(home, value)
        super().look_into(value, kind, cloned)

    def under(self, label: str, value: Any, cloned: bool = False) -> None:
        if type(value) in _SHOWN and label.startswith(_USES):
            reader = self.path[0] if self.path else ""
            line = f"{label.removeprefix(_USES)} = {value!r}"
            self.constants[f"{line}  # read by {reader}" if reader else line] = ""
        super().under(label, value, cloned)

    def _note(self, home: str | None, thing: Thing) -> None:
        name = f"{home or '__main__'}.{thing.__qualname__}".replace(".<locals>", "")
        number, key = 1, name
        while self.found.setdefault(key, thing) is not thing:
            number += 1
            key = f"{name} ({number})"


def reached_code(own: Sequence[Thing]) -> ReachedCode:
    """The text of classes and functions of the user's own, and of all that they use.

    Following it takes up to some milliseconds, and models are fitted in loops; so what was found is
    taken again as long as every name that the code reads stands for what it did.
    """
    key = tuple(map(id, own))
    known = _known.get(key)
    if known is not None and known.holds(own):
        return known.code
    walk, unknown = _Reached(), ""
    try:
        for thing in own:
            walk.add(thing)
    except Undigestible as error:
        unknown = str(error)
    texts = {name: source_of(thing) or "" for name, thing in walk.found.items()}
    if walk.constants:
        texts["constants"] = "".join(f"{line}\n" for line in sorted(walk.constants))
    code = ReachedCode.of(texts, "" if unknown else walk.hexdigest(), unknown)
    reads = None if unknown or walk.files else reads_of(walk.found.values(), walk.functions)
    if reads is not None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[key] = _Known(tuple(map(weakref.ref, own)), reads, code)
    return code


@dataclass(frozen=True, slots=True)
class _Known:
    """Code that was followed, and what tells that it would be followed to the same."""

    own: tuple[weakref.ref[Any], ...]
    reads: Sequence[Read]
    code: ReachedCode

    def holds(self, own: Sequence[Thing]) -> bool:
        """Whether it is the code of these, as it is now."""
        same = all(reference() is thing for reference, thing in zip(self.own, own, strict=True))
        return same and all(place.get(name) is value for place, name, value in self.reads)


_known: dict[tuple[int, ...], _Known] = {}
