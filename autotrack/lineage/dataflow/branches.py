"""Which branch a condition led to, where its variables are still what they were then."""

from __future__ import annotations

import ast

from autotrack.lineage.dataflow.place import Place
from autotrack.lineage.program.call_node import call_site
from autotrack.lineage.program.call_site import contains, span
from autotrack.lineage.program.definitions import Definition
from autotrack.lineage.program.syntax import operation, parameters
from autotrack.lineage.values.operations import UNKNOWN

_SCALARS = (str, int, float, bool, type(None))


def was_skipped(definition: Definition, place: Place) -> bool:
    """Whether a definition stands in a branch that was surely not taken this time."""
    if place.many or place.frame is None or place.at is None:
        return False
    here: ast.AST | None = definition.node
    while here is not None and here is not place.scope:
        parent = place.text.parents.get(here)
        if isinstance(parent, ast.If) and here is not parent.test:
            if contains(span(parent), span(place.at)):
                return False  # in force within the branch
            taken = outcome(parent.test, parent, place)
            if taken is not None and taken is not (here in parent.body):
                return True
        here = parent
    return False


def outcome(test: ast.expr, at: ast.AST, place: Place) -> bool | None:
    """What a condition at `at` was when it was last asked; None where that is not known."""
    if place.many or place.frame is None:
        return None
    site = call_site(place.frame)
    if site is None or site.node is None or site.text.scope_of(site.node) is not place.scope:
        return None
    value = _value(test, at, site.node, place)
    return value if type(value) is bool else None


def _value(node: ast.AST, at: ast.AST, judged: ast.AST, place: Place) -> object:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            value = place.value(name)
            if type(value) not in _SCALARS or not _is_unchanged(name, at, judged, place):
                return UNKNOWN
            return value
        case ast.Compare(ops=[_]) | ast.UnaryOp(op=ast.Not()):
            function, parts = operation(node)
            values = [_value(part, at, judged, place) for part in parts]
            if function is not None and all(type(value) in _SCALARS for value in values):
                try:
                    return function(*values)
                except TypeError:  # things that do not compare
                    return UNKNOWN
    return UNKNOWN


def _is_unchanged(name: str, at: ast.AST, judged: ast.AST, place: Place) -> bool:
    """Whether a name has been given nothing since a condition asked for it."""
    text, scope = place.text, place.scope
    defined = text.defined(scope, name)
    if any(d.changes for d in defined) or not (defined or name in parameters(scope)):
        return False  # another function may give it something at any time
    then, now = (text.reaching(scope, name, node) for node in (at, judged))
    return (
        [id(d) for d in then] == [id(d) for d in now]
        and text.loops(at) == text.loops(judged)
        and not any(text.may_be_of_an_earlier_round(d.node, judged) for d in now)
    )
