"""What an expression in the user's code is made of: which predictions, and by which operations.

An expression is followed from the call it is an argument of: names to their definitions, parameters
to the caller's arguments, helpers into their bodies, containers to what was put into them. Whatever
belongs to the family in :mod:`autotrack.capture.operations` is computed again from the predictions.
Nothing of the user's is called.
"""

from __future__ import annotations

import ast
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import FrameType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autotrack.capture import operations
from autotrack.capture.arrays import Array, plain_array, same
from autotrack.capture.callsite import (
    CallSite,
    Definition,
    Text,
    attributes,
    call_site,
    span,
    span_of,
    text_of,
    users_frame,
)
from autotrack.capture.operations import UNKNOWN, is_pandas, is_rows
from autotrack.capture.prediction_index import PredictionIndex
from autotrack.capture.predictions import Prediction

# How far and wide an expression is followed.
_DEEPEST = 40
_MOST_FLOWS = 256
_MOST_STEPS = 4000
_OPTIMISED = 1  # the flag of a code whose variables are its own


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

    @property
    def owners(self) -> set[object]:
        """Whose predictions went into it."""
        return {source.owner for source in self.sources}

    def vague(self, value: Any = UNKNOWN) -> Flow:
        """The same sources, by operations that are not known."""
        foreign = self.foreign or (not self.sources and is_rows(self.value))
        return Flow(value, self.sources, False, foreign, None, self.likely, 0, self.seen)


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Where an expression stands: what its names mean there.

    Without a `frame` it is part of a helper that has returned: `arguments` is what it was called
    with, `names` what it sees around it, and `within` the predictions that were made meanwhile.
    `many` says that the expression may have been evaluated many times, for a container.
    """

    text: Text
    filename: str
    scope: ast.AST
    at: ast.AST | None
    frame: FrameType | None
    names: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Sequence[Flow]] = field(default_factory=dict)
    within: frozenset[int] | None = None
    many: bool = False

    def value(self, name: str) -> Any:
        """What a name stands for now; UNKNOWN where that cannot be told."""
        if self.frame is None:
            return self.names.get(name, UNKNOWN)
        code, held = self.frame.f_code, self.frame.f_globals
        if not code.co_flags & _OPTIMISED:
            found = self.frame.f_locals.get(name, UNKNOWN)
            return found if found is not UNKNOWN else _global(held, name)
        if name in code.co_varnames or name in code.co_cellvars or name in code.co_freevars:
            return self.frame.f_locals.get(name, UNKNOWN)
        return _global(held, name)

    def moved(self, at: ast.AST | None, *, many: bool = False) -> _Place:
        """The same place, at another expression."""
        return replace(self, at=at, many=self.many or many)


def _global(names: Mapping[str, Any], name: str) -> Any:
    if name in names:
        return names[name]
    builtins = names.get("__builtins__")
    held = builtins if isinstance(builtins, dict) else getattr(builtins, "__dict__", {})
    return held.get(name, UNKNOWN)


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
        self._frame = users_frame(frame)
        self._site: CallSite | None = None
        self._looked = False
        self._steps = 0
        self._thread = threading.get_ident()
        self._under_way: set[tuple[int, int]] = set()
        self._known: dict[tuple[int, int, bool], list[Flow]] = {}
        # Objects that `id`s above stand for.
        self._kept: list[object] = []

    @property
    def frame(self) -> FrameType | None:
        """The frame of the user's code that makes the call."""
        return self._frame

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
        if self._frame is None:
            return []
        if not self._looked:
            self._site, self._looked = call_site(self._frame), True
        site = self._site
        node = None
        if site is not None and site.node is not None:
            before = 0 if placed is None else max(0, placed - len(site.node.args))
            starred = any(isinstance(part, ast.Starred) for part in site.node.args)
            node = _argument(site.node, names[0 if starred else before :], name)
        if site is None or node is None:
            return []
        place = _Place(site.text, site.filename, site.text.scope_of(node), node, self._frame)
        flows = self._follow(node, place, 0)
        return [f if f.value is not UNKNOWN else replace(f, value=value) for f in flows]

    # -- expressions ------------------------------------------------------------------------------

    def _follow(self, node: ast.AST, place: _Place, depth: int) -> list[Flow]:
        context = id(place.frame) if place.frame is not None else id(place.arguments)
        mark, key = (id(node), context), (id(node), context, place.many)
        if key in self._known:
            return self._known[key]
        self._steps += 1
        if depth > _DEEPEST or self._steps > _MOST_STEPS or mark in self._under_way:
            return [Flow()]
        self._kept.append((place.arguments, node))
        self._under_way.add(mark)
        try:
            flows = list(itertools.islice(self._flows(node, place, depth + 1), _MOST_FLOWS))
        finally:
            self._under_way.discard(mark)
        self._known[key] = flows
        return flows

    def _flows(self, node: ast.AST, place: _Place, depth: int) -> Iterable[Flow]:
        match node:
            case ast.Constant(value=value):
                return [Flow(value, exact=True)]
            case ast.Name(id=name):
                return self._name(name, place, depth)
            case ast.Attribute():
                return self._attribute(node, place, depth)
            case ast.Subscript():
                return self._subscript(node, place, depth)
            case ast.Call():
                return self._call(node, place, depth)
            case ast.IfExp(body=body, orelse=orelse):
                return [*self._follow(body, place, depth), *self._follow(orelse, place, depth)]
            case ast.NamedExpr(value=value):
                return self._follow(value, place, depth)
            case ast.Lambda():
                return [Flow()]  # what it will be made of is known when it is called
        function, parts = _operation(node)
        if function is None:
            return self._opaque(node, place, depth)
        operands = [self._follow(part, place, depth) for part in parts]
        return _combined(operands, lambda values: operations.apply(function, values))

    def _opaque(self, node: ast.AST, place: _Place, depth: int) -> list[Flow]:
        """Everything that a part of the source that is not understood may be made of."""
        many = isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp)
        inner = place.moved(place.at, many=True) if many else place
        operands = [self._follow(part, inner, depth) for part in _expressions(node)]
        return self._vaguely(operands, node, inner)

    def _vaguely(
        self, operands: Sequence[Sequence[Flow]], node: ast.AST, place: _Place
    ) -> list[Flow]:
        """What may be made of some values, and of what was predicted meanwhile."""
        flows = _combined([o for o in operands if o], lambda values: UNKNOWN)
        known = {source.order for flow in flows for source in flow.sources}
        made = [p for p, _ in self._made(node, place) if p.order not in known]
        if not made:
            return flows
        # All of them may have gone into it.
        return [
            replace(flow, sources=(*flow.sources, *made), exact=False, rows=None)
            for flow in flows or [Flow()]
        ]

    def _made(self, node: ast.AST, place: _Place) -> list[tuple[Prediction, int]]:
        """Predictions that were made while a part of the source ran, newest first."""
        made = self._index.made_within(place.filename, span(node))
        if place.within is not None:
            made = [(p, depth) for p, depth in made if p.order in place.within]
        return made

    def _asked(self, node: ast.Call, place: _Place) -> list[Flow]:
        """What a model returned, if the call is one of a model's that predicts."""
        made = [
            p
            for p, depth in self._made(node, place)
            if depth == 0 or (place.within is not None and span_of(p.sites[depth]) == span(node))
            if span_of(p.sites[depth]) == span(node)
        ]
        if any(p.sites[0][0].co_filename != place.filename for p in made):
            return []  # predicted further down, by a helper
        here = [p for p in made if p.thread == self._thread] or made
        ranked = here if place.many else sorted(here, key=lambda p: -p.order)
        newest = ranked[0].order if ranked else 0
        flows = []
        for p in ranked[:_MOST_FLOWS]:
            # A model may return several arrays, which were predicted in one go.
            likely = place.many or p.order >= newest - _SEVERAL
            held = p.held()
            flows.append(
                Flow(
                    UNKNOWN if held is None else held,
                    (p,),
                    held is not None,
                    likely=likely and (place.many or p.model == ranked[0].model),
                )
            )
        return flows

    # -- names ------------------------------------------------------------------------------------

    def _name(self, name: str, place: _Place, depth: int) -> list[Flow]:
        value = place.value(name)
        if value is not UNKNOWN:
            found = self._object(value)
            if found and found[0].exact:
                return found
            if not is_rows(value) and not isinstance(value, dict | set):
                return [Flow(value, exact=True)]
        else:
            found = []
        flows = [*found, *self._defined(name, value, place, depth)]
        telling = [flow for flow in flows if flow.sources or flow.rows is not None]
        return (telling and flows) or [Flow(value, exact=value is not UNKNOWN)]

    def _object(self, value: object) -> list[Flow]:
        """What an object is, if it is a prediction."""
        found = self._index.of_object(value)
        if found is None:
            return []
        if found.is_unchanged(value):
            held = found.held()
            return [Flow(value if held is None else held, (found,), exact=True)]
        return [Flow(value, (found,), exact=False)]

    def _defined(self, name: str, value: Any, place: _Place, depth: int) -> Iterator[Flow]:
        scope: ast.AST | None = place.scope
        at = place.at
        while scope is not None:
            if name in _parameters(scope):
                yield from self._parameter(name, value, scope, place, depth)
            definitions = place.text.reaching(scope, name, at)
            if definitions or name in _parameters(scope):
                here = replace(place, scope=scope)
                yield from self._from_definitions(definitions, value, here, depth)
                return
            if isinstance(scope, ast.Module):
                return
            scope, at = place.text.scope_of(scope), None

    def _from_definitions(
        self, definitions: Sequence[Definition], value: Any, place: _Place, depth: int
    ) -> Iterator[Flow]:
        changes = [d for d in definitions if d.changes]
        added: list[Flow] = []
        for change in changes:
            many = change.changes == "element"
            for flow in self._follow(change.value, place.moved(change.node, many=many), depth):
                if flow.sources or change.changes == "value":
                    added.append(flow.vague(value))
        plain = [d for d in definitions if not d.changes]
        for definition in plain:
            for flow in self._taken(definition, place, depth):
                now = _unless_changed(flow, value)
                if not flow.sources and not added and flow.rows is None and flow.seen:
                    continue
                if now.exact or not added:
                    yield now
                else:
                    yield _together(now.vague(value), *added)
        if not plain:
            yield from added

    def _taken(self, definition: Definition, place: _Place, depth: int) -> Iterator[Flow]:
        """What a definition gives its name."""
        many = "*" in definition.path
        node = definition.value
        at = definition.node if isinstance(definition.node, ast.stmt) else place.at
        here = place.moved(at, many=many)
        if many:
            yield from self._elements(node, here, depth)
            return
        for flow in self._follow(node, here, depth):
            if not definition.path:
                yield flow
                continue
            held = flow.value
            place_in = definition.path[0]
            if isinstance(held, list | tuple) and isinstance(place_in, int) and flow.exact:
                if place_in < len(held):
                    yield Flow(held[place_in], flow.sources, flow.exact, likely=flow.likely)
                    continue
            # One of several arrays that a model returned is a prediction of its own.
            if len(flow.sources) == 1 and flow.exact:
                yield flow
            else:
                yield flow.vague()

    def _elements(self, node: ast.AST, place: _Place, depth: int) -> list[Flow]:
        """What the elements of a container may be."""
        match node:
            case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
                return [f for e in elements for f in self._follow(e, place, depth)]
            case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element):
                return self._follow(element, place, depth)
            case ast.DictComp(value=element):
                return self._follow(element, place, depth)
            case ast.Dict(values=elements):
                return [f for e in elements for f in self._follow(e, place, depth)]
            case ast.Call(
                func=ast.Name(id="zip" | "enumerate" | "list" | "reversed" | "tuple"),
                args=arguments,
            ):
                return [f for a in arguments for f in self._elements(a, place, depth)]
            case ast.Call(func=ast.Attribute(value=receiver, attr="items" | "values")):
                return self._elements(receiver, place, depth)
            case ast.Name(id=name):
                return list(self._contents(name, place, depth))
        return [flow.vague() for flow in self._follow(node, place, depth)]

    def _contents(self, name: str, place: _Place, depth: int, key: Any = UNKNOWN) -> Iterator[Flow]:
        """What a container of this name may hold, under a key where one is given."""
        scope: ast.AST | None = place.scope
        at = place.at
        definitions: list[Definition] = []
        while scope is not None and not definitions:
            definitions = place.text.reaching(scope, name, at)
            if isinstance(scope, ast.Module):
                break
            if not definitions:
                scope, at = place.text.scope_of(scope), None
        here = replace(place, scope=scope or place.scope)
        fitting = []
        for definition in definitions:
            for known, node, many in _entries(definition):
                fits = self._fits(known, key, here, depth)
                if fits:
                    fitting.append((fits, definition, node, many))
        certain = [entry for entry in fitting if entry[0] > 1]
        for _, definition, node, many in certain or fitting:
            at = definition.node if isinstance(definition.node, ast.stmt) else here.at
            inner = here.moved(at, many=True)
            if many:
                yield from self._elements(node, inner, depth)
            else:
                yield from self._follow(node, inner, depth)

    def _fits(self, known: ast.expr | None, key: Any, place: _Place, depth: int) -> int:
        """Whether an entry may be (1), is (2) or is not (0) the one under a key."""
        if key is UNKNOWN or known is None:
            return 1
        if not isinstance(known, ast.Constant):
            return 1
        return 2 if type(known.value) is type(key) and known.value == key else 0

    def _parameter(
        self, name: str, value: Any, scope: ast.AST, place: _Place, depth: int
    ) -> Iterator[Flow]:
        """What a parameter was given by whoever called the function."""
        if name in place.arguments and place.scope is scope:
            yield from place.arguments[name]
            return
        frame = place.frame
        if frame is None or place.text.function(frame.f_code) is not scope:
            return
        caller = users_frame(frame.f_back)
        site = call_site(caller) if caller is not None else None
        if caller is None or site is None or site.node is None:
            yield Flow(value, exact=value is not UNKNOWN, seen=False)
            return
        where = _Place(site.text, site.filename, site.text.scope_of(site.node), site.node, caller)
        names = list(frame.f_code.co_varnames[: frame.f_code.co_argcount])
        if self._is_bound(site.node, where, frame, names, depth):
            names = names[1:]
        names += frame.f_code.co_varnames[
            frame.f_code.co_argcount : frame.f_code.co_argcount + frame.f_code.co_kwonlyargcount
        ]
        node = _argument(site.node, names, name)
        if node is None:
            yield Flow(value, exact=value is not UNKNOWN, seen=False)
            return
        for flow in self._follow(node, where, depth):
            yield _unless_changed(flow, value)

    def _is_bound(
        self,
        node: ast.Call,
        where: _Place,
        frame: FrameType,
        names: Sequence[str],
        depth: int,
    ) -> bool:
        """Whether a function was called as a method, whose first parameter is the object."""
        if not isinstance(node.func, ast.Attribute) or not names:
            return names[:1] == ["self"]
        first = frame.f_locals.get(names[0], UNKNOWN)
        receivers = self._follow(node.func.value, where, depth)
        return names[0] in ("self", "cls") or any(flow.value is first for flow in receivers)

    # -- attributes and elements ------------------------------------------------------------------

    def _attribute(self, node: ast.Attribute, place: _Place, depth: int) -> list[Flow]:
        flows: list[Flow] = []
        for flow in self._follow(node.value, place, depth):
            held = flow.value
            found = operations.attribute(held, node.attr)
            if found is not UNKNOWN:
                flows.append(replace(flow, value=found))
            elif is_pandas(held, "DataFrame") and node.attr in held.columns:
                flows += self._column(node.value, held, node.attr, flow, place, depth)
            elif isinstance(held, ModuleType):
                flows.append(
                    Flow(vars(held).get(node.attr, UNKNOWN), exact=node.attr in vars(held))
                )
            elif held is not UNKNOWN and not is_rows(held):
                flows += self._of_instance(held, node.attr, place, depth)
            elif flow.sources:
                flows.append(flow.vague())
        if not any(flow.sources or flow.exact for flow in flows):
            flows += self._assigned(node.attr, UNKNOWN, place, depth)
        return flows

    def _of_instance(self, held: Any, name: str, place: _Place, depth: int) -> list[Flow]:
        kept = vars(held) if hasattr(held, "__dict__") else {}
        if name not in kept:
            return [Flow(_class_attribute(held, name), exact=True)]
        value = kept[name]
        found = self._object(value)
        if (found and found[0].exact) or not is_rows(value):
            return found or [Flow(value, exact=True)]
        assigned = self._assigned(name, value, place, depth)
        return [*found, *assigned] or [Flow(value, exact=True)]

    def _assigned(self, name: str, value: Any, place: _Place, depth: int) -> list[Flow]:
        """What was assigned to an attribute, anywhere in the text."""
        flows = []
        for definition in attributes(place.text, name):
            scope = place.text.scope_of(definition.node)
            here = _Place(place.text, place.filename, scope, definition.node, None)
            if scope is place.scope:
                here = place.moved(definition.node)
            flows += [
                _unless_changed(flow, value)
                for flow in self._taken(definition, here, depth)
                if flow.sources
            ]
        return flows

    def _subscript(self, node: ast.Subscript, place: _Place, depth: int) -> list[Flow]:
        keys = [f for f in self._follow(node.slice, place, depth) if f.value is not UNKNOWN]
        key = keys[0] if keys else Flow()
        flows: list[Flow] = []
        for flow in self._follow(node.value, place, depth):
            flows += self._element(node, flow, key, place, depth)
        return flows

    def _element(
        self, node: ast.Subscript, flow: Flow, key: Flow, place: _Place, depth: int
    ) -> list[Flow]:
        held = flow.value
        holder = isinstance(held, dict | list | tuple) and key.value is not UNKNOWN
        if holder and not (flow.sources and flow.exact):
            value = operations.apply(lambda c, k: c[k], [held, key.value])
            if value is UNKNOWN and isinstance(held, dict):
                value = _looked_up(held, key.value)
            found = self._object(value)
            if (found and found[0].exact) or (value is not UNKNOWN and not is_rows(value)):
                return found or [Flow(value, exact=True)]
            flows = self._inside(node.value, value, key.value, place, depth)
            return flows or [Flow(value, exact=value is not UNKNOWN)]
        if is_pandas(held, "DataFrame") and isinstance(key.value, str | int):
            return self._column(node.value, held, key.value, flow, place, depth)
        if held is UNKNOWN or key.value is UNKNOWN:
            inside = self._inside(node.value, UNKNOWN, key.value, place, depth)
            if inside:
                return inside
            return (
                [_together(flow.vague(), key.vague())] if flow.sources or key.sources else [Flow()]
            )
        value, rows = operations.taken(held, key.value)
        sources = _union(flow.sources, key.sources)
        if value is UNKNOWN:
            return [_together(flow.vague(), key.vague())]
        likely = flow.likely and key.likely
        if not flow.sources and key.sources:
            if _selects(key, held):
                return [Flow(value, exact=True, rows=rows, of=_length(held))]
            # A label map: what is looked up by a prediction.
            exact = key.exact and isinstance(held, np.ndarray | list)
            return [Flow(value, sources, exact, key.foreign, key.rows, likely)]
        if rows is not None and flow.rows is not None:
            rows = flow.rows[rows] if len(flow.rows) > rows.max(initial=-1) else np.arange(0)
        known, of = (rows, _length(held)) if rows is not None else (flow.rows, flow.of)
        if rows is not None and flow.rows is not None:
            of = flow.of
        return [Flow(value, flow.sources, flow.exact, flow.foreign, known, flow.likely, of)]

    def _inside(self, node: ast.AST, value: Any, key: Any, place: _Place, depth: int) -> list[Flow]:
        """What was put into a container, by name or by the attribute that holds it."""
        name = node.id if isinstance(node, ast.Name) else None
        if isinstance(node, ast.Attribute):
            found = [
                flow
                for definition in attributes(place.text, node.attr)
                for flow in self._taken(definition, place.moved(definition.node), depth)
            ]
        elif name is not None:
            found = list(self._contents(name, place, depth, key))
            if not found and name in place.arguments:
                found = [f for f in place.arguments[name] if f.sources]
        else:
            found = self._elements(node, place.moved(place.at, many=True), depth)
        return [_unless_changed(flow, value) for flow in found if flow.sources]

    def _column(
        self, node: ast.AST, frame: Any, column: Any, flow: Flow, place: _Place, depth: int
    ) -> list[Flow]:
        """A column of a frame, as what it was made of."""
        value = operations.taken(frame, column)[0]
        name = _root_name(node)
        known = [] if name is None else list(self._columns_of(name, column, place, depth, 0))
        if not known:
            if flow.sources:
                return [_unless_changed(flow.vague(), value)]
            return [Flow(value, exact=value is not UNKNOWN)]
        found = [f for f in known if f.sources] or known
        return [_unless_changed(f, value) for f in found]

    def _columns_of(
        self, name: str, column: Any, place: _Place, depth: int, turns: int
    ) -> Iterator[Flow]:
        scope: ast.AST | None = place.scope
        at = place.at
        definitions: list[Definition] = []
        while scope is not None:
            definitions = place.text.reaching(scope, name, at)
            if definitions or isinstance(scope, ast.Module):
                break
            if name in _parameters(scope):
                yield from self._handed_over(name, column, scope, place, depth, turns)
                return
            scope, at = place.text.scope_of(scope), None
        here = replace(place, scope=scope or place.scope)
        certain = list(self._contents(name, here, depth, column))
        yield from certain
        if turns > _MOST_TURNS:
            return
        for definition in definitions:
            other = _root_name(definition.value)
            if not definition.changes and other is not None and not _is_frame(definition.value):
                inner = here.moved(definition.node if isinstance(definition.node, ast.stmt) else at)
                if other != name or definition.node is not here.at:
                    for flow in self._columns_of(other, column, inner, depth, turns + 1):
                        yield flow

    def _handed_over(
        self, name: str, column: Any, scope: ast.AST, place: _Place, depth: int, turns: int
    ) -> Iterator[Flow]:
        """A column of a frame that a function was given."""
        frame = place.frame
        caller = users_frame(frame.f_back) if frame is not None else None
        site = call_site(caller) if caller is not None else None
        if frame is None or caller is None or site is None or site.node is None:
            return
        names = list(frame.f_code.co_varnames[: frame.f_code.co_argcount])
        node = _argument(site.node, names, name)
        other = _root_name(node) if node is not None else None
        if other is not None:
            where = _Place(
                site.text, site.filename, site.text.scope_of(site.node), site.node, caller
            )
            yield from self._columns_of(other, column, where, depth, turns + 1)

    # -- calls ------------------------------------------------------------------------------------

    def _call(self, node: ast.Call, place: _Place, depth: int) -> Iterable[Flow]:
        asked = self._asked(node, place)
        if asked:
            return asked
        arguments = [self._follow(part, place, depth) for part in _arguments(node)]
        receiver: list[Flow] = []
        functions: list[Any] = []
        if isinstance(node.func, ast.Attribute):
            receiver = self._follow(node.func.value, place, depth)
            functions = [
                _class_or_module_attribute(f.value, node.func.attr)
                for f in receiver
                if not f.sources
            ]
        else:
            functions = [f.value for f in self._follow(node.func, place, depth)]
        function = next((f for f in functions if f is not UNKNOWN), UNKNOWN)
        plain = not any(isinstance(part, ast.Starred) for part in node.args)
        plain = plain and all(keyword.arg is not None for keyword in node.keywords)
        if plain:
            if (known := self._of_family(node, function, receiver, arguments)) is not None:
                return known
            if found := self._followed(node, function, receiver, arguments, place, depth):
                return found
        return self._vaguely([*receiver_of(receiver), *arguments], node, place)

    def _of_family(
        self,
        node: ast.Call,
        function: Any,
        receiver: Sequence[Flow],
        arguments: Sequence[Sequence[Flow]],
    ) -> list[Flow] | None:
        """What a call of the family gives; None if it is none."""
        count = len(node.args)
        names = [keyword.arg for keyword in node.keywords]

        def called(values: Sequence[Any]) -> Any:
            kwargs = dict(zip(names, values[count:], strict=True))
            return operations.call(function, values[:count], kwargs)  # type: ignore[arg-type]

        def on_receiver(values: Sequence[Any]) -> Any:
            kwargs = dict(zip(names, values[count + 1 :], strict=True))
            attr = node.func.attr  # type: ignore[attr-defined]
            return operations.method(values[0], attr, values[1 : count + 1], kwargs)  # type: ignore[arg-type]

        flows: list[Flow] = []
        if (function is not UNKNOWN and not isinstance(function, FunctionType)) or receiver == []:
            flows = _combined(arguments, called)
        if isinstance(node.func, ast.Attribute) and not any(f.exact for f in flows):
            objects = [f for f in receiver if f.value is not UNKNOWN]
            flows = _combined([objects, *arguments], on_receiver) if objects else []
        known = [flow for flow in flows if flow.value is not UNKNOWN and flow.exact]
        if operations.is_pandas_class(function) and known:
            return known
        return known or None

    def _followed(
        self,
        node: ast.Call,
        function: Any,
        receiver: Sequence[Flow],
        arguments: Sequence[Sequence[Flow]],
        place: _Place,
        depth: int,
    ) -> list[Flow]:
        """What a helper of the user's returned, by following its body."""
        bound: list[Sequence[Flow]] = []
        if isinstance(function, MethodType):
            bound, function = [[Flow(function.__self__, exact=True)]], function.__func__
        if not isinstance(function, FunctionType):
            return []
        code = function.__code__
        text = text_of(code, function.__globals__)
        scope = text.function(code) if text is not None else None
        if text is None or scope is None or depth > _DEEPEST // 2:
            return []
        if not isinstance(scope, ast.FunctionDef | ast.Lambda) or _yields(scope):
            return []
        names = list(code.co_varnames[: code.co_argcount])
        given: dict[str, Sequence[Flow]] = dict(
            zip(names, [*bound, *arguments[: len(node.args)]], strict=False)
        )
        for keyword, flows in zip(node.keywords, arguments[len(node.args) :], strict=True):
            given[str(keyword.arg)] = flows
        defaults = function.__defaults__ or ()
        for name, value in zip(names[len(names) - len(defaults) :], defaults, strict=True):
            given.setdefault(name, [Flow(value, exact=True)])
        for name, value in (function.__kwdefaults__ or {}).items():
            given.setdefault(name, [Flow(value, exact=True)])
        seen = dict(function.__globals__)
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            try:
                seen[name] = cell.cell_contents
            except ValueError:  # not set yet
                continue
        for name in code.co_varnames:
            seen.pop(name, None)
        within = frozenset(p.order for p, _ in self._made(node, place))
        flows_found: list[Flow] = []
        for returned in _returned(scope):
            here = _Place(
                text, code.co_filename, scope, returned, None, seen, given, within, place.many
            )
            flows_found += self._follow(returned, here, depth)
        used = {source.order for flow in flows_found for source in flow.sources}
        carried = {s.order for flows in given.values() for flow in flows for s in flow.sources}
        if not (used & (within | carried)) and (within | carried):
            return []  # it was predicted in there, and how that came out is not seen
        return flows_found


