"""Attributes, elements and columns: what an object holds, and how that came into it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from autotrack.lineage.dataflow.containers import contents, definitions_of, elements
from autotrack.lineage.dataflow.flow import Flow, merged, selects_rows, sources_of_element, union
from autotrack.lineage.dataflow.lookup import (
    class_attribute,
    element_of,
    has_attributes,
    kept_attribute,
)
from autotrack.lineage.dataflow.names import given_for, taken
from autotrack.lineage.dataflow.place import Place
from autotrack.lineage.dataflow.walk import Walk
from autotrack.lineage.prediction import Prediction
from autotrack.lineage.program.syntax import makes_frame, operation, parameters, root_name
from autotrack.lineage.values import operations
from autotrack.lineage.values.arrays import Array, plain_array, same
from autotrack.lineage.values.operations import UNKNOWN
from autotrack.lineage.values.plain import is_pandas, is_rows, length_of

# From how many frames a frame with the column may have come.
_MOST_TURNS = 6


def attribute(walk: Walk, node: ast.Attribute, place: Place) -> list[Flow]:
    """How an attribute may have come about."""
    flows: list[Flow] = []
    for flow in walk.follow(node.value, place):
        flows += _attribute_of(walk, node, flow, place)
    if not any(flow.sources or flow.exact for flow in flows):
        flows += _assigned(walk, node.attr, UNKNOWN, place)
    return flows


def _attribute_of(walk: Walk, node: ast.Attribute, flow: Flow, place: Place) -> list[Flow]:
    held = flow.value
    found = operations.attribute(held, node.attr)
    if found is not UNKNOWN:
        return [
            Flow(found, flow.sources, flow.exact, flow.foreign, flow.rows, flow.likely, flow.of)
        ]
    if is_pandas(held, "DataFrame") and node.attr in held.columns:
        return _column(walk, node.value, held, node.attr, flow, place)
    if type(held) is ModuleType:
        return [Flow.plain(vars(held).get(node.attr, UNKNOWN))]
    if has_attributes(held):
        return _of_instance(walk, held, node.attr, place)
    return [flow.vague()] if flow.sources else []


def _of_instance(walk: Walk, held: Any, name: str, place: Place) -> list[Flow]:
    value = kept_attribute(held, name)
    if value is UNKNOWN:
        return [Flow(class_attribute(held, name), exact=True)]
    found = walk.object(value)
    if (found and found[0].exact) or not is_rows(value):
        return found or [Flow(value, exact=True)]
    assigned = _assigned(walk, name, value, place)
    return [*found, *assigned] or [Flow(value, exact=True)]


def _assigned(walk: Walk, name: str, value: Any, place: Place) -> list[Flow]:
    """What was assigned to an attribute, anywhere in the text."""
    flows = []
    for definition in place.text.attributes(name):
        scope = place.text.scope_of(definition.node)
        here = Place(place.text, place.filename, scope, definition.node, None)
        if scope is place.scope:
            here = place.moved(definition.node)
        flows += [flow.into(value) for flow in taken(walk, definition, here) if flow.sources]
    return flows


def subscript(walk: Walk, node: ast.Subscript, place: Place) -> list[Flow]:
    """How an element, some rows or a column may have come about."""
    keys = [f for f in walk.follow(node.slice, place) if f.value is not UNKNOWN]
    key = keys[0] if keys else Flow()
    if isinstance(node.value, ast.Attribute) and node.value.attr in ("loc", "iloc"):
        by = _now(node.slice, place) if key.value is UNKNOWN else key.value
        located = [
            found
            for flow in walk.follow(node.value.value, place)
            for found in _located(walk, node.value, flow, by, place)
        ]
        if located:
            return located
    return [
        found
        for flow in walk.follow(node.value, place)
        for found in _element(walk, node, flow, key, place)
    ]


def _located(walk: Walk, node: ast.Attribute, flow: Flow, key: Any, place: Place) -> list[Flow]:
    """What ``loc`` or ``iloc`` gives: a column of a frame, or some rows of one, or of a series."""
    held = flow.value
    value = operations.located(held, node.attr, key)
    if is_pandas(value, "DataFrame"):
        return [Flow(value, flow.sources, False, flow.foreign, None, flow.likely)]
    if not is_pandas(value, "Series"):
        return []
    if is_pandas(held, "Series"):
        return [flow.into(value)] if flow.sources else []
    name = operations.column_of(held, node.attr, key)
    if name is UNKNOWN:
        return []
    return [f.into(value) for f in _column(walk, node.value, held, name, flow, place)]


def _now(node: ast.AST, place: Place) -> Any:
    """What an expression of variables, columns and operators gives now."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return place.value(name)
        case (
            ast.Attribute(value=value, attr=column)
            | ast.Subscript(value=value, slice=ast.Constant(value=column))
        ):
            held = _now(value, place)
            is_column = is_pandas(held, "DataFrame") and column in held.columns
            return operations.taken(held, column)[0] if is_column else UNKNOWN
    function, parts = operation(node)
    if function is None:
        return UNKNOWN
    values = [_now(part, place) for part in parts]
    if any(value is UNKNOWN for value in values):
        return UNKNOWN
    return operations.apply(function, values)


