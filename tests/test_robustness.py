"""A store in trouble: the training goes on with one warning, and reading says what to do."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import confusion_matrix, r2_score

import autotrack
from autotrack import CaptureWarning, StoreDamagedError, StoreError, StoreUnavailableError
from autotrack.store.database import Store
from autotrack.tracking.context import home

X = np.random.default_rng(0).normal(size=(40, 3))
y = X @ [1.0, 2.0, 3.0] + np.arange(40) / 10


@pytest.fixture(autouse=True)
def _as_users_have_it(monkeypatch):
    monkeypatch.setenv("AUTOTRACK_STRICT", "0")


@pytest.fixture
def impatient(monkeypatch):
    """Wait for locks a moment only, to save the test's time."""
    monkeypatch.setitem(Store.__init__.__kwdefaults__, "busy_timeout", 0.2)


def train(*alphas: float) -> None:
    """Fits and scores; that they are what they are without autotrack is checked on the way."""
    for alpha in alphas:
        model = Ridge(alpha=alpha).fit(X, y)
        predicted = model.predict(X)
        assert r2_score(y, predicted) == model.score(X, y)
        confusion_matrix(y > 0, predicted > 0)


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
    assert message.endswith("Your own code is not affected.")


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


def complete_runs() -> list[float]:
    """The `alpha` of each run that has all that `train` gives it."""
    found = autotrack.search_runs(where="status = 'FINISHED'", order_by="params.alpha")
    for run_id in found["run_id"]:
        run = autotrack.get_run(run_id)
        assert run.metrics.keys() >= {"train_r2_score", "train_score"}
        assert "scores/train_confusion_matrix.csv" in set(run.artifacts()["path"])
        assert run.load_model().estimator.alpha == run.params["alpha"]
    return found["params.alpha"].tolist()


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
    with one_warning("autotrack.db is damaged or is no autotrack database"):
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
    assert run.params == {"alpha": 3, "logged": "meanwhile"}
    assert run.tags["locked"] == "no more"
    assert sorted(run.children()["params.alpha"]) == [4, 5, 6]
    assert complete_runs() == [2, 3]


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
    with (
        one_warning("autotrack.db is locked by another program"),
        lock(store_path / "autotrack.db"),
    ):
        began = time.monotonic()
        autotrack.enable()
        with autotrack.start_run():
            train(*range(2, 9))
        assert time.monotonic() - began < 6.5
        # What is owed at the end is not what this is about: no wait for that.
        home.ledger.forget()


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


SCRIPT = """
import json, sys, warnings
told = []
warnings.showwarning = lambda message, category, *more: told.append(category.__name__)
warnings.simplefilter("always")
import autotrack
autotrack.enable()
from tests.test_robustness import train
train(*range(2, 2 + int(sys.argv[1])))
autotrack.disable()
print(json.dumps(told))
"""
ROOT = Path(__file__).parents[1]


def test_a_limit_on_the_size_of_files(store_path, run_python):
    pytest.importorskip("resource")
    autotrack.search_runs()
    size = (store_path / "autotrack.db").stat().st_size + 600_000
    code = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n{SCRIPT}"
    done = run_python("100", code=code, cwd=ROOT, PYTHONPATH=str(ROOT))
    assert json.loads(done.stdout) == ["CaptureWarning"]
    assert "records were lost" in done.stderr
    kept = complete_runs()
    assert kept == list(range(2, 2 + len(kept)))


MOUNTS = [["unshare", "-Urm"], ["unshare", "-m"]]


def test_a_full_disk(tmp_path):
    """In a namespace of mounts that goes away with its process."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=1m none {disk}"
    for isolated in MOUNTS:
        if shutil.which("unshare") and not subprocess.call([*isolated, "sh", "-c", mount]):
            break
    else:
        pytest.skip("no file system can be mounted here")
    look = (
        "import autotrack; from tests.test_robustness import complete_runs; print(complete_runs())"
    )
    lines = f'{mount}\n"$0" -c "$1" 60\n"$0" -c "$2"\nls -A {disk}/runs/artifacts/.staging'
    done = subprocess.run(
        [*isolated, "sh", "-ec", lines, sys.executable, SCRIPT, look],
        cwd=ROOT,
        env={**os.environ, "AUTOTRACK_STORE": str(disk / "runs"), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    told, kept, *staged = done.stdout.splitlines()
    assert json.loads(told) == ["CaptureWarning"]
    assert "records were lost" in done.stderr
    assert 0 < len(json.loads(kept)) < 60
    assert staged == []


USER = """
import autotrack
autotrack.enable()
import numpy as np
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
X, y = np.eye(20)[:, :2] + 1, np.arange(20.0)
with autotrack.start_run("mine") as run:
    model = Ridge().fit(X, y)
    model.score(X, y)
model = Ridge(alpha=2)
model.stream = (row for row in [])
model.fit(X, y)
Ridge(alpha=3).fit(StandardScaler().fit_transform(X), y)
repr(run), run.children(), autotrack.search_runs(), run.load_model().predict(X)
autotrack.disable()
"""


def test_a_user_who_turns_warnings_into_errors_is_not_disturbed(run_python):
    done = run_python("-W", "error", "-c", USER)
    assert "CaptureWarning: No crate for this run" in done.stderr
    assert "PreprocessingWarning: Ridge was trained" in done.stderr
    assert "Traceback" not in done.stderr
    assert autotrack.search_runs()["status"].tolist() == ["FINISHED"] * 3


def test_nor_by_a_store_in_trouble(run_python, tmp_path):
    (tmp_path / "file").touch()
    code = SCRIPT.replace('warnings.simplefilter("always")', 'warnings.simplefilter("error")')
    where = {"AUTOTRACK_STORE": str(tmp_path / "file" / "runs"), "PYTHONPATH": str(ROOT)}
    done = run_python("3", code=code, cwd=ROOT, **where)
    assert json.loads(done.stdout) == []
    assert done.stderr.count("CaptureWarning: ") == 1
    assert "Traceback" not in done.stderr
