"""Searches: one run, a candidate for each combination, every evaluation."""

from __future__ import annotations

import pickle
import re
import time
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.stats import randint, uniform
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    ParameterGrid,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.model_selection._search import BaseSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import autotrack
from tests.looking import history, only_run, runs
from tests.waiting import wait_until

X, y = load_iris(return_X_y=True)
C = "logisticregression__C"


def model():
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))


def grid(**options):
    return GridSearchCV(model(), {C: [0.01, 1, 100]}, cv=3, **options)


def found():
    """The search run, and its candidates in the order of ``cv_results_``."""
    run = next(run for run in runs() if run.kind == "search")
    return run, run.children().sort_values("metrics.index").reset_index(drop=True)


@pytest.fixture
def tracking():
    with autotrack.enable(log_models=False) as session:
        yield session


def test_a_grid_search_is_one_run_with_a_candidate_for_each_combination(tracking):
    search = grid(scoring="accuracy").fit(X, y)

    run, candidates = found()
    assert (run.kind, run.status, run.parent_id) == ("search", "FINISHED", None)
    assert run.name == "GridSearchCV: StandardScaler > LogisticRegression"
    assert len(autotrack.search_runs()) == 1
    assert run.params == {
        "scoring": "accuracy",
        "cv": 3,
        f"param_grid__{C}": [0.01, 1, 100],
        "estimator": "Pipeline",
        "estimator__standardscaler": "StandardScaler",
        "estimator__logisticregression": "LogisticRegression",
        "estimator__logisticregression__max_iter": 200,
        f"best_{C}": search.best_params_[C],
    }
    assert set(candidates["kind"]) == {"candidate"}
    assert set(candidates["status"]) == {"FINISHED"}
    assert candidates[f"params.{C}"].tolist() == [0.01, 1, 100]
    assert candidates["name"].tolist() == [f"{C}=0.01", f"{C}=1", f"{C}=100"]
    types = [type(autotrack.get_run(i).params[C]) for i in candidates["run_id"]]
    assert types == [float, int, int]
    assert run.metrics["best_score"] == search.best_score_
    assert run.metrics["best_index"] == search.best_index_
    (use,) = run.datasets
    assert (use.context, use.name, use.data.shape) == ("train", "X", (150, 4))


def test_every_split_is_kept_and_summed_up_as_in_cv_results(tracking):
    search = grid(return_train_score=True).fit(X, y)

    results = search.cv_results_
    _, candidates = found()
    for number, run_id in enumerate(candidates["run_id"]):
        run = autotrack.get_run(run_id)
        for key in ("test_score", "train_score"):
            assert history(run, f"split_{key}") == [
                results[f"split{s}_{key}"][number] for s in range(3)
            ]
        assert len(history(run, "fit_time")) == len(history(run, "score_time")) == 3
        splits = np.array(history(run, "split_test_score"))
        assert run.metrics["se_test_score"] == pytest.approx(splits.std(ddof=1) / np.sqrt(3))
    keys = ["mean_test_score", "std_test_score", "mean_train_score", "std_train_score"]
    for key in [*keys, "mean_fit_time", "mean_score_time"]:
        assert candidates[f"metrics.{key}"].tolist() == results[key].tolist(), key
    assert candidates["metrics.rank_test_score"].tolist() == results["rank_test_score"].tolist()


def test_more_splits_than_numpy_adds_one_by_one_are_summed_up_alike(tracking):
    search = GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 0.1]}, cv=12).fit(X, y)

    _, candidates = found()
    for key in ("mean_test_score", "std_test_score"):
        assert candidates[f"metrics.{key}"].tolist() == pytest.approx(
            search.cv_results_[key].tolist(), rel=1e-15
        )


def test_the_results_are_kept_as_a_table(tracking, tmp_path):
    search = grid().fit(X, y)

    path = autotrack.download_artifact(only_search().run_id, "cv_results.csv", to=tmp_path)
    table = pd.read_csv(path)
    expected = pd.DataFrame(search.cv_results_).drop(columns="params")
    assert table.columns.tolist() == expected.columns.tolist()
    np.testing.assert_allclose(table.to_numpy(), expected.to_numpy().astype(float))


def only_search():
    return found()[0]


