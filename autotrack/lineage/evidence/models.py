"""What a fitted model says of itself: where its search ended, and whether it converged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autotrack.analysis.evidence.catalogue import finding
from autotrack.describe.parts import held_by, named_parts
from autotrack.entities import Finding

# Estimators whose `n_iter_` counts stages, each of which is wanted.
_STAGES = ("ensemble", "xgboost", "lightgbm", "catboost")


def of_fit(model: Any, data_name: str) -> Iterator[Finding]:
    """What is to be said of a fit or a search that ended, before anything is scored."""
    for estimator, limit in stopped(model):
        text = f"{estimator} stopped at max_iter={limit}"
        yield finding("AT202", data_name, text, {"max_iter": limit})
        break
    for param, side in edges(model):
        text = f"the best {param} is the {side} that was tried"
        yield finding("AT201", data_name, text, {"param": param, "side": side})


def edges(search: Any) -> Iterator[tuple[str, str]]:
    """The params of a search whose best value is the first or last of the numbers it tried."""
    held = held_by(search)
    best, grid = held.get("best_params_"), held.get("param_grid")
    if not isinstance(best, Mapping):
        return
    for part in grid if isinstance(grid, list | tuple) else [grid]:
        if not isinstance(part, Mapping) or set(part) != set(best):
            continue
        for name, values in part.items():
            tried = _numbers(values)
            # So that there is a middle.
            if len(tried) >= 3 and best[name] in (tried[0], tried[-1]):
                yield name, "smallest" if best[name] == tried[0] else "largest"


def _numbers(values: Any) -> list[float]:
    try:
        tried = list(values)
    except TypeError:
        return []
    plain = all(
        isinstance(value, int | float | np.number) and not isinstance(value, bool)
        for value in tried
    )
    return sorted(set(tried)) if plain else []


def stopped(model: Any) -> Iterator[tuple[str, int]]:
    """The estimators in a model that stopped at their limit of iterations, and that limit."""
    for part in _parts(model):
        held = held_by(part)
        limit, module = held.get("max_iter"), str(type(part).__module__)
        if not isinstance(limit, int | np.integer) or limit < 2 or "n_iter_" not in held:
            continue
        if any(name in module for name in _STAGES) or held.get("tol", 1) in (None, 0):
            continue
        taken = np.asarray(held["n_iter_"])
        if taken.size and taken.dtype.kind in "iu" and int(taken.max()) >= limit:
            yield type(part).__name__, int(limit)


def _parts(model: Any) -> list[Any]:
    held = held_by(model)
    best = held.get("best_estimator_", held.get("estimator_", held.get("regressor_")))
    if best is not None and hasattr(best, "fit"):
        return _parts(best)
    steps = [part for _, part in named_parts(held.get("steps"))]
    return [part for step in steps for part in _parts(step)] if steps else [model]


def classes_of(model: Any) -> Any:
    """The classes that a classifier was trained on; None for what is none."""
    try:
        found = getattr(model, "classes_", None)
    except Exception:  # noqa: BLE001 - a property of a user's class may raise anything
        return None
    array = None if found is None or isinstance(found, list) else np.asarray(found)
    return array if array is not None and array.ndim == 1 and len(array) > 1 else None


def score_metric(model: Any) -> str:
    """What the `score` of a model measures, as far as that is known; else the class that has it."""
    held = held_by(model)
    scoring = held.get("scoring")
    if "best_params_" in held and scoring is not None:
        return scoring if isinstance(scoring, str) else type(scoring).__name__
    part = next(iter(_parts(model)[::-1]), model)
    name = str(getattr(getattr(type(part), "score", None), "__qualname__", "")).partition(".")[0]
    known = {"ClassifierMixin": "accuracy", "RegressorMixin": "r2"}
    return known.get(name, name)
