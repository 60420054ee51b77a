"""What is recorded may hold anything; the terminal shows it and does not obey it."""

from __future__ import annotations

import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
import unicodedata
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

import autotrack
from autotrack.cli import main
from tests.waiting import PATIENCE

HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07\x1b[31m\x9b31m\x90q\x9c\x08\x7f\r\x85"
    "\u202egnp\u2066\u200b\u200f\ufeff\u2028\u3164\U000e0041[red]\\"
)
X, y = [[1.0], [2.0], [3.0], [4.0]], [1.0, 2.0, 4.0, 3.0]
RUN, OTHER = "1" * 32, "2" * 32
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}

# Columns whose texts are words or numbers of our own, or lead to files.
OURS = {
    "params.type", "runs.owner", "runs.source_id", "sources.source_id", "artifacts.location",
    "model_version_files.location", "sqlite_sequence.name", "datasets.shape", "messages.kind",
    "experiments.artifact_location", "packed.sha256", "model_version_files.path",
}  # fmt: skip
# Of these no two rows may be the same.
IN_JSON = {
    "sources.command",
    "sources.packages",
    "datasets.columns",
    "messages.details",
    "class_defaults.params",
}


@pytest.fixture
def store(store_path: Path, tmp_path: Path) -> Path:
    """A store whose texts all end in what a terminal would obey."""
    with autotrack.enable():
        with autotrack.start_run("first", tags={"team": "a"}) as first:
            Ridge(alpha=0.5).fit(X, y).score(X, y)
            autotrack.log_params({"text": "rbf", "list": ["a"]})
            autotrack.log_text("x", "notes/a.txt")
        with autotrack.start_run("second") as second, pytest.raises(ValueError, match="alpha"):
            Ridge(alpha=-1).fit(X, y)
        GridSearchCV(Ridge(), {"alpha": [0.5, 1.0], "solver": ["svd", "auto"]}, cv=2).fit(X, y)
        with pytest.raises(ZeroDivisionError), autotrack.start_run("third"):
            1 / 0  # noqa: B018
    autotrack.register_model(f"runs:/{first.run_id}/model", "coffee", tags={"a": "b"})
    autotrack.set_alias("coffee", "champion", 1)
    crate = autotrack.load_model(f"runs:/{first.run_id}/model").save(tmp_path / "crate")
    autotrack.tracking.workspace.workspace.forget()
    with sqlite3.connect(store_path / "autotrack.db") as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for old, new in ((first.run_id, RUN), (second.run_id, OTHER)):
            connection.execute("UPDATE runs SET run_id = ? WHERE run_id = ?", (new, old))
        connection.execute("UPDATE runs SET error_type='E', error_message='m\n', "
                           "error_traceback='t' WHERE run_id = ?", (OTHER,))  # fmt: skip
        spoil(connection)
    manifest = json.loads((crate / "manifest.json").read_text())
    (crate / "manifest.json").write_text(json.dumps(spoilt(manifest)))
    return crate


def spoil(connection: sqlite3.Connection) -> None:
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master "
                                                     "WHERE type = 'table'")]  # fmt: skip
    for table in tables:
        for _, column, kind, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
            name = f"{table}.{column}"
            if kind != "TEXT" or name in OURS:
                continue
            if name in IN_JSON:
                for (text,) in connection.execute(f"SELECT {column} FROM {table}").fetchall():
                    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?",
                                       (json.dumps(spoilt(json.loads(text))), text))  # fmt: skip
                continue
            where = f"{column} NOT IN ('{RUN}', '{OTHER}')"
            if name == "params.value":
                where += " AND type = 'str'"
            if name in ("runs.status", "runs.kind"):
                where += f" AND run_id NOT IN ('{RUN}')"
            if column == "key":
                where += " AND key NOT LIKE 'autotrack.%' AND key <> 'mean_test_score'"
            if name == "tags.value":
                where += " AND key NOT LIKE 'autotrack.%'"
            connection.execute(f"UPDATE {table} SET {column} = {column} || ? WHERE {where}",
                               (HOSTILE,))  # fmt: skip


def spoilt(value: object) -> object:
    """The same with a hostile end of each text that is a name or words."""
    if isinstance(value, dict):
        kept = ("format", "sha256", "path", "kind", "python", "autotrack", "created")
        return {key: each if key in kept else spoilt(each) for key, each in value.items()}
    if isinstance(value, list):
        return [spoilt(each) for each in value]
    return value + HOSTILE if isinstance(value, str) else value


