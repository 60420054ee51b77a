"""Where a call was made: the frames of the user's code, their source, and what defines a name.

Source is read as :mod:`executing` finds it, so it is there for scripts, modules and notebook cells,
and missing for what was compiled from a text or typed at a bare prompt.
"""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from autotrack.capture.caller import is_users, module_of

if TYPE_CHECKING:
    from executing import Source

#: A place in running code: the code, and the offset of the instruction.
Site = tuple[CodeType, int]
#: A part of a source text: line and column of its begin and of its end.
Span = tuple[int, int, int, int]

# How far up a call is followed, in frames of the user's code.
_MOST_SITES = 6
_FARTHEST = 60
_MOST_KNOWN = 4096
_MOST_TEXTS = 256

# Whether the code of an `id` is the user's; the code itself is kept, so that no other gets its id.
_known: dict[int, tuple[CodeType, bool]] = {}


def sites(depth: int) -> tuple[Site, ...]:
    """The places in the user's code from which the call at hand was made, the nearest first.

    Parameters
    ----------
    depth : int
        How many frames above the caller to begin.
    """
    found: list[Site] = []
    try:
        frame: FrameType | None = sys._getframe(depth + 1)
    except ValueError:  # called straight from C, with no frame of Python's below
        return ()
    seen = 0
    while frame is not None and seen < _FARTHEST:
        code = frame.f_code
        known = _known.get(id(code)) or _learn(code, frame)
        if known[1]:
            found.append((code, frame.f_lasti))
            if len(found) == _MOST_SITES:
                break
        seen += 1
        frame = frame.f_back
    return tuple(found)


def _learn(code: CodeType, frame: FrameType) -> tuple[CodeType, bool]:
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    known = code, is_users(module_of(frame))
    _known[id(code)] = known
    return known


def users_frame(frame: FrameType | None) -> FrameType | None:
    """The first frame of the user's code, from `frame` upwards."""
    seen = 0
    while frame is not None and seen < _FARTHEST:
        if is_users(module_of(frame)):
            return frame
        frame, seen = frame.f_back, seen + 1
    return None


def line_below(frame: FrameType | None) -> str:
    """The line of the user's code that makes the call at hand, as ``file:line``."""
    here = users_frame(frame)
    if here is None:
        return ""
    name = here.f_code.co_filename
    with contextlib.suppress(OSError, ValueError):
        name = str(Path(name).relative_to(Path.cwd()))
    return f"{name}:{here.f_lineno}"


_positions: dict[int, tuple[CodeType, list[Span | None]]] = {}


def span_of(site: Site) -> Span | None:
    """The part of the source that an instruction belongs to; None where that is not recorded."""
    code, offset = site
    known = _positions.get(id(code))
    if known is None:
        if len(_positions) >= _MOST_KNOWN:
            _positions.clear()
        spans: list[Span | None] = []
        for line, last, column, end in code.co_positions():
            whole = None not in (line, last, column, end)
            spans.append((line, column, last, end) if whole else None)  # type: ignore[arg-type]
        known = _positions[id(code)] = code, spans
    at = offset // 2
    return known[1][at] if 0 <= at < len(known[1]) else None


def span(node: ast.AST) -> Span:
    """The part of the source that a node of the syntax tree stands for."""
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]


def contains(outer: Span, inner: Span) -> bool:
    """Whether one part of a source lies within another."""
    return outer[:2] <= inner[:2] and inner[2:] <= outer[2:]


