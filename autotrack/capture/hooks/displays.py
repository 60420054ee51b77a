"""Displays of scikit-learn: what they draw is kept as numbers, and not as a picture.

A display that draws a metric is recorded as that metric's function would be. Learning and
validation curves are runs of the function that they call, and need nothing of this; what draws a
model's behaviour (partial dependence, decision boundaries) judges nothing and is not recorded.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from autotrack.capture.call import Call
from autotrack.capture.hooks.metrics import MetricHook
from autotrack.capture.naming.data_names import TEST, Scoring, key_text
from autotrack.capture.naming.metric_keys import PREDICTIONS, metric_name
from autotrack.capture.results.metric_result import MOST_ROWS, array_table, curve_rows
from autotrack.describe.parts import attribute
from autotrack.entities import DatasetUse
from autotrack.failsafe import Failsafe
from autotrack.lineage.prediction import Prediction
from autotrack.lineage.tracker import Lineage
from autotrack.lineage.values.digests import reference
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.in_between import in_between
from autotrack.tracking.facts import ScoreFacts, Table
from autotrack.tracking.model_links import Link, links
from autotrack.tracking.recording.recorder import Recorder

#: The class methods that make a display.
MAKERS = ("from_estimator", "from_predictions", "from_cv_results")
# Groups of predictions whose errors are summed up, and the fewest rows of each: an average over
# them tells nobody's value.
_MOST_GROUPS = 10
_FEWEST_ROWS = 5
_BINARY = _MATRIX = 2


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What a display draws: numbers, one a fold where there are folds, tables, and curves."""

    numbers: Sequence[dict[str, float]]
    tables: dict[str, Table]
    curves: Sequence[NDArray[Any]] = ()

    def called(self, what: str) -> _Drawn:
        """The same with what it is of, a class say, at the end of its names."""
        if not what:
            return self
        numbers = [{f"{key}_{what}": each[key] for key in each} for each in self.numbers]
        tables = {f"{key}_{what}": table for key, table in self.tables.items()}
        return _Drawn(numbers, tables, self.curves)


