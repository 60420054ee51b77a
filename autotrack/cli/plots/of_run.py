"""What `autotrack show` draws of a run: histories of metrics, curves and confusion matrices."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from rich.console import Console

from autotrack.cli.plots.letters import curve, matrix, spark
from autotrack.cli.tables import number
from autotrack.entities import RunRecord
from autotrack.errors import AutotrackError
from autotrack.printable import printable
from autotrack.store.store import Store
from autotrack.web.reading.files import table

_NARROWEST = 80
_SPARK = 40
_CURVE = (44, 10)
_MOST, _LARGEST = 6, 2_000_000
_CURVES = {
    ("fpr", "tpr"): ("false positive rate", "true positive rate"),
    ("recall", "precision"): ("recall", "precision"),
    ("prob_pred", "prob_true"): ("predicted probability", "share that was so"),
}


def are_wanted(console: Console, asked: bool | None) -> bool:
    """Whether plots are drawn: as asked, else on a terminal that is wide enough.

    Not where `NO_COLOR` is set or the terminal is dumb: whoever has a screen reader read out what
    is printed sets these, and blocks are noise there.
    """
    if asked is not None:
        return asked
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return console.is_terminal and console.width >= _NARROWEST and not plain


def plots_of(store: Store, record: RunRecord, width: int) -> Iterator[tuple[str, list[str]]]:
    """Title and lines of each plot."""
    yield from _histories(store, record)
    drawn = 0
    for artifact in store.list_artifacts(record.run_id):
        if not artifact.path.endswith(".csv") or artifact.size > _LARGEST:
            continue
        try:
            heading, rows = table(store, record.run_id, artifact.path)
        except (AutotrackError, OSError):
            continue
        if lines := _drawn(heading, rows, width):
            yield artifact.path, lines
            drawn += 1
        if drawn == _MOST:
            return


def _histories(store: Store, record: RunRecord) -> Iterator[tuple[str, list[str]]]:
    lines = []
    for key in record.metrics:
        values = [each.value for each in store.metric_history(record.run_id, key)]
        if len(values) > 1 and (line := spark(values, _SPARK)):
            ends = f"{number(values[0])} to {number(values[-1])}, {len(values)} steps"
            lines.append((printable(key), line, ends))
        if len(lines) == 2 * _MOST:
            break
    if lines:
        longest = max(len(key) for key, *_ in lines)
        yield "histories", [f"{key:<{longest}}  {line}  {ends}" for key, line, ends in lines]


def _drawn(heading: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    if heading and heading[0].startswith("true") and all(rows):
        shown = [[printable(row[0]), *row[1:]] for row in rows]
        return matrix([printable(label) for label in heading[1:]], shown, width)
    for (x, y), names in _CURVES.items():
        if x in heading and y in heading:
            at, up = heading.index(x), heading.index(y)
            try:
                places = [(float(row[at]), float(row[up])) for row in rows]
            except (ValueError, IndexError):
                return []
            return curve(places, *names, *_CURVE)
    return []
