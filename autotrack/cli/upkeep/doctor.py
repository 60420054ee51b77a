"""`autotrack doctor`: whether the store is whole, and what to do where it is not."""

from __future__ import annotations

import platform
import sqlite3
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal

import click

from autotrack._version import __version__
from autotrack.analysis.predictions.files import JOURNAL
from autotrack.cli.group import FOUND_NOTHING, existing_store, main, store_option
from autotrack.cli.printing import escape, json_option, new_console, say_json
from autotrack.cli.tables import size_text
from autotrack.errors import StoreError
from autotrack.runtime.dataclass import dataclass
from autotrack.settings import Settings
from autotrack.store.store import Store

_PACKAGES = (
    "scikit-learn", "numpy", "pandas", "joblib", "cloudpickle", "xxhash", "blake3", "rich", "click",
)  # fmt: skip
_COLOURS = {"ok": "green", "note": "cyan", "warning": "yellow", "error": "red"}
_SHOWN = 10
# Below this SQLite, models and the log soon find no room.
_LITTLE = 1 << 30


@dataclass(frozen=True, slots=True)
class _Check:
    """What one look found; `advice` says what to do, `items` what it is about."""

    name: str
    state: Literal["ok", "note", "warning", "error"]
    text: str
    advice: str = ""
    items: tuple[str, ...] = ()


@main.command()
@click.option("--fix", is_flag=True, help="Do what is safe: end dead runs, remove what processes "
              "left that are gone.")  # fmt: skip
@click.option("--quick", is_flag=True, help="Do not read every file to check its digest.")
@json_option
@store_option
@click.pass_context
def doctor(context: click.Context, fix: bool, quick: bool, as_json: bool) -> None:
    """Check the store: its database, the files of its runs, dead runs, the disk, versions.

    Ends with 0 if all is well, with 1 if something needs attention. Nothing is changed without
    --fix.

    \b
    Example:
      autotrack doctor --quick
    """
    checks = list(_checks(fix=fix, quick=quick))
    needs = [check for check in checks if check.state in ("warning", "error")]
    if as_json:
        say_json({"ok": not needs, "checks": checks})
    else:
        _print(checks)
    context.exit(FOUND_NOTHING if needs else 0)


def _print(checks: list[_Check]) -> None:
    console = new_console()
    for check in checks:
        colour = _COLOURS[check.state]
        console.print(f"[{colour}]{check.state:<8}[/{colour}]{check.name:<12} {escape(check.text)}")
        for item in check.items[:_SHOWN]:
            console.print(f"{'':<21}{escape(item)}", soft_wrap=True)
        if len(check.items) > _SHOWN:
            console.print(f"{'':<21}and {len(check.items) - _SHOWN:,} more; --json has all")
        if check.advice:
            console.print(f"{'':<21}[dim]{escape(check.advice)}[/dim]", soft_wrap=True)


def _checks(*, fix: bool, quick: bool) -> Iterator[_Check]:
    yield _versions()
    folder = Settings.resolve().store
    if not (folder / "autotrack.db").exists():
        existing_store()  # which says so
    yield (schema := _schema(folder / "autotrack.db"))
    if schema.state == "error":
        return
    try:
        store = existing_store()
    except StoreError as error:
        yield _Check("database", "error", str(error), _RESTORE)
        return
    problems = store.check()
    if problems:
        yield _Check("database", "error", "SQLite finds it damaged", _RESTORE, tuple(problems))
        return
    yield _database(store)
    yield _dead(store, fix=fix)
    yield _files(store, quick=quick)
    yield from _left_over(store, fix=fix)
    yield from _disk(store)


_RESTORE = (
    "Take a copy of the folder first. `sqlite3 autotrack.db .recover` reads what can be read; "
    "the files of runs are in artifacts/, by run id."
)


def _versions() -> _Check:
    found, missing = [], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    text = f"autotrack {__version__}, Python {platform.python_version()}"
    text += f", SQLite {sqlite3.sqlite_version}"
    if missing:
        advice = "Install it again: pip install --force-reinstall sklearn-autotrack"
        return _Check("versions", "error", f"not installed: {', '.join(missing)}", advice)
    return _Check("versions", "ok", text, items=(", ".join(found),))


