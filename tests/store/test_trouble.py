"""Stores that are damaged, locked, unwritable, full, of another time, or gone."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autotrack.errors import (
    ExperimentNotFoundError,
    RunNotFoundError,
    StoreDamagedError,
    StoreError,
    StoreLockedError,
    StoreUnavailableError,
)
from autotrack.store import migrations
from autotrack.store.search.query import Query
from autotrack.store.store import Store
from tests.store.making import hold_the_lock, new_run
from tests.waiting import PATIENCE


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that other users may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    shutil.rmtree(folder)


def as_nobody(action: Callable[[], object]) -> None:
    """Run `action` in a fork without a superuser's rights, whom no file mode would stop."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            if os.getuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            action()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_file_that_is_no_database_is_called_damaged(root: Path) -> None:
    root.mkdir()
    (root / "autotrack.db").write_bytes(b"These are my notes on wine. " * 200)
    with pytest.raises(StoreDamagedError, match=r"autotrack\.db is damaged.*\.recover"):
        Store(root)
    assert (root / "autotrack.db").read_bytes().startswith(b"These are my notes")


def test_a_database_of_another_program_is_left_alone(root: Path) -> None:
    root.mkdir()
    other = sqlite3.connect(root / "autotrack.db")
    other.execute("CREATE TABLE wines (name)")
    other.commit()
    with pytest.raises(StoreDamagedError, match="another program"):
        Store(root)
    assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("wines",)]
    other.close()


def test_a_damaged_page_is_reported_and_found_by_the_check(root: Path) -> None:
    store = Store(root)
    with store.transaction():
        for _ in range(300):
            store.set_params(new_run(store), {f"key{n}": "value" * 10 for n in range(10)})
    store.close()
    size = (root / "autotrack.db").stat().st_size
    with open(root / "autotrack.db", "r+b") as file:
        file.seek(4096 * 8)
        file.write(os.urandom(size - 4096 * 8))
    damaged = Store(root)
    assert damaged.check() != []
    with pytest.raises(StoreDamagedError, match="damaged"):
        damaged.search(Query())


def test_a_sound_store_passes_the_check(store: Store) -> None:
    new_run(store)
    assert store.check() == []


def test_a_row_that_names_nothing_is_found_by_the_check(store: Store, root: Path) -> None:
    new_run(store)
    other = sqlite3.connect(root / "autotrack.db")
    other.execute("INSERT INTO tags VALUES (99, 'a', 'b')")
    other.commit()
    other.close()
    (problem,) = store.check()
    assert "tags" in problem
    assert "runs" in problem


def test_a_lock_held_by_another_program_is_an_error_in_time_and_over_when_it_is_released(
    root: Path,
) -> None:
    store = Store(root, busy_timeout=0.3)
    run_id = new_run(store)
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    other = context.Process(target=hold_the_lock, args=(root, held, release))
    other.start()
    assert held.wait(PATIENCE)
    began = time.monotonic()
    with pytest.raises(StoreLockedError, match=r"autotrack\.db is locked by another program"):
        store.set_params(run_id, {"a": 1})
    # It waited, and not until the other program was done.
    assert time.monotonic() - began > 0.2
    assert other.is_alive()
    # Readers are not kept out, nor is who opens the store anew.
    assert store.get_run(run_id).params == {}
    assert Store(root, busy_timeout=0.3).get_run(run_id).name == "a run"
    release.set()
    other.join()
    store.set_params(run_id, {"a": 1})
    assert store.get_run(run_id).params == {"a": 1}


def test_a_reader_gets_an_answer_while_dead_runs_cannot_be_ended(root: Path) -> None:
    store = Store(root, busy_timeout=0.2)
    run_id = new_run(store)
    with store.transaction() as connection:
        connection.execute("UPDATE runs SET owner = 'nobody-1-aa'")
    other = sqlite3.connect(root / "autotrack.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert store.get_run(run_id).status == "RUNNING"
    other.execute("ROLLBACK")
    other.close()
    assert store.get_run(run_id).status == "KILLED"


def test_a_store_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailableError, match=r"file.*name another store"):
        Store(tmp_path / "file" / "runs")
    with pytest.raises(StoreUnavailableError):
        Store(tmp_path / "file")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs another user")
