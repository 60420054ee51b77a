"""`autotrack completion`: run ids, experiments, metrics and options, completed by the shell."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from autotrack.cli.group import Unable, main
from autotrack.cli.printing import json_option, say, say_json

_PROGRAM, _VARIABLE = "autotrack", "_AUTOTRACK_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


def _place(shell: str) -> Path:
    """Where the shell looks for it, or, of zsh, where it is told to look."""
    home = Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return {
        "bash": data / "bash-completion" / "completions" / _PROGRAM,
        "zsh": home / ".zfunc" / f"_{_PROGRAM}",
        "fish": config / "fish" / "completions" / f"{_PROGRAM}.fish",
    }[shell]


_NEXT = {
    "bash": "It works in new shells where the package bash-completion is installed; else add to "
    "~/.bashrc:  source {place}",
    "zsh": "Add to ~/.zshrc, before compinit:  fpath=(~/.zfunc $fpath)\n"
    "and, if it is not there:  autoload -Uz compinit && compinit",
    "fish": "It works in new shells.",
}


@main.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.option("--install", is_flag=True, help="Write it to where the shell looks for it.")
@json_option
def completion(shell: str, install: bool, as_json: bool) -> None:
    """Print what makes SHELL complete commands, options, run ids, experiments and metrics.

    \b
    Examples:
      autotrack completion bash --install
      source <(autotrack completion zsh)
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise Unable(f"this version of click knows no {shell}")
    made = kind(main, {}, _PROGRAM, _VARIABLE)
    # Without asking for the version of the shell, as click's own printing does: the file may be
    # made on another machine.
    script = made.source_template % made.source_vars()
    if not install:
        say_json({"shell": shell, "script": script}) if as_json else click.echo(script)
        return
    place = _place(shell)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(script, encoding="utf-8")
    except OSError as error:
        raise Unable(f"cannot write {place} ({error.strerror})") from error
    if as_json:
        say_json({"shell": shell, "file": str(place)})
        return
    say(f"wrote {place}")
    say(_NEXT[shell].format(place=place))
