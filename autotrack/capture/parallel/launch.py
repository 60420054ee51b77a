"""The user's own parallel work: what is done in a thread or a process belongs where it was started.

Threads are noted when they start; tasks that are handed to pools, and processes, carry baggage.
"""

from __future__ import annotations

import multiprocessing.pool
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

from autotrack.capture import library_functions
from autotrack.capture.library_functions import library_call
from autotrack.capture.parallel import outermost
from autotrack.capture.parallel.outermost import NestedTask
from autotrack.capture.parallel.propagation import (
    Baggage,
    ProcessBaggage,
    Task,
    patch_arrived_classes,
)
from autotrack.describe import environment
from autotrack.runtime.in_between import in_between, take_off
from autotrack.runtime.stack import is_scikit_learns_own
from autotrack.settings import Settings
from autotrack.tracking.active import active_runs, note_started
from autotrack.tracking.workspace import Workspace

Call = Callable[..., Any]
Args = tuple[Any, ...]
Kwargs = dict[str, Any]

#: The methods of ``multiprocessing.pool.Pool`` that take a function first.
POOL_METHODS = (
    "apply",
    "apply_async",
    "map",
    "map_async",
    "starmap",
    "starmap_async",
    "imap",
    "imap_unordered",
)
# Whose threads and processes run tasks of other people, each of which carries its own runs.
_POOLS = ("multiprocessing.", "concurrent.futures.", "joblib.", "loky.", "distributed.")
_THREADS_OF_JOBLIB = frozenset({"SequentialBackend", "ThreadingBackend"})
_PROCESSES_OF_JOBLIB = frozenset({"LokyBackend", "MultiprocessingBackend"})
_ON_THIS_MACHINE = ("inproc://", "tcp://127.0.0.1", "tls://127.0.0.1")


class LaunchHook:
    """Notes threads and processes that are started, and tasks that are handed to them.

    Most of what it is called for has nothing to do with scikit-learn, so it takes the time of a
    question where there is nothing to carry.
    """

    def __init__(self, settings: Settings, workspace: Workspace) -> None:
        # A worker's line at exit, or bar, would be one of many.
        self._settings = replace(settings, quiet=True, progress=False)
        self._workspace = workspace
        self._failsafe = workspace.failsafe

    def _baggage(self, *, other_process: bool) -> Baggage:
        workspace, runs, call = self._workspace, active_runs(), library_call()
        experiment = workspace.chosen_experiment or self._settings.experiment
        if call is not None and other_process and not outermost.is_open():
            store = runs[-1].store if runs else workspace.store_at(self._settings.store, lazy=True)
            call.hand_over(store)
        return Baggage(
            os.getpid(),
            replace(self._settings, experiment=experiment),
            environment.source(),
            workspace.inputs,
            outermost.is_open(),
            runs,
            call,
        )

    def _packed(self, args: Args, *, other_process: bool) -> Args:
        """The arguments of a call with the function that is handed over as a task, if need be."""
        with self._failsafe.guard("carry the active runs to a worker"):
            function = args[1]
            if isinstance(function, Task | NestedTask) or _is_of_a_pool(type(function)):
                return args
            if other_process or outermost.is_open() or active_runs() or library_call():
                baggage = self._baggage(other_process=other_process)
                return (args[0], Task(function, baggage), *args[2:])
        return args

    @in_between
    def on_submit(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        """Make a ``submit`` of an executor of ``concurrent.futures``."""
        if len(args) > 1 and type(args[0]).__module__ != "concurrent.futures.interpreter":
            args = self._packed(args, other_process=isinstance(args[0], ProcessPoolExecutor))
        return original(*args, **kwargs)

    @in_between
    def on_pool(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        """Call the methods of ``multiprocessing.Pool`` that take a function."""
        if len(args) > 1:
            in_threads = isinstance(args[0], multiprocessing.pool.ThreadPool)
            args = self._packed(args, other_process=not in_threads)
        return original(*args, **kwargs)

    @in_between
    def on_parallel(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        """Make a ``joblib.Parallel.__call__``; the classes that come back are patched."""
        try:
            if outermost.is_open():
                return outermost.on_parallel(original, args, kwargs)
            return original(*self._packed_loop(args), **kwargs)
        finally:
            with self._failsafe.guard("patch the classes that came back"):
                if args and type(args[0]._backend).__name__ not in _THREADS_OF_JOBLIB:
                    patch_arrived_classes()

    def _packed_loop(self, args: Args) -> Args:
        """A loop and its tasks, which carry baggage where it can be relied on to arrive."""
        with self._failsafe.guard("carry the active runs to the tasks of a loop"):
            if len(args) == 2 and not is_scikit_learns_own(deep=True):
                parallel, tasks = args
                if _reaches(parallel._backend):
                    in_threads = type(parallel._backend).__name__ in _THREADS_OF_JOBLIB
                    baggage = self._baggage(other_process=not in_threads)
                    return parallel, _packed_tasks(tasks, baggage)
        return args

    @in_between
    def on_thread(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        """Start a thread, which is noted."""
        with self._failsafe.guard("note the active runs of a thread"):
            if args and not _is_of_a_pool(getattr(args[0], "_target", None)):
                if runs := active_runs():
                    note_started(args[0], runs)
                if outermost.is_open():
                    outermost.note_started(args[0])
                else:
                    library_functions.note_started(args[0])
        return original(*args, **kwargs)

    @in_between
    def on_process(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        """Start a process of ``multiprocessing``: a forked one knows all already."""
        process = args[0]
        of_a_pool = type(process).__name__ == "LokyProcess"
        if of_a_pool or _is_of_a_pool(getattr(process, "_target", None)):
            return original(*args, **kwargs)
        with self._failsafe.guard("carry the active runs to a process"):
            # It is pickled as a whole on its way into a fresh interpreter.
            process._autotrack = ProcessBaggage(self._baggage(other_process=True))
        try:
            return original(*args, **kwargs)
        finally:
            process.__dict__.pop("_autotrack", None)


@in_between
def _packed_tasks(tasks: Iterable[Any], baggage: Baggage) -> Iterator[Any]:
    try:
        for function, args, kwargs in tasks:
            yield Task(function, baggage), args, kwargs
    except BaseException as error:
        take_off(error)
        raise


def _is_of_a_pool(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).startswith(_POOLS)


def _reaches(backend: Any) -> bool:
    """Whether tasks of a joblib backend have baggage, and it can be relied on to arrive."""
    name = type(backend).__name__
    if name in _THREADS_OF_JOBLIB:
        return bool(active_runs()) or library_call() is not None
    if name in _PROCESSES_OF_JOBLIB:
        return True
    # On another machine there may be no autotrack to unpack it, and there is no such store.
    scheduler = getattr(getattr(backend, "client", None), "scheduler", None)
    return str(getattr(scheduler, "address", "")).startswith(_ON_THIS_MACHINE)
