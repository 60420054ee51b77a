"""Calls of installed functions that fit in loops: one run each, whose children the fits are.

What such a function fits is no more a decision of the user's than what `cross_validate` fits. A
function that fits once has no run of its own, so the run of a call is made with its second fit.

What it hands to other processes carries the call along, with the id that its run has if there is
one. None of these processes knows what the others fit, so the first that fits makes the run; the
process of the call owns and ends it.
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
from collections.abc import Callable
from contextlib import suppress
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import FrameType
from typing import TYPE_CHECKING, Any

from autotrack.entities import RunError, RunStatus
from autotrack.errors import StoreError
from autotrack.runtime.forks import at_fork
from autotrack.store.tables.runs import new_run_id
from autotrack.tracking.run_errors import ended_by, run_error
from autotrack.tracking.workspace import last_error, workspace

if TYPE_CHECKING:
    from autotrack.store.store import Store
    from autotrack.tracking.opened_fit import OpenFit

#: The tag of a run that is the call of an installed function: module and name of that.
FUNCTION_TAG = "autotrack.function"
# Frames that go on after they were left: how they end cannot be told by who is running then.
_RESUMED = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR
_MOST_UNMADE = 100
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
    reserved : str or None
        The id of its run if a process makes that which it handed work to.
    owner : str or None
        By what the store knows the process that it runs in, once it handed work to another.
    open_run : callable or None
        Makes its run, with the first fit below it.
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
        self.reserved: str | None = None
        self.owner: str | None = None
        self.started = 0.0
        self.open_run: Callable[[], None] | None = None
        self.failure: tuple[RunStatus, RunError] | None = None
        self.lock = threading.RLock()
        self.watch: weakref.ref[_Watch] | None = None
        self.pid = os.getpid()

    @property
    def is_elsewhere(self) -> bool:
        """Whether it runs in another process, which handed work to this one."""
        return self.pid != os.getpid()

    def hand_over(self, store: Store) -> None:
        """Reserve a run in `store`, before work is handed to another process."""
        if self.is_elsewhere:
            return
        with self.lock:
            if self.reserved is not None or self.ended:
                return
            self.store = self.store or store
            with suppress(StoreError):
                self.owner = self.store.processes.token()
            self.started = time.time() if self.first is None else self.first.started
            self.reserved = self.run_id or new_run_id()
            _await_end(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (
            self.name, self.function, self.reserved, self.owner, self.started, self.pid
        )  # fmt: skip

    def opened(self, run_id: str) -> None:
        """Take over the run that is made with the second fit."""
        self.run_id = run_id
        _await_end(self)

    def _find_made(self) -> None:
        """Take over the run that a process made which this one handed work to."""
        store, reserved = self.store, self.reserved
        if self.run_id is None and store is not None and reserved is not None:
            with workspace.failsafe.guard(f"put what {self.name} fitted below one run"):
                if store.has_run(reserved):
                    workspace.last = store, reserved
                    if self.open_run is not None:
                        self.open_run()
                    self.run_id = reserved

    def end(self, status: RunStatus, error: RunError | None = None) -> None:
        """The function returned or raised: so does its run, if it has one."""
        with self.lock:
            if self.ended:
                return
            self.ended = True
            if not self.is_elsewhere:
                self._find_made()
            self.first = self.open_run = None
        if self in _open:
            _open.remove(self)
        if not _open and _note_collection in gc.callbacks:
            gc.callbacks.remove(_note_collection)
        run_id, store, now = self.run_id or self.reserved, self.store, time.time()
        if run_id is None or store is None or self.is_elsewhere:
            return

        def end(store: Store) -> None:
            store.end_run(run_id, status=status, end_time=now, error=error)

        if self.run_id is None:
            _unmade.append((store, run_id, end))
            return
        with workspace.failsafe.guard(f"end run {run_id}"):
            workspace.write(store, end)


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
        if self.call.run_id is None and self.call.reserved is None:
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


# Calls that have a run, or may have one, and those that ended where nothing could be written.
_open: list[LibraryCall] = []
_gone: deque[LibraryCall] = deque()
# How runs are to end that nobody had made when their calls ended, which left work behind.
_unmade: deque[tuple[Store, str, Callable[[Store], None]]] = deque(maxlen=_MOST_UNMADE)
# The threads that collect garbage just now.
_collecting: dict[int, bool] = {}


def _note_collection(phase: str, _: dict[str, int]) -> None:
    _collecting[threading.get_ident()] = phase == "start"


def _await_end(call: LibraryCall) -> None:
    if call not in _open:
        _open.append(call)
    if _note_collection not in gc.callbacks:
        gc.callbacks.append(_note_collection)


def _arrived(
    name: str, function: str, reserved: str | None, owner: str | None, started: float, pid: int
) -> LibraryCall:
    """A call that comes along with work, to another process most of the time."""
    if pid == os.getpid():
        for known in _open:
            if known.reserved == reserved:
                return known
    call = LibraryCall(name, function)
    call.reserved, call.owner, call.started, call.pid = reserved, owner, started, pid
    return call


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
    for late in _unmade.copy():
        store, run_id, end = late
        with workspace.failsafe.guard(f"end run {run_id}"):
            if store.has_run(run_id):
                _unmade.remove(late)
                workspace.write(store, end)
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
    _unmade.clear()


at_fork(in_child=_forget_open)
