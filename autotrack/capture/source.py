"""Source texts of the user's code, read once: their calls, functions and definitions.

Source is read as :mod:`executing` finds it, so it is there for scripts, modules and notebook cells,
and missing for what was compiled from a text or typed at a bare prompt.
"""

from __future__ import annotations

import ast
import functools
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from autotrack.capture.callsite import Span, contains, span, span_of
from autotrack.capture.definitions import FUNCTIONS, SCOPES, Definition, definitions

if TYPE_CHECKING:
    from executing import Source

_MOST_KNOWN = 4096
_MOST_TEXTS = 256
# The size in bytes of a file that is read: some ten thousand lines.
_LONGEST = 400_000


class Text:
    """A source file or cell, read."""

    __slots__ = ("_attributes", "_calls", "_definitions", "_functions", "parents", "tree")

    def __init__(self, tree: ast.AST) -> None:
        self.tree = tree
        self.parents = {c: node for node in ast.walk(tree) for c in ast.iter_child_nodes(node)}
        self._definitions: dict[ast.AST, dict[str, list[Definition]]] = {}
        self._attributes: dict[str, list[Definition]] | None = None
        self._calls: dict[Span, ast.Call] | None = None
        # By name and line.
        self._functions: dict[tuple[str, int], list[ast.AST]] | None = None

    def scope_of(self, node: ast.AST) -> ast.AST:
        """The function, lambda or module in which a node stands."""
        here = self.parents.get(node)
        while here is not None and not isinstance(here, SCOPES):
            here = self.parents.get(here)
        return here if here is not None else self.tree

    def bound_by(self, name: ast.Name) -> ast.AST | None:
        """The comprehension around a name whose variable it is."""
        here: ast.AST = name
        for parent in self._around(name):
            if isinstance(parent, SCOPES):
                return None
            generators: Sequence[ast.comprehension] = getattr(parent, "generators", ())
            for number, part in enumerate(generators):
                # What the first one goes through is computed outside.
                if number == 0 and here is part and contains(span(part.iter), span(name)):
                    continue
                targets = (n for n in ast.walk(part.target) if isinstance(n, ast.Name))
                if any(target.id == name.id for target in targets):
                    return parent
            here = parent
        return None

    def function(self, code: CodeType) -> ast.AST | None:
        """The function that was compiled to `code`."""
        if self._functions is None:
            self._functions = {}
            for node in ast.walk(self.tree):
                if isinstance(node, (*FUNCTIONS, ast.Lambda)):
                    self._functions.setdefault(_name_and_line(node), []).append(node)
        found = self._functions.get((code.co_name, code.co_firstlineno), ())
        if code.co_name != "<lambda>":
            return found[0] if found else None
        # Several may stand in a line, one in another.
        instructions = ((code, offset) for offset in range(0, len(code.co_code), 2))
        spans = [s for s in map(span_of, instructions) if s and s[:2] != s[2:]]
        fitting = [f for f in found if spans and all(contains(span(f), s) for s in spans)]
        return fitting[-1] if fitting else None

    def call_at(self, place: Span) -> ast.Call | None:
        """The call that stands just there."""
        if self._calls is None:
            calls = (n for n in ast.walk(self.tree) if isinstance(n, ast.Call))
            self._calls = {span(node): node for node in calls}
        return self._calls.get(place)

    def attributes(self, name: str) -> list[Definition]:
        """What is assigned to an attribute of this name, anywhere in the text."""
        if self._attributes is None:
            self._attributes = {}
            functions = (n for n in ast.walk(self.tree) if isinstance(n, FUNCTIONS))
            for scope in (self.tree, *functions):
                for definition in definitions(scope):
                    if definition.name.startswith("."):
                        self._attributes.setdefault(definition.name, []).append(definition)
        return self._attributes.get(f".{name}", [])

    def defined(self, scope: ast.AST, name: str) -> list[Definition]:
        """What defines `name` in a scope, in the order of the text."""
        known = self._definitions.get(scope)
        if known is None:
            known = {}
            for definition in definitions(scope):
                known.setdefault(definition.name, []).append(definition)
            self._definitions[scope] = known
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
        # Each definition with the nodes around it.
        around = [(d, {d.node, *self._around(d.node)}) for d in plain]
        # From the node outwards: what stands before it in its block, then in the block around.
        here = at
        for parent in self._around(at):
            block = _block_of(parent, here)
            before = {node: number for number, node in enumerate(block[: block.index(here)])}
            within = [
                (number, d) for d, nodes in around if (number := _place(nodes, before)) is not None
            ]
            for number, group in itertools.groupby(
                sorted(within, key=lambda pair: -pair[0]), key=lambda pair: pair[0]
            ):
                same = [d for _, d in group]
                found += same
                if any(d.node is block[number] for d in same):
                    return found
            if isinstance(parent, ast.For | ast.AsyncFor | ast.While):
                later = [d for d, nodes in around if parent in nodes and d not in found]
                found += later
                if any(d.node is parent for d in later):
                    return found  # the loop's own variable
            elif isinstance(parent, ast.With | ast.AsyncWith | ast.comprehension):
                found += [d for d in plain if d.node is parent and d not in found]
            if parent is scope:
                break
            here = parent
        return found or plain

    def _around(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around a node, outwards."""
        here = self.parents.get(node)
        while here is not None:
            yield here
            here = self.parents.get(here)


def _place(nodes: Iterable[ast.AST], before: Mapping[ast.AST, int]) -> int | None:
    return next((before[node] for node in nodes if node in before), None)


def _name_and_line(node: ast.AST) -> tuple[str, int]:
    """As the code of a function has them."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name, min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return "<lambda>", node.lineno  # type: ignore[attr-defined]


def _block_of(parent: ast.AST, statement: ast.AST) -> list[ast.AST]:
    """The list of statements of which one is `statement`; itself where it is in none."""
    for name in ("body", "orelse", "finalbody", "handlers"):
        block = getattr(parent, name, None)
        if isinstance(block, list) and statement in block:
            return block
    return [statement]


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
        known = _texts[id(tree)] = Text(tree)
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
    if _is_long(filename):
        return None
    try:
        found = Source.executing(frame)
        text = _read(found.source)
    except Exception:  # noqa: BLE001 - a source that cannot be read is none
        return None
    if text is None:
        return None
    node = found.node
    return CallSite(text, filename, node if isinstance(node, ast.Call) else None)


_read_of: dict[int, tuple[CodeType, Text | None]] = {}


def text_of(code: CodeType, module_globals: dict[str, Any]) -> Text | None:
    """The source that `code` was compiled from; None where it cannot be read."""
    known = _read_of.get(id(code))
    if known is None:
        if len(_read_of) >= _MOST_KNOWN:
            _read_of.clear()
        known = code, _find_text(code, module_globals)
        if module_globals or known[1] is not None:  # they may tell how to load it
            _read_of[id(code)] = known
    return known[1]


def _find_text(code: CodeType, module_globals: dict[str, Any]) -> Text | None:
    from executing import Source

    if _is_long(code.co_filename):
        return None
    try:
        return _read(Source.for_filename(code.co_filename, module_globals))
    except Exception:  # noqa: BLE001 - a source that cannot be read is none
        return None


@functools.lru_cache(maxsize=1024)
def _is_long(filename: str) -> bool:
    """Whether a file is so long that reading it would be felt: a generated one."""
    try:
        return os.path.getsize(filename) > _LONGEST
    except OSError:  # a cell of a notebook
        return False
