"""What a progress bar says: one line of counts, rate, time left and scores."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from autotrack.progress.counts import Progress
from autotrack.runtime.dataclass import dataclass

if TYPE_CHECKING:
    from rich.table import Table

# Of the bar itself, and what is no use as one.
_WIDTH, _SHORTEST = 30, 8
_GAP = 2
_STYLES = ("progress.download", "progress.data.speed", "progress.remaining", "")


@dataclass(frozen=True, slots=True)
class View:
    """What there is to show at a moment.

    Attributes
    ----------
    description : str
        What is being done.
    progress : Progress
        How far it is.
    elapsed : float
        Seconds since it began.
    scores : str
        The scores so far in a word and a number; empty while there are none.
    """

    description: str
    progress: Progress
    elapsed: float
    scores: str

    def facts(self) -> list[str]:
        """Counts, rate, time left and scores; empty what is not known."""
        progress = self.progress
        total = "?" if progress.total is None else progress.total
        computed = progress.finished - progress.reused
        left = progress.left(timedelta(seconds=self.elapsed))
        return [
            f"{progress.finished}/{total}",
            _rate(self.elapsed / computed) if computed else "",
            f"{_clock(left.total_seconds())} left" if left else _clock(self.elapsed),
            self.scores,
        ]


def _rate(seconds: float) -> str:
    return f"{seconds:.1f} s each" if seconds >= 1 else f"{1 / max(seconds, 1e-9):.3g}/s"


def _clock(seconds: float) -> str:
    """A span of time as ``0:07`` or ``1:02:03``."""
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def bar_line(view: View, width: int) -> Table:
    """The bar as one line of rich's: facts are never cut, first the bar and then the name are."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    facts = [(fact, style) for fact, style in zip(view.facts(), _STYLES, strict=True) if fact]
    room = width - sum(len(fact) + _GAP for fact, _ in facts)
    name = max(1, min(len(view.description), room - _GAP - _SHORTEST, room))
    bar = min(room - name - _GAP, _WIDTH)
    if bar < _SHORTEST:
        name, bar = max(1, min(len(view.description), room)), 0
    table = Table.grid(padding=(0, _GAP, 0, 0))
    table.add_column(width=name, no_wrap=True, overflow="ellipsis")
    cells: list[Any] = [Text(view.description)]
    if bar:
        table.add_column(width=bar)
        total, finished = view.progress.total, view.progress.finished
        cells.append(ProgressBar(total=total, completed=finished, width=bar, pulse=total is None))
    for fact, style in facts:
        table.add_column(no_wrap=True)
        cells.append(Text(fact, style=style))
    table.add_row(*cells)
    return table