def test_an_unwritable_folder_is_named_with_what_to_do(reachable: Path) -> None:
    reachable.chmod(0o555)

    def open_it() -> None:
        with pytest.raises(StoreUnavailableError, match=r"runs.*write access, or name another"):
            Store(reachable / "runs")

    as_nobody(open_it)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs another user")
@pytest.mark.parametrize("in_use", [False, True], ids=["at rest", "in use"])
def test_a_store_that_cannot_be_written_can_still_be_read(reachable: Path, in_use: bool) -> None:
    root = reachable / "runs"
    store = Store(root)
    run_id = new_run(store)
    store.set_params(run_id, {"a": 1})
    with store.transaction() as connection:
        connection.execute("UPDATE runs SET owner = 'nobody-1-aa'")
    if not in_use:
        store.close()
    modes = [(path, path.stat().st_mode) for path in [root, *root.rglob("*")]]
    for path, _ in modes:
        path.chmod(0o555 if path.is_dir() else 0o444)

    def read_it() -> None:
        if in_use:
            # Opened again by the parent after the fork.
            time.sleep(0.3)
        other = Store(root)
        assert other.get_run(run_id).params == {"a": 1}
        assert [row.run_id for row in other.search(Query())] == [run_id]
        for write in (
            lambda: other.set_params(run_id, {"a": 2}),
            lambda: new_run(other),
            lambda: other.artifacts.add_bytes(run_id, b"x", "x"),
        ):
            with pytest.raises(StoreUnavailableError, match=r"write access|read-only"):
                write()
        assert other.get_run(run_id).params == {"a": 1}

    if in_use:
        opened = Store(root)
        opened.run_status(run_id)
    as_nobody(read_it)


def test_a_full_disk_is_said_so_and_nothing_half_written_stays(store: Store) -> None:
    run_id = new_run(store)
    with store.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages + 2}")
    full = pytest.raises(StoreUnavailableError, match=r"autotrack\.db: the disk is full")
    with full, store.transaction():
        store.set_tags(run_id, {"small": "x"})
        store.set_params(run_id, {f"k{n}": "x" * 1000 for n in range(100)})
    assert store.get_run(run_id).params == {}
    assert store.get_run(run_id).tags == {}
    store.close()
    store.set_params(run_id, {f"k{n}": "x" * 1000 for n in range(100)})
    assert len(store.get_run(run_id).params) == 100


def test_a_caller_who_swallows_the_error_of_a_full_disk_does_not_write_in_pieces(
    store: Store,
) -> None:
    run_id = new_run(store)
    with store.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(StoreError), store.transaction():
        store.set_tags(run_id, {"before": "x"})
        with pytest.raises(StoreUnavailableError):
            store.set_params(run_id, {f"k{n}": "x" * 1000 for n in range(100)})
        store.set_tags(run_id, {"after": "x"})
    assert store.get_run(run_id).tags == {}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits are set in a child")
def test_a_limit_on_file_sizes_is_an_error_that_names_the_file(root: Path) -> None:
    import resource

    Store(root).close()

    def write() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        store = Store(root)
        run_id = new_run(store)
        with pytest.raises(StoreUnavailableError, match=r"autotrack\.db"):
            store.set_params(run_id, {f"k{n}": "x" * 10_000 for n in range(100)})
        with pytest.raises(StoreUnavailableError, match="free some room"):
            store.artifacts.add_bytes(run_id, b"x" * 400_000, "large.bin")
        assert list((root / "artifacts").rglob("*.bin")) == []
        assert list((root / "artifacts" / ".staging").iterdir()) == []
        assert store.get_run(run_id).params == {}

    in_child(write)
    assert Store(root).check() == []
    assert len(Store(root).search(Query())) == 1