def commands(crate: Path) -> dict[str, list[list[str]]]:
    return {
        "runs": [[], ["--json"], ["--tree"], ["--children"], ["--csv"], ["-w", "params.alpha > 0"],
                 ["-e", "none" + HOSTILE], ["-w", f"params.{HOSTILE} = 1"]],
        "show": [[RUN], [RUN, "--json"], [RUN, "--plots"], [OTHER],
                 ["last"], ["nothing" + HOSTILE]],
        "best": [["mean_test_score"], ["no" + HOSTILE]],
        "compare": [[RUN, OTHER, "mean_test_score"], [RUN, OTHER, "no" + HOSTILE]],
        "diff": [[RUN, OTHER]],
        "explain": [[RUN, OTHER], [RUN, OTHER, "--json"], ["nothing" + HOSTILE, RUN]],
        "card": [[RUN], [OTHER], [RUN, "--json"], ["models:/no" + HOSTILE + "/1"]],
        "replay": [[RUN], [RUN, "--script"], [OTHER, "--script"],
                   [RUN, "--data", "no" + HOSTILE + ".csv"]],
        "models list": [[], ["--csv"], ["coffee" + HOSTILE], ["no" + HOSTILE], ["--json"]],
        "models show": [["coffee" + HOSTILE], ["coffee" + HOSTILE, "--json"], ["no" + HOSTILE]],
        "models versions": [["coffee" + HOSTILE], ["no" + HOSTILE]],
        "models aliases": [["coffee" + HOSTILE], ["no" + HOSTILE]],
        "models exists": [["coffee" + HOSTILE], ["no" + HOSTILE + "/1"]],
        "doctor": [[], ["--json"]],
        "gc": [["--dry-run"], ["--dry-run", "--json"]],
        "export": [[RUN, "-o", "-.md"], [RUN, "-o", "-.csv"], ["no" + HOSTILE, "-o", "-.md"],
                   [RUN, "-o", "-.md", "--json"]],
        "merge": [["no" + HOSTILE], [str(crate.parent / "no" / HOSTILE), "--json"]],
        "replicate": [["--status"], ["--status", "--json"], ["--to", "no" + HOSTILE]],
        "pull": [["models:/no" + HOSTILE + "/1"], ["no", "--from", "no" + HOSTILE]],
        "completion": [["bash"], ["zsh"], ["fish"], ["no" + HOSTILE]],
        "crate show": [[str(crate)], ["--source", str(crate)], [f"runs:/{RUN}/model"],
                       ["no" + HOSTILE]],
        "crate convert": [[str(crate), str(crate.parent / "converted")],
                          [str(crate), str(crate)], ["no" + HOSTILE, "nowhere"]],
        "crate verify": [[str(crate)], [f"runs:/{RUN}/model"]],
        "serve": [[str(crate)], ["models:/no" + HOSTILE + "/1"]],
        "ui": [["--host", "no" + HOSTILE], ["--token", "no" + HOSTILE]],
        "help": [[], ["AT101"], ["no" + HOSTILE]],
        "run": [["-P", "a" + HOSTILE + "=1", str(crate / "none.py")]],
    }  # fmt: skip


def every_command(group: click.Group, before: str = "") -> set[str]:
    found = set()
    asked = click.Context(group)
    for name in group.list_commands(asked):  # a family is imported when it is asked for
        command = group.get_command(asked, name)
        inner = isinstance(command, click.Group)
        found |= every_command(command, f"{before}{name} ") if inner else {before + name}
    return found


def assert_shown(said: str) -> None:
    for letter in said.replace("\n", ""):
        assert letter != "\u3164"
        assert unicodedata.category(letter) not in HIDDEN, (letter, said)


def test_no_command_obeys_a_recorded_text(store: Path) -> None:
    assert set(commands(store)) == every_command(main), "a new command is a line here"
    shown = 0
    for name, several in commands(store).items():
        for arguments in several:
            done = CliRunner().invoke(main, [*name.split(), *arguments])
            assert done.exception is None or isinstance(done.exception, SystemExit), (
                name, arguments, done.exception)  # fmt: skip
            assert_shown(done.output)
            shown += "\\x1b]0;owned\\x07" in done.output
    assert shown > 10


def test_neither_does_a_terminal_with_colours(store: Path, store_path: Path) -> None:
    for arguments in (["show", RUN], ["runs"], ["runs", "--tree"], ["models"]):
        said = on_terminal([*arguments, "--store", str(store_path)])
        assert "\x1b[" in said  # our own colours
        assert_shown(re.sub(r"\x1b\[[\d;]*m", "", said.replace("\r\n", "\n")))
        for sequence in ("\x1b[2J", "\x1b]0", "\x1b[31m\x9b"):
            assert sequence not in said


def on_terminal(arguments: list[str]) -> str:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "autotrack", *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "150"},
    )  # fmt: skip
    os.close(theirs)
    said = b""
    try:
        while more := os.read(ours, 1 << 16):
            said += more
    except OSError:  # which is how Linux says that the other end is closed
        pass
    os.close(ours)
    process.wait(PATIENCE)
    return said.decode()
