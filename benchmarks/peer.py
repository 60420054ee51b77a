"""The same calls under ``mlflow.sklearn.autolog()``.

It cannot be switched off without a trace, so bare scikit-learn is measured first; the differences
are hundreds of times larger than what that leaves to chance.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import numpy as np
from sklearn import metrics

from benchmarks.clock import timed
from benchmarks.timing import Samples
from benchmarks.workload import frame, pipeline, shuffled


def fit(quick: bool) -> Samples:
    """A fit with and without model."""
    import mlflow  # type: ignore[import-not-found,unused-ignore]

    X, y = frame()

    def once() -> float:
        model = pipeline()
        return timed(lambda: model.fit(X, y))

    bare = _bare(once)
    mlflow.sklearn.autolog(silent=True)
    with_model = _added(once, bare, 1 if quick else 5)
    mlflow.sklearn.autolog(silent=True, log_models=False)
    return {"fit": with_model, "fit_no_crate": _added(once, bare, 2 if quick else 9)}


def score(quick: bool) -> Samples:
    """A metric function on a prediction."""
    import mlflow  # type: ignore[import-not-found,unused-ignore]

    X, y = frame()
    X_new, y_new = shuffled(X, y)
    model = pipeline().fit(X, y)

    def once() -> float:
        predicted = model.predict(X_new)
        # Looked up at each call: a function imported earlier would not be heard.
        return timed(lambda: metrics.accuracy_score(y_new, predicted))

    bare = _bare(once)
    mlflow.sklearn.autolog(silent=True, log_models=False)
    model.fit(X, y)
    return {"score": _added(once, bare, 5 if quick else 50)}


def predict(quick: bool) -> Samples:
    """`predict` of one row."""
    import mlflow  # type: ignore[import-not-found,unused-ignore]

    X, y = (np.asarray(part) for part in frame())
    row = X[:1].copy()
    model = pipeline().fit(X, y)

    def once() -> float:
        return timed(lambda: model.predict(row))

    bare = _bare(once)
    mlflow.sklearn.autolog(silent=True, log_models=False)
    model.fit(X, y)
    return {"predict": _added(once, bare, 20 if quick else 200)}


def requirements(quick: bool) -> Samples:
    """The requirements of a saved model, which MLflow finds in a process of their own."""
    import mlflow  # type: ignore[import-not-found,unused-ignore]

    X, y = frame()
    path = "model"
    mlflow.sklearn.save_model(
        pipeline().fit(X, y), path, pip_requirements=[], serialization_format="pickle"
    )
    names: set[str] = set()

    def once() -> float:
        infer = mlflow.models.infer_pip_requirements
        return timed(lambda: names.update(infer(path, "sklearn")))

    once()
    return {"requirements": [once() for _ in range(1 if quick else 5)]}


def _bare(once: Callable[[], float]) -> float:
    return statistics.median(once() for _ in range(50))


def _added(once: Callable[[], float], bare: float, count: int) -> list[float]:
    once()
    return [once() - bare for _ in range(count)]
