"""What each node of a syntax tree stands in."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from autotrack.lineage.program.call_site import Span, call_span


class Parents:
    """What each node of a tree stands in, and its calls.

    The parts of a statement are looked at when a line of it is asked for first: a score asks for
    its own line, and the script around it may be long.
    """

    __slots__ = ("_around", "_blocks", "_looked", "_tree", "calls")

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._around: dict[ast.AST, ast.AST] = {}
        # The statements that stand in one that was looked at.
        self._blocks: dict[ast.AST, list[ast.stmt]] = {}
        # How many statements the tree had when all of it was looked at.
        self._looked = -1
        #: Those that were looked at, by the part of the source that their instructions belong to.
        self.calls: dict[Span, ast.Call] = {}

    def get(self, node: ast.AST) -> ast.AST | None:
        """What a node stands in; None for the tree itself, and for a node of another one."""
        found = self._around.get(node)
        if found is None and not self._is_whole() and node is not self._tree:
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
        if self._is_whole():
            return
        # More of them may be parsed later.
        top = self._tree.body
        waiting: list[ast.AST] = []
        for statement in top:
            if line is None or has_line(statement, line):
                self._around[statement] = self._tree
                waiting.append(statement)
        while waiting:
            outer = waiting.pop()
            block = self._blocks.get(outer)
            if block is None:
                block = self._blocks[outer] = self._take_in(outer)
            waiting += block if line is None else (s for s in block if has_line(s, line))
        if line is None:
            self._looked = len(top)

    def _is_whole(self) -> bool:
        return self._looked == len(self._tree.body)

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


def has_line(statement: ast.stmt, line: int) -> bool:
    """Whether a statement has a part in a line."""
    # Decorators stand above the first line.
    above: Sequence[ast.expr] = getattr(statement, "decorator_list", ())
    first = min(statement.lineno, above[0].lineno) if above else statement.lineno
    return first <= line <= (statement.end_lineno or first)
