"""What the tasks of a validation function measured, as numbers and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from autotrack.analysis.statistics.moments import moments
from autotrack.capture.naming.scorer_names import scorer_name
from autotrack.capture.results.evaluation import TIMES, measured
from autotrack.describe.estimator import storable
from autotrack.runtime.dataclass import dataclass
from autotrack.tracking.evaluations.evaluation_run import Measured
from autotrack.tracking.facts import Table


@dataclass(frozen=True, slots=True)
class Split:
    """What one evaluation measured.

    Attributes
    ----------
    numbers : mapping of str to float
        Scores and times by key: ``test_accuracy``, ``fit_time``.
    error : str or None
        The traceback of a fit that failed.
    """

    numbers: Mapping[str, float]
    error: str | None = None

    @property
    def score(self) -> float | None:
        """The first score on held-out data."""
        scores = (k for k in self.numbers if not k.startswith("train_") and k not in TIMES)
        return next((self.numbers[key] for key in scores), None)


def with_single_score(result: Any) -> Any:
    """What a task of `cross_val_score` returned, whose only score is one of several there."""
    if not isinstance(result, dict) or not isinstance(result.get("test_scores"), Mapping):
        return result
    return {**result, "test_scores": next(iter(result["test_scores"].values()))}


def splits_of(result: Any, scorer: str, failed: str) -> list[Split]:
    """What a task of the loop measured; empty if it returns no scores.

    `scorer` and `failed` are what :func:`autotrack.capture.results.evaluation.measured` calls a
    score without a name.
    """
    if isinstance(result, Real):  # a permutation's score
        return [Split({f"permutation_{scorer}": float(result)})]
    if isinstance(result, np.ndarray) and result.ndim == 2 and result.shape[1] in (2, 4):
        return [_size(row, scorer) for row in result.tolist()]
    if not isinstance(result, dict) or "test_scores" not in result:
        return []
    return [Split(measured(result, scorer, failed), result.get("fit_error"))]


def _size(row: Sequence[float], scorer: str) -> Split:
    """One size of a learning curve whose model is trained incrementally."""
    keys = (f"train_{scorer}", f"test_{scorer}", *TIMES)
    return Split(dict(zip(keys, row, strict=False)))


def _moments_of(key: str, values: Sequence[float]) -> list[tuple[str, float]]:
    """The moments by key. How sure one is of a mean time interests nobody."""
    found = zip(("mean", "std", "se", "n"), (*moments(values), float(len(values))), strict=True)
    few = ("mean", "std") if key in TIMES else ("mean", "std", "se", "n")
    return [(f"{name}_{key}", number) for name, number in found if name in few]


def summary(splits: Iterable[Split]) -> list[Measured]:
    """The moments of each score and time."""
    each = [split.numbers for split in splits]
    return [
        (name, value, None)
        for key in dict.fromkeys(key for numbers in each for key in numbers)
        for name, value in _moments_of(key, [n[key] for n in each if key in n])
    ]


def split_table(
    splits: Mapping[int, Split], varied: str | None = None, points: Sequence[Any] = ()
) -> Table:
    """A row an evaluation; with `varied`, each split was evaluated at every one of `points`."""
    keys = list(dict.fromkeys(key for place in sorted(splits) for key in splits[place].numbers))
    rows = []
    for place in sorted(splits):
        split, point = divmod(place, len(points)) if points else (place, None)
        at = [] if point is None else [storable(points[point])]
        rows.append([split, *at, *(splits[place].numbers.get(key) for key in keys)])
    return Table(["split", *([varied] if varied and points else []), *keys], rows)


def error_table(splits: Mapping[int, Split]) -> Table | None:
    """Why fits failed; None if none did."""
    errors = [(place, split.error) for place, split in sorted(splits.items()) if split.error]
    rows = [[place, error.strip().splitlines()[-1]] for place, error in errors]
    return Table(["split", "error"], rows) if rows else None


@dataclass(frozen=True, slots=True)
class Curve:
    """A learning or validation curve.

    Attributes
    ----------
    varied : str
        What was varied.
    points : sequence
        Its values.
    steps : sequence of int
        A whole number for each of them.
    arrays : mapping of str to array
        What was measured by key: a row a point, a column a split.
    """

    varied: str
    points: Sequence[Any]
    steps: Sequence[int]
    arrays: Mapping[str, Any]

    @classmethod
    def of(cls, function: str, bound: Mapping[str, Any], result: Sequence[Any]) -> Curve:
        """The curve that a call of `function` with these arguments returned."""
        scorer = scorer_name(bound.get("scoring"))
        keys = (f"train_{scorer}", f"test_{scorer}", *TIMES)
        if function == "learning_curve":
            steps = [int(size) for size in result[0]]
            return cls("train_size", steps, steps, dict(zip(keys, result[1:], strict=False)))
        points = list(bound["param_range"])
        arrays = dict(zip(keys, result, strict=False))
        return cls(str(bound["param_name"]), points, range(len(points)), arrays)

    def numbers(self) -> list[Measured]:
        """The moments at every point, as steps."""
        return [
            (name, value, step)
            for key, array in self.arrays.items()
            for step, values in zip(self.steps, array, strict=True)
            for name, value in _moments_of(key, values)
        ]

    def table(self) -> Table:
        """The moments as a table: a row a point."""
        rows = []
        names: list[str] = []
        for place, point in enumerate(self.points):
            found = [
                m for key, array in self.arrays.items() for m in _moments_of(key, array[place])
            ]
            names = [name for name, _ in found]
            rows.append([storable(point), *(value for _, value in found)])
        return Table([self.varied, *names], rows)


@dataclass(frozen=True, slots=True)
class Importances:
    """What `permutation_importance` returned, and the names of the features.

    With several scorers there is a result for each; one alone has no name.
    """

    features: Sequence[str]
    results: Mapping[str, Any]

    @classmethod
    def of(cls, features: Sequence[str], result: Any) -> Importances:
        """The importances that a call returned."""
        single = hasattr(result, "importances_mean")
        return cls(features, {"": result} if single else dict(result))

    def numbers(self) -> list[Measured]:
        """Mean and standard deviation of every feature, as steps."""
        return [
            (f"{key}{_of(name)}", float(value), feature)
            for name, result in self.results.items()
            for key in ("importances_mean", "importances_std")
            for feature, value in enumerate(result[key])
        ]

    def tables(self) -> dict[str, Table]:
        """Mean and standard deviation by feature; every repeat by feature."""
        tables: dict[str, Table] = {}
        for name, result in self.results.items():
            columns = ("importances_mean", "importances_std")
            values = (result[column].tolist() for column in columns)
            rows = [list(row) for row in zip(self.features, *values, strict=True)]
            tables[f"importances{_of(name)}"] = Table(["feature", *columns], rows)
            each = zip(self.features, result["importances"].tolist(), strict=True)
            rows = [[feature, n, value] for feature, row in each for n, value in enumerate(row)]
            tables[f"importances{_of(name)}_repeats"] = Table(
                ["feature", "repeat", "importance"], rows
            )
        return tables


def permuted_scores(result: Any, scorer: str) -> dict[str, float]:
    """The mean score over the repeats in which one feature was permuted, by scorer."""
    each = result if isinstance(result, Mapping) else {scorer: result}
    return {f"permuted_{name}": float(np.mean(values)) for name, values in each.items()}


def _of(scorer: str) -> str:
    return f"_{scorer}" if scorer else ""
