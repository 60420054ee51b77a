"""Models that may be given the array inside a frame: for one row it is three times as fast.

scikit-learn's own estimators turn a frame of floats into the array that it holds, having compared
the names of its columns. Those were compared when the request was read.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

# What looks at values only. Estimators that take others, columns by name, or functions are not
# among them.
_ROOMS = frozenset(
    "cluster decomposition discriminant_analysis ensemble feature_selection gaussian_process "
    "impute kernel_approximation linear_model naive_bayes neighbors neural_network preprocessing "
    "random_projection svm tree".split()
)
_NOT = frozenset({"FunctionTransformer", "StackingClassifier", "StackingRegressor",
                  "VotingClassifier", "VotingRegressor"})  # fmt: skip
_WARNING = "X does not have valid feature names"


def takes_arrays(estimator: Any, frame: Any, methods: tuple[str, ...]) -> bool:
    """Tell whether `estimator` says the same of the array in `frame` as of the frame.

    Parameters
    ----------
    estimator : estimator
        It was trained on frames of one dtype.
    frame : DataFrame
        Such a frame, to try it with.
    methods : tuple of str
        What it will be asked.
    """
    if not all(map(_is_plain, _steps(estimator))):
        return False
    # What it would say of each request: that the names are missing, which were there.
    warnings.filterwarnings("ignore", message=_WARNING)
    try:
        return all(
            np.array_equal(
                getattr(estimator, method)(frame), getattr(estimator, method)(frame.to_numpy())
            )
            for method in methods
        )
    except Exception:  # noqa: BLE001 - whatever it raises, it does not take both
        return False


def _steps(estimator: Any) -> Iterator[Any]:
    """What a pipeline consists of, and those that others were made from."""
    if type(estimator).__module__ == "sklearn.pipeline" and hasattr(estimator, "steps"):
        for _, step in estimator.steps:
            yield from _steps(step)
        return
    yield estimator
    inner = getattr(estimator, "estimator", None)
    if inner is not None and not isinstance(inner, str):
        yield from _steps(inner)


def _is_plain(step: Any) -> bool:
    if step is None or step == "passthrough":
        return True
    package, _, rest = type(step).__module__.partition(".")
    return (
        package == "sklearn"
        and rest.partition(".")[0] in _ROOMS
        and type(step).__name__ not in _NOT
        and not hasattr(step, "_sklearn_output_config")
    )
