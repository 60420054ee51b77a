"""The user's own parallel work: what is done in a thread or a process belongs where it was started.

Threads are noted when they start. A task that is handed to a pool carries the runs with it that
are active where it is handed over; in a process that knows nothing of tracking, the first task to
arrive switches it on. What a task gives back tells the runs of the models in it.
"""

from __future__ import annotations

import multiprocessing.pool
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import MethodType
from typing import Any

import numpy as np

from autotrack.capture import nesting
from autotrack.capture.caller import is_scikit_learns_own
from autotrack.capture.lineage import Lineage
from autotrack.capture.nesting import NestedTask
from autotrack.describe import environment
from autotrack.entities import DatasetUse, Source
from autotrack.patching import is_wrapper
from autotrack.settings import Settings
from autotrack.tracking import context
from autotrack.tracking.context import ActiveRun, home
from autotrack.tracking.links import Link, arrivals, link_loaded, links

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
# How deep, and at how many things, a result is looked through for models.
_DEEPEST = 3
_MOST_RESULTS = 1000


@dataclass(frozen=True, slots=True)
class Luggage:
    """What parallel work carries with it.

    Attributes
    ----------
    pid : int
        The process it comes from.
    settings : Settings
        How tracking is switched on there.
    source : Source
        The script it comes from.
    inputs : mapping
        The script's inputs (`autotrack.param`).
    opened : bool
        Whether it is part of a tracked call, and hence not heard.
    runs : tuple of ActiveRun
        The runs that are active there, innermost last.
    """

    pid: int
    settings: Settings
    source: Source
    inputs: Mapping[str, Any]
    opened: bool
    runs: tuple[ActiveRun, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        runs = tuple((run.store.root, run.run_id, run.experiment) for run in self.runs)
        return _unpacked, (self.pid, self.settings, self.source, self.inputs, self.opened, runs)

    @property
    def is_from_abroad(self) -> bool:
        """Whether it comes from another process."""
        return self.pid != os.getpid()


def _unpacked(
    pid: int,
    settings: Settings,
    source: Source,
    inputs: Mapping[str, Any],
    opened: bool,
    runs: Iterable[tuple[Path, str, str]],
) -> Luggage:
    """Luggage that arrives, in another process most of the time."""
    held = tuple(
        ActiveRun(home.store_at(root, lazy=True), run_id, experiment)
        for root, run_id, experiment in runs
    )
    return Luggage(pid, settings, source, inputs, opened, held)


class Task:
    """A function of the user's that is called elsewhere as if it were called here."""

    __slots__ = ("function", "luggage")

    def __init__(self, function: Call, luggage: Luggage) -> None:
        self.function = function
        self.luggage = luggage

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        luggage = self.luggage
        abroad = luggage.is_from_abroad
        if abroad:
            _hire(luggage)
        before = home.runs, home.scores
        opened, runs = nesting.enter(luggage.opened), context.take_up(luggage.runs)
        try:
            function = _heard(self.function) if abroad else self.function
            result = function(*args, **kwargs)
            return _with_marks(result, before) if abroad else result
        finally:
            context.lay_down(runs)
            nesting.reset(opened)

    def __getattr__(self, name: str) -> Any:
        # joblib reads the name of a task's function for its messages.
        if name in Task.__slots__:
            raise AttributeError(name)
        return getattr(self.function, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return Task, (self.function, self.luggage)


def _hire(luggage: Luggage) -> None:
    """Be a worker: heard is what tasks do, and nothing between them."""
    with home.trouble.guard("record the work of this process"):
        nesting.hires.silent = True
        if not luggage.opened:
            context.join(luggage.settings, luggage.source, luggage.inputs)
            _hear_travellers()


def _hear_travellers() -> None:
    """Hear the classes that travel by value: they arrive with methods that nobody hears."""
    if "sklearn.base" not in sys.modules:
        return  # nor is it to be imported on this account
    with home.trouble.guard("hear the classes that came along"):
        from autotrack.capture.recognition import travelling_classes

        for cls in travelling_classes():
            for tell in arrivals:
                tell(cls)


def _heard(function: Call) -> Call:
    """A method that was bound before its class was heard, as it is now."""
    if isinstance(function, MethodType) and is_wrapper(function.__func__):
        present: Call = getattr(function.__self__, function.__name__, function)
        return present
    return function


class _Passenger:
    """Luggage of a whole process, which takes effect when it is unpickled there."""

    __slots__ = ("luggage",)

    def __init__(self, luggage: Luggage) -> None:
        self.luggage = luggage

    def __reduce__(self) -> tuple[Any, ...]:
        return _settled, (self.luggage,)


def _settled(luggage: Luggage) -> _Passenger:
    with home.trouble.guard("record the work of this process"):
        if luggage.is_from_abroad and luggage.opened:
            nesting.hires.silent = True
        elif luggage.is_from_abroad:
            home.arrived = tuple(run.from_elsewhere() for run in luggage.runs)
            context.join(luggage.settings, luggage.source, luggage.inputs)
    return _Passenger(luggage)


#: What the session of this process remembers of predictions; empty while there is none.
lineages: list[Lineage] = []


# -- the way home -------------------------------------------------------------------------------


class _Marked:
    """A result on its way home, with the runs of what is in it; it arrives as the bare result.

    Models are fitted in a worker, and they or their predictions scored by whoever started it: the
    runs they came from must be known there, and how many runs and scores were recorded.
    """

    __slots__ = ("counts", "marks", "result")

    def __init__(self, result: Any, marks: list[tuple[Any, Link]], counts: tuple[int, int]) -> None:
        self.result = result
        self.marks = marks
        self.counts = counts

    def __reduce__(self) -> tuple[Any, ...]:
        marks = [(m, k.store.root, k.run_id, k.train, k.partial) for m, k in self.marks]
        return _come_home, (self.result, marks, self.counts)


def _with_marks(result: Any, before: tuple[int, int]) -> Any:
    with home.trouble.guard("finish the work of this process"):
        context.leave_in_order()
        marks = [(thing, link) for thing in _things_in(result) if (link := _link_of(thing))]
        counts = home.runs - before[0], home.scores - before[1]
        return _Marked(result, marks, counts) if marks or any(counts) else result
    return result


def _link_of(thing: Any) -> Link | None:
    if not isinstance(thing, np.ndarray):
        return links.get(thing)
    for lineage in lineages:
        if (prediction := lineage.find_same(thing)) is not None:
            return prediction.link
    return None


def _things_in(value: Any, depth: int = 0) -> Iterator[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple | set) and depth < _DEEPEST:
        if len(value) <= _MOST_RESULTS:
            for item in value:
                yield from _things_in(item, depth + 1)
    else:
        yield value


def _come_home(
    result: Any,
    marks: Iterable[tuple[Any, Path, str, DatasetUse | None, bool]],
    counts: tuple[int, int],
) -> Any:
    home.runs += counts[0]
    home.scores += counts[1]
    with home.trouble.guard("link the models that a worker fitted"):
        for thing, root, run_id, train, partial in marks:
            link = Link(home.store_at(root, lazy=True), run_id, train, None, partial)
            if not isinstance(thing, np.ndarray):
                link_loaded(thing, link)
                continue
            for lineage in lineages:
                lineage.predicted_in(link, None, thing)
    return result


# -- what is heard ------------------------------------------------------------------------------


class WorkerEars:
    """Hears threads and processes being started, and tasks being handed to them."""

    def __init__(self, settings: Settings) -> None:
        # A worker's line at exit, or bar, would be one of many.
        self._settings = replace(settings, quiet=True)

    def _luggage(self) -> Luggage:
        settings = replace(self._settings, experiment=home.experiment)
        opened, runs = nesting.is_open(), context.active_runs()
        source = environment.source()
        return Luggage(os.getpid(), settings, source, home.inputs, opened, runs)

    def _packed(self, function: Any, *, abroad: bool) -> Any:
        """`function` as a task, where there is anything to carry."""
        if isinstance(function, Task | NestedTask) or _is_of_a_pool(type(function)):
            return function
        luggage = self._luggage()
        if not abroad and not luggage.opened and not luggage.runs:
            return function
        return Task(function, luggage)

    def hear_submit(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        """Hear ``submit`` of an executor of ``concurrent.futures``."""
        if len(args) > 1 and type(args[0]).__module__ != "concurrent.futures.interpreter":
            abroad = isinstance(args[0], ProcessPoolExecutor)
            args = (args[0], self._packed(args[1], abroad=abroad), *args[2:])
        return original(*args, **kwargs)

    def hear_pool(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        """Hear the methods of ``multiprocessing.Pool`` that take a function."""
        if len(args) > 1:
            abroad = not isinstance(args[0], multiprocessing.pool.ThreadPool)
            args = (args[0], self._packed(args[1], abroad=abroad), *args[2:])
        return original(*args, **kwargs)

    def hear_parallel(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        """Hear ``joblib.Parallel.__call__``, and the classes that come back from its workers."""
        try:
            return self._run_parallel(original, args, kwargs)
        finally:
            if args and type(args[0]._backend).__name__ not in _THREADS_OF_JOBLIB:
                _hear_travellers()

    def _run_parallel(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        """Run the tasks of a loop; inside an open call they are nested."""
        if nesting.is_open():
            return nesting.hear_parallel(original, args, kwargs)
        if len(args) != 2 or kwargs or is_scikit_learns_own(deep=True):
            return original(*args, **kwargs)
        parallel, tasks = args
        luggage = self._luggage()
        if not _reaches(parallel._backend, luggage):
            return original(parallel, tasks)
        return original(parallel, ((Task(f, luggage), a, k) for f, a, k in tasks))

    def hear_thread(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        """Hear ``threading.Thread.start``."""
        if args and not _is_of_a_pool(getattr(args[0], "_target", None)):
            if runs := context.active_runs():
                context.note_started(args[0], runs)
            if nesting.is_open():
                nesting.note_started(args[0])
        return original(*args, **kwargs)

    def hear_process(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        """Hear ``start`` of a process of ``multiprocessing``: a forked one knows all already."""
        process = args[0]
        if _is_of_a_pool(type(process)) and type(process).__name__ == "LokyProcess":
            return original(*args, **kwargs)
        if _is_of_a_pool(getattr(process, "_target", None)):
            return original(*args, **kwargs)
        # It is pickled as a whole on its way into a fresh interpreter.
        process._autotrack = _Passenger(self._luggage())
        try:
            return original(*args, **kwargs)
        finally:
            del process._autotrack


def _is_of_a_pool(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).startswith(_POOLS)


def _reaches(backend: Any, luggage: Luggage) -> bool:
    """Whether tasks of a joblib backend are to carry luggage, and can be relied on to arrive."""
    name = type(backend).__name__
    if name in _THREADS_OF_JOBLIB:
        return bool(luggage.runs)
    if name in _PROCESSES_OF_JOBLIB:
        return True
    # On another machine there may be no autotrack to unpack it, and there is no such store.
    scheduler = getattr(getattr(backend, "client", None), "scheduler", None)
    return str(getattr(scheduler, "address", "")).startswith(_ON_THIS_MACHINE)
