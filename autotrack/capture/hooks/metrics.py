"""Hearing the functions of ``sklearn.metrics``."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from autotrack.capture.naming.data_names import Scoring, key_text
from autotrack.capture.parallel.outermost import OutermostWatch, enter, is_open, leave
from autotrack.capture.results.metric_result import Part, report_of, shape
from autotrack.entities import DatasetUse
from autotrack.failsafe import Trouble
from autotrack.lineage.program.call_site import line_below
from autotrack.lineage.tracker import Lineage, Prediction
from autotrack.runtime.in_between import in_between
from autotrack.tracking.facts import ScoreFacts
from autotrack.tracking.model_links import Link, links
from autotrack.tracking.recording.recorder import Recorder

#: What scikit-learn calls the argument that holds a prediction, likeliest first; and its partner.
PREDICTIONS = (
    "y_pred",
    "y_score",
    "y_proba",
    "y_prob",
    "probas_pred",
    "pred_decision",
    "labels_pred",
    "y2",
)
_TRUTHS = ("y_true", "labels_true", "y1")
# Options that only change how the result looks, or how it is computed.
_NO_MEANING = frozenset(
    {
        "digits",
        "drop_intermediate",
        "force_finite",
        "n_jobs",
        "output_dict",
        "raise_warning",
        "random_state",
        "replace_undefined_by",
        "target_names",
        "warn_for",
        "working_memory",
        "zero_division",
    }
)
# Options whose value says it all: f1_score_macro, not f1_score_average_macro.
_SPEAK_FOR_THEMSELVES = frozenset(
    {"average", "average_method", "multi_class", "multioutput", "weights", "metric", "metric_func"}
)
_LONGEST_OPTION = 24
# Between the words of the name of a class.
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# What an option of a user's own function may be to be spelled out.
_PLAIN = (bool, int, float, str)
# The arguments of a scorer, and of its `_score`.
_SCORED = ("scorer", "method_caller", "estimator", "X", "y_true")
#: The function that returns a text made of numbers, and the one it has them from.
REPORT = "classification_report"
REPORTED = "precision_recall_fscore_support"

# What a report under way is made of so far.
_parts: ContextVar[list[Part] | None] = ContextVar("autotrack_report_parts", default=None)


class ReportedWatch(OutermostWatch):
    """A watch of the function a report has its numbers from, which keeps them for the report."""

    __slots__ = ()

    @in_between
    def __call__(
        self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call `original`, heard or not."""
        result = super().__call__(original, args, kwargs)
        parts = _parts.get()
        if parts is not None and is_open():
            parts.append((kwargs, result))
        return result


@dataclass(frozen=True, slots=True)
class _Signature:
    """How a metric function takes its arguments."""

    names: tuple[str, ...]
    predictions: tuple[str, ...]
    truths: tuple[str, ...]
    data: str | None
    options: Mapping[str, Any]


