"""A table of runs: its columns in bands, the cells of a run, and the choice of what varies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from typing import Any

from autotrack.analysis import words
from autotrack.runtime.dataclass import dataclass
from autotrack.store.search import pages, worth
from autotrack.store.search.unset import unset_params
from autotrack.web.reading.found import Found, Reader
from autotrack.web.reading.kinds import TITLES, Kinds, error_of, label
from autotrack.web.reading.view import ATTRIBUTES, View
from autotrack.web.rendering import number, span, value

#: How many columns of a band are shown where nobody chose any.
_DEFAULT = {"cv": 3, "held": 3, "train": 1, "other": 2}
_DEFAULT_PARAMS = 6
_HITS = 5
_CHILDREN = 25
_LEAST_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in the address, its heading, and the band in which it stands."""

    id: str
    label: str
    band: str
    title: str = ""
    numeric: bool = False
    sortable: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """What a run has in a column: text, what stands small below it, and a class of the style."""

    text: str = ""
    below: str = ""
    style: str = ""
    title: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; `hits` are lines below it, of which there may be `further`."""

    line: pages.Line
    cells: Sequence[Cell]
    depth: int = 0
    hits: Sequence[Row] = ()
    further: int = 0
    matches: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A screen of runs."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    total: int
    matches: int
    pages: int
    page: int
    bands: Sequence[tuple[str, int]] = ()
    choices: Mapping[str, Sequence[Column]] = field(default_factory=dict)


def table(reader: Reader, view: View, found: Found) -> Table:
    """The lines of one page of a view."""
    kinds = reader.kinds()
    count = max(1, math.ceil(len(found.roots) / view.size))
    page = min(view.page, count)
    numbers = found.roots[(page - 1) * view.size : page * view.size]
    below = {n: list(found.hits.get(n, ())[:_HITS]) for n in numbers}
    with reader.store.reading() as connection:
        for number in pages.numbers_of(connection, view.open):
            if number in below:
                below[number] = pages.below(connection, number, _CHILDREN)
    every = [*numbers, *(hit for hits in below.values() for hit in hits)]
    with reader.store.reading() as connection:
        read = {line.number: line for line in pages.lines(connection, every)}
        places = best_points(connection, read)
        beside = Beside.read(connection, kinds, every)
    columns, choices = choose(view, found, kinds, list(read.values()))
    unset = _unset(reader, list(read.values()), columns)
    matches = set(found.matches) if found.hits else None

    def row(number: int, depth: int = 0) -> Row:
        hits = [row(hit, depth + 1) for hit in below.get(number, ())] if not depth else []
        known = len(found.hits.get(number, ()))
        if read[number].run_id in view.open:
            known = read[number].children
        return Row(
            read[number],
            [
                cell(read[number], column, beside, unset[number], places.get(number, ""))
                for column in columns
            ],
            depth,
            hits,
            known - len(hits) if not depth else 0,
            matches is None or number in matches,
        )

    rows = [row(number) for number in numbers if number in read]
    return Table(
        columns, rows, len(found.roots), len(found.matches), count, page, _bands(columns), choices
    )


def best_points(connection: Any, read: dict[int, pages.Line]) -> dict[int, str]:
    """Give the lines of curves the metrics of their best point; where that is, by number."""
    found: dict[int, str] = {}
    for run, line in read.items():
        best = words.best_point(line, partial(worth.history, connection, run))
        if best is not None:
            read[run] = replace(line, metrics=best.metrics)
            found[run] = best.where
    return found


def _unset(
    reader: Reader, lines: Sequence[pages.Line], columns: Sequence[Column]
) -> dict[int, Mapping[str, Any]]:
    """What the runs had of the params in columns that they did not set."""
    keys = [c.id.removeprefix("params.") for c in columns if c.band == "params"]
    with reader.store.reading() as connection:
        found = unset_params(connection, lines, keys)
    return {line.number: had for line, had in zip(lines, found, strict=True)}


def choose(
    view: View, found: Found, kinds: Kinds, shown: Sequence[pages.Line]
) -> tuple[list[Column], dict[str, list[Column]]]:
    """The columns to show, and all that there are to choose from, by band."""
    known: dict[str, list[tuple[pages.Key, Column]]] = {"params": []}
    for key in found.keys:
        column = column_of(f"{key.family}.{key.key}", kinds)
        if column is not None and column.band != "part":
            known.setdefault(column.band, []).append((key, column))
    choices = {band: [column for _, column in held] for band, held in known.items()}
    several = len({line.experiment_id for line in shown}) > 1 and len(view.experiments) != 1
    base = [*(["experiment"] if several else []), "started", "took"]
    wanted = list(view.columns)
    if not wanted:
        least = max(1, int(found.sample * _LEAST_SHARE))
        for band, most in _DEFAULT.items():
            ids = [c.id for key, c in known.get(band, ()) if key.runs >= least]
            ids = _together(ids)
            if band == "other" and any(known.get(b) for b in ("cv", "held")):
                ids = []
            wanted += ids[:most]
        varying = [
            (key.values == 1, column.id)
            for key, column in known["params"]
            if (key.values > 1 or key.runs < found.sample) and key.runs >= least
        ]
        # What some have and some have not comes behind what has several values.
        wanted += [name for _, name in sorted(varying, key=_first)][:_DEFAULT_PARAMS]
        sort = view.sort.removeprefix("-")
        wanted += [sort] if sort and sort not in wanted and sort not in ATTRIBUTES else []
        wanted = base + wanted
    columns = [column for each in wanted if (column := column_of(each, kinds)) is not None]
    order = [*TITLES, "params", "tags", "run"]
    columns.sort(key=lambda c: order.index(c.band) if c.band in order else len(order))
    return columns, choices


def _together(ids: Sequence[str]) -> list[str]:
    """The columns in their order, each followed by those of data that is called alike."""
    first: dict[str, int] = {}
    for place, name in enumerate(ids):
        first.setdefault(words.together(name.removeprefix("metrics.")), place)
    return sorted(ids, key=lambda name: first[words.together(name.removeprefix("metrics."))])


def _first(pair: tuple[bool, str]) -> bool:
    return pair[0]


def column_of(name: str, kinds: Kinds) -> Column | None:
    """The column of this name; None if there can be none."""
    if name in ATTRIBUTES:
        return Column(name, name, "run", numeric=name == "took")
    family, _, key = name.partition(".")
    if not key:
        return None
    if family == "params":
        return Column(name, key, "params", name, numeric=True)
    if family == "tags":
        return Column(name, key, "tags", name)
    if family != "metrics":
        return None
    kind = kinds.of_key(key)
    band = "other" if kind == "behind" else kind
    return Column(name, label(key), band, name, numeric=True)


def _bands(columns: Iterable[Column]) -> list[tuple[str, int]]:
    bands: list[tuple[str, int]] = []
    for column in columns:
        title = {**TITLES, "params": "Params", "tags": "Tags", "run": ""}.get(column.band, "")
        if bands and bands[-1][0] == title:
            bands[-1] = title, bands[-1][1] + 1
        else:
            bands.append((title, 1))
    return bands


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside scores: the best candidates of searches, and what data judged."""

    kinds: Kinds
    best: Mapping[int, pages.Line]
    held: Mapping[int, list[worth.HeldOutUse]]

    @classmethod
    def read(cls, connection: Any, kinds: Kinds, numbers: Sequence[int]) -> Beside:
        """What belongs to these runs."""
        best = worth.best_candidates(connection, numbers)
        read = {line.number: line for line in pages.lines(connection, list(best.values()))}
        return cls(
            kinds,
            {run: read[candidate] for run, candidate in best.items() if candidate in read},
            worth.held_out_uses(connection, numbers),
        )


