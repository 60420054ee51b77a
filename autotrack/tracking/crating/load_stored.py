"""Crates that the store keeps, loaded, and tied to the runs they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from autotrack.crates.crate import Crate
from autotrack.crates.trust.trust import Trust, Word, packed_here
from autotrack.describe.estimator import is_estimator
from autotrack.entities import RunRecord
from autotrack.errors import ArtifactNotFoundError
from autotrack.store.artifacts import StoredArtifact
from autotrack.store.store import Store
from autotrack.tracking.model_links import Link, link_loaded
from autotrack.tracking.workspace import Workspace


def crate_files(workspace: Workspace, store: Store, run_id: str, name: str) -> list[StoredArtifact]:
    """The files of the crate that a run keeps under `name`, with paths inside of it.

    It is the crate of the model as it is now, if that was trained further meanwhile.
    """
    workspace.before_reading(run_id)
    files = store.stored_folder(run_id, name)
    return [replace(file, path=file.path[len(name) + 1 :]) for file in files]


def load_stored(
    store: Store, files: Sequence[StoredArtifact], trust: Word | Trust = False
) -> Crate:
    """Load the crate of these files, each held against what the store recorded of it.

    The store vouches for what its own packer wrote.

    Raises
    ------
    CrateFormatError, DigestMismatchError, UntrustedCrateError
        As :func:`autotrack.crates.load.load` does.
    """
    from autotrack.crates.load import load

    recorded = {file.path: file.sha256 for file in files}
    return load(folder_of(store, files), recorded, trust=trust, vouches=store.is_packed)


def folder_of(store: Store, files: Sequence[StoredArtifact]) -> Path:
    """The folder that these files, with paths inside of it, lie in."""
    first = files[0]
    return store.artifacts.resolve(first.location).parents[first.path.count("/")]


def is_ours(workspace: Workspace, digest: str) -> bool:
    """Whether this process packed the file of a digest, or its store, if there is one, did."""
    if digest in packed_here:
        return True
    return workspace.settings.store.exists() and workspace.store().is_packed(digest)


def link_to_run(made: Crate, store: Store, record: RunRecord) -> None:
    """What is computed with what a crate holds belongs to the run that it came from."""
    train = next((use for use in record.datasets if use.context == "train"), None)
    link = Link(store, record.run_id, train, loaded=True)
    held = made.objects.values() if made.is_function else [made.estimator]
    for model in held:
        if is_estimator(model):
            link_loaded(model, link)


def load_of_run(
    workspace: Workspace, store: Store, record: RunRecord, name: str, trust: Word | Trust
) -> Crate:
    """Load the crate that a run keeps under `name`.

    Takes and raises what :meth:`Run.load_model` does.
    """
    files = crate_files(workspace, store, record.run_id, name)
    if not files:
        reason = record.tags.get(
            "autotrack.crate_error", "log_models was off, or nothing was fitted"
        )
        raise ArtifactNotFoundError(
            f"run {record.run_id} has no crate {name!r} ({reason}); "
            "list_artifacts(run_id) shows what it has"
        )
    crate = load_stored(store, files, trust)
    link_to_run(crate, store, record)
    return crate
