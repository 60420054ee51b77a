"""New classes, whatever they derive from.

A script may define an estimator that derives from nothing of scikit-learn's in one line and fit it
in the next, and nothing happens in between that could be watched. So ``builtins.__build_class__``,
which every class statement calls, is exchanged.

Libraries look at the frame in which a class is defined (pydantic for names in annotations,
warnings for the line to blame), so nothing of ours may stand between the two. Only class
statements that define a method of estimators are run by a function of ours; for all others a
descriptor hands out Python's own function, and no frame is added.
"""

from __future__ import annotations

import builtins
import sys
from bisect import bisect_right
from collections.abc import Callable
from inspect import CO_OPTIMIZED
from types import CodeType, FrameType
from typing import Any

from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.in_between import in_between, take_off


class ClassHooks:
    """Tells of every new class whose body defines something of interest.

    Parameters
    ----------
    is_of_interest : callable
        Gets a name that is used in the body of a class.
    on_class : callable
        Gets the class, once it is as its class statement leaves it.
    """

    def __init__(
        self, is_of_interest: Callable[[str], bool], on_class: Callable[[type], None]
    ) -> None:
        self._is_of_interest = is_of_interest
        self._on_class = on_class
        self._hook: _BuildClass | None = None

    def watch(self) -> None:
        """Begin to tell."""
        if self._hook is None:
            self._hook = _BuildClass(builtins.__build_class__, self._defines, self._on_class)
            builtins.__build_class__ = self._hook

    def unwatch(self) -> None:
        """Put back what was there before.

        Somebody else who exchanged it meanwhile keeps what they put there, which calls ours, which
        from here on only stands for what was there before.
        """
        hook, self._hook = self._hook, None
        if hook is None:
            return
        hook.silent = True
        if builtins.__build_class__ is hook:
            builtins.__build_class__ = hook.before

    def _defines(self, body: CodeType) -> bool:
        return any(map(self._is_of_interest, body.co_names))


class _Chosen:
    """What a call of the hook calls: Python's own function, or the one that tells."""

    def __get__(self, hook: Any, owner: type | None = None) -> Any:
        if hook is None:
            return self
        return hook.build if hook.is_awaited(sys._getframe(1)) else hook.before


@dataclass(frozen=True, slots=True)
class _Statements:
    """The class statements in a piece of code: the lines on which they begin, in order."""

    code: CodeType
    begin: list[int]
    wanted: set[int]

    def is_wanted(self, line: int) -> bool:
        """Whether the class that is defined on `line` defines something of interest."""
        # It is the last that begins (with a decorator, perhaps) up to there.
        place = bisect_right(self.begin, line)
        return place == 0 or self.begin[place - 1] in self.wanted


class _BuildClass:
    """Stands in for ``builtins.__build_class__``."""

    __call__ = _Chosen()

    def __init__(
        self,
        before: Callable[..., Any],
        defines: Callable[[CodeType], bool],
        on_class: Callable[[type], None],
    ) -> None:
        self.before = before
        self.silent = False
        self._defines = defines
        self._on_class = on_class
        # The code that was last looked at: a module defines one class after another.
        self._seen: _Statements | None = None

    def is_awaited(self, frame: FrameType) -> bool:
        """Whether the class statement that runs in `frame` defines something of interest."""
        if self.silent:
            return False
        seen = self._seen
        if seen is None or seen.code is not frame.f_code:
            seen = self._seen = self._statements(frame.f_code)
        if not seen.begin:  # somebody else's function stands in between
            return True
        # Code that was made without lines has none to tell its classes apart.
        return bool(seen.wanted) and (not frame.f_lineno or seen.is_wanted(frame.f_lineno))

    def _statements(self, code: CodeType) -> _Statements:
        consts = [const for const in code.co_consts if isinstance(const, CodeType)]
        bodies = [const for const in consts if not const.co_flags & CO_OPTIMIZED]
        return _Statements(
            code,
            sorted(body.co_firstlineno for body in bodies),
            {body.co_firstlineno for body in bodies if self._defines(body)},
        )

    @in_between
    def build(self, /, *args: Any, **kwargs: Any) -> Any:
        """Build a class, and tell of it if its body defines something of interest."""
        try:
            cls = self.before(*args, **kwargs)
        except BaseException as error:
            take_off(error)
            raise
        code = getattr(args[0], "__code__", None)
        if not self.silent and isinstance(cls, type) and code and self._defines(code):
            self._on_class(cls)
        return cls
