"""Which objects a method was called of, where a loop or a parameter says which they are."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from autotrack.describe.origins import is_installed
from autotrack.lineage.dataflow.containers import element_at
from autotrack.lineage.dataflow.lookup import attribute_of, element_of
from autotrack.lineage.dataflow.place import Place
from autotrack.lineage.program.call_node import call_site
from autotrack.lineage.program.definitions import Definition
from autotrack.lineage.program.syntax import parameters, unpacked
from autotrack.lineage.values.operations import UNKNOWN

_MOST = 1000
# In place of an object that something installed made, whose predictions are seen.
_INSTALLED: Any = object()


class Asked(NamedTuple):
    """The objects whose method a call may have called, and what else is known of them.

    `objects` are those that are known; `all_known` says that there are no others, `others_predict`
    that the others come from what is installed, whose predictions are seen.
    """

    objects: Sequence[Any]
    all_known: bool
    others_predict: bool


_ANYTHING = Asked((), all_known=False, others_predict=True)


def asked(node: ast.Call, place: Place) -> Asked:
    """Which objects a call's method may have been called of."""
    if not isinstance(node.func, ast.Attribute):
        return _ANYTHING
    if not isinstance(node.func.value, ast.Name):
        return _of_many(node.func.value, place) if place.many else _ANYTHING
    name = node.func.value.id
    if name in place.arguments:
        given = place.arguments[name]
        return _asked([f.value if f.exact and not f.sources else UNKNOWN for f in given])
    for scope, at in place.outwards():
        definitions = [d for d in place.text.reaching(scope, name, at) if not d.changes]
        if definitions or name in parameters(scope):
            break
    held = place.value(name)
    if place.frame is None or isinstance(held, type | ModuleType):
        return _ANYTHING
    if not place.many and held is not UNKNOWN and _is_unchanged(definitions, name, scope, place):
        return _asked([held])
    if name in parameters(scope):
        return _ANYTHING
    return _asked([each for d in definitions for each in _given_by(d, place.moved(d.node))])


def _of_many(receiver: ast.expr, place: Place) -> Asked:
    """Which objects the rounds of a loop may have asked."""
    if place.frame is None or isinstance(receiver, ast.Call):
        return _ANYTHING
    if isinstance(receiver, ast.Subscript):
        held = _held(receiver.value, place)
        if type(held) in (dict, list, tuple) and len(held) <= _MOST:
            return _asked(list(held.values() if type(held) is dict else held))
    return _asked(list(_of_expression(receiver, (), place)))


def _asked(objects: Sequence[Any]) -> Asked:
    known = [held for held in objects if held is not UNKNOWN and held is not _INSTALLED]
    return Asked(known, len(known) == len(objects), UNKNOWN not in objects)


def _is_unchanged(
    definitions: Sequence[Definition], name: str, scope: ast.AST, place: Place
) -> bool:
    """Whether a name is given by the same definitions where the call that is judged is made."""
    site = call_site(place.frame) if place.frame is not None else None
    if site is None or site.node is None or site.text.scope_of(site.node) is not scope:
        return len(definitions) < 2
    judged = site.node
    if any(place.text.may_be_of_an_earlier_round(d.node, judged) for d in definitions):
        return False
    now = [d for d in site.text.reaching(scope, name, judged) if not d.changes]
    return {id(d) for d in now} == {id(d) for d in definitions}


def _given_by(definition: Definition, place: Place) -> Iterator[Any]:
    """What a definition may give its name: objects, _INSTALLED, or UNKNOWN."""
    if "*" in definition.path:
        yield from _elements(definition, place)
    else:
        yield from _of_expression(definition.value, definition.path, place)


def _elements(loop: Definition, place: Place) -> Iterator[Any]:
    """What a loop went over; UNKNOWN for what is not known."""
    for looped, path in unpacked(loop.value, loop.path):
        part = looped
        if isinstance(looped, ast.Call) and isinstance(looped.func, ast.Attribute):
            part = looped.func.value if looped.func.attr in ("items", "values") else looped
        match part:
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Dict(values=parts):
                for each in parts[:_MOST]:
                    yield from _of_expression(each, path, place)
            case ast.Name() | ast.Attribute():
                held = _held(part, place)
                if type(held) not in (dict, list, tuple) or len(held) > _MOST:
                    yield UNKNOWN
                    continue
                values = held.values() if type(held) is dict else held
                yield from (element_at(each, path) for each in values)
            case _:
                yield UNKNOWN


def _of_expression(node: ast.expr, path: Sequence[int | str], place: Place) -> Iterator[Any]:
    while path and isinstance(node, ast.Tuple | ast.List):
        number, *path = path
        if not isinstance(number, int) or number >= len(node.elts):
            yield UNKNOWN
            return
        node = node.elts[number]
    match node:
        case ast.IfExp(body=body, orelse=orelse):
            yield from _of_expression(body, path, place)
            yield from _of_expression(orelse, path, place)
        case ast.Name() | ast.Attribute() | ast.Subscript():
            yield element_at(_held(node, place), path)
        case ast.Call():
            yield _INSTALLED if _is_of_installed(node, place) else UNKNOWN
        case _:
            yield UNKNOWN


def _is_of_installed(node: ast.Call, place: Place) -> bool:
    """Whether a class or function of what is installed is called, or a method of what that made."""
    while isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call):
        node = node.func.value
    function = _held(node.func, place)
    if function is UNKNOWN:
        return False
    module = getattr(function, "__module__", None)
    if not isinstance(function, type | FunctionType):
        module = type(getattr(function, "__self__", function)).__module__
    return isinstance(module, str) and is_installed(module)


def _held(node: ast.expr, place: Place) -> Any:
    """The object that a name, an attribute or an element of a dictionary is now."""
    match node:
        case ast.Name(id=name):
            return place.value(name)
        case ast.Attribute(value=value, attr=name):
            held = _held(value, place)
            return attribute_of(held, name)
        case ast.Subscript(value=value, slice=ast.Constant(value=key)):
            return element_of(_held(value, place), key)
    return UNKNOWN
