"""Searches: one run, a child for each candidate, and every evaluation as it finishes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sklearn.model_selection._search import BaseSearchCV

from autotrack.analysis.names import UNSEEDED_TAG
from autotrack.capture.assessing import Assessing
from autotrack.capture.call import Call
from autotrack.capture.hooks.callbacks import MonitorHook
from autotrack.capture.hooks.fit_describer import FitDescriber
from autotrack.capture.hooks.search_loops import CandidateLoop, Evaluations
from autotrack.capture.naming.data_names import Scoring
from autotrack.capture.naming.scorer_names import names_its_scores, scorer_name
from autotrack.capture.parallel.joblib_loop import Listener, Loop, listening
from autotrack.capture.parallel.task_warnings import Noted
from autotrack.capture.results import cv_results
from autotrack.capture.results.evaluation import candidate_name, measured, noted, readable
from autotrack.capture.results.reached_code import Overview, look_over
from autotrack.capture.results.search_identity import (
    identity,
    search_identity,
)
from autotrack.describe.estimator import deep_params, storable, summary
from autotrack.describe.parts import attribute, has, held_by
from autotrack.failsafe import Failsafe
from autotrack.lineage.tracker import reference
from autotrack.lineage.training_rows import TRAIN
from autotrack.progress.bar import ProgressBar, progress_bar
from autotrack.runtime.in_between import in_between
from autotrack.settings import Settings
from autotrack.tracking.evaluations.evaluation_run import Measurements
from autotrack.tracking.evaluations.resume import Evaluation, SearchIdentity
from autotrack.tracking.evaluations.search_run import CandidateFacts, SearchResult, Sweep
from autotrack.tracking.facts import ScoreFacts
from autotrack.tracking.kept.asked import is_asked
from autotrack.tracking.kept.writer import PredictionWriter
from autotrack.tracking.model_links import links
from autotrack.tracking.recording.recorder import Recorder

_NO_MODEL = "the search refitted no best estimator (refit=False)"


class SearchHook:
    """Records the fit of a search.

    What it tries runs in a loop over candidates and splits, each task of which says which of them
    it is. A search that does not derive from scikit-learn's may evaluate its candidates one by
    one with `cross_validate`: each of these loops is a candidate, whose params are those of the
    estimator in it. Where nothing can be followed, the results are read when it is done.
    """

    def __init__(
        self,
        settings: Settings,
        recorder: Recorder,
        scoring: Scoring,
        monitors: MonitorHook,
        describer: FitDescriber,
        failsafe: Failsafe,
        assessing: Assessing,
    ) -> None:
        self._assessing = assessing
        self._describer = describer
        self._settings = settings
        self._recorder = recorder
        self._scoring = scoring
        self._failsafe = failsafe
        self._monitors = monitors

    @staticmethod
    def takes(estimator: object) -> bool:
        """Whether `estimator` is a search: scikit-learn's, or what gives the same results."""
        if isinstance(estimator, BaseSearchCV):
            return True
        kind = type(estimator)
        return hasattr(kind, "best_params_") and hasattr(kind, "cv_results_")

    @in_between
    def on_search(self, call: Call) -> Any:
        """Record one ``fit``."""
        watched = self._open(call)
        if watched is None:
            return call.make()
        try:
            watched.bar.open()
            following = self._monitors.following(call.estimator, watched.sweep.opened)
            with following, listening(watched, everywhere=watched.is_foreign):
                result = call.make()
        except BaseException as error:
            watched.close_predictions()
            with self._failsafe.guard("record a failed search"):
                watched.sweep.fail(error, watched.culprit)
            raise
        finally:
            watched.bar.end(None)
            watched.bar.close()
        watched.close_predictions()
        with self._failsafe.guard("record a search"):
            self._close(watched, call.X, call.y)
        return result

    def _open(self, call: Call) -> WatchedSearch | None:
        with self._failsafe.guard("record a search"):
            search, overview = call.estimator, look_over(call.estimator)
            facts = self._describer.facts(call, overview)
            name = f"{type(search).__name__}: {summary(attribute(search, 'estimator'))}"
            facts = replace(facts, name=name, params=readable(facts.params, search))
            alike = self._search_identity(search, name, call)
            sweep = Sweep(self._recorder, facts, cv_results.rank_by(search), alike)
            bar = progress_bar(
                name,
                setting=self._settings.progress,
                failsafe=self._failsafe,
                unit="evaluations",
                summary="best",
                estimator=search,
            )
            watched = WatchedSearch(search, sweep, bar, self._failsafe, overview)
            if self._assessing.is_on:
                watched.look = self._looking(call, sweep)
            if is_asked(self._settings):
                with self._failsafe.guard("keep the predictions of a search"):
                    watched.keep_predictions(self._recorder, call)
            return watched
        return None

    def _looking(self, call: Call, sweep: Sweep) -> Callable[[Any, Any], None]:
        """What holds the first split against what the data of the search was made from."""

        def look(train: Any, test: Any) -> None:
            found = self._assessing.of_first_split(call.X, call.y, train, test)
            Measurements(self._recorder).found(sweep.opened, found)

        return look

    def _search_identity(self, search: Any, name: str, call: Call) -> SearchIdentity | None:
        if not isinstance(search, BaseSearchCV):
            return None  # its next candidates depend on those before
        further: dict[str, Any] = {k: v for k, v in call.kwargs.items() if k not in ("X", "y")}
        further |= {str(n): value for n, value in enumerate(call.args[3:])}
        resume = self._settings.resume
        with self._failsafe.guard("tell a search from others"):
            key = resume if isinstance(resume, str) else ""
            return search_identity(search, name, call.X, call.y, further, key)
        return None

    def _close(self, watched: WatchedSearch, X: object, y: object) -> None:
        search, sweep = watched.search, watched.sweep
        if not sweep.means:
            with self._failsafe.guard("read the results of a search"):
                watched.read_results()
        self._recorder.link(sweep.opened, search, reference(X))
        if self._settings.training_score and has(search, "score"):
            with self._failsafe.guard("score a search on its training data"):
                self._score_on_training_data(search, X, y)
        params, numbers = cv_results.best(search, self._failsafe)
        model = attribute(search, "best_estimator_")
        tags = {} if model is not None else {"autotrack.crate_error": _NO_MODEL}
        if unset := watched.overview.unset_seeds(drew=bool(watched.drew)):
            tags[UNSEEDED_TAG] = unset
        result = SearchResult(
            params,
            numbers,
            cv_results.ranks(search, sweep.means, self._failsafe),
            cv_results.tables(search, self._failsafe),
            tags,
        )
        stitched = self._describer.stitched
        whole = None if model is None else stitched(sweep.opened.facts, model, X)
        sweep.close(result, model, X, whole)
        if self._assessing.is_on:
            found = self._assessing.of_fit(search)
            Measurements(self._recorder).found(sweep.opened, found)

    def _score_on_training_data(self, search: Any, X: object, y: object) -> None:
        link, value = links.get(search), {"score": float(search.score(X, y))}
        name, use = self._scoring.data(link, X, y, TRAIN)
        self._recorder.score(link, ScoreFacts(name, value, data=use))