@dataclass(slots=True, eq=False, repr=False)
class Text:
    """A source file or cell, read."""

    tree: ast.AST
    parents: dict[ast.AST, ast.AST]
    definitions: dict[ast.AST, dict[str, list[Definition]]] = field(default_factory=dict)
    calls: dict[Span, ast.Call] | None = None

    def scope_of(self, node: ast.AST) -> ast.AST:
        """The function, lambda or module in which a node stands."""
        here = self.parents.get(node)
        while here is not None and not isinstance(here, _SCOPES):
            here = self.parents.get(here)
        return here if here is not None else self.tree

    def function(self, code: CodeType) -> ast.AST | None:
        """The function that was compiled to `code`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Lambda):
                if code.co_name == "<lambda>" and node.lineno == code.co_firstlineno:
                    spans = [s for s in map(span_of, _instructions(code)) if s and s[:2] != s[2:]]
                    if spans and all(contains(span(node), s) for s in spans):
                        return node
            elif isinstance(node, _FUNCTIONS) and node.name == code.co_name:
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                if first == code.co_firstlineno:
                    return node
        return None

    def call_at(self, place: Span) -> ast.Call | None:
        """The call that stands just there."""
        if self.calls is None:
            calls = (n for n in ast.walk(self.tree) if isinstance(n, ast.Call))
            self.calls = {span(node): node for node in calls}
        return self.calls.get(place)

    def defined(self, scope: ast.AST, name: str) -> list[Definition]:
        """What defines `name` in a scope, in the order of the text."""
        known = self.definitions.get(scope)
        if known is None:
            known = {}
            for definition in _definitions(scope):
                known.setdefault(definition.name, []).append(definition)
            self.definitions[scope] = known
        return known.get(name, [])

    def reaching(self, scope: ast.AST, name: str, at: ast.AST | None) -> list[Definition]:
        """The definitions of `name` that may be in force at a node of the same scope.

        With `at` None, all of them.
        """
        everything = self.defined(scope, name)
        plain = [d for d in everything if not d.changes]
        changes = [d for d in everything if d.changes]
        if at is None or len(plain) < 2:
            return plain + changes
        return self._reaching(scope, plain, at) + changes

    def _reaching(self, scope: ast.AST, plain: list[Definition], at: ast.AST) -> list[Definition]:
        found: list[Definition] = []
        here: ast.AST | None = at
        # From the node outwards: what stands before it in its block, then in the block around.
        while here is not None and here is not scope:
            parent = self.parents.get(here)
            if parent is None:
                break
            block = _block_of(parent, here)
            for before in reversed(block[: block.index(here)] if block else []):
                within = [d for d in plain if self._is_within(d.node, before)]
                found += within
                if any(d.node is before for d in within):
                    return found
            if isinstance(parent, ast.For | ast.AsyncFor | ast.While):
                later = [d for d in plain if self._is_within(d.node, parent) and d not in found]
                found += later
                if any(d.node is parent for d in later):
                    return found  # the loop's own variable
            elif isinstance(parent, ast.With | ast.AsyncWith | ast.comprehension):
                found += [d for d in plain if d.node is parent and d not in found]
            here = parent
        return found or plain

    def _is_within(self, node: ast.AST, outer: ast.AST) -> bool:
        here: ast.AST | None = node
        while here is not None:
            if here is outer:
                return True
            here = self.parents.get(here)
        return False


def _instructions(code: CodeType) -> Iterator[Site]:
    return ((code, offset) for offset in range(0, len(code.co_code), 2))


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
        Empty for a plain definition. ``element`` where an element of it is set or added, with its
        `key` where there is one; ``value`` where its content changes as a whole (``p += 1``).
    """

    name: str
    node: ast.AST
    value: ast.expr
    path: tuple[int | str, ...] = ()
    changes: str = ""
    key: ast.expr | None = None


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.Lambda, ast.Module)
_ADDING = {"append": 0, "add": 0, "extend": 0, "insert": 1, "update": 0, "setdefault": 1}


def _definitions(scope: ast.AST) -> Iterator[Definition]:
    for node in _within(scope):
        if isinstance(node, ast.Call):
            yield from _additions(node)
        else:
            yield from _bindings(node)


