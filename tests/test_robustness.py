"""A store in trouble: the training goes on with one warning, and reading says what to do."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import autotrack
from autotrack import CaptureWarning, StoreDamagedError, StoreError, StoreUnavailableError
from autotrack.store.store import Store
from autotrack.tracking.workspace import workspace
from tests.training import complete_runs, train


@pytest.fixture(autouse=True)
def _as_users_have_it(monkeypatch):
    monkeypatch.setenv("AUTOTRACK_STRICT", "0")


@pytest.fixture
def impatient(monkeypatch):
    """Wait for locks a moment only, to save the test's time."""
    monkeypatch.setitem(Store.__init__.__kwdefaults__, "busy_timeout", 0.2)


@contextmanager
def one_warning(says: str) -> Iterator[None]:
    """Exactly one CaptureWarning, and nothing else, comes out of the block."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        yield
        autotrack.disable()
    assert [warning.category for warning in told] == [CaptureWarning], [
        str(w.message) for w in told
    ]
    message = str(told[0].message)
    assert says in message
    assert message.endswith("Your own code is not affected. [AT501]")


@contextmanager
def lock(database: Path) -> Iterator[None]:
    """Hold the database as another program would."""
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_a_store_below_a_file(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("AUTOTRACK_STORE", str(tmp_path / "file" / "runs"))
    with one_warning(str(tmp_path / "file" / "runs")):
        autotrack.enable()
        train(2, 3, 4)
        with autotrack.start_run():
            autotrack.log_metric("m", 1)
            autotrack.log_text("x", "x.txt")
            train(2)
    with pytest.raises(StoreUnavailableError, match=r"file/runs.*name another store"):
        autotrack.search_runs()


def test_a_store_that_is_a_file_is_refused_at_once(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(autotrack.SettingError, match="is a file; the store is a folder"):
        autotrack.enable(store=tmp_path / "file")
    assert not autotrack.is_enabled()


def test_a_database_that_is_none(store_path):
    store_path.mkdir()
    (store_path / "autotrack.db").write_bytes(b"These are my notes. " * 500)
    with one_warning("autotrack.db is damaged or not an autotrack database"):
        autotrack.enable()
        train(2, 3, 4)
        with autotrack.start_run():
            autotrack.log_params({"a": autotrack.param("a", 1)})
            train(2)
    for read in (autotrack.search_runs, lambda: autotrack.get_run("abcd")):
        with pytest.raises(StoreDamagedError, match=r"autotrack\.db is damaged.*\.recover"):
            read()
    assert (store_path / "autotrack.db").read_bytes().startswith(b"These are my notes.")


def test_a_database_that_is_damaged_in_the_middle(store_path):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        autotrack.enable()
        train(2, 3)
        size = (store_path / "autotrack.db").stat().st_size
        for file in store_path.glob("autotrack.db*"):
            with open(file, "r+b") as damaged:
                damaged.write(os.urandom(max(size, file.stat().st_size)))
        train(4, 5)
        autotrack.disable()
    assert [warning.category for warning in told] == [CaptureWarning]
    with pytest.raises(StoreError, match=r"autotrack\.db"):
        autotrack.search_runs()


def as_nobody(action) -> object:
    """What `action` returns, run in a fork without a superuser's rights."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            if os.getuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            os.write(writer, json.dumps(action()).encode())
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    assert os.waitpid(pid, 0)[1] == 0
    with open(reader, "rb") as stream:
        return json.loads(stream.read())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs another user")
def test_a_folder_that_may_not_be_written_to(monkeypatch):
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    monkeypatch.setenv("AUTOTRACK_STORE", str(folder / "runs"))

    def train_there():
        with one_warning(f"{folder / 'runs'}"):
            autotrack.enable()
            train(2, 3)
        with pytest.raises(StoreUnavailableError, match="write access, or name another") as caught:
            autotrack.search_runs()
        return str(caught.value)

    try:
        assert str(folder / "runs") in as_nobody(train_there)
    finally:
        shutil.rmtree(folder)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs another user")
