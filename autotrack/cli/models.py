"""`autotrack models` and `autotrack crate`: what is registered, and what a crate holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import click
from rich import box
from rich.table import Table

from autotrack.cli.group import FOUND_NOTHING, existing_store, main, store_option
from autotrack.cli.options import completing
from autotrack.cli.printing import escape, json_option, new_console, plain, say, say_json
from autotrack.cli.tables import ID, moment
from autotrack.cli.trust import trust_option
from autotrack.crates.load import look
from autotrack.crates.trust.refusal import described, opens
from autotrack.crates.trust.trust import Word
from autotrack.entities import ModelVersion
from autotrack.errors import ModelNotFoundError
from autotrack.printable import printable
from autotrack.tracking.api.models import find_version, locate, search_models, verify_model
from autotrack.tracking.api.search import load_model
from autotrack.tracking.crating.load_stored import is_ours
from autotrack.tracking.workspace import workspace


class _Models(click.Group):
    """Without a command of its own it lists: all models, or those of the name that is given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {*self.commands, *ctx.help_option_names}
        if (args[:1] and args[0] not in known) or (not args and not ctx.resilient_parsing):
            args = ["list", *args]
        return super().parse_args(ctx, args)


_name = click.argument("name", shell_complete=completing.models)


@main.group(cls=_Models)
def models() -> None:
    """Look at registered models; without a command, list them.

    \b
    Examples:
      autotrack models
      autotrack models exists coffee@champion && autotrack serve models:/coffee@champion
    """


@models.command(name="list")
@click.argument("name", required=False, shell_complete=completing.models)
@click.option("--csv", "as_csv", is_flag=True, help="Everything that is known, as CSV.")
@json_option
@store_option
@click.pass_context
def list_models(context: click.Context, name: str | None, as_csv: bool, as_json: bool) -> None:
    """List the registered models with their versions, or those of NAME.

    Ends with 1 if there are none.

    \b
    Example:
      autotrack models list coffee
    """
    store = existing_store()
    if as_csv:
        frame = search_models(name)
        frame["aliases"] = frame["aliases"].map(" ".join)
        say(frame.to_csv(index=False).removesuffix("\n"))
        return
    versions = store.model_versions(name)
    if as_json:
        say_json(versions)
        context.exit(0 if versions else FOUND_NOTHING)
    out = new_console()
    if not versions:
        out.print("No models yet: autotrack.register_model(uri, name) makes the first one.")
        context.exit(FOUND_NOTHING)
    out.print(_table(versions))
    for model in dict.fromkeys(version.name for version in versions):
        described, tags = store.model_description(model)
        if described or tags:
            out.print(f"[bold]{escape(model)}[/bold]  {escape(_about(described, tags))}")
    out.print("[dim]autotrack.load_model('models:/NAME/VERSION') or 'models:/NAME@ALIAS'.[/dim]")


@models.command(name="show")
@_name
@json_option
@store_option
def show_model(name: str, as_json: bool) -> None:
    """Show what is said of the model NAME, its versions and its aliases.

    \b
    Example:
      autotrack models show coffee
    """
    store = existing_store()
    versions = store.model_versions(name)
    described, tags = store.model_description(name)
    if as_json:
        about = {"name": name, "description": described, "tags": tags}
        say_json({**about, "aliases": _aliases(versions), "versions": versions})
        return
    out = new_console()
    out.print(f"[bold]{escape(name)}[/bold]  {escape(_about(described, tags))}")
    for alias, number in _aliases(versions).items():
        out.print(f"  {escape(alias)} is version {number}")
    out.print(_table(versions))


@models.command(name="versions")
@_name
@json_option
@store_option
def show_versions(name: str, as_json: bool) -> None:
    """Print the addresses of the versions of the model NAME, the newest first.

    \b
    Example:
      autotrack models versions coffee
    """
    versions = existing_store().model_versions(name)
    if as_json:
        say_json(versions)
        return
    for version in versions:
        say(printable(version.uri))


