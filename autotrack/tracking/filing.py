"""Crates and tables as files of a run, with the rows for the store that point at them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from autotrack.crates.pack import pack
from autotrack.entities import DatasetUse
from autotrack.store.artifacts import ArtifactFolder, StoredArtifact
from autotrack.tracking.facts import Table


def file_crate(
    folder: ArtifactFolder,
    run_id: str,
    path: str,
    model: object,
    use: DatasetUse | None,
    preprocessing: Iterable[object] = (),
) -> list[StoredArtifact]:
    """Pack `model`, trained on `use`, into the folder `path` of the run.

    Raises
    ------
    UncratableError
        If it cannot be pickled.
    StoreError, OSError
        If it cannot be written.
    """
    data = None if use is None else use.data
    before = [str(transformer) for transformer in preprocessing]
    with folder.staging() as staged:
        files = pack(model, staged, run_id=run_id, data=data, preprocessing=before)
        location = folder.place(staged, run_id, path)
    return [
        StoredArtifact(f"{path}/{file.path}", f"{location}/{file.path}", file.size, file.sha256)
        for file in files
    ]


def file_table(folder: ArtifactFolder, run_id: str, path: str, table: Table) -> StoredArtifact:
    """Write `table` as the CSV file `path` of the run."""
    content = io.StringIO(newline="")
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    return folder.add_bytes(run_id, content.getvalue().encode(), path)