def test_params_that_only_some_candidates_have_are_theirs_alone(tracking, tmp_path):
    grids = [{"max_depth": [1, None]}, {"min_samples_leaf": [5], "max_depth": [3]}]
    GridSearchCV(DecisionTreeClassifier(random_state=0), grids, cv=2).fit(X, y)

    run, candidates = found()
    assert run.params["param_grid__0__max_depth"] == [1, None]
    assert run.params["param_grid__1__min_samples_leaf"] == [5]
    params = [autotrack.get_run(run_id).params for run_id in candidates["run_id"]]
    assert params == [
        {"max_depth": 1},
        {"max_depth": None},
        {"max_depth": 3, "min_samples_leaf": 5},
    ]
    table = pd.read_csv(autotrack.download_artifact(run.run_id, "cv_results.csv", to=tmp_path))
    assert table["param_min_samples_leaf"].isna().tolist() == [True, True, False]


def test_distributions_can_be_read(tracking):
    swept = {"C": uniform(0, 10), "penalty": ["l2", None], "max_iter": randint(100, high=200)}
    search = RandomizedSearchCV(LogisticRegression(), swept, n_iter=4, cv=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(X, y)

    run, candidates = found()
    assert run.params["param_distributions__C"] == "uniform(0, 10)"
    assert run.params["param_distributions__max_iter"] == "randint(100, high=200)"
    assert run.params["param_distributions__penalty"] == ["l2", None]
    assert run.params["n_iter"] == 4
    expected = [params["C"] for params in search.cv_results_["params"]]
    assert candidates["params.C"].tolist() == expected
    assert candidates["params.max_iter"].dtype == "int64"


@pytest.mark.parametrize("kind", [HalvingGridSearchCV, HalvingRandomSearchCV])
def test_a_halving_search_has_its_rounds_and_resources(tracking, kind):
    swept = {"max_depth": [1, 2, 3], "min_samples_leaf": [1, 2, 5]}
    options = {"n_candidates": 9} if kind is HalvingRandomSearchCV else {}
    search = kind(
        DecisionTreeClassifier(random_state=0), swept, cv=2, random_state=0, factor=3, **options
    ).fit(X, y)

    run, candidates = found()
    results = search.cv_results_
    assert len(set(results["iter"])) > 1
    for key in ("iter", "n_resources", "mean_test_score", "rank_test_score"):
        assert candidates[f"metrics.{key}"].tolist() == results[key].tolist(), key
    assert run.metrics["best_score"] == search.best_score_
    assert run.metrics["best_index"] == search.best_index_
    assert (
        run.tags["autotrack.progress"]
        == f"{2 * len(candidates)} of {2 * len(candidates)} evaluations"
    )


def test_a_halving_search_knows_from_the_start_how_much_there_is_to_do(tracking):
    totals = []

    class Watched(GaussianNB):
        def fit(self, X, y):
            seen = autotrack.search_runs(where="kind = 'search'")
            totals.extend(seen.get("tags.autotrack.progress", []))
            return super().fit(X, y)

    search = HalvingGridSearchCV(
        Watched(), {"var_smoothing": np.logspace(-9, 0, 9)}, cv=2, factor=3, random_state=0
    ).fit(X, y)

    evaluations = 2 * len(search.cv_results_["params"])
    seen = {text.split(" of ")[1] for text in totals if text}
    assert seen == {f"{evaluations} evaluations"}


class Everything(BaseSearchCV):
    """A search of somebody's own: all of the first grid, then all of the second."""

    def __init__(self, estimator, first, second, *, cv=None):
        super().__init__(estimator, cv=cv)
        self.first = first
        self.second = second

    def _run_search(self, evaluate_candidates):
        evaluate_candidates(ParameterGrid(self.first))
        evaluate_candidates(ParameterGrid(self.second))


def test_a_search_of_somebodys_own_is_recorded_like_any_other(tracking):
    search = Everything(
        GaussianNB(), {"var_smoothing": [1e-9]}, {"var_smoothing": [0.1, 1.0]}, cv=2
    )
    search.fit(X, y)

    run, candidates = found()
    assert run.name == "Everything: GaussianNB"
    assert candidates["params.var_smoothing"].tolist() == [1e-9, 0.1, 1.0]
    key = "mean_test_score"
    assert candidates[f"metrics.{key}"].tolist() == search.cv_results_[key].tolist()
    assert run.params["best_var_smoothing"] == search.best_params_["var_smoothing"]


def test_several_metrics_are_all_kept_and_ranked(tracking):
    scoring = {"acc": "accuracy", "f1": make_scorer(f1_score, average="macro")}
    search = grid(scoring=scoring, refit="f1").fit(X, y)

    run, candidates = found()
    for key in ("mean_test_acc", "mean_test_f1", "rank_test_acc", "rank_test_f1"):
        assert candidates[f"metrics.{key}"].tolist() == search.cv_results_[key].tolist()
    assert run.metrics["best_score"] == search.best_score_


def test_a_function_may_choose_the_best(tracking):
    search = grid(refit=lambda results: 2).fit(X, y)

    run = only_search()
    assert run.metrics["best_index"] == 2
    assert run.metrics["best_score"] == search.cv_results_["mean_test_score"][2]
    assert run.params[f"best_{C}"] == 100


def test_the_refitted_best_estimator_is_the_crate():
    with autotrack.enable():
        search = grid().fit(X, y)
        run = autotrack.last_run()
        assert run.kind == "search"
        crate = run.load_model()
        assert type(crate.estimator) is type(search.best_estimator_)
        assert (crate.predict(X) == search.predict(X)).all()


def test_without_a_refit_there_is_no_crate_and_the_run_says_why():
    with autotrack.enable():
        search = grid(refit=False).fit(X, y)
        run = autotrack.last_run()
        assert run.status == "FINISHED"
        assert run.metrics["best_score"] == search.best_score_
        with pytest.raises(autotrack.ArtifactNotFoundError, match="refit=False"):
            run.load_model()


def test_a_search_without_a_best_one_is_recorded_all_the_same(tracking):
    grid(scoring=["accuracy", "f1_macro"], refit=False).fit(X, y)

    run, candidates = found()
    assert run.status == "FINISHED"
    assert len(candidates) == 3
    assert run.metrics == {}


def test_scores_of_the_search_and_of_its_best_estimator_reach_its_run(tracking):
    search = grid().fit(X[::2], y[::2])
    X_val, y_val = X[1::2], y[1::2]
    accuracy = accuracy_score(y_val, search.predict(X_val))
    f1 = f1_score(y_val, search.best_estimator_.predict(X_val), average="macro")
    score = search.score(X_val, y_val)

    metrics = only_search().metrics
    assert metrics["val_accuracy_score"] == accuracy
    assert metrics["val_f1_score_macro"] == f1
    assert metrics["val_score"] == score


def test_the_training_score_is_kept_where_it_is_wanted():
    with autotrack.enable(log_models=False, training_score=True):
        search = grid().fit(X, y)
        assert autotrack.last_run().metrics["train_score"] == search.score(X, y)


def test_inside_a_run_it_is_a_child(tracking):
    with autotrack.start_run() as parent:
        grid().fit(X, y)
        grid().fit(X, y)

    assert parent.children()["kind"].tolist() == ["search", "search"]
    assert parent.params == {}


@pytest.mark.parametrize("backend", ["sequential", "threading", "loky", "multiprocessing"])
def test_the_same_comes_out_on_every_backend(backend):
    bare = grid(return_train_score=True).fit(X, y).cv_results_
    autotrack.enable(log_models=False)
    with joblib.parallel_config("loky" if backend == "sequential" else backend):
        jobs = None if backend == "sequential" else 2
        search = grid(return_train_score=True, n_jobs=jobs).fit(X, y)

    assert list(search.cv_results_) == list(bare)
    for key, values in bare.items():
        if not key.endswith("_time"):
            np.testing.assert_array_equal(search.cv_results_[key], values)
    _, candidates = found()
    assert candidates["metrics.mean_test_score"].tolist() == bare["mean_test_score"].tolist()
    assert set(candidates["status"]) == {"FINISHED"}


def test_a_fitted_search_pickles_and_clones_as_before(tracking):
    search = grid().fit(X, y)

    again = pickle.loads(pickle.dumps(search))
    assert (again.predict(X) == search.predict(X)).all()
    assert vars(again).keys() == vars(search).keys()
    assert clone(search).get_params()[f"estimator__{C}"] == 1.0


# -- what is nested is silent -----------------------------------------------------------------


def test_a_search_in_a_search_is_silent(tracking):
    inner = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, cv=2)
    GridSearchCV(inner, {"estimator__min_samples_leaf": [1, 5]}, cv=2).fit(X, y)

    run, candidates = found()
    assert len(runs()) == 3
    assert candidates["params.estimator__min_samples_leaf"].tolist() == [1, 5]
    assert run.tags["autotrack.progress"] == "4 of 4 evaluations"


