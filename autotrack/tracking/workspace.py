"""Where this process records: the store, the experiment, and each context's active runs."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autotrack.describe import environment
from autotrack.entities import Source
from autotrack.errors import NotFoundError, StoreError
from autotrack.failsafe import Failsafe
from autotrack.runtime.weak_map import IdentityMap
from autotrack.settings import Settings
from autotrack.store.artifacts import ArtifactFolder
from autotrack.store.store import Store
from autotrack.tracking.facts import FitFacts, TransformerFacts
from autotrack.tracking.recording.moved_fits import Filed
from autotrack.tracking.retry_queue import Change, RetryQueue

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


_stack: ContextVar[tuple[ActiveRun, ...] | None] = ContextVar("autotrack_runs", default=None)
# The runs that were active where a thread was started; nothing of it stays on the thread.
_started: IdentityMap[tuple[ActiveRun, ...]] = IdentityMap()


def active_runs() -> tuple[ActiveRun, ...]:
    """The active runs of this context, innermost last."""
    stack = _stack.get()
    if stack is None:
        began_with = _started.get(threading.current_thread()) or home.arrived
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


#: Who is told that this process works for another one that tracks with these settings, and who is
#: told that a piece of its work is done. `session` adds itself.
on_join: list[Callable[[Settings], None]] = []
on_leave: list[Callable[[], None]] = []


def join(settings: Settings, source: Source, inputs: Mapping[str, Any]) -> None:
    """Switch tracking on as it is in the process that this one works for."""
    environment.work_for(source)
    home.inputs = dict(inputs)
    for tell in on_join:
        tell(settings)


def leave_in_order() -> None:
    """Write what is still to be written: nobody knows how a worker ends."""
    for tell in on_leave:
        tell()


#: Who is told that the files of a run are about to be read, so that they are those of the model as
#: it is now. `session` adds itself.
on_read: list[Callable[[str], None]] = []


def before_reading(run_id: str) -> None:
    """Bring the files of a run up to date, as far as this process writes them."""
    for tell in on_read:
        tell(run_id)


#: Puts the active runs back that were there before :func:`take_up`.
lay_down = _stack.reset


def push(run: ActiveRun) -> None:
    """Make `run` the active one."""
    _stack.set((*active_runs(), run))
    home.open_runs[run.run_id] = run


def note_filed(run_id: str, metrics: Iterable[str], paths: Iterable[str] = ()) -> None:
    """Note what was recorded of the fit that a run of the user's holds."""
    run = home.open_runs.get(run_id)
    filed = None if run is None else run.filed or run.moving
    if filed is not None:
        filed.metrics.update(metrics)
        filed.paths.update(paths)


def remove(run_id: str) -> list[ActiveRun]:
    """Take the run out of the active ones; returns it and those on top of it, innermost first."""
    stack = active_runs()
    place = next((n for n, run in enumerate(stack) if run.run_id == run_id), len(stack))
    removed = list(reversed(stack[place:]))
    if place == len(stack) and run_id in home.open_runs:  # of another context
        removed = [home.open_runs[run_id]]
    for run in removed:
        run.ended = True
        if (origin := home.open_runs.pop(run.run_id, None)) is not None:
            origin.ended = True  # ended by a thread that it was handed on to
    _stack.set(stack[:place])
    return removed


