"""`autotrack run`: an unchanged script with tracking on."""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from pathlib import Path

import click

from autotrack.cli.main import main, store_option
from autotrack.session import enable
from autotrack.tracking.inputs import PREFIX


@main.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.option("--experiment", help="Experiment that the runs belong to.")
@click.option("--no-models", is_flag=True, help="Keep no crates of the fitted models.")
@store_option
def run(script: Path, args: tuple[str, ...], experiment: str | None, no_models: bool) -> None:
    """Run a Python SCRIPT, unchanged, with tracking on.

    ARGS go to the script, but for `-P name=value`, which sets what `autotrack.param(name, ...)`
    returns in it. What stands after `--` is the script's in any case.
    """
    inputs, rest = split_inputs(args)
    os.environ |= {PREFIX + name: value for name, value in inputs.items()}
    sys.argv = [str(script), *rest]
    sys.path.insert(0, str(script.absolute().parent))
    enable(experiment=experiment, log_models=False if no_models else None)
    try:
        runpy.run_path(str(script), run_name="__main__")
    except KeyboardInterrupt as error:
        # click would only say "Aborted!".
        sys.last_value = error
        traceback.print_exc()
        raise SystemExit(130) from None


def split_inputs(args: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    """Take ``-P name=value`` out of the arguments of a script."""
    inputs: dict[str, str] = {}
    rest: list[str] = []
    given = iter(args)
    for arg in given:
        if arg == "--":
            rest.extend(given)
        elif arg.startswith("-P"):
            text = arg[2:] or next(given, "")
            name, equals, value = text.partition("=")
            if not equals or not name:
                raise click.UsageError(f"-P takes name=value, not {text!r}")
            inputs[name] = value
        else:
            rest.append(arg)
    return inputs, rest
