"""`autotrack runs`, `show`, `best`, `compare` and `diff`: looking at what was recorded."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from autotrack.analysis.cells import newest_of_cells, times
from autotrack.analysis.evidence.ledger import judged
from autotrack.analysis.evidence.listing import Worth, unset_of, worth_of
from autotrack.analysis.evidence.reading import scores
from autotrack.analysis.names import ARGUMENTS_TAG, CODE_TAG
from autotrack.analysis.predictions.ranking import standing
from autotrack.cli.candidates import SEARCH_TAGS, best_candidates, best_so_far, notes_of
from autotrack.cli.explaining.asked import asked_run
from autotrack.cli.group import existing_store, main, store_option
from autotrack.cli.printing import escape, new_console, say
from autotrack.cli.tables import ID, moment, number, run_table, span, status, took, with_error
from autotrack.cli.tree import run_tree, with_best_points
from autotrack.entities import RunRecord
from autotrack.printable import described
from autotrack.progress.counts import PROGRESS_TAG, progress_of, time_left
from autotrack.store.search.cells import CELL_TAG, EXECUTION_TAG
from autotrack.store.search.query import Query, RunRow
from autotrack.store.store import Store
from autotrack.tracking.api import search
from autotrack.tracking.api.predictions import compare as compare_runs
from autotrack.tracking.recording.recorder import FIT_TAG
from autotrack.tracking.run import Run

_ROWS = 20
# Tags that say nothing to people, or what is shown elsewhere.
_INNER_TAGS = (
    ARGUMENTS_TAG,
    CELL_TAG,
    CODE_TAG,
    EXECUTION_TAG,
    FIT_TAG,
    PROGRESS_TAG,
    *SEARCH_TAGS,
)


@main.command()
@click.option("--experiment", "-e", multiple=True, help="Only runs of this experiment.")
@click.option("--where", "-w", help='A condition: "metrics.test_r2_score > 0.5 and params.C = 1".')
@click.option("--order-by", "-o", multiple=True, help='Such as "metrics.test_r2_score desc".')
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(min=0),
    help="At most so many: 20, as CSV all.",
)
@click.option("--children", "-c", is_flag=True, help="Runs that have a parent too.")
@click.option("--tree", "-t", is_flag=True, help="Each run with its children below it.")
@click.option("--csv", "as_csv", is_flag=True, help="Everything that is known, as CSV.")
@click.option("--repeats", is_flag=True,
              help="Also the earlier runs of notebook cells that were run again.")  # fmt: skip
@store_option
def runs(
    experiment: Sequence[str],
    where: str | None,
    order_by: Sequence[str],
    limit: int | None,
    children: bool,
    tree: bool,
    as_csv: bool,
    repeats: bool,
) -> None:
    """List runs, the newest first."""
    store = existing_store()
    if as_csv:
        frame = search.search_runs(
            experiment or None, where=where, order_by=order_by, limit=limit, children=children
        )
        say(frame.to_csv(index=False).removesuffix("\n"))
        return
    limit = _ROWS if limit is None else limit
    query = search.query(experiment or None, where, order_by, limit, children)
    found, folded = (store.search(query), None) if repeats else newest_of_cells(store, query)
    if folded is not None:
        found = [replace(row, name=f"{row.name}{times(folded, row)}") for row in found]
    console = new_console()
    if not found:
        console.print("No runs" + (" match." if where or experiment else " yet."))
        return
    if tree:
        console.print(run_tree(store, found))
    else:
        shown = with_best_points(store, found)
        _print_runs(console, shown, worth_of(store, found), unset_of(store, found))
    search.tell_order(store, order_by, found)
    if len(found) == limit:
        console.print(f"[dim]The newest {limit}; --limit shows more.[/dim]")
    console.print("[dim]autotrack show RUN shows one; the first letters of its id will do.[/dim]")


def _metrics(
    store: Store, record: RunRecord, steps: Mapping[str, int]
) -> Iterator[tuple[str, str]]:
    """The metrics of a run: means with their errors, scores with those of unseen rows."""
    for key, text in scores(store, record, number):
        shown = with_error(record.metrics, key) if key.startswith("mean_") else text
        yield key, f"{shown}{_steps(steps[key])}"


def _print_runs(
    console: Console,
    found: Sequence[RunRow],
    worth: Worth | None = None,
    unset: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    table, hidden = run_table(found, console.width, worth, cut=console.is_terminal, unset=unset)
    console.print(table)
    if hidden:
        console.print(f"[dim]{hidden} more params and metrics: --csv has all of them.[/dim]")


@main.command()
@click.argument("run")
@store_option
def show(run: str) -> None:
    """Show one RUN: its id, the first letters of it, or `last`."""
    store = existing_store()
    _show(new_console(), store, asked_run(store, run))


def _show(console: Console, store: Store, record: RunRecord) -> None:
    console.print(
        f"[bold]{escape(record.name)}[/bold]  {status(record.status)}  [dim]{record.kind} in "
        f"{escape(record.experiment)}[/dim]"
    )
    console.print(f"run      {escape(record.run_id)}")
    at_least = "at least " if record.status == "KILLED" else ""
    lasted = took(record.start_time, record.end_time)
    console.print(f"started  {moment(record.start_time)}, took {at_least}{lasted}")
    if (progress := progress_of(record)) is not None:
        left = time_left(record)
        console.print(f"finished {progress}" + (f", about {span(left)} left" if left else ""))
    if record.parent_id:
        console.print(f"parent   {escape(record.parent_id)}")
    _source(console, record)
    _section(console, "params", record.params.items(), _value)
    steps = {key: len(store.metric_history(record.run_id, key)) for key in record.metrics}
    _section(
        console,
        "metrics",
        _metrics(store, record, steps),
        str,
    )
    found = store.findings(record.run_id)
    _section(console, "held out", judged(store, record.run_id).items(), str)
    _section(console, "findings", ((f.code, f"{f.text}. {f.remedy}") for f in found), str)
    _section(console, "data", ((use.context, _data(use)) for use in record.datasets), str)
    tags = ((key, value) for key, value in record.tags.items() if not key.startswith(_INNER_TAGS))
    _section(console, "tags", tags, str)
    artifacts = store.list_artifacts(record.run_id)
    _section(console, "artifacts", ((a.path, _bytes(a.size)) for a in artifacts), str)
    if record.error is not None:
        console.print(f"\n[bold red]{escape(record.error.type)}[/bold red]: ", end="")
        console.print(escape(record.error.message, lines=True))
        console.print(f"[dim]{escape(record.error.traceback.rstrip(), lines=True)}[/dim]")
    _section(console, "notes", notes_of(store, record), str)
    if record.kind == "search":
        _candidates(console, store, record)
        children = []
    else:
        children = store.search(Query(parent_id=record.run_id, order_by=("start_time",)))
    if children:
        console.print(f"\n[bold]children[/bold] ({len(children)})")
        _print_runs(console, children, worth_of(store, children))
    if any(a.path == "model/manifest.json" for a in artifacts):
        console.print(
            f'\n[dim]autotrack.load_model("runs:/{record.run_id}/model") predicts with it.[/dim]'
        )


def _candidates(console: Console, store: Store, record: RunRecord) -> None:
    found = best_candidates(store, record)
    if not found:
        return
    count = len(store.children(record.run_id))
    console.print(f"\n[bold]candidates[/bold] ({count}, the best first)")
    _print_runs(console, found)
    if (best := best_so_far(record, found[0])) is not None:
        console.print(f"best     {escape(best)}")


def _source(console: Console, record: RunRecord) -> None:
    source = record.source
    if source is None:
        return
    if source.script:
        console.print(f"script   {escape(source.script)}")
    if source.git_commit:
        state = {True: " with changes", False: "", None: ""}[source.git_dirty]
        console.print(f"commit   {escape(source.git_commit[:12])}{state}")
    console.print(
        f"[dim]by {escape(source.user)} on {escape(source.host)}, "
        f"Python {escape(source.python)}[/dim]"
    )


def _section(console: Console, title: str, items: Iterable[tuple[str, Any]], form: Any) -> None:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in items:
        table.add_row(escape(key), escape(form(value), lines=True))
    if table.row_count:
        console.print(f"\n[bold]{title}[/bold]")
        console.print(table)


@main.command()
@click.argument("metric")
@click.option(
    "--mode",
    type=click.Choice(["max", "min"]),
    default="max",
    show_default=True,
    help="Whether the largest or the smallest value is best.",
)
@click.option("--experiment", "-e", help="Only runs of this experiment.")
@store_option
def best(metric: str, mode: str, experiment: str | None) -> None:
    """Show the run with the best value of METRIC."""
    store = existing_store()
    found = search.best_run(metric, mode=mode, experiment=experiment)
    console, record = new_console(), found.record()
    _show(console, store, record)
    console.print()
    for line in standing(store, record, metric, mode):
        console.print(escape(line))


@main.command()
@click.argument("a")
@click.argument("b")
@click.argument("metric", required=False)
@click.option("--rope", type=float, help="A difference that is practically none.")
@store_option
def compare(a: str, b: str, metric: str | None, rope: float | None) -> None:
    """Say whether runs A and B differ by more than chance in METRIC.

    A and B are given as to `show`.
    """
    store = existing_store()
    left, right = (Run(store, asked_run(store, asked).run_id) for asked in (a, b))
    found = compare_runs(left, right, metric, rope=rope)
    console = new_console()
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for run, value, error in (
        (found.a, found.value_a, found.se_a),
        (found.b, found.value_b, found.se_b),
    ):
        spread = "" if math.isnan(error) else f"± {error:.2g} (standard error)"
        table.add_row(run[:ID], number(value), spread)
    console.print(escape(found.metric) + " over all rows out of fold" * found.pooled)
    console.print(table)
    why = found.why or f"p {found.p_value:.3g}, {found.method}, n = {found.n}"
    console.print(f"{found.verdict}: {escape(why)}")
    if found.rope is not None:
        console.print(
            f"{found.a[:ID]} is worse with probability {found.rope.worse:.3g}, practically equal "
            f"{found.rope.equal:.3g}, better {found.rope.better:.3g}"
        )


@main.command()
@click.argument("a")
@click.argument("b")
@store_option
def diff(a: str, b: str) -> None:
    """Show what differs between two runs: params, data, code, environment and metrics.

    A and B are given as to `show`.
    """
    store = existing_store()
    left_id, right_id = asked_run(store, a).run_id, asked_run(store, b).run_id
    import pandas as pd

    frame = search.diff_runs(left_id, right_id)
    console = new_console()
    if frame.empty:
        console.print("Nothing differs.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "key", left_id[:ID], right_id[:ID]):
        table.add_column(heading, overflow="fold")
    for section, key, left, right in frame.itertuples(index=False):
        values = (
            "" if side is pd.NA else escape(_value(side), lines=True) for side in (left, right)
        )
        table.add_row(section, escape(key), *values)
    console.print(table)


def _steps(count: int) -> str:
    return f"  ({count} steps)" if count > 1 else ""


def _value(value: object) -> str:
    return value if isinstance(value, str) else described(value, sys.maxsize)


def _data(use: Any) -> str:
    shape = " x ".join(map(str, use.data.shape)) if use.data.shape else "?"
    name = f"{use.name}: " if use.name else ""
    return f"{name}{use.data.kind} {shape}  {use.data.fingerprint}"


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
