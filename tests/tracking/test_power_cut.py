"""What a power cut may take: the calls do not wait for the disk, and all is synced behind them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

import autotrack
from autotrack.errors import CaptureWarning
from autotrack.store.syncing import syncer
from tests.waiting import wait_until

SYNC = "fdatasync" if hasattr(os, "fdatasync") else "fsync"
KILLED = """
import os, signal, sys
import autotrack, numpy as np
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
autotrack.enable(log_models=False)
random = np.random.default_rng(0)
X, X_new = random.normal(size=(2, 60, 3))
y, y_new = X[:, 0], X_new[:, 1]
model = Ridge().fit(X, y)
for _ in range(int(sys.argv[1])):
    r2_score(y_new, model.predict(X_new))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def synced(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows with every sync of the log file of the test's store."""
    found: list[str] = []
    original = getattr(os, SYNC)

    def see(number: int) -> None:
        original(number)
        log = store_path / "autotrack.db-wal"
        if log.exists() and os.fstat(number).st_ino == log.stat().st_ino:
            found.append("log")

    syncer.flush()
    monkeypatch.setattr(os, SYNC, see)
    return found


def test_what_fits_scores_and_verbs_wrote_is_synced_while_the_program_goes_on(synced, numbers):
    autotrack.enable(log_models=False)
    model = Ridge().fit(numbers.X_train, numbers.y_train)
    wait_until(lambda: synced, "the sync of a fit")
    for write in (
        lambda: r2_score(numbers.y_test, model.predict(numbers.X_test)),
        lambda: autotrack.log_metric("own", 1.0),
        lambda: autotrack.set_tag("idea", "weaker penalty"),
        autotrack.end_run,
    ):
        syncer.flush()
        synced.clear()
        write()
        wait_until(lambda: synced, "the sync")


def test_switching_off_syncs(synced, numbers):
    autotrack.enable(log_models=False)
    model = Ridge().fit(numbers.X_train, numbers.y_train)
    syncer.flush()
    synced.clear()
    r2_score(numbers.y_test, model.predict(numbers.X_test))
    autotrack.disable()
    assert synced
    assert not syncer._logs


@pytest.mark.parametrize("scores", [1, 300])
def test_a_process_killed_right_after_a_score_returned_loses_none(store_path, run_python, scores):
    done = run_python(check=False, code=KILLED.replace("sys.argv[1]", str(scores)))
    assert done.returncode == -9, done.stderr
    run = autotrack.get_run(autotrack.search_runs()["run_id"].item())
    assert len(autotrack.metric_history(run.run_id, "new_r2_score")) == scores


def test_a_disk_that_cannot_be_synced_is_one_warning_and_the_training_goes_on(
    store_path, numbers, monkeypatch
):
    monkeypatch.setenv("AUTOTRACK_STRICT", "0")
    autotrack.enable(log_models=False)
    model = Ridge().fit(numbers.X_train, numbers.y_train)
    syncer.flush()

    def fail(number: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, SYNC, fail)
    computed = []

    def go_on() -> None:
        for _ in range(6):
            computed.append(r2_score(numbers.y_test, model.predict(numbers.X_test)))
            syncer.flush()
        autotrack.disable()

    with pytest.warns(CaptureWarning, match="safe from a power cut.*Input/output") as warned:
        go_on()
    assert len(warned) == 1
    assert len(set(computed)) == 1
    run_id = autotrack.search_runs()["run_id"].item()
    assert len(autotrack.metric_history(run_id, "test_r2_score")) == len(computed)


def test_a_registered_version_waits_for_the_disk(store_path, numbers, monkeypatch):
    autotrack.enable()
    Ridge().fit(numbers.X_train, numbers.y_train)
    run = autotrack.last_run()
    files: set[int] = set()
    original = getattr(os, SYNC)

    def see(number: int) -> None:
        files.add(os.fstat(number).st_ino)
        original(number)

    monkeypatch.setattr(os, SYNC, see)
    version = autotrack.register_model(f"runs:/{run.run_id}/model", "wine")
    assert version.version == 1
    kept = (store_path / "artifacts" / run.run_id / "model").iterdir()
    assert {path.stat().st_ino for path in kept} <= files


def test_a_model_torn_by_a_power_cut_is_noticed_when_it_is_loaded(store_path, numbers):
    autotrack.enable()
    Ridge().fit(numbers.X_train, numbers.y_train)
    run = autotrack.last_run()
    path = store_path / "artifacts" / run.run_id / "model" / "model.pkl"
    path.write_bytes(bytes(path.stat().st_size))  # what a file is whose data never came
    with pytest.raises(autotrack.errors.DigestMismatchError):
        run.load_model()
