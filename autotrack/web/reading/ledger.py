"""Held-out sets and what they have judged, for the page of the ledger."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from datetime import datetime

from autotrack.analysis.evidence.gains import Gain
from autotrack.analysis.evidence.ledger import entries
from autotrack.describe.metrics import is_loss
from autotrack.runtime.dataclass import dataclass
from autotrack.web.reading.found import Reader

_MOST_SETS = 200


@dataclass(frozen=True, slots=True)
class Metric:
    """The scores of the models that a set has judged, by one metric; `luck` is its optimism."""

    name: str
    models: int
    mean: float
    std: float
    best: float
    best_run: str
    luck: Gain


@dataclass(frozen=True, slots=True)
class HeldOutSet:
    """A held-out set."""

    digits: str
    names: Sequence[str]
    rows: int | None
    models: int
    runs: Sequence[str]
    experiments: Sequence[str]
    since: datetime
    until: datetime
    metrics: Sequence[Metric]


def held_out_sets(reader: Reader) -> tuple[list[HeldOutSet], int]:
    """The sets that have judged most models first, and how many more there are."""
    found = sorted(entries(reader.store.judgements()), key=lambda e: (-e.models, -len(e.runs)))
    shown = []
    for entry in found[:_MOST_SETS]:
        metrics = []
        for name, scores in entry.scores.items():
            finite = [score for score in scores if math.isfinite(score[0])]
            if not finite:
                continue
            values = [value for value, _ in finite]
            best, run = (min if is_loss(name) else max)(finite)
            std = statistics.stdev(values) if len(values) > 1 else math.nan
            mean = statistics.fmean(values)
            luck = entry.optimism(reader.store, name)
            metrics.append(Metric(name, len(values), mean, std, best, run, luck))
        target = (entry.target or "").rpartition(":")[2][:8]
        digits = entry.fingerprint.rpartition(":")[2][:8]
        shown.append(
            HeldOutSet(
                f"{digits}-{target}" if target else digits,
                entry.names,
                entry.rows,
                entry.models,
                entry.runs,
                entry.experiments,
                entry.since,
                entry.until,
                metrics,
            )
        )
    return shown, len(found) - len(shown)