_SEVERAL = 16
_MOST_TURNS = 6


def receiver_of(flows: Sequence[Flow]) -> list[Sequence[Flow]]:
    """The object whose method is called, as one operand more."""
    return [flows] if flows else []


def _operation(node: ast.AST) -> tuple[Callable[..., Any] | None, Sequence[ast.AST]]:
    """What an expression computes of its parts; None if that is not of the family."""
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            return operations.BINARY.get(type(op)), [left, right]
        case ast.UnaryOp(op=op, operand=operand):
            return operations.UNARY.get(type(op)), [operand]
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return operations.COMPARE.get(type(op)), [left, right]
        case ast.Tuple(elts=elements):
            return (lambda *items: items), elements
        case ast.List(elts=elements):
            return (lambda *items: list(items)), elements
        case ast.Dict(keys=keys, values=values) if all(key is not None for key in keys):
            count = len(keys)
            return (
                lambda *parts: dict(zip(parts[:count], parts[count:], strict=True)),
                [*keys, *values],  # type: ignore[list-item]
            )
        case ast.Slice(lower=lower, upper=upper, step=step):
            nothing = ast.Constant(None)
            return slice, [lower or nothing, upper or nothing, step or nothing]
    return None, ()


def _combined(
    operands: Sequence[Sequence[Flow]], function: Callable[[Sequence[Any]], Any]
) -> list[Flow]:
    """All ways in which the operands may have come together, computed."""
    ways: list[tuple[Flow, ...]] = [()]
    for operand in operands:
        fitting = operand or [Flow()]
        longer = []
        for way in ways:
            known = {source.order for flow in way for source in flow.sources}
            for flow in fitting:
                mine = {source.order for source in flow.sources}
                # Of many predictions at one place, those that are one and the same go together.
                if not known or not mine or known & mine or flow.likely:
                    longer.append((*way, flow))
        same_way = [w for w in longer if len({s.order for f in w for s in f.sources}) < 2]
        ways = (same_way + [w for w in longer if w not in same_way])[:_MOST_FLOWS]
    return [_computed(way, function) for way in ways]


