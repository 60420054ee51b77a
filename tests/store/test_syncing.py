"""What was committed without waiting for the disk is safe from a power cut a moment later."""

from __future__ import annotations

import _thread
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest

from autotrack.errors import StoreError
from autotrack.store.artifacts import StoredArtifact
from autotrack.store.store import Store
from autotrack.store.syncing import GATHERED, Syncer, syncer
from tests.store.making import new_run
from tests.waiting import PATIENCE, wait_until

# SQLite's numbers of how much a commit waits for.
NORMAL, FULL = 1, 2

forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are a matter of Unix")


class Disk:
    """Sees which files this process asks the operating system to sync; can fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.synced: list[tuple[str, int]] = []
        self.error: OSError | None = None
        self._name = "fdatasync" if hasattr(os, "fdatasync") else "fsync"
        self._sync = getattr(os, self._name)
        monkeypatch.setattr(os, self._name, self._see)

    def _see(self, number: int) -> None:
        status = os.fstat(number)
        if self.error is not None:
            raise self.error
        self._sync(number)
        self.synced.append((status.st_ino, threading.get_ident()))

    def count(self, path: Path) -> int:
        """How often the file that is there now was synced."""
        return sum(number == path.stat().st_ino for number, _ in self.synced)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    syncer.flush()
    return Disk(monkeypatch)


def log_of(store: Store) -> Path:
    return Path(f"{store.path}-wal")


def write(store: Store, run_id: str, number: int = 0) -> None:
    with store.transaction(durable=False):
        store.set_params(run_id, {f"p{number}": number})


def test_a_commit_that_did_not_wait_is_synced_by_another_thread(root: Path, disk: Disk) -> None:
    store = Store(root)
    run_id = new_run(store)
    syncer.flush()
    before = disk.count(log_of(store))
    write(store, run_id)
    wait_until(lambda: disk.count(log_of(store)) > before, "the sync")
    assert disk.synced[-1][1] != threading.get_ident()


def test_a_durable_commit_and_one_that_changes_nothing_ask_for_no_sync(
    root: Path, disk: Disk
) -> None:
    store = Store(root)
    run_id = new_run(store)
    syncer.flush()
    disk.synced.clear()
    store.set_params(run_id, {"a": 1})
    with store.transaction(durable=False):
        assert store.run_status(run_id) == "RUNNING"
    syncer.flush()
    assert disk.count(log_of(store)) == 0


def test_a_thousand_commits_in_a_row_share_their_syncs(root: Path, disk: Disk) -> None:
    store = Store(root)
    run_id = new_run(store)
    syncer.flush()
    disk.synced.clear()
    began = time.monotonic()
    for number in range(1000):
        write(store, run_id, number)
    syncer.flush()
    most = (time.monotonic() - began) / GATHERED + 2
    assert 1 <= disk.count(log_of(store)) <= most
    assert len(store.get_run(run_id).params) == 1000


def test_flushing_syncs_at_once_and_once(root: Path, disk: Disk) -> None:
    store = Store(root)
    run_id = new_run(store)
    write(store, run_id)
    syncer.flush()
    done = disk.count(log_of(store))
    assert done >= 1
    syncer.flush()
    assert disk.count(log_of(store)) == done


def test_several_stores_are_synced_each(tmp_path: Path, disk: Disk) -> None:
    stores = [Store(tmp_path / name) for name in "abc"]
    for store in stores:
        write(store, new_run(store))
    for store in stores:
        wait_until(lambda store=store: disk.count(log_of(store)), "the sync")


def test_a_store_that_was_deleted_or_replaced_meanwhile_is_no_trouble(
    root: Path, tmp_path: Path, disk: Disk
) -> None:
    store, other = Store(root), Store(tmp_path / "other")
    write(store, new_run(store))
    shutil.rmtree(root)
    syncer.flush()
    write(store, new_run(store))
    shutil.rmtree(root)
    new_run(other)
    other.close()
    shutil.copytree(other.root, root)
    syncer.flush()
    write(store, new_run(store))
    syncer.flush()
    assert disk.count(log_of(store)) >= 1
    assert syncer.failures == {}
    assert syncer.untold == []


def test_a_closed_store_whose_log_sqlite_has_taken_in_is_no_trouble(root: Path, disk: Disk) -> None:
    store = Store(root)
    write(store, new_run(store))
    store.close()
    assert not log_of(store).exists()
    syncer.flush()
    assert syncer.failures == {}


def test_syncing_lets_go_of_no_lock_of_sqlite(root: Path, disk: Disk) -> None:
    store = Store(root)
    run_id = new_run(store)
    write(store, run_id)
    with store.transaction(durable=False):
        store.set_params(run_id, {"inside": 1})
        syncer.flush()
        assert disk.count(log_of(store)) >= 1
        asks = (
            "import sqlite3, sys\n"
            "other = sqlite3.connect(sys.argv[1], timeout=0)\n"
            "try: other.execute('BEGIN IMMEDIATE')\n"
            "except sqlite3.OperationalError as error: print(error)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", asks, str(store.path)], capture_output=True, text=True
        )
    assert done.stdout.strip() == "database is locked"


def test_a_disk_that_cannot_be_synced_is_told_once_and_the_next_commit_is_durable_itself(
    root: Path, disk: Disk
) -> None:
    store = Store(root)
    run_id = new_run(store)
    syncer.flush()
    disk.error = OSError(errno.EIO, "Input/output error")
    write(store, run_id)
    syncer.flush()
    assert [error.errno for _, error in syncer.untold] == [errno.EIO]
    with store.transaction(durable=False) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (FULL,)
        store.set_params(run_id, {"a": 1})
    assert syncer.failures == {}
    syncer.untold.clear()
    disk.error = None
    with store.transaction(durable=False) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (NORMAL,)
        store.set_params(run_id, {"a": 2})
    syncer.flush()
    assert disk.count(log_of(store)) >= 1


def test_without_a_free_file_number_it_is_tried_again(
    root: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(root)
    run_id = new_run(store)
    syncer.flush()
    disk.synced.clear()
    disk.error = OSError(errno.EMFILE, "Too many open files")
    write(store, run_id)
    syncer.flush()
    assert syncer.failures == {}
    assert syncer.untold == []
    disk.error = None
    wait_until(lambda: disk.count(log_of(store)), "the sync")


@pytest.fixture
def no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    syncer.pause()
    syncer.go_on()
    monkeypatch.setattr(_thread, "start_new_thread", refuse)


def test_where_no_thread_can_be_started_the_caller_syncs(
    root: Path, disk: Disk, no_thread: None
) -> None:
    store = Store(root)
    run_id = new_run(store)
    disk.synced.clear()
    write(store, run_id)
    assert [who for _, who in disk.synced] == [threading.get_ident()]
    assert disk.count(log_of(store)) == 1


def _count_threads() -> int:
    """How many threads sync; other tests may have left threads of another kind."""
    return sum(
        any(here.f_code is Syncer._work.__code__ for here, _ in traceback.walk_stack(frame))
        for frame in sys._current_frames().values()
    )


def test_a_script_that_waits_until_no_thread_but_its_own_is_left_goes_on(root: Path) -> None:
    store = Store(root)
    before = threading.enumerate()
    write(store, new_run(store))
    wait_until(lambda: _count_threads() == 1, "the thread that syncs")
    assert threading.enumerate() == before


@forking
def test_a_fork_finds_no_thread_of_ours_and_both_sides_sync_their_own(
    root: Path, disk: Disk
) -> None:
    store = Store(root)
    run_id = new_run(store)
    write(store, run_id)
    assert _count_threads() == 1
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.alarm(int(PATIENCE))
            assert _count_threads() == 0
            disk.synced.clear()
            write(store, run_id, 1)
            wait_until(lambda: disk.count(log_of(store)), "the sync of the child")
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    os.close(reader)
    os.close(writer)
    disk.synced.clear()
    write(store, run_id, 2)
    wait_until(lambda: disk.count(log_of(store)), "the sync of the parent")
    assert _count_threads() == 1
    assert {"p0", "p1", "p2"} <= store.get_run(run_id).params.keys()


def test_a_read_only_reader_starts_no_thread(root: Path, disk: Disk) -> None:
    store = Store(root)
    run_id = new_run(store)
    syncer.flush()
    syncer.pause()
    syncer.go_on()
    assert Store(root, create=False).get_run(run_id).run_id == run_id
    assert _count_threads() == 0


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_the_kernel_is_asked_to_sync_the_log_file_before_the_process_ends(
    tmp_path: Path, root: Path
) -> None:
    Store(root).close()
    code = (
        # Before SQLite closes the file, which syncs as well.
        "import atexit, os; atexit.register(os._exit, 0)\n"
        "import sys; from pathlib import Path\n"
        "import autotrack.session\n"
        "from tests.store.making import new_run\n"
        "from autotrack.store.store import Store\n"
        "store = Store(Path(sys.argv[1])); run = new_run(store)\n"
        "print('written', file=sys.stderr, flush=True)\n"
        "with store.transaction(durable=False): store.set_params(run, {'a': 1})\n"
    )
    trace = tmp_path / "trace"
    done = subprocess.run(
        ["strace", "-f", "-y", "-e", "trace=fdatasync,fsync,write", "-o", str(trace),
         sys.executable, "-c", code, str(root)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    if "ptrace" in done.stderr.lower():
        pytest.skip("this machine lets no process trace another")
    assert done.returncode == 0, done.stderr
    after = trace.read_text().partition('"written')[2]
    assert re.search(r"(fdatasync|fsync)\(.*autotrack\.db-wal>", after)


def test_the_files_of_a_registered_version_are_synced_before_its_row(
    root: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(root)
    run_id = new_run(store)
    kept = store.artifacts.add_bytes(run_id, b"a model", "model/model.pkl")
    store.put_artifacts(run_id, [kept])
    syncer.flush()
    disk.synced.clear()
    file = StoredArtifact("model.pkl", kept.location, kept.size, kept.sha256)
    store.add_model_version("m", [file], run_id=run_id, source="runs:/", user="u", description="")
    path = root / "artifacts" / kept.location
    assert disk.count(path) == disk.count(path.parent) == disk.count(root / "artifacts") == 1
    disk.error = OSError(errno.EIO, "Input/output error")
    with pytest.raises(StoreError, match="Input/output error"):
        store.add_model_version(
            "m", [file], run_id=run_id, source="runs:/", user="u", description=""
        )
    assert [version.version for version in store.model_versions("m")] == [1]
