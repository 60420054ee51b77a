"""The scores of a run that judge its model on data it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping

from autotrack.analysis.explaining.changes import split_rows, uses
from autotrack.analysis.names import TEST_SHARE_TAG
from autotrack.analysis.predictions.scored_run import split_data
from autotrack.analysis.selection import Candidates
from autotrack.analysis.split_keys import split_key
from autotrack.analysis.statistics.moments import moments
from autotrack.entities import DatasetUse, RunRecord
from autotrack.errors import InvalidValueError
from autotrack.runtime.dataclass import dataclass
from autotrack.store.store import Store

_MEAN = "mean_test_"
# What begins the keys of scores on training data, and of those that are no model's of the run.
_NOT_HELD_OUT = ("train_", "relabelled_train_", "unlinked_")


@dataclass(frozen=True, slots=True)
class Score:
    """A score of a run.

    Attributes
    ----------
    key : str
        As the run has it: ``test_r2_score``, ``mean_test_accuracy``.
    value : float
    run_id : str
        Where it stands: of a search the best candidate.
    splits : mapping of str to float
        What each split measured, by its number; empty for a score on data held out once.
    rows : mapping of str to str
        The digest of the rows of each of these.
    test_share : float or None
        Rows of a test part for each row of its training part.
    data : DatasetUse or None
        What it was computed on: data that was held out once, or that was split.
    """

    key: str
    value: float
    run_id: str
    splits: Mapping[str, float]
    rows: Mapping[str, str]
    test_share: float | None
    data: DatasetUse | None

    @property
    def error(self) -> float:
        """The standard error of the mean over the splits; NaN where there is one number."""
        values = list(self.splits.values())
        return moments(values)[2] if len(values) > 1 else math.nan


def scores(store: Store, record: RunRecord) -> dict[str, Score]:
    """The scores of a run by key, the one that it stands for first."""
    found = {score.key: score for score in _of_splits(store, record)}
    held = uses(record)
    for key, value in record.metrics.items():
        if key in found or key.startswith(_NOT_HELD_OUT):
            continue
        context = max((name for name in held if key.startswith(f"{name}_")), key=len, default=None)
        if context in (None, "train") and not key.startswith("test_"):
            continue
        use = None if context is None else held[context]
        found[key] = Score(key, value, record.run_id, {}, {}, None, use)
    return found


def _of_splits(store: Store, record: RunRecord) -> list[Score]:
    if record.kind == "search":
        return _of_search(store, record)
    around = record
    if record.kind == "candidate" and record.parent_id:
        around = store.get_run(record.parent_id)
    return [
        _of_run(store, record.run_id, key, value, around)
        for key, value in record.metrics.items()
        if key.startswith(_MEAN)
    ]


def _of_search(store: Store, record: RunRecord) -> list[Score]:
    try:
        best = Candidates(store, record.run_id)
    except InvalidValueError:  # nothing was evaluated, or no score of several is the one
        return []
    row, key = best.rows[0], f"{_MEAN}{best.metric}"
    return [_of_run(store, row.run_id, key, row.metrics[key], record)]


def _of_run(store: Store, run_id: str, key: str, value: float, around: RunRecord) -> Score:
    name = split_key(key.removeprefix("mean_"))
    splits = {str(m.step): m.value for m in store.metric_history(run_id, name)}
    share = around.tags.get(TEST_SHARE_TAG)
    rows = split_rows(around)
    test_share = None if share is None else float(share)
    return Score(key, value, run_id, splits, rows, test_share, split_data(around))
