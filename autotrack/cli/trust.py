"""The option by which commands are given the caller's word for a crate."""

from __future__ import annotations

import click

from autotrack.crates.trust.trust import Word, as_trust
from autotrack.errors import InvalidValueError

_YES = frozenset({"true", "yes"})


def _word(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Word:
    if any(value.lower() in _YES for value in values):
        return True
    try:
        as_trust(values)
    except InvalidValueError as error:
        raise click.BadParameter(
            f"give true, the SHA-256 of the crate's model, or names of types ({error})"
        ) from error
    return values


trust_option = click.option(
    "--trust",
    multiple=True,
    metavar="WORD",
    is_flag=False,
    flag_value="true",
    callback=_word,
    help="Your word for a crate that this store did not pack: true, the SHA-256 of its model, or, "
    "for one that skops stored, the names of the types it may hold.",
)
