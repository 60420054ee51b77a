"""The verbs of the registry: crates under names that others rely on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from autotrack.analysis.data_frames import models_frame
from autotrack.analysis.names import CRATE
from autotrack.crates.manifest import FILE_NAME
from autotrack.crates.trust.trust import Trust, Word, as_trust
from autotrack.describe.environment import source
from autotrack.entities import ModelVersion
from autotrack.errors import (
    ArtifactNotFoundError,
    InvalidValueError,
    RunNotFoundError,
)
from autotrack.store.artifacts import StoredArtifact
from autotrack.store.store import Store
from autotrack.tracking.api.arguments import text, text_mapping, whole
from autotrack.tracking.crating.load_stored import (
    crate_files,
    folder_of,
    is_ours,
    link_to_run,
    load_stored,
)
from autotrack.tracking.workspace import workspace

if TYPE_CHECKING:
    import pandas as pd

    from autotrack.crates.crate import Crate
    from autotrack.crates.load import Looked
    from autotrack.crates.verification.verify import Verification

_FORMS = "models:/<name>/<version>, models:/<name>@<alias> or models:/<name>/latest"
# Where crates lie that came from no run: a folder of the store's artifacts as runs have them.
_FOLDER = "registered-models"


def register_model(
    uri: str | Path,
    name: str,
    *,
    description: str = "",
    tags: Mapping[str, str] | None = None,
    trust: Word = False,
) -> ModelVersion:
    """Register a crate as the next version of a model, which is made if there is none yet.

    A version never changes: a later fit in the same run replaces the run's crate and not the
    version's, and the run cannot be deleted while the version is there.

    Parameters
    ----------
    uri : str or Path
        ``runs:/<run_id>/model``, another model's version, or the folder of a crate, which is
        copied.
    name : str
        The model's name.
    description : str, optional
        What is to be said of this version.
    tags : mapping of str to str, optional
        Further facts of this version.
    trust : bool, str or sequence of str, optional
        Your word for a crate that the store did not pack, as of :func:`autotrack.load_model`. From
        then on the store vouches for these bytes.

    Returns
    -------
    ModelVersion
        Its `uri` is what `load_model` takes.

    Raises
    ------
    RunNotFoundError, ModelNotFoundError, ArtifactNotFoundError
        If there is nothing at `uri`.
    DigestMismatchError, CrateFormatError
        If a folder is no crate, or a damaged one.
    UntrustedCrateError
        If the store did not pack it, and you do not answer for it. One that skops stored is kept
        without, where skops trusts all its types; the store does not vouch for it then.
    InvalidValueError
        If the name cannot be one.
    """
    store, wanted = workspace.store(), str(uri)
    files, run_id, packed = _files_at(store, wanted, as_trust(trust))
    return store.add_model_version(
        text(name, "the name of a model"),
        files,
        run_id=run_id,
        source=wanted,
        user=source().user,
        description=str(description),
        tags=text_mapping(tags or {}, "tag"),
        packed=packed,
    )


def _vouched(looked: Looked, trust: Trust) -> tuple[str, ...]:
    """The digests of a crate that the store is to vouch for from now on."""
    origin = looked.origin
    if origin.is_recorded or origin.is_trusted:
        return (origin.model, origin.manifest)
    # Who named all that skops does not trust by itself has answered for the types in the model.
    return (origin.model,) if origin.is_vouched or trust.names else ()


def _files_at(
    store: Store, uri: str, trust: Trust
) -> tuple[Sequence[StoredArtifact], str | None, tuple[str, ...]]:
    """The files of the crate at `uri`, the run it came from, and the digests to vouch for."""
    if uri.startswith(("runs:", "models:")):
        from autotrack.crates.load import require

        files, run_id = _recorded_at(store, uri)
        recorded = {file.path: file.sha256 for file in files}
        looked = require(
            folder_of(store, files), recorded, trust=trust, vouches=partial(is_ours, workspace)
        )
        return files, run_id, _vouched(looked, trust)
    folder = Path(uri).expanduser()
    if not os.path.isdir(folder):  # which knows paths that are none
        raise ArtifactNotFoundError(
            f"there is no crate at {uri!r:.200}; give runs:/<run_id>/model, {_FORMS}, or the "
            "folder of a crate"
        )
    return _copied(store, folder, trust)


def _recorded_at(store: Store, uri: str) -> tuple[Sequence[StoredArtifact], str | None]:
    """The files of a crate that the store has, and the run it came from."""
    if uri.startswith("models:"):
        version = find_version(store, uri)
        return store.model_files(version.name, version.version), version.run_id
    asked, _, path = uri.removeprefix("runs:").strip("/").partition("/")
    run_id = store.get_run(asked).run_id
    files = crate_files(workspace, store, run_id, path or CRATE)
    if FILE_NAME not in {file.path for file in files}:
        raise ArtifactNotFoundError(
            f"run {run_id} has no crate {path or CRATE!r}; list_artifacts(run_id) shows what it has"
        )
    return files, run_id


def verify_model(uri: str, *, env: bool = False, trust: Word = False) -> Verification:
    """Verify the crate at an address that `load_model` takes, without loading it in this process.

    Parameters
    ----------
    uri : str
    env : bool, default=False
        As of :meth:`autotrack.Crate.verify`.
    trust : bool, str or sequence of str, optional
        As of :func:`autotrack.load_model`.

    Raises
    ------
    RunNotFoundError, ModelNotFoundError, ArtifactNotFoundError
        If there is nothing at `uri`.
    DigestMismatchError, CrateFormatError
        If it is no crate, or a damaged one.
    UntrustedCrateError
        If the store did not pack it, and you do not answer for it; nothing of it was opened. With
        `env`, that goes for what skops stored as well: its requirements would be installed.
    """
    from autotrack.crates.load import require
    from autotrack.crates.verification.verify import verify

    folder, recorded = locate(uri)
    found = require(folder, recorded, trust=trust, vouches=partial(is_ours, workspace))
    return verify(folder, found.manifest, found.origin, env=env)


def locate(uri: str) -> tuple[Path, dict[str, str] | None]:
    """The folder of the crate at an address, and the digests that the store has of its files.

    Raises
    ------
    RunNotFoundError, ModelNotFoundError, ArtifactNotFoundError
        If there is nothing at `uri`.
    """
    if not uri.startswith(("runs:", "models:")):
        return Path(uri).expanduser(), None
    store = workspace.store()
    files, _ = _recorded_at(store, uri)
    return folder_of(store, files), {file.path: file.sha256 for file in files}


def _copied(
    store: Store, folder: Path, trust: Trust
) -> tuple[list[StoredArtifact], str | None, tuple[str, ...]]:
    from autotrack.crates.load import copy

    with store.artifacts.staging() as staged:
        looked = copy(folder, staged / "crate", trust=trust, vouches=partial(is_ours, workspace))
        run_id = looked.manifest.run_id
        known: str | None = None
        if run_id:
            with suppress(RunNotFoundError):  # it may come from another store
                known = store.get_run(run_id).run_id
        location = store.artifacts.place(staged / "crate", _FOLDER, "crate")
    return store.artifacts.rows(location), known, _vouched(looked, trust)


def find_version(store: Store, uri: str) -> ModelVersion:
    """The version that a ``models:`` address means.

    Raises
    ------
    InvalidValueError
        If it is no such address.
    ModelNotFoundError
        If there is none.
    """
    rest = uri.removeprefix("models:").strip("/")
    name, mark, asked = rest.rpartition("@")
    if not mark:
        name, mark, asked = rest.rpartition("/")
    if not (name and asked):
        raise InvalidValueError(f"{uri!r:.200} says no version; give {_FORMS}")
    if mark == "@":
        version = store.model_version(name, asked)
        if asked in version.aliases:
            return version
    elif asked.isdecimal() or asked == "latest":
        return store.model_version(name, asked)
    raise InvalidValueError(f"{uri!r:.200} is not the address of a model; give {_FORMS}")


def load_version(uri: str, trust: Word | Trust = False) -> Crate:
    """Load the crate of a registered version; what it is scored with goes to its run."""
    store = workspace.store()
    version = find_version(store, uri)
    crate = load_stored(store, store.model_files(version.name, version.version), trust)
    if version.run_id is not None:
        link_to_run(crate, store, store.get_run(version.run_id))
    return crate


def set_alias(name: str, alias: str, version: int) -> None:
    """Let an alias of a model, such as ``champion``, point at one of its versions.

    It leaves the version that it pointed at before.

    Raises
    ------
    ModelNotFoundError
        If there is no such version.
    InvalidValueError
        If it cannot be an alias.
    """
    number = whole(version, "the version of a model")
    if number is None:
        raise InvalidValueError("an alias points at a version; give its number")
    workspace.store().set_model_alias(name, alias, number)


def delete_alias(name: str, alias: str) -> None:
    """Remove an alias of a model; the version stays.

    Raises
    ------
    ModelNotFoundError
        If the model has none of this name.
    """
    workspace.store().delete_model_alias(name, alias)


def update_model(
    name: str,
    version: int | str | None = None,
    *,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Describe a registered model, or one of its versions.

    Parameters
    ----------
    name : str
    version : int or str, optional
        A number or an alias; without it, the model itself is described.
    description : str, optional
        Takes the place of what there is.
    tags : mapping of str to str, optional
        Each takes the place of one of the same key.

    Raises
    ------
    ModelNotFoundError
        If there is no such model or version.
    """
    kept = text_mapping(tags or {}, "tag")
    asked = version if isinstance(version, str) else whole(version, "the version of a model")
    workspace.store().update_model(name, asked, description=description, tags=kept)


def delete_model(name: str, version: int | str | None = None) -> None:
    """Take a version of a model, or the whole model, out of the registry.

    The runs keep their crates. A number is not given again as long as the model is there.

    Raises
    ------
    ModelNotFoundError
        If there is no such model or version.
    """
    store = workspace.store()
    asked = version if isinstance(version, str) else whole(version, "the version of a model")
    for location in store.delete_model(name, asked):
        store.artifacts.discard(location)


def search_models(name: str | None = None) -> pd.DataFrame:
    """Every version of the registered models, a row each, the newest of each model first.

    Parameters
    ----------
    name : str, optional
        Only this model.

    Returns
    -------
    DataFrame
        name, version, aliases (a tuple), run_id, created (UTC), user, description, source, then
        ``tags.*``.

    Raises
    ------
    ModelNotFoundError
        If there is no model of this name.
    """
    asked = None if name is None else text(name, "the name of a model")
    return models_frame(workspace.store().model_versions(asked))
