"""`autotrack explain`: why a score changed."""

from __future__ import annotations

from autotrack.cli.explaining.asked import asked_run
from autotrack.cli.group import existing_store, main, store_option
from autotrack.cli.options.arguments import run_argument
from autotrack.cli.printing import json_option, say, say_json


@main.command()
@run_argument("a")
@run_argument("b")
@json_option
@store_option
def explain(a: str, b: str, as_json: bool) -> None:
    """Say why the score of run B is not that of run A, and whether it is more than noise.

    A and B are given as to `show`.

    \b
    Example:
      autotrack explain 3f2a last
    """
    from autotrack.analysis.explaining.explanation import explain_runs

    store = existing_store()
    found = explain_runs(store, asked_run(store, a), asked_run(store, b))
    if as_json:
        say_json(found.to_dict())
        return
    for line in found.lines():
        say(line)