def test_a_search_in_a_validation_is_silent(tracking):
    cross_val_score(grid(), X, y, cv=2)

    assert only_run().kind == "validation"


def test_a_search_as_a_step_of_a_pipeline_is_part_of_its_fit(tracking):
    make_pipeline(StandardScaler(), GridSearchCV(GaussianNB(), {"var_smoothing": [1, 2]})).fit(X, y)

    assert only_run().kind == "fit"


def test_the_loops_of_a_candidate_are_not_taken_for_the_search(tracking):
    forest = RandomForestClassifier(5, n_jobs=2, random_state=0)
    GridSearchCV(forest, {"max_depth": [1, 2]}, cv=2).fit(X, y)

    run, candidates = found()
    assert len(candidates) == 2
    assert run.tags["autotrack.progress"] == "4 of 4 evaluations"


def test_estimators_may_be_swept(tracking):
    pipe = make_pipeline(StandardScaler(), LogisticRegression())
    grids = {"logisticregression": [GaussianNB(), LogisticRegression(C=0.5)]}
    GridSearchCV(pipe, grids, cv=2).fit(X, y)

    run, candidates = found()
    names = ["GaussianNB()", "LogisticRegression(C=0.5)"]
    assert candidates["params.logisticregression"].tolist() == names
    assert run.params["param_grid__logisticregression"] == names


