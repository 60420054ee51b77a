"""`autotrack compare` and `diff`: whether scores differ by more than chance, and what else does."""

from __future__ import annotations

import math

import click
from rich import box
from rich.table import Table

from autotrack.cli.explaining.asked import asked_run
from autotrack.cli.group import existing_store, main, store_option
from autotrack.cli.options.arguments import metric_argument, run_argument
from autotrack.cli.printing import escape, json_option, new_console, plain, say_json
from autotrack.cli.tables import ID, number, value_text
from autotrack.tracking.api import search
from autotrack.tracking.api.predictions import compare as compare_runs
from autotrack.tracking.run import Run


@main.command()
@run_argument("a")
@run_argument("b")
@metric_argument("metric", required=False)
@click.option("--rope", type=float, help="A difference that is practically none.")
@json_option
@store_option
def compare(a: str, b: str, metric: str | None, rope: float | None, as_json: bool) -> None:
    """Say whether runs A and B differ by more than chance in METRIC.

    A and B are given as to `show`.

    \b
    Example:
      autotrack compare 3f2a last mean_test_r2 --rope 0.01
    """
    store = existing_store()
    left, right = (Run(store, asked_run(store, asked).run_id) for asked in (a, b))
    found = compare_runs(left, right, metric, rope=rope)
    if as_json:
        say_json({**plain(found), "verdict": found.verdict})
        return
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
@run_argument("a")
@run_argument("b")
@json_option
@store_option
def diff(a: str, b: str, as_json: bool) -> None:
    """Show what differs between two runs: params, data, code, environment and metrics.

    A and B are given as to `show`. Ends with 0, whether or not something differs.

    \b
    Example:
      autotrack diff 3f2a last
    """
    store = existing_store()
    left_id, right_id = asked_run(store, a).run_id, asked_run(store, b).run_id
    import pandas as pd

    frame = search.diff_runs(left_id, right_id)
    if as_json:
        say_json(frame)
        return
    console = new_console()
    if frame.empty:
        console.print("Nothing differs.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "key", left_id[:ID], right_id[:ID]):
        table.add_column(heading, overflow="fold")
    for section, key, left, right in frame.itertuples(index=False):
        values = (
            "" if side is pd.NA else escape(value_text(side), lines=True) for side in (left, right)
        )
        table.add_row(section, escape(key), *values)
    console.print(table)
