"""How far a run of many evaluations is, as it stands in the store for other processes to see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from autotrack.entities import RunRecord
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patterns import pattern

#: The tag that says how far a run is: ``3 of 5 splits``, ``7 of 300 splits, 4 reused``.
PROGRESS_TAG = "autotrack.progress"
#: The tag that says how long a search will take from here on, as ``0:12:05``; gone when it ended.
TIME_LEFT_TAG = "autotrack.time_left"

_FORM = pattern(r"(\d+)(?: of (\d+))? ([a-z ]+?)(?:, (\d+) reused)?")


@dataclass(frozen=True, slots=True)
class Progress:
    """How many evaluations finished, and of how many.

    Attributes
    ----------
    finished : int
        Those that finished, the reused ones among them.
    total : int or None
        Of how many, where that is known.
    unit : str
        What is counted, in the plural.
    reused : int
        Those that another run had computed, which took no time.
    """

    finished: int
    total: int | None = None
    unit: str = "splits"
    reused: int = 0

    def __str__(self) -> str:
        total = "" if self.total is None else f" of {self.total}"
        reused = f", {self.reused} reused" if self.reused else ""
        return f"{self.finished}{total} {self.unit}{reused}"

    def left(self, elapsed: timedelta) -> timedelta | None:
        """How long the rest will take, judged by what finished in the time so far."""
        computed = self.finished - self.reused
        if self.total is None or computed <= 0:
            return None
        return elapsed / computed * max(self.total - self.finished, 0)


def progress_of(record: RunRecord) -> Progress | None:
    """How far a run is, or was when it ended; None for one that counts nothing."""
    found = _FORM.fullmatch(record.tags.get(PROGRESS_TAG, ""))
    if found is None:
        return None
    finished, total, unit, reused = found.groups()
    return Progress(int(finished), None if total is None else int(total), unit, int(reused or 0))


def time_left(record: RunRecord) -> timedelta | None:
    """How long a run that is under way will take yet, as far as that can be told."""
    progress = progress_of(record)
    if progress is None or record.status != "RUNNING":
        return None
    return progress.left(datetime.now(UTC) - record.start_time)
