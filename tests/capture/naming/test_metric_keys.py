"""One quantity has one key, whichever function computed it; a single split's score has its own."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, make_classification
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, f1_score, fbeta_score, make_scorer, mean_squared_error
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    train_test_split,
    validation_curve,
)
from sklearn.tree import DecisionTreeClassifier

import autotrack
from autotrack.analysis.selection import corrected_pvalue
from autotrack.capture.naming.scorer_names import scorer_name

X, y = load_diabetes(return_X_y=True)
LOSS = "neg_mean_squared_error"
CALLS = {
    "cross_val_score": lambda **given: cross_val_score(Ridge(), X, y, **given),
    "cross_validate": lambda **given: cross_validate(
        Ridge(), X, y, return_train_score=True, **given
    ),
    "learning_curve": lambda **given: learning_curve(Ridge(), X, y, **given),
    "validation_curve": lambda **given: validation_curve(
        Ridge(), X, y, param_name="alpha", param_range=[0.1, 1], **given
    ),
    "permutation_test_score": lambda **given: permutation_test_score(
        Ridge(), X, y, n_permutations=2, **given
    ),
}


@pytest.fixture(autouse=True)
def tracking():
    with autotrack.enable(log_models=False, progress=False):
        yield


def search(**given):
    GridSearchCV(Ridge(), {"alpha": [0.1, 1]}, return_train_score=True, **given).fit(X, y)
    return autotrack.last_run()


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("scoring", "name"),
    [
        (None, "score"),
        (LOSS, LOSS),
        (make_scorer(mean_squared_error, greater_is_better=False), LOSS),
        (make_scorer(mean_squared_error), "mean_squared_error"),
    ],
)
def test_the_key_of_a_score_names_the_scorer(call, scoring, name):
    CALLS[call](scoring=scoring)
    metrics = autotrack.last_run().metrics
    scores = {key for key in metrics if key.startswith("mean_test_")}
    assert scores == {f"mean_test_{name}"}
    # What hold-out scores are called: theirs alone.
    assert not [key for key in metrics if key.startswith(("test_", "train_"))]


def test_the_candidates_of_a_search_have_the_keys_of_a_validation():
    run = search(scoring=LOSS)
    cross_validate(Ridge(alpha=1), X, y, scoring=LOSS, return_train_score=True)
    validation = autotrack.last_run().metrics
    found = run.children()
    shared = [key for key in validation if not key.endswith("_time")]
    assert {f"metrics.{key}" for key in shared} < set(found)
    assert found[f"metrics.rank_test_{LOSS}"].tolist() == [1, 2]
    row = found[found["params.alpha"] == 1].iloc[0]
    assert {key: row[f"metrics.{key}"] for key in shared} == {k: validation[k] for k in shared}
    assert run.leaderboard(LOSS)["mean"].tolist() == run.leaderboard()["mean"].tolist()


def test_a_permutation_test_has_the_mean_that_cross_validation_has():
    score, permuted, _ = permutation_test_score(Ridge(), X, y, scoring=LOSS, n_permutations=3)
    run = autotrack.last_run()
    assert run.metrics[f"mean_test_{LOSS}"] == score
    history = autotrack.metric_history(run.run_id, f"permutation_{LOSS}")
    assert sorted(history["value"]) == sorted(permuted)


def test_the_luck_of_a_last_split_is_never_the_best_hold_out_score():
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=3)
    model = Ridge(alpha=0.1).fit(X_train, y_train)
    held_out, fitted = model.score(X_test, y_test), autotrack.last_run()
    scores = cross_val_score(Ridge(0.5), X, y, cv=KFold(10, shuffle=True, random_state=6))
    validation = autotrack.last_run()
    assert scores[-1] > held_out
    assert autotrack.best_run("test_score").run_id == fitted.run_id
    history = autotrack.metric_history(validation.run_id, "split_test_score")
    assert history["value"].tolist() == scores.tolist()
    assert validation.metrics["mean_test_score"] == scores.mean()


def test_a_search_of_one_scorer_is_ranked_by_it_while_its_name_may_be_left_out():
    run = search(scoring=make_scorer(mean_squared_error, greater_is_better=False))
    assert set(run.leaderboard("score")["run_id"]) == set(run.leaderboard()["run_id"])
    assert run.metrics["best_score"] == run.leaderboard()["mean"].max()


def own(model, X, y):
    return 0.5


@pytest.mark.parametrize(
    ("scoring", "name"),
    [
        (None, "score"),
        ("accuracy", "accuracy"),
        (make_scorer(accuracy_score), "accuracy"),
        (make_scorer(fbeta_score, beta=2), "fbeta_score_beta_2"),
        (make_scorer(fbeta_score, beta=0.5), "fbeta_score_beta_0.5"),
        (make_scorer(f1_score, average="macro"), "f1_macro"),
        (make_scorer(f1_score), "f1"),
        (own, "own"),
        (partial(own), "own"),
        (lambda model, X, y: 1.0, "lambda"),
    ],
)
def test_a_scorer_has_one_name_however_it_is_given(scoring, name):
    assert scorer_name(scoring) == name


# -- failed fits and scores whose names only the function knows ------------------------------------

CX, cy = make_classification(90, 4, random_state=0)


class Picky(DecisionTreeClassifier):
    """Refuses what begins with a positive number; with `never`, everything."""

    def __init__(self, max_depth=None, never=False):
        super().__init__(max_depth=max_depth)
        self.never = never

    def fit(self, X, y):
        if X[0, 0] > 0 or self.never:
            raise ValueError("not this split")
        return super().fit(X, y)


def both(model, X, y):
    predicted = model.predict(X)
    return {"acc": accuracy_score(y, predicted), "f1": f1_score(y, predicted)}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores:UserWarning")
@pytest.mark.parametrize("error_score", [0.0, -1.5, np.nan])
@pytest.mark.parametrize("seed", [0, 1])  # the first split fails, or does not
def test_failed_fits_count_in_the_means_of_a_callable_as_scikit_learn_counts_them(
    error_score, seed
):
    cv = ShuffleSplit(6, random_state=seed)
    given = {"scoring": both, "cv": cv, "error_score": error_score, "return_train_score": True}
    results = cross_validate(Picky(), CX, cy, **given)
    run = autotrack.last_run()
    for key in ("test_acc", "test_f1", "train_acc", "train_f1"):
        np.testing.assert_equal(run.metrics[f"mean_{key}"], results[key].mean())
        np.testing.assert_equal(run.metrics[f"std_{key}"], results[key].std())
        history = autotrack.metric_history(run.run_id, f"split_{key}").sort_values("step")
        np.testing.assert_equal(history["value"].to_numpy(), results[key])
    assert not any("both" in key or key.endswith("_") for key in run.metrics)

    grid = {"max_depth": [1, 2], "never": [True, False]}
    tried = GridSearchCV(Picky(), grid, refit=False, **given).fit(CX, cy).cv_results_
    found = autotrack.last_run().children().sort_values("metrics.index")
    for key in ("mean_test_acc", "std_test_f1", "mean_train_acc"):
        np.testing.assert_equal(found[f"metrics.{key}"].to_numpy(), tried[key])
    for number, run_id in enumerate(found["run_id"]):
        history = autotrack.metric_history(run_id, "split_test_f1").sort_values("step")
        each = [tried[f"split{split}_test_f1"][number] for split in range(6)]
        np.testing.assert_equal(history["value"].to_numpy(), each)


# -- the corrected resampled t-test ---------------------------------------------------------------


def test_the_correction_takes_the_mean_of_unequal_splits():
    folds = np.repeat([0, 1, 2, 3], [50, 15, 15, 10])
    found = GridSearchCV(
        DecisionTreeClassifier(random_state=0), {"max_depth": [1, 6]}, cv=PredefinedSplit(folds)
    ).fit(CX, cy)
    scores = [[found.cv_results_[f"split{i}_test_score"][c] for i in range(4)] for c in (0, 1)]
    differences = np.subtract(*scores)
    share = np.mean([n / (90 - n) for n in (50, 15, 15, 10)])
    t = differences.mean() / math.sqrt((1 / 4 + share) * differences.var(ddof=1))
    stats = pytest.importorskip("scipy.stats")
    board = autotrack.last_run().leaderboard()
    assert board["p_value"].iloc[1] == pytest.approx(2 * stats.t.sf(abs(t), 3))
    assert corrected_pvalue(differences, share) == pytest.approx(board["p_value"].iloc[1])
    assert isinstance(board, pd.DataFrame)
