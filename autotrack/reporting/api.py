"""`export`, `merge` and `ui`, each importing what it needs when it is called."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from autotrack.settings import Settings
from autotrack.tracking.workspace import workspace

if TYPE_CHECKING:
    from autotrack.store.merging.merge import Merged

Place = str | PathLike[str]


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
