"""Which files of a run hold its kept predictions, and what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from autotrack.store.artifacts import ArtifactFolder
from autotrack.store.predictions import journal, tables
from autotrack.store.predictions.evaluation import CANDIDATE, GROUP, ROW, SPLIT, TRUTH, Array, Kept
from autotrack.store.store import Store

#: What the files are called in a run: of cross-validations, and before the name of held-out data.
FOLDER, OUT_OF_FOLD = "predictions", "out_of_fold"
#: The file that grows while the evaluations of a run finish.
JOURNAL = "predictions.journal"
#: The tag of a run that says of which evaluations there are no predictions, and why.
WHY_NOT_TAG = "predictions_not_kept"


def journal_path(folder: ArtifactFolder, run_id: str) -> Path:
    """Where the journal of a run is, as long as there is one."""
    return folder.root / run_id / JOURNAL


def kept_parts(store: Store, run_id: str) -> Iterator[tuple[str, Kept]]:
    """What is kept of the predictions of a run, by the name of its file."""
    folder = f"{FOLDER}/"
    for artifact in store.list_artifacts(run_id, FOLDER):
        stem, _, _ = artifact.path.removeprefix(folder).rpartition(".")
        location = store.stored_artifact(run_id, artifact.path).location
        yield stem, tables.read(store.artifacts.resolve(location))
    for home in (store.artifacts_of(run_id), store.artifacts):
        path = journal_path(home, run_id)
        if path.exists():  # the run is under way, or its process was killed
            if parts := list(journal.read(path)):
                yield OUT_OF_FOLD, tables.joined(parts)
            return


def kept_by_key(store: Store, run_id: str) -> dict[str, Kept]:
    """What a run has kept of each evaluation that has a key: predictions alone, in their order."""
    found: dict[str, Kept] = {}
    for name, kept in kept_parts(store, run_id):
        about = (CANDIDATE, SPLIT, ROW, GROUP)
        if name != OUT_OF_FOLD or not kept.keys:
            continue
        for place, key in kept.keys.items():
            candidate, split = (int(number) for number in place.split(","))
            these = (kept.columns[CANDIDATE] == candidate) & (kept.columns[SPLIT] == split)
            columns = {
                column: values[these]
                for column, values in kept.columns.items()
                if column not in about and not column.startswith(TRUTH)
            }
            # What other evaluations have and this one lacks.
            filled = {n: v for n, v in columns.items() if v.dtype.kind != "f" or not _is_nan(v)}
            found[key] = Kept(filled, kept.classes)
    return found


def _is_nan(values: Array) -> bool:
    return len(values) > 0 and bool(np.isnan(values).all())
