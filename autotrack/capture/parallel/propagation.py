"""What parallel work of the user's carries with it, to wherever it is done, and back.

A task that is handed to a pool carries the runs with it that are active where it is handed over;
in a process that knows nothing of tracking, the first task to arrive switches it on. What a task
gives back tells the runs of the models in it.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import MethodType
from typing import Any

import numpy as np

from autotrack.capture import library_functions
from autotrack.capture.library_functions import handing, inherited
from autotrack.capture.parallel import outermost
from autotrack.entities import DatasetUse, Source
from autotrack.lineage.tracker import Lineage
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.in_between import in_between, take_off
from autotrack.runtime.patching import is_wrapper
from autotrack.runtime.subscribers import Subscribers
from autotrack.settings import Settings
from autotrack.tracking.active import ActiveRun, arrive, lay_down, take_up
from autotrack.tracking.model_links import Link, arrivals, link_loaded, links
from autotrack.tracking.recording.library_calls import LibraryCall
from autotrack.tracking.workspace import workspace

Call = Callable[..., Any]

# How deep, and at how many things, a result is looked through for models.
_DEEPEST = 3
_MOST_RESULTS = 1000


@dataclass(frozen=True, slots=True)
class Baggage:
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
        Whether it is part of a tracked call, and hence not recorded.
    runs : tuple of ActiveRun
        The runs that are active there, innermost last.
    call : LibraryCall or None
        The call of an installed function that does it.
    """

    pid: int
    settings: Settings
    source: Source
    inputs: Mapping[str, Any]
    opened: bool
    runs: tuple[ActiveRun, ...]
    call: LibraryCall | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        runs = tuple((run.store.root, run.run_id, run.experiment) for run in self.runs)
        call = None if self.call is None else _packed_call(self.call)
        return _unpacked, (
            self.pid, self.settings, self.source, self.inputs, self.opened, runs, call
        )  # fmt: skip

    @property
    def is_from_other_process(self) -> bool:
        """Whether it comes from another process."""
        return self.pid != os.getpid()


def _unpacked(
    pid: int,
    settings: Settings,
    source: Source,
    inputs: Mapping[str, Any],
    opened: bool,
    runs: Iterable[tuple[Path, str, str]],
    call: tuple[Any, ...] | None,
) -> Baggage:
    """Baggage that arrives, in another process most of the time."""
    held = tuple(
        ActiveRun(workspace.store_at(root, lazy=True), run_id, experiment)
        for root, run_id, experiment in runs
    )
    arrived = None if call is None else _unpacked_call(*call)
    return Baggage(pid, settings, source, inputs, opened, held, arrived)


# Calls that were packed: what does not leave the process comes back to the same.
_packed_calls: weakref.WeakValueDictionary[str, LibraryCall] = weakref.WeakValueDictionary()


def _packed_call(call: LibraryCall) -> tuple[Any, ...]:
    _packed_calls[call.reserved or ""] = call
    return call.name, call.function, call.reserved, call.owner, call.started, call.pid


def _unpacked_call(
    name: str, function: str, reserved: str | None, owner: str | None, started: float, pid: int
) -> LibraryCall:
    if pid == os.getpid() and (known := _packed_calls.get(reserved or "")) is not None:
        return known
    call = LibraryCall(name, function)
    call.reserved, call.owner, call.started, call.pid = reserved, owner, started, pid
    return call


class Task:
    """A function of the user's that is called elsewhere as if it were called here."""

    __slots__ = ("baggage", "function")

    def __init__(self, function: Call, baggage: Baggage) -> None:
        self.function = function
        self.baggage = baggage

    @in_between
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        baggage = self.baggage
        other_process = baggage.is_from_other_process
        if other_process:
            _work_for_another(baggage)
        before = workspace.runs, workspace.scores
        opened, runs = outermost.enter(baggage.opened), take_up(baggage.runs)
        call = inherited.set(baggage.call)
        try:
            function = _watched(self.function) if other_process else self.function
            result = function(*args, **kwargs)
            return _with_marks(result, before) if other_process else result
        except BaseException as error:
            take_off(error)
            raise
        finally:
            inherited.reset(call)
            lay_down(runs)
            outermost.reset(opened)

    def __getattr__(self, name: str) -> Any:
        # joblib reads the name of a task's function for its messages.
        if name in Task.__slots__:
            raise AttributeError(name)
        return getattr(self.function, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return Task, (self.function, self.baggage)


handing.add(Task.__call__.__code__)
handing.add(BaseProcess._bootstrap.__code__)  # type: ignore[attr-defined]


def _work_for_another(baggage: Baggage) -> None:
    """Be a worker: what tasks do is recorded, and nothing between them."""
    with workspace.failsafe.guard("record the work of this process"):
        outermost.worker_only.silent = True
        if not baggage.opened:
            workspace.join(baggage.settings, baggage.source, baggage.inputs)
            patch_arrived_classes()


def patch_arrived_classes() -> None:
    """Patch the classes that travel by value: they arrive with methods that are not patched."""
    if "sklearn.base" not in sys.modules:
        return  # nor is it to be imported on this account
    with workspace.failsafe.guard("patch the classes that came along"):
        from autotrack.capture.discovery import travelling_classes

        for cls in travelling_classes():
            for tell in arrivals:
                tell(cls)


def _watched(function: Call) -> Call:
    """A method that was bound before its class was patched, as it is now."""
    if isinstance(function, MethodType):
        present: Call = getattr(function.__self__, function.__name__, function)
        if isinstance(present, MethodType) and is_wrapper(present.__func__):
            return present
    return function


class ProcessBaggage:
    """Baggage of a whole process, which takes effect when it is unpickled there."""

    __slots__ = ("baggage",)

    def __init__(self, baggage: Baggage) -> None:
        self.baggage = baggage

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (self.baggage,)


def _arrived(baggage: Baggage) -> ProcessBaggage:
    with workspace.failsafe.guard("record the work of this process"):
        if baggage.is_from_other_process and baggage.opened:
            outermost.worker_only.silent = True
        elif baggage.is_from_other_process:
            arrive(baggage.runs)
            library_functions.arrive(baggage.call)
            workspace.join(baggage.settings, baggage.source, baggage.inputs)
    return ProcessBaggage(baggage)


#: What the session of this process remembers of predictions; empty while there is none.
lineages: Subscribers[Lineage] = Subscribers()


# -- the way back -------------------------------------------------------------------------------


class _Marked:
    """A result on its way back, with the runs of what is in it; it arrives as the bare result.

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
        return _come_back, (self.result, marks, self.counts)


def _with_marks(result: Any, before: tuple[int, int]) -> Any:
    with workspace.failsafe.guard("finish the work of this process"):
        workspace.leave()
        marks = [(thing, link) for thing in _things_in(result) if (link := _link_of(thing))]
        counts = workspace.runs - before[0], workspace.scores - before[1]
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


def _come_back(
    result: Any,
    marks: Iterable[tuple[Any, Path, str, DatasetUse | None, bool]],
    counts: tuple[int, int],
) -> Any:
    workspace.runs += counts[0]
    workspace.scores += counts[1]
    with workspace.failsafe.guard("link the models that a worker fitted"):
        for thing, root, run_id, train, partial in marks:
            link = Link(workspace.store_at(root, lazy=True), run_id, train, None, partial)
            if not isinstance(thing, np.ndarray):
                link_loaded(thing, link)
                continue
            for lineage in lineages:
                lineage.predicted_in(link, None, thing)
    return result
