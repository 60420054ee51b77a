"""Models that look at the values of a frame only, and can be given the array inside of it.

scikit-learn's own estimators turn a frame of floats into the array that it holds, having compared
the names of its columns, which takes several times as long as predicting for a few rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# Estimators that take other things than numbers, columns by name, or functions are not among them.
_ROOMS = frozenset(
    "cluster decomposition discriminant_analysis ensemble feature_selection gaussian_process "
    "impute kernel_approximation linear_model naive_bayes neighbors neural_network preprocessing "
    "random_projection svm tree".split()
)
_NOT = frozenset({"FunctionTransformer", "StackingClassifier", "StackingRegressor",
                  "VotingClassifier", "VotingRegressor"})  # fmt: skip
#: What scikit-learn says of an array where there were names.
WARNING = "X does not have valid feature names"


def looks_at_values_only(estimator: Any) -> bool:
    """Tell whether `estimator` says the same of the array in a frame as of the frame."""
    return all(map(_is_plain, _steps(estimator)))


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
