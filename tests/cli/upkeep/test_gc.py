"""`autotrack gc` removes what nobody needs, and nothing that somebody may need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from sklearn.linear_model import Ridge

import autotrack
from autotrack.analysis.predictions.files import JOURNAL
from autotrack.cli import main
from autotrack.tracking.workspace import workspace


def gc(*given: str, answer: str | None = None, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["gc", *given], input=answer)
    assert done.exit_code == code, done.output
    return done.output


def files(store: Path) -> set[str]:
    return {
        path.relative_to(store / "artifacts").as_posix()
        for path in (store / "artifacts").rglob("*")
        if path.is_file()
    }


def run_with_file(name: str, text: str = "kept") -> autotrack.Run:
    with autotrack.start_run(name) as run:
        autotrack.log_text(text, f"{name}.txt")
    return run


def test_a_deleted_run_goes_with_its_children_and_files_once_it_is_confirmed(store_path: Path):
    kept = run_with_file("kept")
    with autotrack.start_run("parent") as parent, autotrack.start_run("child", nested=True):
        autotrack.log_text("x" * 1500, "child.txt")
    autotrack.delete_run(parent.run_id)
    before = files(store_path)

    said = gc("--dry-run")
    assert "parent and 1 below it: deleted, 1 file, 2 kB" in said
    assert "Remove it for good?" in gc(answer="n\n", code=1)
    assert files(store_path) == before
    assert "freed 2 kB" in gc("--yes")
    assert files(store_path) == {f"{kept.run_id}/kept.txt"}
    assert gc(code=1).startswith("There is nothing to remove")
    with pytest.raises(autotrack.RunNotFoundError):
        autotrack.get_run(parent.run_id)
    assert autotrack.get_run(kept.run_id).name == "kept"


def test_files_of_no_run_go_and_those_of_models_and_journals_stay(store_path: Path):
    with autotrack.enable():
        Ridge().fit([[1.0], [2.0]], [1.0, 2.0])
        run = autotrack.last_run()
        version = autotrack.register_model(f"runs:/{run.run_id}/model", "coffee")
        # A later fit replaces the run's crate, and not that of the version.
        with autotrack.start_run(run_id=run.run_id):
            Ridge().fit([[1.0], [3.0]], [1.0, 2.0])
    autotrack.disable()
    workspace.forget()
    before = files(store_path)
    home = store_path / "artifacts" / run.run_id
    (home / JOURNAL).write_bytes(b"read although no run names it")
    (home / "stray.bin").write_bytes(b"x" * 10)
    (store_path / "artifacts" / "nobody").mkdir()
    (store_path / "artifacts" / "nobody" / "a.txt").write_text("x")
    (store_path / "artifacts" / "outside").symlink_to(store_path.parent)

    found = json.loads(gc("--yes", "--json"))["data"]
    stray = [f"artifacts/{run.run_id}/stray.bin", "artifacts/nobody/a.txt"]
    assert sorted(file["path"] for file in found["files"]) == sorted(stray)
    assert files(store_path) == {*before, f"{run.run_id}/{JOURNAL}"}
    assert not (store_path / "artifacts" / "nobody").exists()
    assert (store_path / "artifacts" / "outside").is_symlink()  # which is not followed
    assert autotrack.load_model(version.uri).predict([[1.0]]).shape == (1,)


WRITER = """
import sys, autotrack
from pathlib import Path
from autotrack.tracking.workspace import workspace
run = autotrack.start_run("alive")
store = workspace.store()
staged = store.artifacts.stage()
(staged / "half.bin").write_bytes(b"x")
home = Path(store.root) / "artifacts" / run.run_id
home.mkdir(parents=True)
(home / "half.bin").write_bytes(b"x")
(home.parent / "fresh").mkdir()
(home.parent / "fresh" / "half.bin").write_bytes(b"x")
print("written", flush=True)
sys.stdin.readline()
"""


def test_what_a_living_process_writes_stays_until_it_is_gone(store_path: Path):
    run_with_file("kept")
    workspace.forget()
    old = store_path / "artifacts" / "old.bin"
    old.write_bytes(b"left by somebody long ago")
    os.utime(old, (1, 1))
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "written\n"
    said = gc("--yes", code=1)
    assert "may be being written by a process that lives" in said
    half = [name for name in files(store_path) if name.endswith("half.bin")]
    assert len(half) == 3

    writer.kill()
    writer.communicate()
    # What lies beside a run that is shown as running goes when that is ended, by whoever reads.
    assert "never finished" in gc("--yes")
    workspace.forget()
    assert "KILLED" in autotrack.search_runs().status.tolist()
    gc("--yes")
    assert not [name for name in files(store_path) if name.endswith("half.bin")]
    assert [name.rpartition("/")[2] for name in files(store_path)] == ["kept.txt"]


def test_a_run_that_was_restored_after_it_was_listed_stays(store_path: Path):
    from autotrack.store.store import Store
    from autotrack.store.upkeep.leftovers import leftovers, remove

    run = run_with_file("kept")
    autotrack.delete_run(run.run_id)
    store = Store(store_path, create=False)
    found = leftovers(store)
    assert [each.run_id for each in found.runs] == [run.run_id]
    autotrack.restore_run(run.run_id)
    assert remove(store, found) == (0, [])
    assert files(store_path) == {f"{run.run_id}/kept.txt"}
