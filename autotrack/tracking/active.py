"""The runs that are active in each context, and what was put into them so far."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from contextvars import ContextVar, Token
from dataclasses import field
from typing import Any

from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.forks import at_fork
from autotrack.runtime.weak_map import IdentityMap
from autotrack.store.store import Store
from autotrack.tracking.facts import FitFacts, TransformerFacts
from autotrack.tracking.moved_fits import Filed
from autotrack.tracking.workspace import workspace

# Stands for the fit of an active run that was started in another thread or process: what is
# fitted here is a child of it.
_ELSEWHERE = "elsewhere"


@dataclass(eq=False, slots=True)
class ActiveRun:
    """A run that is being written to, and what capture has put into it so far.

    `experiment` is the name of its experiment;
    `fit` is the identity of the estimator whose fit the run holds, None while it holds none;
    `children` maps identities to the child runs of further fits.
    """

    store: Store
    run_id: str
    experiment: str
    fit: str | None = None
    children: dict[str, str] = field(default_factory=dict)
    preprocessing: list[TransformerFacts] = field(default_factory=list)
    # All that can be set on what was fitted in it.
    held: Mapping[str, Any] = field(default_factory=dict)
    # Scores of no known model that came before the run held a fit.
    unlinked: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    # What recording the fit that it holds put into it; None where that is not known.
    filed: Filed | None = None
    # The same of the fit that is being moved out of it.
    moving: Filed | None = None
    # A thread that ends a run cannot take it out of the context of the one that started it.
    ended: bool = False

    def give_up(self, *, for_good: bool) -> None:
        """Hold no fit any more, since it is moved; `for_good` if none is to be held later."""
        # Until then another thread may note what it has just recorded of that fit.
        self.moving = self.filed
        self.fit, self.held, self.filed = (_ELSEWHERE if for_good else None), {}, None

    @property
    def is_elsewhere(self) -> bool:
        """Whether it was started in another thread or process than this one."""
        return self.fit == _ELSEWHERE

    def takes_over(self, run_id: str, facts: FitFacts) -> bool:
        """Take the fit of this run, or of a child of it, to be `facts` now; False if it is none."""
        with self.lock:
            if self.run_id == run_id:
                self.fit = facts.identity
                return True
            known = next((fit for fit, child in self.children.items() if child == run_id), None)
            if known is None:
                return False
            del self.children[known]
            self.children[facts.identity] = run_id
            return True

    def from_elsewhere(self) -> ActiveRun:
        """The run as a thread or process sees it whose work was started while it was active."""
        return ActiveRun(self.store, self.run_id, self.experiment, fit=_ELSEWHERE)


def input_params(inputs: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs of the script as params of a run in which something is fitted that has `held`.

    An input must not read as the param of a model that has another value: it is ``param__<name>``
    there.
    """
    return {
        name if name not in held or _is_same(held[name], value) else f"param__{name}": value
        for name, value in inputs.items()
    }


def _is_same(a: object, b: object) -> bool:
    # True equals 1, and does not mean it; a NaN is itself.
    return a is b or (a == b and isinstance(a, bool) == isinstance(b, bool))


#: Runs started and not ended, in whichever context.
open_runs: dict[str, ActiveRun] = {}
# The runs that were active where this process was started, by whoever started it.
_arrived: list[ActiveRun] = []
_stack: ContextVar[tuple[ActiveRun, ...] | None] = ContextVar("autotrack_runs", default=None)
# The runs that were active where a thread was started; nothing of it stays on the thread.
_started: IdentityMap[tuple[ActiveRun, ...]] = IdentityMap()


def active_runs() -> tuple[ActiveRun, ...]:
    """The active runs of this context, innermost last."""
    stack = _stack.get()
    if stack is None:
        began_with = _started.get(threading.current_thread()) or _arrived
        stack = tuple(run.from_elsewhere() for run in began_with)
        if stack:
            _stack.set(stack)
    return tuple(run for run in stack if not run.ended)


def note_started(thread: threading.Thread, runs: tuple[ActiveRun, ...]) -> None:
    """Note that `thread` is started while `runs` are active."""
    _started.set(thread, runs)


def take_up(runs: tuple[ActiveRun, ...]) -> Token[tuple[ActiveRun, ...] | None]:
    """Do as if this context had been started while `runs` are active; :func:`lay_down` ends it."""
    return _stack.set(tuple(run.from_elsewhere() for run in runs))


def arrive(runs: tuple[ActiveRun, ...]) -> None:
    """Note that this process was started while `runs` are active."""
    _arrived[:] = [run.from_elsewhere() for run in runs]


#: Puts the active runs back that were there before :func:`take_up`.
lay_down = _stack.reset


def push(run: ActiveRun) -> None:
    """Make `run` the active one."""
    _stack.set((*active_runs(), run))
    open_runs[run.run_id] = run


def note_filed(run_id: str, metrics: Iterable[str], paths: Iterable[str] = ()) -> None:
    """Note what was recorded of the fit that a run of the user's holds."""
    run = open_runs.get(run_id)
    filed = None if run is None else run.filed or run.moving
    if filed is not None:
        filed.metrics.update(metrics)
        filed.paths.update(paths)


def remove(run_id: str) -> list[ActiveRun]:
    """Take the run out of the active ones; returns it and those on top of it, innermost first."""
    stack = active_runs()
    place = next((n for n, run in enumerate(stack) if run.run_id == run_id), len(stack))
    removed = list(reversed(stack[place:]))
    if place == len(stack) and run_id in open_runs:  # of another context
        removed = [open_runs[run_id]]
    for run in removed:
        run.ended = True
        if (origin := open_runs.pop(run.run_id, None)) is not None:
            origin.ended = True  # ended by a thread that it was handed on to
    _stack.set(stack[:place])
    return removed


def _forget() -> None:
    open_runs.clear()
    _arrived.clear()
    _stack.set(None)


def _child_after_fork() -> None:
    # They are the parent's to end. What siblings fit into them is not known here: a fit of this
    # process becomes a child run.
    open_runs.clear()
    for run in _stack.get() or ():
        run.lock = threading.Lock()
        run.fit, run.children = _ELSEWHERE, {}


workspace.forgotten.subscribe(_forget)
at_fork(in_child=_child_after_fork)
