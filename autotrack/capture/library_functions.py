"""Which installed function, called by the user's code, makes the call at hand."""

from __future__ import annotations

import sys
import threading
from contextvars import ContextVar
from types import CodeType, FrameType

from autotrack.describe.origins import STACK, is_installed
from autotrack.runtime.stack import module_of, variables
from autotrack.runtime.weak_map import IdentityMap
from autotrack.tracking.recording.library_calls import LibraryCall, begin, call_of

# What only runs what it is given, beside scikit-learn and what it stands on: where work is done,
# and not whose it is.
_RUNNERS = frozenset(
    {"IPython", "celery", "dask", "debugpy", "distributed", "execnet", "imblearn", "ipykernel"}
    | {"loky", "pydevd", "ray", "_pydevd_bundle"}
)
_PASSED_OVER = STACK | _RUNNERS
_STANDARD = sys.stdlib_module_names
_FARTHEST = 1000
_MOST_KNOWN = 4096

_USERS, _LIBRARYS, _NOBODYS, _HANDED_OVER = range(4)
# Whose the code of an `id` is; the code itself is kept, so that no other gets its id.
_known: dict[int, tuple[CodeType, int]] = {}

#: What calls work that was handed over: below it is whoever does such work.
handing: set[CodeType] = set()
#: The call that a task is part of which was handed over to run elsewhere.
inherited: ContextVar[LibraryCall | None] = ContextVar("autotrack_library_call", default=None)
# The call that this process was started by.
_arrived: list[LibraryCall] = []
_started: IdentityMap[LibraryCall] = IdentityMap()


def library_call() -> LibraryCall | None:
    """The call of an installed function that makes the call at hand; None for the user's own.

    What counts is who calls: the user's own function fits for the user, also where a library
    calls it.
    """
    frame: FrameType | None = sys._getframe(1)
    outermost: list[FrameType] = []
    for _ in range(_FARTHEST):
        if frame is None:
            break
        code = frame.f_code
        known = _known.get(id(code)) or _learn(code, frame)
        if known[1] == _USERS:
            return _call_in(outermost) if outermost else None
        if known[1] == _LIBRARYS:
            outermost.append(frame)
        elif known[1] == _HANDED_OVER and (handed := _handed()) is not None:
            return handed
        frame = frame.f_back
    else:
        return None
    # A thread, with nothing of the user's in it.
    handed = inherited.get() or _started.get(threading.current_thread()) or _handed()
    if handed is not None:
        return handed
    return _call_in(outermost) if outermost else None


def _handed() -> LibraryCall | None:
    return inherited.get() or next(iter(_arrived), None)


def arrive(call: LibraryCall | None) -> None:
    """Note that this process was started by the call of an installed function."""
    _arrived[:] = [] if call is None else [call]


def note_started(thread: threading.Thread) -> None:
    """Note that `thread` is started by the call of an installed function."""
    call = library_call()
    if call is not None:
        _started.set(thread, call)


def _learn(code: CodeType, frame: FrameType) -> tuple[CodeType, int]:
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    known = _known[id(code)] = code, _whose(code, module_of(frame))
    return known


def _whose(code: CodeType, module: str) -> int:
    if code in handing:
        return _HANDED_OVER
    top = module.partition(".")[0]
    if top in _PASSED_OVER:
        return _NOBODYS
    file = code.co_filename
    # Code that was made from a text is where its module is.
    generated = file.startswith("<")
    if not is_installed(module or "__main__", None if generated else file):
        return _USERS
    return _NOBODYS if top in _STANDARD and top != "__main__" else _LIBRARYS


def _call_in(frames: list[FrameType]) -> LibraryCall | None:
    outermost = frames[-1]
    return call_of(outermost) or begin(outermost, *_names(frames))


def _names(frames: list[FrameType]) -> tuple[str, str]:
    """Short and full name of the function that was called, past decorators around it."""
    named = (f for f in reversed(frames) if "<locals>" not in f.f_code.co_qualname)
    frame = next(named, frames[-1])
    code = frame.f_code
    name = code.co_qualname
    if code.co_argcount and code.co_varnames[0] == "self" and "." in name:
        owner = variables(frame).get("self")
        if owner is not None:
            name = f"{type(owner).__name__}.{code.co_name}"
    return name, f"{module_of(frame)}.{name}"
