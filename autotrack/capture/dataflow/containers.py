"""What was put into a container: lists, dictionaries, columns of frames."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from autotrack.capture.dataflow.flow import Flow
from autotrack.capture.dataflow.place import Place
from autotrack.capture.dataflow.syntax import entries
from autotrack.capture.dataflow.walk import Walk
from autotrack.capture.definitions import Definition
from autotrack.capture.operations import UNKNOWN

# Whether an entry is the one under a key.
_NOT, _PERHAPS, _SURELY = range(3)


def elements(walk: Walk, node: ast.AST, place: Place) -> list[Flow]:
    """What the elements of a container may be."""
    match node:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return [f for part in parts for f in walk.follow(part, place)]
        case ast.Dict(values=parts):
            return [f for part in parts for f in walk.follow(part, place)]
        case ast.ListComp(elt=part) | ast.GeneratorExp(elt=part) | ast.DictComp(value=part):
            return walk.follow(part, place)
        case ast.Call(
            func=ast.Name(id="zip" | "enumerate" | "list" | "reversed" | "tuple"), args=arguments
        ):
            return [f for a in arguments for f in elements(walk, a, place)]
        case ast.Call(func=ast.Attribute(value=receiver, attr="items" | "values")):
            return elements(walk, receiver, place)
        case ast.Name(id=name):
            # Such as a list that is made of itself in each turn of a loop.
            with walk.among(node, place) as entered:
                if not entered:
                    return [Flow(again=True, seen=False)]
                given = place.arguments.get(name, ())
                return [*contents(walk, name, place), *(f.vague() for f in given if f.sources)]
    return [flow.vague() for flow in walk.follow(node, place)]


def contents(walk: Walk, name: str, place: Place, key: Any = UNKNOWN) -> Iterator[Flow]:
    """What a container of this name may hold, under a key where one is given."""
    definitions, here = definitions_of(name, place)
    fitting = [
        (fits, definition, node, many)
        for definition in definitions
        for known, node, many in entries(definition)
        if (fits := _fits(known, key)) is not _NOT
    ]
    certain = [entry for entry in fitting if entry[0] is _SURELY]
    for _, definition, node, many in certain or fitting:
        inner = here.before(definition.node, many=True)
        yield from elements(walk, node, inner) if many else walk.follow(node, inner)


def definitions_of(name: str, place: Place) -> tuple[list[Definition], Place]:
    """What defines a name in the nearest scope that does, and the place in that scope."""
    for scope, at in place.outwards():
        definitions = place.text.reaching(scope, name, at)
        if definitions or isinstance(scope, ast.Module):
            return definitions, replace(place, scope=scope)
    return [], place


def _fits(known: ast.expr | None, key: Any) -> int:
    if key is UNKNOWN or not isinstance(known, ast.Constant):
        return _PERHAPS
    return _SURELY if type(known.value) is type(key) and known.value == key else _NOT
