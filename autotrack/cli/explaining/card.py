"""`autotrack card`: a model card."""

from __future__ import annotations

from pathlib import Path

import click

from autotrack.cli.explaining.asked import asked_run
from autotrack.cli.group import existing_store, main, store_option
from autotrack.cli.printing import json_option, say, say_json
from autotrack.errors import RunNotFoundError
from autotrack.tracking.api.models import find_version


@main.command()
@click.argument("model", metavar="RUN|MODEL")
@json_option
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to this file: JSON if it is called .json, else Markdown.",
)
@store_option
def card(model: str, as_json: bool, output: Path | None) -> None:
    """Print a model card, drawn from what is recorded, with every gap marked as one.

    RUN is given as to `show`, a registered MODEL as models:/NAME/VERSION or models:/NAME@ALIAS.

    \b
    Example:
      autotrack card models:/coffee@champion -o card.md
    """
    from autotrack.analysis.explaining.drawing import card_of

    store = existing_store()
    version = find_version(store, model) if model.startswith("models:") else None
    if version is not None and version.run_id is None:
        raise RunNotFoundError(f"{model} came from no run of this store: nothing is recorded of it")
    asked = model if version is None or version.run_id is None else version.run_id
    made = card_of(store, asked_run(store, asked), version)
    if output is not None:
        written = made.save(output)
        if as_json:
            say_json({"file": str(written)})
        else:
            say(f"wrote {written}")
        return
    if as_json:
        say_json(made.to_dict())
    else:
        say(made.to_markdown().rstrip("\n"))
