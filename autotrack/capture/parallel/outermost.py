"""The outermost call wins: what scikit-learn calls inside a tracked call is not recorded.

A context variable holds the open call. Threads and workers do not inherit it: the tasks of a
``joblib.Parallel`` that runs inside an open call carry it with them, and other threads are noted
when they are started.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from autotrack.capture.call import Call
from autotrack.capture.parallel import joblib_loop
from autotrack.runtime.in_between import in_between, take_off
from autotrack.runtime.patching import Watch
from autotrack.runtime.quiet import open_call
from autotrack.runtime.stack import is_scikit_learns_own
from autotrack.runtime.weak_map import IdentityMap
from autotrack.tracking.model_links import links

_open = open_call
# Threads that were started inside an open call, and are part of it.
_started: IdentityMap[bool] = IdentityMap()


def is_open() -> bool:
    """Whether a tracked call is open in this context."""
    opened = _open.get()
    if opened is None:
        opened = worker_only.silent or bool(_started.get(threading.current_thread()))
        _open.set(opened)
    return opened


class _WorkerOnly:
    """Whether this process works for another one, and records nothing outside of its tasks."""

    silent = False


worker_only = _WorkerOnly()


def note_started(thread: threading.Thread) -> None:
    """Note that `thread` is started inside an open call."""
    _started.set(thread, True)


#: To be called first thing inside the `try` whose `finally` calls :data:`leave`. Both are the bare
#: methods of the variable: an interrupt may strike at every Python call.
enter = leave = _open.set
#: Undoes one :data:`enter`, given what it returned.
reset = _open.reset


class OutermostWatch(Watch):
    """A watch that passes on only calls of the user's, made while no other tracked call is open.

    Parameters
    ----------
    hook : callable
        What they are passed to, each as a :class:`Call`. While it runs the call is open.
    deep : bool
        Whether to look through the user's code for scikit-learn above it; a prediction, which is
        only remembered, need not.
    takes : callable, optional
        Which of the calls are passed on; the others stay as they are, and open nothing.
    """

    __slots__ = ("_deep", "_takes")

    def __init__(
        self,
        hook: Callable[[Call], Any],
        *,
        deep: bool = True,
        takes: Callable[[Call], bool] | None = None,
    ) -> None:
        super().__init__(hook)
        self._deep = deep
        self._takes = takes

    @in_between
    def __call__(
        self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call `original`, recorded or not."""
        opened = _open.get()
        if opened is None:  # asked for the first time in this context
            opened = is_open()
        if opened or (hook := self.hook) is None or is_scikit_learns_own(deep=self._deep):
            return original(*args, **kwargs)
        call = Call(original, args, kwargs)
        if self._takes is not None and not self._takes(call):
            return original(*args, **kwargs)
        # An interrupt may strike at every Python call, and none may leave a call open.
        try:
            enter(True)
            return hook(call)
        finally:
            leave(False)


class PredictionWatch(OutermostWatch):
    """A watch of predictions, which are many and quick: its hook gets what the original gets."""

    __slots__ = ()

    @in_between
    def __call__(
        self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call `original`, recorded or not."""
        opened = _open.get()
        if opened is None:
            opened = is_open()
        if opened or (hook := self.hook) is None or is_scikit_learns_own(deep=False):
            return original(*args, **kwargs)
        try:
            enter(True)
            return hook(original, args, kwargs)
        finally:
            leave(False)


class FitWatch(OutermostWatch):
    """A watch of fits: a nested one is silent, but what it fits is no longer what it was."""

    __slots__ = ()

    @in_between
    def __call__(
        self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call `original`, recorded or not."""
        if args and (self.hook is None or is_open()):
            links.discard(args[0])
        return super().__call__(original, args, kwargs)


class NestedTask:
    """A joblib task that runs as part of the call that was open when it was made."""

    __slots__ = ("function", "travels")

    def __init__(self, function: Callable[..., Any], travels: bool) -> None:
        self.function = function
        self.travels = travels

    @in_between
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the task."""
        token = _open.set(True)
        try:
            return self.function(*args, **kwargs)
        except BaseException as error:
            take_off(error)
            raise
        finally:
            _open.reset(token)

    def __getattr__(self, name: str) -> Any:
        # joblib reads the name of a task's function for its messages.
        if name in NestedTask.__slots__:
            raise AttributeError(name)
        return getattr(self.function, name)

    def __reduce__(self) -> tuple[Any, ...]:
        # A fresh interpreter (loky, a cluster) patches nothing, so there the bare function will do
        # and autotrack need not even be installed. A forked pool inherits the patches, and
        # threads of this process share them.
        if self.travels:
            return NestedTask, (self.function, True)
        return functools.partial, (self.function,)


@in_between
def _nested(tasks: Iterable[Any], travels: bool) -> Iterator[Any]:
    # A generator stays a generator: joblib consumes tasks as workers become free.
    try:
        for function, args, kwargs in tasks:
            yield NestedTask(function, travels), args, kwargs
    except BaseException as error:
        take_off(error)
        raise


@in_between
def on_parallel(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Make a ``joblib.Parallel.__call__`` inside an open call: its tasks are nested too."""
    if len(args) != 2 or kwargs:
        return original(*args, **kwargs)
    parallel, tasks = args
    return joblib_loop.run(original, parallel, _nested(tasks, _travels(parallel._backend)))


def _travels(backend: Any) -> bool:
    """Whether the tasks of a joblib backend are pickled and yet run where the patches are."""
    if "Multiprocessing" in type(backend).__name__:
        return True
    # A cluster of threads of this process.
    scheduler = getattr(getattr(backend, "client", None), "scheduler", None)
    return str(getattr(scheduler, "address", "")).startswith("inproc://")
