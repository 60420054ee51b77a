"""`autotrack export`: runs as a file to send, or the whole store to carry."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click

from autotrack.cli.explaining.asked import asked_run
from autotrack.cli.group import existing_store, main
from autotrack.cli.printing import json_option, say, say_json
from autotrack.cli.sharing.merge import tell
from autotrack.errors import InvalidValueError
from autotrack.reporting.api import export as export_runs
from autotrack.reporting.api import export_store

_STDOUT = {"-.md": ".md", "-.csv": ".csv"}


@main.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("-o", "--output", metavar="FILE",
              help="Where to. Its end says what: .html, .md, .csv or .parquet; -.md and -.csv "
              "print.")  # fmt: skip
@click.option("-e", "--experiment", metavar="NAME", help="An experiment instead of runs.")
@click.option("-w", "--where", metavar="EXPR", help="A filter, for tables.")
@click.option("--order-by", metavar="EXPR", help="Such as 'metrics.test_r2 desc', for tables.")
@click.option("--children", is_flag=True, help="Runs below others too, for tables.")
@click.option("-c", "--column", "columns", multiple=True, metavar="NAME",
              help="A column of a table, such as metrics.test_r2; by default all.")  # fmt: skip
@click.option("--for-spreadsheets", is_flag=True,
              help="Put an apostrophe before texts in CSV that a spreadsheet would take for "
              "formulas. Without, texts stand as they were recorded.")  # fmt: skip
@click.option("--store", "whole", metavar="FOLDER|FILE.zip",
              help="The whole store instead, for `autotrack merge` to take over.")  # fmt: skip
@click.option("--leave-damaged", is_flag=True,
              help="With --store: go on without files that are missing or damaged.")  # fmt: skip
@click.option("--from", "source", metavar="FOLDER",
              help="The store to read (else AUTOTRACK_STORE, else autotrack_runs).")  # fmt: skip
@json_option
def export(
    runs: tuple[str, ...],
    output: str | None,
    experiment: str | None,
    where: str | None,
    order_by: str | None,
    children: bool,
    columns: tuple[str, ...],
    for_spreadsheets: bool,
    whole: str | None,
    leave_damaged: bool,
    source: str | None,
    as_json: bool,
) -> None:
    """Write runs into one file that can be sent, or the whole store down to be carried.

    One RUN is shown by itself, a search with its candidates, several are compared, an experiment
    (-e) is summed up; a table has a row for every run that matches.

    \b
    Examples:
      autotrack export last -o run.html
      autotrack export -e coffee --children -o runs.csv
      autotrack export --store carried.zip
    """
    if source is not None:
        os.environ["AUTOTRACK_STORE"] = str(Path(source).expanduser().absolute())
    store = existing_store()
    if whole is not None:
        if output is not None or runs or experiment or where:
            raise InvalidValueError("--store writes the whole store; leave the rest away")
        carried = export_store(whole, leave_damaged=leave_damaged)
        if as_json:
            say_json({"file": whole, "store": carried})
            return
        tell(carried, carried=True)
        say(f"written to {whole}; take it over elsewhere with: autotrack merge {Path(whole).name}")
        return
    if output is None:
        raise InvalidValueError(
            "name the file to write with -o FILE.html (or .md, .csv, .parquet), or write the "
            "whole store with --store FILE.zip"
        )
    ids = [asked_run(store, run).run_id for run in runs]
    asked = {
        "experiment": experiment,
        "where": where,
        "order_by": order_by,
        "children": children,
        "columns": columns,
        "for_spreadsheets": for_spreadsheets,
    }
    if output in _STDOUT:
        with tempfile.TemporaryDirectory() as folder:
            made = export_runs(Path(folder, f"a{_STDOUT[output]}"), ids, **asked)  # type: ignore[arg-type]
            written = made.read_text(encoding="utf-8")
        if as_json:
            say_json({"text": written})
            return
        sys.stdout.flush()
        say(written.removesuffix("\n"))
        return
    made = export_runs(output, ids, **asked)  # type: ignore[arg-type]
    if as_json:
        say_json({"file": str(made), "bytes": made.stat().st_size})
        return
    say(f"{made} ({made.stat().st_size:,} bytes) has what was recorded in {store.root}")
