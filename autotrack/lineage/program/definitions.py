"""What gives a name its value, or changes what it stands for, by the syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from autotrack.runtime.dataclass import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """Something that gives a name its value, or changes what the name stands for.

    Attributes
    ----------
    name : str
    node : ast.AST
        The statement, or the comprehension.
    value : ast.expr
        Where the value comes from.
    path : tuple of int or str
        How the value is taken out of it: the place in a tuple that is unpacked, ``*`` for one of
        its elements.
    changes : str
        Empty for a plain definition. ``element`` where an element of it is set or added;
        ``value`` where its content changes (``p += 1``, ``p[:2] = 0``).
    key : ast.expr, optional
        Where it changes, if that is written down.
    """

    name: str
    node: ast.AST
    value: ast.expr
    path: tuple[int | str, ...] = ()
    changes: str = ""
    key: ast.expr | None = None


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.Lambda, ast.Module)
_ADDING = {"append": 0, "add": 0, "extend": 0, "insert": 1, "update": 0, "setdefault": 1}


def definitions(scope: ast.AST) -> Iterator[Definition]:
    """Every definition in a scope, in the order of the text, without those of functions inside."""
    for node in _within(scope):
        if isinstance(node, ast.Call):
            yield from _additions(node)
        else:
            yield from _bindings(node)


def _bindings(node: ast.AST) -> Iterator[Definition]:
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _patch_table(node, target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _patch_table(node, target, value)
        case ast.NamedExpr(target=target, value=value):
            yield from _patch_table(node, target, value)
        case ast.AugAssign(target=target, value=value):
            if (root := _root(target)) is not None:
                key = target.slice if isinstance(target, ast.Subscript) else None
                yield Definition(root, node, value, (), "value", key)
        case (
            ast.For(target=target, iter=value)
            | ast.AsyncFor(target=target, iter=value)
            | ast.comprehension(target=target, iter=value)
        ):
            yield from _patch_table(node, target, value, ("*",))
        case ast.With(items=items) | ast.AsyncWith(items=items):
            for item in items:
                if item.optional_vars is not None:
                    yield from _patch_table(node, item.optional_vars, item.context_expr)


def _additions(call: ast.Call) -> Iterator[Definition]:
    """What a method of a container, such as ``append``, adds to it."""
    if not isinstance(call.func, ast.Attribute):
        return
    name, root, given = call.func.attr, _root(call.func.value), call.args
    if root is None or name not in _ADDING or len(given) <= _ADDING[name]:
        return
    if name == "insert" and len(given) > 2:  # a column of a frame
        yield Definition(root, call, given[2], (), "element", given[1])
        return
    value, many = given[_ADDING[name]], name in ("extend", "update")
    key = given[0] if name == "setdefault" else None
    yield Definition(root, call, value, ("*",) if many else (), "element", key)


def _patch_table(
    node: ast.AST, target: ast.expr, value: ast.expr, path: tuple[int | str, ...] = ()
) -> Iterator[Definition]:
    match target:
        case ast.Name(id=name):
            yield Definition(name, node, value, path)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            same = isinstance(value, ast.Tuple | ast.List) and not path
            for place, element in enumerate(elements):
                if isinstance(element, ast.Starred):
                    yield from _patch_table(node, element.value, value, (*path, "*"))
                elif same and len(value.elts) == len(elements):  # type: ignore[attr-defined]
                    yield from _patch_table(node, element, value.elts[place])  # type: ignore[attr-defined]
                else:
                    yield from _patch_table(node, element, value, (*path, place))
        case ast.Subscript(value=holder, slice=key):
            if (root := _root(holder)) is not None:
                kind = "value" if isinstance(key, ast.Slice) else "element"
                yield Definition(root, node, value, path, kind, key)
        case ast.Attribute(value=holder, attr=attr):
            # `self.p = ...`: found by the name of the attribute, whoever holds it.
            yield Definition(f".{attr}", node, value, path)
            if (root := _root(holder)) is not None:
                key = ast.copy_location(ast.Constant(attr), target)
                yield Definition(root, node, value, path, "element", key)


def _root(expression: ast.expr) -> str | None:
    while isinstance(expression, ast.Subscript | ast.Attribute):
        expression = expression.value
    return expression.id if isinstance(expression, ast.Name) else None


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope, in the order of the text, without those of functions inside it."""
    # Without recursion: a sum of a thousand terms is a thousand nodes deep.
    waiting = list(ast.iter_child_nodes(scope))[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.Lambda)):
            waiting += list(ast.iter_child_nodes(node))[::-1]
