"""Large things: a forest of a gigabyte, and arrays at memory speed."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import xxhash
from sklearn.ensemble import RandomForestRegressor

import autotrack
from autotrack.describe.data.fingerprint import fingerprint as autotrack_fingerprint
from benchmarks.clock import timed
from benchmarks.timing import Samples, Variant, alternate, ratios

_GB = 1 << 30


def forest(quick: bool) -> Samples:
    """A large forest kept as a crate, against a plain `pickle.dump` on the same disk."""
    model = _forest(_GB // 8 if quick else _GB)
    store = Path("store")
    found: Samples = {name: [] for name in ("forest", "forest_5", "forest_disk")}
    found |= {"forest_memory": [], "dump_memory": [], "dump_5_memory": []}
    with autotrack.enable(store=store), autotrack.start_run("forest"):
        actions: list[tuple[str, Callable[[], object]]] = [
            ("dump", lambda: _dump(model, None)),
            ("dump_5", lambda: _dump(model, 5)),
            ("forest", lambda: autotrack.log_model(model)),
        ]
        for number in range(3 if quick else 9):
            took, synced = {}, {}
            for name, action in actions:
                took[name], synced[name], memory = _measured(action)
                found[f"{name}_memory"] += memory
            if number:  # the first round meets memory and disk as nobody used them before
                found["forest"].append(took["forest"] / took["dump"])
                found["forest_5"].append(took["forest"] / took["dump_5"])
                found["forest_disk"].append(synced["forest"] / synced["dump"])
                found.setdefault("dump", []).append(took["dump"])
            actions.reverse()
        if not list(store.glob("artifacts/*/model*/model.pkl")):
            raise RuntimeError("the forest was not kept")
    # Memory that was freed is used again unseen: only the highest counts.
    del found["dump_5_memory"]
    for name in ("dump_memory", "forest_memory"):
        found[name] = [max(found[name])] if found[name] else []
    shutil.rmtree(store)
    return found


def _forest(size: int) -> RandomForestRegressor:
    """A forest whose pickle has `size` bytes; most trees are copies of two."""
    random = np.random.default_rng(0)
    X, y = random.random((60_000, 8)), random.random(60_000)
    model = RandomForestRegressor(n_estimators=2, n_jobs=2, random_state=0).fit(X, y)
    trees = list(model.estimators_)
    count = -(-size // len(pickle.dumps(trees[0], protocol=5)))
    model.estimators_ = [copy.deepcopy(trees[number % len(trees)]) for number in range(count)]
    model.n_estimators = count
    return model


def _dump(model: object, protocol: int | None) -> None:
    with open("plain.pkl", "wb") as file:
        pickle.dump(model, file, protocol=protocol)


def _measured(action: Callable[[], object]) -> tuple[float, float, list[float]]:
    """Seconds, the same until all of it is on the disk, and the most memory held on top.

    The last is a list that is empty where Linux does not tell.
    """
    Path("plain.pkl").unlink(missing_ok=True)
    gc.collect()
    os.sync()
    before = _reset_peak()
    took = timed(action)
    memory = [] if before is None else [_status("VmHWM") - before]
    return took, took + timed(os.sync), memory


def _reset_peak() -> float | None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return _status("VmRSS")
    except OSError:
        return None


def _status(name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return float(found[1]) * 1024


def fingerprint(quick: bool) -> Samples:
    """Speed of dataset fingerprints, and of xxh3 alone, in GB/s."""
    array = np.random.default_rng(0).random((400_000 if quick else 2_000_000, 32))
    turned = np.asfortranarray(array)
    table = pd.DataFrame(turned, columns=[f"c{number}" for number in range(array.shape[1])])
    size = array.nbytes / 1e9

    def speed(action: Callable[[], object]) -> Variant:
        return Variant(lambda: timed(action))

    took = alternate(
        {
            "fingerprint": speed(lambda: autotrack_fingerprint(array)),
            "fingerprint_fortran": speed(lambda: autotrack_fingerprint(turned)),
            "fingerprint_frame": speed(lambda: autotrack_fingerprint(table)),
            "xxh3": speed(lambda: xxhash.xxh3_128_digest(array.data)),
        },
        rounds=5 if quick else 15,
        block=3,
        warm=1,
    )
    return {name: ratios([size] * len(seconds), seconds) for name, seconds in took.items()}
