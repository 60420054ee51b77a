"""Runs to test with, and things to do with a store from another process."""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

from autotrack.entities import Column, Dataset, DatasetUse, RunKind, Source
from autotrack.store.store import Store
from tests.waiting import PATIENCE

X = Dataset(
    "xxh3:11",
    "pandas.DataFrame",
    (150, 2),
    (Column("length", "float64"), Column("Länge", "int64")),
)
Y = Dataset("xxh3:22", "numpy.ndarray", (150,))
SOURCE = Source(
    source_id="source-1",
    script="train.py",
    command=("python", "train.py", "--c=1"),
    git_commit="abc",
    git_dirty=True,
    user="ann",
    host="here",
    pid=7,
    python="3.11.7",
    platform="linux",
    packages={"numpy": "2.1"},
)

_numbers = itertools.count()


def new_run(store: Store, *, kind: RunKind = "fit", name: str = "a run", **more: Any) -> str:
    run_id = more.pop("run_id", None) or f"{random.getrandbits(64):016x}{next(_numbers):016x}"
    experiment_id = more.pop("experiment_id", None) or store.experiment_id("Default")
    start = more.pop("start_time", None) or time.time()
    store.create_run(
        run_id=run_id,
        name=name,
        kind=kind,
        experiment_id=experiment_id,
        start_time=start,
        **more,
    )
    return run_id


def use(context: str = "train", name: str | None = "X_train") -> DatasetUse:
    return DatasetUse(context, X, name, Y)


def write_complete_runs(root: Path, label: str, count: int) -> None:
    """What a training script writes, `count` times."""
    store = Store(root)
    for number in range(count):
        run_id = f"{label}-{number:06}"
        with store.transaction(durable=False):
            store.add_source(SOURCE)
            new_run(
                store,
                run_id=run_id,
                name=label,
                experiment_id=store.experiment_id("shared"),
                source_id=SOURCE.source_id,
            )
            store.set_params(run_id, {"number": number, "label": label})
            store.add_dataset(run_id, use())
        store.add_metrics(run_id, [("loss", number + step / 10, None, 1.0) for step in range(3)])
        with store.transaction(durable=False):
            store.end_run(run_id, status="FINISHED", end_time=time.time())
    store.close()


def write_until_killed(root: Path, seconds: float) -> None:
    """Write runs, durable or not, until the kernel ends the process in the midst of it."""
    store = Store(root)
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
    for number in itertools.count():
        with store.transaction(durable=number % 3 == 0):
            run_id = new_run(store, name=f"{number}")
            store.set_params(run_id, {f"p{key}": key for key in range(20)})
            store.add_metrics(run_id, [(f"m{key}", key, None, time.time()) for key in range(20)])
        artifact = store.artifacts.add_bytes(run_id, b"x" * 1000, "file.bin")
        store.put_artifacts(run_id, [artifact])
        if number % 2:
            store.end_run(run_id, status="FINISHED", end_time=time.time())


def begin_and_wait(root: Path, announce: Any, forever: bool) -> None:
    """Begin a run, say its id, and then live on or leave without an end."""
    store = Store(root)
    run_id = new_run(store)
    store.add_metrics(run_id, [("loss", 1.0, None, time.time() + 5)])
    announce.put(run_id)
    announce.close()
    announce.join_thread()
    if forever:
        time.sleep(2 * PATIENCE)
    os._exit(0)


def hold_the_lock(root: Path, held: Any, release: Any) -> None:
    """Keep a write transaction open from `held` to `release`."""
    store = Store(root)
    with store.transaction():
        held.set()
        release.wait(PATIENCE)
