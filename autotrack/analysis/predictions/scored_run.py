"""One run and its score by one name: its values on splits, its data, its kept predictions."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from autotrack.analysis.names import (
    BEST_SCORE,
    CANDIDATE_TAG,
    RANK_TAG,
    SPLITS_TAG,
    TEST_SHARE_TAG,
)
from autotrack.analysis.predictions.files import OUT_OF_FOLD
from autotrack.analysis.predictions.reading import Table, is_of, tables_of
from autotrack.analysis.split_keys import split_key
from autotrack.entities import DatasetUse, RunRecord
from autotrack.errors import AutotrackError, InvalidValueError
from autotrack.runtime.dataclass import dataclass
from autotrack.store.search.query import Query
from autotrack.store.store import Store

_MEAN, _TEST = "mean_test_", "test_"


@dataclass(frozen=True, slots=True)
class SplitScores:
    """What a run has of a score: on each split, by the digest of its rows."""

    by_split: Mapping[int, float]
    digests: Mapping[str, str]
    share: float | None


class Compared:
    """A run, and its score by one name.

    Parameters
    ----------
    store : Store
    record : RunRecord
    metric : str
        A scorer's name, with or without ``mean_test_``, ``best_score`` of a search, or the key of a
        score on held-out data.
    """

    def __init__(self, store: Store, record: RunRecord, metric: str) -> None:
        self.store = store
        self.record = record
        self.metric = metric
        self._home = record
        if metric == BEST_SCORE or record.kind == "search":
            ranked = record.tags.get(RANK_TAG, "score")
            self.metric = metric = f"{_MEAN}{ranked}" if metric == BEST_SCORE else metric
            self.record = _best_candidate(store, record, self.name) or record
        elif record.kind == "candidate" and record.parent_id is not None:
            self._home = store.get_run(record.parent_id)

    @property
    def name(self) -> str:
        """The name of the score of a split."""
        return self.metric.removeprefix("mean_").removeprefix(_TEST)

    @property
    def value(self) -> float:
        """The score that the run has by this name; NaN if it has none."""
        metrics = self.record.metrics
        known = (f"{_MEAN}{self.name}", self.metric)
        return next((metrics[key] for key in known if key in metrics), math.nan)

    def scores(self) -> SplitScores:
        """The scores on splits; none if there are none."""
        history = self.store.metric_history(self.record.run_id, split_key(f"{_TEST}{self.name}"))
        by_split = {metric.step: metric.value for metric in history}
        loop = self.record.tags.get(CANDIDATE_TAG, "").rpartition(":")[2] or "0"
        digests = json.loads(self._home.tags.get(f"{SPLITS_TAG}.{loop}", "{}"))
        share = self._home.tags.get(TEST_SHARE_TAG)
        return SplitScores(by_split, digests, None if share is None else float(share))

    def evaluated_data(self) -> DatasetUse | None:
        """The data that was split."""
        return split_data(self._home)

    def held_out(self) -> DatasetUse | None:
        """The held-out data that the score is of, by its key."""
        found = [
            use
            for use in self.record.datasets
            if self.metric.startswith(f"{use.context}_") and not use.context.startswith("train")
        ]
        return max(found, key=lambda use: len(use.context), default=None)

    def out_of_fold(self) -> Table | None:
        """The predictions out of fold that are kept; None if there are none."""
        return next((table for table in self._tables() if table.is_out_of_fold), None)

    def held_out_tables(self, data: str) -> list[Table]:
        """The kept predictions of held-out data: several, if it was predicted again otherwise."""
        return [table for table in self._tables() if is_of(table.data, data)]

    def _tables(self) -> list[Table]:
        try:
            return tables_of(self.store, self.record)
        except AutotrackError:
            return []


def split_data(record: RunRecord) -> DatasetUse | None:
    """The data that a search or validation has split."""
    wanted = "validation" if record.kind == "validation" else "train"
    return {use.context: use for use in record.datasets}.get(wanted)


def rows_of(store: Store, record: RunRecord, data: str) -> int | None:
    """How many rows the data has that was predicted, out of fold or held out; None if unknown."""
    if data == OUT_OF_FOLD:
        is_part = record.kind == "candidate" and record.parent_id is not None
        use = split_data(store.get_run(record.parent_id or "") if is_part else record)
    else:
        uses = [use for use in record.datasets if is_of(data, use.context)]
        use = max(uses, key=lambda use: len(use.context), default=None)
    return use.data.shape[0] if use is not None and use.data.shape else None


def differ(one: DatasetUse | None, other: DatasetUse | None) -> str:
    """Why what two runs were measured on is not the same rows; empty if it is.

    Columns may differ, where a model was given them scaled, or one column less: the rows are those
    of one target.
    """
    if one is None or other is None:
        return "the data is not on record (log_datasets was off)"
    same_columns = one.data.fingerprint == other.data.fingerprint
    left, right = one.target, other.target
    if left is not None and right is not None:
        if left.fingerprint == right.fingerprint:
            return ""
        if same_columns:
            return "the targets differ"
    elif same_columns and left is right:
        return ""
    shapes = " and ".join("x".join(map(str, use.data.shape or ())) for use in (one, other))
    return f"they were measured on different data ({shapes})"


def _best_candidate(store: Store, record: RunRecord, name: str) -> RunRecord | None:
    key = f"{_MEAN}{name}"
    rows = store.search(Query(parent_id=record.run_id, kinds=("candidate",)))
    rows = [row for row in rows if not math.isnan(row.metrics.get(key, math.nan))]
    if not rows:
        return None
    last = max(row.metrics.get("iter", 0) for row in rows)
    best = max(
        (row for row in rows if row.metrics.get("iter", 0) == last), key=lambda r: r.metrics[key]
    )
    return store.get_run(best.run_id)


def metric_for(record: RunRecord) -> str:
    """The score that a run is compared by unless another is named.

    Raises
    ------
    InvalidValueError
        If it has several, or none.
    """
    if record.kind == "search":
        return f"{_MEAN}{record.tags.get(RANK_TAG, 'score')}"
    means = sorted(key for key in record.metrics if key.startswith(_MEAN))
    held = [key for key in record.metrics if not key.startswith(("train", "relabelled_train"))]
    found = means or sorted(held)
    if len(found) != 1:
        raise InvalidValueError(
            f"name the score to compare by: {'|'.join(found) or 'none is there'}"
        )
    return found[0]
