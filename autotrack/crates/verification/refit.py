"""A model fitted once more, in an interpreter of its own, and held against the one in its crate.

This file runs as a script in an interpreter that has no autotrack, so nothing of autotrack is
imported here but `replay`, which lies beside it. It reads one JSON object from standard input (what
`replay` reads of a model, and ``data``: the file with a pickle of X, y and what else ``fit`` is
given) and writes one to standard output: what came of it, or ``error``.
"""

from __future__ import annotations

import importlib.util
import json
import math
import pickle
import platform
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

# What is asked of both models, of the rows they were fitted to.
_METHODS = ("predict", "predict_proba", "decision_function", "transform", "score_samples")
_TOLERANCE = 1e-12
_PLAIN = (bool, int, float, str, type(None))
_SEEDS = ("random_state", "random_seed")


def compared(old: Any, new: Any) -> tuple[float, str]:
    """How far two values are apart, and in which way.

    Returns
    -------
    tuple
        0 for identical ones, up to the tolerance of 1e-12 for equal ones, else more; infinite
        where they cannot be held against each other. The text says what is different.
    """
    left, right = _array(old), _array(new)
    if left.shape != right.shape:
        return math.inf, f"of shape {right.shape}, recorded {left.shape}"
    if left.dtype.kind not in "fcbiu" or right.dtype.kind not in "fcbiu":
        same = left.astype(str) == right.astype(str)
        if bool(np.all(same)):
            return 0.0, ""
        return math.inf, f"{int(np.sum(~same))} of {same.size} values are others"
    if np.array_equal(left, right, equal_nan=left.dtype.kind in "fc"):
        return 0.0, ""
    gaps = np.isnan(left.astype(float)) != np.isnan(right.astype(float))
    if bool(np.any(gaps)):
        return math.inf, f"{int(np.sum(gaps))} of {gaps.size} values are missing in one of them"
    apart = np.abs(left.astype(float) - right.astype(float))
    largest = float(np.nanmax(apart))
    scale = np.maximum(1.0, np.abs(left.astype(float)))
    relative = float(np.nanmax(apart / scale))
    count = int(np.sum(apart > 0))
    return relative, f"{count} of {apart.size} values differ, by up to {largest:.3g}"


def _array(value: Any) -> Any:
    if hasattr(value, "toarray"):
        value = value.toarray()
    if isinstance(value, list):
        value = np.concatenate([np.ravel(np.asarray(part)) for part in value])
    return np.asarray(value)


def _parts(old: Any, new: Any, X: Any) -> Iterator[tuple[str, Any, Any]]:
    """What two fitted models learned and say, by what it is called."""
    for name, value in vars(old).items():
        learned = name.endswith("_") and not name.startswith("_") and "time" not in name
        if learned and isinstance(value, np.ndarray | float | int) and name in vars(new):
            yield name, value, vars(new)[name]
    for name in _METHODS:
        if hasattr(old, name) and hasattr(new, name):
            yield f"{name}(X)", getattr(old, name)(X), getattr(new, name)(X)


def _against(old: Any, new: Any, X: Any) -> dict[str, Any]:
    apart, names, first = 0.0, [], ""
    for name, left, right in _parts(old, new, X):
        distance, said = compared(left, right)
        names.append(name)
        apart = max(apart, distance)
        if distance > _TOLERANCE and not first:
            first = f"{name}: {said}"
    verdict = "identical" if apart == 0 else "equal" if apart <= _TOLERANCE else "different"
    return {"verdict": verdict if names else "unknown", "compared": names, "where": first}


def _params(model: Any) -> dict[str, Any]:
    """The plain params, and which seeds are none."""
    held = model.get_params(deep=True)
    is_seed = {name: name.rpartition("__")[2] in _SEEDS for name in held}
    generators = (np.random.RandomState, np.random.Generator)
    return {
        "params": {n: v for n, v in held.items() if isinstance(v, _PLAIN) and _is_finite(v)},
        "unseeded": [name for name, value in held.items() if is_seed[name] and value is None],
        "generators": [name for name, value in held.items() if isinstance(value, generators)],
    }


def _is_finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _versions(names: list[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def _load_replay() -> Any:
    place = Path(__file__).with_name("replay.py")
    spec = importlib.util.spec_from_file_location("replay", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _global_state() -> str:
    """That of NumPy's generator, which scikit-learn draws from where no seed is set."""
    name, keys, *rest = np.random.get_state(legacy=True)
    return repr((name, np.asarray(keys).tolist(), *rest))


def _draws_elsewhere(name: str) -> bool:
    """Whether a seed, by its name, is of a library with a generator of its own."""
    return not name.endswith("random_state")


def _refitted(asked: Mapping[str, Any]) -> dict[str, Any]:
    replay = _load_replay()
    about = (asked["file"], asked["sha256"], asked["storage"], asked["objects"])
    old = replay._load(*about, asked["trusted"])
    with open(asked["data"], "rb") as file:
        X, y, further = pickle.load(file)
    from sklearn.base import clone

    told = _params(old)
    new = clone(old, safe=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = _global_state()
        new.fit(X, **({} if y is None else {"y": y}), **further)
        if before == _global_state():  # a seed that nothing was drawn by is no cause
            told["unseeded"] = [name for name in told["unseeded"] if _draws_elsewhere(name)]
        told |= _against(old, new, X)
    return told


def main() -> None:
    """Fit the model that standard input names once more."""
    asked = json.load(sys.stdin)
    output, sys.stdout = sys.stdout, sys.stderr  # what a model prints is no answer
    try:
        told = _refitted(asked)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
        last = traceback.extract_tb(error.__traceback__)[-1]
        told = {
            "error": f"{type(error).__name__}: {error}",
            "where": f"{Path(last.filename).name}:{last.lineno}",
        }
    told |= {
        "python": platform.python_version(),
        "versions": _versions(asked.get("distributions", [])),
    }
    json.dump(told, output)


if __name__ == "__main__":
    sys.modules["autotrack"] = None  # type: ignore[assignment]  # whoever imports it fails
    main()
