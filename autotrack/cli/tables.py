"""A table of runs that fits the terminal, whatever was recorded."""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich import box
from rich.table import Table

from autotrack.analysis import words
from autotrack.analysis.evidence.listing import Worth
from autotrack.cli.printing import escape
from autotrack.printable import described, printable
from autotrack.runtime.dataclass import dataclass
from autotrack.store.search.query import RunRow

_COLOURS = {"FINISHED": "green", "RUNNING": "cyan", "FAILED": "red", "KILLED": "yellow"}
ID = 8
# Longer values are cut, and names that take more than a quarter of the terminal; a heading is
# broken at its underscores after so many letters.
_LONGEST_VALUE = 18
_HEADING = 13
# Between two columns: one space of padding, and one that is the box's divider.
_PADDING = 2
_EDGES = 2
# So many metrics come before the params that differ between the runs.
_METRICS_FIRST = 2


@dataclass(frozen=True, slots=True)
class _Column:
    heading: str
    value: Callable[[RunRow], str]
    right: bool = False

    def width(self, rows: Sequence[RunRow]) -> int:
        lines = [*self.heading.splitlines(), *(_plain(self.value(row)) for row in rows)]
        return max(map(len, lines)) + _PADDING


def run_table(
    rows: Sequence[RunRow],
    width: int,
    worth: Worth | None = None,
    *,
    cut: bool = True,
    unset: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[Table, int]:
    """A table of the runs, and how many params and metrics it has no room for.

    With `cut`, long names are shortened. `worth` adds what was found of scores, and how many models
    held-out sets have judged; `unset` what runs had of params that they did not set, by their ids,
    which is dim.
    Besides what every run has it shows the metrics most of them have, and the params in which
    they differ.
    """
    longest = width // 4 if cut else sys.maxsize
    columns = [
        _Column("run", lambda row: escape(row.run_id[:ID])),
        _Column("name", lambda row: escape(_cut(words.title(row), longest))),
        _Column("status", lambda row: status(row.status)),
        _Column("started", lambda row: moment(row.start_time)),
        _Column("took", took_of, right=True),
    ]
    if len({row.experiment for row in rows}) > 1:
        columns.insert(2, _Column("experiment", lambda row: escape(_cut(row.experiment, longest))))
    room = width - _EDGES - sum(column.width(rows) for column in columns)
    hidden = 0
    for column in [*_worth_columns(worth), *_wanted(rows, unset or {})]:
        needed = column.width(rows)
        if needed <= room:
            columns.append(column)
            room -= needed
        else:
            hidden += 1
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, _PADDING - 1, 0, 0))
    for column in columns:
        justify = "right" if column.right else "left"
        table.add_column(column.heading, justify=justify, no_wrap=True, vertical="bottom")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(column.value(row) for column in columns))
    return table, hidden


def _worth_columns(worth: Worth | None) -> list[_Column]:
    if worth is None:
        return []
    found, judged = worth.findings, worth.judged
    columns: list[_Column] = []
    if found:
        columns.append(_Column("findings", lambda row: ", ".join(found.get(row.run_id, ()))))
    if judged:
        columns.append(_Column("judged", lambda row: _count(judged.get(row.run_id)), right=True))
    return columns


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _wanted(rows: Sequence[RunRow], unset: Mapping[str, Mapping[str, Any]]) -> list[_Column]:
    counts = Counter(key for row in rows for key in row.metrics)
    shown = [key for key, _ in counts.most_common() if not _is_beside_mean(key, counts)]
    # What says how good runs were comes before places, times, and what one split measured; scores
    # on data that is called alike stand together.
    shown.sort(key=lambda key: words.worth_order(key)[0])
    shown = _together(shown)
    metrics = [_metric(key) for key in shown]
    params = Counter(key for row in rows for key in row.params)
    differing = [
        _param(key, unset)
        for key, count in params.most_common()
        if len({described(row.params.get(key), sys.maxsize) for row in rows}) > 1
        or count < len(rows) > 1
    ]
    return metrics[:_METRICS_FIRST] + differing + metrics[_METRICS_FIRST:]


def _together(keys: Sequence[str]) -> list[str]:
    """The keys in their order, each followed by those that are of data called alike."""
    first: dict[tuple[int, str], int] = {}
    for place, key in enumerate(keys):
        first.setdefault(words.worth_order(key), place)
    return sorted(keys, key=lambda key: first[words.worth_order(key)])


def _metric(key: str) -> _Column:
    return _Column(_heading(key), lambda row: with_error(row.metrics, key), right=True)


_MEAN = "mean_"


def with_error(metrics: Mapping[str, float], key: str) -> str:
    """A number; of a mean over splits with its standard error and their number."""
    name = key.removeprefix(_MEAN)
    error, count = metrics.get(f"se_{name}"), metrics.get(f"n_{name}")
    if not key.startswith(_MEAN) or key not in metrics or error is None or count is None:
        return number(metrics.get(key))
    spread = "?" if math.isnan(error) else f"{error:.2g}"
    return f"{number(metrics[key])} ± {spread} ({count:g})"


def _is_beside_mean(key: str, keys: Container[str]) -> bool:
    """Whether a metric is shown beside a mean, or says less than that."""
    moment, _, name = key.partition("_")
    return moment in ("se", "n", "std") and f"{_MEAN}{name}" in keys and f"n_{name}" in keys


def _param(key: str, unset: Mapping[str, Mapping[str, Any]]) -> _Column:
    def value(row: RunRow) -> str:
        had = unset.get(row.run_id, {})
        if key not in row.params and key not in had:
            return ""
        held = row.params[key] if key in row.params else had[key]
        text = escape(_cut(held if isinstance(held, str) else described(held), _LONGEST_VALUE))
        return text if key in row.params else f"[dim]{text}[/dim]"

    return _Column(_heading(key), value, right=True)


def _heading(key: str) -> str:
    lines = [""]
    for piece in re.findall(r"[^_]*_*", printable(key)):
        if lines[-1] and len(lines[-1]) + len(piece) > _HEADING:
            lines.append("")
        lines[-1] += piece
    return escape("\n".join(line for line in lines if line), lines=True)


def _plain(text: str) -> str:
    return re.sub(r"(?<!\\)\[/?[a-z]+\]", "", text)


def _cut(text: str, longest: int) -> str:
    shown = printable(text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def status(name: str) -> str:
    """A status in its colour."""
    colour = _COLOURS.get(name, "default")
    return f"[{colour}]{escape(name)}[/{colour}]"


def moment(time: datetime) -> str:
    """A time where the reader is: of today without the date."""
    local = time.astimezone()
    today = local.date() == datetime.now().astimezone().date()
    return local.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")


def took_of(row: RunRow) -> str:
    """How long a run took or has run so far; a killed one took longer than is known."""
    text = took(row.start_time, row.end_time)
    return f">{text}" if row.status == "KILLED" else text


def took(start: datetime, end: datetime | None) -> str:
    """How long something took that began and ended then, or has not ended yet."""
    return span((end or datetime.now(UTC)) - start)


def span(time: timedelta) -> str:
    """A span of time."""
    seconds = time.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"


def number(value: float | None) -> str:
    """A number in six digits."""
    if value is None:
        return ""
    return f"{value:.6g}" if math.isfinite(value) else str(value)


def size_text(size: float) -> str:
    """A number of bytes, in a unit that keeps it short."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def value_text(value: object) -> str:
    """A param or another recorded value in full: a text as it is, else its `repr`."""
    return value if isinstance(value, str) else described(value, sys.maxsize)
