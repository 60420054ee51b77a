"""Runs and scores of loops by hand, many that are alike told as one: how many, and what varied."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autotrack.analysis.words import short_params, telling, title
from autotrack.printable import described
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patterns import pattern

#: So many siblings that are alike are told as one line.
FEWEST_ALIKE = 6
_FEWEST_SETS = 3
# Between the name of data and a metric: what tells sets apart that are called the same.
_SETS = pattern(r"(.+)_[0-9a-f]{6}_(.+)")


@dataclass(frozen=True, slots=True)
class Spread:
    """Numbers told as one: how many, their mean and standard deviation, the ends."""

    count: int
    mean: float
    std: float
    least: float
    most: float

    @classmethod
    def of(cls, numbers: Iterable[float]) -> Spread | None:
        """That of those that are finite; None where there is none."""
        finite = [number for number in numbers if math.isfinite(number)]
        if not finite:
            return None
        std = statistics.stdev(finite) if len(finite) > 1 else math.nan
        return cls(len(finite), statistics.fmean(finite), std, min(finite), max(finite))


def folded_metrics(metrics: Mapping[str, float]) -> tuple[dict[str, Spread], dict[str, float]]:
    """Scores on many sets of one name, as in folds by hand, as one; and the metrics that remain."""
    sets: dict[str, list[str]] = {}
    for key in metrics:
        if (found := _SETS.fullmatch(key)) is not None:
            sets.setdefault(f"{found[1]}_{found[2]}", []).append(key)
    spreads: dict[str, Spread] = {}
    gone: set[str] = set()
    for name, keys in sets.items():
        # The first of the sets has the name alone.
        every = [*keys, *([name] if name in metrics else [])]
        if len(every) >= _FEWEST_SETS and (spread := Spread.of(metrics[k] for k in every)):
            spreads[name] = spread
            gone |= set(every)
    return spreads, {key: value for key, value in metrics.items() if key not in gone}


@dataclass(frozen=True, slots=True)
class Fold:
    """Runs of a loop by hand, told as one.

    Attributes
    ----------
    rows : sequence of runs
    title : str
    varied : mapping of str to sequence
        The different values of each param that varied, in the order of the runs.
    same : mapping of str to value
        The other params.
    metrics : mapping of str to Spread
    """

    rows: Sequence[Any]
    title: str
    varied: Mapping[str, Sequence[Any]]
    same: Mapping[str, Any]
    metrics: Mapping[str, Spread]


def folded(rows: Sequence[Any]) -> list[Any]:
    """The runs beside each other, with those that are alike as one `Fold` where the first stood.

    Alike are finished runs of one kind and name; candidates, which a search ranks, and runs with
    others below them are left alone.
    """
    alike: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        if row.kind != "candidate" and row.status == "FINISHED" and not getattr(row, "children", 0):
            alike.setdefault((row.kind, row.name), []).append(row)
    told: set[tuple[str, str]] = set()
    found: list[Any] = []
    for row in rows:
        place = row.kind, row.name
        held = alike.get(place, [])
        if len(held) < FEWEST_ALIKE or not any(row is each for each in held):
            found.append(row)
        elif place not in told:
            told.add(place)
            found.append(_fold(held))
    return found


def _fold(rows: Sequence[Any]) -> Fold:
    values: dict[str, list[Any]] = {}
    for row in rows:
        for key, value in short_params(row.params).items():
            values.setdefault(key, []).append(value)
    different = {
        key: list({described(value, sys.maxsize): value for value in held}.values())
        for key, held in values.items()
    }
    varied = {
        key: held
        for key, held in different.items()
        if len(held) > 1 or len(values[key]) < len(rows)
    }
    metrics: dict[str, Spread] = {}
    for key in telling({key: 0.0 for row in rows for key in row.metrics}):
        if spread := Spread.of(row.metrics[key] for row in rows if key in row.metrics):
            metrics[key] = spread
    same = {key: held[0] for key, held in different.items() if key not in varied}
    return Fold(rows, title(rows[0]), varied, same, metrics)


def span_of(values: Sequence[Any]) -> str:
    """What a param varied over: its ends where they are numbers, else some values."""
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return f"{described(min(values))} to {described(max(values))}"
    shown = ", ".join(described(value, 30) for value in values[:4])
    return f"{shown}, …" if len(values) > 4 else shown
