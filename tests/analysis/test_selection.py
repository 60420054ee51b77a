"""Choosing among the candidates of a search from what is stored."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import autotrack
from autotrack.analysis.statistics.comparisons import corrected_pvalue

X, y = make_classification(300, 12, n_informative=4, flip_y=0.2, random_state=0)
DEPTHS = [1, 2, 3, 4, 6, 8, 12]


@pytest.fixture
def tracking() -> Iterator[None]:
    with autotrack.enable(log_models=False):
        yield


def searched(model: Any, grid: Any, **options: Any) -> tuple[GridSearchCV, autotrack.Run]:
    search = GridSearchCV(model, grid, cv=5, **options).fit(X, y)
    run = autotrack.last_run()
    assert run is not None
    return search, run


@pytest.fixture
def depths(tracking: None) -> tuple[pd.DataFrame, autotrack.Run]:
    """The results of a search over the depth of a tree, as scikit-learn has them."""
    model = DecisionTreeClassifier(random_state=0)
    search, run = searched(model, {"max_depth": DEPTHS})
    results = pd.DataFrame(search.cv_results_)
    scores = results[[f"split{i}_test_score" for i in range(5)]].to_numpy()
    return results.assign(se=scores.std(axis=1, ddof=1) / math.sqrt(5), depth=DEPTHS), run


def test_the_best_candidate_is_that_of_the_search(
    depths: tuple[pd.DataFrame, autotrack.Run],
) -> None:
    results, run = depths
    best = results.loc[results["mean_test_score"].idxmax()]
    chosen = run.select("best")
    assert chosen.params == {"max_depth": best["depth"]}
    assert chosen.kind == "candidate"
    assert run.select().run_id == chosen.run_id


def test_one_standard_error_takes_the_simplest_that_is_good_enough(
    depths: tuple[pd.DataFrame, autotrack.Run],
) -> None:
    results, run = depths
    best = results.loc[results["mean_test_score"].idxmax()]
    good = results[results["mean_test_score"] >= best["mean_test_score"] - best["se"]]
    assert run.select("one_std_err", by="max_depth").params["max_depth"] == good["depth"].min()
    assert run.select("one_std_err", by="-max_depth").params["max_depth"] == good["depth"].max()


@pytest.mark.parametrize("limit", [0.5, 2, 5, 100])
def test_a_percentage_may_be_lost_for_a_simpler_candidate(
    depths: tuple[pd.DataFrame, autotrack.Run], limit: float
) -> None:
    results, run = depths
    best = results.loc[results["mean_test_score"].idxmax()]
    loss = (best["mean_test_score"] - results["mean_test_score"]) / best["mean_test_score"] * 100
    simpler = results[(results["depth"] <= best["depth"]) & (loss < limit)]
    chosen = run.select("pct_loss", by="max_depth", limit=limit)
    assert chosen.params["max_depth"] == simpler["depth"].min()


def test_scores_below_zero_lose_percents_too(tracking: None) -> None:
    search, run = searched(
        Ridge(), {"alpha": [0.1, 10.0, 100.0, 1e4]}, scoring="neg_mean_squared_error"
    )
    means = dict(zip([0.1, 10.0, 100.0, 1e4], search.cv_results_["mean_test_score"], strict=True))
    best = max(means, key=lambda alpha: means[alpha])
    good = [a for a, mean in means.items() if (means[best] - mean) / -means[best] < 0.1]
    chosen = run.select("pct_loss", by="-alpha", limit=10)
    assert chosen.params["alpha"] == max(alpha for alpha in good if alpha >= best)


def test_a_param_may_be_called_by_the_last_part_of_its_name(tracking: None) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression())
    _, run = searched(model, {"logisticregression__C": [0.001, 0.1, 10.0]})
    assert "logisticregression__C" in run.select("one_std_err", by="C").params


def test_the_leaderboard_has_the_means_and_ranks_of_scikit_learn(
    depths: tuple[pd.DataFrame, autotrack.Run],
) -> None:
    results, run = depths
    board = run.leaderboard()
    by_depth = board.set_index("params.max_depth").loc[DEPTHS]
    np.testing.assert_allclose(by_depth["mean"], results["mean_test_score"])
    np.testing.assert_allclose(by_depth["std"], results["std_test_score"])
    np.testing.assert_allclose(by_depth["se"], results["se"])
    assert by_depth["rank"].tolist() == results["rank_test_score"].tolist()
    assert board["rank"].is_monotonic_increasing
    assert board["splits"].tolist() == [5] * len(DEPTHS)
    assert board["tied"].iloc[0]


def test_tied_candidates_are_those_of_the_corrected_resampled_t_test(
    depths: tuple[pd.DataFrame, autotrack.Run],
) -> None:
    results, run = depths
    scores = results[[f"split{i}_test_score" for i in range(5)]].to_numpy()
    best = int(results["mean_test_score"].idxmax())
    board = run.leaderboard().set_index("params.max_depth")
    for place, depth in enumerate(DEPTHS):
        difference = scores[best] - scores[place]
        if place == best or not difference.any():
            assert board.loc[depth, "tied"]
            continue
        t = difference.mean() / math.sqrt((1 / 5 + 60 / 240) * difference.var(ddof=1))
        expected = 2 * stats.t.sf(abs(t), 4)
        assert board.loc[depth, "p_value"] == pytest.approx(expected)
        assert board.loc[depth, "tied"] == (expected > 0.05)


def test_the_correction_knows_how_large_the_test_parts_were(tracking: None) -> None:
    splits = ShuffleSplit(4, test_size=0.4, random_state=0)
    search = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 6]}, cv=splits)
    search.fit(X, y)
    run = autotrack.last_run()
    assert run is not None
    scores = [[search.cv_results_[f"split{i}_test_score"][c] for i in range(4)] for c in (0, 1)]
    expected = corrected_pvalue([a - b for a, b in zip(*scores, strict=True)], 120 / 180)
    assert run.leaderboard()["p_value"].iloc[1] == pytest.approx(expected)


def test_of_several_scores_the_one_that_refits_is_meant(tracking: None) -> None:
    scoring = ["accuracy", "neg_log_loss"]
    grid = {"max_depth": [1, 4, 12]}
    model = DecisionTreeClassifier(random_state=0)
    search, run = searched(model, grid, scoring=scoring, refit="neg_log_loss")
    assert run.select("best").params == search.best_params_
    by_accuracy = int(np.argmax(search.cv_results_["mean_test_accuracy"]))
    chosen = run.select("best", metric="accuracy")
    assert chosen.params == search.cv_results_["params"][by_accuracy]
    with pytest.raises(autotrack.InvalidValueError, match="did you mean 'accuracy'"):
        run.leaderboard("acuracy")


def test_without_a_score_to_refit_by_one_must_be_named(tracking: None) -> None:
    _, run = searched(
        DecisionTreeClassifier(random_state=0),
        {"max_depth": [1, 4]},
        scoring=["accuracy", "neg_log_loss"],
        refit=False,
    )
    with pytest.raises(autotrack.InvalidValueError, match="name one: metric=accuracy"):
        run.select("best")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("worst",), "take one of best, one_std_err, pct_loss"),
        (("one_std_err",), r"say which param .* by='C'"),
        (("one_std_err", "depth"), "did you mean 'max_depth'"),
        (("pct_loss", "criterion"), "no order from simple to complex"),
    ],
)
def test_what_makes_no_sense_says_what_to_do(
    tracking: None, arguments: tuple[str, ...], message: str
) -> None:
    model = DecisionTreeClassifier(random_state=0)
    _, run = searched(model, {"max_depth": [1, 4], "criterion": ["gini", "entropy"]})
    with pytest.raises(autotrack.InvalidValueError, match=message):
        run.select(arguments[0], by=arguments[1] if len(arguments) > 1 else None)


def test_a_run_that_is_no_search_has_no_candidates(tracking: None) -> None:
    DecisionTreeClassifier().fit(X, y)
    run = autotrack.last_run()
    assert run is not None
    with pytest.raises(autotrack.InvalidValueError, match="those of a search"):
        run.leaderboard()


def test_equal_scores_are_tied_and_one_split_tells_nothing() -> None:
    assert corrected_pvalue([0.0, 0.0, 0.0], 0.5) == 1.0
    assert corrected_pvalue([0.1, 0.1, 0.1], 0.5) < 1e-9
    assert math.isnan(corrected_pvalue([0.1], 0.5))


def test_the_correction_makes_a_winner_less_certain() -> None:
    differences = [0.02, 0.03, 0.01, 0.04, 0.02]
    plain = stats.ttest_1samp(differences, 0).pvalue
    assert corrected_pvalue(differences, 0.0) == pytest.approx(plain)
    assert corrected_pvalue(differences, 0.25) > plain
