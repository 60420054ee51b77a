"""Where this process records: the settings, the stores and the experiment."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from autotrack.describe import environment
from autotrack.entities import Source
from autotrack.errors import NotFoundError, StoreError
from autotrack.failsafe import Failsafe
from autotrack.runtime.forks import at_fork
from autotrack.runtime.subscribers import Subscribers
from autotrack.settings import Settings
from autotrack.store.artifacts import ArtifactFolder
from autotrack.store.search.cells import CELL_TAG, EXECUTION_TAG
from autotrack.store.store import Store
from autotrack.tracking.cells import running_cell
from autotrack.tracking.retry_queue import Change, RetryQueue


class Workspace:
    """The store and experiment of this process.

    What :func:`autotrack.enable` was given by argument stays, and so does its store; the rest is
    looked up in the environment each time, so that a changed variable counts.
    """

    def __init__(self) -> None:
        #: Told that this process works for another one that tracks with these settings; that a
        #: piece of its work is done; that the files of a run are about to be read; and that all
        #: is forgotten.
        self.joined: Subscribers[Callable[[Settings], None]] = Subscribers()
        self.left: Subscribers[Callable[[], None]] = Subscribers()
        self.read: Subscribers[Callable[[str], None]] = Subscribers()
        self.forgotten: Subscribers[Callable[[], None]] = Subscribers()
        self._begin()

    def _begin(self) -> None:
        self._given: dict[str, Any] = {}
        #: The experiment set by `set_experiment`, which counts more than the settings.
        self.chosen_experiment: str | None = None
        self._stores: dict[Path, Store] = {}
        self._lock = threading.RLock()
        self._watched: set[tuple[Path, str]] = set()
        #: Inputs of the script (`autotrack.param`), which every run of it has.
        self.inputs: dict[str, Any] = {}
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
        if "ipykernel" in sys.modules and (cell := running_cell(environment.source().script)):
            tags = {CELL_TAG: cell.key, EXECUTION_TAG: cell.execution}
            self.retry_queue.write(store, lambda store: store.set_tags(run_id, tags))

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
            self._begin()
        for forget in self.forgotten:
            forget()

    def join(self, settings: Settings, source: Source, inputs: Mapping[str, Any]) -> None:
        """Switch tracking on as it is in the process that this one works for."""
        environment.work_for(source)
        self.inputs = dict(inputs)
        for join in self.joined:
            join(settings)

    def leave(self) -> None:
        """Write what is still to be written: nobody knows how a worker ends."""
        for leave in self.left:
            leave()

    def before_reading(self, run_id: str) -> None:
        """Bring the files of a run up to date, as far as this process writes them."""
        for refresh in self.read:
            refresh(run_id)


workspace = Workspace()


def last_error() -> BaseException | None:
    """The last exception that nobody caught in this process."""
    error: BaseException | None = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    return None if error is workspace.inherited else error


def _child_after_fork() -> None:
    # Another thread may have held the lock at the moment of the fork.
    workspace._lock = threading.RLock()
    workspace.inherited = last_error() or workspace.inherited
    workspace.retry_queue.forget()


at_fork(in_child=_child_after_fork)