def _computed(flows: Sequence[Flow], function: Callable[[Sequence[Any]], Any]) -> Flow:
    sources = _union(*(flow.sources for flow in flows))
    likely = all(flow.likely for flow in flows)
    rows = next((flow.rows for flow in flows if flow.sources and flow.rows is not None), None)
    exact = all(flow.exact for flow in flows)
    exact = exact and all(_same_rows(f.rows, rows) for f in flows if f.sources and is_rows(f.value))
    foreign = any(flow.foreign for flow in flows)
    value = UNKNOWN
    if exact or not sources:
        value = function([flow.value for flow in flows])
    if sources:
        length = _length(next((f.value for f in flows if f.sources and is_rows(f.value)), None))
        beside = [f for f in flows if not f.sources]
        foreign = foreign or any(_has_rows(f.value, length) for f in beside)
        exact = exact and not foreign and len({source.owner for source in sources}) == 1
    exact = exact and value is not UNKNOWN
    of = next((flow.of for flow in flows if flow.of), 0)
    return Flow(value, sources, exact, foreign, rows, likely, of, all(f.seen for f in flows))


def _together(*flows: Flow) -> Flow:
    """The sources of all, by operations that are not known."""
    return Flow(
        flows[0].value,
        _union(*(flow.sources for flow in flows)),
        False,
        any(flow.foreign for flow in flows),
        None,
        all(flow.likely for flow in flows),
    )


