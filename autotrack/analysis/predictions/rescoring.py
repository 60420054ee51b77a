"""Scores that are computed later, from kept predictions."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from autotrack.analysis.predictions.reading import Table, candidate_ids
from autotrack.analysis.split_keys import split_key
from autotrack.analysis.statistics.moments import moments
from autotrack.describe.metrics import Metric
from autotrack.entities import RunRecord
from autotrack.errors import InvalidValueError
from autotrack.runtime.dataclass import dataclass
from autotrack.store.predictions.evaluation import CANDIDATE
from autotrack.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

#: The tag of a run that names the scores that were computed later.
LATER_TAG = "autotrack.computed_later"
# Scores are the same that differ by rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Later:
    """A score that was computed later: of one run, on each of its splits."""

    run_id: str
    name: str
    data: str
    splits: Mapping[int, float]
    is_out_of_fold: bool

    @property
    def moments(self) -> tuple[float, float, float]:
        """Mean, standard deviation and standard error."""
        return moments(list(self.splits.values()))


def rescore(
    store: Store, record: RunRecord, table: Table, metric: Metric, keep: bool
) -> list[Later]:
    """Compute a score of a run, or of each candidate of a search, and keep it.

    Raises
    ------
    InvalidValueError
        If it cannot be computed, or the run has another score of this name.
    """
    found = [
        Later(run_id, name, part.data, part.scores(metric), part.is_out_of_fold)
        for run_id, name, part in _parts(store, record, table)
    ]
    if keep:
        with store.transaction():
            for later in found:
                _keep(store, later, metric.name)
            if record.kind == "search" and len(found) > 1:
                _keep_ranks(store, found, metric.name)
            _tag(
                store,
                record.run_id,
                metric.name if table.is_out_of_fold else f"{table.data}_{metric.name}",
            )
    return found


def _parts(store: Store, record: RunRecord, table: Table) -> list[tuple[str, str, Table]]:
    if record.kind != "search" or CANDIDATE not in table.columns:
        return [(record.run_id, record.name, table)]
    ids = candidate_ids(store, record.run_id)
    return [(*ids[number], part) for number, part in table.candidates() if number in ids]


def _keep(store: Store, later: Later, name: str) -> None:
    known = store.get_run(later.run_id).metrics
    now = time.time()
    mean, std, se = later.moments
    if not later.is_out_of_fold:
        key = f"{later.data}_{name}"
        if not _is_known(known, key, mean):
            store.add_metrics(later.run_id, [(key, mean, None, now)])
        return
    if _is_known(known, f"mean_test_{name}", mean):
        return
    key = split_key(f"test_{name}")
    store.add_metrics(later.run_id, [(key, v, split, now) for split, v in later.splits.items()])
    numbers = {"mean": mean, "std": std, "se": se, "n": float(len(later.splits))}
    store.put_metrics({later.run_id: {f"{m}_test_{name}": v for m, v in numbers.items()}}, now)


def _is_known(known: Mapping[str, float], key: str, value: float) -> bool:
    if key not in known:
        return False
    if math.isnan(value) or math.isclose(known[key], value, rel_tol=_ROUNDING, abs_tol=1e-12):
        return True
    raise InvalidValueError(
        f"the run has another score of the name {key} ({known[key]:.6g}, and now {value:.6g}); "
        "give this one a name of its own by name="
    )


def _keep_ranks(store: Store, found: list[Later], name: str) -> None:
    means = {later.run_id: later.moments[0] for later in found}
    ranks = {
        run_id: {f"rank_test_{name}": 1.0 + sum(other > mean for other in means.values())}
        for run_id, mean in means.items()
        if not math.isnan(mean)
    }
    store.put_metrics(ranks, time.time())


def _tag(store: Store, run_id: str, name: str) -> None:
    known = store.get_run(run_id).tags.get(LATER_TAG, "")
    names = dict.fromkeys([*filter(None, known.split(", ")), name])
    store.set_tags(run_id, {LATER_TAG: ", ".join(names)})


def frame(found: list[Later], metric: str) -> pd.DataFrame:
    """A row a run: see :meth:`autotrack.Run.rescore`."""
    import pandas as pd

    rows = [
        (one.run_id, one.name, one.data, metric, *one.moments, len(one.splits)) for one in found
    ]
    columns = ["run_id", "name", "data", "metric", "mean", "std", "se", "n"]
    return pd.DataFrame(rows, columns=columns)
