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

from autotrack.lineage.program.call_site import Span, call_span, contains, span, span_of
from autotrack.lineage.program.definitions import FUNCTIONS, SCOPES, Definition, definitions

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
# What moves the elements of its own list, or of one that it is given.
_REORDERING = frozenset({"reverse", "pop", "sort", "remove", "insert", "clear"})
_REORDERING_OTHERS = frozenset({"shuffle", "heapify", "heappush", "heappop"})
_PERHAPS_NOT_RUN = (ast.IfExp, ast.BoolOp, ast.comprehension, ast.Lambda)


class Parents:
    """What each node of a tree stands in, and its calls.

    The parts of a statement are looked at when a line of it is asked for first: a score asks for
    its own line, and the script around it may be long.
    """

    __slots__ = ("_around", "_blocks", "_is_whole", "_tree", "calls")

    def __init__(self, tree: ast.AST) -> None:
        self._tree = tree
        self._around: dict[ast.AST, ast.AST] = {}
        # The statements that stand in one that was looked at, or in the tree.
        self._blocks: dict[ast.AST, list[ast.stmt]] = {}
        self._is_whole = False
        #: Those that were looked at, by the part of the source that their instructions belong to.
        self.calls: dict[Span, ast.Call] = {}

    def get(self, node: ast.AST) -> ast.AST | None:
        """What a node stands in; None for the tree itself, and for a node of another one."""
        found = self._around.get(node)
        if found is None and not self._is_whole and node is not self._tree:
            line: int | None = getattr(node, "lineno", None)
            if line is not None:
                self.look(line)
                found = self._around.get(node)
            if found is None:
                self.look(None)
                found = self._around.get(node)
        return found

    def look(self, line: int | None) -> None:
        """Look at the statements that a line is part of; at all of them if it is None."""
        if self._is_whole:
            return
        waiting: list[ast.AST] = [self._tree]
        while waiting:
            outer = waiting.pop()
            block = self._blocks.get(outer)
            if block is None:
                block = self._blocks[outer] = self._take_in(outer)
            waiting += block if line is None else (s for s in block if _has_line(s, line))
        self._is_whole = line is None

    def _take_in(self, outer: ast.AST) -> list[ast.stmt]:
        around, block, waiting = self._around, [], [outer]
        while waiting:
            node = waiting.pop()
            # As `ast.iter_child_nodes` does, in half the time: nobody asks for contexts.
            for field in node._fields:
                if field == "ctx":
                    continue
                value = getattr(node, field, None)
                for child in value if isinstance(value, list) else (value,):
                    if not isinstance(child, ast.AST):
                        continue
                    around[child] = node
                    if isinstance(child, ast.stmt):
                        block.append(child)
                        continue
                    waiting.append(child)
                    if isinstance(child, ast.Call):
                        self.calls[call_span(child)] = child
        return block


def _has_line(statement: ast.stmt, line: int) -> bool:
    # Decorators stand above the first line.
    above: Sequence[ast.expr] = getattr(statement, "decorator_list", ())
    first = min(statement.lineno, above[0].lineno) if above else statement.lineno
    return first <= line <= (statement.end_lineno or first)


class Text:
    """A source file or cell, read."""

    __slots__ = (*("_attributes", "_definitions", "_functions", "_reordered", "parents", "tree"),)

    def __init__(self, tree: ast.AST) -> None:
        self.tree = tree
        self.parents = Parents(tree)
        self._definitions: dict[ast.AST, dict[str, list[Definition]]] = {}
        self._attributes: dict[str, list[Definition]] | None = None
        self._reordered: set[str] | None = None
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
        """The call whose instruction belongs to just that part."""
        self.parents.look(place[0])
        return self.parents.calls.get(place)

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
        if self._reordered is None:
            self._reordered = set(_reordered(self.tree))
        return name in self._reordered

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
