"""What a fitted estimator answers, as plain arrays. Knows nothing of autotrack."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

#: Every method that gives an answer for data.
METHODS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score_samples",
    "transform",
    "kneighbors",
    "mahalanobis",
)


def outputs(model: Any, X: Any) -> dict[str, Any]:
    """What each method of `model` says of `X`; where it has none, what it found when fitted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is deprecated, and of logarithms of zero
        found = {name: plain(getattr(model, name)(X)) for name in METHODS if hasattr(model, name)}
    return found or {
        name: plain(value)
        for name, value in vars(model).items()
        if name.endswith("_") and isinstance(value, np.ndarray)
    }


def plain(value: Any) -> Any:
    """Sparse matrices as the arrays they are made of, so that all of it can be compared."""
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if hasattr(value, "tocsr"):
        rows = value.tocsr()
        return [list(rows.shape), rows.indptr, rows.indices, rows.data]
    return value


def equal(a: Any, b: Any) -> bool:
    """Whether two answers are the same, bit by bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, np.ndarray) and a.dtype != object:
        return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
    if isinstance(a, np.ndarray):
        return equal(a.tolist(), b.tolist())
    return bool(a == b)
