"""Questions to a syntax tree alone: arguments, parameters, entries of containers, returned values.

Nothing here knows what a name stands for.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from autotrack.lineage.program.definitions import Definition
from autotrack.lineage.values import operations

_LISTS = ("list", "tuple", "column_stack", "vstack", "stack", "array", "c_")


def operation(node: ast.AST) -> tuple[Callable[..., Any] | None, Sequence[ast.AST]]:
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


def argument(node: ast.Call, names: Sequence[str], name: str, *, bound: int = 0) -> ast.expr | None:
    """The expression that a call gives for a parameter.

    Parameters
    ----------
    node : ast.Call
    names : sequence of str
        The parameters of the function, in order.
    name : str
        The one that is asked for.
    bound : int
        How many of the first parameters have their arguments already, as in a `partial`.
    """
    for keyword in node.keywords:
        if keyword.arg == name:
            return keyword.value
    place = names.index(name) - bound if name in names else -1
    before = node.args[: place + 1]
    if not 0 <= place < len(node.args) or has_starred(before):
        return None
    return node.args[place]


def unpacked_argument(
    node: ast.Call, names: Sequence[str], name: str
) -> tuple[ast.expr, int] | None:
    """The container that a parameter is unpacked from, and which of its elements it is.

    Only where nothing stands behind it: ``f(*pair)``, ``f(a, *rest, option=1)``.
    """
    if name not in names or not node.args or not isinstance(node.args[-1], ast.Starred):
        return None
    before, last = node.args[:-1], node.args[-1]
    if has_starred(before) or names.index(name) < len(before):
        return None
    return last.value, names.index(name) - len(before)


def arguments(node: ast.Call) -> list[ast.expr]:
    """All expressions that a call gives, those with a keyword last."""
    return [*node.args, *(keyword.value for keyword in node.keywords)]


def has_starred(given: Sequence[ast.expr]) -> bool:
    """Whether some arguments come from a sequence: ``f(*args)``."""
    return any(isinstance(part, ast.Starred) for part in given)


def is_plain_call(node: ast.Call) -> bool:
    """Whether each argument of a call stands in it: no ``*args``, no ``**kwargs``."""
    return not has_starred(node.args) and all(k.arg is not None for k in node.keywords)


def expressions(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions right below a node."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child
        elif isinstance(child, ast.comprehension):
            yield child.iter


def parameters(scope: ast.AST) -> set[str]:
    """The names of a function's parameters; of a module, none."""
    given = getattr(scope, "args", None)
    if not isinstance(given, ast.arguments):
        return set()
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return {a.arg for a in (*named, *filter(None, (given.vararg, given.kwarg)))}


def returned(scope: ast.AST) -> list[ast.expr]:
    """What a function may return; nothing for a generator."""
    if isinstance(scope, ast.Lambda):
        return [scope.body]
    found = []
    for node in _inside(scope) if isinstance(scope, ast.FunctionDef) else ():
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return []
        if isinstance(node, ast.Return) and node.value is not None:
            found.append(node.value)
    return found


def _inside(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function in the order of the text, without those of functions inside it."""
    waiting = [scope]
    while waiting:
        node = waiting.pop()
        if node is not scope:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
                continue
            yield node
        waiting += reversed(list(ast.iter_child_nodes(node)))


def entries(definition: Definition) -> Iterator[tuple[ast.expr | None, ast.expr, bool]]:
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
        case ast.Call():
            yield from _entries_of_call(value, definition)


def _entries_of_call(
    node: ast.Call, definition: Definition
) -> Iterator[tuple[ast.expr | None, ast.expr, bool]]:
    name = _called(node)
    first = node.args[0] if node.args else None
    if name in _LISTS and first is not None:
        yield None, first, True
    if name not in ("dict", "assign", "DataFrame"):
        return
    for keyword in node.keywords:
        if keyword.arg is not None and (name != "DataFrame" or keyword.arg == "data"):
            yield ast.Constant(keyword.arg), keyword.value, False
    if name != "assign" and first is not None:
        listed = list(entries(replace(definition, value=first)))
        yield from listed or [(None, first, True)]


def _called(node: ast.AST) -> str | None:
    """The last part of the name of what is called."""
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else None


def makes_frame(node: ast.AST) -> bool:
    """Whether an expression makes a frame of something that is no frame."""
    return _called(node) == "DataFrame"


def root_name(node: ast.AST | None) -> str | None:
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


def unpacked(
    node: ast.expr, path: Sequence[int | str]
) -> list[tuple[ast.expr, tuple[int | str, ...]]]:
    """The containers whose elements a loop over `node` gives to the name at `path`.

    Each with the path within its elements.
    """
    rest = tuple(path[1:])
    first = rest[0] if rest else None
    match node:
        case ast.Call(func=ast.Name(id="zip"), args=given) if not has_starred(given):
            if isinstance(first, int):
                return [(part, rest[1:]) for part in given[first : first + 1]]
        case ast.Call(func=ast.Name(id="enumerate"), args=[counted, *_]):
            if isinstance(first, int):
                return unpacked(counted, ("*", *rest[1:])) if first == 1 else []
        case ast.Call(func=ast.Name(id="list" | "tuple" | "reversed"), args=[inner]):
            return unpacked(inner, path)
        case ast.Call(func=ast.Attribute(attr="items")) if first == 1:
            return [(node, rest[1:])]
        case ast.Call(func=ast.Attribute(attr="items")) if first == 0:
            return []
    return [(node, rest)]