def in_child(action: Callable[[], object]) -> None:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_store_of_a_newer_schema_names_both_versions(root: Path) -> None:
    Store(root).close()
    newer = sqlite3.connect(root / "autotrack.db")
    newer.execute("PRAGMA user_version=99")
    newer.close()
    expected = rf"newer autotrack \(schema 99, this one reads up to {migrations.latest()}\)"
    with pytest.raises(StoreError, match=expected):
        Store(root)


def test_a_step_that_fails_leaves_the_store_at_the_version_before(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(root).close()

    def fails(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (a)")
        raise ZeroDivisionError

    def works(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE whole (a)")

    monkeypatch.setattr(migrations, "_steps", [*migrations._steps, fails])
    with pytest.raises(ZeroDivisionError):
        Store(root)
    monkeypatch.setattr(migrations, "_steps", [*migrations._steps[:-1], works])
    store = Store(root)
    with store.reading() as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert "whole" in names
        assert "half" not in names
        assert connection.execute("PRAGMA user_version").fetchone() == (migrations.latest(),)
    monkeypatch.undo()
    with pytest.raises(StoreError, match="newer autotrack"):
        Store(root)


def test_a_file_system_without_shared_memory_gets_an_ordinary_journal(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode=DELETE")

    monkeypatch.setattr(migrations, "_use_wal", unsupported)
    store = Store(root)
    run_id = new_run(store)
    store.set_params(run_id, {"a": 1})
    assert Store(root).get_run(run_id).params == {"a": 1}
    assert not (root / "autotrack.db-wal").exists()


def test_a_store_deleted_under_a_running_process_begins_anew(store: Store, root: Path) -> None:
    run_id = new_run(store)
    experiment_id = store.experiment_id("Default")
    shutil.rmtree(root)
    with pytest.raises(RunNotFoundError, match="was it deleted meanwhile"):
        store.set_params(run_id, {"a": 1})
    with pytest.raises(ExperimentNotFoundError, match="deleted meanwhile"):
        new_run(store, experiment_id=experiment_id)
    fresh = new_run(store)
    assert store.get_run(fresh).status == "RUNNING"
    assert Store(root).get_run(fresh).status == "RUNNING"
    assert store.check() == []


def test_a_store_deleted_and_not_to_be_made_is_an_error_each_time(root: Path) -> None:
    Store(root).close()
    store = Store(root, create=False)
    shutil.rmtree(root)
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match="does not exist"):
            store.search(Query())
    assert not root.exists()


def test_a_store_replaced_by_another_is_the_other(store: Store, root: Path, tmp_path: Path) -> None:
    new_run(store, name="old")
    other = Store(tmp_path / "other")
    new_run(other, name="new")
    other.close()
    shutil.rmtree(root)
    shutil.move(tmp_path / "other", root)
    assert [row.name for row in store.search(Query())] == ["new"]
    new_run(store, name="newer")
    assert [row.name for row in Store(root).search(Query())] == ["newer", "new"]


def test_a_closed_store_opens_again_when_it_is_used(store: Store) -> None:
    run_id = new_run(store)
    store.close()
    store.close()
    assert store.get_run(run_id).name == "a run"


def test_an_interrupt_in_a_transaction_undoes_it_and_the_next_works(store: Store) -> None:
    run_id = new_run(store)
    with pytest.raises(KeyboardInterrupt), store.transaction():
        store.set_params(run_id, {"a": 1})
        raise KeyboardInterrupt
    store.set_tags(run_id, {"b": "c"})
    record = store.get_run(run_id)
    assert (record.params, record.tags) == ({}, {"b": "c"})


def test_odd_characters_in_the_path_of_a_store_are_only_characters(tmp_path: Path) -> None:
    root = tmp_path / "50% of ?mode=ro & #1 é"
    new_run(Store(root))
    assert len(Store(root).search(Query())) == 1
    assert [path.name for path in tmp_path.iterdir()] == [root.name]


def test_a_folder_with_other_things_in_it_is_not_ignored_by_git(root: Path) -> None:
    root.mkdir()
    (root / "train.py").touch()
    Store(root).close()
    assert not (root / ".gitignore").exists()
