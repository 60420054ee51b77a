"""Processes and threads that train at the same time, and those that die while they do."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import sqlite3
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeRegressor

import autotrack
from autotrack.store.store import Store
from tests.waiting import PATIENCE

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are a matter of Unix")

X = np.random.default_rng(0).normal(size=(60, 3))
y = X @ [1.0, 2.0, 3.0]

# Forks train until they are killed, so that scikit-learn is imported once. Each fit that has
# returned is written down by its child, a line at once.
KILLED = """
import itertools, json, os, random, signal, sys, time
import autotrack
import numpy as np
from sklearn.tree import DecisionTreeRegressor

X = np.random.default_rng(0).normal(size=(60, 3))
y = X @ [1.0, 2.0, 3.0]
log = os.open("returned.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def train(round):
    autotrack.enable()
    if round % 2:
        autotrack.start_run(f"round {round}")
    for leaves in itertools.count(2):
        model = DecisionTreeRegressor(max_leaf_nodes=leaves).fit(X, y)
        facts = {"run": autotrack.last_run().run_id, "leaves": leaves}
        os.write(log, (json.dumps(facts) + "\\n").encode())
        model.score(X, y)


for round in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        train(round)
    time.sleep(random.uniform(0.02, 0.5))
    os.kill(pid, signal.SIGKILL)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
"""


def assert_whole(run: autotrack.Run) -> None:
    """Every file that is listed is there as it was recorded, and the model loads."""
    for path, size, sha256 in run.artifacts().itertuples(index=False):
        stored = run._store.stored_artifact(run.run_id, path)
        content = run._store.artifacts.resolve(stored.location).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (size, sha256)


def assert_sound(store_path: Path) -> None:
    database = sqlite3.connect(store_path / "autotrack.db")
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    database.close()


def test_a_process_killed_at_any_moment_loses_no_fit_that_had_returned(
    tmp_path, store_path, run_python
):
    rounds = 20
    run_python(code=KILLED.replace("sys.argv[1]", str(rounds)))
    assert_sound(store_path)
    lines = (tmp_path / "returned.jsonl").read_text().splitlines()
    returned = {facts["run"]: facts["leaves"] for facts in map(json.loads, lines)}
    assert len(returned) > rounds

    found = autotrack.search_runs(children=True)
    assert set(found["status"]) <= {"FINISHED", "KILLED"}
    assert (found["end_time"] >= found["start_time"]).all()
    held = found[found["kind"] == "user"]["run_id"].tolist()
    for run_id, leaves in returned.items():
        run = autotrack.get_run(run_id)
        # A fit that went into a run opened by hand shares the fate of that run, until it is moved
        # into a child since others like it stand beside it.
        assert run.status == ("KILLED" if run_id in held else "FINISHED")
        if run_id in held and "max_leaf_nodes" not in run.params:
            first = run.children().query("`params.max_leaf_nodes` == 2")["run_id"].item()
            run = autotrack.get_run(first)
        assert run.params["max_leaf_nodes"] == (2 if run_id in held else leaves)
        assert run.load_model().estimator.max_leaf_nodes == run.params["max_leaf_nodes"]
        assert run.datasets
    for run_id in found["run_id"]:
        assert_whole(autotrack.get_run(run_id))
    # At most one fit a round was cut off, and at most one had returned and not said so.
    cut_off = found[(found["kind"] == "fit") & (found["status"] == "KILLED")]
    assert len(cut_off) <= rounds
    assert len(found) - len(cut_off) - len(returned) <= rounds

    store = Store(store_path)
    store.artifacts.sweep()
    staging = store_path / "artifacts" / ".staging"
    assert not staging.exists() or list(staging.iterdir()) == []


def train_some(number: int, count: int = 15) -> None:
    autotrack.enable()
    for step in range(count):
        model = Ridge(alpha=2 + number * count + step).fit(X, y)
        model.score(X, y)
    autotrack.disable()


def assert_complete(found, alphas) -> None:
    assert sorted(found["params.alpha"]) == sorted(alphas)
    assert set(found["status"]) == {"FINISHED"}
    assert found["metrics.train_score"].notna().all()
    for run_id in found["run_id"]:
        run = autotrack.get_run(run_id)
        assert run.load_model().estimator.alpha == run.params["alpha"]


def in_processes(count, target) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=target, args=(number,)) for number in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE)
    assert [worker.exitcode for worker in workers] == [0] * count


def test_eight_processes_record_into_one_new_store(store_path):
    in_processes(8, train_some)
    assert_complete(autotrack.search_runs(), range(2, 122))
    assert_sound(store_path)


def test_eight_threads_have_a_run_for_each_fit():
    with autotrack.enable():
        start = threading.Barrier(8)

        def train(number):
            start.wait()
            for step in range(5):
                Ridge(alpha=2 + 5 * number + step).fit(X, y).score(X, y)

        threads = [threading.Thread(target=train, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert_complete(autotrack.search_runs(), range(2, 42))


def fit_one(alpha: int) -> float:
    return Ridge(alpha=alpha).fit(X, y).score(X, y)


def test_forked_workers_record_as_their_parent_does(store_path):
    with autotrack.enable():
        Ridge(alpha=100).fit(X, y).score(X, y)
        with multiprocessing.get_context("fork").Pool(4) as pool:
            pool.map(fit_one, range(2, 22))
        Ridge(alpha=101).fit(X, y).score(X, y)
    assert_complete(autotrack.search_runs(), [*range(2, 22), 100, 101])
    assert_sound(store_path)


def test_fits_of_forked_workers_are_children_of_the_run_they_were_started_in():
    with autotrack.enable(), autotrack.start_run() as run:
        Ridge(alpha=100).fit(X, y)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            pool.map(fit_one, range(2, 8))
    assert run.status == "FINISHED"
    assert run.params == {"alpha": 100}
    assert_complete(run.children(), range(2, 8))


def test_forked_workers_of_a_run_without_a_fit_do_not_mix_theirs_in_it():
    with autotrack.enable(), autotrack.start_run() as run:
        in_processes(4, lambda number: fit_one(2 + number))
    assert run.params == {}
    assert_complete(run.children(), range(2, 6))


def test_a_run_that_a_worker_left_open_ends_with_the_worker(monkeypatch):
    """multiprocessing ends its forks without the handlers that end a process."""
    monkeypatch.setattr(sys, "last_value", ValueError("of the parent"), raising=False)
    in_processes(2, lambda number: autotrack.log_metric("number", number))
    found = autotrack.search_runs()
    assert sorted(found["metrics.number"]) == [0, 1]
    assert set(found["status"]) == {"FINISHED"}


def test_a_fork_that_leaves_a_block_does_not_end_the_run_of_its_parent():
    with autotrack.start_run() as run:
        pid = os.fork()
        if pid:
            assert os.waitpid(pid, 0)[1] == 0
            assert run.status == "RUNNING"
            autotrack.log_param("by", "parent")
    if pid == 0:
        os._exit(0)
    assert (run.status, run.params) == ("FINISHED", {"by": "parent"})


def test_forks_while_other_threads_train(store_path):
    """A lock that another thread held at the moment of the fork must not hang the child."""
    stop = threading.Event()
    failures = []

    def train():
        try:
            while not stop.is_set():
                DecisionTreeRegressor().fit(X, y).score(X, y)
        except BaseException as error:
            failures.append(error)

    with autotrack.enable():
        threads = [threading.Thread(target=train) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(5):
            in_processes(2, lambda worker, number=number: fit_one(2 + 2 * number + worker))
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert_sound(store_path)
    found = autotrack.search_runs(where="params.alpha is not null")
    assert_complete(found, range(2, 12))
    assert set(autotrack.search_runs()["status"]) == {"FINISHED"}
