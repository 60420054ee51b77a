"""Source texts of the user's code, read once: their calls, functions and definitions.

Source is read as tracebacks read it, so it is there for scripts, modules and notebook cells, and
missing for what was compiled from a text or typed at a bare prompt. Where in it a call stands is
told by the positions that compiled code has from Python 3.11 on.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import CodeType

from autotrack.lineage.program.call_site import Span, contains, span, span_of
from autotrack.lineage.program.definitions import FUNCTIONS, SCOPES, Definition, definitions
from autotrack.lineage.program.parents import Parents, has_line
from autotrack.lineage.program.pieces import Pieces

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
# What moves the elements of its own list, or of one that it is given.
_REORDERING = frozenset({"reverse", "pop", "sort", "remove", "insert", "clear"})
_REORDERING_OTHERS = frozenset({"shuffle", "heapify", "heappush", "heappop"})
_PERHAPS_NOT_RUN = (ast.IfExp, ast.BoolOp, ast.comprehension, ast.Lambda)


class Text:
    """A source file or cell, of which the statements are parsed that are asked for."""

    __slots__ = (
        *("_attributes", "_definitions", "_of_module", "_pieces", "_reordered", "_variables"),
        "parents",
    )

    def __init__(self, text: str) -> None:
        self._pieces = Pieces(text)
        self.parents = Parents(self._pieces.tree)
        self._definitions: dict[ast.AST, dict[str, list[Definition]]] = {}
        # The same of the statements of a piece, by its number.
        self._of_module: dict[int, dict[str, list[Definition]]] = {}
        # What defines a variable of the module, by its name.
        self._variables: dict[str, list[Definition]] = {}
        # By the number of the piece.
        self._attributes: dict[int, list[tuple[int, Definition]]] = {}
        self._reordered: dict[int, frozenset[str]] = {}

    @property
    def tree(self) -> ast.Module:
        """The statements that were asked for so far."""
        return self._pieces.tree

    @property
    def is_readable(self) -> bool:
        """Whether all that was asked for is Python."""
        return self._pieces.is_readable

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
        if code.co_name == "<module>":
            return None
        place = code.co_name, code.co_firstlineno
        found = [f for f in _functions_at(self._pieces.at(place[1]), place[1]) if f[1] == place]
        if code.co_name != "<lambda>":
            return found[0][0] if found else None
        # Several may stand in a line, one in another.
        instructions = ((code, offset) for offset in range(0, len(code.co_code), 2))
        spans = [s for s in map(span_of, instructions) if s and s[:2] != s[2:]]
        fitting = [f for f, _ in found if spans and all(contains(span(f), s) for s in spans)]
        return fitting[-1] if fitting else None

    def call_at(self, place: Span) -> ast.Call | None:
        """The call whose instruction belongs to just that part."""
        self._pieces.at(place[0])
        self.parents.look(place[0])
        return self.parents.calls.get(place)

    def attributes(self, name: str) -> list[Definition]:
        """What is assigned to an attribute of this name, anywhere in the text."""
        found: list[tuple[int, Definition]] = []
        for number in self._pieces.naming(name):
            known = self._attributes.get(number)
            if known is None:
                known = list(_attributes(self._pieces.statements(number)))
                self._attributes[number] = known
            found += [pair for pair in known if pair[1].name == f".{name}"]
        found.sort(key=lambda pair: pair[0])  # which keeps the order of equals
        return [definition for _, definition in found]

    def defined(self, scope: ast.AST, name: str) -> list[Definition]:
        """What defines `name` in a scope, in the order of the text."""
        if scope is not self.tree:
            known = self._definitions.get(scope)
            if known is None:
                known = self._definitions[scope] = _by_name(scope)
            return known.get(name, [])
        whole = self._variables.get(name)
        if whole is not None:
            return whole
        found: list[Definition] = []
        for number in self._pieces.naming(name, at_module=True):
            known = self._of_module.get(number)
            if known is None:
                part = ast.Module(body=self._pieces.statements(number), type_ignores=[])
                known = self._of_module[number] = _by_name(part)
            found += known.get(name, [])
        self._variables[name] = found
        return found

    def reaching(self, scope: ast.AST, name: str, at: ast.AST | None) -> list[Definition]:
        """The definitions of `name` that may be in force at a node of the same scope.

        With `at` None, all of them.
        """
        everything = self.defined(scope, name)
        plain = [d for d in everything if not d.changes]
        changes = [d for d in everything if d.changes]
        if at is None:
            return plain + changes
        changes = [d for d in changes if not self.is_later(d.node, at)]
        if len(plain) < 2:
            return plain + changes
        return self._reaching(scope, plain, at) + changes

    def is_later(self, node: ast.AST, at: ast.AST) -> bool:
        """Whether a node of the same scope runs after another, and in no loop with it."""
        if node is at or span(node)[:2] < span(at)[2:]:
            return False
        return self.loops(node).isdisjoint(self.loops(at))

    def always_runs_before(self, node: ast.AST, at: ast.AST) -> bool:
        """Whether a statement has always run, this round of every loop, when another node does."""
        here: ast.AST | None = node
        while here is not None and not isinstance(here, ast.stmt):
            if isinstance(here, _PERHAPS_NOT_RUN):
                return False
            here = self.parents.get(here)
        parent = None if here is None else self.parents.get(here)
        while isinstance(parent, ast.With | ast.AsyncWith):
            parent, here = self.parents.get(parent), parent
        inner = at
        for outer in (at, *self._around(at)):
            if outer is here:
                return True
            if outer is at:
                continue
            if outer is parent:
                block = _block_of(outer, inner)
                return here in block and block.index(here) < block.index(inner)
            inner = outer
        return False

    def may_be_of_an_earlier_round(self, node: ast.AST, at: ast.AST) -> bool:
        """Whether what a statement last did in a loop may be other than what is in force later."""
        if isinstance(node, ast.comprehension):
            return False
        return bool(self.loops(node)) and not self.always_runs_before(node, at)

    def reorders(self, scope: ast.AST, name: str) -> bool:
        """Whether elements of a list of this name are moved, taken out, or put in between."""
        for number in self._pieces.naming(name):
            known = self._reordered.get(number)
            if known is None:
                found = map(_reordered, self._pieces.statements(number))
                known = self._reordered[number] = frozenset(itertools.chain.from_iterable(found))
            if name in known:
                return True
        return False

    def is_in_loop(self, node: ast.AST) -> bool:
        """Whether a statement is in a loop of its scope."""
        return bool(self.loops(node))

    def loops(self, node: ast.AST) -> set[ast.AST]:
        """The loops around a node, of its own scope."""
        found: set[ast.AST] = set()
        for around in self._around(node):
            if isinstance(around, SCOPES):
                break
            if isinstance(around, _LOOPS):
                found.add(around)
        return found

    def is_of_same_round(self, node: ast.AST, at: ast.AST | None) -> bool:
        """Whether a statement has run in the same round of the same loop as another node."""
        if at is None or self.scope_of(node) is not self.scope_of(at):
            return False
        loops = self.loops(at)
        return bool(loops) and self.loops(node) == loops and self.always_runs_before(node, at)

    def is_in_shared_loop(self, node: ast.AST, at: ast.AST, without: ast.AST) -> bool:
        """Whether a loop around both nodes is none around a third."""
        return bool((self.loops(node) & self.loops(at)) - self.loops(without))

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


def _by_name(scope: ast.AST) -> dict[str, list[Definition]]:
    found: dict[str, list[Definition]] = {}
    for definition in definitions(scope):
        found.setdefault(definition.name, []).append(definition)
    return found


def _functions_at(
    statements: Sequence[ast.stmt], line: int
) -> Iterator[tuple[ast.AST, tuple[str, int]]]:
    """The functions with a line, each with its name and its own line, the outer ones first."""
    waiting: list[ast.AST] = [s for s in statements if has_line(s, line)]
    while waiting:
        inner: list[ast.AST] = []
        for node in waiting:
            if isinstance(node, (*FUNCTIONS, ast.Lambda)):
                yield node, _name_and_line(node)
            inner += (c for c in ast.iter_child_nodes(node) if _may_have_line(c, line))
        waiting = inner


def _may_have_line(node: ast.AST, line: int) -> bool:
    if isinstance(node, ast.stmt):
        return has_line(node, line)
    first: int | None = getattr(node, "lineno", None)
    return first is None or first <= line <= (getattr(node, "end_lineno", None) or first)


def _attributes(statements: Sequence[ast.stmt]) -> Iterator[tuple[int, Definition]]:
    """What is assigned to attributes, each with how deep the function is that it stands in."""
    depth = 0
    nodes: list[ast.AST] = [ast.Module(body=list(statements), type_ignores=[])]
    while nodes:
        for node in nodes:
            if depth == 0 or isinstance(node, FUNCTIONS):
                for definition in definitions(node):
                    if definition.name.startswith("."):
                        yield depth, definition
        nodes = [child for node in nodes for child in ast.iter_child_nodes(node)]
        depth += 1


def _reordered(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attr)):
                if attr in _REORDERING:
                    yield name
                elif attr in _REORDERING_OTHERS:
                    yield from (a.id for a in node.args if isinstance(a, ast.Name))
            case ast.Call(func=ast.Name(id=function), args=given):
                if function in _REORDERING_OTHERS:
                    yield from (a.id for a in given if isinstance(a, ast.Name))
            case ast.Delete(targets=targets):
                for target in targets:
                    if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                        yield target.value.id


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
