"""Threads, processes, forks and sudden deaths."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from autotrack.runtime import forks
from autotrack.store.search.query import Query
from autotrack.store.store import Store
from tests.store.making import new_run, write_complete_runs, write_until_killed

forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are a matter of Unix")


def in_child(action: Callable[[], object]) -> int:
    """Fork, run `action` in the child and return how it ended; a hang is a failure."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(pid, 0)
    return ended


def test_eight_processes_fill_a_new_store_together(root: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=write_complete_runs, args=(root, f"w{number}", 200))
        for number in range(8)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 8
    store = Store(root)
    assert store.check() == []
    assert [experiment.name for experiment in store.list_experiments()] == ["shared"]
    rows = store.search(Query())
    assert len(rows) == 1_600
    for row in rows:
        assert row.status == "FINISHED"
        assert row.params["label"] == row.name
        assert row.metrics == {"loss": row.params["number"] + 0.2}


@forking
def test_processes_that_make_the_same_store_at_the_same_instant_all_succeed(
    tmp_path: Path,
) -> None:
    for turn in range(10):
        root = tmp_path / f"store{turn}"
        start = time.time() + 0.05
        pids = []
        for _ in range(8):
            pid = os.fork()
            if pid == 0:
                status = 1
                try:
                    time.sleep(max(0, start - time.time()))
                    Store(root).experiment_id("Default")
                    status = 0
                finally:
                    os._exit(status)
            pids.append(pid)
        assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 8
        assert len(Store(root).list_experiments()) == 1


def test_threads_share_a_store(store: Store) -> None:
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for turn in range(20):
                with store.transaction(durable=False):
                    run_id = new_run(store, name=f"{number}")
                    store.set_params(run_id, {"number": number})
                store.add_metrics(run_id, [("turn", turn, None, 0.0)])
                assert store.get_run(run_id).params == {"number": number}
                store.search(Query(limit=3))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(store.search(Query())) == 160


@forking
def test_a_fork_in_the_midst_of_other_threads_work_gives_a_child_that_can_write(
    store: Store,
) -> None:
    stop = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            while not stop.is_set():
                with store.transaction(durable=False):
                    store.set_params(new_run(store, name="parent"), {"a": 1})
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()

    def child() -> None:
        run_id = new_run(store, name="child")
        store.add_metrics(run_id, [("loss", 1.0, None, 0.0)])
        assert store.get_run(run_id).metrics == {"loss": 1.0}
        store.end_run(run_id, status="FINISHED", end_time=time.time())

    ended = [in_child(child) for _ in range(15)]
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert ended == [0] * 15
    assert store.check() == []
    assert len(store.search(Query(where="name = 'child' and status = 'FINISHED'"))) == 15


@forking
def test_what_a_child_writes_outlives_the_parents_connection(store: Store, root: Path) -> None:
    """The last to close deletes the write-ahead log: a child must count as one who has it open."""
    new_run(store)
    written_reader, written_writer = os.pipe()
    closed_reader, closed_writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            new_run(store, name="before")
            os.write(written_writer, b"x")
            os.read(closed_reader, 1)
            new_run(store, name="after")
            status = 0
        finally:
            os._exit(status)
    os.read(written_reader, 1)
    new_run(store, name="parent")
    store.close()
    os.write(closed_writer, b"x")
    assert os.waitpid(pid, 0)[1] == 0
    names = {row.name for row in Store(root).search(Query())}
    assert names == {"a run", "before", "parent", "after"}


@forking
def test_a_child_forked_inside_a_transaction_leaves_it_to_the_parent(store: Store) -> None:
    with store.transaction():
        run_id = new_run(store)
        pid = os.fork()
        if pid:
            assert os.waitpid(pid, 0)[1] == 0
            store.set_params(run_id, {"by": "parent"})
    if pid == 0:
        os._exit(0)
    assert store.get_run(run_id).params == {"by": "parent"}
    assert store.check() == []


@forking
def test_a_fork_does_not_cost_the_parent_its_store(store: Store) -> None:
    run_id = new_run(store)
    for turn in range(3):
        assert in_child(lambda: None) == 0
        store.set_params(run_id, {"turn": turn})
    assert store.get_run(run_id).status == "RUNNING"
    assert store.get_run(run_id).params == {"turn": 2}


def test_a_store_that_is_dropped_is_forgotten(tmp_path: Path) -> None:
    before = len(forks._live)
    for number in range(5):
        Store(tmp_path / f"{number}").experiment_id("Default")
    assert len(forks._live) == before


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL is a matter of Unix")
def test_a_writer_killed_at_any_moment_leaves_a_sound_store(root: Path) -> None:
    context = multiprocessing.get_context("spawn")
    for _ in range(5):
        writer = context.Process(target=write_until_killed, args=(root, random.uniform(0.02, 0.3)))
        writer.start()
        writer.join()
        assert writer.exitcode == -signal.SIGKILL
        store = Store(root)
        assert store.check() == []
        rows = store.search(Query())
        # A run is there with all its facts, or it is not there.
        assert all(len(row.params) == len(row.metrics) == 20 for row in rows)
        assert {row.status for row in rows} <= {"FINISHED", "KILLED"}
        assert all(row.end_time is not None and row.end_time >= row.start_time for row in rows)
        for row in rows:
            for artifact in store.list_artifacts(row.run_id):
                found = store.stored_artifact(row.run_id, artifact.path)
                assert store.artifacts.resolve(found.location).stat().st_size == artifact.size
        store.artifacts.sweep()
        staging = root / "artifacts" / ".staging"
        assert not staging.exists() or os.listdir(staging) == []
        store.close()
