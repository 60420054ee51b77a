"""Hearing `cross_validate` and its kin: one run, its splits as they finish."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from autotrack.capture.caller import variable_name
from autotrack.capture.lineage import Lineage, reference
from autotrack.capture.nesting import enter, leave
from autotrack.capture.streaming import listening
from autotrack.describe.data import describe
from autotrack.describe.estimator import qualified_name, storable, summary, user_params
from autotrack.entities import DatasetUse
from autotrack.settings import Settings
from autotrack.tracking.facts import FitFacts, Table
from autotrack.tracking.recorder import OpenFit, Recorder
from autotrack.tracking.trouble import Trouble

#: The functions of ``sklearn.model_selection`` that are heard.
FUNCTIONS = (
    "cross_validate",
    "cross_val_score",
    "cross_val_predict",
    "learning_curve",
    "validation_curve",
    "permutation_test_score",
)
# Arguments that are data or say nothing of what was judged, and how.
_NO_PARAMS = frozenset(
    {"estimator", "X", "y", "groups", "params", "fit_params", "n_jobs", "verbose", "pre_dispatch"}
    | {"return_train_score", "return_estimator", "return_indices", "return_times", "error_score"}
)


@dataclass(slots=True)
class _Split:
    """What one evaluation measured."""

    scores: Mapping[str, float]
    times: Mapping[str, float]
    error: str | None = None


@dataclass(slots=True)
class _Heard:
    """A validation under way."""

    function: str
    bound: Mapping[str, Any]
    opened: OpenFit
    splits: dict[int, _Split] = field(default_factory=dict)


class ValidationEars:
    """Hears a validation function."""

    def __init__(
        self, settings: Settings, recorder: Recorder, lineage: Lineage, trouble: Trouble
    ) -> None:
        self._settings = settings
        self._recorder = recorder
        self._lineage = lineage
        self._trouble = trouble

    def hear_validation(
        self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Hear one call."""
        try:
            enter(True)
            heard = self._open(original, args, kwargs)
            if heard is None:
                return original(*args, **kwargs)
            try:
                with listening(lambda place, result: self._split(heard, place, result)):
                    result = original(*args, **kwargs)
            except BaseException as error:
                with self._trouble.guard("record a failed validation"):
                    self._recorder.fail_fit(heard.opened, error)
                raise
            with self._trouble.guard("record a validation"):
                self._close(heard, result)
            return result
        finally:
            leave(False)

    def _open(
        self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> _Heard | None:
        with self._trouble.guard("record a validation"):
            bound = inspect.signature(original).bind(*args, **kwargs).arguments
            estimator = bound["estimator"]
            options = {
                name: storable(value)
                for name, value in bound.items()
                if name not in _NO_PARAMS and value is not None
            }
            params = user_params(estimator, defaults=self._settings.log_defaults)
            facts = FitFacts(
                name=f"{original.__name__}: {summary(estimator)}",
                estimator=qualified_name(estimator),
                # An estimator may have a param of the same name (LassoCV has a `cv`).
                params=params
                | {f"{original.__name__}__{n}" if n in params else n: options[n] for n in options},
                data=self._data(bound),
                preprocessing=self._lineage.preprocessing_of(bound.get("X")),
            )
            opened = self._recorder.open_validation(facts)
            return _Heard(original.__name__, bound, opened)
        return None

    def _data(self, bound: Mapping[str, Any]) -> DatasetUse | None:
        X = bound.get("X")
        data = describe(X) if self._settings.log_datasets else None
        if data is None:
            return None
        return DatasetUse("validation", data, variable_name(X), describe(bound.get("y")))

    # -- what comes in ------------------------------------------------------------------------

    def _split(self, heard: _Heard, place: int, result: Any) -> None:
        with self._trouble.guard("record a split"):
            split = _measured(result, _scorer_name(heard.bound.get("scoring")))
            if split is not None:
                heard.splits[place] = split
                numbers = {**split.scores, **split.times}
                self._recorder.measure(
                    heard.opened, [(key, value, place) for key, value in numbers.items()]
                )

    def _close(self, heard: _Heard, result: Any) -> None:
        numbers: list[tuple[str, float, int | None]] = []
        tables: dict[str, Table] = {}
        if heard.splits:
            tables["splits"] = _split_table(heard.splits)
            if heard.function in ("cross_validate", "cross_val_score"):
                numbers = _summary(heard.splits)
        if heard.function in ("learning_curve", "validation_curve"):
            numbers, tables["curve"] = _curve(heard, result)
        elif heard.function == "permutation_test_score":
            score, permuted, pvalue = result
            numbers = [("score", float(score), None), ("pvalue", float(pvalue), None)]
            tables["permutations"] = Table(["score"], [[float(value)] for value in permuted])
        errors = [(place, split.error) for place, split in heard.splits.items() if split.error]
        if errors:
            tables["fit_errors"] = Table(["split", "error"], sorted(errors))
        self._recorder.close_validation(heard.opened, numbers, tables)
        if heard.function == "cross_val_predict":
            X = heard.bound.get("X")
            # What is computed from out-of-fold predictions later belongs to this run.
            self._lineage.predicted_in(self._recorder.link_of(heard.opened), reference(X), result)


def _scorer_name(scoring: Any) -> str:
    if scoring is None:
        return "score"
    if isinstance(scoring, str):
        return scoring
    function = getattr(scoring, "_score_func", scoring)
    return str(getattr(function, "__name__", "score"))


def _measured(result: Any, scorer: str) -> _Split | None:
    """An evaluation as `_fit_and_score` returns it; None if the loop was of something else."""
    if isinstance(result, Real):  # a permutation's score
        return _Split({"permutation_score": float(result)}, {})
    if not isinstance(result, dict) or "test_scores" not in result:
        return None
    scores: dict[str, float] = {}
    for part in ("train", "test"):
        found = result.get(f"{part}_scores")
        if isinstance(found, Mapping):
            scores |= {f"{part}_{name}": float(value) for name, value in found.items()}
        elif isinstance(found, Real):
            scores[f"{part}_{scorer}"] = float(found)
    times = {key: float(result[key]) for key in ("fit_time", "score_time") if key in result}
    return _Split(scores, times, _last_line(result.get("fit_error")))


def _last_line(traceback: str | None) -> str | None:
    return traceback.strip().splitlines()[-1] if traceback else None


def _split_table(splits: Mapping[int, _Split]) -> Table:
    keys = list(dict.fromkeys(k for s in splits.values() for k in (*s.scores, *s.times)))
    rows = [
        [place, *({**splits[place].scores, **splits[place].times}.get(key) for key in keys)]
        for place in sorted(splits)
    ]
    return Table(["split", *keys], rows)


def _summary(splits: Mapping[int, _Split]) -> list[tuple[str, float, int | None]]:
    """Mean, standard deviation and standard error of each score over the splits."""
    keys = dict.fromkeys(key for split in splits.values() for key in split.scores)
    numbers: list[tuple[str, float, int | None]] = []
    for key in keys:
        values = [split.scores[key] for split in splits.values() if key in split.scores]
        numbers += [(f"{name}_{key}", value, None) for name, value in _moments(values).items()]
    return numbers


def _moments(values: Sequence[float]) -> dict[str, float]:
    # Population moments, as scikit-learn's own `mean_test_score` and `std_test_score` are; the
    # standard error needs the sample's.
    array = np.asarray(values, dtype=float)
    several = len(array) > 1
    return {
        "mean": float(array.mean()),
        "std": float(array.std()),
        "se": float(array.std(ddof=1) / np.sqrt(len(array))) if several else float("nan"),
    }


def _curve(heard: _Heard, result: Any) -> tuple[list[tuple[str, float, int | None]], Table]:
    """The points of a learning or validation curve: metrics by step, and a table."""
    scorer = _scorer_name(heard.bound.get("scoring"))
    if heard.function == "learning_curve":
        sizes, train, test = result[:3]
        name, steps = "train_size", [int(size) for size in sizes]
        points: list[Any] = steps
    else:
        train, test = result
        name, points = str(heard.bound["param_name"]), list(heard.bound["param_range"])
        steps = list(range(len(points)))
    numbers: list[tuple[str, float, int | None]] = []
    rows = []
    for step, point, *both in zip(steps, points, train, test, strict=True):
        row: list[Any] = [storable(point)]
        for part, values in zip(("train", "test"), both, strict=True):
            moments = _moments(values)
            row += moments.values()
            numbers += [(f"{m}_{part}_{scorer}", value, step) for m, value in moments.items()]
        rows.append(row)
    columns = [f"{m}_{part}_{scorer}" for part in ("train", "test") for m in ("mean", "std", "se")]
    return numbers, Table([name, *columns], rows)
