"""`autotrack models` and `autotrack crate`: what is registered, and what a crate holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import click
from rich import box
from rich.table import Table

from autotrack.cli.group import existing_store, main, store_option
from autotrack.cli.printing import escape, new_console, say
from autotrack.cli.tables import ID, moment
from autotrack.cli.trust import trust_option
from autotrack.crates.load import look
from autotrack.crates.trust.refusal import described, opens
from autotrack.crates.trust.trust import Word
from autotrack.entities import ModelVersion
from autotrack.tracking.api.models import locate, search_models, verify_model
from autotrack.tracking.api.search import load_model
from autotrack.tracking.crating.load_stored import is_ours
from autotrack.tracking.workspace import workspace


@main.command()
@click.argument("name", required=False)
@click.option("--csv", "as_csv", is_flag=True, help="Everything that is known, as CSV.")
@store_option
def models(name: str | None, as_csv: bool) -> None:
    """List the registered models with their versions, or those of NAME."""
    store = existing_store()
    if as_csv:
        frame = search_models(name)
        frame["aliases"] = frame["aliases"].map(" ".join)
        say(frame.to_csv(index=False).removesuffix("\n"))
        return
    versions = store.model_versions(name)
    out = new_console()
    if not versions:
        out.print("No models yet: autotrack.register_model(uri, name) makes the first one.")
        return
    out.print(_table(versions))
    for model in dict.fromkeys(version.name for version in versions):
        described, tags = store.model_description(model)
        if described or tags:
            out.print(f"[bold]{escape(model)}[/bold]  {escape(_about(described, tags))}")
    out.print("[dim]autotrack.load_model('models:/NAME/VERSION') or 'models:/NAME@ALIAS'.[/dim]")


def _table(versions: Sequence[ModelVersion]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("model", "version", "aliases", "run", "registered", "by", "about"):
        table.add_column(heading, justify="right" if heading == "version" else "left")
    for version in versions:
        table.add_row(
            escape(version.name),
            str(version.version),
            escape(", ".join(version.aliases)),
            "" if version.run_id is None else version.run_id[:ID],
            moment(version.created),
            escape(version.user),
            escape(_about(version.description, version.tags)),
        )
    return table


def _about(description: str, tags: Mapping[str, str]) -> str:
    facts = ", ".join(f"{key}={value}" for key, value in sorted(tags.items()))
    return "; ".join(filter(None, (description, facts)))


@main.group()
def crate() -> None:
    """Look into a crate."""


@crate.command()
@click.argument("uri", metavar="PATH")
@click.option("--source", is_flag=True, help="The text of the code that is inside, too.")
@store_option
def show(uri: str, source: bool) -> None:
    """Show what a crate holds and would import, without loading it.

    PATH is its folder, or an address: runs:/<run_id>/model, models:/<name>@<alias>.
    """
    path, recorded = locate(uri)
    found = look(path, recorded, vouches=partial(is_ours, workspace))
    out = new_console()
    out.print(escape(found.manifest.bill(), lines=True))
    for line in [*described(found), "", *opens(found)]:
        out.print(escape(line), soft_wrap=True)
    for name, text in found.manifest.sources.items() if source else ():
        out.print(f"\n[bold]{escape(name)}[/bold]")
        out.print(escape(text.rstrip().expandtabs(), lines=True), soft_wrap=True)


@crate.command()
@click.argument("uri", metavar="PATH")
@click.argument("target", type=click.Path(path_type=Path))
@trust_option
@store_option
def convert(uri: str, target: Path, trust: Word) -> None:
    """Store the model of a crate without pickle, in the new folder TARGET.

    PATH is its folder, or an address: runs:/<run_id>/model, models:/<name>@<alias>. What skops
    stored opens from anybody as far as skops trusts its types by itself. It takes the extra skops,
    and knows no functions or classes of your own.
    """
    made = load_model(uri, trust=trust).save(target, format="skops")
    say(f"{made} holds the model as skops stores it")
    asked = look(made).refused
    if asked:
        say(f"  who opens it has to trust {', '.join(asked)}")


@crate.command()
@click.argument("uri", metavar="PATH")
@click.option("--env", is_flag=True, help="In a new environment with its requirements alone.")
@trust_option
@store_option
@click.pass_context
def verify(context: click.Context, uri: str, env: bool, trust: Word) -> None:
    """Ask a crate in a fresh process what it was asked at packing.

    PATH is its folder, or an address: runs:/<run_id>/model, models:/<name>@<alias>. Ends with 1 if
    the crate says something else there, or cannot be opened.
    """
    found = verify_model(uri, env=env, trust=trust)
    say(str(found))
    context.exit(0 if found else 1)