class Workspace:
    """The store and experiment of this process.

    What :func:`autotrack.enable` was given by argument stays, and so does its store; the rest is
    looked up in the environment each time, so that a changed variable counts.
    """

    def __init__(self) -> None:
        self._given: dict[str, Any] = {}
        #: The experiment set by `set_experiment`, which counts more than the settings.
        self.chosen_experiment: str | None = None
        self._stores: dict[Path, Store] = {}
        self._lock = threading.RLock()
        self._watched: set[tuple[Path, str]] = set()
        #: Inputs of the script (`autotrack.param`), which every run of it has.
        self.inputs: dict[str, Any] = {}
        #: Runs started and not ended, in whichever context.
        self.open_runs: dict[str, ActiveRun] = {}
        #: The runs that were active where this process was started, by whoever started it.
        self.arrived: tuple[ActiveRun, ...] = ()
        #: The run this process opened last.
        self.last: tuple[Store, str] | None = None
        #: What goes wrong inside autotrack, and the writes that wait for a store in trouble.
        self.failsafe = Failsafe()
        self.retry_queue = RetryQueue(self.failsafe)
        #: How many runs this process opened, how many scores it wrote and could not place, and the
        #: line of the user's code that computed the first of these.
        self.runs = self.scores = self.unplaced = 0
        self.first_unplaced = ""
        self.pid = os.getpid()
        #: The exception that a fork has from its parent, whom it did not end either.
        self.inherited: BaseException | None = None

    def give(self, *, keep: bool = False, **arguments: Any) -> Settings:
        """Keep `arguments` (None means not given) for all that follows; return the settings.

        With `keep`, those given before count where they are not given now.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        if keep:
            given = self._given | given
        settings = Settings.resolve(**given)
        # A relative path, and the default, mean the working directory of this moment.
        self._given = {**given, "store": settings.store}
        if arguments.get("experiment") is not None:
            self.chosen_experiment = None
        return settings

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return Settings.resolve(**self._given)

    def store(self, *, create: bool = True, lazy: bool = False) -> Store:
        """The current store, opened once for each process.

        Raises
        ------
        StoreError
            If it cannot be opened.
        """
        settings = self.settings
        self.failsafe.strict = settings.strict
        return self.store_at(settings.store, create=create, lazy=lazy)

    def store_at(self, path: Path, *, create: bool = True, lazy: bool = False) -> Store:
        """The store in the folder `path`; with `lazy`, opened by its first use."""
        with self._lock:
            store = self._stores.get(path)
            if store is None:
                store = self._stores[path] = Store(path, create=create, lazy=lazy)
            return store

    @property
    def experiment(self) -> str:
        """Name of the experiment that new runs belong to."""
        return self.chosen_experiment or self.settings.experiment

    def opened(self, store: Store, run_id: str) -> None:
        """Note that this process opened a run."""
        self.last = (store, run_id)
        self.runs += 1

    def add_source(self, store: Store) -> str:
        """Write down where and with what this process runs; to be called with a new run."""
        source = environment.source()
        store.add_source(source)
        key = (store.root, source.source_id)
        if key not in self._watched:
            self._watched.add(key)
            # Whether the tree has changes takes a process to find out, and so comes later.
            environment.watch_dirty(store.add_source)
        return source.source_id

    def write(self, store: Store, change: Change) -> bool:
        """Make a change to a run that there was, now or when a store in trouble answers again."""
        try:
            return self.retry_queue.write(store, change)
        except NotFoundError as error:  # the store was deleted meanwhile
            self.failsafe.report(f"write to the store {store.root}", error)
            return False

    def files_of(self, store: Store, run_id: str) -> ArtifactFolder:
        """The folder for new files of a run, also while the store does not answer."""
        if self.retry_queue.has_pending:
            return store.artifacts
        try:
            return store.artifacts_of(run_id)
        except (StoreError, NotFoundError):
            return store.artifacts

    def forget(self) -> None:
        """Close every store and start over, as a new process would."""
        with self._lock:
            for store in self._stores.values():
                store.close()
            self.__init__()  # type: ignore[misc]
        _stack.set(None)


home = Workspace()


def last_error() -> BaseException | None:
    """The last exception that nobody caught in this process."""
    error: BaseException | None = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    return None if error is home.inherited else error


def _child_after_fork() -> None:
    # Another thread may have held the lock at the moment of the fork.
    home._lock = threading.RLock()
    # They are the parent's to end. What siblings fit into them is not known here: a fit of this
    # process becomes a child run.
    home.open_runs.clear()
    home.inherited = last_error() or home.inherited
    home.retry_queue.forget()
    for run in _stack.get() or ():
        run.lock = threading.Lock()
        run.fit, run.children = _ELSEWHERE, {}


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_child_after_fork)
