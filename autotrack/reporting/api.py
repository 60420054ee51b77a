"""`export`, `merge` and `ui`, each importing what it needs when it is called."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from autotrack.settings import Settings
from autotrack.tracking.run import Run
from autotrack.tracking.workspace import workspace

if TYPE_CHECKING:
    from autotrack.reporting.beside import Pages
    from autotrack.store.merging.merge import Merged

Place = str | PathLike[str]


def export(
    path: Place,
    runs: Run | str | Iterable[Run | str] = (),
    *,
    experiment: str | None = None,
    where: str | None = None,
    order_by: str | None = None,
    children: bool = False,
    columns: Iterable[str] = (),
    for_spreadsheets: bool = False,
) -> Path:
    """Write runs into a file that somebody else can read, by the end of its name.

    Parameters
    ----------
    path : path
        ``.html`` is one page with all that belongs to it, which needs no server, network or script
        (extra ``ui``); ``.md`` is Markdown for a pull request. Of both, one run is shown by itself,
        a search with its candidates, several runs are compared, an experiment is summed up.
        ``.csv`` and ``.parquet`` (extra ``parquet``) are a row for every run that matches. What is
        there already is replaced.
    runs : Run, str, or several of them
        Runs or their ids.
    experiment : str, optional
        The name of an experiment.
    where, order_by : str, optional
        As of `search_runs`, for tables.
    children : bool
        Whether runs below others are rows of a table too.
    columns : iterable of str
        The columns of a table, such as ``"run_id"`` and ``"metrics.test_r2_score"``; by default
        all that there are.
    for_spreadsheets : bool
        Whether texts in a CSV file that a spreadsheet would take for formulas get an apostrophe
        before them. By default a text stands as it was recorded, so that it can be read back.

    Returns
    -------
    Path
        The file.

    Notes
    -----
    A CSV file has texts, true and false as ``True`` and ``False``, and numbers so that they can be
    read back exactly; NaN is ``NaN``, what a run lacks is empty. In Parquet columns are typed; one
    whose values are of several types, lists, or too large for 64 bits is of JSON texts, which its
    metadata says (``autotrack: json``).

    A page or Markdown says what the pages of `autotrack ui` say, names of people and machines among
    it; of files, tables and pictures only those that the page draws.
    """
    from autotrack.reporting.exporting import Wanted, export_file

    asked = [runs] if isinstance(runs, str | Run) else list(runs)
    store = workspace.store(create=False)
    for run in asked:
        if isinstance(run, Run):
            store = run._store
    ids = [store.find_run(run if isinstance(run, str) else run.run_id) for run in asked]
    for run_id in ids:
        workspace.before_reading(run_id)
    found = None if experiment is None else store.get_experiment(name=experiment)
    to = Path(path).expanduser()
    export_file(
        store,
        to,
        Wanted(ids, found, where, order_by, children, tuple(columns), for_spreadsheets),
    )
    return to


def export_store(path: Place, *, leave_damaged: bool = False) -> Merged:
    """Write the whole store down to be carried elsewhere, where `merge` takes it over.

    Parameters
    ----------
    path : path
        A folder that is not there yet, or a file whose name ends in ``.zip``.
    leave_damaged : bool
        Whether to go on without files that are missing, or not what was recorded.

    Returns
    -------
    Merged
        What was written. Runs that still run are left out.

    Raises
    ------
    InvalidValueError
        If something of that name is there.
    StoreError
        If the store cannot be read, or there is no room. Nothing is left there then.
    """
    from autotrack.store.merging.packing import export_store as pack

    store = workspace.store(create=False)
    return pack(store.root, Path(path), leave_damaged=leave_damaged)


def merge(
    *others: Place,
    store: Place | None = None,
    trust: bool = False,
    move_aliases: bool = False,
    leave_damaged: bool = False,
) -> list[Merged]:
    """Take over everything that other stores hold into the store in use.

    Each is taken over as a whole or not at all: whatever ends the process in the middle leaves the
    store as it was, and merging again does it. Merging again what was merged adds nothing. Other
    processes may read and write both meanwhile; they wait while the rows are written.

    Taken over are experiments (by their names), runs with their trees, params, metrics and their
    history, tags, data, notes, findings, code and files (held to their digests), registered models,
    and whether runs are deleted. The others are only read.

    Parameters
    ----------
    *others : path
        Folders of stores, or files that ``autotrack export --store`` wrote. Stores of older
        versions are understood.
    store : path, optional
        Where to; by default the store in use, which is made if there is none.
    trust : bool
        Whether this store is to vouch for the models for which the other one vouches: then
        `load_model` opens their pickles without asking. That is your word for whoever could write
        to the other store. Without, their models ask for `trust=` each.
    move_aliases : bool
        Whether an alias that points at another version there is moved here.
    leave_damaged : bool
        Whether to go on without files that are missing there, or not what was recorded.

    Returns
    -------
    list of Merged
        What each brought, and what both have and say otherwise.

    Raises
    ------
    StoreError
        If a store cannot be read, is damaged or no store, was written by a newer autotrack, or if
        there is no room. Nothing of that store was taken over then; those before it were.
    InvalidValueError
        If a store is to be merged into itself.

    Notes
    -----
    *Runs that still run* there are left out, with those below them, until they have ended.

    *A run that both have* (merged before, or a copy of the store went on) is one run: it gets what
    it lacks here, the longer of two histories of a metric if the shorter one begins it, and the end
    that came later. Of what is said otherwise here and there, this store's stays, and `differing`
    names it; so does what was deleted or restored here. What was removed here for good comes back,
    since nothing remembers it.

    *Versions of models* keep their numbers unless one of them is taken, or was given, here; then
    the new ones of that model get the numbers that follow, in their order (`renumbered`). An alias
    that points elsewhere here stays (`aliases`).

    *Held-out sets* are known by the digests of their whole data, which are the same in every store.
    So a set that was used in both is one entry of the ledger, and a model of the same class,
    params, training data and code with the same scores is counted once. Which sets share *rows* is
    another matter: single rows are known by a key that is drawn anew in each process and never
    stored. Links that a store has found come along, but a set of this store and one of the other
    that share rows, without either store having used both, are not linked by merging; they are as
    soon as one process scores on both.
    """
    from autotrack.store.merging.merge import merge_store

    root = Settings.resolve(store=store).store if store is not None else workspace.settings.store
    return [
        merge_store(
            root,
            Path(other),
            trust=trust,
            move_aliases=move_aliases,
            leave_damaged=leave_damaged,
        )
        for other in others
    ]


def ui(*, read_only: bool = False) -> Pages:
    """Show the store in use as pages beside a notebook, by a server in a process of its own.

    It listens at this machine alone, at a port that is free, and ends with the kernel. Called again
    it gives the pages that run already. For a server that goes on there is `autotrack ui`.

    Parameters
    ----------
    read_only : bool
        Whether nothing can be changed from the pages.

    Returns
    -------
    Pages
        Shown in a notebook it is a link; ``.url`` is the address, with the token that opens it,
        ``.stop()`` ends the server.

    Raises
    ------
    InvalidValueError
        If the extra ``ui`` is not installed.
    """
    from autotrack.reporting.beside import pages_of

    return pages_of(workspace.store().root, read_only=read_only)