# -- notes ------------------------------------------------------------------------------------


class Fussy(ClassifierMixin, BaseEstimator):
    """Complains, or refuses, as it is told."""

    def __init__(self, warn=False, refuse=()):
        self.warn = warn
        self.refuse = refuse

    def fit(self, X, y):
        if self.warn:
            warnings.warn("this may go wrong", RuntimeWarning, stacklevel=1)
        if round(float(X.sum())) in self.refuse:
            time.sleep(0.3)  # joblib drops what came in together with an error
            raise ValueError("not with\nthat one")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def sums(cv):
    return [round(float(X[train].sum())) for train, _ in cv.split(X, y)]


@pytest.mark.parametrize("jobs", [None, 2])
def test_warnings_are_kept_with_their_splits_counted_and_shown_as_ever(jobs):
    search = GridSearchCV(Fussy(), {"warn": [False, True]}, cv=3, n_jobs=jobs)
    with warnings.catch_warnings(record=True) as bare:
        warnings.simplefilter("always")
        search.fit(X, y)
    autotrack.enable(log_models=False)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        search.fit(X, y)

    assert [str(w.message) for w in shown] == [str(w.message) for w in bare]
    run = only_search()
    assert run.tags["notes"] == "warn=True: RuntimeWarning in 3 of 3 splits"
    notes = run.notes()
    assert notes["name"].tolist() == ["warn=True"] * 3
    assert notes["split"].tolist() == [0, 1, 2]
    assert set(notes["kind"]) == {"warning"}
    assert set(notes["category"]) == {"RuntimeWarning"}
    assert set(notes["message"]) == {"this may go wrong"}


def test_warnings_that_the_user_does_not_want_to_see_are_kept_and_not_shown(tracking):
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("ignore")
        GridSearchCV(Fussy(), {"warn": [True]}, cv=2).fit(X, y)

    assert shown == []
    assert len(only_search().notes()) == 2


def test_warnings_that_the_user_made_errors_raise_as_ever(tracking):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        search = GridSearchCV(Fussy(), {"warn": [True, False]}, cv=2, error_score="raise")
        with pytest.raises(RuntimeWarning, match="this may go wrong"):
            search.fit(X, y)


def test_warnings_that_the_model_itself_deals_with_are_no_notes(tracking):
    class Discreet(Fussy):
        def fit(self, X, y):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return super().fit(X, y)

    GridSearchCV(Discreet(), {"warn": [True]}, cv=2).fit(X, y)

    assert only_search().notes().empty


