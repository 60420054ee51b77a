"""The best run, and those that are as good."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from autotrack.analysis.predictions.comparing import Comparison, compare_runs
from autotrack.analysis.predictions.scored_run import Compared
from autotrack.entities import RunRecord
from autotrack.store.search.query import Query, RunRow
from autotrack.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

_MOST = 20
# So many are where a run is shown: a bootstrap takes its time.
_SHOWN = 6
_MEAN = "mean_"


def others(
    store: Store, record: RunRecord, metric: str, mode: str, most: int = _MOST
) -> list[tuple[RunRow, Comparison]]:
    """The best runs beside this one in its experiment, and how they compare with it."""
    quoted = metric.replace("`", "``")
    query = Query(
        experiment_ids=(record.experiment_id,),
        where=f"metrics.`{quoted}` != nan and kind != 'candidate'",
        order_by=(f"metrics.`{quoted}` {'desc' if mode == 'max' else 'asc'}",),
        limit=most + 1,
        children=True,
    )
    rows = [row for row in store.search(query) if row.run_id != record.run_id][:most]
    own = Compared(store, record, metric)
    return [
        (row, compare_runs(own, Compared(store, store.get_run(row.run_id), metric))) for row in rows
    ]


def ties(store: Store, record: RunRecord, metric: str, mode: str) -> pd.DataFrame:
    """A row a run: see :meth:`autotrack.Run.ties`."""
    import pandas as pd

    rows = [
        (row.run_id, row.name, row.metrics.get(metric, found.value_b), _se(row, metric),
         _n(row, metric), found.verdict, found.p_value, found.method, found.why)
        for row, found in others(store, record, metric, mode)
    ]  # fmt: skip
    names = ["run_id", "name", "value", "se", "n", "verdict", "p_value", "method", "why"]
    return pd.DataFrame(rows, columns=names)


def _moment(metrics: Mapping[str, float], metric: str, moment: str) -> float:
    key = f"{moment}_{metric.removeprefix(_MEAN)}"
    return metrics.get(key, math.nan) if metric.startswith(_MEAN) else math.nan


def _se(row: RunRow, metric: str) -> float:
    return _moment(row.metrics, metric, "se")


def _n(row: RunRow, metric: str) -> float:
    return _moment(row.metrics, metric, "n")


def standing(store: Store, record: RunRecord, metric: str, mode: str) -> list[str]:
    """What is to be said of the best run: its value with error, and the runs that tie with it."""
    value = record.metrics.get(metric, math.nan)
    se, n = (_moment(record.metrics, metric, moment) for moment in ("se", "n"))
    spread = "" if math.isnan(se) else f" \u00b1 {se:.2g} (standard error, n = {n:g})"
    lines = [f"best     {metric} {value:.6g}{spread}"]
    found = others(store, record, metric, mode, _SHOWN)
    lines += _group("tied", [(row, c) for row, c in found if c.verdict == "tied"], metric)
    lines += _group("unsure", [(row, c) for row, c in found if c.verdict == "unknown"], metric)
    apart = [(row, c) for row, c in found if c.verdict == "not comparable"]
    return lines + _group("apart", apart, metric)


# So many runs of a kind are named.
_NAMED = 3
_SAID = {
    "tied": "tied with",
    "unsure": "perhaps no better than",
    "apart": "not comparable with",
}


def _group(kind: str, found: Sequence[tuple[RunRow, Comparison]], metric: str) -> list[str]:
    lines = []
    for row, comparison in found[:_NAMED]:
        why = comparison.why or f"p {comparison.p_value:.2g}, {comparison.method}"
        value = row.metrics.get(metric, comparison.value_b)
        lines.append(f"{_SAID[kind]} {row.run_id[:8]} {row.name} ({value:.6g}): {why}")
    more = len(found) - _NAMED
    return lines + ([f"... and {more} more"] if more > 0 else [])
