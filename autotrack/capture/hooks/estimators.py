"""What is done when estimators are called: fit, partial_fit, transform, predict and score."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from numbers import Real
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from autotrack.capture.discovery import is_estimator
from autotrack.capture.hooks.callbacks import MonitorHook
from autotrack.capture.hooks.staged_predictions import follow, stage_count
from autotrack.capture.hooks.warm_start import brought_up_to_date, goes_on, starts_warm
from autotrack.capture.library_functions import library_call
from autotrack.capture.naming.data_names import Scoring, key_text
from autotrack.capture.parallel.outermost import enter, leave
from autotrack.describe.data.fingerprint import describe
from autotrack.describe.data.stamp import stamp
from autotrack.describe.estimator import (
    held_params,
    is_model,
    qualified_name,
    summary,
    user_params,
)
from autotrack.describe.parts import has, held_by, with_own_parts
from autotrack.entities import DatasetUse
from autotrack.failsafe import Failsafe
from autotrack.lineage.prediction import OUT_OF_BAG
from autotrack.lineage.preprocessing.applied_transformers import look
from autotrack.lineage.program.call_site import line_below, sites
from autotrack.lineage.tracker import Lineage, reference
from autotrack.lineage.training_rows import Trained, trainings
from autotrack.runtime.in_between import in_between
from autotrack.runtime.stack import variable_name
from autotrack.settings import Settings
from autotrack.tracking.api.params import may_have_inputs
from autotrack.tracking.facts import FitFacts, ScoreFacts, Stitched, TransformerFacts
from autotrack.tracking.model_links import links
from autotrack.tracking.opened_fit import OpenFit
from autotrack.tracking.recording.recorder import Recorder

if TYPE_CHECKING:
    from autotrack.capture.hooks.searches import SearchHook

Call = Callable[..., Any]
Args = tuple[Any, ...]
Kwargs = dict[str, Any]

# References to what was passed as a temporary, seen from `_open`.
_TEMPORARY = 3
# Attributes in which a fitted model keeps what it predicted for its own training data, and what
# such rows are called in keys, where they are not just the training data.
_OWN_PREDICTIONS = {
    "labels_": "",
    "row_labels_": "",
    "transduction_": "",
    "oob_prediction_": OUT_OF_BAG,
    "oob_decision_function_": OUT_OF_BAG,
}


class EstimatorHook:
    """One method a kind of call, each with the original function and its arguments.

    They are not called `fit` and so on: scikit-learn's metadata routing, and its tests, look at
    the names of the functions on the stack.

    What the user's call returns or raises passes unchanged; whatever goes wrong in here is
    reported to `trouble`.
    """

    def __init__(
        self,
        settings: Settings,
        recorder: Recorder,
        lineage: Lineage,
        scoring: Scoring,
        monitors: MonitorHook,
        searches: SearchHook,
        failsafe: Failsafe,
    ) -> None:
        self._searches = searches
        self._settings = settings
        self._recorder = recorder
        self._lineage = lineage
        self._scoring = scoring
        self._failsafe = failsafe
        self._monitors = monitors

    @in_between
    def on_fit(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        """Hear ``fit``, ``fit_predict`` and ``fit_transform``."""
        if args and self._searches.takes(args[0]):
            search, X = args[0], inputs(args, kwargs)[0]
            found = self._searches.on_search(original, args, kwargs, self._facts, self._stitched)
            with self._failsafe.guard("remember what a search predicted"):
                self._remember_own(search, X, search)
            return found
        return self._fit(original, args, kwargs)

    @in_between
    def _fit(self, original: Call, args: Args, kwargs: Kwargs, *, partial: bool = False) -> Any:
        if not args or not is_estimator(args[0]):
            return original(*args, **kwargs)
        try:
            enter(True)
            if not self._is_model(args[0]):
                return self._fit_transformer(original, args, kwargs)
            opened = self._open(original, args, kwargs, partial=partial)
            try:
                with self._monitors.following(args[0], opened):
                    result = original(*args, **kwargs)
            except BaseException as error:
                self._fail(opened, error)
                raise
            self._close(opened, args, kwargs, result, partial=partial)
            return result
        finally:
            leave(False)

    @in_between
    def on_partial_fit(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        """Hear ``partial_fit``: the first one opens a run, the others go on with it."""
        if not args or not is_estimator(args[0]):
            return original(*args, **kwargs)
        link = links.of_fit(args[0])
        if link is None or not link.partial:
            return self._fit(original, args, kwargs, partial=True)
        try:
            enter(True)
            result = original(*args, **kwargs)
            with self._failsafe.guard("record a partial_fit"):
                # It may have been trained by a nested fit, which took it out of its run.
                links.tie(args[0], link)
                self._recorder.continue_fit(args[0])
            return result
        finally:
            leave(False)

    @in_between
    def on_predict(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        """Hear ``predict`` and its kin."""
        try:
            enter(True)
            result = original(*args, **kwargs)
        finally:
            leave(False)
        try:
            if args and is_estimator(args[0]):
                # The watch and its wrapper are above this frame, and then comes the user's.
                made_at = sites(3)
                self._lineage.predicted(args[0], inputs(args, kwargs)[0], result, made_at=made_at)
        except Exception as error:  # noqa: BLE001 - as a guard does, which takes longer to enter
            self._failsafe.report("remember a prediction", error)
        return result

    @in_between
    def on_transform(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        """Hear ``transform``."""
        before = look(inputs(args, kwargs)[0]) if args else None
        try:
            enter(True)
            result = original(*args, **kwargs)
        finally:
            leave(False)
        with self._failsafe.guard("remember a transform"):
            if args:
                self._lineage.transformed(args[0], inputs(args, kwargs)[0], result, before)
        return result

    @in_between
    def on_score(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        """Hear ``score``."""
        try:
            enter(True)
            result = original(*args, **kwargs)
            with self._failsafe.guard("record a score"):
                if args and is_estimator(args[0]) and isinstance(result, Real):
                    X, y = inputs(args, kwargs)
                    name = "score" + _score_options(original, args, kwargs)
                    self._score(args[0], X, y, {name: float(result)}, None)
            return result
        finally:
            leave(False)

    @in_between
    def on_staged(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        """Hear ``staged_predict`` and its kin, generators of what each stage predicts."""
        stages = original(*args, **kwargs)
        if type(stages) is not GeneratorType or not args or not is_estimator(args[0]):
            return stages
        model, (X, y) = args[0], inputs(args, kwargs)
        name = "score" + _score_options(original, args, kwargs)

        def predicted(step: int, value: Any) -> None:
            with self._failsafe.guard("remember a staged prediction"):
                self._lineage.predicted(model, X, value, step=step)

        def scored(step: int, value: Any) -> None:
            with self._failsafe.guard("record a staged score"):
                if isinstance(value, Real):
                    self._score(model, X, y, {name: float(value)}, None, step)

        seen = scored if original.__name__ == "staged_score" else predicted
        with self._failsafe.guard("count the stages of a model"):
            links.note_stages(model, stage_count(model))
        return follow(stages, seen)

    # -- parts of a fit ----------------------------------------------------------------------

    def _is_model(self, estimator: object) -> bool:
        with self._failsafe.guard("tell a model from a transformer"):
            return is_model(estimator)
        return False

    def _open(self, original: Call, args: Args, kwargs: Kwargs, *, partial: bool) -> OpenFit | None:
        with self._failsafe.guard("record a fit"):
            model, facts = args[0], self._facts(original, args, kwargs)
            X, y = inputs(args, kwargs)
            goes_away = sys.getrefcount(X) <= _TEMPORARY
            trainings.set(model, Trained.of(X, y, goes_away=goes_away))
            before = links.of_fit(model)
            if partial:
                facts = replace(facts, warm=False)
            if before is None or not goes_on(model, before, facts, partial=partial):
                return self._recorder.open_fit(facts)
            return self._recorder.open_fit(brought_up_to_date(model, before, facts), before)
        return None

    def _facts(self, original: Call, args: Args, kwargs: Kwargs) -> FitFacts:
        estimator = args[0]
        X, y = inputs(args, kwargs)
        extra = sorted(_further(original, args, kwargs))
        return FitFacts(
            name=summary(estimator),
            estimator=qualified_name(estimator),
            params=self._params(estimator),
            data=self._training_data(X, y),
            preprocessing=self._lineage.preprocessing_of(X),
            tags={"fit_arguments": ", ".join(extra)} if extra else {},
            held=self._held(estimator),
            stamp=stamp(X) if self._settings.log_models and self._settings.log_datasets else None,
            warm=starts_warm(estimator),
            call=library_call(),
        )

    def _params(self, estimator: object) -> Mapping[str, Any]:
        with self._failsafe.guard("read the params"):
            return user_params(estimator, defaults=self._settings.log_defaults)
        return {}  # an estimator that breaks scikit-learn's rules for params still has a run

    def _held(self, estimator: object) -> Mapping[str, Any]:
        if not may_have_inputs():
            return {}
        with self._failsafe.guard("read the params"):
            return held_params(estimator)
        return {}

    def _training_data(self, X: object, y: object) -> DatasetUse | None:
        if not self._settings.log_datasets:
            return None
        with self._failsafe.guard("describe the training data"):
            data = describe(X)
            if data is None:
                return None
            return DatasetUse("train", data, variable_name(X), describe(y))
        return None

    def _fail(self, opened: OpenFit | None, error: BaseException) -> None:
        if opened is None:
            return
        with self._failsafe.guard("record a failed fit"):
            self._recorder.fail_fit(opened, error)

    def _close(
        self, opened: OpenFit | None, args: Args, kwargs: Kwargs, result: object, *, partial: bool
    ) -> None:
        if opened is None:
            return
        with self._failsafe.guard("record a fit"):
            model = args[0]
            X, y = inputs(args, kwargs)
            self._recorder.link(opened, model, reference(X), partial=partial)
            if self._settings.training_score and has(model, "score"):
                with self._failsafe.guard("score a model on its training data"):
                    self._score(model, X, y, {"score": float(model.score(X, y))}, "train")
                opened.unchanged = None  # to score may change the data in place, as a fit may
            stitched = None if partial else self._stitched(opened.facts, model, X)
            self._recorder.close_fit(opened, model, X, stitched)
            self._remember_own(model, X, result)

    def _stitched(self, facts: FitFacts, model: object, X: object) -> Stitched | None:
        """The model with the transformers outside of it as one, where there are such."""
        if not facts.applied_first or not self._settings.log_models:
            return None
        from autotrack.lineage.preprocessing.stitching import stitch

        stages, asks_own = self._lineage.stages_of(X), self._settings.ask_own_models
        return stitch(model, X, stages, asks_own=asks_own)

    def _remember_own(self, model: Any, X: object, result: object) -> None:
        if result is not model:
            self._lineage.predicted(model, X, result)
        for part in with_own_parts(model):
            held = held_by(part)
            for name, rows in _OWN_PREDICTIONS.items():
                if name in held:
                    self._lineage.predicted(model, X, held[name], part=rows)

    @in_between
    def _fit_transformer(self, original: Call, args: Args, kwargs: Kwargs) -> Any:
        data, origins = inputs(args, kwargs)[0], []
        with self._failsafe.guard("tell where the data of a transformer is from"):
            origins = self._lineage.origins_of(data)
        before = look(data)
        result = original(*args, **kwargs)
        with self._failsafe.guard("remember a transformer"):
            transformer = args[0]
            resamples = original.__name__ == "fit_resample"
            links.refitted(transformer)
            facts = TransformerFacts(summary(transformer), user_params(transformer), resamples)
            self._lineage.fitted(transformer, facts, data, origins)
            if result is not transformer:
                output = result[0] if resamples else result
                self._lineage.transformed(transformer, data, output, before)
            self._recorder.transformer(facts)
        return result

    def _score(
        self,
        model: object,
        X: object,
        y: object,
        value: dict[str, float],
        part: str | None,
        step: int | None = None,
    ) -> None:
        link = links.get(model)
        data_name, use = self._scoring.data(link, X, y, part, model=model)
        place = line_below(sys._getframe()) if link is None else ""
        facts = ScoreFacts(data_name, value, data=use, step=step, place=place)
        self._recorder.score(link, facts)


def _score_options(original: Call, args: Args, kwargs: Kwargs) -> str:
    """What else was given to ``score``, such as weights: it is another score with it."""
    names = _further(original, args, kwargs) if len(args) > 1 or "X" in kwargs else []
    return "".join(f"_{key_text(name)}" for name in names)


def _further(original: Call, args: Args, kwargs: Kwargs) -> list[str]:
    """The names of what was given beside X and y, by place or by name."""
    given = dict(kwargs)
    if len(args) > 3:
        names = list(inspect.signature(original).parameters)
        given |= dict(zip(names[3:], args[3:], strict=False))
    return [name for name in given if name not in ("X", "y") and given[name] is not None]


def inputs(args: Args, kwargs: Kwargs) -> tuple[Any, Any]:
    """X and y of a call, by place or by name."""
    X = args[1] if len(args) > 1 else kwargs.get("X")
    y = args[2] if len(args) > 2 else kwargs.get("y")
    if X is None and len(args) == 1:
        # Text vectorizers and label encoders call their input otherwise.
        X = next((value for name, value in kwargs.items() if name != "y"), None)
    return X, y
