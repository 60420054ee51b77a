"""`autotrack doctor` finds what is wrong with a store, and mends what is safe."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

import autotrack
from autotrack.cli import main
from autotrack.tracking.workspace import workspace


@pytest.fixture
def store(store_path: Path) -> Path:
    with autotrack.start_run("a run") as run:
        autotrack.log_text("x" * 100, "notes/a.txt")
        autotrack.log_text("y", "notes/b.txt")
    assert run.status == "FINISHED"
    workspace.forget()
    return store_path


def ask(*given: str) -> tuple[int, dict[str, dict[str, object]]]:
    done = CliRunner().invoke(main, ["doctor", "--json", *given])
    found = json.loads(done.output)["data"]
    assert found["ok"] is (done.exit_code == 0)
    return done.exit_code, {check["name"]: check for check in found["checks"]}


def change(store: Path, sql: str, *values: object) -> None:
    with sqlite3.connect(store / "autotrack.db") as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(sql, values)


def test_a_whole_store_is_well(store: Path) -> None:
    ended, found = ask()
    if found["disk"]["state"] == "ok":  # what the tests run on may be a network's
        assert ended == 0
    assert {check["state"] for name, check in found.items() if name != "disk"} == {"ok"}
    assert "1 run," in str(found["database"]["text"])


def test_files_that_are_missing_or_changed_are_named_with_their_run(store: Path) -> None:
    first, second = sorted(store.rglob("*.txt"))
    first.unlink()
    second.write_text("z")  # of the same size
    ended, found = ask()
    assert ended == 1
    said = "\n".join(found["files"]["items"])
    assert "notes/a.txt: missing" in said
    assert "notes/b.txt: digest" in said
    assert found["files"]["advice"]
    assert len(ask("--quick")[1]["files"]["items"]) == 1


def test_a_run_whose_process_died_is_ended_only_if_asked(store: Path) -> None:
    change(store, "UPDATE runs SET status = 'RUNNING', end_time = NULL, owner = 'gone-1-00000000'")
    for _ in range(2):
        ended, found = ask()
        assert ended == 1
        assert "process is gone" in str(found["running"]["text"])
    found = ask("--fix")[1]
    assert found["running"]["state"] == "ok"
    assert autotrack.search_runs().status.tolist() == ["KILLED"]


def test_a_row_that_refers_to_none_is_an_error_of_the_database(store: Path) -> None:
    change(store, "INSERT INTO tags VALUES (999, 'a', 'b')")
    ended, found = ask()
    assert ended == 1
    assert "row of runs that is not there" in "\n".join(found["database"]["items"])


@pytest.mark.parametrize("content", [b"no database at all" * 100, b""])
def test_a_file_that_is_no_database_of_ours_is_told_and_left_as_it_is(store, content) -> None:
    path = store / "autotrack.db"
    for each in store.glob("autotrack.db*"):
        each.unlink()
    path.write_bytes(content)
    ended, found = ask()
    assert ended == 1 or not content
    assert path.read_bytes() == content or not content
    assert "schema" in found


def test_a_store_of_a_newer_version_says_to_upgrade(store: Path) -> None:
    change(store, "PRAGMA user_version = 9999")
    ended, found = ask()
    assert ended == 1
    assert "pip install -U" in str(found["schema"]["advice"])
