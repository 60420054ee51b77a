"""What makes a search the same as an earlier one."""

from __future__ import annotations

import inspect
import platform
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

import joblib
import numpy as np
import xxhash

from autotrack.describe import environment
from autotrack.describe.constructor import own_params
from autotrack.describe.estimator import deep_params, qualified_name
from autotrack.entities import DatasetUse
from autotrack.tracking.resuming import Evaluation, Likeness

# What does not change the evaluations.
_NO_MATTER = frozenset({"n_jobs", "verbose", "pre_dispatch", "refit"})
_LIBRARIES = ("scikit-learn", "numpy", "scipy", "pandas", "joblib")
_INSTALLED = tuple(
    str(Path(path).resolve()) for path in {*sysconfig.get_paths().values()} if "lib" in path
)


def likeness(search: Any, use: DatasetUse | None, further: Mapping[str, Any]) -> Likeness | None:
    """What another search must have in common with this one; None if that cannot be told.

    Parameters
    ----------
    search : estimator
    use : DatasetUse or None
        What it is to be fitted to.
    further : mapping
        What was given to ``fit`` beside X and y.
    """
    if use is None:
        return None
    held = {k: v for k, v in own_params(search).items() if k not in _NO_MATTER}
    parts = [*_parts(search)]
    try:
        told = [joblib.hash(held), *(_source(part) for part in parts)]
        beside = joblib.hash(dict(further)) if further else ""
    except Exception:  # noqa: BLE001 - what cannot be pickled cannot be told from another
        return None
    identity = xxhash.xxh3_128_hexdigest("\n".join([qualified_name(search), *told]).encode())
    target = "" if use.target is None else use.target.fingerprint
    return Likeness(identity, f"{use.data.fingerprint} {target} {beside}".strip(), _versions(parts))


def _parts(search: Any) -> Iterator[Any]:
    """The search and everything it is made of: estimators, functions, splitters."""
    yield search
    for value in deep_params(search).values():
        for part in value.values() if isinstance(value, Mapping) else (value,):
            yield from part if isinstance(part, list | tuple) else (part,)


def _kind(part: Any) -> Any:
    return part if isinstance(part, type | FunctionType) else type(part)


def _source(part: Any) -> str:
    """The source of a class or function of the user's own, which may change from run to run."""
    kind = _kind(part)
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    if kind.__module__ == "builtins" or (file and _is_installed(file)):
        return ""
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return ""


def _is_installed(file: str) -> bool:
    return str(Path(file).resolve()).startswith(_INSTALLED)


def _versions(parts: list[Any]) -> str:
    """Python, the core libraries, and those that the parts of the search come from."""
    known = environment.source().packages
    modules = {str(_kind(part).__module__).partition(".")[0] for part in parts}
    wanted = [*_LIBRARIES, *sorted(name for name in known if name in modules)]
    found = {name: known[name] for name in wanted if name in known}
    listed = [f"python {platform.python_version()}"]
    return ", ".join(listed + [f"{name} {version}" for name, version in found.items()])


def split_digest(train: Any, test: Any) -> str:
    """Digest of the rows of a split."""
    digest = xxhash.xxh3_64()
    for rows in (train, test):
        array = np.ascontiguousarray(rows)
        digest.update(f"{array.dtype} {array.shape} ".encode())
        digest.update(array.data)
    return digest.hexdigest()


def test_share(train: Any, test: Any) -> float:
    """Rows of the test part for each row of the training part."""
    sizes = [int(np.sum(r)) if np.asarray(r).dtype == bool else len(r) for r in (train, test)]
    return sizes[1] / sizes[0] if sizes[0] else 0.0


def as_result(
    known: Evaluation, kwargs: Mapping[str, Any], single: str = "score"
) -> dict[str, Any] | None:
    """An evaluation as `_fit_and_score` would return it; None if that cannot be told.

    Several scores stand under their names, a single one under `single`.
    """
    scorer, numbers = kwargs.get("scorer"), known.numbers
    names = list(getattr(scorer, "_scorers", ()))
    parts = ["test", "train"] if kwargs.get("return_train_score") else ["test"]
    result: dict[str, Any] = {
        "fit_error": next((note.details for note in known.notes if note.kind == "error"), None)
    }
    try:
        for part in parts:
            result[f"{part}_scores"] = (
                {name: numbers[f"{part}_{name}"] for name in names}
                if names
                else numbers[f"{part}_{single}"]
            )
        result["n_test_samples"] = len(kwargs["test"])
        result |= {key: numbers[key] for key in ("fit_time", "score_time")}
    except KeyError:  # scores whose names only the user's function knows
        return None
    return result
