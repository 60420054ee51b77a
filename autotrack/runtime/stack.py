"""The user's own frame, and what they called their data."""

from __future__ import annotations

import dis
import functools
import gc
import sys
from collections.abc import Callable, Mapping
from enum import Enum, auto
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, CO_OPTIMIZED
from itertools import compress, repeat
from operator import is_
from types import CodeType, FrameType
from typing import Any

from autotrack.runtime.in_between import is_passed_over
from autotrack.runtime.patterns import pattern

_NOT_THE_USER = frozenset({"autotrack", "sklearn", "joblib", "functools", "contextlib"})
# Whose calls of scikit-learn are no calls of the user's: itself, and what is built on its insides.
_LIBRARIES = frozenset({"sklearn", "imblearn"})
# Frames to look through for a name: far enough for a helper that is handed the data.
_FARTHEST = 25
# Names that say nothing of which data it is.
_PLAIN = frozenset({"X", "x", "data", "df", "y", "y_true", "array", "values", "self", "args"})


# Modules of scikit-learn whose frames stand between a caller and what they call: decorators, and
# the displays that do no more than draw what a validation function returns.
_IN_BETWEEN = frozenset(
    f"sklearn.{name}"
    for name in (
        "model_selection._plot",
        "utils._available_if",
        "utils._param_validation",
        "utils._set_output",
        "utils._testing",
        "utils.deprecation",
        "utils.validation",
    )
)
_OWN_LOCALS = frozenset({"locals", "vars"})
# The references to a copy of a frame's variables: the frame's, ours and the question's.
_NOBODY_ELSE = 3
_TO_LOOK_PAST = tuple(sorted(_NOT_THE_USER))
_SCORERS = "sklearn.metrics._scorer"


def is_scikit_learns_own(*, deep: bool) -> bool:
    """Whether the call at hand is part of something scikit-learn does, and not recorded itself.

    `permutation_importance` scores a model hundreds of times; none of these scores is one the
    user asked for. A scorer that the user calls is the user's call, though. With `deep`, also
    calls of the user's code count that scikit-learn called in turn, such as a scorer they wrote.
    """
    # The frame above the watch and its wrapper, which is the user's nearly always.
    try:
        frame: FrameType | None = sys._getframe(3)
    except ValueError:  # called straight from C: there is no frame below
        return False
    if not deep and frame is not None:
        name = frame.f_globals.get("__name__")
        if type(name) is str and not name.startswith(_TO_LOOK_PAST):
            return False
    entered = False
    while frame is not None:
        side = _side_of(module_of(frame))
        if side is _USER:
            if entered or not deep:
                break
        elif side is not _BETWEEN:
            entered = side is _LIBRARY
        frame = frame.f_back
    return entered


class _Side(Enum):
    """Whose a module is, as far as calls of scikit-learn go."""

    USER = auto()
    LIBRARY = auto()
    SCORER = auto()
    BETWEEN = auto()


# Looked up in an enumeration they take longer than all else that is asked of a frame.
_USER, _LIBRARY, _SCORER, _BETWEEN = _Side


@functools.lru_cache(maxsize=1024)
def _side_of(module: str) -> _Side:
    top = module.partition(".")[0]
    if top in _LIBRARIES and ".tests." not in module:
        if module in _IN_BETWEEN:
            return _BETWEEN
        return _SCORER if module == _SCORERS else _LIBRARY
    return _BETWEEN if top in _NOT_THE_USER else _USER


def stacklevel_outside(*packages: str) -> int:
    """The `stacklevel` of a warning given by the caller, that points at none of `packages`.

    Where the stack ends early, as for a model that is called straight from C, at its last frame.
    """
    # As `warnings.warn` counts, which passes over what stands in between.
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and module_of(frame).partition(".")[0] in packages:
        frame = frame.f_back
        level += not is_passed_over(frame.f_code)
    return level


