"""What is written into which file: by what is asked for, and by the end of the file's name."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from autotrack.entities import Experiment
from autotrack.errors import InvalidValueError
from autotrack.printable import described
from autotrack.runtime.dataclass import dataclass
from autotrack.store.search.query import Query
from autotrack.store.sqlite_errors import explained
from autotrack.store.store import Store

ENDINGS = (".html", ".md", ".csv", ".parquet")
_UI = "pip install 'sklearn-autotrack[ui]'"
_NEEDED = ("starlette", "jinja2", "markupsafe", "pydantic", "fastapi", "uvicorn", "httptools")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be written.

    `run_ids` are runs: one is shown by itself, several are compared. Without, it is an experiment,
    and for tables every run that `where` leaves.
    """

    run_ids: Sequence[str] = ()
    experiment: Experiment | None = None
    where: str | None = None
    order_by: str | None = None
    children: bool = False
    columns: Sequence[str] = ()
    for_spreadsheets: bool = False


def export_file(store: Store, to: Path, wanted: Wanted) -> int | None:
    """Write what is wanted into a file, all of it or nothing; of tables the number of rows.

    Raises
    ------
    InvalidValueError
        If the name says no kind of file, or that kind cannot show what is asked for.
    """
    ending = to.suffix.lower()
    if ending not in ENDINGS:
        raise InvalidValueError(
            f"{described(str(to), 120)} does not say what to write; end it in "
            f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
        )
    if ending in (".html", ".md"):
        written = document(store, ending, wanted)
        with _replacing(to) as new:
            new.write_text(written, encoding="utf-8", errors="backslashreplace", newline="\n")
        return None
    from autotrack.reporting import tables

    query = _query(store, wanted)
    with _replacing(to) as new:
        if ending == ".parquet":
            return tables.write_parquet(store, query, new, wanted.columns)
        with open(new, "w", encoding="utf-8", newline="") as file:
            return tables.write_csv(
                store, query, file, wanted.columns, for_spreadsheets=wanted.for_spreadsheets
            )


def document(store: Store, ending: str, wanted: Wanted) -> str:
    """The text of an HTML or Markdown file."""
    if wanted.where or wanted.order_by or wanted.columns:
        raise InvalidValueError(
            "a filter, an order and columns are for tables (.csv, .parquet); name runs, or an "
            "experiment"
        )
    if not wanted.run_ids and wanted.experiment is None:
        raise InvalidValueError("name the runs or the experiment to write about")
    if ending == ".md":
        from autotrack.reporting import markdown as md

        if wanted.experiment is not None:
            return md.experiment_markdown(store, wanted.experiment)
        if len(wanted.run_ids) == 1:
            return md.run_markdown(store, wanted.run_ids[0])
        return md.comparison_markdown(store, wanted.run_ids)
    try:
        from autotrack.web.report import document as html
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _NEEDED:
            raise
        raise InvalidValueError(
            f"a page as a file needs {package}: {_UI}; a name that ends in .md does without"
        ) from error
    if wanted.experiment is not None:
        return html.experiment_document(store, wanted.experiment)
    if len(wanted.run_ids) == 1:
        return html.run_document(store, store.get_run(wanted.run_ids[0]))
    return html.comparison_document(store, wanted.run_ids)


def _query(store: Store, wanted: Wanted) -> Query:
    where = wanted.where
    if wanted.run_ids:
        ids = ", ".join(f"'{run_id}'" for run_id in wanted.run_ids)
        where = f"run_id in ({ids})" + (f" and ({where}\n)" if where else "")
    experiment = wanted.experiment
    return Query(
        experiment_ids=None if experiment is None else [experiment.experiment_id],
        where=where,
        order_by=wanted.order_by,
        children=wanted.children or bool(wanted.run_ids),
    )


@contextmanager
def _replacing(to: Path) -> Iterator[Path]:
    """A new file that takes the place of `to` when it is whole."""
    new = to.with_name(f".{to.name}.{secrets.token_hex(4)}")
    with explained(to):
        try:
            yield new
            os.replace(new, to)
        finally:
            with suppress(OSError):
                new.unlink(missing_ok=True)
