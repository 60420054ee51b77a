"""Crates and tables as files of a run, with the rows for the store that point at them."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Iterable, Mapping, Sequence

from autotrack.crates.manifest import FILE_NAME, MODEL_FILES
from autotrack.crates.packing.pack import Storage, pack
from autotrack.crates.requirements import USUAL, ProjectCode
from autotrack.describe.data.profile import known, profile
from autotrack.entities import DatasetUse
from autotrack.schema import DataSchema
from autotrack.settings import Settings
from autotrack.store.artifacts import ArtifactFolder, StoredArtifact
from autotrack.store.store import Store
from autotrack.tracking.facts import Table
from autotrack.tracking.workspace import Workspace


def file_crate(
    folder: ArtifactFolder,
    run_id: str,
    path: str,
    model: object,
    schema: DataSchema,
    preprocessing: Iterable[object] = (),
    storage: Storage = "pickle",
    own: ProjectCode = USUAL,
) -> list[StoredArtifact]:
    """Pack `model`, trained on what `schema` describes, into the folder `path` of the run.

    Raises
    ------
    UncratableError
        If it cannot be stored.
    StoreError, OSError
        If it cannot be written.
    """
    pack_into = functools.partial(
        pack,
        model,
        run_id=run_id,
        schema=schema,
        preprocessing=[str(transformer) for transformer in preprocessing],
        own=own,
        storage=storage,
    )
    with folder.first(run_id, path) as first:
        if first is not None:
            made, location = first
            files = pack_into(made)
    if first is None:
        with folder.staging() as staged:
            files = pack_into(staged)
            location = folder.place(staged, run_id, path)
    return [
        StoredArtifact(f"{path}/{file.path}", f"{location}/{file.path}", file.size, file.sha256)
        for file in files
    ]


def schema_of(use: DatasetUse | None, X: object = None) -> DataSchema:
    """What a crate says of the training input: more, if that still exists."""
    if use is None:
        return DataSchema()
    return known(use.data) if X is None else profile(X, use.data)


def own_code(settings: Settings) -> ProjectCode:
    """What counts as the user's own code, by the settings."""
    by_value, asked = settings.code_by_value, settings.ask_own_models
    if isinstance(by_value, bool):
        return ProjectCode(editable=by_value, asked=asked)
    return ProjectCode(named=frozenset(by_value), asked=asked)


def keep_crate(
    store: Store, run_id: str, path: str, rows: Sequence[StoredArtifact], *, vouch: bool = True
) -> list[str]:
    """Keep the rows of a crate that :func:`file_crate` packed; what they replace is returned.

    From now on the store vouches for its model and its manifest, unless it is not to.
    """
    written = {f"{path}/{file}" for file in (*MODEL_FILES.values(), FILE_NAME)}
    packed = [row.sha256 for row in rows if vouch and row.path in written]
    return store.replace_folder(run_id, path, rows, packed)


def file_table(folder: ArtifactFolder, run_id: str, path: str, table: Table) -> StoredArtifact:
    """Write `table` as the CSV file `path` of the run."""
    content = io.StringIO(newline="")
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    return folder.add_bytes(run_id, content.getvalue().encode(), path)


class ScoreTables:
    """Files the tables of scores, each repeat as a step of its own: none is overwritten."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        # How many tables a run has under a key.
        self._known: dict[tuple[str, str], int] = {}

    def file(
        self, store: Store, run_id: str, prefix: str, tables: Mapping[str, Table]
    ) -> list[StoredArtifact]:
        """Write `tables`, whose keys begin with `prefix`, as files of the run."""
        if not tables:
            return []
        folder = self._workspace.files_of(store, run_id)
        return [
            file_table(folder, run_id, self._path(store, run_id, f"{prefix}_{name}"), table)
            for name, table in tables.items()
        ]

    def _path(self, store: Store, run_id: str, key: str) -> str:
        known = self._known.get((run_id, key))
        if known is None:
            pending = self._workspace.retry_queue.has_pending
            listed = [] if pending else store.list_artifacts(run_id, "scores")
            known = sum(_is_step_of(artifact.path, key) for artifact in listed)
        self._known[run_id, key] = known + 1
        return f"scores/{key}.{known}.csv" if known else f"scores/{key}.csv"


def _is_step_of(path: str, key: str) -> bool:
    return path.startswith(f"scores/{key}.") and path.count(".") - key.count(".") in (1, 2)