class WatchedSearch(Listener):
    """A search under way."""

    def __init__(
        self,
        search: Any,
        sweep: Sweep,
        bar: ProgressBar,
        failsafe: Failsafe,
        overview: Overview,
    ) -> None:
        self.search = search
        self.overview = overview
        self.sweep = sweep
        self.bar = bar
        self.failsafe = failsafe
        #: Whether its loops are not those of scikit-learn's searches.
        self.is_foreign = not isinstance(search, BaseSearchCV)
        #: The candidate whose evaluation raised.
        self.culprit: int | None = None
        scoring = attribute(search, "scoring")
        #: What a score without a name is called.
        self.scorer = scorer_name(scoring)
        self._failed = "" if names_its_scores(scoring) else None
        #: Candidate and split of the evaluations that drew from the global random generator.
        self.drew: set[tuple[int, int]] = set()
        self._candidates = self._loops = 0
        self._lock = threading.Lock()
        self._best_before = self._best()
        #: Writes the predictions of the evaluations, if that is asked for.
        self.predictions: PredictionWriter | None = None
        #: What is done with the rows of the first split.
        self.look: Callable[[Any, Any], None] | None = None

    def split(self, train: Any, test: Any) -> None:
        """A task is handed over, with the rows of its split; the first one is looked at."""
        look, self.look = self.look, None
        if look is not None:
            with self.failsafe.guard("look at the rows of a search"):
                look(train, test)

    def keep_predictions(self, recorder: Recorder, call: Call) -> None:
        """Have the evaluations keep their predictions."""
        opened = self.sweep.opened
        self.predictions = PredictionWriter(
            opened.store, opened.run_id, recorder.retry_queue, call.y, call.kwargs.get("groups")
        )

    def close_predictions(self) -> None:
        """No evaluation comes any more."""
        if self.predictions is not None:
            with self.failsafe.guard("keep the predictions of a search"):
                self.predictions.close()

    def _best(self) -> object:
        return held_by(self.search).get("best_estimator_")

    def begins(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Loop | None:
        """Who follows a loop: of candidates and splits, or of the splits of one candidate."""
        with self.failsafe.guard("record the evaluations of a search"):
            if self._best() is not self._best_before:
                return None  # the best is refitted, and may be a search itself
            if {"candidate_progress", "split_progress", "parameters"} <= kwargs.keys():
                return self._candidates_begin(kwargs)
            if self.is_foreign and "train" in kwargs and args:
                return self._candidate_begins(args[0])
        return None

    def _candidates_begin(self, kwargs: Mapping[str, Any]) -> Loop:
        candidates, splits = kwargs["candidate_progress"][1], kwargs["split_progress"][1]
        numbers, later = cv_results.halving(self.search, candidates)
        self._expect(candidates * splits, later * splits, afresh=bool(numbers))
        first, self._candidates = self._candidates, self._candidates + candidates
        self._loops += 1
        return Evaluations(self, self._loops - 1, first, splits, numbers)

    def _candidate_begins(self, estimator: Any) -> Loop | None:
        swept = attribute(self.search, "param_distributions") or {}
        if type(estimator) is not type(self.search.estimator) or not swept:
            return None
        held = deep_params(estimator)
        params = {key: held[key] for key in swept if key in held}
        with self._lock:
            number = self._candidates
            self._candidates += 1
            wanted = attribute(self.search, "n_trials")
            if number == 0 and isinstance(wanted, int):
                self._expect(wanted * self.search.n_splits_, 0, afresh=False)
        return CandidateLoop(self, number, params, self.search.n_splits_)

    def _expect(self, evaluations: int, later: int, *, afresh: bool) -> None:
        self.bar.expect(self.sweep.begin(evaluations, later=later, afresh=afresh))

    def create(
        self,
        number: int,
        params: Mapping[str, Any],
        splits: int,
        numbers: Mapping[str, float],
        loop: int = 0,
    ) -> str:
        """A candidate is handed over; the digest of its params."""
        kept = {key: storable(value) for key, value in params.items()}
        digest = identity(params)
        facts = CandidateFacts(candidate_name(kept), kept, f"{digest}:{loop}", numbers)
        self.sweep.create(number, facts, splits)
        return digest

    def finish(self, number: int, split: int, result: Any, notes: Sequence[Noted]) -> None:
        """An evaluation finished."""
        drew = (number, split) in self.drew
        told = noted(split, result, notes)
        numbers = measured(result, self.scorer, self._failed)
        mean = self.sweep.finish(number, split, numbers, told, drew=drew)
        self.bar.advance(mean, reused=False)

    def reuse(self, number: int, split: int, known: Evaluation) -> None:
        """An evaluation need not be computed again."""
        notes = [replace(note, split=split) for note in known.notes]
        self.sweep.reuse(number, split, known, notes)
        self.bar.advance(self.sweep.means.get(number), reused=True)

    def read_results(self) -> None:
        """Nothing was followed: take what the search says when it is done."""
        for number, (params, splits) in enumerate(cv_results.trials(self.search)):
            self.create(number, params, len(splits), {})
            for split, numbers in enumerate(splits):
                self.sweep.finish(number, split, numbers, ())
