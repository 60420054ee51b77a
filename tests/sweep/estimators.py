"""Every estimator of scikit-learn, built as its own tests build it, with data to fit it to."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple
from unittest import SkipTest

import numpy as np
from sklearn.decomposition import SparseCoder

# They are found, and can be imported, only with these.
from sklearn.experimental import (  # noqa: F401
    enable_halving_search_cv,
    enable_iterative_imputer,
)
from sklearn.frozen import FrozenEstimator
from sklearn.kernel_approximation import SkewedChi2Sampler
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances
from sklearn.utils import get_tags
from sklearn.utils._test_common.instance_generator import _construct_instances
from sklearn.utils.discovery import all_estimators

ROWS = 60
random = np.random.RandomState(0)
#: Every label in every fold, in an order that says nothing.
LABELS = random.permutation(np.arange(ROWS) % 3)
NUMBERS = random.normal(size=(ROWS, 5)) + np.eye(3)[LABELS] @ random.normal(size=(3, 5)) * 2
TARGET = NUMBERS @ [3.0, -2.0, 1.0, 0.5, 0.1] + random.normal(size=ROWS)
CODES = random.randint(0, 4, size=(ROWS, 5))
TEXTS = ["green tea", "black coffee", "tea and coffee, black", "milk"] * (ROWS // 4)

#: What scikit-learn's tests do not build, or not for numbers as far below zero as these.
BY_HAND = {
    FrozenEstimator: lambda: FrozenEstimator(LogisticRegression().fit(NUMBERS, LABELS)),
    SkewedChi2Sampler: lambda: SkewedChi2Sampler(skewedness=20.0),
    SparseCoder: lambda: SparseCoder(dictionary=np.eye(5)),
}


class Case(NamedTuple):
    """An estimator, and what it is fitted to (`y` may be None)."""

    name: str
    estimator: Any
    X: Any
    y: Any
    kind: str


def cases() -> tuple[list[Case], dict[str, str]]:
    """All of them, and those that cannot be built, with the reason."""
    found, left_out = [], {}
    for name, cls in all_estimators():
        try:
            found += [
                Case(name, estimator, *data(estimator), kind(estimator))
                for estimator in instances(cls)
            ]
        except (SkipTest, TypeError) as error:
            left_out[name] = f"{type(error).__name__}: {error}"
    return found, left_out


def instances(cls: type) -> Iterator[Any]:
    """The estimators that scikit-learn's own tests make of a class, seeded at every level."""
    built = [BY_HAND[cls]()] if cls in BY_HAND else _construct_instances(cls)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is deprecated
        for estimator in built:
            for param in estimator.get_params():
                if param.rpartition("__")[2] == "random_state":
                    estimator.set_params(**{param: 0})
            yield estimator


def kind(estimator: Any) -> str:
    """What scikit-learn's tags, or else the methods, say it is."""
    if isinstance(estimator, FrozenEstimator):
        return "frozen"
    of_tags = get_tags(estimator).estimator_type
    if of_tags is not None:
        return str(of_tags).replace("_", " ")
    if hasattr(type(estimator), "biclusters_"):
        return "biclusterer"
    if hasattr(estimator, "transform") or hasattr(estimator, "fit_transform"):
        return "transformer"
    if hasattr(estimator, "score") or hasattr(estimator, "score_samples"):
        return "scores"
    return "neither"


def data(estimator: Any) -> tuple[Any, Any]:
    """Data that an estimator of these tags takes."""
    tags = get_tags(estimator)
    return _inputs(tags), _target(tags)


def _inputs(tags: Any) -> Any:
    takes = tags.input_tags
    if tags.target_tags.one_d_labels:
        return np.array(["tea", "coffee", "milk"])[LABELS]
    if tags.target_tags.two_d_labels:
        return [(f"{label}", "any") for label in LABELS.tolist()]
    if not takes.two_d_array:
        if takes.string:
            return TEXTS
        if takes.dict:
            return [{"length": len(text), text: 1.0} for text in TEXTS]
        return random.uniform(size=(4, 20, 20)) if takes.three_d_array else NUMBERS[:, 0]
    if takes.pairwise:
        return pairwise_distances(NUMBERS) if takes.positive_only else NUMBERS @ NUMBERS.T
    if takes.categorical:
        return CODES
    return np.abs(NUMBERS) if takes.positive_only else NUMBERS


def _target(tags: Any) -> Any:
    of_target = tags.target_tags
    if of_target.one_d_labels or of_target.two_d_labels or tags.input_tags.three_d_array:
        return None
    if tags.estimator_type == "classifier" or tags.estimator_type is None:
        labels = (
            LABELS
            if tags.classifier_tags is None or tags.classifier_tags.multi_class
            else LABELS > 0
        )
        return labels if of_target.single_output else np.column_stack([LABELS > 0, LABELS > 1])
    target = np.abs(TARGET) if of_target.positive_only else TARGET
    return target if of_target.single_output else np.column_stack([target, target**2])