def test_the_filters_of_warnings_are_as_they_were(tracking):
    before = list(warnings.filters)
    GridSearchCV(Fussy(), {"warn": [False]}, cv=2).fit(X, y)

    assert warnings.filters == before


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores")
@pytest.mark.parametrize("jobs", [None, 2])
def test_fits_that_fail_are_nan_and_say_why(tracking, jobs):
    cv = StratifiedKFold(3)
    all_of_them = tuple(sums(cv))
    swept = {"refuse": [(), all_of_them[:1], all_of_them]}
    search = GridSearchCV(Fussy(), swept, cv=cv, n_jobs=jobs).fit(X, y)

    run, candidates = found()
    assert run.status == "FINISHED"
    assert candidates["status"].tolist() == ["FINISHED", "FINISHED", "FAILED"]
    assert candidates["metrics.mean_test_score"].isna().tolist() == [False, True, True]
    ranks = search.cv_results_["rank_test_score"].tolist()
    assert candidates["metrics.rank_test_score"].tolist() == ranks
    failed = autotrack.get_run(candidates["run_id"][2])
    assert (failed.error.type, failed.error.message) == ("ValueError", "not with\nthat one")
    assert np.isnan(history(failed, "split_test_score")).all()
    notes = run.notes()
    assert notes["kind"].tolist() == ["error"] * 4
    assert notes["split"].tolist() == [0, 0, 1, 2]
    assert "ValueError in 3 of 3 splits" in run.tags["notes"]
    assert set(autotrack.get_run(candidates["run_id"][1]).notes()["split"]) == {0}


@pytest.mark.parametrize("backend", [None, "threading", "loky", "multiprocessing"])
def test_a_candidate_that_raises_fails_with_the_search(tracking, backend):
    cv = StratifiedKFold(3)
    swept = {"refuse": [(), tuple(sums(cv)[1:2])]}
    search = GridSearchCV(Fussy(), swept, cv=cv, error_score="raise", n_jobs=backend and 2)
    with (
        joblib.parallel_config(backend or "loky"),
        pytest.raises(ValueError, match="not with") as caught,
    ):
        search.fit(X, y)

    assert not [name for name in vars(caught.value) if "autotrack" in name]
    run, candidates = found()
    assert (run.status, run.error.message) == ("FAILED", "not with\nthat one")
    if backend != "multiprocessing":
        assert autotrack.get_run(candidates["run_id"][0]).status == "FINISHED"
    failed = autotrack.get_run(candidates["run_id"][1])
    assert failed.status == "FAILED"
    assert failed.error.message == "not with\nthat one"


def test_a_search_that_cannot_begin_is_failed(tracking):
    search = GridSearchCV(Ridge(), {"no_such_param": [1]}, cv=2, error_score="raise")
    with pytest.raises(ValueError, match="no_such_param"):
        search.fit(X, y)

    assert only_search().status == "FAILED"


# -- while it runs ----------------------------------------------------------------------------


class Slow(DummyClassifier):
    def __init__(self, seconds=0.0, strategy="prior"):
        super().__init__(strategy=strategy)
        self.seconds = seconds

    def fit(self, X, y, sample_weight=None):
        time.sleep(self.seconds)
        return super().fit(X, y)


def test_what_is_done_and_what_is_best_so_far_can_be_seen_meanwhile(tracking):
    seen = []

    class Looking(GaussianNB):
        def fit(self, X, y):
            seen.append(wait_until(lambda: as_far_as(len(seen)), "the progress"))
            return super().fit(X, y)

    def as_far_as(done):
        row = autotrack.search_runs(where="kind = 'search'").iloc[0].to_dict()
        said = row.get("tags.autotrack.progress")
        return row if not done or said == f"{done} of 6 evaluations" else None

    search = GridSearchCV(Looking(), {"var_smoothing": [0.5, 1e-9, 0.7]}, cv=2, refit=False)
    search.fit(X, y)

    means = search.cv_results_["mean_test_score"]
    assert [row.get("tags.autotrack.progress") for row in seen[1:]] == [
        f"{n} of 6 evaluations" for n in range(1, 6)
    ]
    # Only candidates that were evaluated on all splits count.
    best = [row.get("metrics.best_score") for row in seen]
    assert best == [None, None, means[0], means[0], max(means[:2]), max(means[:2])]


def test_an_evaluation_is_in_the_store_however_long_the_next_one_takes(tracking):
    seen = []

    class Waiting(Slow):
        def fit(self, X, y, sample_weight=None):
            if self.seconds:
                seen.append(wait_until(all_others, "all others in the store"))
            return super().fit(X, y)

    def all_others():
        found = autotrack.search_runs(children=True, where="status = 'FINISHED'")
        return len(found) == 30

    swept = {"seconds": [0.0] * 30 + [1.0]}
    GridSearchCV(Waiting(), swept, cv=2, refit=False).fit(X, y)

    assert seen == [True, True]


