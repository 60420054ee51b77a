"""The verbs that start, end and find runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

from autotrack.describe import environment
from autotrack.entities import ENDED, RunStatus
from autotrack.errors import (
    ActiveRunError,
    InvalidValueError,
    NoActiveRunError,
    RunFinishedError,
    RunNotFoundError,
    StoreError,
)
from autotrack.printable import described
from autotrack.store.search.query import Query
from autotrack.store.store import Store
from autotrack.store.tables.runs import new_run_id
from autotrack.tracking import active
from autotrack.tracking.active import ActiveRun, active_runs
from autotrack.tracking.api.arguments import text, text_mapping
from autotrack.tracking.recording import library_calls
from autotrack.tracking.recording.recorder import FIT_TAG
from autotrack.tracking.run import Run
from autotrack.tracking.run_errors import ended_by
from autotrack.tracking.workspace import last_error, workspace


def start_run(
    name: str | None = None,
    *,
    experiment: str | None = None,
    run_id: str | None = None,
    nested: bool = False,
    tags: Mapping[str, str] | None = None,
) -> Run:
    """Start a run and make it the active one.

    Parameters
    ----------
    name : str, optional
        A name for people; by default that of the script. With `run_id`, its new name.
    experiment : str, optional
        The experiment it belongs to, created if need be; by default the current one, or the
        parent's for a nested run.
    run_id : str, optional
        Go on with this earlier run instead of opening a new one.
    nested : bool, default=False
        Open the run as a child of the active one. A run started in a thread, task or process of
        the user's is always a child of the one that was active where that was started.
    tags : mapping of str to str, optional
        Facts to keep with it.

    Returns
    -------
    Run
        A context manager that ends the run.

    Raises
    ------
    ActiveRunError
        If a run is active and `nested` is false, or `run_id` is active already.
    RunNotFoundError
        If there is no run `run_id`, or it was deleted.
    """
    stack = active_runs()
    outer = stack[-1] if stack else None
    if outer is not None and not nested and not outer.is_elsewhere:
        raise ActiveRunError(
            f"run {outer.run_id} is active; end it with autotrack.end_run(), or start this one as "
            "its child with start_run(nested=True)"
        )
    if run_id is not None:
        return _go_on(text(run_id, "run_id"), name, experiment, tags)
    store = outer.store if outer is not None else workspace.store(lazy=True)
    created, started = new_run_id(), time.time()
    run_name = text(name, "the name of a run") if name is not None else default_name()
    kept = text_mapping(tags or {}, "tag")
    if experiment is not None:
        wanted = text(experiment, "experiment")
    else:
        wanted = outer.experiment if outer is not None else workspace.experiment
    inputs = dict(workspace.inputs)

    def create(store: Store) -> None:
        store.create_run(
            run_id=created,
            name=run_name,
            kind="user",
            experiment_id=store.experiment_id(wanted),
            parent_id=outer.run_id if outer is not None else None,
            start_time=started,
            source_id=workspace.add_source(store),
        )
        store.set_params(created, inputs)
        store.set_tags(created, kept)

    workspace.retry_queue.write(store, create)
    workspace.opened(store, created)
    active.push(ActiveRun(store, created, wanted))
    return Run(store, created)


def _go_on(
    run_id: str, name: str | None, experiment: str | None, tags: Mapping[str, str] | None
) -> Run:
    store = workspace.store()
    record = store.get_run(run_id)
    if record.run_id in active.open_runs:
        raise ActiveRunError(f"run {record.run_id} is active already; it goes on as it is")
    if record.deleted:
        raise RunNotFoundError(
            f"run {record.run_id} was deleted; bring it back with "
            f"autotrack.restore_run({record.run_id!r})"
        )
    if experiment is not None and experiment not in (record.experiment, record.experiment_id):
        raise InvalidValueError(
            f"run {record.run_id} belongs to experiment {record.experiment!r}, not "
            f"{experiment!r}; leave experiment= out, or start a new run"
        )
    kept = text_mapping(tags or {}, "tag")
    with store.transaction():
        store.reopen_run(record.run_id)
        store.set_tags(record.run_id, kept)
        if name is not None:
            store.rename_run(record.run_id, text(name, "the name of a run"))
    workspace.opened(store, record.run_id)
    held = ActiveRun(store, record.run_id, record.experiment, record.tags.get(FIT_TAG))
    for child in store.search(Query(parent_id=record.run_id)):
        if FIT_TAG in child.tags and child.status == "FINISHED":
            held.children[child.tags[FIT_TAG]] = child.run_id
    active.push(held)
    return Run(store, record.run_id)


def default_name() -> str:
    """The script's name without its ending, else ``run``."""
    script = environment.source().script
    return Path(script).stem if script else "run"


