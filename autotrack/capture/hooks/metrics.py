"""The functions of ``sklearn.metrics``, recorded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from numbers import Real
from types import FrameType
from typing import Any

from autotrack.capture.assessing import Assessing, Recomputed
from autotrack.capture.call import Call
from autotrack.capture.naming.data_names import Scoring
from autotrack.capture.naming.metric_keys import metric_name, own_name, signature_of
from autotrack.capture.parallel.outermost import OutermostWatch, is_open
from autotrack.capture.results.kept_predictions import judged_outputs
from autotrack.capture.results.metric_result import Part, report_of, shape
from autotrack.entities import DatasetUse
from autotrack.failsafe import Failsafe
from autotrack.lineage.program.call_site import line_below, users_frame
from autotrack.lineage.tracker import Lineage, Prediction
from autotrack.lineage.training_rows import TRAIN
from autotrack.runtime.in_between import in_between
from autotrack.tracking.facts import ScoreFacts
from autotrack.tracking.kept.asked import is_asked
from autotrack.tracking.model_links import Link, links
from autotrack.tracking.recording.recorder import Recorder

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
        """Call `original`, recorded or not."""
        result = super().__call__(original, args, kwargs)
        parts = _parts.get()
        if parts is not None and is_open():
            parts.append((kwargs, result))
        return result


class MetricHook:
    """Records a metric function: whose prediction was judged, on which data, with which result."""

    def __init__(
        self,
        recorder: Recorder,
        lineage: Lineage,
        scoring: Scoring,
        failsafe: Failsafe,
        assessing: Assessing,
    ) -> None:
        self._assessing = assessing
        self._recorder = recorder
        self._lineage = lineage
        self._scoring = scoring
        self._failsafe = failsafe

    @in_between
    def on_metric(self, call: Call) -> Any:
        """Record one call."""
        result = call.make()
        try:
            self._record(call, result)
        except Exception as error:  # noqa: BLE001 - as a guard does, which takes longer to enter
            self._failsafe.report(f"record {call.name}", error)
        return result

    @in_between
    def on_report(self, call: Call) -> Any:
        """Record one call of a function that returns a text."""
        parts: list[Part] = []
        try:
            _parts.set(parts)
            result = call.make()
            with self._failsafe.guard(f"record {call.name}"):
                self._record(call, result, parts)
            return result
        finally:
            _parts.set(None)

    @staticmethod
    def takes_scorer(call: Call) -> bool:
        """Whether the function of a scorer is not patched itself: one of the user's own."""
        function = getattr(call.args[0], "_score_func", None) if call.args else None
        module = str(getattr(function, "__module__", ""))
        return function is not None and not module.startswith("sklearn.metrics")

    @in_between
    def on_scorer(self, call: Call) -> Any:
        """Record a scorer that the user calls."""
        result = call.make()
        if isinstance(result, Real):
            with self._failsafe.guard("record a scorer"):
                self._record_own(call, float(result))
        return result

    def _record_own(self, call: Call, result: float) -> None:
        args, kwargs = call.args, call.kwargs
        # One of several scorers is handed how to have the model predict only once.
        names = [name for name in _SCORED if name != "method_caller" or call.name == "_score"]
        bound = dict(zip(names, args, strict=False)) | kwargs
        scorer, estimator = bound["scorer"], bound["estimator"]
        link = links.get(estimator)
        X, y = bound.get("X"), bound.get("y_true")
        name, use = self._scoring.data(link, X, y, model=estimator)
        options = scorer._kwargs | {key: kwargs[key] for key in kwargs if key not in _SCORED}
        key = own_name(scorer._score_func, options)
        # The function's own value; a scorer turns the sign of losses.
        numbers = {key: result * scorer._sign}
        facts = ScoreFacts(name, numbers, data=use, place=_place(link))
        if self._assessing.is_on and link is not None:
            facts = self._assessing.of_score(facts, link, estimator, X, y, None)
        self._recorder.score(link, facts)

    def _record(self, call: Call, result: Any, parts: list[Part] | None = None) -> None:
        function, args, kwargs = call.original, call.args, call.kwargs
        signature = signature_of(function)
        # The call returned, so its arguments fit the signature: no need to have that checked.
        bound = dict(zip(signature.names, args, strict=False)) | kwargs
        truth_name = next((name for name in signature.truths if name in bound), None)
        truth = None if truth_name is None else bound[truth_name]
        names, predictions = signature.names, signature.predictions
        # Above the hook: the watch, its wrapper and scikit-learn's own.
        frame = users_frame(sys._getframe(3))
        prediction = self.judged(predictions, bound, names, truth_name, len(args), frame)
        link, others = None, []
        if prediction is not None:
            link = prediction.link
            judged = [name for name in (*predictions, truth_name) if name is not None]
            others = self._lineage.alike(prediction, bound, judged, names, len(args), frame)
        if prediction is not None and others:
            given = [bound.get(name) for name in judged]
            found = self._scoring.of_any([*others, prediction], given, truth, frame)
            data_name, use = found, None
        elif signature.data is None:
            data_name, use = self.data_of(prediction, truth, frame)
        else:
            known = prediction.model if prediction is not None else None
            model = known() if known is not None else None
            data_name, use = self._scoring.data(link, bound.get(signature.data), truth, model=model)
        if truth is None and signature.data is None:
            use = None  # computed from a curve, whose data is on record with the curve
        name = metric_name(function, bound, signature)
        if isinstance(result, str) and parts:
            result = report_of(result, bound, parts)
        numbers, tables, arrays = shape(name, function, bound, result)
        if not numbers and not tables:
            return
        step = prediction.step if prediction is not None else None
        facts = ScoreFacts(data_name, numbers, tables, use, step, place=_place(link))
        if self._assessing.is_on and link is not None and prediction is not None and not others:
            again = None
            if signature.data is None:
                by_row = {*judged, "sample_weight"}
                again = Recomputed(function, bound, by_row, lambda *of: shape(name, *of)[0])
            facts = self._assessing.of_metric(facts, prediction, truth, again, frame)
        self._recorder.score(link, facts)
        if prediction is not None and link is not None and is_asked(self._recorder.settings):
            self._keep_prediction(prediction, data_name, truth, predictions, bound)
        if prediction is not None:
            # What is computed from a curve (`auc`) is the model's as well.
            for array in arrays:
                self._lineage.remember(prediction, array)

    def _keep_prediction(
        self,
        prediction: Prediction,
        data_name: str,
        truth: object,
        names: Sequence[str],
        bound: Mapping[str, Any],
    ) -> None:
        """Keep the prediction that a score was computed from, for it is asked for."""
        link = prediction.link
        if link is None or truth is None or data_name.startswith(TRAIN):
            return
        with self._failsafe.guard("keep the predictions of a score"):
            name = next(name for name in names if bound.get(name) is not None)
            model = prediction.model() if prediction.model is not None else None
            outputs, classes = judged_outputs(name, bound[name], model)
            run_id = self._recorder.moved.place_of(link)
            self._recorder.held_out.add(link.store, run_id, data_name, truth, outputs, classes)

    def data_of(
        self, prediction: Prediction | None, truth: object, frame: FrameType | None = None
    ) -> tuple[str, DatasetUse | None]:
        """On which data a prediction was made, by name and as facts.

        `frame` is the user's that makes the call, where it is known.
        """
        if prediction is None:
            return self._scoring.data(None, None, truth)
        return self._scoring.of(prediction, truth, frame)

    def judged(
        self,
        predictions: Sequence[str],
        bound: Mapping[str, Any],
        names: Sequence[str],
        truth: str | None,
        placed: int | None = None,
        frame: FrameType | None = None,
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
        frame : frame, optional
            The user's that makes the call, where it is known.
        """
        known = None if truth is None else bound[truth]
        for name in predictions:
            if bound.get(name) is not None:
                parameters = (name, truth)
                found = self._lineage.judged(bound[name], known, names, parameters, placed, frame)
                if found is not None:
                    return found
        return None


def _place(link: Link | None) -> str:
    """Where a score was computed that no model is known for."""
    return line_below(sys._getframe(1)) if link is None else ""
