"""The ledger of held-out sets: how many models each has judged, and what that makes of the best."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from autotrack.analysis.evidence.gains import BOUND, Gain, gain_by_rows
from autotrack.analysis.statistics.optimism import bound, spread_of_share
from autotrack.describe.metrics import is_loss
from autotrack.runtime.dataclass import dataclass
from autotrack.store.store import Store
from autotrack.store.tables.held_out import Judgement

if TYPE_CHECKING:
    import pandas as pd

# Metrics that are the share of rows for which something is so.
_SHARES = frozenset({"accuracy_score", "zero_one_loss"})
_UNSEEN = "unseen_"
# Scores of one model that was trained twice differ by rounding at most.
_ROUNDING = 1e-9
_COLUMNS = (
    "held_out_set", "data", "rows", "models", "runs", "experiments", "since", "until",
    "metric", "best", "best_run", "mean", "std", "optimism", "optimism_error", "optimism_by",
    "shares_rows", "related_models",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A held-out set and the models that it judged.

    Attributes
    ----------
    fingerprint, target : str
        What it is known by.
    names : tuple of str
        What it was called in the keys of scores.
    rows : int or None
    models : int
        How many different models it judged: of another class, other params, other training data,
        other code of the user's own, or another score of the same name. A training that is made
        once more is the same model, whichever metrics are computed of it.
    runs : tuple of str
        Their runs, oldest first.
    experiments : tuple of str
    since, until : datetime
    scores : dict
        The scores of the different models and their runs, by metric.
    shared : dict
        Held-out sets of which it is a part, or which are parts of it, with how many rows.
    related_models : int
        How many different models judged it or one of those.
    """

    fingerprint: str
    target: str | None
    names: tuple[str, ...]
    rows: int | None
    models: int
    runs: tuple[str, ...]
    experiments: tuple[str, ...]
    since: datetime
    until: datetime
    scores: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)
    related_models: int = 0

    @property
    def name(self) -> str:
        """The beginnings of its fingerprints."""
        digits = self.fingerprint.rpartition(":")[2][:8]
        target = (self.target or "").rpartition(":")[2][:8]
        return f"{digits}-{target}" if target else digits

    def optimism(self, store: Store, metric: str) -> Gain:
        """What the best is expected to gain by luck.

        Where all runs kept their predictions of the rows, it is what a bootstrap over their losses
        gives (`autotrack.analysis.statistics.optimism.bootstrap`); else what it is at most (`bound`
        there), which is known of metrics that are shares of rows, such as an accuracy, whose errors
        follow from their value.
        """
        scores = [one for one in self.scores[metric] if not math.isnan(one[0])]
        if len(scores) > 1 and (found := gain_by_rows(store, scores, self.names, metric)):
            return found
        if metric not in _SHARES or not self.rows or not scores:
            return Gain()
        spread = spread_of_share(statistics.fmean(value for value, _ in scores))
        return Gain(bound(len(scores), self.rows, spread), by=BOUND)


def entries(
    judgements: Iterable[Judgement], shared: Mapping[str, Mapping[str, int]] = MappingProxyType({})
) -> list[Entry]:
    """The held-out sets of judgements, in the order in which they were first used.

    `shared` says how many rows sets have in common, by the fingerprints of X.
    """
    sets: dict[tuple[str, str | None], list[Judgement]] = {}
    for judgement in judgements:
        sets.setdefault(judgement.held_out_set, []).append(judgement)
    by_rows: dict[str, list[tuple[str, str | None]]] = {}
    for held_out_set in sets:
        by_rows.setdefault(held_out_set[0], []).append(held_out_set)
    known = {held_out_set: _entry(found) for held_out_set, found in sets.items()}
    return [_related(entry, shared, by_rows, sets, known) for entry in known.values()]


def _related(
    entry: Entry,
    shared: Mapping[str, Mapping[str, int]],
    by_rows: Mapping[str, Sequence[tuple[str, str | None]]],
    sets: Mapping[tuple[str, str | None], Sequence[Judgement]],
    known: Mapping[tuple[str, str | None], Entry],
) -> Entry:
    """An entry with the sets that share rows with it."""
    others = {
        other: rows
        for fingerprint, rows in shared.get(entry.fingerprint, {}).items()
        for other in by_rows.get(fingerprint, ())
    }
    if not others:
        return replace(entry, related_models=entry.models)
    # A model scores one number here and another there: it is the same if params and training are.
    judged_by = {
        judgement.model
        for one in ((entry.fingerprint, entry.target), *others)
        for judgement in sets[one]
    }
    names = {known[other].name: rows for other, rows in others.items()}
    return replace(entry, shared=names, related_models=max(entry.models, len(judged_by)))


