"""Calls of a running script, tracked and bare in turn in one process."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import StandardScaler

import autotrack
from benchmarks.clock import timed
from benchmarks.timing import Samples, Variant, alternate, differences, ratios
from benchmarks.workload import Floor, Inner, Outer, frame, pipeline, shuffled

_STORE = Path("store")
# Calls of a few microseconds are timed as a series.
_SERIES = 10
# Predictions that are alive beside those that are scored.
_CROWD = 10_000
# What is written is synced so much later at most, in seconds.
_BEHIND = 0.1


def fit(quick: bool) -> Samples:
    """A fit with and without crate, beside the floor."""
    X, y = frame()
    fitted = pipeline().fit(X, y)
    floor = Floor(Path.cwd())
    on = functools.partial(autotrack.enable, store=_STORE)

    def once() -> float:
        model = pipeline()
        return timed(lambda: model.fit(X, y))

    variants = {
        "bare": Variant(once),
        "crate": Variant(once, on, _BEHIND),
        "no_crate": Variant(once, functools.partial(on, log_models=False), _BEHIND),
        "floor": Variant(lambda: timed(lambda: floor.keep(fitted))),
        "commit": Variant(lambda: timed(floor.commit)),
    }
    rounds, block, warm = 12 if quick else 60, 7, 2
    took = alternate(variants, rounds=rounds, block=block, warm=warm)
    with on():
        _check_fits(rounds * (block + warm))
    added = differences(took["crate"], took["bare"])
    return {
        "bare_fit": took["bare"],
        "fit": added,
        "fit_floors": ratios(added, took["floor"]),
        "fit_no_crate": differences(took["no_crate"], took["bare"]),
        "floor": took["floor"],
        "commit": took["commit"],
    }


def _check_fits(each: int) -> None:
    """A benchmark of something that did not happen would be a good one."""
    found = autotrack.search_runs()
    kept = sum(1 for _ in Path(_STORE, "artifacts").glob("*/model/model.pkl"))
    if len(found) != 2 * each or set(found["status"]) != {"FINISHED"} or kept != each:
        raise RuntimeError(f"{2 * each} fits made, {len(found)} runs and {kept} crates recorded")


def score(quick: bool) -> Samples:
    """`accuracy_score` of a prediction, linked to the run of the model that made it."""
    X, y = frame()
    X_new, y_new = shuffled(X, y)
    model = pipeline().fit(X, y)
    floor = Floor(Path.cwd())

    def once() -> float:
        predicted = model.predict(X_new)
        return timed(lambda: accuracy_score(y_new, predicted))

    def least() -> float:
        predicted = model.predict(X_new)
        return timed(lambda: (accuracy_score(y_new, predicted), floor.commit()))

    variants = {
        "bare": Variant(once),
        "on": Variant(once, lambda: _tracked(model, X, y), _BEHIND),
        "crowded": Variant(once, lambda: _crowded(model, X, y), _BEHIND),
        "least": Variant(least),
        "commit": Variant(lambda: timed(floor.commit)),
    }
    rounds, block, warm = 12 if quick else 60, 15, 3
    took = alternate(variants, rounds=rounds, block=block, warm=warm)
    with autotrack.enable(store=_STORE):
        runs = autotrack.search_runs()["run_id"]
        steps = sum(len(autotrack.metric_history(run, "train_accuracy_score")) for run in runs)
    computed = 2 * rounds * (block + warm)
    if steps != computed:
        raise RuntimeError(f"{computed} scores computed, {steps} recorded")
    added = {name: differences(took[name], took["bare"]) for name in ("on", "crowded", "least")}
    return {
        "bare_score": took["bare"],
        "score": added["on"],
        "score_commit": took["commit"],
        "score_commits": ratios(added["on"], took["commit"]),
        "score_crowded": ratios(added["crowded"], took["commit"]),
        "score_least": ratios(added["least"], took["commit"]),
    }


def predict(quick: bool) -> Samples:
    """`predict` of one row, by a model trained on an array."""
    X, y = (np.asarray(part) for part in frame())
    row = X[:1].copy()
    model = pipeline().fit(X, y)

    def once() -> float:
        return timed(lambda: model.predict(row), _SERIES)

    took = alternate(
        {"bare": Variant(once), "on": Variant(once, lambda: _tracked(model, X, y))},
        rounds=12 if quick else 100,
        block=25,
        warm=10,
    )
    return {"bare_predict": took["bare"], "predict": differences(took["on"], took["bare"])}


def transform(quick: bool) -> Samples:
    """Transformers outside of pipelines on wide data, whose outputs are remembered."""
    random = np.random.default_rng(0)
    numbers = pd.DataFrame(random.normal(size=(500, 1000))).rename(columns="c{}".format)
    counts = sparse.random_array((1500, 18_000), density=0.0016, format="csr", rng=random)
    kinds = {"frame": (StandardScaler, numbers), "words": (TfidfTransformer, counts)}
    samples: Samples = {}
    for name, (kind, data) in kinds.items():
        once = functools.partial(_fit_transform, kind, data)
        variants = {
            "bare": Variant(once),
            "on": Variant(once, functools.partial(autotrack.enable, store=_STORE)),
        }
        took = alternate(variants, rounds=10 if quick else 40, block=9, warm=3)
        samples[f"bare_transform_{name}"] = took["bare"]
        samples[f"transform_{name}"] = differences(took["on"], took["bare"])
    return samples


def _fit_transform(kind: Any, data: Any) -> float:
    transformer = kind()
    return timed(lambda: transformer.fit_transform(data))


@contextmanager
def _tracked(model: Any, X: Any, y: Any) -> Iterator[None]:
    """A block with tracking on, in which `model` has a run."""
    with autotrack.enable(store=_STORE):
        model.fit(X, y)
        yield


@contextmanager
def _crowded(model: Any, X: Any, y: Any) -> Iterator[None]:
    """The same, in which many predictions of another model are alive."""
    with _tracked(model, X, y):
        inner, rows = Inner(), np.random.default_rng(0).normal(size=(_CROWD, 5, 1))
        alive = [inner.predict(part.copy()) for part in rows]
        yield
        del alive


def requirements(quick: bool) -> Samples:
    """A crate made of a fitted model: packed, read again, and its requirements asked for."""
    model = pipeline().fit(*frame())
    found: list[str] = []

    def once() -> float:
        return timed(lambda: found.extend(autotrack.crate(model).requirements))

    samples = [once() for _ in range(20 if quick else 200)]
    names = {line.partition("==")[0] for line in found}
    if names != {"numpy", "scikit-learn"}:
        raise RuntimeError(f"the requirements are not what they should be: {sorted(names)}")
    return {"requirements": samples[5:]}


def nested(quick: bool) -> Samples:
    """A tracked method called while another one is open."""
    calls = 1000
    outer, row = Outer(calls), np.zeros((1, 1))
    Inner().predict(row)

    def once() -> float:
        return timed(lambda: outer.predict(row)) / calls

    took = alternate(
        {
            "bare": Variant(once),
            "on": Variant(once, functools.partial(autotrack.enable, store=_STORE)),
        },
        rounds=20 if quick else 100,
        block=15,
        warm=3,
    )
    return {"nested": differences(took["on"], took["bare"])}