def _element(walk: Walk, node: ast.Subscript, flow: Flow, key: Flow, place: Place) -> list[Flow]:
    held = flow.value
    is_container = type(held) in (dict, list, tuple) and key.value is not UNKNOWN
    if is_container and not (flow.sources and flow.exact):
        return _of_container(walk, node, flow, key, place)
    if is_pandas(held, "DataFrame") and type(key.value) in (str, int):
        return _column(walk, node.value, held, key.value, flow, place)
    if held is UNKNOWN or key.value is UNKNOWN:
        # A prediction is all of one model; what was put into an array may be of several.
        is_whole = flow.sources and flow.exact and isinstance(held, np.ndarray)
        inside = [] if is_whole else _put_in(walk, node.value, UNKNOWN, key.value, place)
        if inside:
            return inside
        if not flow.sources and not key.sources:
            return [Flow()]
        return [merged(flow.vague(), key.vague())]
    return [_taken(flow, key)]


def _of_container(
    walk: Walk, node: ast.Subscript, flow: Flow, key: Flow, place: Place
) -> list[Flow]:
    value = operations.apply(lambda c, k: c[k], [flow.value, key.value])
    if value is UNKNOWN:
        value = element_of(flow.value, key.value)
    found = walk.object(value)
    if (found and found[0].exact) or (value is not UNKNOWN and not is_rows(value)):
        return found or [Flow(value, exact=True)]
    put_in = _put_in(walk, node.value, value, key.value, place)
    return put_in or _among_sources(flow, value) or [Flow.plain(value)]


def _among_sources(flow: Flow, value: Any) -> list[Flow]:
    """The prediction that an element is, where it is not seen how it came into its container."""
    array = plain_array(value)
    equal = [s for s in flow.sources if array is not None and _is(s, array)]
    return [Flow(value, tuple(equal), exact=True, likely=flow.likely)] if equal else []


def _is(source: Prediction, array: Array) -> bool:
    held = source.held()
    return held is not None and same(held, array)


def _taken(flow: Flow, key: Flow) -> Flow:
    """Rows or columns of an array or a series, by a known key."""
    held = flow.value
    value, rows = operations.taken(held, key.value)
    if type(held) is dict:
        value = element_of(held, key.value)
    if value is UNKNOWN:
        return merged(flow.vague(), key.vague())
    likely = flow.likely and key.likely
    if _is_one_of(flow, key, value):
        sources = sources_of_element(flow, value)
        return Flow(value, sources, flow.exact, flow.foreign, None, flow.likely)
    if key.sources and not flow.sources:
        if selects_rows(key, held):
            return Flow(value, exact=True, rows=rows, of=length_of(held))
        # A label map: what is looked up by a prediction.
        exact = key.exact and type(held) in (np.ndarray, list)
        return Flow(value, union(key.sources), exact, key.foreign, key.rows, likely)
    if rows is None:
        return Flow(value, flow.sources, flow.exact, flow.foreign, flow.rows, flow.likely, flow.of)
    of = length_of(held)
    if flow.rows is not None:
        rows = flow.rows[rows] if len(flow.rows) > rows.max(initial=-1) else np.arange(0)
        of = flow.of
    return Flow(value, flow.sources, flow.exact, flow.foreign, rows, flow.likely, of)


def _is_one_of(flow: Flow, key: Flow, value: Any) -> bool:
    """Whether a list of predictions was asked for one of them; not a list of rows for a row."""
    numbered = type(flow.value) in (list, tuple) and type(key.value) is int
    if not (numbered or type(flow.value) is dict) or not is_rows(value):
        return False
    counts = {len(held) for source in flow.sources if (held := source.held()) is not None}
    return length_of(value) in counts


def _put_in(walk: Walk, node: ast.AST, value: Any, key: Any, place: Place) -> list[Flow]:
    """What was put into a container, by name or by the attribute that holds it."""
    if isinstance(node, ast.Attribute):
        found = [
            flow
            for definition in place.text.attributes(node.attr)
            for flow in taken(walk, definition, place.moved(definition.node))
        ]
    elif isinstance(node, ast.Name):
        found = list(contents(walk, node.id, place, key)) or list(place.arguments.get(node.id, ()))
    else:
        found = elements(walk, node, place.moved(place.at, many=True), key)
    into = [flow.into(value) for flow in found]
    return into if any(flow.sources for flow in into) else []


def _column(
    walk: Walk, node: ast.AST, frame: Any, column: Any, flow: Flow, place: Place
) -> list[Flow]:
    """A column of a frame, as what it was made of."""
    value = operations.taken(frame, column)[0]
    name = root_name(node)
    known = [] if name is None else list(_columns_of(walk, name, column, place, 0))
    if known:
        return [f.into(value) for f in known]
    return [flow.vague().into(value)] if flow.sources else [Flow.plain(value)]


def _columns_of(walk: Walk, name: str, column: Any, place: Place, turns: int) -> Iterator[Flow]:
    """A column in a frame of this name, or in what the frame was made from."""
    definitions, here = definitions_of(name, place)
    if name in parameters(place.scope) and not place.text.reaching(place.scope, name, place.at):
        given = given_for(walk, name, place)
        other = root_name(given[0]) if given is not None else None
        if given is not None and other is not None and turns <= _MOST_TURNS:
            yield from _columns_of(walk, other, column, given[1], turns + 1)
        return
    held = here.value(name)
    there = operations.taken(held, column)[0] if is_pandas(held, "DataFrame") else UNKNOWN
    for flow in contents(walk, name, here, column):
        # The frame's index says later which rows of it were taken.
        yield flow.into(there) if is_pandas(there, "Series") else flow
    if turns > _MOST_TURNS:
        return
    for definition in definitions:
        other = root_name(definition.value)
        if definition.changes or other is None or makes_frame(definition.value):
            continue
        if other != name or definition.node is not here.at:
            yield from _columns_of(walk, other, column, here.before(definition.node), turns + 1)
