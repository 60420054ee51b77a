"""`cross_validate` and its kin: one run, its splits as they finish."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from autotrack.analysis.names import UNSEEDED_TAG
from autotrack.capture.assessing import Assessing
from autotrack.capture.call import Call
from autotrack.capture.library_functions import library_call
from autotrack.capture.parallel.joblib_loop import Listener, Loop, listening
from autotrack.capture.parallel.task_warnings import Noted
from autotrack.capture.results.evaluation import noted
from autotrack.capture.results.kept_predictions import LoopPredictions
from autotrack.capture.results.reached_code import Overview, look_over, reached_code
from autotrack.capture.results.split_tables import (
    Curve,
    Importances,
    Split,
    error_table,
    permuted_scores,
    split_table,
    splits_of,
    summary,
    with_single_score,
)
from autotrack.capture.results.validation_splits import (
    IMPORTANCE,
    Watched,
    add_split,
    expected_tasks,
    features,
    fit_arguments,
    groups_of,
    out_of_fold,
)
from autotrack.describe.data.fingerprint import describe, row_count
from autotrack.describe.estimator import held_params, qualified_name, storable, user_params
from autotrack.describe.estimator import summary as named
from autotrack.entities import DatasetUse
from autotrack.failsafe import Failsafe
from autotrack.lineage.prediction import OUT_OF_FOLD
from autotrack.lineage.tracker import Lineage, reference
from autotrack.progress.bar import progress_bar
from autotrack.runtime.in_between import in_between
from autotrack.runtime.stack import variable_name
from autotrack.settings import Settings
from autotrack.tracking.api.params import may_have_inputs
from autotrack.tracking.evaluations.evaluation_run import (
    MODEL_RUN_TAG,
    Measured,
    Measurements,
)
from autotrack.tracking.facts import FitFacts, Table
from autotrack.tracking.kept.asked import is_asked
from autotrack.tracking.model_links import link_parts, links

#: The functions of ``sklearn.model_selection`` that are recorded, and what each of them counts.
FUNCTIONS = {
    "cross_validate": "splits",
    "cross_val_score": "splits",
    "cross_val_predict": "splits",
    "learning_curve": "fits",
    "validation_curve": "fits",
    "permutation_test_score": "permutations",
}
_UNITS = {**FUNCTIONS, IMPORTANCE: "features"}
# Those whose tasks are the splits.
_OF_SPLITS = ("cross_validate", "cross_val_score")
# Those each of whose splits predicts held-out rows with a model of its own.
_PREDICTING = ("cross_validate", "cross_val_score", "cross_val_predict")
_CURVES = ("learning_curve", "validation_curve")
# Arguments that are data or say nothing of what was judged, and how.
_NO_PARAMS = frozenset(
    {"estimator", "X", "y", "groups", "params", "fit_params", "n_jobs", "verbose", "pre_dispatch"}
    | {"return_train_score", "return_estimator", "return_indices", "return_times", "error_score"}
    | {"sample_weight"}
)


class ValidationHook:
    """Records a validation function."""

    def __init__(
        self,
        settings: Settings,
        measurements: Measurements,
        lineage: Lineage,
        failsafe: Failsafe,
        assessing: Assessing,
    ) -> None:
        self._assessing = assessing
        self._settings = settings
        self._measurements = measurements
        self._lineage = lineage
        self.failsafe = failsafe

    @in_between
    def on_validation(self, call: Call) -> Any:
        """Record one call."""
        watched = self._open(call)
        if watched is None:
            return call.make()
        try:
            watched.bar.open()
            with listening(_Splits(self, watched)):
                result = call.make()
        except BaseException as error:
            watched.bar.close()
            self._close_predictions(watched)
            with self.failsafe.guard("record a failed validation"):
                try:
                    watched.stream.close()
                finally:
                    self._measurements.fail(watched.opened, error)
            raise
        finally:
            watched.bar.end(None)
        watched.bar.close()
        self._close_predictions(watched)
        with self.failsafe.guard("record a validation"):
            self._close(watched, result)
        return result

    def _open(self, call: Call) -> Watched | None:
        with self.failsafe.guard("record a validation"):
            try:
                given = inspect.signature(call.original).bind(*call.args, **call.kwargs)
            except TypeError:  # which the call itself will raise
                return None
            bound = dict(given.arguments)
            given.apply_defaults()
            others: dict[str, Any] = {
                name: bound[name] for name in ("cv", "scoring") if name in bound
            }
            overview = look_over(bound["estimator"], others)
            facts = self._facts(call.name, bound, given.arguments, overview)
            bar = progress_bar(
                facts.name,
                expected_tasks(call.name, given.arguments),
                setting=self._settings.progress,
                failsafe=self.failsafe,
                unit=_UNITS[call.name],
                estimator=bound["estimator"],
            )
            opened = self._measurements.open(facts, progress=bar.progress)
            if self._assessing.is_on and call.name in _OF_SPLITS:
                self._measurements.found(
                    opened, self._assessing.of_validation(bound["estimator"], bound.get("X"))
                )
            self._assessing.grouped(bound.get("X"), groups_of(bound), call.name)
            stream = self._measurements.stream(opened)
            watched = Watched(call.name, bound, opened, stream, bar, overview)
            if call.name in _PREDICTING and is_asked(self._settings):
                with self.failsafe.guard("keep the predictions of a validation"):
                    groups = bound.get("groups", (bound.get("params") or {}).get("groups"))
                    y = bound.get("y")
                    watched.predictions = self._measurements.predictions(opened, y, groups)
            return watched
        return None

    def _close_predictions(self, watched: Watched) -> None:
        if watched.predictions is not None:
            with self.failsafe.guard("keep the predictions of a validation"):
                watched.predictions.close()

    def _facts(
        self,
        function: str,
        bound: Mapping[str, Any],
        complete: Mapping[str, Any],
        overview: Overview,
    ) -> FitFacts:
        estimator = bound["estimator"]
        options = {
            name: storable(value)
            for name, value in bound.items()
            if name not in _NO_PARAMS and value is not None
        }
        params = user_params(estimator, defaults=self._settings.log_defaults)
        # An estimator may have a param of the same name (LassoCV has a `cv`).
        params |= {f"{function}__{n}" if n in params else n: options[n] for n in options}
        tags: dict[str, str] = {}
        if arguments := fit_arguments(bound):
            tags["fit_arguments"] = ", ".join(arguments)
        held: dict[str, Any] = {}
        if may_have_inputs():
            held = {n: storable(complete[n]) for n in complete if n not in _NO_PARAMS}
            held |= held_params(estimator)
        link = links.get(estimator) if function == IMPORTANCE else None
        if link is not None:
            tags[MODEL_RUN_TAG] = link.run_id
        return FitFacts(
            name=f"{function}: {named(estimator)}",
            estimator=qualified_name(estimator),
            params=params,
            data=self._data(bound),
            preprocessing=self._lineage.preprocessing_of(bound.get("X"), ("estimator", "X", "y")),
            tags=tags,
            held=held,
            call=library_call(),
            code=reached_code(overview.own) if overview.own else None,
        )

    def _data(self, bound: Mapping[str, Any]) -> DatasetUse | None:
        X = bound.get("X")
        data = describe(X) if self._settings.log_datasets else None
        if data is None:
            return None
        return DatasetUse("validation", data, variable_name(X), describe(bound.get("y")))

    def split(self, watched: Watched, place: int, train: Any, test: Any) -> None:
        """A split is handed over."""
        watched.rows.add(place, train, test)
        if not watched.findings and self._assessing.is_on:
            found = self._assessing.of_split(watched.bound.get("X"), train, test)
            watched.findings = found
            self._measurements.found(watched.opened, found)

    def look(self, watched: Watched, train: Any, test: Any) -> None:
        """Hold the first split against what the data was made from."""
        if watched.looked or not self._assessing.is_on:
            return
        watched.looked = True
        given = watched.bound.get("X"), watched.bound.get("y")
        self._measurements.found(
            watched.opened, self._assessing.of_first_split(*given, train, test)
        )

    # -- what comes in ------------------------------------------------------------------------

    def evaluated(
        self, watched: Watched, place: int, result: Any, warnings: Sequence[Noted]
    ) -> None:
        """A task of the loop finished."""
        with self.failsafe.guard("record a split"):
            found: list[Split] = []
            if watched.function == IMPORTANCE:
                found = [Split(permuted_scores(result, watched.scorer))]
            elif watched.function != "cross_val_predict":  # whose tasks return predictions
                if watched.function == "cross_val_score":
                    result = with_single_score(result)
                found = splits_of(result, watched.scorer, watched.failed)
            numbers = [
                measured
                for step, split in enumerate(found, place * len(found))
                for measured in add_split(watched, step, split)
            ]
            score = found[-1].score if found and watched.function != IMPORTANCE else None
            watched.bar.advance(score)
            watched.stream.add(numbers, watched.bar.progress, noted(place, result, warnings))

    def _close(self, watched: Watched, result: Any) -> None:
        watched.stream.close()
        mean = f"mean_test_{watched.scorer}"
        numbers: list[Measured] = []
        tables: dict[str, Table] = {}
        varied: tuple[Any, ...] = ()
        if watched.function in _CURVES:
            curve = Curve.of(watched.function, watched.bound, result)
            numbers, tables["curve"] = curve.numbers(), curve.table()
            varied = (curve.varied, curve.points)
        elif watched.function == "permutation_test_score":
            score, permuted, pvalue = result
            # scikit-learn's `score` is the mean over the splits, without permutation.
            numbers = [(mean, float(score), None), ("pvalue", float(pvalue), None)]
            numbers += summary(watched.splits.values())
            tables["permutations"] = Table(
                [f"permutation_{watched.scorer}"], [[float(value)] for value in permuted]
            )
        elif watched.function == IMPORTANCE:
            importances = Importances.of(features(watched.bound), result)
            numbers, tables = importances.numbers(), importances.tables()
        else:
            numbers = summary(watched.splits.values())
        if watched.splits:
            tables["splits"] = split_table(watched.splits, *varied)
        if (errors := error_table(watched.splits)) is not None:
            tables["fit_errors"] = errors
        # As many as there were; before that it may have been a guess.
        watched.bar.expect(watched.bar.progress.finished or watched.bar.progress.total)
        tags = watched.rows.tags()
        if unset := watched.overview.unset_seeds(drew=watched.drew):
            tags[UNSEEDED_TAG] = unset
        self._measurements.close(watched.opened, numbers, tables, watched.bar.progress, tags)
        self._link(watched, result)

    def _link(self, watched: Watched, result: Any) -> None:
        """What is computed later from what came out of this run belongs to it."""
        if watched.function == "cross_val_predict":
            link = self._measurements.link_of(watched.opened)
            data = reference(watched.bound.get("X"))
            self._lineage.predicted_in(link, data, result, part=OUT_OF_FOLD)
        elif watched.function == "cross_validate":
            link = self._measurements.link_of(watched.opened, scope="estimator")
            for model in result.get("estimator", ()):
                link_parts(model, link)


class _Splits(Listener, Loop):
    """Listens to the loop of a validation function."""

    def __init__(self, hook: ValidationHook, watched: Watched) -> None:
        self._hook = hook
        self._watched = watched
        self._predictions = LoopPredictions(watched.predictions, hook.failsafe)
        if watched.function != "cross_val_predict":  # whose tasks return predictions
            self.keeper = self._predictions.keeper

    def begins(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Loop | None:
        """Whether it is the function's own loop, and not one of a fit or prediction before it."""
        estimator, X = self._watched.bound["estimator"], self._watched.bound.get("X")
        own = True
        if self._watched.function == IMPORTANCE:
            own = bool(args) and args[0] is estimator
        elif self._watched.function == "permutation_test_score":
            own = len(args) > 1 and type(args[0]) is type(estimator)
            own = own and row_count(args[1]) == row_count(X)
        return self if own else None

    def created(self, place: int, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Take the rows that a task is about."""
        function = self._watched.function
        named = "test" in kwargs  # by place in `cross_val_predict`
        if function in _PREDICTING or (function in _CURVES and named):
            with self._hook.failsafe.guard("note the rows of a split"):
                train, test = (kwargs["train"], kwargs["test"]) if named else args[3:5]
                self._hook.look(self._watched, train, test)
                if function in _OF_SPLITS:
                    self._hook.split(self._watched, place, train, test)
                if function in _PREDICTING:
                    self._predictions.expect(place, place, test)

    def kept(self, place: int, value: Any) -> None:
        """Keep what a task predicted."""
        self._predictions.add(place, value)

    def drew(self, place: int) -> None:
        """Note that a task drew from the global random generator."""
        self._watched.drew = True

    def finished(self, place: int, result: Any, notes: Sequence[Noted]) -> None:
        """Take what a task returned."""
        if self._watched.function == "cross_val_predict":
            self._predictions.add(place, out_of_fold(self._watched.bound, result))
        self._predictions.miss(place)
        self._hook.evaluated(self._watched, place, result, notes)