def test_who_searches_runs_meanwhile_sees_the_time_left(tracking):
    seen = []

    class Watching(GaussianNB):
        def fit(self, X, y):
            time.sleep(0.2)
            seen.append(autotrack.search_runs(children=True, where="kind = 'search'"))
            if self.var_smoothing == 0.9:
                raise KeyboardInterrupt
            return super().fit(X, y)

    GridSearchCV(Watching(), {"var_smoothing": [0.1, 0.2, 0.3]}, cv=3, refit=False).fit(X, y)
    watched = seen[-1]
    assert re.fullmatch(r"0:0\d:\d\d", watched["tags.autotrack.time_left"][0])
    assert "autotrack.time_left" not in only_search().tags
    with pytest.raises(KeyboardInterrupt):
        GridSearchCV(Watching(), {"var_smoothing": [0.2, 0.4, 0.9]}, cv=3).fit(X, y)
    assert "autotrack.time_left" not in autotrack.last_run().tags


def test_watching_from_the_command_line_shows_the_best_candidates_first(tracking):
    from click.testing import CliRunner

    from autotrack.cli import main

    GridSearchCV(GaussianNB(), {"var_smoothing": np.logspace(2, -9, 30)}, cv=2).fit(X, y)

    run, candidates = found()
    said = CliRunner().invoke(main, ["show", run.run_id]).output
    assert "finished 60 of 60 evaluations" in said
    assert "candidates (30, the best first)" in said
    best = candidates.sort_values("metrics.mean_test_score", ascending=False, kind="stable")
    rows = said[said.index("candidates (") :].splitlines()
    listed = [row.split()[0] for row in rows if " FINISHED " in row]
    assert listed == [run_id[:8] for run_id in best["run_id"][:10]]
    assert f"best     {run.metrics['best_score']:.6g} with {best['name'].iloc[0]}" in said


# -- other people's searches ------------------------------------------------------------------


def test_dask_workers_hand_over_each_evaluation(tracking):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.Client(
            processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None
        ),
        joblib.parallel_config("dask"),
    ):
        search = grid(n_jobs=2).fit(X, y)

    run, candidates = found()
    key = "mean_test_score"
    assert candidates[f"metrics.{key}"].tolist() == search.cv_results_[key].tolist()
    assert run.tags["autotrack.progress"] == "9 of 9 evaluations"


@pytest.mark.filterwarnings("ignore:.*is experimental")
@pytest.mark.filterwarnings("ignore:Failed to report")
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_search_of_optunas_is_a_search(tracking, jobs):
    optuna = pytest.importorskip("optuna")
    integration = pytest.importorskip("optuna_integration")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    swept = {C: optuna.distributions.FloatDistribution(1e-3, 10, log=True)}
    search = integration.OptunaSearchCV(
        model(), swept, cv=3, n_trials=4, n_jobs=jobs, random_state=0, return_train_score=True
    ).fit(X, y)

    run, candidates = found()
    assert len(runs()) == 5
    assert run.name == "OptunaSearchCV: StandardScaler > LogisticRegression"
    assert run.params[f"param_distributions__{C}"].startswith("FloatDistribution(")
    assert run.params["n_trials"] == 4
    assert run.params[f"best_{C}"] == search.best_params_[C]
    assert run.metrics["best_score"] == search.best_score_
    assert run.tags["autotrack.progress"] == "12 of 12 evaluations"
    expected = {trial.params[C]: trial.value for trial in search.trials_}
    means = candidates["metrics.mean_test_score"].tolist()
    assert dict(zip(candidates[f"params.{C}"], means, strict=True)) == pytest.approx(expected)
    first = autotrack.get_run(candidates["run_id"][0])
    assert len(history(first, "split_test_score")) == len(history(first, "split_train_score")) == 3
    assert candidates["metrics.rank_test_score"].min() == 1
    assert (accuracy_score(y, search.predict(X))) == only_search().metrics["train_accuracy_score"]


@pytest.mark.filterwarnings("ignore:.*is experimental")
@pytest.mark.filterwarnings("ignore:Failed to report")
def test_a_search_that_cannot_be_heard_is_read_when_it_is_done(tracking):
    optuna = pytest.importorskip("optuna")
    integration = pytest.importorskip("optuna_integration")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    swept = {"var_smoothing": optuna.distributions.FloatDistribution(1e-9, 1, log=True)}
    search = integration.OptunaSearchCV(
        GaussianNB(), swept, cv=2, n_trials=3, enable_pruning=True, max_iter=2, random_state=0
    ).fit(X, y)

    _, candidates = found()
    assert candidates["metrics.mean_test_score"].tolist() == pytest.approx(
        [trial.user_attrs["mean_test_score"] for trial in search.trials_]
    )
