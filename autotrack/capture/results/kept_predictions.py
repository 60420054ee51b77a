"""Has evaluations keep what their models predicted for the held-out rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from sklearn.metrics._scorer import _MultimetricScorer

from autotrack.capture.parallel.inner_predictions import Scoring, noting_predictions
from autotrack.describe.parts import attribute, held_by, is_frozen, named_parts
from autotrack.failsafe import Failsafe
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.in_between import in_between
from autotrack.tracking.kept.writer import PredictionWriter

# So deep a model may hand its `score` on.
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Predicted:
    """What one evaluation predicted: the results by method, and the classes of the model."""

    outputs: Mapping[str, Any]
    classes: Any = ()


class Keeper:
    """Calls an evaluation, in whichever process, and returns what it predicted beside its result.

    An evaluation scores its model on the held-out rows first, by a scorer that is handed to it.
    The scorer is exchanged for one that does the same while predictions are noted. Nothing is
    computed that the evaluation does not compute itself.
    """

    @in_between
    def __call__(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, Predicted]:
        """Call `function`."""
        scorer, noted = kwargs.get("scorer"), _Noted()
        if scorer is not None:
            kwargs = {**kwargs, "scorer": _noting(scorer, noted)}
        result = function(*args, **kwargs)
        return result, noted.predicted or Predicted({})


class LoopPredictions:
    """What the tasks of a loop predict, on its way to the writer. None of its methods raises.

    Parameters
    ----------
    writer : PredictionWriter or None
        None if no predictions are to be kept.
    failsafe : Failsafe
        Takes what goes wrong.
    """

    def __init__(self, writer: PredictionWriter | None, failsafe: Failsafe) -> None:
        self._writer = writer
        self._failsafe = failsafe
        #: To be called around each task.
        self.keeper = None if writer is None else Keeper()
        # Of the tasks under way: split, rows, candidate and key.
        self._expected: dict[int, tuple[int, Any, int | None, str]] = {}

    def expect(
        self,
        place: int,
        split: int,
        rows: Any,
        candidate: int | None = None,
        key: Sequence[str] = (),
    ) -> None:
        """A task is to be run that evaluates these rows."""
        if self._writer is not None:
            # Of params without content to compare there is no key.
            name = "/".join(key) if all(key) else ""
            self._expected[place] = split, rows, candidate, name

    def take_over(
        self, run_id: str, key: Sequence[str], split: int, rows: Any, candidate: int
    ) -> bool:
        """An evaluation was computed by another run: whether it need not be computed again."""
        if self._writer is None:
            return True
        with self._failsafe.guard("take over the predictions of a search"):
            return self._writer.take_over(run_id, "/".join(key), split, rows, candidate)
        return False

    def add(self, place: int, predicted: Predicted) -> None:
        """A task finished."""
        if self._writer is not None and place in self._expected:
            split, rows, candidate, key = self._expected.pop(place)
            with self._failsafe.guard("keep the predictions of an evaluation"):
                outputs, classes = predicted.outputs, predicted.classes
                self._writer.add(split, rows, outputs, classes, candidate, key)

    def miss(self, place: int) -> None:
        """A task finished, whose predictions did not come back."""
        if self._writer is not None and self._expected.pop(place, None) is not None:
            self._writer.lacks("the backend of joblib hands back no predictions")


class _Noted:
    predicted: Predicted | None = None


def _noting(scorer: Any, noted: _Noted) -> Any:
    if isinstance(scorer, _MultimetricScorer):
        return _NotingScorers(scorer, noted)
    return _NotingScorer(scorer, noted)


@in_between
def _score(scorer: Any, noted: _Noted, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    scoring = None
    if noted.predicted is None and len(args) > 1:  # the training rows come second
        noted.predicted = Predicted({})
        # Nobody takes what goes wrong here: in a worker nothing is tracked.
        with suppress(Exception):
            scoring = Scoring(list(_scored(args[0])), args[1])
    if scoring is None:
        return scorer(*args, **kwargs)
    with noting_predictions(scoring):
        result = scorer(*args, **kwargs)
    with suppress(Exception):
        noted.predicted = Predicted(scoring.outputs, _classes(args[0]))
    return result


class _NotingScorer:
    """A scorer whose model's predictions are noted."""

    def __init__(self, scorer: Any, noted: _Noted) -> None:
        self._scorer = scorer
        self._noted = noted

    @in_between
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _score(self._scorer, self._noted, args, kwargs)

    def __repr__(self) -> str:
        return repr(self._scorer)


class _NotingScorers(_MultimetricScorer):  # type: ignore[misc]
    """Several scorers in one whose model's predictions are noted."""

    def __init__(self, scorer: Any, noted: _Noted) -> None:
        self.__dict__.update(vars(scorer))
        self._autotrack = scorer, noted

    @in_between
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _score(*self._autotrack, args, kwargs)


def _scored(model: Any) -> Iterator[Any]:
    """The model, and those that it hands its ``score`` on to."""
    for _ in range(_DEEPEST):
        yield model
        steps = named_parts(held_by(model).get("steps"))
        if steps:
            model = steps[-1][1]
        elif (best := held_by(model).get("best_estimator_")) is not None:
            model = best
        elif is_frozen(model):
            model = held_by(model).get("estimator")
        else:
            return


def _classes(model: Any) -> Any:
    classes = attribute(model, "classes_", ())
    return classes if isinstance(classes, np.ndarray) and classes.ndim == 1 else ()


def scored_by_itself(model: Any, X: Any) -> Scoring:
    """What notes the predictions that ``score`` of a model makes for X."""
    return Scoring(list(_scored(model)), X)


def judged_outputs(parameter: str, values: Any, model: object) -> tuple[dict[str, Any], Any]:
    """What a metric was given as a prediction, by the method that it is as good as; and classes.

    A column of probabilities, or any other number that ranks rows, is ``y_score``.
    """
    classes = _classes(model) if model is not None else ()
    if np.ndim(values) == 2 and len(classes) == np.shape(values)[1] and parameter != "y_pred":
        return {"predict_proba": values}, classes
    if parameter == "y_pred":
        is_matrix = np.ndim(values) == 2 and np.shape(values)[1] > 1
        method = "predict_proba" if is_matrix and len(classes) == np.shape(values)[1] else "predict"
        return {method: values}, classes
    return {"y_score": values}, classes
