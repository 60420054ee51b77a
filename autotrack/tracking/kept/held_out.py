"""The predictions behind scores on held-out data: one table for each data set that was scored."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np

from autotrack.analysis.predictions.files import kept_parts
from autotrack.analysis.predictions.reading import is_of
from autotrack.store.predictions.evaluation import (
    ROW,
    TRUTH,
    Array,
    Kept,
    NotKept,
    output_columns,
    plain,
    truth_columns,
)
from autotrack.store.store import Store
from autotrack.tracking.kept.writer import file_predictions
from autotrack.tracking.retry_queue import RetryQueue
from autotrack.tracking.workspace import workspace

# Tables that further predictions of the same rows are added to.
_MOST_OPEN = 32


class HeldOutWriter:
    """Writes what was predicted for the rows of a data set that a score was computed on.

    Several scores of the same rows make one table, with a column for each prediction. Every method
    may raise; capture turns that into a warning.
    """

    def __init__(self, retry_queue: RetryQueue) -> None:
        self._retry_queue = retry_queue
        self._open: OrderedDict[tuple[str, str], tuple[str, Kept]] = OrderedDict()
        self._count: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()  # scores may come from many threads

    def add(
        self,
        store: Store,
        run_id: str,
        data_name: str,
        truth: object,
        outputs: Mapping[str, Any],
        classes: Any = (),
    ) -> None:
        """A score was computed from the truth of some rows and these predictions for them."""
        try:
            columns = truth_columns(truth)
            labels = plain(classes).tolist() if np.ndim(classes) == 1 and len(classes) else []
            for method, output in outputs.items():
                columns |= output_columns(method, output, labels)
        except NotKept:
            return
        count = len(next(iter(columns.values())))
        if len(columns) < 2 or any(len(values) != count for values in columns.values()):
            return
        with self._lock:
            self._add(store, (run_id, data_name), columns, labels)

    def _add(
        self, store: Store, key: tuple[str, str], columns: dict[str, Array], labels: list[Any]
    ) -> None:
        data_name = key[1]
        name, known = self._open.get(key) or self._earlier(store, key)
        count = len(next(iter(columns.values())))
        new = {n: values for n, values in columns.items() if n not in known.columns}
        if all(_same(known.columns[n], columns[n]) for n in columns if n not in new):
            if not new:
                return
            if not any(n.startswith(TRUTH) for n in new):
                columns = {**known.columns, **new}
                self._write(store, key, name, Kept(columns, labels or known.classes))
                return
        number = self._count[key] = self._count.get(key, 0) + 1
        name = data_name if number == 1 else f"{data_name}.{number}"
        rows = np.arange(count, dtype=np.int64)
        self._write(store, key, name, Kept({ROW: rows, **columns}, labels))

    def _earlier(self, store: Store, key: tuple[str, str]) -> tuple[str, Kept]:
        """The last table of this data that the run has, be it of an earlier session."""
        run_id, data_name = key
        found = {name: kept for name, kept in kept_parts(store, run_id) if is_of(name, data_name)}
        self._count[key] = max(self._count.get(key, 0), len(found))
        last = data_name if len(found) == 1 else f"{data_name}.{len(found)}"
        return last, found.get(last, Kept({}))

    def _write(self, store: Store, key: tuple[str, str], name: str, kept: Kept) -> None:
        self._open[key] = name, kept
        self._open.move_to_end(key)
        if len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)
        folder = workspace.files_of(store, key[0])
        row = file_predictions(folder, key[0], name, lambda: [kept])

        def put(store: Store) -> None:
            store.put_artifacts(key[0], [row])

        self._retry_queue.write(store, put, durable=False)


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.tobytes() == b.tobytes()
