"""What a page of runs was asked to show: all of it stands in the address, so Back restores it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from autotrack.runtime.dataclass import dataclass
from autotrack.store.search.parser import KEY
from autotrack.store.search.query import Query
from autotrack.web.rendering import url

SIZES = (25, 50, 100, 200)
STATUSES = ("RUNNING", "FINISHED", "FAILED", "KILLED")
#: What every run has and may be sorted by, with its name in the filter language.
ATTRIBUTES = {
    "name": "name",
    "experiment": "experiment",
    "kind": "kind",
    "status": "status",
    "started": "start_time",
    "took": "duration",
}
#: The kinds of charts, with what they are called.
CHARTS = {"": "points", "threads": "parallel coordinates", "importance": "importance of params"}
_MOST_COLUMNS = 60
_MOST_OPEN = 20


class Asked(Protocol):
    """The query of an address."""

    def get(self, key: str, default: str, /) -> str:
        """The value of a key."""

    def getlist(self, key: str, /) -> Sequence[str]:
        """All values of a key."""


@dataclass(frozen=True, slots=True)
class View:
    """The state of a page of runs.

    Attributes
    ----------
    experiments : tuple of str
        Ids; empty for all.
    where : str
        A filter.
    status : str
        One of `STATUSES`, or empty.
    sort : str
        A column such as ``metrics.test_r2_score``, with ``-`` before it for the largest first.
    columns : tuple of str
        Those to show; empty for those that vary.
    group : str
        A param whose values are shown instead of runs.
    page, size : int
    children : bool
        Whether runs with a parent stand as lines of their own.
    deleted : bool
    x, y : str
        The axes of the chart.
    chart : str
        One of `CHARTS`.
    open : tuple of str
        The ids of runs whose children are shown below them.
    """

    experiments: tuple[str, ...] = ()
    where: str = ""
    status: str = ""
    sort: str = ""
    columns: tuple[str, ...] = ()
    group: str = ""
    page: int = 1
    size: int = 50
    children: bool = False
    deleted: bool = False
    x: str = ""
    y: str = ""
    chart: str = ""
    open: tuple[str, ...] = ()

    @classmethod
    def of(cls, asked: Asked) -> View:
        """The view that an address asks for; what means nothing there is left out."""
        status = asked.get("status", "").upper()
        size = _whole(asked.get("size", ""), 50)
        return cls(
            experiments=tuple(dict.fromkeys(filter(None, asked.getlist("experiment")))),
            where=asked.get("where", "").strip(),
            status=status if status in STATUSES else "",
            sort=asked.get("sort", ""),
            columns=tuple(dict.fromkeys(filter(None, asked.getlist("column"))))[:_MOST_COLUMNS],
            group=asked.get("group", ""),
            page=max(1, _whole(asked.get("page", ""), 1)),
            size=size if size in SIZES else 50,
            children=asked.get("children", "") == "1",
            deleted=asked.get("deleted", "") == "1",
            x=asked.get("x", ""),
            y=asked.get("y", ""),
            chart=chart if (chart := asked.get("chart", "")) in CHARTS else "",
            open=tuple(dict.fromkeys(asked.getlist("open")))[:_MOST_OPEN],
        )

    def url(self, **changes: Any) -> str:
        """The address of this view with parts changed; its first page unless the page is."""
        if "page" not in changes:
            changes["page"] = 1
        new = replace(self, **changes)
        return url(
            "/runs",
            experiment=new.experiments,
            where=new.where,
            status=new.status,
            sort=new.sort,
            column=new.columns,
            group=new.group,
            children=new.children,
            deleted=new.deleted,
            size=new.size if new.size != 50 else None,
            x=new.x,
            y=new.y,
            chart=new.chart,
            open=new.open,
            page=new.page if new.page != 1 else None,
        )

    def toggled(self, run_id: str) -> str:
        """The address of this view with the children of a run shown, or shown no more."""
        kept = tuple(each for each in self.open if each != run_id)
        return self.url(open=kept if run_id in self.open else (*kept, run_id), page=self.page)

    def query(self, where: str | None = None) -> Query:
        """What the store is asked. Runs below others are looked at too once there is a filter."""
        return Query(
            experiment_ids=self.experiments or None,
            where=self.filter if where is None else where,
            order_by=self.order,
            children=self.children or bool(self.where),
            deleted=self.deleted,
        )

    @property
    def filter(self) -> str:
        """The filter with the status in it."""
        status = f"status = '{self.status}'" if self.status else ""
        both = f"{status} and ({self.where}\n)" if status and self.where else ""
        return both or status or self.where

    @property
    def order(self) -> str:
        """The order in the filter language."""
        column, falling = self.sort.removeprefix("-"), self.sort.startswith("-")
        field = field_of(column)
        return f"{field}{' desc' if falling else ''}" if field else ""

    def sorted_by(self, column: str) -> str:
        """``ascending`` or ``descending`` if it is by this column, else ``none``."""
        if self.sort.removeprefix("-") != column:
            return "none"
        return "descending" if self.sort.startswith("-") else "ascending"

    def next_sort(self, column: str, falling_first: bool) -> str:
        """The sort that a click on a column's heading asks for: one way, the other, none."""
        first, second = (f"-{column}", column) if falling_first else (column, f"-{column}")
        return {first: second, second: ""}.get(self.sort, first)


def field_of(column: str) -> str | None:
    """A column in the filter language; None if there is none of this name."""
    if column in ATTRIBUTES:
        return ATTRIBUTES[column]
    family, _, key = column.partition(".")
    if family in ("params", "metrics", "tags") and key:
        plain = KEY.fullmatch(key) is not None
        return f"{family}.{key}" if plain else f"{family}.`{key.replace('`', '``')}`"
    return None


def condition(column: str, value: Any) -> str:
    """A filter for the runs in which a column has a value."""
    field = field_of(column) or column
    if value is None:
        return f"{field} is null"
    if isinstance(value, bool):
        return f"{field} = {str(value).lower()}"
    if isinstance(value, int | float):
        return f"{field} = {value!r}"
    text = str(value).replace("'", "''")
    return f"{field} = '{text}'"


def with_condition(where: str, more: str) -> str:
    """A filter that asks for both."""
    return f"({where}) and {more}" if where else more


def _whole(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else default