def test_a_store_that_became_read_only_takes_no_more_and_can_be_read(monkeypatch):
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    monkeypatch.setenv("AUTOTRACK_STORE", str(folder / "runs"))
    with autotrack.enable():
        train(2, 3)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)

    def train_there():
        with one_warning(f"{folder / 'runs'}"):
            autotrack.enable()
            train(4, 5)
        return complete_runs()

    try:
        assert as_nobody(train_there) == [2, 3]
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755)
        shutil.rmtree(folder)


def test_a_lock_at_the_start_and_all_is_there_once_it_is_released(store_path, impatient):
    with autotrack.enable():
        train(2)
    with one_warning("autotrack.db is locked by another program"):
        with lock(store_path / "autotrack.db"):
            autotrack.enable()
            train(3, 4, 5)
            # Readers get what there is.
            assert len(autotrack.search_runs()) == 1
        autotrack.disable()
    assert complete_runs() == [2, 3, 4, 5]


def test_a_lock_in_the_middle_and_all_is_there_once_it_is_released(store_path, impatient):
    with one_warning("autotrack.db is locked by another program"):
        autotrack.enable()
        train(2)
        with autotrack.start_run("mine") as run:
            with lock(store_path / "autotrack.db"):
                train(3, 4, 5)
                autotrack.log_param("logged", "meanwhile")
            autotrack.set_tag("locked", "no more")
            train(6)
    assert run.status == "FINISHED"
    assert run.params == {"logged": "meanwhile"}
    assert run.tags["locked"] == "no more"
    children = run.children()
    # Of a sweep every fit is a child.
    assert sorted(children["params.alpha"]) == [3, 4, 5, 6]
    assert children[["metrics.train_r2_score", "metrics.train_score"]].notna().all(axis=None)
    models = [autotrack.get_run(run_id).load_model() for run_id in children["run_id"]]
    assert [model.estimator.alpha for model in models] == children["params.alpha"].to_list()


def test_a_run_begun_and_ended_while_the_store_is_locked_is_there_afterwards(store_path, impatient):
    autotrack.search_runs()
    with (
        one_warning("autotrack.db is locked by another program"),
        lock(store_path / "autotrack.db"),
    ):
        autotrack.enable()
        with autotrack.start_run("mine", experiment="tea", tags={"a": "b"}) as run:
            autotrack.log_metrics({"m": 1.0})
            autotrack.log_text("x", "x.txt")
            train(2)
    with autotrack.enable():
        pass  # whose end settles what is owed
    assert (run.status, run.name, run.experiment) == ("FINISHED", "mine", "tea")
    assert run.metrics["m"] == 1.0
    assert "x.txt" in set(run.artifacts()["path"])
    assert complete_runs() == [2]


def test_a_lock_holds_the_training_up_once_and_not_for_long(store_path):
    autotrack.search_runs()
    began = time.monotonic()
    autotrack.enable(store=store_path.with_name("free"))
    with autotrack.start_run():
        train(*range(2, 9))
    autotrack.disable()
    workspace.forget()
    free = time.monotonic() - began
    with (
        one_warning("autotrack.db is locked by another program"),
        lock(store_path / "autotrack.db"),
    ):
        began = time.monotonic()
        autotrack.enable()
        with autotrack.start_run():
            train(*range(2, 9))
        # Five seconds, and not twice five; the work itself takes what the machine needs for it.
        assert time.monotonic() - began < 6.5 + 3 * free
        # What is owed at the end is not what this is about: no wait for that.
        workspace.retry_queue.forget()


def test_a_store_deleted_in_the_middle_begins_anew(store_path):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with autotrack.enable():
            train(2, 3)
            shutil.rmtree(store_path)
            train(4, 5)
    assert told == []
    assert complete_runs() == [4, 5]


def test_a_run_whose_store_is_deleted_is_told_of_once(store_path):
    with one_warning("was it deleted meanwhile"):
        autotrack.enable()
        with autotrack.start_run():
            train(2)
            shutil.rmtree(store_path)
            train(2, 3)
            autotrack.log_metric("m", 1)
            autotrack.param("p", 1)
            autotrack.end_run()
    assert autotrack.active_run() is None


def test_an_exception_of_the_users_passes_a_store_in_trouble_unchanged(store_path):
    error = ValueError("mine")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(ValueError, match="mine") as caught, autotrack.start_run():
            shutil.rmtree(store_path)
            raise error
    assert caught.value is error
    assert [warning.category for warning in told] == [CaptureWarning]
