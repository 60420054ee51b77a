"""The arguments of one call, followed to what they were made of."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import FrameType

from autotrack.lineage.dataflow.branches import outcome
from autotrack.lineage.dataflow.calls import call
from autotrack.lineage.dataflow.containers import elements
from autotrack.lineage.dataflow.flow import Flow, combined
from autotrack.lineage.dataflow.names import name
from autotrack.lineage.dataflow.parts import attribute, subscript
from autotrack.lineage.dataflow.place import Place, call_of
from autotrack.lineage.dataflow.walk import Walk
from autotrack.lineage.prediction_index import PredictionIndex
from autotrack.lineage.program.call_site import users_frame
from autotrack.lineage.program.syntax import (
    argument,
    expressions,
    has_starred,
    operation,
    unpacked_argument,
)
from autotrack.lineage.values import operations
from autotrack.lineage.values.operations import UNKNOWN


class Dataflow:
    """Follows the arguments of one call.

    Parameters
    ----------
    index : PredictionIndex
    frame : frame or None
        A frame at or below the one that makes the call.
    """

    def __init__(self, index: PredictionIndex, frame: FrameType | None) -> None:
        self._index = index
        self._walk: Walk | None = None  # which most calls do without
        self._frame = users_frame(frame)
        # What is predicted for this call is newer than the call before it at the same place.
        self._since = index.judged_from(self._frame)
        self._call: tuple[ast.Call, Place] | None = None
        self._looked = False

    @property
    def frame(self) -> FrameType | None:
        """The frame of the user's code that makes the call."""
        return self._frame

    @property
    def missed_sparse(self) -> bool:
        """Whether a sparse matrix was met, of which it is not told how it came about."""
        return self._walk is not None and self._walk.missed_sparse

    def argument(
        self, names: Sequence[str], name: str, value: object, placed: int | None = None
    ) -> list[Flow]:
        """How the argument `name` of the call may have come about; empty where nothing is known.

        Parameters
        ----------
        names : sequence of str
            The parameters of the called function, in order.
        name : str
            The one that is asked for.
        value : object
            What was passed.
        placed : int, optional
            How many arguments the function got by their place. Where the call has fewer, as that
            of a `partial` has, they are the last ones.
        """
        if not self._looked:
            self._call, self._looked = call_of(self._frame), True
        if self._call is None:
            return []
        node, place = self._call
        bound = 0
        if placed is not None and not has_starred(node.args):
            bound = max(0, placed - len(node.args))
        given = argument(node, names, name, bound=bound)
        unpacked = unpacked_argument(node, names, name) if given is None else None
        if given is None and unpacked is None:
            return []
        if self._walk is None:
            self._walk = Walk(self._index, _flows)
        place = replace(place, at=given or node, since=self._since)
        try:
            if unpacked is not None:
                flows = elements(self._walk, unpacked[0], place, unpacked[1])
                if not all(flow.exact for flow in flows):
                    return []  # what is not told apart from the other elements shows nothing
            else:
                assert given is not None
                flows = self._walk.follow(given, place)
        except RecursionError:  # the user's own calls are nearly too deep already
            return []
        if not place.text.is_readable:  # it was changed since it was run
            return []
        return [f if f.value is not UNKNOWN else replace(f, value=value) for f in flows]


def _flows(walk: Walk, node: ast.AST, place: Place) -> Iterable[Flow]:
    """How an expression of any kind may have come about."""
    match node:
        case ast.Constant(value=value):
            return [Flow(value, exact=True)]
        case ast.Name():
            return name(walk, node, place)
        case ast.Attribute():
            return attribute(walk, node, place)
        case ast.Subscript():
            return subscript(walk, node, place)
        case ast.Call():
            return call(walk, node, place)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            taken = outcome(test, node, place)
            if taken is not None:
                return walk.follow(body if taken else orelse, place)
            return [*walk.follow(body, place), *walk.follow(orelse, place)]
        case ast.NamedExpr(value=value):
            return walk.follow(value, place)
        case ast.Lambda():
            return [Flow()]  # what it will be made of is known when it is called
    function, parts = operation(node)
    if function is None:
        return _not_understood(walk, node, place)
    operands = [walk.follow(part, place) for part in parts]
    return combined(operands, lambda values: operations.apply(function, values))


def _is_of_several(node: ast.AST) -> bool:
    """Whether a loop goes over several containers, or counts the elements of one."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("zip", "enumerate")
    )


def _not_understood(walk: Walk, node: ast.AST, place: Place) -> list[Flow]:
    """Everything that a part of the source that is not understood may be made of."""
    parts = list(expressions(node))
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        place = place.moved(place.at, many=True)
        if all(_is_of_several(c.iter) for c in node.generators):
            # What of the several containers is used is followed by its name.
            parts = [part for part in parts if part not in {c.iter for c in node.generators}]
    operands = [walk.follow(part, place) for part in parts]
    return walk.vaguely(operands, node, place)