def active_run() -> Run | None:
    """The active run, or None."""
    stack = active_runs()
    return Run(stack[-1].store, stack[-1].run_id) if stack else None


def end_run(status: RunStatus = "FINISHED") -> None:
    """End the active run.

    Parameters
    ----------
    status : {"FINISHED", "FAILED", "KILLED"}
        How it ended.

    Raises
    ------
    NoActiveRunError
        If no run is active.
    """
    if status not in ENDED:
        raise InvalidValueError(f"a run ends as {', '.join(ENDED)}, not {described(status)}")
    active = required()
    Run(active.store, active.run_id)._end(status)


def required() -> ActiveRun:
    """The active run, or an error that says what to do."""
    stack = active_runs()
    if not stack:
        raise NoActiveRunError(
            "no run is active; start one with autotrack.start_run(), or name a run by its id"
        )
    return stack[-1]


def current() -> ActiveRun:
    """The active run; without one, a new one that stays active until `end_run` or the end."""
    stack = active_runs()
    if not stack:
        start_run()
        stack = active_runs()
    return stack[-1]


def still_running(active: ActiveRun) -> ActiveRun:
    """`active`, unless it was ended from elsewhere.

    Raises
    ------
    RunFinishedError
        If it was.
    """
    if workspace.retry_queue.has_pending:  # the store cannot be asked just now
        return active
    try:
        status = active.store.run_status(active.run_id)
    except (StoreError, RunNotFoundError) as error:
        workspace.failsafe.report(f"read the store {active.store.root}", error)
        return active
    if status != "RUNNING":
        raise RunFinishedError(
            f"run {active.run_id} has ended ({status}) and is not written to any more; "
            f"go on with it by autotrack.start_run(run_id={active.run_id!r})"
        )
    return active


def last_run() -> Run | None:
    """The newest run this process opened, candidates of a search aside; None if there is none."""
    library_calls.settle()
    return Run(*workspace.last) if workspace.last is not None else None


def get_run(run_id: str | Run | None = None) -> Run:
    """The run of this id, or of the id that begins so; without an id, the active one.

    A run is given back as it is.

    Raises
    ------
    RunNotFoundError
        If there is none; the message has the nearest.
    NoActiveRunError
        If no id was given and no run is active.
    """
    if run_id is None:
        active = required()
        return Run(active.store, active.run_id)
    if isinstance(run_id, Run):
        return run_id
    store = workspace.store()
    return Run(store, store.get_run(text(run_id, "run_id")).run_id)


def delete_run(run_id: str) -> None:
    """Delete a run with its children; `restore_run` brings it back."""
    store = workspace.store()
    store.delete_run(store.get_run(text(run_id, "run_id")).run_id)


def restore_run(run_id: str) -> None:
    """Bring a deleted run back."""
    store = workspace.store()
    store.restore_run(store.get_run(text(run_id, "run_id")).run_id)


def end_open_runs() -> None:
    """End what is still open as the process ends: FAILED if an exception ends it."""
    # In an interactive session (IPython has a prompt as well) that is the last typing mistake,
    # which ended nothing.
    library_calls.settle(at_exit=True)
    interactive = hasattr(sys, "ps1") or sys.flags.interactive
    ended_with = last_error()
    error = None if interactive else ended_with
    status = "FINISHED" if error is None else ended_by(error)
    for run in list(active.open_runs.values()):
        Run(run.store, run.run_id)._end(status, error)
