"""`autotrack explain`: why a score changed."""

from __future__ import annotations

import json

import click

from autotrack.cli.explaining.asked import asked_run
from autotrack.cli.group import existing_store, main, store_option
from autotrack.cli.printing import say


@main.command()
@click.argument("a")
@click.argument("b")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
@store_option
def explain(a: str, b: str, as_json: bool) -> None:
    """Say why the score of run B is not that of run A, and whether it is more than noise.

    A and B are given as to `show`.
    """
    from autotrack.analysis.explaining.explanation import explain_runs

    store = existing_store()
    found = explain_runs(store, asked_run(store, a), asked_run(store, b))
    if as_json:
        say(json.dumps(found.to_dict(), indent=2, default=str))
        return
    for line in found.lines():
        say(line)
