"""Where an expression stands, and what its names mean there."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from inspect import CO_OPTIMIZED
from types import FrameType, MappingProxyType
from typing import TYPE_CHECKING, Any

from autotrack.lineage.program.call_node import call_site
from autotrack.lineage.program.call_site import users_frame
from autotrack.lineage.program.source import Text
from autotrack.lineage.values.operations import UNKNOWN
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.stack import variables

if TYPE_CHECKING:
    from autotrack.lineage.dataflow.flow import Flow

_COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def _nothing() -> Mapping[str, Any]:
    return _NOTHING  # one for all, so that their contexts are equal


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where an expression stands: what its names mean there.

    Without a `frame` it is part of a helper that has returned: `arguments` is what it was called
    with, `names` what it sees around it, and `within` the predictions that were made meanwhile.
    `many` says that the expression may have been evaluated many times, for a container; `since` is
    the order of the last prediction that was made before it was evaluated this time.
    """

    text: Text
    filename: str
    scope: ast.AST
    at: ast.AST | None
    frame: FrameType | None
    names: Mapping[str, Any] = field(default_factory=_nothing)
    arguments: Mapping[str, Sequence[Flow]] = field(default_factory=_nothing)
    within: frozenset[int] | None = None
    many: bool = False
    since: int = 0

    def value(self, name: str) -> Any:
        """What a name stands for now; UNKNOWN where that cannot be told."""
        if self.frame is None:
            return self.names.get(name, UNKNOWN)
        frame = self.frame
        while True:
            code = frame.f_code
            if not code.co_flags & CO_OPTIMIZED:
                found = frame.f_locals.get(name, UNKNOWN)
                return found if found is not UNKNOWN else _global(frame.f_globals, name)
            if name in code.co_varnames or name in code.co_cellvars or name in code.co_freevars:
                return variables(frame).get(name, UNKNOWN)
            around = _around_comprehension(frame)
            if around is None:
                return _global(frame.f_globals, name)
            frame = around

    @property
    def running(self) -> FrameType | None:
        """The frame of the function whose text the place is in, while that has not returned."""
        frame = self.frame
        while frame is not None and (around := _around_comprehension(frame)) is not None:
            frame = around
        return frame if frame is not None and self.text.function(frame.f_code) else None

    @property
    def context(self) -> int:
        """Equal for two places of one evaluation of one function, while both are kept."""
        return id(self.arguments) if self.frame is None else id(self.frame)

    def moved(self, at: ast.AST | None, *, many: bool = False) -> Place:
        """The same place, at another expression."""
        return replace(self, at=at, many=self.many or many)

    def before(self, definition: ast.AST, *, many: bool = False) -> Place:
        """The place just before a definition, which sees what was defined earlier."""
        at = definition if isinstance(definition, ast.stmt) else self.at
        fresh = self.since and self.at is not None and not isinstance(definition, ast.comprehension)
        if fresh and not self.text.is_of_same_round(definition, self.at):
            return replace(self, at=at, many=self.many or many, since=0)
        return self.moved(at, many=many)

    def outwards(self) -> Iterator[tuple[ast.AST, ast.AST | None]]:
        """The scopes in which a name is looked for, each with where in it; None for anywhere."""
        scope, at = self.scope, self.at
        while True:
            yield scope, at
            if isinstance(scope, ast.Module):
                return
            scope, at = self.text.scope_of(scope), None


def _around_comprehension(frame: FrameType) -> FrameType | None:
    """The frame in which a comprehension stands; up to Python 3.11 it has one of its own."""
    around = frame.f_back
    if frame.f_code.co_name in _COMPREHENSIONS and around is not None:
        return around if frame.f_code in around.f_code.co_consts else None
    return None


def _global(names: Mapping[str, Any], name: str) -> Any:
    return names[name] if name in names else builtins_of(names).get(name, UNKNOWN)


def builtins_of(names: Mapping[str, Any]) -> Mapping[str, Any]:
    """The builtins that code with these global variables sees."""
    found = names.get("__builtins__")
    return found if type(found) is dict else getattr(found, "__dict__", {})


def call_of(frame: FrameType | None) -> tuple[ast.Call, Place] | None:
    """The call that the first frame of the user's code, from `frame` upwards, is making."""
    caller = users_frame(frame)
    site = call_site(caller) if caller is not None else None
    if caller is None or site is None or site.node is None:
        return None
    node = site.node
    return node, Place(site.text, site.filename, site.text.scope_of(node), node, caller)
