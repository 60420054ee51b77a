"""A validation under way: its splits with the names of their scores, and how many are to come."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import field, replace
from typing import Any

import numpy as np

from autotrack.analysis.split_keys import ScoreNames, split_key
from autotrack.capture.naming.scorer_names import names_its_scores, scorer_name
from autotrack.capture.results.kept_predictions import Predicted
from autotrack.capture.results.reached_code import Overview
from autotrack.capture.results.search_identity import SplitRows
from autotrack.capture.results.split_tables import Split
from autotrack.entities import Finding
from autotrack.progress.bar import ProgressBar
from autotrack.runtime.dataclass import dataclass
from autotrack.tracking.evaluations.evaluation_run import Measured, Stream
from autotrack.tracking.kept.writer import PredictionWriter
from autotrack.tracking.opened_fit import OpenFit

#: The one that judges a model that is fitted already, and the module it is in.
IMPORTANCE, IMPORTANCE_MODULE = (
    "permutation_importance",
    "sklearn.inspection._permutation_importance",
)
# scikit-learn's default number of splits.
_FOLDS = 5


@dataclass(slots=True, eq=False)
class Watched:
    """A validation under way."""

    function: str
    bound: Mapping[str, Any]
    opened: OpenFit
    stream: Stream
    bar: ProgressBar
    overview: Overview
    rows: SplitRows = field(default_factory=SplitRows)
    #: What was found of one of its splits; the same is not looked for again.
    findings: list[Finding] = field(default_factory=list)
    #: Whether its first split was held against what the data was made from.
    looked: bool = False
    #: Whether a task drew from the global random generator, in whichever process.
    drew: bool = False
    predictions: PredictionWriter | None = None
    splits: dict[int, Split] = field(default_factory=dict)
    names: ScoreNames = field(default_factory=ScoreNames)
    #: What a score without a name is called, and what one of a fit that failed.
    scorer: str = field(init=False)
    failed: str = field(init=False)

    def __post_init__(self) -> None:
        scoring = self.bound.get("scoring")
        self.scorer = scorer_name(scoring)
        self.failed = "" if names_its_scores(scoring) else self.scorer


def add_split(watched: Watched, place: int, split: Split) -> list[Measured]:
    """What is to be written of a split that finished, and of failures that get their names now."""
    added = [(place, split)]
    if watched.function != IMPORTANCE:
        if watched.names.learn(split.numbers):
            unnamed = (
                item for item in watched.splits.items() if watched.names.lacks(item[1].numbers)
            )
            added = [*unnamed, (place, split)]
        watched.splits.update(
            (step, replace(each, numbers=watched.names.named(each.numbers))) for step, each in added
        )
    rows: list[Measured] = []
    for step, each in added:
        new = watched.splits.get(step, each).numbers
        if each is not split:  # its times are written
            new = {key: new[key] for key in new if key not in each.numbers}
        rows += [(split_key(k), n, step) for k, n in ScoreNames.without_unnamed(new).items()]
    return rows


def out_of_fold(bound: Mapping[str, Any], result: Any) -> Predicted:
    """What a task of `cross_val_predict` returned, which has a column for each class of y."""
    method = bound.get("method", "predict")
    if method == "predict" or bound.get("y") is None or np.ndim(bound["y"]) != 1:
        return Predicted({method: result})
    return Predicted({method: result}, np.unique(np.asarray(bound["y"])))


def expected_tasks(function: str, bound: Mapping[str, Any]) -> int | None:
    """How many tasks the loop of `function` will have, as far as that can be told before it."""
    try:
        if function == "permutation_test_score":
            return int(bound["n_permutations"])
        if function == IMPORTANCE:
            return len(features(bound))
        splits = _split_count(bound)
        if splits is None:
            return None
        if function == "validation_curve":
            return splits * len(bound["param_range"])
        if function == "learning_curve" and not bound["exploit_incremental_learning"]:
            return splits * len(set(bound["train_sizes"]))
        return splits
    except Exception:  # noqa: BLE001 - if the arguments are wrong, the call itself will say so
        return None


def _split_count(bound: Mapping[str, Any]) -> int | None:
    cv = bound["cv"]
    if cv is None or isinstance(cv, int):
        return _FOLDS if cv is None else cv
    if not hasattr(cv, "get_n_splits"):
        return len(cv) if isinstance(cv, Sized) else None
    return int(cv.get_n_splits(bound["X"], bound["y"], groups_of(bound)))


def groups_of(bound: Mapping[str, Any]) -> Any:
    """The groups of the rows, which may be given among the params that are routed."""
    groups = bound.get("groups")
    return (bound.get("params") or {}).get("groups") if groups is None else groups


def features(bound: Mapping[str, Any]) -> list[str]:
    """What the columns of the data are called."""
    X = bound["X"]
    columns = getattr(X, "columns", None)
    if columns is not None:
        return [str(column) for column in columns]
    shape = getattr(X, "shape", None) or (len(X), len(X[0]))
    return [str(number) for number in range(shape[1])]


def fit_arguments(bound: Mapping[str, Any]) -> list[str]:
    """Names of what else the fits were given: groups, weights and the like."""
    given = {**(bound.get("fit_params") or {}), **(bound.get("params") or {})}
    given |= {name: bound[name] for name in ("groups", "sample_weight") if name in bound}
    return sorted(name for name, value in given.items() if value is not None)
