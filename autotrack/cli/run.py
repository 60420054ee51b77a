"""`autotrack run`: an unchanged script with tracking on."""

from __future__ import annotations

import ast
import builtins
import gc
import os
import sys
import types
from collections.abc import Iterable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path

import click

from autotrack.cli.group import main, store_option
from autotrack.runtime.import_hooks import once_imported
from autotrack.runtime.in_between import in_between
from autotrack.runtime.quiet import uncollected
from autotrack.session import enable
from autotrack.settings import Settings
from autotrack.tracking.api.params import PREFIX
from autotrack.tracking.workspace import workspace


@main.command(context_settings={"allow_interspersed_args": False})
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "-P",
    "inputs",
    multiple=True,
    metavar="NAME=VALUE",
    help="What autotrack.param(NAME, ...) returns in the script; may stand after it as well.",
)
@click.option("--experiment", help="Experiment that the runs belong to.")
@click.option("--no-models", is_flag=True, help="Keep no crates of the fitted models.")
@store_option
def run(
    script: Path,
    args: tuple[str, ...],
    inputs: tuple[str, ...],
    experiment: str | None,
    no_models: bool,
) -> None:
    """Run a Python SCRIPT, unchanged, with tracking on.

    ARGS go to the script, but for `-P name=value`. What stands after `--` is the script's in any
    case. It ends as the script does.

    \b
    Example:
      autotrack run train.py -P alpha=0.1 --epochs 5
    """
    given, rest = split_inputs(args)
    given = {**dict(map(_input, inputs)), **given}
    os.environ |= {PREFIX + name: value for name, value in given.items()}
    _enable(script, experiment, log_models=False if no_models else None)
    try:
        _be_python(script, rest)
    finally:
        if unasked := sorted(set(given) - set(workspace.inputs)):
            # It imports rich, which draws random numbers.
            from autotrack.cli.printing import say

            say(
                f"autotrack: {script.name} never asked for -P {', '.join(unasked)} "
                "(it would with autotrack.param)",
                error=True,
            )


def _enable(script: Path, experiment: str | None, *, log_models: bool | None) -> None:
    if _readies_imports(script):
        # The store is where it would be now, and what cannot be used is told now.
        settings = workspace.give(experiment=experiment, log_models=log_models)
        once_imported("sklearn", lambda: _enable_meanwhile(settings, experiment, log_models))
        return
    is_new_process = "sklearn" not in sys.modules
    with uncollected():
        enable(experiment=experiment, log_models=log_models)
        if is_new_process:
            # What is there now stays until the end, and nothing of it is the script's: looking
            # through it for garbage again and again takes longer than what tracking does.
            gc.freeze()


@in_between
def _enable_meanwhile(settings: Settings, experiment: str | None, log_models: bool | None) -> None:
    with workspace.failsafe.guard("switch tracking on"):
        enable(store=settings.store, experiment=experiment, log_models=log_models)


def _readies_imports(script: Path) -> bool:
    """Whether the script does something before it imports scikit-learn that this may depend on.

    Such as a variable of the environment, a filter of warnings, or a seed. What the script shall
    find as it left it is not imported before it.
    """
    try:
        text = script.read_bytes()
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False  # Python will say so
    if b"autotrack" in text.lower():
        return False  # it may ask whether tracking is on
    acts = False
    for statement in tree.body:
        if any(_imports_sklearn(node) for node in _at_once(statement)):
            return acts
        acts = acts or not _only_names(statement)
    return False


def _at_once(statement: ast.stmt) -> Iterator[ast.AST]:
    """What of a statement runs with the script, and not when a function is called."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))


def _imports_sklearn(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(name.name.partition(".")[0] == "sklearn" for name in node.names)
    return isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "sklearn"


def _only_names(statement: ast.stmt) -> bool:
    """Whether all that a statement does is to give names to modules, functions and constants."""
    if isinstance(statement, (ast.Expr, ast.Assign)):
        return isinstance(statement.value, ast.Constant) and all(
            isinstance(target, ast.Name) for target in getattr(statement, "targets", ())
        )
    return isinstance(
        statement, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef)
    )


def split_inputs(args: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Take ``-P name=value`` out of the arguments of a script."""
    inputs: dict[str, str] = {}
    rest: list[str] = []
    given = iter(args)
    for arg in given:
        if arg == "--":
            rest.extend(given)
        elif arg.startswith("-P"):
            name, value = _input(arg[2:] or next(given, ""))
            inputs[name] = value
        else:
            rest.append(arg)
    return inputs, rest


def _input(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError(f"-P takes name=value, not {text!r}")
    return name, value


def _be_python(script: Path, args: list[str]) -> None:
    """Do as ``python SCRIPT ARGS`` does, exceptions included, which click would swallow or cut."""
    path = str(script.absolute())
    loader = SourceFileLoader("__main__", path)
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=path, __loader__=loader, __builtins__=builtins)
    sys.modules["__main__"] = module
    sys.argv = [str(script), *args]
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    try:
        exec(loader.source_to_code(loader.get_data(path), path), module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever ends the script is shown and exited on
        while (tb := error.__traceback__) and tb.tb_frame.f_globals is not module.__dict__:
            error.__traceback__ = tb.tb_next
        about = type(error), error, error.__traceback__
        # What Python sets for exit handlers to look at.
        names = ("last_type", "last_value", "last_traceback", "last_exc")
        vars(sys).update(zip(names, (*about, error), strict=True))
        sys.excepthook(*about)
        raise SystemExit(130 if isinstance(error, KeyboardInterrupt) else 1) from None
