"""One walk through the user's code: how far it goes, and what it has seen already."""

from __future__ import annotations

import ast
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import CodeType
from typing import TypeAlias

from autotrack.lineage.dataflow.flow import Flow, combined, distinct
from autotrack.lineage.dataflow.place import Place
from autotrack.lineage.prediction import Prediction
from autotrack.lineage.prediction_index import PredictionIndex
from autotrack.lineage.program.call_site import span
from autotrack.lineage.values.operations import UNKNOWN

# How far an expression is followed, and in how many steps.
_DEEPEST = 40
_MOST_STEPS = 1500
# Seconds of the processor's time, since the user's call waits for it. Nearly all take a thousandth.
_LONGEST = 0.2

#: What follows an expression of any kind.
Follower: TypeAlias = "Callable[[Walk, ast.AST, Place], Iterable[Flow]]"


class Walk:
    """Follows expressions, each once, and stops at a depth and a number of steps.

    Parameters
    ----------
    index : PredictionIndex
    follower : callable
        What is asked for each expression; it asks the walk for the parts. A function: a method
        of what holds the walk would keep the user's variables alive with it.
    """

    def __init__(self, index: PredictionIndex, follower: Follower) -> None:
        self.index = index
        self.thread = threading.get_ident()
        self._follower = follower
        self._steps = 0
        # Of the processor's time; None before it has begun.
        self._until: float | None = None
        self._helpers: list[CodeType] = []
        self._under_way: set[tuple[int | str, ...]] = set()
        self._known: dict[tuple[int, int, bool, int], list[Flow]] = {}
        # Orders of the predictions that were made by a call that was followed.
        self.followed: set[int] = set()
        #: Whether a sparse matrix was met, of which it is not told how it came about.
        self.missed_sparse = False
        # Objects that `id`s above stand for.
        self._kept: list[object] = []

    @contextmanager
    def into(self, code: CodeType) -> Iterator[bool]:
        """Enter a helper's body; False where that would go too far, or it calls itself."""
        if len(self._under_way) > _DEEPEST // 2 or code in self._helpers:
            yield False
            return
        self._helpers.append(code)
        try:
            yield True
        finally:
            self._helpers.pop()

    @contextmanager
    def among(self, node: ast.AST, place: Place) -> Iterator[bool]:
        """Look for the elements of a container; False where that is under way, or too far."""
        mark = (id(node), place.context, "elements")
        self._steps += 1
        if mark in self._under_way or self._has_gone_far:
            yield False
            return
        self._kept.append((place.arguments, node))
        self._under_way.add(mark)
        try:
            yield True
        finally:
            self._under_way.discard(mark)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read a source, which is done once and counts for nobody."""
        began = time.thread_time()
        try:
            yield
        finally:
            if self._until is not None:
                self._until += time.thread_time() - began

    @property
    def _has_gone_far(self) -> bool:
        if self._until is None:
            self._until = time.thread_time() + _LONGEST
        far = len(self._under_way) > _DEEPEST or self._steps > _MOST_STEPS
        return far or time.thread_time() > self._until

    def follow(self, node: ast.AST, place: Place) -> list[Flow]:
        """How an expression may have come about."""
        mark = id(node), place.context
        key = (*mark, place.many, place.since)
        if key in self._known:
            return self._known[key]
        self._steps += 1
        if mark in self._under_way:
            # Such as a total, to which each turn of a loop adds.
            return [Flow(again=True, seen=False)]
        if self._has_gone_far:
            return [Flow(seen=False)]
        self._kept.append((place.arguments, node))
        self._under_way.add(mark)
        try:
            flows = distinct(self._follower(self, node, place))
        finally:
            self._under_way.discard(mark)
        self._known[key] = flows
        return flows

    def object(self, value: object) -> list[Flow]:
        """What an object is, if it is a prediction."""
        found = self.index.of_object(value)
        if found is None:
            return []
        if found.is_unchanged(value):
            held = found.held()
            return [Flow(value if held is None else held, (found,), exact=True)]
        return [Flow(value, (found,), exact=False)]

    def predicted_during(self, node: ast.AST, place: Place) -> list[tuple[Prediction, int]]:
        """Predictions that were made while a part of the source ran, newest first."""
        made = self.index.made_within(place.filename, span(node))
        if place.within is not None:
            made = [(p, depth) for p, depth in made if p.order in place.within]
        if place.since:
            made = [(p, depth) for p, depth in made if p.order > place.since]
        return made

    def vaguely(
        self, operands: Sequence[Sequence[Flow]], node: ast.AST, place: Place
    ) -> list[Flow]:
        """What may be made of some values, and of what was predicted meanwhile."""
        flows = combined([o for o in operands if o], lambda values: UNKNOWN)
        known = {source.order for flow in flows for source in flow.sources}
        known |= self.followed
        made = [p for p, _ in self.predicted_during(node, place) if p.order not in known]
        if not made:
            return flows
        # All of them may have gone into it.
        return [
            replace(flow, sources=(*flow.sources, *made), exact=False, rows=None)
            for flow in flows or [Flow()]
        ]