def module_of(frame: FrameType) -> str:
    """The name of the module a frame runs in; empty for code that says nothing of it."""
    return str(frame.f_globals.get("__name__") or "")


def variable_name(data: object, frame: FrameType | None = None) -> str | None:
    """What the caller, or whoever called them, calls `data`; None if nobody has a name for it.

    A name that says something (``X_val``) wins over one that does not (``X`` in a helper), and the
    caller's own name over that of the parameter it is handed over as.

    Parameters
    ----------
    data : object
    frame : frame, optional
        The caller's, where it is known.
    """
    plain: str | None = None
    weak: list[str] = []
    frame = frame or sys._getframe(1)
    searched = 0
    while frame is not None and searched < _FARTHEST:
        if searched or is_users(frame.f_globals.get("__name__")):
            searched += 1
            for name in _names_of(data, frame):
                if name in _PLAIN:
                    plain = plain or name
                elif len(name) == 1 or _is_parameter(name, frame.f_code):
                    weak.append(name)
                else:
                    return name
        frame = frame.f_back
    # The script's, for a thread that does not have the script below it.
    named = _names_in_main(data)
    telling = [name for name in named if name not in _PLAIN and len(name) > 1]
    weak.sort(key=lambda name: not _TELLING.match(name))
    found = (*telling, *weak, *([plain] if plain is not None else ()), *named)
    return next(iter(found), None)


# How data is called everywhere.
_TELLING = pattern("[Xy]_.")


def _is_parameter(name: str, code: CodeType) -> bool:
    # Not cached: the hash of a code takes longer than this.
    return name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _names_in_main(data: object) -> list[str]:
    """What the script calls `data`."""
    main = sys.modules.get("__main__")
    held = vars(main).copy() if main is not None else {}
    return [name for name in _that_are(data, held) if not name.startswith("_")]


def _that_are(data: object, held: Mapping[str, Any]) -> list[str]:
    """The names under which `data` is held; all others are passed over in one step."""
    return list(compress(held, map(is_, held.values(), repeat(data))))


@functools.lru_cache(maxsize=1024)
def is_users(module: object) -> bool:
    """Whether a module of this name is the user's, as far as looking for names goes."""
    return str(module or "").partition(".")[0] not in _NOT_THE_USER


def _names_of(data: object, frame: FrameType) -> list[str]:
    names = _locals_that_are(data, frame)
    if not names and frame.f_code.co_flags & CO_OPTIMIZED:
        # Of the globals of a function only those that it speaks of.
        spoken = frame.f_code.co_names
        names = list(compress(spoken, map(is_, map(frame.f_globals.get, spoken), repeat(data))))
    return [name for name in names if not name.startswith("_")] if names else names


def _locals_that_are(data: object, frame: FrameType) -> list[str]:
    if not frame.f_code.co_flags & CO_OPTIMIZED:  # a module, whose variables are no copy
        return _that_are(data, dict(frame.f_locals))
    if not _OWN_LOCALS.isdisjoint(frame.f_code.co_names) and _asks_for_its_locals(frame.f_code):
        # Up to Python 3.12 what `locals()` once gave them would change under their hands.
        return []
    held = frame.f_locals
    found = _that_are(data, held)
    if type(held) is dict and sys.getrefcount(held) <= _NOBODY_ELSE and sys.gettrace() is None:
        # Up to Python 3.12 a frame keeps this copy, and with it what the user lets go of.
        held.clear()
    return found


def variables(frame: FrameType) -> dict[str, Any]:
    """A frame's variables by name, of which the frame keeps no copy; none where that would show.

    Of a module they are no copy, and not to be changed.
    """
    if not frame.f_code.co_flags & CO_OPTIMIZED:
        return frame.f_locals
    if not _OWN_LOCALS.isdisjoint(frame.f_code.co_names) and _asks_for_its_locals(frame.f_code):
        return {}
    held = frame.f_locals
    found = dict(held)
    if type(held) is dict and sys.getrefcount(held) <= _NOBODY_ELSE and sys.gettrace() is None:
        held.clear()
    return found


