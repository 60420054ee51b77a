"""Calls of installed functions that fit in loops: one run each, whose children the fits are.

What such a function fits is no more a decision of the user's than what `cross_validate` fits. A
function that fits once has no run of its own, so the run of a call is made with its second fit.
"""

from __future__ import annotations

import dis
import gc
import os
import sys
import threading
import time
import weakref
from collections import deque
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import FrameType
from typing import TYPE_CHECKING, Any

from autotrack.entities import RunError, RunStatus
from autotrack.runtime.forks import at_fork
from autotrack.tracking.run_errors import ended_by, run_error
from autotrack.tracking.workspace import last_error, workspace

if TYPE_CHECKING:
    from autotrack.store.store import Store
    from autotrack.tracking.opened_fit import OpenFit

#: The tag of a run that is the call of an installed function: module and name of that.
FUNCTION_TAG = "autotrack.function"
# Frames that go on after they were left: how they end cannot be told by who is running then.
_RESUMED = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR
_LEFT = RunError("Exception", "the function was left by an exception, which your code caught", "")


class LibraryCall:
    """A call of an installed function by the user's code, while it lasts.

    Attributes
    ----------
    name : str
        Short name of the function.
    function : str
        Its module and name.
    ended : bool
        Whether it returned or raised.
    first : OpenFit or None
        What it fitted first.
    run_id : str or None
        Its own run, once it fitted twice.
    failure : tuple of status and RunError, or None
        How the last thing that it did failed.
    """

    def __init__(self, name: str, function: str) -> None:
        self.name = name
        self.function = function
        self.ended = False
        self.first: OpenFit | None = None
        self.store: Store | None = None
        self.run_id: str | None = None
        self.failure: tuple[RunStatus, RunError] | None = None
        self.lock = threading.RLock()
        self.watch: weakref.ref[_Watch] | None = None
        self.pid = os.getpid()

    def opened(self, run_id: str) -> None:
        """Take over the run that is made with the second fit."""
        self.run_id = run_id
        _open.append(self)
        if _note_collection not in gc.callbacks:
            gc.callbacks.append(_note_collection)

    def end(self, status: RunStatus, error: RunError | None = None) -> None:
        """The function returned or raised: so does its run, if it has one."""
        with self.lock:
            if self.ended:
                return
            self.ended, self.first = True, None
        if self.run_id is None or self.store is None or self.pid != os.getpid():
            return
        if self in _open:
            _open.remove(self)
        if not _open and _note_collection in gc.callbacks:
            gc.callbacks.remove(_note_collection)
        run_id, now = self.run_id, time.time()

        def end(store: Store) -> None:
            store.end_run(run_id, status=status, end_time=now, error=error)

        with workspace.failsafe.guard(f"end run {run_id}"):
            workspace.write(self.store, end)


class _Watch:
    """What hangs on the frame of a call, and goes away with it.

    It is the frame's trace function, which is called only where somebody traces the program, and
    then hands on to theirs. So nothing of the call is held, and nothing is added to its variables.
    """

    __slots__ = ("__weakref__", "_before", "_below", "call")

    def __init__(self, call: LibraryCall, frame: FrameType) -> None:
        self.call = call
        self._before = frame.f_trace
        below = frame.f_back
        resumed = frame.f_code.co_flags & _RESUMED
        self._below = None if below is None or resumed else (id(below), below.f_lasti)

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if self._before is None:
            return None
        result = self._before(frame, event, argument)
        if result is not None:
            self._before = result
        return self

    def __del__(self) -> None:
        if self.call.ended:
            return
        if self.call.run_id is None:
            self.call.ended = True
            return
        # A frame that returned goes away while the one below it is still at the call.
        frame = sys._getframe(1)
        returned = (id(frame), frame.f_lasti) == self._below
        if _collecting.get(threading.get_ident()):
            # Garbage is collected anywhere, in the middle of a write to the store as well.
            _gone.append(self.call)
        elif returned:
            self.call.end("FINISHED")
        else:
            _end_unseen(self.call, raised=self._below is not None)


# Calls that have a run, and those that ended where nothing could be written.
_open: list[LibraryCall] = []
_gone: deque[LibraryCall] = deque()
# The threads that collect garbage just now.
_collecting: dict[int, bool] = {}


def _note_collection(phase: str, _: dict[str, int]) -> None:
    _collecting[threading.get_ident()] = phase == "start"


def call_of(frame: FrameType) -> LibraryCall | None:
    """The call that runs in `frame`, if it was met before."""
    watch = frame.f_trace
    return watch.call if type(watch) is _Watch else None


def begin(frame: FrameType, name: str, function: str) -> LibraryCall:
    """Meet the call that runs in `frame`; it ends when the frame does."""
    call = LibraryCall(name, function)
    watch = _Watch(call, frame)
    call.watch = weakref.ref(watch)
    frame.f_trace = watch
    return call


def _end_unseen(call: LibraryCall, *, raised: bool) -> None:
    """End a call of which nobody saw how it ended."""
    if call.failure is not None:
        call.end(*call.failure)
    elif raised:
        call.end("FAILED", _LEFT)
    else:
        call.end("FINISHED")


def note_error(error: BaseException | None) -> None:
    """End the calls that an exception left on its way to where it is now."""
    traceback = None if error is None else error.__traceback__
    if not _open or error is None or traceback is None:
        return
    running = _running_calls()
    while (traceback := traceback.tb_next) is not None:
        call = call_of(traceback.tb_frame)
        if call is not None and not call.ended and call not in running:
            call.end(ended_by(error), run_error(error))


def settle(*, at_exit: bool = False) -> None:
    """Write the end of calls that ended unseen."""
    while _gone:
        _end_unseen(_gone.popleft(), raised=False)
    if not _open:
        return
    for error in (sys.exc_info()[1], last_error()):
        note_error(error)
    running = _running_calls()
    for call in _open.copy():
        if call in running:
            continue
        frame = _frame_of(call)
        if frame is not None and not frame.f_code.co_flags & _RESUMED:
            last = frame.f_code.co_code[frame.f_lasti]
            _end_unseen(call, raised=not dis.opname[last].startswith("RETURN"))
        elif at_exit:  # a generator that is not asked any more
            _end_unseen(call, raised=False)


def _frame_of(call: LibraryCall) -> FrameType | None:
    """The frame of a call that ended, which somebody still holds, an exception most likely."""
    watch = None if call.watch is None else call.watch()
    if watch is None:
        return None
    frames = (held for held in gc.get_referrers(watch) if isinstance(held, FrameType))
    return next((frame for frame in frames if frame.f_trace is watch), None)


def _running_calls() -> list[LibraryCall]:
    found: list[LibraryCall] = []
    waiting = [*sys._current_frames().values()]
    while waiting:
        frame = waiting.pop()
        if (call := call_of(frame)) is not None:
            found.append(call)
        if frame.f_back is not None:
            waiting.append(frame.f_back)
    # One of them is that of this function, which would hold itself and all below it.
    del frame
    return found


def _forget_open() -> None:
    """A forked child leaves them to its parent."""
    _open.clear()
    _gone.clear()


at_fork(in_child=_forget_open)
