"""What was put into a container: lists, dictionaries, columns of frames."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from autotrack.lineage.dataflow.flow import Flow, sources_of_element
from autotrack.lineage.dataflow.place import Place
from autotrack.lineage.dataflow.walk import Walk
from autotrack.lineage.program.call_site import span
from autotrack.lineage.program.definitions import Definition
from autotrack.lineage.program.syntax import entries, has_starred
from autotrack.lineage.values.operations import UNKNOWN
from autotrack.lineage.values.plain import is_rows

# Whether an entry is the one under a key.
_NOT, _PERHAPS, _SURELY = range(3)
# Whether it is the one, its definition, its expression, and whether that holds several.
_Entry: TypeAlias = tuple[int, Definition, ast.expr, bool]
_MOST_ELEMENTS = 10_000
# So many elements of a value are told apart.
_FEW = 100


def elements(walk: Walk, node: ast.AST, place: Place, key: Any = UNKNOWN) -> list[Flow]:
    """What the elements of a container may be; the one under a key, where that is known."""
    match node:
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            if type(key) is int and not has_starred(parts) and 0 <= key < len(parts):
                parts = parts[key : key + 1]
            return [f for part in parts for f in walk.follow(part, place)]
        case ast.Set(elts=parts):
            return [f for part in parts for f in walk.follow(part, place)]
        case ast.Dict(keys=keys, values=parts):
            fitting = [(_fits(k, key), part) for k, part in zip(keys, parts, strict=True)]
            surely = [(fits, part) for fits, part in fitting if fits is _SURELY][-1:]
            some = surely or [(fits, part) for fits, part in fitting if fits is not _NOT]
            return [f for _, part in some for f in walk.follow(part, place)]
        case ast.ListComp(elt=part) | ast.GeneratorExp(elt=part) | ast.DictComp(value=part):
            return walk.follow(part, place.moved(place.at, many=True))
        case ast.Call(func=ast.Name(id="zip" | "enumerate"), args=arguments):
            return [f for a in arguments for f in elements(walk, a, place)]
        case ast.Call(func=ast.Name(id="list" | "tuple"), args=[part]):
            return elements(walk, part, place, key)
        case ast.Call(func=ast.Name(id="reversed" | "sorted"), args=[part]):
            return elements(walk, part, place)
        case ast.Call(func=ast.Attribute(value=receiver, attr="items" | "values")):
            return elements(walk, receiver, place, key)
        case ast.Name(id=name):
            # Such as a list that is made of itself in each turn of a loop.
            with walk.among(node, place) as entered:
                if not entered:
                    return [Flow(again=True, seen=False)]
                given = place.arguments.get(name, ())
                found = contents(walk, name, place, key)
                return [*found, *(f.vague() for f in given if f.sources)]
    return [each for flow in walk.follow(node, place) for each in _elements_of(flow, key)]


def _elements_of(flow: Flow, key: Any) -> Iterator[Flow]:
    """What the elements of a value are, where it is known to be a list or tuple."""
    held = flow.value
    if not flow.exact or type(held) not in (list, tuple) or len(held) > _FEW:
        yield flow.vague()
        return
    for number, element in enumerate(held):
        if key is UNKNOWN or key == number:
            sources = sources_of_element(flow, element)
            yield Flow(element, sources, True, likely=flow.likely)


def element_key(node: ast.AST, path: Sequence[int | str], value: Any, place: Place) -> Any:
    """The key under which the container that a loop goes over holds the very `value`.

    UNKNOWN where it cannot be told.
    """
    if not is_rows(value):
        return UNKNOWN
    match node:
        case ast.Call(func=ast.Attribute(value=receiver, attr="items" | "values")):
            node = receiver
    held = place.value(node.id) if isinstance(node, ast.Name) else UNKNOWN
    if type(held) is dict:
        pairs: Iterable[tuple[Any, Any]] = held.items()
    elif type(held) in (list, tuple) and len(held) <= _MOST_ELEMENTS:
        pairs = enumerate(held)
    else:
        return UNKNOWN
    found = [key for key, element in pairs if element_at(element, path) is value]
    return found[0] if len(found) == 1 else UNKNOWN


def element_at(element: Any, path: Sequence[int | str]) -> Any:
    """What stands at a place in nested lists and tuples; UNKNOWN where there is nothing."""
    for number in path:
        if type(element) not in (list, tuple) or not isinstance(number, int):
            return UNKNOWN
        if number >= len(element):
            return UNKNOWN
        element = element[number]
    return element


def contents(walk: Walk, name: str, place: Place, key: Any = UNKNOWN) -> Iterator[Flow]:
    """What a container of this name may hold, under a key where one is given."""
    definitions, here = definitions_of(name, place)
    if type(key) is int and here.text.reorders(here.scope, name):
        key = UNKNOWN
    fitting = [
        (fits, definition, node, many)
        for definition in definitions
        for known, node, many in entries(definition)
        if (fits := _fits(known, key)) is not _NOT
    ]
    for _, definition, node, many in _in_force(fitting, here):
        inner = here.before(definition.node, many=True)
        yield from elements(walk, node, inner, key) if many else walk.follow(node, inner)


def _in_force(fitting: list[_Entry], place: Place) -> list[_Entry]:
    """The entries that no later one has surely replaced."""
    at, text = place.at, place.text
    if at is None:
        return fitting
    surely = [d.node for fits, d, _, _ in fitting if fits is _SURELY]
    before = [node for node in surely if text.always_runs_before(node, at)]
    if not before:
        return fitting
    last = max(before, key=lambda node: span(node)[2:])
    return [
        entry
        for entry in fitting
        if (node := entry[1].node) is last
        or (span(node) > span(last) and not text.always_runs_before(at, node))
        or text.is_in_shared_loop(node, at, last)
    ]


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