class MetricEars:
    """Hears a metric function: whose prediction was judged, on which data, with which result."""

    def __init__(
        self, recorder: Recorder, lineage: Lineage, scoring: Scoring, trouble: Trouble
    ) -> None:
        self._recorder = recorder
        self._lineage = lineage
        self._scoring = scoring
        self._trouble = trouble

    @in_between
    def hear_metric(
        self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Hear one call."""
        try:
            enter(True)
            result = original(*args, **kwargs)
            with self._trouble.guard(f"record {original.__name__}"):
                self._record(original, args, kwargs, result)
            return result
        finally:
            leave(False)

    @in_between
    def hear_report(
        self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Hear one call of a function that returns a text."""
        parts: list[Part] = []
        try:
            enter(True)
            _parts.set(parts)
            result = original(*args, **kwargs)
            with self._trouble.guard(f"record {original.__name__}"):
                self._record(original, args, kwargs, result, parts)
            return result
        finally:
            leave(False)
            _parts.set(None)

    @in_between
    def hear_scorer(
        self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Hear a scorer the user calls whose function is not heard itself: one of their own."""
        function = getattr(args[0], "_score_func", None) if args else None
        module = str(getattr(function, "__module__", ""))
        if function is None or module.startswith("sklearn.metrics"):
            return original(*args, **kwargs)
        try:
            enter(True)
            result = original(*args, **kwargs)
            if isinstance(result, Real):
                with self._trouble.guard("record a scorer"):
                    self._record_own(original, args, kwargs, float(result))
            return result
        finally:
            leave(False)

    def _record_own(
        self,
        original: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: float,
    ) -> None:
        # One of several scorers is handed how to have the model predict only once.
        names = [
            name for name in _SCORED if name != "method_caller" or original.__name__ == "_score"
        ]
        bound = dict(zip(names, args, strict=False)) | kwargs
        scorer, estimator = bound["scorer"], bound["estimator"]
        link = links.get(estimator)
        X, y = bound.get("X"), bound.get("y_true")
        name, use = self._scoring.data(link, X, y, model=estimator)
        options = scorer._kwargs | {key: kwargs[key] for key in kwargs if key not in _SCORED}
        key = own_name(scorer._score_func, options)
        # The function's own value; a scorer turns the sign of losses.
        numbers = {key: result * scorer._sign}
        self._recorder.score(link, ScoreFacts(name, numbers, data=use, place=_place(link)))

    def _record(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Any,
        parts: list[Part] | None = None,
    ) -> None:
        signature = _signature(function)
        # The call returned, so its arguments fit the signature: no need to have that checked.
        bound = dict(zip(signature.names, args, strict=False)) | kwargs
        truth_name = next((name for name in signature.truths if name in bound), None)
        truth = None if truth_name is None else bound[truth_name]
        names, predictions = signature.names, signature.predictions
        prediction = self.judged(predictions, bound, names, truth_name, len(args))
        link = prediction.link if prediction is not None else None
        judged = [name for name in (*predictions, truth_name) if name is not None]
        others = (
            self._lineage.alike(prediction, bound, judged, names, len(args))
            if prediction is not None
            else []
        )
        if prediction is not None and others:
            given = [bound.get(name) for name in judged]
            data_name, use = self._scoring.of_any([*others, prediction], given, truth), None
        elif signature.data is None:
            data_name, use = self.data_of(prediction, truth)
        else:
            known = prediction.model if prediction is not None else None
            model = known() if known is not None else None
            data_name, use = self._scoring.data(link, bound.get(signature.data), truth, model=model)
        if truth is None and signature.data is None:
            use = None  # computed from a curve, whose data is on record with the curve
        name = metric_name(function, bound)
        if isinstance(result, str) and parts:
            result = report_of(result, bound, parts)
        numbers, tables, arrays = shape(name, function, bound, result)
        if not numbers and not tables:
            return
        step = prediction.step if prediction is not None else None
        facts = ScoreFacts(data_name, numbers, tables, use, step, place=_place(link))
        self._recorder.score(link, facts)
        if prediction is not None:
            # What is computed from a curve (`auc`) is the model's as well.
            for array in arrays:
                self._lineage.remember(prediction, array)

    def data_of(
        self, prediction: Prediction | None, truth: object
    ) -> tuple[str, DatasetUse | None]:
        """On which data a prediction was made, by name and as facts."""
        if prediction is None:
            return self._scoring.data(None, None, truth)
        return self._scoring.of(prediction, truth)

    def judged(
        self,
        predictions: Sequence[str],
        bound: Mapping[str, Any],
        names: Sequence[str],
        truth: str | None,
        placed: int | None = None,
    ) -> Prediction | None:
        """The prediction among the arguments, if it can be shown to be one.

        Parameters
        ----------
        predictions : sequence of str
            The parameters that may hold a prediction, likeliest first.
        bound : mapping
            The arguments by name.
        names : sequence of str
            The parameters of the called function, in order.
        truth : str or None
            The parameter that holds the truth.
        placed : int, optional
            How many arguments the function got by their place.
        """
        known = None if truth is None else bound[truth]
        for name in predictions:
            if bound.get(name) is not None:
                found = self._lineage.judged(bound[name], known, names, (name, truth), placed)
                if found is not None:
                    return found
        return None


def _place(link: Link | None) -> str:
    """Where a score was computed that no model is known for."""
    return line_below(sys._getframe(1)) if link is None else ""


@functools.cache
def _signature(function: Callable[..., Any]) -> _Signature:
    signature = inspect.signature(function)
    names = list(signature.parameters)
    predictions = tuple(name for name in PREDICTIONS if name in names)
    truths = tuple(name for name in _TRUTHS if name in names)
    data = None
    if not predictions and "labels" in names:  # silhouette_score(X, labels) and its kin
        predictions, data = ("labels",), "X"
    elif not predictions and names[:2] == ["x", "y"]:  # auc of a curve
        predictions = ("x", "y")
    inputs = {*predictions, *truths, data}
    options = {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if name not in inputs
        and name not in _NO_MEANING
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
    return _Signature(tuple(names), predictions, truths, data, options)


def judges_predictions(function: Callable[..., Any]) -> bool:
    """Whether a function of ``sklearn.metrics`` judges predictions (and not, say, distances)."""
    return bool(_signature(inspect.unwrap(function)).predictions)


def metric_name(function: Callable[..., Any], bound: Mapping[str, Any]) -> str:
    """The function's name with those of its options that change what the number means."""
    return function.__name__ + "".join(
        f"_{key_text(_option(name, bound[name]))}"
        for name, default in _signature(function).options.items()
        if name in bound
        and not _is_default(bound[name], default)
        # What scorers say to mean no class in particular.
        and not (name == "pos_label" and bound[name] is None)
    )


def own_name(function: Callable[..., Any], options: Mapping[str, Any]) -> str:
    """The name of a function of the user's with what it was given beside truth and prediction.

    A partial has the name of what it wraps, any other callable that of its class.
    """
    held: Any = function
    while isinstance(held, functools.partial):
        held, options = held.func, {**held.keywords, **options}
    chosen = "".join(
        f"_{key_text(_option(name, value) if isinstance(value, _PLAIN) else name)}"
        for name, value in options.items()
        if value is not None
    )
    name = getattr(held, "__name__", None)
    return key_text(name or _WORDS.sub("_", type(held).__name__).lower()) + chosen


def _is_default(value: object, default: object) -> bool:
    if value is default:
        return True
    return (
        isinstance(value, bool | str | int | float)
        and isinstance(value, bool) == isinstance(default, bool)
        and value == default
    )


def _option(name: str, value: Any) -> str:
    if name == "sample_weight":
        return name
    if value is True or getattr(value, "ndim", 0) > 1:
        return name  # a matrix, such as counts that are known already, is data
    if callable(value):
        text = str(getattr(value, "__name__", type(value).__name__))
    else:
        array = np.asarray(value)
        text = "_".join(map(str, array.ravel().tolist())) if array.ndim else str(value)
        if len(text) > _LONGEST_OPTION:
            text = f"{len(array)}" if array.ndim else text[:_LONGEST_OPTION]
    return text if name in _SPEAK_FOR_THEMSELVES else f"{name}_{text}".lower()