def _unless_changed(flow: Flow, value: Any) -> Flow:
    """A flow into something that is `value` now: it is exact if that is what comes out."""
    if value is UNKNOWN:
        return flow
    if not flow.exact:
        return replace(flow, value=value)
    if flow.value is value or _equal(flow.value, value):
        return replace(flow, value=value)
    rows = _rows_by_index(flow, value)
    if rows is not None:
        return replace(flow, value=value, rows=rows, of=len(flow.value))
    return replace(flow, value=value, exact=False, rows=None)


def _rows_by_index(flow: Flow, value: Any) -> Array | None:
    """The rows that a series holds of an earlier one, by its index."""
    if not is_pandas(value, "Series") or flow.rows is not None or not is_rows(flow.value):
        return None
    earlier = flow.value
    count = len(earlier)
    if is_pandas(earlier, "Series") and earlier.index.is_unique:
        positions = earlier.index.get_indexer(value.index)
    elif value.index.dtype.kind in "iu":
        positions = np.asarray(value.index)
    else:
        return None
    if not len(positions) or positions.min() < 0 or positions.max() >= count:
        return None
    taken = np.asarray(earlier)[positions]
    return positions if _equal(taken, value) else None


def _equal(a: Any, b: Any) -> bool:
    first, second = plain_array(a), plain_array(b)
    return first is not None and second is not None and same(first, second)


