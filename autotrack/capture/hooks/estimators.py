"""What is done when estimators are called: fit, partial_fit, transform, predict and score."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from numbers import Real
from types import GeneratorType
from typing import Any

from autotrack.capture.assessing import Assessing
from autotrack.capture.call import Call
from autotrack.capture.discovery import is_estimator
from autotrack.capture.hooks.callbacks import MonitorHook
from autotrack.capture.hooks.fit_describer import FitDescriber
from autotrack.capture.hooks.searches import SearchHook
from autotrack.capture.hooks.staged_predictions import follow, stage_count
from autotrack.capture.hooks.warm_start import brought_up_to_date, goes_on
from autotrack.capture.naming.data_names import Scoring, key_text
from autotrack.capture.parallel.inner_predictions import Scoring as NotedScoring
from autotrack.capture.parallel.inner_predictions import noting_predictions
from autotrack.capture.results.kept_predictions import scored_by_itself
from autotrack.capture.results.reached_code import Overview
from autotrack.describe.estimator import (
    is_model,
    summary,
    user_params,
)
from autotrack.describe.parts import attribute, has, held_by, with_own_parts
from autotrack.failsafe import Failsafe
from autotrack.lineage.prediction import OUT_OF_BAG
from autotrack.lineage.preprocessing.applied_transformers import look
from autotrack.lineage.program.call_site import line_below, sites
from autotrack.lineage.tracker import Lineage, reference
from autotrack.lineage.training_rows import TRAIN, Trained, trainings
from autotrack.runtime.in_between import in_between
from autotrack.settings import Settings
from autotrack.tracking.evaluations.evaluation_run import Measurements
from autotrack.tracking.facts import ScoreFacts, TransformerFacts
from autotrack.tracking.kept.asked import is_asked
from autotrack.tracking.model_links import links
from autotrack.tracking.opened_fit import OpenFit
from autotrack.tracking.recording.recorder import Recorder

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
    """One method a kind of call.

    They are not called `fit` and so on: scikit-learn's metadata routing, and its tests, look at
    the names of the functions on the stack.

    What the user's call returns or raises passes unchanged; whatever goes wrong in here is
    reported to `failsafe`.
    """

    def __init__(
        self,
        settings: Settings,
        recorder: Recorder,
        lineage: Lineage,
        scoring: Scoring,
        monitors: MonitorHook,
        describer: FitDescriber,
        searches: SearchHook,
        failsafe: Failsafe,
        assessing: Assessing,
    ) -> None:
        self._assessing = assessing
        self._searches = searches
        self._describer = describer
        self._settings = settings
        self._recorder = recorder
        self._lineage = lineage
        self._scoring = scoring
        self._failsafe = failsafe
        self._monitors = monitors

    @staticmethod
    def takes_fit(call: Call) -> bool:
        """Whether it is an estimator that is fitted, and not what has a method of one."""
        return is_estimator(call.estimator)

    @in_between
    def on_fit(self, call: Call) -> Any:
        """Record ``fit``, ``fit_predict`` and ``fit_transform``."""
        if not self._searches.takes(call.estimator):
            return self._fit(call)
        search = call.estimator
        if self._assessing.is_on:
            with self._failsafe.guard("know the rows of a search again"):
                trainings.set(search, Trained.of(call.X, call.y, keep_keys=True))
                self._assessing.grouped(call.X, call.kwargs.get("groups"), type(search).__name__)
        found = self._searches.on_search(call)
        with self._failsafe.guard("remember what a search predicted"):
            self._remember_own(search, call.X, search)
            self._assessing.searched(search)
            self._assessing.fitted_model(search, call.y, found)
        return found

    @in_between
    def _fit(self, call: Call, *, partial: bool = False) -> Any:
        if not self._is_model(call.estimator):
            return self._fit_transformer(call)
        overview = self._describer.look_over(call.estimator)
        opened = self._open(call, overview, partial=partial)
        try:
            with self._monitors.following(call.estimator, opened):
                result = call.make()
        except BaseException as error:
            self._fail(opened, error)
            raise
        if opened is not None and overview is not None:
            with self._failsafe.guard("tell which seeds were not set"):
                opened.unset_seeds = overview.unset_seeds()
        self._close(opened, call, result, partial=partial)
        return result

    @in_between
    def on_partial_fit(self, call: Call) -> Any:
        """Record ``partial_fit``: the first one opens a run, the others go on with it."""
        link = links.of_fit(call.estimator)
        if link is None or not link.partial:
            return self._fit(call, partial=True)
        result = call.make()
        with self._failsafe.guard("record a partial_fit"):
            # It may have been trained by a nested fit, which took it out of its run.
            links.tie(call.estimator, link)
            self._recorder.continue_fit(call.estimator)
        return result

    @in_between
    def on_predict(
        self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Record ``predict`` and its kin."""
        result = original(*args, **kwargs)
        try:
            model = args[0] if args else None
            if is_estimator(model):
                # Below it are the watch and its wrapper.
                made_at = sites(3)
                if len(args) > 1:
                    self._lineage.predicted(model, args[1], result, made_at=made_at)
                else:
                    X = Call(original, args, kwargs).X
                    self._lineage.predicted(model, X, result, made_at=made_at)
        except Exception as error:  # noqa: BLE001 - as a guard does, which takes longer to enter
            self._failsafe.report("remember a prediction", error)
        return result

    @in_between
    def on_transform(self, call: Call) -> Any:
        """Record ``transform``."""
        before = look(call.X) if call.args else None
        rows = self._assessing.rows_for(call.estimator, call.X) if call.args else None
        result = call.make()
        with self._failsafe.guard("remember a transform"):
            if call.args:
                self._assessing.transformed(call.estimator, rows, result)
                self._lineage.transformed(call.estimator, call.X, result, before)
        return result

    @in_between
    def on_score(self, call: Call) -> Any:
        """Record ``score``."""
        noted = None
        if is_asked(self._settings):
            with self._failsafe.guard("keep the predictions of a score"):
                noted = scored_by_itself(call.estimator, call.X)
        if noted is None:
            result = call.make()
        else:
            with noting_predictions(noted):
                result = call.make()
        with self._failsafe.guard("record a score"):
            if is_estimator(call.estimator) and isinstance(result, Real):
                value = {"score" + _score_options(call): float(result)}
                again = _scored_again(call)
                self._score(call.estimator, call.X, call.y, value, None, again=again, noted=noted)
        return result

    @in_between
    def on_staged(self, call: Call) -> Any:
        """Record ``staged_predict`` and its kin, generators of what each stage predicts."""
        stages = call.make()
        if type(stages) is not GeneratorType or not is_estimator(call.estimator):
            return stages
        model, X, y = call.estimator, call.X, call.y
        name = "score" + _score_options(call)

        def predicted(step: int, value: Any) -> None:
            with self._failsafe.guard("remember a staged prediction"):
                self._lineage.predicted(model, X, value, step=step)

        def scored(step: int, value: Any) -> None:
            with self._failsafe.guard("record a staged score"):
                if isinstance(value, Real):
                    self._score(model, X, y, {name: float(value)}, None, step)

        seen = scored if call.name == "staged_score" else predicted
        with self._failsafe.guard("count the stages of a model"):
            links.note_stages(model, stage_count(model))
        return follow(stages, seen)

    # -- parts of a fit ----------------------------------------------------------------------

    def _is_model(self, estimator: object) -> bool:
        with self._failsafe.guard("tell a model from a transformer"):
            return is_model(estimator)
        return False

    def _open(self, call: Call, overview: Overview | None, *, partial: bool) -> OpenFit | None:
        with self._failsafe.guard("record a fit"):
            model, facts = call.estimator, self._describer.facts(call, overview)
            X = call.X
            goes_away = sys.getrefcount(X) <= _TEMPORARY
            keep = self._assessing.is_on
            trained = Trained.of(
                X, call.y, goes_away=goes_away, keep_keys=keep, described=facts.data
            )
            trainings.set(model, trained)
            before = links.of_fit(model)
            if partial:
                facts = replace(facts, warm=False)
            if before is None or not goes_on(model, before, facts, partial=partial):
                return self._recorder.open_fit(facts)
            return self._recorder.open_fit(brought_up_to_date(model, before, facts), before)
        return None

    def _fail(self, opened: OpenFit | None, error: BaseException) -> None:
        if opened is None:
            return
        with self._failsafe.guard("record a failed fit"):
            self._recorder.fail_fit(opened, error)

    def _close(self, opened: OpenFit | None, call: Call, result: object, *, partial: bool) -> None:
        if opened is None:
            return
        with self._failsafe.guard("record a fit"):
            model, X = call.estimator, call.X
            self._recorder.link(opened, model, reference(X), partial=partial)
            self._assessing.trained(model, opened.run_id)
            self._assessing.fitted_model(model, call.y, result)
            if self._settings.training_score and has(model, "score"):
                with self._failsafe.guard("score a model on its training data"):
                    self._score(model, X, call.y, {"score": float(model.score(X, call.y))}, "train")
                opened.unchanged = None  # to score may change the data in place, as a fit may
            stitched = None if partial else self._describer.stitched(opened.facts, model, X)
            self._recorder.close_fit(opened, model, X, stitched)
            if not partial and self._assessing.is_on:
                Measurements(self._recorder).found(opened, self._assessing.of_fit(model))
            self._remember_own(model, X, result)

    def _remember_own(self, model: Any, X: object, result: object) -> None:
        if result is not model:
            self._lineage.predicted(model, X, result)
        for part in with_own_parts(model):
            held = held_by(part)
            if held.keys().isdisjoint(_OWN_PREDICTIONS):
                continue
            for name, rows in _OWN_PREDICTIONS.items():
                if name in held:
                    self._lineage.predicted(model, X, held[name], part=rows)

    @in_between
    def _fit_transformer(self, call: Call) -> Any:
        data, origins = call.X, []
        with self._failsafe.guard("tell where the data of a transformer is from"):
            origins = self._lineage.origins_of(data)
        before, rows = look(data), self._assessing.rows_of(data)
        result = call.make()
        with self._failsafe.guard("remember a transformer"):
            transformer = call.estimator
            resamples = call.name == "fit_resample"
            links.refitted(transformer)
            facts = TransformerFacts(summary(transformer), user_params(transformer), resamples)
            self._lineage.fitted(transformer, facts, data, origins)
            self._assessing.fitted(transformer, facts, rows, call.y)
            if result is not transformer:
                output = result[0] if resamples else result
                self._assessing.transformed(transformer, rows, output)
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
        again: tuple[Callable[..., Any], Any] | tuple[None] = (None,),
        noted: NotedScoring | None = None,
    ) -> None:
        link = links.get(model)
        data_name, use = self._scoring.data(link, X, y, part, model=model)
        place = line_below(sys._getframe()) if link is None else ""
        facts = ScoreFacts(data_name, value, data=use, step=step, place=place)
        if self._assessing.is_on and link is not None and step is None:
            facts = self._assessing.of_score(facts, link, model, X, y, *again)
        self._recorder.score(link, facts)
        if noted is not None and noted.outputs and link is not None and y is not None:
            if data_name.startswith(TRAIN):
                return
            with self._failsafe.guard("keep the predictions of a score"):
                run_id = self._recorder.moved.place_of(link)
                classes = attribute(model, "classes_", ())
                self._recorder.held_out.add(
                    link.store, run_id, data_name, y, noted.outputs, classes
                )


def _score_options(call: Call) -> str:
    """What else was given to ``score``, such as weights: it is another score with it."""
    names = list(call.further) if len(call.args) > 1 or "X" in call.kwargs else []
    return "".join(f"_{key_text(name)}" for name in names)


def _scored_again(call: Call) -> tuple[Callable[..., Any], Any] | tuple[None]:
    """The ``score`` that may be asked once more, and the weights of the rows; else None."""
    names = call.further
    if any(name != "sample_weight" for name in names):
        return (None,)
    weights = call.kwargs.get("sample_weight", call.args[3] if len(call.args) > 3 else None)
    return call.original, weights if names else None