@functools.lru_cache(maxsize=256)
def _asks_for_its_locals(code: CodeType) -> bool:
    """Whether a function calls ``locals()``, or ``vars()`` of nothing."""
    asked = False
    for step in dis.get_instructions(code):
        if step.opname.startswith("CALL"):
            if asked and step.arg == 0:
                return True
            asked = False
        elif step.opname not in ("PRECALL", "CACHE", "PUSH_NULL"):
            asked = step.opname == "LOAD_GLOBAL" and step.argval in _OWN_LOCALS
    return False


def data_part(name: str | None, prefix: str = "X_") -> str | None:
    """What a variable's name says of the data: ``X_val`` gives ``val``, ``X`` nothing.

    So does ``val_df``, where it is not the truth's name that is asked.
    """
    if name is None or name in _PLAIN:
        return None
    if name[: len(prefix)].lower() == prefix.lower():
        return name[len(prefix) :] or None
    return _OF_FRAME.sub("", name) if prefix == "X_" else None


_OF_FRAME = pattern("^df_(?=.)|(?<=.)_df$")


# -- how a frame ends ---------------------------------------------------------------------------

# Frames that go on after they were left: how they end cannot be told by who is running then.
_RESUMED = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR


class FrameWatch:
    """What hangs on a frame of other people's code, and goes away with it.

    It is the frame's trace function, which is called only where somebody traces the program, and
    then hands on to theirs. So nothing of the frame is held, and nothing added to its variables.

    Parameters
    ----------
    frame : frame
        It is held by the frame, and by nobody else.
    held : object
        What it carries.
    on_gone : callable
        Called when the frame is gone, with what it carries, whether the frame returned, and
        whether that is known.
    """

    __slots__ = ("__weakref__", "_before", "_below", "_on_gone", "held")

    def __init__(
        self, frame: FrameType, held: Any, on_gone: Callable[[Any, bool, bool], None]
    ) -> None:
        self.held = held
        self._on_gone = on_gone
        self._before = frame.f_trace
        below = frame.f_back
        resumed = frame.f_code.co_flags & _RESUMED
        self._below = None if below is None or resumed else (id(below), below.f_lasti)
        frame.f_trace = self

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Hand on to the trace function that was there before."""
        if self._before is None:
            return None
        result = self._before(frame, event, argument)
        if result is not None:
            self._before = result
        return self

    def __del__(self) -> None:
        # A frame that returned goes away while the one below it is still at the call.
        frame = sys._getframe(1)
        returned = (id(frame), frame.f_lasti) == self._below
        self._on_gone(self.held, returned, self._below is not None)

    def was_left_by_exception(self) -> bool | None:
        """Whether an exception left the frame, which holds it most likely; None if it goes on."""
        frames = (held for held in gc.get_referrers(self) if isinstance(held, FrameType))
        frame = next((frame for frame in frames if frame.f_trace is self), None)
        if frame is None or frame.f_code.co_flags & _RESUMED:
            return None
        last = frame.f_code.co_code[frame.f_lasti]
        return not dis.opname[last].startswith("RETURN")


def watch_of(frame: FrameType) -> FrameWatch | None:
    """What hangs on `frame`."""
    watch = frame.f_trace
    return watch if type(watch) is FrameWatch else None


def held_by_running_frames() -> list[Any]:
    """What is carried by the frames that run, in whichever thread."""
    found: list[Any] = []
    waiting = [*sys._current_frames().values()]
    while waiting:
        frame = waiting.pop()
        if (watch := watch_of(frame)) is not None:
            found.append(watch.held)
        if frame.f_back is not None:
            waiting.append(frame.f_back)
    # One of them is that of this function, which would hold itself and all below it.
    del frame
    return found
