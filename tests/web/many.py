"""A store of many runs, written past the recorder: for charts of thousands, and for benchmarks."""

from __future__ import annotations

import random
import time
from pathlib import Path

from autotrack.store.store import Store

RUNS = 100_000
EXPERIMENTS = 60
COMMON = 10
OWN = 100
FAMILIES = ("mean_test_score", "test_accuracy_score", "val_accuracy_score", "train_accuracy_score")


def make(folder: Path, runs: int = RUNS) -> None:
    """Write the runs past the recorder, in one transaction."""
    store = Store(folder)
    chance = random.Random(0)
    ids = [store.create_experiment(f"experiment {number}") for number in range(EXPERIMENTS)]
    began = time.time() - runs * 60.0
    common_params = [f"step{number}__param" for number in range(COMMON)]
    common_metrics = [*FAMILIES, *(f"test_metric_{n}" for n in range(COMMON - len(FAMILIES)))]
    with store.transaction() as connection:
        for start in range(0, runs, 2000):
            rows, params, metrics, tags = [], [], [], []
            for number in range(start + 1, min(start + 2000, runs) + 1):
                own = number % EXPERIMENTS
                ended = chance.random()
                status = "FINISHED" if ended < 0.95 else "FAILED"
                at = began + number * 60.0
                error = ("ValueError", "Input X contains NaN.", "Traceback") if ended >= 0.95 else (
                    None, None, None)  # fmt: skip
                parent = None if number % 10 else max(1, number - 5)
                rows.append((number, f"{number:032x}", int(ids[own]), parent, f"run {number}",
                             "fit", status, at, at + 30 * chance.random(), *error))  # fmt: skip
                keys = common_params + [
                    f"e{own}__param_{n}" for n in chance.sample(range(OWN), COMMON)
                ]
                for place, key in enumerate(keys):
                    if place % 4 == 0:
                        kernel = chance.choice(["rbf", "linear", "poly"])
                        params.append((number, key, "str", kernel, None))
                    else:
                        value = round(chance.random(), 4)
                        params.append((number, key, "float", repr(value), value))
                scores = common_metrics + [
                    f"test_e{own}_metric_{n}" for n in chance.sample(range(OWN), COMMON)
                ]
                metrics += [(number, key, 0, 0, chance.random(), at, 1) for key in scores]
                tags.append((number, "estimator", "sklearn.svm._classes.SVC"))
            connection.executemany(
                "INSERT INTO runs (id, run_id, experiment, parent, name, kind, status, start_time,"
                " end_time, error_type, error_message, error_traceback)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            connection.executemany("INSERT INTO params VALUES (?, ?, ?, ?, ?)", params)
            connection.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?, ?)", metrics)
            connection.executemany("INSERT INTO tags VALUES (?, ?, ?)", tags)
    store.close()
