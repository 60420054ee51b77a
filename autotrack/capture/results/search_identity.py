"""What makes an evaluation of a search the same as an earlier one."""

from __future__ import annotations

import json
import math
import platform
import sys
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import xxhash

from autotrack.analysis.names import SPLITS_TAG, TEST_SHARE_TAG
from autotrack.capture.parallel.random_draws import Draws
from autotrack.crates.requirements import distribution_of
from autotrack.describe.constructor import own_params
from autotrack.describe.content import Content, Undigestible, options
from autotrack.tracking.evaluations.resume import Evaluation, SearchIdentity

# What does not change the evaluations.
_NO_MATTER = frozenset({"n_jobs", "verbose", "pre_dispatch", "refit"})
# What says which candidates are evaluated on which splits: each of them has a digest of its own.
_SWEPT = frozenset(
    {
        "param_grid",
        "param_distributions",
        "n_iter",
        "random_state",
        "cv",
        "resource",
        "min_resources",
        "max_resources",
        "n_candidates",
        "factor",
        "aggressive_elimination",
    }
)
_LIBRARIES = ("sklearn", "numpy", "scipy", "pandas", "joblib")
# Data may be made of millions of objects.
_MOST_DATA = 2_000_000


def search_identity(
    search: Any, name: str, X: object, y: object, further: Mapping[str, Any], key: str = ""
) -> SearchIdentity:
    """What another search must have in common with this one for its evaluations to be the same.

    Parameters
    ----------
    search : estimator
    name : str
        What it is called: only searches of one name are ever compared.
    X, y : array-like
        What it is to be fitted to.
    further : mapping
        What was given to ``fit`` beside X and y.
    key : str
        What the user wants to be the same beside.
    """
    known = SearchIdentity(xxhash.xxh3_64_hexdigest(name.encode("utf-8", "surrogatepass")))
    params = own_params(search)
    content, swept, data = Content(), Content(), Content(most=_MOST_DATA)
    try:
        content.add(type(search), type(search).__name__)
        for param, value in params.items():
            if param in _SWEPT:
                swept.add(param)
                swept.add(value, param)
            elif param not in _NO_MATTER:
                content.add(param)
                content.add(value, param, cloned=True)
        for part in ("_metadata_request", "_skl_callbacks"):
            content.add(vars(search).get(part), part.strip("_"))
        content.add([dict(further), options(), key], "what fit was given")
        data.add(X, "X")
        data.add(y, "y")
    except Undigestible as error:
        return SearchIdentity(known.name, unlike=str(error))
    packages = content.packages | swept.packages | data.packages
    return SearchIdentity(
        known.name,
        content.hexdigest(),
        swept.hexdigest(),
        data.hexdigest(),
        _versions(packages),
        Draws(content.generators, "random" in packages),
    )


def _versions(modules: Iterable[str]) -> str:
    """Python, the core libraries, and whatever else the search comes from."""
    found = [f"python {platform.python_version()}"]
    others = sorted(set(modules) - {*_LIBRARIES, "autotrack"} - sys.stdlib_module_names)
    for module in (*_LIBRARIES, *others):
        # vars() and not getattr(): some modules look their version up slowly, with a warning.
        loaded = sys.modules.get(module)
        version = vars(loaded).get("__version__") if isinstance(loaded, ModuleType) else None
        name = "scikit-learn" if module == "sklearn" else module
        if not isinstance(version, str):
            name, version = distribution_of(module) or (module, None)
        if version is not None:
            found.append(f"{name} {version}")
    return ", ".join(found)


def identity(params: Mapping[str, Any]) -> str:
    """Digest of the params of a candidate, the same in every process; empty if there is none."""
    content = Content()
    try:
        for name in sorted(params):
            content.add(name)
            content.add(params[name])
    except Undigestible:
        return ""
    return content.hexdigest()


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


class SplitRows:
    """The rows of each split of a validation, as a search says them of its own by tags."""

    def __init__(self) -> None:
        self._digests: dict[int, str] = {}
        self._shares: dict[int, float] = {}

    def add(self, split: int, train: Any, test: Any) -> None:
        """Take the rows of a split."""
        self._digests[split] = split_digest(train, test)
        self._shares[split] = test_share(train, test)

    def tags(self) -> dict[str, str]:
        """What is kept of them."""
        if not self._digests:
            return {}
        share = math.fsum(self._shares.values()) / len(self._shares)
        return {f"{SPLITS_TAG}.0": json.dumps(self._digests), TEST_SHARE_TAG: repr(share)}


def as_result(
    known: Evaluation, kwargs: Mapping[str, Any], single: str = "score"
) -> dict[str, Any] | None:
    """An evaluation as `_fit_and_score` would return it; None if that cannot be told.

    Several scores stand under their names, a single one under `single`.
    """
    scorer, numbers = kwargs.get("scorer"), known.numbers
    names = list(getattr(scorer, "_scorers", ()))
    parts = ["test", "train"] if kwargs.get("return_train_score") else ["test"]
    # What failed is computed again.
    result: dict[str, Any] = {"fit_error": None}
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
