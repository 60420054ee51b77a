"""Calls of installed functions that fit in loops: one run each, whose children the fits are.

What such a function fits is no more a decision of the user's than what `cross_validate` fits. A
function that fits once has no run of its own, so the run of a call is made with its second fit.

What it hands to other processes carries the call along, with the id that its run has if there is
one. None of these processes knows what the others fit, so the first that fits makes the run; the
process of the call owns and ends it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING

from autotrack.entities import RunError, RunStatus
from autotrack.errors import StoreError
from autotrack.runtime.forks import at_fork
from autotrack.runtime.quiet import CollectionWatch
from autotrack.runtime.stack import FrameWatch, held_by_running_frames, watch_of
from autotrack.store.tables.runs import new_run_id
from autotrack.tracking.run_errors import ended_by, run_error
from autotrack.tracking.workspace import last_error, workspace

if TYPE_CHECKING:
    from autotrack.store.store import Store
    from autotrack.tracking.opened_fit import OpenFit

#: The tag of a run that is the call of an installed function: module and name of that.
FUNCTION_TAG = "autotrack.function"
_LEFT = RunError("Exception", "the function was left by an exception, which your code caught", "")


class LibraryCall:
    """A call of an installed function by the user's code, while it lasts.

    Attributes
    ----------
    name, function : str
        Short name of the function, and its module and name.
    ended : bool
        Whether it returned or raised.
    first : OpenFit or None
        What it fitted first.
    run_id : str or None
        Its own run, once it fitted twice.
    reserved, owner : str or None
        Once it handed work to another process: the id of the run that is made there, and by what
        the store knows its own process.
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
        self.open_run: Callable[[LibraryCall], None] | None = None
        self.failure: tuple[RunStatus, RunError] | None = None
        self.lock = threading.RLock()
        self.watch: weakref.ref[FrameWatch] | None = None
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
            self._await_end()

    def opened(self, run_id: str) -> None:
        """Take over the run that is made with the second fit."""
        self.run_id = run_id
        self._await_end()

    def _await_end(self) -> None:
        if self not in _open:
            _open.append(self)
        _collections.switch(on=True)

    def _find_made(self) -> None:
        """Take over the run that a process made which this one handed work to."""
        store, reserved = self.store, self.reserved
        if self.run_id is not None or store is None or reserved is None:
            return
        with workspace.failsafe.guard(f"put what {self.name} fitted below one run"):
            if store.has_run(reserved):
                workspace.last = store, reserved
                if self.open_run is not None:
                    self.open_run(self)
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
        _collections.switch(on=bool(_open))
        run_id, store, now = self.run_id or self.reserved, self.store, time.time()
        if run_id is None or store is None or self.is_elsewhere:
            return

        def end(store: Store) -> None:
            store.end_run(run_id, status=status, end_time=now, error=error)

        if self.run_id is None:
            _unmade.append((store, run_id, end))
        else:
            with workspace.failsafe.guard(f"end run {run_id}"):
                workspace.write(store, end)


def _gone_away(call: LibraryCall, returned: bool, is_known: bool) -> None:
    """The frame of a call went away: so did the call, and its run."""
    if call.run_id is None and call.reserved is None:
        call.ended = True
    if call.ended:
        return
    if _collections.is_collecting:
        # Garbage is collected anywhere, in the middle of a write to the store as well.
        _gone.append(call)
    elif returned:
        call.end("FINISHED")
    else:
        _end_unseen(call, raised=is_known)


# Calls that have a run, or may have one, and those that ended where nothing could be written.
_open: list[LibraryCall] = []
_gone: deque[LibraryCall] = deque()
# How runs are to end that nobody had made when their calls ended, which left work behind.
_unmade: deque[tuple[Store, str, Callable[[Store], None]]] = deque(maxlen=100)
_collections = CollectionWatch()


def call_of(frame: FrameType) -> LibraryCall | None:
    """The call that runs in `frame`, if it was met before."""
    watch = watch_of(frame)
    return watch.held if watch is not None else None


def begin(frame: FrameType, name: str, function: str) -> LibraryCall:
    """Meet the call that runs in `frame`; it ends when the frame does."""
    call = LibraryCall(name, function)
    call.watch = weakref.ref(FrameWatch(frame, call, _gone_away))
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
    running = held_by_running_frames()
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
    running = held_by_running_frames()
    for call in _open.copy():
        if call in running:
            continue
        watch = None if call.watch is None else call.watch()
        raised = None if watch is None else watch.was_left_by_exception()
        if raised is not None:
            _end_unseen(call, raised=raised)
        elif at_exit:  # a generator that is not asked any more
            _end_unseen(call, raised=False)


def _forget_open() -> None:
    """A forked child leaves them to its parent."""
    _open.clear()
    _gone.clear()
    _unmade.clear()


at_fork(in_child=_forget_open)
