"""One way in which an expression may have come about, and how several come together."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from autotrack.lineage.prediction import Prediction
from autotrack.lineage.values.arrays import Array, plain_array, same
from autotrack.lineage.values.derivation import is_function_of
from autotrack.lineage.values.operations import UNKNOWN
from autotrack.lineage.values.plain import is_pandas, is_plain, is_rows, length_of
from autotrack.runtime.dataclass import dataclass

#: How many ways are kept of one expression.
MOST_FLOWS = 256
# How many predictions a container may hold to be compared one by one.
_MOST_ELEMENTS = 64
# How many ways are looked at when two expressions come together.
_MOST_PAIRS = 2048


# Flows that come together, and the orders of the predictions in them.
_Way: TypeAlias = "tuple[tuple[Flow, ...], frozenset[int]]"


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """One way in which an expression may have come about.

    Attributes
    ----------
    value : object
        What it is, where that is known.
    sources : tuple of Prediction
        The predictions that went into it.
    exact : bool
        Whether `value` follows from the sources by operations of the family alone; without sources,
        whether it is a plain value.
    foreign : bool
        Whether other data with a value for each row went into it.
    rows : array or None
        The rows of the sources that it holds; None for all of them in their order.
    of : int
        How many rows there are of what `rows` counts.
    seen : bool
        Whether everything that went into it was found.
    again : bool
        Whether it is made of itself, as a total to which each turn of a loop adds.
    likely : bool
        Whether each source is the newest prediction that was made at its place.
    """

    value: Any = UNKNOWN
    sources: tuple[Prediction, ...] = ()
    exact: bool = False
    foreign: bool = False
    rows: Array | None = None
    likely: bool = True
    of: int = 0
    seen: bool = True
    again: bool = False

    @classmethod
    def plain(cls, value: Any) -> Flow:
        """A value that has nothing to do with a prediction; UNKNOWN where it is not known."""
        return cls(value, exact=value is not UNKNOWN)

    @property
    def owners(self) -> set[object]:
        """Whose predictions went into it."""
        return {source.owner for source in self.sources}

    def vague(self, value: Any = UNKNOWN) -> Flow:
        """The same sources, by operations that are not known."""
        foreign = self.foreign or (not self.sources and is_rows(self.value))
        return Flow(
            value, self.sources, False, foreign, None, self.likely, 0, self.seen, self.again
        )

    def into(self, value: Any) -> Flow:
        """The flow into something that is `value` now.

        One that is computed and comes out as something else keeps what it computed: it is another
        round, branch or element that led to `value`.
        """
        if value is UNKNOWN:
            return self
        if not self.exact or self.is_now(value):
            return replace(self, value=value)
        rows = self._rows_by_index(value)
        if rows is not None:
            return replace(self, value=value, rows=rows, of=len(self.value))
        # What is in a container is asked for later, by what was put into it.
        return replace(self, value=value, exact=False, rows=None) if _contains(value) else self

    def is_now(self, value: Any) -> bool:
        """Whether what was computed is what `value` is now."""
        return self.exact and (self.value is value or _equal(self.value, value))

    def _rows_by_index(self, value: Any) -> Array | None:
        """The rows that a series holds of an earlier one, by its index."""
        earlier = self.value
        if not is_pandas(value, "Series") or self.rows is not None or not is_rows(earlier):
            return None
        if is_pandas(earlier, "Series") and earlier.index.is_unique:
            positions = earlier.index.get_indexer(value.index)
        elif value.index.dtype.kind in "iu":
            positions = np.asarray(value.index)
        else:
            return None
        if not len(positions) or positions.min() < 0 or positions.max() >= len(earlier):
            return None
        return positions if _equal(np.asarray(earlier)[positions], value) else None


def combined(
    operands: Sequence[Sequence[Flow]], function: Callable[[Sequence[Any]], Any]
) -> list[Flow]:
    """All ways in which the operands may have come together, computed."""
    ways: list[_Way] = [((), frozenset())]
    for operand in operands:
        most = max(1, _MOST_PAIRS // len(ways))
        fitting = [(f, frozenset(s.order for s in f.sources)) for f in (operand or [Flow()])[:most]]
        # Of many predictions at one place, those that are one and the same go together.
        longer = [
            ((*way, flow), known | mine)
            for way, known in ways
            for flow, mine in fitting
            if flow.likely or not known or not mine or known & mine
        ]
        longer.sort(key=_has_several_sources)  # which keeps the order of equals
        ways = longer[:MOST_FLOWS]
    return [_computed(way, function) for way, _ in ways]


def distinct(flows: Iterable[Flow]) -> list[Flow]:
    """The flows without those that say the same as an earlier one, at most `MOST_FLOWS`."""
    found: dict[object, Flow] = {}
    for flow in flows:
        sources = tuple(source.order for source in flow.sources)
        rows = None if flow.rows is None else id(flow.rows)
        kind = flow.exact, flow.foreign, flow.likely, flow.seen, flow.again
        key = sources, id(flow.value), rows, kind
        found.setdefault(key, flow)
        if len(found) >= MOST_FLOWS:
            return [*found.values(), Flow(seen=False)]  # ... or anything else
    return list(found.values())


def _has_several_sources(way: _Way) -> bool:
    return len(way[1]) > 1


def _computed(flows: Sequence[Flow], function: Callable[[Sequence[Any]], Any]) -> Flow:
    together = merged(*flows)
    sources, foreign = together.sources, together.foreign
    rows = next((flow.rows for flow in flows if flow.sources and flow.rows is not None), None)
    with_rows = [flow for flow in flows if flow.sources and is_rows(flow.value)]
    exact = all(flow.exact for flow in flows) and all(_same_rows(f.rows, rows) for f in with_rows)
    value = UNKNOWN
    if exact or not sources:
        value = function([flow.value for flow in flows])
    if sources:
        length = length_of(with_rows[0].value) if with_rows else -1
        foreign = foreign or any(_has_rows(f.value, length) for f in flows if not f.sources)
        exact = exact and not foreign and len(together.owners) == 1
    exact = exact and value is not UNKNOWN
    of = next((flow.of for flow in flows if flow.of), 0)
    return Flow(
        value, sources, exact, foreign, rows, together.likely, of, together.seen, together.again
    )


def merged(*flows: Flow) -> Flow:
    """The sources of all, by operations that are not known."""
    return Flow(
        flows[0].value if flows else UNKNOWN,
        union(*(flow.sources for flow in flows)),
        foreign=any(flow.foreign for flow in flows),
        likely=all(flow.likely for flow in flows),
        seen=all(flow.seen for flow in flows),
        again=any(flow.again for flow in flows),
    )


def union(*groups: Iterable[Prediction]) -> tuple[Prediction, ...]:
    """Every prediction once, in order."""
    found: dict[int, Prediction] = {}
    for prediction in itertools.chain(*groups):
        found.setdefault(id(prediction), prediction)
    return tuple(found.values())


def selects_rows(key: Flow, held: Any) -> bool:
    """Whether a key made of a prediction chooses rows of other data, and names nothing."""
    rows = key.sources[0].held()
    if rows is None or not is_rows(key.value):
        return True
    known = plain_array(key.value)
    return known is None or known.dtype.kind == "b" or length_of(held) == len(rows)


def sources_of_element(flow: Flow, value: Any) -> tuple[Prediction, ...]:
    """Which predictions of a container one of its elements can have been made of."""
    array = plain_array(value) if len(flow.sources) > 1 else None
    if array is None:
        return flow.sources
    known = [(source, held) for source in flow.sources if (held := source.held()) is not None]
    equal = tuple(source for source, held in known if same(held, array))
    return equal or tuple(s for s, held in known if is_function_of(array, held)) or flow.sources


def _equal(a: Any, b: Any) -> bool:
    if not is_plain(a) or not is_plain(b):
        return False
    first, second = plain_array(a), plain_array(b)
    if first is not None and second is not None:
        return same(first, second)
    if type(a) is not type(b) or type(a) not in (list, tuple, dict) or len(a) != len(b):
        return False
    if len(a) > _MOST_ELEMENTS or (type(a) is dict and a.keys() != b.keys()):
        return False
    pairs = [(a[key], b[key]) for key in (a if type(a) is dict else range(len(a)))]
    return all(_equal(one, other) for one, other in pairs)


def _contains(value: Any) -> bool:
    """Whether a value may hold several predictions, or may hold others by now."""
    if type(value) in (list, tuple):
        return any(map(is_rows, value[:1]))
    return type(value) is dict or is_pandas(value, "DataFrame")


def _same_rows(a: Array | None, b: Array | None) -> bool:
    if a is None or b is None:
        return a is b
    return a is b or np.array_equal(a, b)


def _has_rows(value: Any, length: int) -> bool:
    """Whether a value has an element for each of so many rows."""
    return is_rows(value) and length_of(value) == length