def _selects(key: Flow, held: Any) -> bool:
    """Whether a key made of a prediction chooses rows of other data, and names nothing."""
    rows = key.sources[0].held()
    if rows is None or not is_rows(key.value):
        return True
    known = plain_array(key.value)
    return known is None or known.dtype.kind == "b" or _length(held) == len(rows)


def _same_rows(a: Array | None, b: Array | None) -> bool:
    if a is None or b is None:
        return a is b
    return a is b or np.array_equal(a, b)


def _length(value: Any) -> int:
    try:
        return len(value)
    except TypeError:
        return -1


def _has_rows(value: Any, length: int) -> bool:
    """Whether a value has an element for each of so many rows."""
    if isinstance(value, dict) or not is_rows(value):
        return False
    return _length(value) == length


def _union(*groups: Iterable[Prediction]) -> tuple[Prediction, ...]:
    found: dict[int, Prediction] = {}
    for prediction in itertools.chain(*groups):
        found.setdefault(id(prediction), prediction)
    return tuple(found.values())


def _argument(node: ast.Call | None, names: Sequence[str], name: str) -> ast.expr | None:
    """The expression that a call gives for a parameter."""
    if node is None:
        return None
    for keyword in node.keywords:
        if keyword.arg == name:
            return keyword.value
    place = names.index(name) if name in names else -1
    before = node.args[: place + 1]
    if place < 0 or place >= len(node.args) or any(isinstance(a, ast.Starred) for a in before):
        return None
    return node.args[place]