def _entry(found: Sequence[Judgement]) -> Entry:
    different = _different(found)
    scores: dict[str, list[tuple[float, str]]] = {}
    for model in different:
        for metric, score in model.items():
            if not metric.startswith(_UNSEEN):
                scores.setdefault(metric, []).append(score)
    return Entry(
        found[0].fingerprint,
        found[0].target,
        tuple(dict.fromkeys(judgement.data for judgement in found)),
        found[0].rows,
        len(different),
        tuple(dict.fromkeys(judgement.run_id for judgement in found)),
        tuple(dict.fromkeys(judgement.experiment for judgement in found)),
        min(judgement.time for judgement in found),
        max(judgement.time for judgement in found),
        scores,
    )


def _different(found: Iterable[Judgement]) -> list[dict[str, tuple[float, str]]]:
    """The scores of each different model, with the run that has them last."""
    alike: dict[tuple[object, ...], list[dict[str, tuple[float, str]]]] = {}
    different: list[dict[str, tuple[float, str]]] = []
    for judgement in found:
        known = alike.setdefault(judgement.model, [])
        model = next((one for one in known if _agree(one, judgement.scores)), None)
        if model is None:
            model = {}
            known.append(model)
            different.append(model)
        model |= {metric: (value, judgement.run_id) for metric, value in judgement.scores.items()}
    return different


def _agree(known: Mapping[str, tuple[float, str]], scores: Mapping[str, float]) -> bool:
    """Whether scores may be those of one model: none is another than the one of its name."""
    return all(
        math.isclose(known[metric][0], value, rel_tol=_ROUNDING, abs_tol=1e-12)
        or (math.isnan(known[metric][0]) and math.isnan(value))
        for metric, value in scores.items()
        if metric in known
    )


def ledger_frame(
    store: Store, found: Iterable[Entry], experiment: str | None = None
) -> pd.DataFrame:
    """A row for each held-out set and metric."""
    import pandas as pd

    rows: list[tuple[object, ...]] = []
    for entry in found:
        if experiment is not None and experiment not in entry.experiments:
            continue
        head = (
            entry.name,
            ", ".join(entry.names),
            entry.rows,
            entry.models,
            len(entry.runs),
            ", ".join(entry.experiments),
            entry.since,
            entry.until,
        )
        for metric, scores in entry.scores.items():
            best, mean, spread = _summary(metric, scores)
            shared = ", ".join(f"{name} ({count:,})" for name, count in entry.shared.items())
            gain = entry.optimism(store, metric)
            measured = (metric, *best, mean, spread, gain.value, gain.error, gain.by)
            rows.append((*head, *measured, shared, entry.related_models))
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    for name in ("since", "until"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    numbers = ("best", "mean", "std", "optimism", "optimism_error")
    return frame.astype(dict.fromkeys(numbers, float))


def _summary(
    metric: str, scores: Sequence[tuple[float, str]]
) -> tuple[tuple[float, str | None], float, float]:
    """The best score and its run, mean and standard deviation, of the scores that are numbers."""
    known = [(value, run_id) for value, run_id in scores if not math.isnan(value)]
    if not known:
        return (math.nan, None), math.nan, math.nan
    best = (min if is_loss(metric) else max)(known)
    values = [value for value, _ in known]
    if any(math.isinf(value) for value in values):
        # The mean of infinities of both signs is no number, and there is no spread around one.
        return best, sum(values), math.nan
    spread = statistics.stdev(values) if len(values) > 1 else math.nan
    return best, statistics.fmean(values), spread


def models_judged(store: Store, run_ids: Iterable[str]) -> dict[str, int]:
    """How many different models the held-out set of each run has judged; the most of several."""
    wanted = set(run_ids)
    found: dict[str, int] = {}
    for entry in entries(store.judgements(*wanted)) if wanted else ():
        for run_id in wanted.intersection(entry.runs):
            found[run_id] = max(found.get(run_id, 0), entry.models)
    return found


def judged(store: Store, run_id: str) -> dict[str, str]:
    """What the held-out sets of a run have judged, as texts by what the data is called there."""
    found: dict[str, str] = {}
    for entry in entries(store.judgements(run_id), store.shared_rows()):
        if run_id not in entry.runs or entry.related_models < 2:
            continue
        count = entry.models
        text = f"judged {count:,} model{'' if count == 1 else 's'}"
        if entry.related_models > count:
            text += f", {entry.related_models:,} with sets that share its rows"
        known = {metric: entry.optimism(store, metric) for metric in entry.scores}
        gains = [
            f"the best of them gains {gain} in {metric} by luck"
            for metric, gain in known.items()
            if gain.value > 0
        ]
        name = ", ".join(entry.names)
        found[name] = "; ".join([text, *gains])
    return found