@models.command(name="aliases")
@_name
@json_option
@store_option
@click.pass_context
def show_aliases(context: click.Context, name: str, as_json: bool) -> None:
    """Print the aliases of the model NAME and the versions they point at.

    Ends with 1 if it has none.

    \b
    Example:
      autotrack models aliases coffee
    """
    found = _aliases(existing_store().model_versions(name))
    if as_json:
        say_json(found)
    for alias, number in () if as_json else found.items():
        say(printable(f"{alias} {number}"))
    context.exit(0 if found else FOUND_NOTHING)


@models.command()
@_name
@json_option
@store_option
@click.pass_context
def exists(context: click.Context, name: str, as_json: bool) -> None:
    """Say whether there is a model, a version or an alias: NAME, NAME/VERSION or NAME@ALIAS.

    Ends with 0 if there is, with 1 if not, and prints nothing but for --json.

    \b
    Example:
      autotrack models exists coffee@champion
    """
    store = existing_store()
    asked = name.removeprefix("models:/")
    try:
        if "@" in asked or "/" in asked:
            find_version(store, f"models:/{asked}")
        else:
            store.model_versions(asked)
    except ModelNotFoundError:
        there = False
    else:
        there = True
    if as_json:
        say_json({"asked": asked, "exists": there})
    context.exit(0 if there else FOUND_NOTHING)


def _aliases(versions: Sequence[ModelVersion]) -> dict[str, int]:
    return {alias: each.version for each in versions for alias in sorted(each.aliases)}


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
    """Look into a crate.

    \b
    Example:
      autotrack crate show runs:/3f2a/model
    """


@crate.command()
@click.argument("uri", metavar="PATH")
@click.option("--source", is_flag=True, help="The text of the code that is inside, too.")
@json_option
@store_option
def show(uri: str, source: bool, as_json: bool) -> None:
    """Show what a crate holds and would import, without loading it.

    PATH is its folder, or an address: runs:/<run_id>/model, models:/<name>@<alias>.

    \b
    Example:
      autotrack crate show models:/coffee@champion
    """
    path, recorded = locate(uri)
    found = look(path, recorded, vouches=partial(is_ours, workspace))
    if as_json:
        about = {"opens": found.opens, "refused": found.refused, "path": str(path)}
        imports = sorted(".".join(name) for name in found.contents.names)
        say_json({**about, "imports": imports, "manifest": found.manifest})
        return
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
@json_option
@store_option
def convert(uri: str, target: Path, trust: Word, as_json: bool) -> None:
    """Store the model of a crate without pickle, in the new folder TARGET.

    PATH is its folder, or an address: runs:/<run_id>/model, models:/<name>@<alias>. What skops
    stored opens from anybody as far as skops trusts its types by itself. It takes the extra skops,
    and knows no functions or classes of your own.

    \b
    Example:
      autotrack crate convert models:/coffee@champion coffee-skops
    """
    made = load_model(uri, trust=trust).save(target, format="skops")
    asked = look(made).refused
    if as_json:
        say_json({"folder": str(made), "to_trust": asked})
        return
    say(f"{made} holds the model as skops stores it")
    if asked:
        say(f"  who opens it has to trust {', '.join(asked)}")


@crate.command()
@click.argument("uri", metavar="PATH")
@click.option("--env", is_flag=True, help="In a new environment with its requirements alone.")
@trust_option
@json_option
@store_option
@click.pass_context
def verify(context: click.Context, uri: str, env: bool, trust: Word, as_json: bool) -> None:
    """Ask a crate in a fresh process what it was asked at packing.

    PATH is its folder, or an address: runs:/<run_id>/model, models:/<name>@<alias>. Ends with 1 if
    the crate says something else there, with 4 if it cannot be opened.

    \b
    Example:
      autotrack crate verify models:/coffee@champion --env
    """
    found = verify_model(uri, env=env, trust=trust)
    if as_json:
        say_json({"ok": bool(found), **plain(found)})
    else:
        say(str(found))
    context.exit(0 if found else 1)