@dataclass(frozen=True, slots=True)
class _Curve:
    """A display of the curve that `function` computes, held in the attributes `columns`.

    `number` is the attribute that holds a number, the metric that it is, and the function whose
    options say which.
    """

    function: Callable[..., Any]
    columns: tuple[str, ...]
    number: tuple[str, str, Callable[..., Any]] | None = None

    def read(self, display: Any, bound: Mapping[str, Any]) -> _Drawn:
        curves = [getattr(display, name) for name in self.columns]
        name = metric_name(self.function, bound)
        if isinstance(curves[0], list):
            return _Drawn(self._numbers(display, bound), {name: self._folds(curves)})
        arrays = [np.asarray(curve) for curve in curves]
        table = Table(self.columns, curve_rows(arrays))
        return _Drawn(self._numbers(display, bound), {name: table}, arrays)

    def _numbers(self, display: Any, bound: Mapping[str, Any]) -> list[dict[str, float]]:
        if self.number is None:
            return []
        attribute, name, options = self.number
        key = name + metric_name(options, bound).removeprefix(options.__name__)
        value = getattr(display, attribute)
        return [{key: float(each)} for each in (value if isinstance(value, list) else [value])]

    def _folds(self, curves: Sequence[Sequence[NDArray[Any]]]) -> Table:
        """The curves of all folds below each other."""
        rows = [
            [fold, *row]
            for fold, arrays in enumerate(zip(*curves, strict=True))
            for row in curve_rows(arrays, MOST_ROWS // len(curves[0]))
        ]
        return Table(["split", *self.columns], rows)


class _Matrix:
    """A display of a confusion matrix."""

    @staticmethod
    def read(display: Any, bound: Mapping[str, Any]) -> _Drawn:
        table = array_table(display.confusion_matrix, list(display.display_labels))
        return _Drawn([], {metric_name(metrics.confusion_matrix, bound): table})


class _Errors:
    """A display of predicted against true numbers, which are the data's and nobody's to keep.

    Instead of its points there are averages over groups of them, in the order of the predictions.
    """

    @staticmethod
    def read(display: Any, bound: Mapping[str, Any]) -> _Drawn:
        true, predicted = (
            np.asarray(values, dtype=float).ravel() for values in (display.y_true, display.y_pred)
        )
        count = min(_MOST_GROUPS, len(true) // _FEWEST_ROWS)
        if not count or len(true) != len(predicted):
            return _Drawn([], {})
        rows = []
        for group in np.array_split(np.argsort(predicted, kind="stable"), count):
            averages = predicted[group].mean(), true[group].mean()
            spread = (true[group] - predicted[group]).std()
            rows.append([len(group), *(value.item() for value in (*averages, spread))])
        columns = ["rows", "mean_y_pred", "mean_y_true", "std_residual"]
        return _Drawn([], {"prediction_error": Table(columns, rows)})


#: The displays that are recorded, and how they are read.
DISPLAYS: dict[type, _Curve | _Matrix | _Errors] = {
    metrics.RocCurveDisplay: _Curve(
        metrics.roc_curve, ("fpr", "tpr"), ("roc_auc", "roc_auc_score", metrics.roc_curve)
    ),
    metrics.PrecisionRecallDisplay: _Curve(
        metrics.precision_recall_curve,
        ("precision", "recall"),
        ("average_precision", "average_precision_score", metrics.average_precision_score),
    ),
    metrics.DetCurveDisplay: _Curve(metrics.det_curve, ("fpr", "fnr")),
    metrics.ConfusionMatrixDisplay: _Matrix(),
    metrics.PredictionErrorDisplay: _Errors(),
}
#: Holds one more, which is taken in once somebody has imported it.
CALIBRATION_MODULE = "sklearn.calibration"


def take_in_calibration() -> tuple[Any, type]:
    """Take in the display of calibration curves; the function of these, and the display."""
    module = sys.modules[CALIBRATION_MODULE]
    curve, display = module.calibration_curve, module.CalibrationDisplay
    DISPLAYS[display] = _Curve(curve, ("prob_true", "prob_pred"))
    return curve, display


@dataclass(frozen=True, slots=True)
class _Judged:
    """Whose predictions a display judges, and on which data."""

    link: Link | None
    data_name: str
    use: DatasetUse | None
    prediction: Prediction | None = None

    @property
    def step(self) -> int | None:
        """The stage it is of, where it is of one."""
        return self.prediction.step if self.prediction is not None else None


class DisplayHook:
    """Records a display that is made from a model, its predictions, or its cross-validation."""

    def __init__(
        self,
        recorder: Recorder,
        lineage: Lineage,
        scoring: Scoring,
        metric_hook: MetricHook,
        failsafe: Failsafe,
    ) -> None:
        self._recorder = recorder
        self._lineage = lineage
        self._scoring = scoring
        self._metric_hook = metric_hook
        self._failsafe = failsafe

    @in_between
    def on_display(self, call: Call) -> Any:
        """Record one call of a class method."""
        display = call.make()
        with self._failsafe.guard("record a display"):
            self._record(call, display)
        return display

    def _record(self, call: Call, display: Any) -> None:
        # A user may have derived a class of their own.
        reader = next((DISPLAYS[cls] for cls in type(display).__mro__ if cls in DISPLAYS), None)
        if reader is None:
            return
        signature = inspect.signature(call.original)
        bound = signature.bind(*call.args, **call.kwargs).arguments
        names = list(signature.parameters)
        judged = self._judged(call.name, bound, names, len(call.args))
        drawn = reader.read(display, bound).called(_shown(bound, judged.prediction))
        first, *folds = drawn.numbers or ({},)
        name, step = judged.data_name, judged.step
        facts = ScoreFacts(name, first, drawn.tables, judged.use, step, drawn=True)
        self._recorder.score(judged.link, facts)
        for numbers in folds:
            self._recorder.score(judged.link, ScoreFacts(name, numbers, drawn=True))
        if judged.link is not None:
            # Its figure belongs beside its numbers.
            links.set(display, judged.link)
        if judged.prediction is not None:
            # What is computed from a curve (`auc`) is the model's as well.
            for array in drawn.curves:
                self._lineage.remember(judged.prediction, array)

    def _judged(
        self, maker: str, bound: Mapping[str, Any], names: Sequence[str], placed: int
    ) -> _Judged:
        if maker == "from_estimator":
            model, X = bound["estimator"], bound["X"]
            link = links.get(model)
            known = Prediction(link, reference(model), reference(X))
            return _Judged(link, *self._scoring.data(link, X, bound["y"]), known)
        if maker == "from_cv_results":
            # Each fold has a model of its own, and all of them one validation run.
            link = links.get(bound["cv_results"]["estimator"][0])
            return _Judged(None if link is None else replace(link, scope=""), TEST, None)
        truth = bound["y_true"]
        prediction = self._metric_hook.judged(PREDICTIONS, bound, names, "y_true", placed)
        link = prediction.link if prediction is not None else None
        return _Judged(link, *self._metric_hook.data_of(prediction, truth), prediction)


def _shown(bound: Mapping[str, Any], prediction: Prediction | None) -> str:
    """What of the data or prediction a display shows, if not the whole; else nothing.

    A class or output is known by the column, of the prediction or else of the truth, that was
    passed. Where that is not known, `name` tells one display from another.
    """
    if "y_true" not in bound or bound.get("pos_label") is not None:
        return ""  # a model as a whole; or a class that the name of the metric says
    values = next((bound[name] for name in PREDICTIONS if bound.get(name) is not None), None)
    whole = prediction.values if prediction is not None else None
    place = _column_in(values, whole) or _column_of(values)
    truth = _column_of(bound["y_true"])
    if place is None and truth is None:
        is_whole = whole is not None and whole.ndim == 1
        return "" if is_whole or not bound.get("name") else key_text(str(bound["name"]))
    column, width = place or truth  # type: ignore[misc]
    model = prediction.model() if prediction is not None and prediction.model is not None else None
    classes = attribute(model, "classes_")
    if isinstance(classes, np.ndarray) and len(classes) == width:
        is_usual = width == _BINARY and column == 1 and truth is None
        return "" if is_usual else key_text(f"class_{classes[column]}")
    if model is not None and classes is None:
        return f"output_{column}"
    return "" if width == _BINARY and column == 1 else f"class_{column}"


def _column_in(values: Any, whole: Any) -> tuple[int, int] | None:
    """Which column of a matrix some values are, and of how many."""
    array = np.asarray(values) if values is not None else None
    if array is None or array.ndim != 1 or getattr(whole, "ndim", 0) != _MATRIX:
        return None
    if len(array) != len(whole):
        return None
    equal = [j for j in range(whole.shape[1]) if np.array_equal(array, whole[:, j])]
    return (equal[0], whole.shape[1]) if len(equal) == 1 else None


def _column_of(values: Any) -> tuple[int, int] | None:
    """Which column an array is a view of, and of how many."""
    base = getattr(values, "base", None)
    if not isinstance(values, np.ndarray) or not isinstance(base, np.ndarray):
        return None
    if values.ndim != 1 or base.ndim != _MATRIX or not base.size:
        return None
    rows, columns = base.strides
    if values.strides[0] != rows or len(values) != len(base) or not columns or base.shape[1] < 2:
        return None
    behind = values.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return (behind // columns) % base.shape[1], base.shape[1]
