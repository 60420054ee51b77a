"""Arguments and options by which commands are told which runs they are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from autotrack.cli.options import completing

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def run_argument(name: str) -> _Decorator:
    """An argument that is a run: its id, the beginning of it, or `last`."""
    return click.argument(name, shell_complete=completing.runs)


def metric_argument(name: str, *, required: bool = True) -> _Decorator:
    """An argument that is the key of a metric."""
    return click.argument(name, required=required, shell_complete=completing.metrics)


def experiment_option(*, several: bool = False) -> _Decorator:
    """The option ``--experiment``, which may be given several times if `several`."""
    return click.option(
        "--experiment",
        "-e",
        multiple=several,
        shell_complete=completing.experiments,
        help="Only runs of this experiment.",
    )


def mode_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option ``--mode`` of what is ordered by a metric."""
    return click.option(
        "--mode",
        type=click.Choice(["max", "min"]),
        default="max",
        show_default=True,
        help="Whether the largest or the smallest value is best.",
    )(command)
