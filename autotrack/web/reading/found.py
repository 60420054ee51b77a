"""Which runs a view asks for: all of them, by number, and as trees where only children matched."""

from __future__ import annotations

import heapq
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any, TypeVar, cast

from autotrack.runtime.dataclass import dataclass
from autotrack.store.search import pages
from autotrack.store.search.query import Query, compiled_for
from autotrack.store.store import Store
from autotrack.web.reading.kinds import Kinds
from autotrack.web.reading.view import View

T = TypeVar("T")
# So many views are remembered, until something in the store changes.
_MOST_VIEWS = 24
# The newest runs of those that match tell which columns vary.
_SAMPLE = 500
_MOST_KEYS = 400
_MOST_LEARNT = 100_000
# Seconds that a completion waits for all keys to be read.
_PATIENCE = 0.1


@dataclass(frozen=True, slots=True)
class Found:
    """The runs that a view asks for.

    Attributes
    ----------
    matches : sequence of int
        The number of every run that matches, in the order of the view.
    roots : sequence of int
        The runs that stand as lines: those that match, or have a match below them.
    hits : dict
        The matches below a root.
    keys : sequence of Key
        The params and metrics of the newest of them.
    sample : int
        How many of them were looked at for these.
    """

    matches: Sequence[int]
    roots: Sequence[int]
    hits: dict[int, list[int]] = field(default_factory=dict)
    keys: Sequence[pages.Key] = ()
    sample: int = 0


class Reader:
    """Reads a store for pages, and remembers what it found until the store changes."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._views: OrderedDict[object, Found] = OrderedDict()
        self._made: OrderedDict[object, Any] = OrderedDict()
        self._learner: threading.Thread | None = None
        self._catalogue = Store(store.root, create=False, lazy=True)
        self._keys: dict[str, set[str]] = {family: set() for family in pages.FAMILIES}
        self._keys_until = 0
        self._contexts: tuple[object, Kinds] | None = None

    def found(self, view: View) -> Found:
        """The runs that a view asks for.

        Raises
        ------
        FilterError
            If its filter or its order cannot be understood.
        """
        self.store.reap()
        with self.store.reading() as connection:
            if view.status and view.where:
                # By itself, so that a caret stands where the reader wrote.
                compiled_for(connection, Query(where=view.where))
            key = pages.state_of(connection), view.query(), view.children
            with self._lock:
                if key in self._views:
                    self._views.move_to_end(key)
                    return self._views[key]
            pairs = pages.matching(connection, view.query())
            matches = [number for number, _ in pairs]
            roots: Sequence[int] = matches
            hits: dict[int, list[int]] = {}
            if view.where and not view.children:
                above = pages.roots_of(connection, [n for n, parent in pairs if parent is not None])
                for number, parent in pairs:
                    root = number if parent is None else above.get(number, number)
                    below = hits.setdefault(root, [])
                    if root != number:
                        below.append(number)
                roots = list(hits)
            sample = heapq.nlargest(_SAMPLE, matches)
            keys = pages.keys_of(connection, sample, _MOST_KEYS)
            found = Found(matches, roots, hits, keys, len(sample))
        with self._lock:
            self._views[key] = found
            while len(self._views) > _MOST_VIEWS:
                self._views.popitem(last=False)
        return found

    def remembered(self, key: object, make: Callable[[], T]) -> T:
        """What was made for a key since the store changed, or is made now."""
        with self.store.reading() as connection:
            state = pages.state_of(connection)
        with self._lock:
            if (state, key) in self._made:
                return cast("T", self._made[state, key])
        made = make()
        with self._lock:
            self._made[state, key] = made
            while len(self._made) > _MOST_VIEWS:
                self._made.popitem(last=False)
        return made

    def lines(self, numbers: Sequence[int]) -> list[pages.Line]:
        """These runs, in this order."""
        with self.store.reading() as connection:
            return pages.lines(connection, numbers)

    def kinds(self) -> Kinds:
        """What tells kinds of metrics apart in this store."""
        with self.store.reading() as connection:
            state = pages.state_of(connection)
            if self._contexts is None or self._contexts[0] != state:
                self._contexts = state, Kinds.of(pages.contexts(connection))
        return self._contexts[1]

    def keys(self, family: str) -> set[str]:
        """The keys of a family: every one that there is, once all runs have been read.

        To read all keys of a large store takes a second, for which nobody is kept waiting: until
        then it is those of the newest runs, and those that were known before.
        """
        with self._lock:
            if self._learner is None or not self._learner.is_alive():
                self._learner = threading.Thread(target=self._learn, daemon=True)
                self._learner.start()
            learner = self._learner
        learner.join(_PATIENCE)
        found = set(self._keys.get(family, ()))
        if learner.is_alive():
            with self.store.reading() as connection:
                newest = pages.newest(connection)
                numbers = range(max(0, newest - _SAMPLE), newest + 1)
                sample = pages.keys_of(connection, numbers, _MOST_LEARNT)
            found |= {key.key for key in sample if key.family == family}
        return found

    def _learn(self) -> None:
        """Read the keys of the runs that came since this was last done; the first time of all."""
        # On a connection of its own, which need not be waited for.
        with self._catalogue.reading() as connection:
            newest = pages.newest(connection)
            # Those that were running then may have got further ones.
            after = max(0, self._keys_until - _SAMPLE)
            if newest != self._keys_until or not newest:
                for name, keys in pages.all_keys(connection, after).items():
                    self._keys[name] = self._keys[name] | keys
                self._keys_until = newest