def cell(
    line: pages.Line,
    column: Column,
    beside: Beside,
    unset: Mapping[str, Any] | None = None,
    where: str = "",
) -> Cell:
    """What a run has in a column.

    `unset` has the params that it had without setting them; `where` says at which point of a curve
    its scores are.
    """
    family, _, key = column.id.partition(".")
    if family == "params":
        held, style = line.params, ""
        if key not in held:
            if not unset or key not in unset:
                return Cell()
            held, style = unset, "unset"
        found = held[key]
        if isinstance(found, bool) or not isinstance(found, int | float):
            style = f"text {style}".strip()
        title = value(found, 500)
        if style.endswith("unset"):
            title += " (not set by this run: a default, or what its search had)"
        return Cell(value(found, 28), style=style, title=title)
    if family == "tags":
        return Cell(value(line.tags.get(key, ""), 40), style="text")
    if family == "metrics":
        return _score(line, key, column.band, beside, where) if key in line.metrics else Cell()
    if column.id == "took" and line.end_time is not None:
        lasted = span(line.end_time - line.start_time)
        return Cell(f">{lasted}" if line.status == "KILLED" else lasted)
    return Cell({"kind": line.kind, "experiment": line.experiment}.get(column.id, ""))


def _score(line: pages.Line, key: str, band: str, beside: Beside, where: str) -> Cell:
    found = line.metrics[key]
    shown = number(found)
    if band == "cv":
        error, splits = spread(line, key, beside)
        below = ", ".join(filter(None, [f"{splits} splits" if splits > 1 else "", where]))
        return Cell(shown, below, "cv", error=number(error, 2) if error is not None else "")
    if band == "held":
        data = beside.kinds.data_of(key)
        use = next((u for u in beside.held.get(line.number, ()) if u.context == data), None)
        below = f"one of {use.runs:,} runs" if use and use.runs > 1 else ""
        unseen = line.metrics.get(beside.kinds.unseen(key) or "")
        if unseen is not None:
            below = f"{number(unseen)} on rows not in training"
        title = "" if use is None else f"{use.context}: {use.rows or '?'} rows"
        return Cell(shown, below, "held warned" if unseen is not None else "held", title)
    values = line.counts.get(key, 1)
    return Cell(shown, f"{values} values" if values > 1 else "", band)


def spread(line: pages.Line, key: str, beside: Beside) -> tuple[float | None, int]:
    """The standard error of a cross-validated score, and the number of its splits."""
    if key == "best_score":
        best = beside.best.get(line.number)
        means = [k for k in best.metrics if k.startswith("mean_test_")] if best else []
        if best is None or not means:
            return None, 0
        score = line.metrics[key]
        mean = next((k for k in means if best.metrics[k] == score), means[0])
        return spread(best, mean, beside)
    keys = error_of(key)
    if keys is None:
        return None, 0
    # A curve has so many splits at each of its points.
    return line.metrics.get(keys[0]), line.counts.get(keys[1], 0) // line.counts.get(key, 1)
