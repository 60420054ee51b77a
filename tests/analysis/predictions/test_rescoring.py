"""Scores, thresholds, intervals and inputs of further models from kept predictions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    fbeta_score,
    make_scorer,
    mean_absolute_error,
)
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack
from tests.looking import history

X, y = load_breast_cancer(return_X_y=True)
MODEL = make_pipeline(StandardScaler(), LogisticRegression(C=0.05))
BOTH = ["accuracy", "roc_auc", "neg_log_loss"]


@pytest.fixture
def keeping():
    with autotrack.enable(log_models=False, keep_predictions=True) as session:
        yield session


def last() -> autotrack.Run:
    run = autotrack.last_run()
    assert run is not None
    return run


METRICS = [
    "f1", "f1_macro", "roc_auc", "average_precision", "neg_brier_score", "neg_log_loss",
    "balanced_accuracy", "matthews_corrcoef", "top_k_accuracy",
]  # fmt: skip


@pytest.mark.parametrize("metric", METRICS)
def test_a_later_score_is_what_scikit_learn_would_have_computed(keeping, metric):
    cross_validate(MODEL, X, y, cv=4, scoring=BOTH)
    run = last()
    found = run.rescore(metric)
    with autotrack.keep_predictions(False):
        expected = cross_val_score(MODEL, X, y, cv=4, scoring=metric)
    assert found["mean"].item() == pytest.approx(expected.mean(), abs=1e-12)
    assert found["se"].item() == pytest.approx(expected.std(ddof=1) / 2, abs=1e-12)
    assert found["n"].item() == 4
    assert history(run, f"split_test_{metric}") == pytest.approx(expected.tolist())


@pytest.mark.parametrize("metric", ["roc_auc_ovr", "f1_macro", "neg_log_loss"])
def test_so_it_is_with_several_classes(keeping, metric):
    data, species = load_iris(return_X_y=True)
    cross_validate(MODEL, data, species, cv=3, scoring=["accuracy", "neg_log_loss"])
    found = last().rescore(metric)
    with autotrack.keep_predictions(False):
        expected = cross_val_score(MODEL, data, species, cv=3, scoring=metric)
    assert found["mean"].item() == pytest.approx(expected.mean())


def test_a_later_score_is_kept_like_a_score_and_marked(keeping):
    cross_val_score(MODEL, X, y, cv=3)
    run = last()
    run.rescore("f1_score", average="macro")
    run.rescore(fbeta_score, beta=2)
    run.rescore("f1_score", average="macro")
    assert run.metrics["n_test_f1_score_macro"] == 3
    assert len(history(run, "split_test_f1_score_macro")) == 3
    assert run.metrics["mean_test_fbeta_score_beta_2"] > 0.9
    assert run.tags["autotrack.computed_later"] == "f1_score_macro, fbeta_score_beta_2"


def test_computing_it_records_no_score_of_its_own(keeping):
    cross_val_score(MODEL, X, y, cv=3)
    with autotrack.start_run() as own:
        autotrack.get_run(autotrack.search_runs(where="kind = 'validation'")["run_id"][0]).rescore(
            "f1"
        )
    assert own.metrics == {}
    assert len(autotrack.search_runs()) == 2


def test_a_search_is_ranked_anew_without_fitting(keeping, monkeypatch):
    search = GridSearchCV(
        MODEL, {"logisticregression__C": [1e-4, 0.1, 10]}, cv=3, scoring=["accuracy", "f1"],
        refit="accuracy",
    ).fit(X, y)  # fmt: skip
    run = last()
    monkeypatch.setattr(LogisticRegression, "fit", None)
    found = run.rescore("balanced_accuracy")
    known = run.rescore("f1")
    assert known["mean"].to_numpy() == pytest.approx(search.cv_results_["mean_test_f1"])
    board = run.leaderboard("balanced_accuracy")
    assert board["mean"].tolist() == sorted(found["mean"], reverse=True)
    best = run.select(metric="balanced_accuracy")
    assert best.metrics["rank_test_balanced_accuracy"] == 1
    assert best.predictions()["candidate"].nunique() == 1


def test_what_was_not_predicted_is_an_error_that_says_what_to_do(keeping):
    cross_val_score(MODEL, X, y, cv=3)
    with pytest.raises(autotrack.InvalidValueError, match=r"scoring=\[.accuracy., .roc_auc.\]"):
        last().rescore("average_precision")
    with pytest.raises(autotrack.InvalidValueError, match="no metric 'f3'"):
        last().rescore("f3")


def test_another_score_of_the_same_name_is_not_overwritten(keeping):
    cross_val_score(MODEL, X, y, cv=3, scoring="accuracy")
    run = last()

    def accuracy(truth, predicted):
        return 0.0

    with pytest.raises(autotrack.InvalidValueError, match="name="):
        run.rescore(accuracy)
    run.rescore(accuracy, name="nothing")
    assert run.metrics["mean_test_nothing"] == 0
    assert run.metrics["mean_test_accuracy"] > 0.9


def test_functions_scorers_and_weights_are_taken(keeping):
    data, target = load_diabetes(return_X_y=True)
    cross_val_predict(Ridge(), data, target, cv=KFold(3))
    run = last()
    kept = run.predictions()
    weights = np.arange(len(target), dtype=float)
    each = [
        mean_absolute_error(p["y_true"], p["predict"], sample_weight=weights[p["row"]])
        for _, p in kept.groupby("split")
    ]
    found = run.rescore(mean_absolute_error, sample_weight=weights)
    assert found["mean"].item() == pytest.approx(np.mean(each))
    scorer = make_scorer(mean_absolute_error, greater_is_better=False)
    assert run.rescore(scorer, name="negated")["mean"].item() < 0


def test_a_held_out_score_is_computed_again_under_its_key(keeping):
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = MODEL.fit(X_train, y_train)
    accuracy_score(y_test, model.predict(X_test))
    run = last()
    run.rescore(f1_score)
    assert run.metrics["test_f1_score"] == f1_score(y_test, model.predict(X_test))
    assert run.tags["autotrack.computed_later"] == "test_f1_score"


def test_the_threshold_is_the_best_of_all_that_differ(keeping):
    cv = StratifiedKFold(3)
    cross_validate(MODEL, X, y, cv=cv, scoring="neg_log_loss")
    run = last()
    kept = run.predictions()
    found = run.threshold("f1_score", thresholds=100_000)

    def at(cut):
        return np.mean([
            f1_score(p["y_true"], p["predict_proba_1"] >= cut) for _, p in kept.groupby("split")
        ])  # fmt: skip

    assert found.response == "predict_proba"
    assert found.value == pytest.approx(at(found.threshold))
    assert found.value == pytest.approx(max(at(cut) for cut in found.curve["threshold"]))
    assert len(found.curve) == kept["predict_proba_1"].nunique()
    assert found.unseen <= found.value
    assert run.threshold("zero_one_loss").value < 0.1


def test_a_threshold_needs_two_classes_and_a_score(keeping):
    data, species = load_iris(return_X_y=True)
    cross_validate(MODEL, data, species, cv=3, scoring="neg_log_loss")
    with pytest.raises(autotrack.InvalidValueError, match="two classes"):
        last().threshold("f1_macro")
    cross_val_score(MODEL, X, y, cv=3)
    with pytest.raises(autotrack.InvalidValueError, match="probabilities or decisions"):
        last().threshold("f1")


def test_intervals_are_by_rows_or_by_groups_that_were_given(keeping):
    patients = np.arange(len(y)) // 10
    cross_validate(MODEL, X, y, groups=patients, cv=GroupKFold(3), scoring="accuracy")
    run = last()
    by_rows = run.interval("accuracy", resamples=300)
    by_groups = run.interval("accuracy", groups=True, resamples=300)
    assert by_rows.low < by_rows.value < by_rows.high
    assert by_rows.value == pytest.approx(run.metrics["mean_test_accuracy"])
    assert (by_rows.by, by_rows.n) == ("rows", len(y))
    assert (by_groups.by, by_groups.n) == ("groups", len(set(patients)))
    assert run.interval("accuracy", groups=patients, resamples=300) == by_groups
    with pytest.raises(autotrack.InvalidValueError, match="one for each row"):
        run.interval("accuracy", groups=[1, 2, 3])


def test_out_of_fold_predictions_of_several_runs_train_a_further_model(keeping):
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    cross_validate(MODEL, X, y, cv=cv, scoring="neg_log_loss")
    first = last()
    cross_val_predict(MODEL, X, y, cv=cv)
    second = last()
    found = first.out_of_fold(second)
    assert list(found) == ["run_0__predict_proba_1", "run_1__predict", "y_true"]
    assert found.index.tolist() == list(range(len(y)))
    assert found["y_true"].tolist() == y.tolist()
    with autotrack.keep_predictions(False):
        chances = cross_val_predict(MODEL, X, y, cv=cv, method="predict_proba")[:, 1]
    assert found["run_0__predict_proba_1"].to_numpy() == pytest.approx(chances)
    cross_val_predict(MODEL, X[:100], y[:100], cv=2)
    with pytest.raises(autotrack.InvalidValueError, match="not comparable"):
        first.out_of_fold(last())


def test_a_metric_of_your_own_takes_the_prediction_it_asks_for(keeping):
    cross_validate(MODEL, X, y, cv=3, scoring="neg_log_loss")

    def mean_chance(truth, chances):
        return float(np.mean(chances))

    found = last().rescore(mean_chance, response="predict_proba")
    assert 0.5 < found["mean"].item() < 0.7
    again = last().rescore(average_precision_score, keep=False)
    assert again["mean"].item() > 0.9
    assert "mean_test_average_precision_score" not in last().metrics