def _schema(path: Path) -> _Check:
    from autotrack.store.upkeep.inspection import schema_of

    try:
        held, known = schema_of(path)
    except sqlite3.Error as error:
        return _Check("schema", "error", f"{path} cannot be read: {error}", _RESTORE)
    if held > known:
        text = f"{path} has schema {held}; this autotrack knows up to {known}"
        return _Check("schema", "error", text, "Upgrade: pip install -U sklearn-autotrack")
    if held < known:
        text = f"{held}; it becomes {known} when it is next written to"
        return _Check("schema", "note", text)
    return _Check("schema", "ok", f"{held}, the newest that this autotrack knows")


def _database(store: Store) -> _Check:
    from autotrack.store.upkeep.inspection import counts, journal_mode

    held = ", ".join(_count(number, name) for name, number in counts(store).items())
    mode = journal_mode(store)
    if mode != "wal":
        text = f"whole ({held}), but its journal mode is {mode}: writing is slower"
        advice = "A file system without shared memory, as of a network, allows no other."
        return _Check("database", "note", text, advice)
    return _Check("database", "ok", f"whole: {held}; journal mode {mode}")


def _dead(store: Store, *, fix: bool) -> _Check:
    from autotrack.store.upkeep.inspection import dead_runs

    found = dead_runs(store)
    if not found:
        return _Check("running", "ok", "no run is shown as running whose process is gone")
    items = tuple(f"{run_id} {name}" for run_id, name in found)
    if fix:
        ended = store.reap()
        return _Check("running", "ok", f"ended as KILLED: {_count(len(ended), 'run')}", items=items)
    text = f"{_count(len(found), 'run')} shown as running whose process is gone"
    return _Check("running", "warning", text, "autotrack doctor --fix ends them as KILLED.", items)


def _files(store: Store, *, quick: bool) -> _Check:
    from autotrack.store.upkeep.inspection import wrong_files

    found = tuple(f"{wrong.owner}  {wrong.path}: {wrong.why}"
                  for wrong in wrong_files(store, read=not quick))  # fmt: skip
    if found:
        text = f"{_count(len(found), 'file')} missing or not as recorded"
        advice = (
            "What was recorded of these runs is still there. Copy the files back from a backup, "
            "or delete the runs (autotrack.delete_run) and run autotrack gc."
        )
        return _Check("files", "error", text, advice, found)
    how = "there, and of the recorded size" if quick else "there, and as recorded"
    return _Check("files", "ok", f"all files of runs and models are {how}")


def _left_over(store: Store, *, fix: bool) -> Iterator[_Check]:
    from autotrack.store.upkeep.leftovers import leftovers

    if fix:
        store.artifacts.sweep()
        store.processes.sweep()
    found = leftovers(store, read_later=(JOURNAL,))
    if not found:
        yield _Check("left over", "ok", "nothing that could be removed")
        return
    parts = [
        (len(found.runs), "deleted run"),
        (len(found.files), "file that no run names"),
        (len(found.staged), "unfinished folder"),
    ]
    text = ", ".join(_count(number, what) for number, what in parts if number)
    items = tuple(file.path for file in (*found.files, *found.staged))
    advice = f"autotrack gc removes it, and frees {size_text(found.bytes)}."
    yield _Check("left over", "note", text, advice, items)


def _disk(store: Store) -> Iterator[_Check]:
    from autotrack.store.upkeep.inspection import disk

    found = disk(store.root)
    kind = f"{found.file_system}, " if found.file_system else ""
    text = f"{kind}{size_text(found.free)} of {size_text(found.total)} free at {store.root}"
    if found.free < _LITTLE:
        advice = "autotrack gc may free some of it; enable(log_models=False) keeps no models."
        yield _Check("disk", "warning", text, advice)
    elif found.is_of_a_network:
        advice = (
            "SQLite needs locks that work: record on a local disk where several machines write, "
            "and carry the stores together afterwards."
        )
        yield _Check("disk", "warning", f"a file system of a network: {text}", advice)
    else:
        yield _Check("disk", "ok", text)


def _count(number: int, what: str) -> str:
    noun, _, rest = what.partition(" that ")
    plural = "" if number == 1 else "s"
    return f"{number:,} {noun}{plural}" + (f" that {rest}" if rest else "")