def _arguments(node: ast.Call) -> list[ast.expr]:
    return [*node.args, *(keyword.value for keyword in node.keywords)]


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child
        elif isinstance(child, ast.comprehension):
            yield child.iter


def _parameters(scope: ast.AST) -> set[str]:
    given = getattr(scope, "args", None)
    if not isinstance(given, ast.arguments):
        return set()
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return {a.arg for a in (*named, *filter(None, (given.vararg, given.kwarg)))}


def _returned(scope: ast.FunctionDef | ast.Lambda) -> list[ast.expr]:
    if isinstance(scope, ast.Lambda):
        return [scope.body]
    return [node.value for node in _inside(scope) if isinstance(node, ast.Return) and node.value]


def _yields(scope: ast.FunctionDef | ast.Lambda) -> bool:
    return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in _inside(scope))


def _inside(scope: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(scope):
        if not isinstance(
            child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
        ):
            yield child
            yield from _inside(child)


def _entries(definition: Definition) -> Iterator[tuple[ast.expr | None, ast.expr, bool]]:
    """What a definition puts into a container: key, expression, and whether it holds several."""
    if definition.changes:
        yield definition.key, definition.value, "*" in definition.path
        return
    value = definition.value
    match value:
        case ast.Dict(keys=keys, values=values):
            yield from ((key, item, False) for key, item in zip(keys, values, strict=True))
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            for number, element in enumerate(elements):
                yield ast.Constant(number), element, False
        case ast.DictComp() | ast.ListComp() | ast.GeneratorExp():
            yield None, value, True
        case ast.Call(func=function, args=arguments, keywords=keywords):
            name = function.attr if isinstance(function, ast.Attribute) else None
            if name is None and isinstance(function, ast.Name):
                name = function.id
            if name in ("dict", "assign", "DataFrame"):
                for keyword in keywords:
                    if keyword.arg is not None and (name != "DataFrame" or keyword.arg == "data"):
                        yield ast.Constant(keyword.arg), keyword.value, False
                if name != "assign" and arguments:
                    inner = replace(definition, value=arguments[0])
                    listed = list(_entries(inner))
                    yield from listed or [(None, arguments[0], True)]
            elif name in ("list", "tuple", "column_stack", "vstack", "stack", "array", "c_"):
                if arguments:
                    yield None, arguments[0], True


def _is_frame(node: ast.AST) -> bool:
    """Whether an expression makes a frame of something that is no frame."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute | ast.Name)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) == "DataFrame"
    )


def _root_name(node: ast.AST | None) -> str | None:
    """The name at the beginning of a chain of attributes, elements and calls of methods."""
    while True:
        if isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func.value
        elif isinstance(node, ast.Call) and node.args:
            node = node.args[0]
        else:
            return node.id if isinstance(node, ast.Name) else None


def _class_attribute(held: Any, name: str) -> Any:
    """A method or constant of an object's class; nothing that would run code."""
    if isinstance(held, type):
        found = next((vars(c)[name] for c in held.__mro__ if name in vars(c)), UNKNOWN)
        return found.__func__ if isinstance(found, staticmethod) else found
    for cls in type(held).__mro__:
        if name in vars(cls):
            found = vars(cls)[name]
            if isinstance(found, FunctionType):
                return MethodType(found, held)
            if isinstance(found, staticmethod):
                return found.__func__
            if isinstance(found, classmethod):
                return MethodType(found.__func__, type(held))
            return found if not hasattr(type(found), "__get__") else UNKNOWN
    return UNKNOWN


def _class_or_module_attribute(held: Any, name: str) -> Any:
    if held is UNKNOWN:
        return UNKNOWN
    if isinstance(held, ModuleType):
        return vars(held).get(name, UNKNOWN)
    if is_rows(held) or isinstance(held, str | int | float | dict):
        return UNKNOWN
    kept = vars(held) if hasattr(held, "__dict__") and not isinstance(held, type) else {}
    return kept[name] if name in kept else _class_attribute(held, name)


def _looked_up(held: dict[Any, Any], key: Any) -> Any:
    if type(key) in (str, int, float, bool, tuple):
        return held.get(key, UNKNOWN)
    return UNKNOWN
