"""The command line: a module a family of commands, which registers them with the group."""

from autotrack.cli.group import Group, main

_FAMILIES = {
    "explaining.card": ("card",),
    "explaining.differing": ("compare", "diff"),
    "explaining.explain": ("explain",),
    "explaining.replay": ("replay",),
    "help": ("help",),
    "models": ("crate", "models"),
    "pages.ui": ("ui",),
    "run": ("run",),
    "runs": ("best", "runs", "show"),
    "serve": ("serve",),
    "sharing.export": ("export",),
    "sharing.merge": ("merge",),
    "shell.completion": ("completion",),
    "upkeep.doctor": ("doctor",),
    "upkeep.gc": ("gc",),
    "servers.pull": ("pull",),
    "servers.replicate": ("replicate",),
}
Group.families |= {
    command: f"{__name__}.{family}"
    for family, commands in _FAMILIES.items()
    for command in commands
}

__all__ = ["main"]
