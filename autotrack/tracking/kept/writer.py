"""The predictions of a run, written one evaluation at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from autotrack.analysis.predictions.files import (
    FOLDER,
    OUT_OF_FOLD,
    WHY_NOT_TAG,
    journal_path,
    kept_by_key,
)
from autotrack.store.artifacts import ArtifactFolder, StoredArtifact
from autotrack.store.predictions import journal, tables
from autotrack.store.predictions.evaluation import (
    CANDIDATE,
    GROUP,
    ROW,
    SPLIT,
    Array,
    Kept,
    NotKept,
    output_columns,
    plain,
    positions,
    truth_columns,
)
from autotrack.store.store import Store
from autotrack.tracking.retry_queue import RetryQueue
from autotrack.tracking.workspace import workspace


class PredictionWriter:
    """Writes what the evaluations of one run predict.

    It grows a journal, whose evaluations can be read whatever becomes of the process, and makes it
    one table at the end. Every method may raise; capture turns that into a warning.

    Parameters
    ----------
    store, run_id
        The run.
    retry_queue : RetryQueue
        Writes what the store keeps of it.
    y : array-like or None
        The truth of all rows of the evaluated data.
    groups : array-like, optional
        The groups of these rows, of which only the numbers 0, 1, ... are kept.
    """

    def __init__(
        self,
        store: Store,
        run_id: str,
        retry_queue: RetryQueue,
        y: object = None,
        groups: object = None,
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._retry_queue = retry_queue
        self._folder = workspace.files_of(store, run_id)
        self._journal: journal.Journal | None = None
        self._reasons: Counter[str] = Counter()
        self._rows: dict[str, Array] = {}
        self._unkept = ""
        self._earlier: dict[str, dict[str, Kept]] = {}
        try:
            if y is not None:
                self._rows |= truth_columns(y)
            if groups is not None:
                codes = np.unique(plain(groups), return_inverse=True)[1]
                self._rows[GROUP] = codes.reshape(-1).astype(np.int64)
        except NotKept as reason:
            self._unkept = f"the truth has {reason}"

    def add(
        self,
        split: int,
        rows: Any,
        outputs: Mapping[str, Any],
        classes: Any = (),
        candidate: int | None = None,
        key: str = "",
    ) -> None:
        """An evaluation finished: what each method returned for these rows of the data.

        By its `key` a search knows it again that goes on with this one.
        """
        try:
            if self._unkept:
                raise NotKept(self._unkept)
            if not outputs:
                raise NotKept("no predictions were made, or the fit failed")
            labels = plain(classes).tolist() if np.ndim(classes) == 1 and len(classes) else []
            columns: dict[str, Array] = {}
            for method, output in outputs.items():
                columns |= output_columns(method, output, labels)
            self._append(split, positions(rows), Kept(columns, labels), candidate, key)
        except NotKept as reason:
            self.lacks(str(reason))

    def take_over(
        self, run_id: str, key: str, split: int, rows: Any, candidate: int | None = None
    ) -> bool:
        """Take what another run has kept of the evaluation of this key; whether it has."""
        if run_id not in self._earlier:
            self._earlier[run_id] = kept_by_key(self._store, run_id)
        known = self._earlier[run_id].get(key)
        if known is None or self._unkept:
            return False
        self._append(split, positions(rows), known, candidate, key)
        return True

    def _append(
        self, split: int, rows: Array, predicted: Kept, candidate: int | None, key: str
    ) -> None:
        count = len(rows)
        columns: dict[str, Array] = {}
        if candidate is not None:
            columns[CANDIDATE] = np.full(count, candidate, dtype=np.int32)
        columns |= {SPLIT: np.full(count, split, dtype=np.int32), ROW: rows}
        columns |= {name: values[rows] for name, values in self._rows.items()}
        columns |= predicted.columns
        if any(len(values) != count for values in columns.values()):
            raise NotKept("another number of predictions than of rows")
        if self._journal is None:
            self._journal = journal.Journal(journal_path(self._folder, self._run_id))
        keys = {f"{candidate},{split}": key} if key else {}
        self._journal.append(Kept(columns, predicted.classes, keys))

    def lacks(self, reason: str) -> None:
        """There are no predictions of an evaluation."""
        self._reasons[reason] += 1

    def close(self) -> None:
        """All evaluations returned, or one raised: make what there is one table."""
        if self._reasons:
            why = "; ".join(f"{count}: {reason}" for reason, count in self._reasons.items())
            self._retry_queue.write(
                self._store,
                lambda store: store.set_tags(self._run_id, {WHY_NOT_TAG: why}),
                durable=False,
            )
        if self._journal is None:
            return
        path, self._journal = self._journal.path, None
        row = file_predictions(self._folder, self._run_id, OUT_OF_FOLD, lambda: journal.read(path))

        def put(store: Store) -> None:
            store.put_artifacts(self._run_id, [row])

        self._retry_queue.write(self._store, put, durable=False)
        with suppress(OSError):
            path.unlink()


def file_predictions(folder: ArtifactFolder, run_id: str, name: str, parts: Any) -> StoredArtifact:
    """Make the evaluations that `parts` gives the file `name` of the run's predictions."""
    ending = tables.suffix()
    path = f"{FOLDER}/{name}{ending}"
    with folder.staging() as staged:
        tables.write(staged / f"table{ending}", parts)
        location = folder.place(staged / f"table{ending}", run_id, path)
    return folder.rows(location, path)[0]
