"""A search of params, as it stands: its candidates ranked, what is tied, and what was swept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from autotrack.analysis.explaining.noise import LEVEL
from autotrack.analysis.names import RANK_TAG, TEST_SHARE_TAG
from autotrack.analysis.split_keys import split_key
from autotrack.analysis.statistics.comparisons import corrected_pvalue
from autotrack.entities import RunRecord
from autotrack.progress.counts import progress_of, time_left
from autotrack.runtime.dataclass import dataclass
from autotrack.store.search import pages
from autotrack.web.reading.found import Reader

_MOST = 5000
_MEAN = "mean_test_"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate on the leaderboard. `tied` is None where that cannot be told."""

    line: pages.Line
    rank: int
    mean: float | None
    error: float | None
    splits: Sequence[tuple[int, float]]
    tied: bool | None
    within_error: bool
    notes: Sequence[str]
    train: float | None


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A search, read."""

    record: RunRecord
    metric: str
    metrics: Sequence[str]
    candidates: Sequence[Candidate]
    swept: Sequence[str]
    progress: Any
    left: Any
    further: int
    iterations: int

    @property
    def best(self) -> Candidate | None:
        """The best of those that were evaluated on all splits."""
        first = self.candidates[0] if self.candidates else None
        return first if first is not None and first.mean is not None else None


def read_search(reader: Reader, run_id: str, metric: str = "") -> SearchPage:
    """Read a search by its id.

    Raises
    ------
    RunNotFoundError
        If there is no such run.
    """
    store = reader.store
    record = store.get_run(run_id)
    with store.reading() as connection:
        (number,) = pages.numbers_of(connection, [record.run_id])
        (own,) = pages.lines(connection, [number])
        lines = pages.lines(connection, pages.below(connection, number, _MOST))
    lines = [line for line in lines if line.kind == "candidate"]
    known = sorted(
        {key.removeprefix(_MEAN) for line in lines for key in line.metrics if key.startswith(_MEAN)}
    )
    asked = metric if metric in known else record.tags.get(RANK_TAG, "score")
    metric = asked if asked in known or not known else known[0]
    splits: dict[str, list[tuple[int, float]]] = {}
    for run, step, _, value in store.split_metrics(record.run_id, split_key(f"test_{metric}")):
        splits.setdefault(run, []).append((step, value))
    notes: dict[str, list[str]] = {}
    for run, _, note in store.notes(record.run_id):
        said = f"{note.category.rpartition('.')[2]}: {note.message.strip().partition(chr(10))[0]}"
        held = notes.setdefault(run, [])
        if said not in held:
            held.append(said)
    share = record.tags.get(TEST_SHARE_TAG)
    return SearchPage(
        record,
        metric,
        known,
        _ranked(lines, metric, splits, notes, None if share is None else float(share)),
        _swept(lines),
        progress_of(record),
        time_left(record),
        own.children - len(lines) if own.children > len(lines) else 0,
        len({line.metrics.get("iter", 0) for line in lines}),
    )


def _ranked(
    lines: Sequence[pages.Line],
    metric: str,
    splits: Mapping[str, list[tuple[int, float]]],
    notes: Mapping[str, list[str]],
    share: float | None,
) -> list[Candidate]:
    """The best first; of a halving search the last round first; those without a mean last."""
    key = f"{_MEAN}{metric}"

    def order(line: pages.Line) -> tuple[float, ...]:
        mean = line.metrics.get(key, math.nan)
        known = math.isfinite(mean)
        return (not known, -line.metrics.get("iter", 0), -mean if known else 0, line.number)

    ordered = sorted(lines, key=order)
    best = ordered[0] if ordered and math.isfinite(ordered[0].metrics.get(key, math.nan)) else None
    found: list[Candidate] = []
    for line in ordered:
        mean = line.metrics.get(key)
        tied, near, rank = None, False, 0
        if best is not None and mean is not None and math.isfinite(mean):
            same_round = line.metrics.get("iter", 0) == best.metrics.get("iter", 0)
            rank = 1 + sum(c.mean is not None and c.mean > mean for c in found) if same_round else 0
            if same_round:
                error = best.metrics.get(f"se_test_{metric}", math.nan)
                near = mean >= best.metrics[key] - (0 if math.isnan(error) else error)
                tied = _is_tied(best, line, splits, share)
        found.append(
            Candidate(
                line,
                rank,
                mean,
                line.metrics.get(f"se_test_{metric}"),
                splits.get(line.run_id, []),
                tied,
                near,
                notes.get(line.run_id, []),
                line.metrics.get(f"mean_train_{metric}"),
            )
        )
    return found


def _is_tied(
    best: pages.Line,
    line: pages.Line,
    splits: Mapping[str, list[tuple[int, float]]],
    share: float | None,
) -> bool | None:
    if line is best:
        return None
    ours, theirs = dict(splits.get(best.run_id, [])), dict(splits.get(line.run_id, []))
    both = sorted(ours.keys() & theirs.keys())
    rows = share if share is not None else 1 / max(1, len(both) - 1)
    p_value = corrected_pvalue([ours[split] - theirs[split] for split in both], rows)
    return None if math.isnan(p_value) else p_value > LEVEL


def _swept(lines: Sequence[pages.Line]) -> list[str]:
    """The params that candidates differ in; all that they have, if that is none."""
    values: dict[str, set[str]] = {}
    for line in lines:
        for key, value in line.params.items():
            values.setdefault(key, set()).add(repr(value))
    varied = [
        key
        for key, found in values.items()
        if len(found) > 1 or any(key not in line.params for line in lines)
    ]
    return varied or list(values)