def _bindings(node: ast.AST) -> Iterator[Definition]:
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _targets(node, target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _targets(node, target, value)
        case ast.NamedExpr(target=target, value=value):
            yield from _targets(node, target, value)
        case ast.AugAssign(target=target, value=value):
            if (root := _root(target)) is not None:
                yield Definition(root, node, value, (), "value")
        case (
            ast.For(target=target, iter=value)
            | ast.AsyncFor(target=target, iter=value)
            | ast.comprehension(target=target, iter=value)
        ):
            yield from _targets(node, target, value, ("*",))
        case ast.With(items=items) | ast.AsyncWith(items=items):
            for item in items:
                if item.optional_vars is not None:
                    yield from _targets(node, item.optional_vars, item.context_expr)


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


def _targets(
    node: ast.AST, target: ast.expr, value: ast.expr, path: tuple[int | str, ...] = ()
) -> Iterator[Definition]:
    match target:
        case ast.Name(id=name):
            yield Definition(name, node, value, path)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            same = isinstance(value, ast.Tuple | ast.List) and not path
            for place, element in enumerate(elements):
                if isinstance(element, ast.Starred):
                    yield from _targets(node, element.value, value, (*path, "*"))
                elif same and len(value.elts) == len(elements):  # type: ignore[attr-defined]
                    yield from _targets(node, element, value.elts[place])  # type: ignore[attr-defined]
                else:
                    yield from _targets(node, element, value, (*path, place))
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
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, (*_FUNCTIONS, ast.Lambda)):
            yield from _within(child)


def _block_of(parent: ast.AST, statement: ast.AST) -> list[ast.AST]:
    for name in ("body", "orelse", "finalbody", "handlers"):
        block = getattr(parent, name, None)
        if isinstance(block, list) and statement in block:
            return block
    return []


def attributes(text: Text, name: str) -> list[Definition]:
    """What is assigned to an attribute of this name, anywhere in a text."""
    key = text.tree
    every: dict[str, list[Definition]] | None = text.definitions.get(_EVERYWHERE)
    if every is None:
        every = {}
        for scope in [key, *(n for n in ast.walk(key) if isinstance(n, _FUNCTIONS))]:
            for definition in _definitions(scope):
                if definition.name.startswith("."):
                    every.setdefault(definition.name, []).append(definition)
        text.definitions[_EVERYWHERE] = every
    return every.get(f".{name}", [])


_EVERYWHERE = ast.Pass()
# By the `id` of the tree, which the text keeps alive.
_texts: dict[int, Text] = {}


def _read(source: Source) -> Text | None:
    tree: ast.AST | None = source.tree
    if tree is None:
        return None
    known = _texts.get(id(tree))
    if known is None:
        if len(_texts) >= _MOST_TEXTS:
            _texts.clear()
        parents = {c: node for node in ast.walk(tree) for c in ast.iter_child_nodes(node)}
        known = _texts[id(tree)] = Text(tree, parents)
    return known


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CallSite:
    """A call in the user's code: the text it stands in, and its node."""

    text: Text
    filename: str
    node: ast.Call | None


_calls: dict[tuple[int, int], tuple[CodeType, CallSite | None]] = {}


def call_site(frame: FrameType) -> CallSite | None:
    """The call that a frame is making, by its source; None where there is none to read."""
    code = frame.f_code
    key = id(code), frame.f_lasti
    known = _calls.get(key)
    if known is None:
        if len(_calls) >= _MOST_KNOWN:
            _calls.clear()
        known = _calls[key] = code, _find_call(frame)
    return known[1]


def _find_call(frame: FrameType) -> CallSite | None:
    from executing import Source

    filename = frame.f_code.co_filename
    try:
        found = Source.executing(frame)
        text = _read(found.source)
    except Exception:  # noqa: BLE001 - a source that cannot be read is none
        return None
    if text is None:
        return None
    node = found.node
    return CallSite(text, filename, node if isinstance(node, ast.Call) else None)


def text_of(code: CodeType, module_globals: dict[str, Any]) -> Text | None:
    """The source that `code` was compiled from; None where it cannot be read."""
    from executing import Source

    try:
        return _read(Source.for_filename(code.co_filename, module_globals))
    except Exception:  # noqa: BLE001 - a source that cannot be read is none
        return None
