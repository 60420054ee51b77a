"""Scores: whose they are, which key they have, and which are nobody's."""

from __future__ import annotations

import functools
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import (
    accuracy_score,
    adjusted_rand_score,
    auc,
    brier_score_loss,
    classification_report,
    confusion_matrix,
    f1_score,
    fbeta_score,
    get_scorer,
    log_loss,
    make_scorer,
    mean_absolute_error,
    mean_squared_error,
    multilabel_confusion_matrix,
    pairwise_distances,
    precision_recall_curve,
    precision_recall_fscore_support,
    r2_score,
    recall_score,
    roc_auc_score,
    roc_curve,
    silhouette_score,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

import autotrack
from tests.looking import history, measured, only_run, runs, table, tables

# -- whose a score is -----------------------------------------------------------------------------


def test_a_function_imported_before_tracking_began_is_heard(classifier, binary):
    _, X_test, _, y_test = binary
    value = accuracy_score(y_test, classifier.predict(X_test))
    assert only_run().metrics == {"test_accuracy_score": value}


def test_a_function_imported_while_tracking_is_on_is_heard(classifier, binary):
    from sklearn.metrics import matthews_corrcoef

    _, X_test, _, y_test = binary
    value = matthews_corrcoef(y_test, classifier.predict(X_test))
    assert only_run().metrics == {"test_matthews_corrcoef": value}


def test_a_scorer_is_heard(classifier, binary):
    _, X_test, _, y_test = binary
    value = get_scorer("accuracy")(classifier, X_test, y_test)
    get_scorer("neg_log_loss")(classifier, X_test, y_test)
    assert only_run().metrics["test_accuracy_score"] == value
    assert set(only_run().metrics) == {"test_accuracy_score", "test_log_loss"}


def test_a_scorer_made_from_a_function_keeps_its_options(classifier, binary):
    _, X_test, _, y_test = binary
    make_scorer(fbeta_score, beta=0.5)(classifier, X_test, y_test)
    get_scorer("f1_macro")(classifier, X_test, y_test)
    assert set(only_run().metrics) == {"test_fbeta_score_beta_0.5", "test_f1_score_macro"}


def test_the_score_method_is_heard(classifier, binary):
    _, X_test, _, y_test = binary
    value = classifier.score(X_test, y_test)
    assert only_run().metrics == {"test_score": value}


def test_a_score_with_weights_is_another_score(classifier, binary):
    _, X_test, _, y_test = binary
    weights = np.arange(len(y_test)) + 1.0
    plain = classifier.score(X_test, y_test)
    weighted = classifier.score(X_test, y_test, sample_weight=weights)
    classifier.score(X_test, y_test, weights)
    accuracy_score(y_test, classifier.predict(X_test), sample_weight=weights)
    assert only_run().metrics == {
        "test_score": plain,
        "test_score_sample_weight": weighted,
        "test_accuracy_score_sample_weight": weighted,
    }
    assert history(only_run(), "test_score_sample_weight") == [weighted, weighted]


def test_calls_by_keyword_are_heard(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    model = LogisticRegression().fit(X=X_train, y=y_train)
    value = model.score(X=X_test, y=y_test)
    accuracy_score(y_pred=model.predict(X=X_test), y_true=y_test)
    assert only_run().metrics == {"test_score": value, "test_accuracy_score": value}


PROBABILITIES = {
    "a column": lambda p: p[:, 1],
    "a copy": lambda p: p[:, 1].copy(),
    "a list": lambda p: p[:, 1].tolist(),
    "a series": lambda p: pd.Series(p[:, 1], index=range(7, 7 + len(p))),
    "a frame": lambda p: pd.DataFrame({"p": p[:, 1]}),
    "a matrix of one column": lambda p: p[:, [1]],
    "a narrower float": lambda p: p[:, 1].astype(np.float32),
    "the other class": lambda p: 1 - p[:, 0],
    "log odds": lambda p: np.log(p[:, 1] / p[:, 0]),
    "rounded": lambda p: p[:, 1].round(2),
    "clipped": lambda p: p[:, 1].clip(0.1, 0.9),
}


@pytest.mark.parametrize("form", PROBABILITIES)
def test_probabilities_are_known_in_any_form(form, classifier, binary):
    _, X_test, _, y_test = binary
    p = classifier.predict_proba(X_test)
    value = roc_auc_score(y_test, PROBABILITIES[form](p))
    assert only_run().metrics == {"test_roc_auc_score": value}


@pytest.mark.parametrize("threshold", [0.5, 0.3, 0.62])
def test_probabilities_past_a_threshold_are_known(threshold, classifier, binary):
    _, X_test, _, y_test = binary
    p = classifier.predict_proba(X_test)[:, 1]
    value = f1_score(y_test, p > threshold)
    assert only_run().metrics == {"test_f1_score": value}
    f1_score(y_test, (p > threshold).astype(int).tolist())
    assert history(only_run(), "test_f1_score") == [value, value]


def test_the_most_probable_class_is_known_by_number_and_by_name(tracking, classes):
    X_train, X_test, y_train, y_test = classes
    names = np.array(["ale", "stout", "porter"])
    model = LogisticRegression().fit(X_train, names[y_train])
    p = model.predict_proba(X_test)
    accuracy_score(names[y_test], model.classes_[p.argmax(axis=1)])
    accuracy_score(y_test, p.argmax(axis=1))
    assert len(history(only_run(), "test_accuracy_score")) == 2


def test_labels_under_other_names_are_known(tracking, classes):
    X_train, X_test, y_train, y_test = classes
    p = LogisticRegression().fit(X_train, y_train).predict(X_test)
    names = np.array(["ale", "stout", "porter"])
    value = accuracy_score(y_test, p)
    assert accuracy_score(names[y_test], names[p]) == value
    assert accuracy_score(y_test.astype(str), pd.Series(p.astype(str), dtype="category")) == value
    assert history(only_run(), "test_accuracy_score") == [value] * 3


def test_a_matrix_of_probabilities_is_known_clipped_rounded_and_as_a_list(tracking, classes):
    X_train, X_test, y_train, y_test = classes
    p = LogisticRegression().fit(X_train, y_train).predict_proba(X_test)
    for form in (
        p,
        p.tolist(),
        pd.DataFrame(p),
        p.clip(1e-9, 1 - 1e-9),
        p.round(12),
        p.astype("f4"),
    ):
        log_loss(y_test, form)
    assert len(history(only_run(), "test_log_loss")) == 6


MAPS = {
    "itself": lambda p: p,
    "a list": list,
    "a list of whole numbers": lambda p: [round(value) for value in p],
    "a series": pd.Series,
    "rounded": np.round,
    "clipped": lambda p: p.clip(-2, 2),
    "never negative": lambda p: np.maximum(p, 0),
    "exp": np.exp,
    "expm1": np.expm1,
    "scaled back": lambda p: p * 3.7 + 11,
    "negated": np.negative,
    "a threshold": lambda p: p > 1,
}


@pytest.mark.parametrize("form", MAPS)
def test_a_monotone_function_of_a_prediction_is_known(form, regressor, numbers):
    _, X_test, _, y_test = numbers
    p = regressor.predict(X_test)
    value = mean_absolute_error(y_test, MAPS[form](p))
    assert only_run().metrics == {"test_mean_absolute_error": value}


PARTS = {
    "a slice": lambda p: slice(10, 40),
    "every third": lambda p: slice(None, None, 3),
    "the first two": lambda p: slice(0, 2),
    "a mask": lambda p: p > 0,
    "a shuffle": lambda p: np.random.RandomState(0).permutation(len(p)),
    "some in any order": lambda p: np.random.RandomState(0).permutation(len(p))[:25],
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("form", [np.asarray, pd.Series, list])
def test_some_rows_of_a_real_valued_prediction_are_known(part, form, regressor, numbers):
    _, X_test, _, y_test = numbers
    p = regressor.predict(X_test)
    rows = PARTS[part](p)
    value = mean_absolute_error(y_test[rows], form(p[rows]))
    assert only_run().metrics == {"test_mean_absolute_error": value}


def test_some_rows_are_not_said_to_be_the_whole_data(regressor, numbers):
    _, X_test, _, y_test = numbers
    p = regressor.predict(X_test)
    mean_absolute_error(y_test[p > 0], p[p > 0])
    assert [use.context for use in only_run().datasets] == ["train"]


def test_a_bootstrap_leaves_the_score_as_it_is(regressor, numbers):
    _, X_test, _, y_test = numbers
    p = regressor.predict(X_test)
    value = mean_absolute_error(y_test, p)
    random = np.random.RandomState(0)
    for _ in range(5):
        rows = random.randint(0, len(p), len(p))
        mean_absolute_error(y_test[rows], p[rows])
    assert history(only_run(), "test_mean_absolute_error") == [value]


def test_a_prediction_clipped_in_place_is_known(regressor, numbers):
    _, X_test, _, y_test = numbers
    p = regressor.predict(X_test)
    np.clip(p, -1, 1, out=p)
    value = r2_score(y_test, p)
    assert only_run().metrics == {"test_r2_score": value}


def test_a_prediction_that_is_all_alike_is_known_by_being_that_array(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    p = DummyClassifier(strategy="constant", constant=0).fit(X_train, y_train).predict(X_test)
    value = accuracy_score(y_test, p)
    assert only_run().metrics == {"test_accuracy_score": value}


def test_the_standard_deviation_of_a_prediction_is_the_models_too(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    model = GaussianProcessRegressor(optimizer=None).fit(X_train, y_train)
    mean, deviation = model.predict(X_test, return_std=True)
    r2_score(y_test, mean)
    mean_absolute_error(abs(y_test - mean), deviation)
    assert set(only_run().metrics) == {"test_r2_score", "test_mean_absolute_error"}


def test_probabilities_of_several_targets_are_known_each(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    targets = np.c_[y_train, X_train[:, 0] > 0]
    model = MultiOutputClassifier(LogisticRegression()).fit(X_train, targets)
    first, second = model.predict_proba(X_test)
    roc_auc_score(y_test, first[:, 1])
    roc_auc_score(X_test[:, 0] > 0, second[:, 1])
    assert len(history(only_run(), "test_roc_auc_score")) == 2


def test_a_regression_of_several_targets_is_known_whole_by_column_and_mapped(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    model = LinearRegression().fit(X_train, np.c_[y_train, np.expm1(y_train / 4)])
    p = model.predict(X_test)
    truth = np.c_[y_test, np.expm1(y_test / 4)]
    r2_score(truth, p)
    r2_score(truth, p.clip(-1, None))
    r2_score(y_test, p[:, 0])
    assert len(history(only_run(), "test_r2_score")) == 3


def test_a_target_of_one_column_is_known_flat_and_as_it_is(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    p = LinearRegression().fit(X_train, y_train[:, None]).predict(X_test)
    assert p.shape == (80, 1)
    for form in (p, p.ravel(), p.ravel().copy(), p[:, 0]):
        r2_score(y_test, form)
    assert len(history(only_run(), "test_r2_score")) == 4


def test_a_score_goes_to_the_model_that_predicted_whichever_came_last(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    models = [Ridge(alpha=alpha).fit(X_train, y_train) for alpha in (1, 10, 100)]
    predictions = [model.predict(X_test) for model in models]
    expected = [mean_squared_error(y_test, list(p)) for p in predictions]
    assert [run.metrics["test_mean_squared_error"] for run in runs()] == expected


def test_of_models_that_predict_the_same_the_last_is_looked_at(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    for c in (1.0, 1.0001):
        model = LogisticRegression(C=c).fit(X_train, y_train)
        accuracy_score(y_test, model.predict(X_test).tolist())
    assert [len(run.metrics) for run in runs()] == [1, 1]


def test_a_prediction_given_in_place_of_the_truth_is_known(classifier, binary):
    _, X_test, _, y_test = binary
    accuracy_score(classifier.predict(X_test), y_test)
    assert set(only_run().metrics) == {"test_accuracy_score"}


def test_a_perfect_prediction_given_in_place_of_the_truth_is_known(tracking, numbers):
    X_train, _, y_train, _ = numbers
    model = DecisionTreeRegressor(random_state=0).fit(X_train, y_train)
    r2_score(model.predict(X_train), y_train)
    assert only_run().metrics == {"train_r2_score": 1.0}


def test_scores_of_clusters_are_their_models(tracking, classes):
    X_train, _, y_train, _ = classes
    model = KMeans(3, n_init=1, random_state=0).fit(X_train)
    silhouette_score(X_train, model.labels_)
    adjusted_rand_score(y_train, model.labels_)
    adjusted_rand_score(y_train, model.predict(X_train))
    assert set(only_run().metrics) == {"train_silhouette_score", "train_adjusted_rand_score"}
    assert len(history(only_run(), "train_adjusted_rand_score")) == 2


# -- scores that are no model's -------------------------------------------------------------------


def test_baselines_made_by_hand_are_no_models(classifier, binary):
    _, X_test, y_train, y_test = binary
    classifier.predict(X_test)
    p = classifier.predict_proba(X_test)
    random = np.random.RandomState(0)
    for guess in (
        np.zeros_like(y_test),
        np.ones(len(y_test), int),
        [1] * len(y_test),
        random.randint(0, 2, len(y_test)),
        random.permutation(y_test),
        np.roll(y_test, 1),
        (X_test[:, 0] > 0).astype(int),
        X_test[:, 2] > 0.3,
        np.arange(len(y_test)) % 2,
    ):
        accuracy_score(y_test, guess)
    roc_auc_score(y_test, X_test[:, 1])
    log_loss(y_test, np.full(len(y_test), y_train.mean()))
    log_loss(y_test, np.tile([0.5, 0.5], (len(y_test), 1)))
    log_loss(y_test, np.roll(p, 1, axis=0) * 0.9 + 0.05)
    assert only_run().metrics == {}


def test_zeros_are_no_models_where_the_model_predicts_zeros_as_well(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    model = DummyClassifier(strategy="constant", constant=0).fit(X_train, y_train)
    model.predict(X_test)
    accuracy_score(y_test, np.zeros(len(y_test), int))
    accuracy_score(y_test, [0] * len(y_test))
    assert only_run().metrics == {}


def test_numbers_guessed_by_hand_are_no_models(regressor, numbers):
    _, X_test, y_train, y_test = numbers
    regressor.predict(X_test)
    for guess in (
        np.full(len(y_test), y_train.mean()),
        [float(np.median(y_train))] * len(y_test),
        np.roll(y_test, 1),
        X_test[:, 0],
        3 * X_test[:, 0] - 2 * X_test[:, 1],
        np.where(X_test[:, 0] > 0, 2.5, -2.5),
        np.random.RandomState(0).permutation(y_test),
    ):
        mean_absolute_error(y_test, guess)
    mean_absolute_error(y_test[1:], y_test[:-1])
    assert only_run().metrics == {}


OVERWRITTEN = {
    "a constant": lambda p, X, y: p.fill(1.5),
    "a feature": lambda p, X, y: p.__setitem__(slice(None), X[:, 0]),
    "the truth": lambda p, X, y: p.__setitem__(slice(None), y),
    "the previous value": lambda p, X, y: p.__setitem__(slice(None), np.roll(y, 1)),
    "a constant by half": lambda p, X, y: p.__setitem__(slice(40), 1.5),
}


@pytest.mark.parametrize("guess", OVERWRITTEN)
def test_a_prediction_overwritten_by_a_guess_is_no_models(guess, regressor, numbers):
    _, X_test, _, y_test = numbers
    p = regressor.predict(X_test)
    OVERWRITTEN[guess](p, X_test, y_test)
    r2_score(y_test, p)
    r2_score(y_test, p[:])
    assert only_run().metrics == {}


ONE_FEATURE = {
    "a rule": lambda x: np.where(x > 0.3, 3.0, -1.0),
    "the feature": lambda x: x,
    "the feature scaled": lambda x: 2.5 * x + 1,
}


@pytest.mark.parametrize("guess", ONE_FEATURE)
@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame, lambda X: X.tolist()])
def test_what_a_model_of_one_feature_has_in_common_with_a_guess_is_no_evidence(
    guess, container, tracking, numbers
):
    X_train, X_test, y_train, y_test = numbers
    model = LinearRegression().fit(container(X_train[:, [0]]), y_train)
    model.predict(container(X_test[:, [0]]))  # which nobody holds on to
    held = container(X_test[:, [0]])
    model.predict(held)
    mean_absolute_error(y_test, ONE_FEATURE[guess](X_test[:, 0]))
    assert only_run().metrics == {}


def test_a_rule_on_a_category_is_no_models(tracking):
    random = np.random.RandomState(0)
    X = pd.DataFrame({"sex": random.choice(["f", "m"], 200), "age": random.uniform(1, 80, 200)})
    y = np.where(X["sex"] == "f", random.rand(200) < 0.8, random.rand(200) < 0.2).astype(int)
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(X[["sex"]], y)
    model.predict_proba(X[["sex"]])
    mean_absolute_error(y, np.where(X["sex"] == "f", 0.9, 0.1))
    assert only_run().metrics == {}


def test_the_previous_value_is_no_models_where_the_model_knows_it_by_heart(tracking, numbers):
    X_train, _, y_train, _ = numbers
    model = DecisionTreeRegressor(random_state=0).fit(X_train, y_train)
    assert (model.predict(X_train) == y_train).all()
    mean_absolute_error(y_train[1:], y_train[:-1])
    mean_absolute_error(y_train, np.random.RandomState(0).permutation(y_train))
    assert only_run().metrics == {}


class LastColumn(RegressorMixin, BaseEstimator):
    """The naive forecast, as people write it."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return X[:, -1]


def test_another_column_is_no_models_where_the_model_returns_a_view_of_one(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    model = LastColumn().fit(X_train, y_train)
    p = model.predict(X_test)
    mean_absolute_error(y_test, X_test[:, 0])
    assert only_run().metrics == {}
    mean_absolute_error(y_test, p)
    assert len(only_run().metrics) == 1


def test_another_models_prediction_of_the_same_length_is_not_ours(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    Ridge(alpha=1).fit(X_train, y_train).predict(X_test)
    other = Lasso(alpha=0.5).fit(X_train, y_train)
    p = other.predict(X_test)
    for form in (p, p.tolist(), np.round(p, 2), p > 0):
        mean_absolute_error(y_test, form)
    mean_absolute_error(y_test[20:50], p[20:50].copy())
    assert [len(run.metrics) for run in runs()] == [0, 1]
    assert len(history(runs()[1], "test_mean_absolute_error")) == 5


def test_a_model_fitted_before_tracking_began_has_no_scores(numbers):
    X_train, X_test, y_train, y_test = numbers
    early = Ridge(alpha=1).fit(X_train, y_train)
    earlier = Lasso(alpha=0.1).fit(X_train, y_train).predict(X_test)
    with autotrack.enable(log_models=False):
        late = Ridge(alpha=1).fit(X_train, y_train)
        late.predict(X_test)
        p = early.predict(X_test)
        r2_score(y_test, p)
        r2_score(y_test, earlier)
        early.score(X_test, y_test)
    assert only_run().metrics == {}


def test_the_truth_given_as_a_prediction_scores_nobody(regressor, classifier, numbers, binary):
    for model, split in ((regressor, numbers), (classifier, binary)):
        model.predict(split.X_test)
        r2_score(split.y_test, split.y_test)
        r2_score(split.y_test, split.y_test.copy())
    assert measured() == 0


def test_how_far_two_predictions_agree_scores_neither(tracking, numbers):
    X_train, X_test, y_train, _ = numbers
    first = Ridge(alpha=1).fit(X_train, y_train).predict(X_test)
    second = Ridge(alpha=50).fit(X_train, y_train).predict(X_test)
    r2_score(first, second)
    r2_score(first, second.tolist())
    r2_score(first, first)
    assert measured() == 0


def test_without_an_active_run_what_is_nobodys_is_not_recorded(tracking, binary):
    _, _, _, y_test = binary
    accuracy_score(y_test, np.zeros_like(y_test))
    assert runs() == []


def test_in_an_active_run_what_is_nobodys_is_kept_apart_from_the_models_scores(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    with autotrack.start_run() as run:
        baseline = accuracy_score(y_test, np.zeros_like(y_test))
        assert run.metrics == {"test_accuracy_score": baseline}
        model = LogisticRegression().fit(X_train, y_train)
        value = accuracy_score(y_test, np.ones_like(y_test))
        ours = accuracy_score(y_test, model.predict(X_test))
    assert history(run, "unlinked_test_accuracy_score") == [baseline, value]
    assert history(run, "test_accuracy_score") == [ours]


def test_a_score_follows_its_model_out_of_the_active_run(classifier, binary):
    _, X_test, _, y_test = binary
    (fitted,) = runs()
    with autotrack.start_run() as other:
        classifier.score(X_test, y_test)
    assert set(fitted.metrics) == {"test_score"}
    assert other.metrics == {}


# -- the key --------------------------------------------------------------------------------------


def test_the_training_data_is_known_under_any_name(tracking, binary):
    X_train, _, y_train, _ = binary
    model = LogisticRegression().fit(X_train, y_train)
    seen, X_again, y_again = X_train, X_train.copy(), y_train.copy()
    model.score(seen, y_train)
    model.score(X_again, y_again)
    accuracy_score(y_again, model.predict(X_again))
    assert set(only_run().metrics) == {"train_score", "train_accuracy_score"}


def test_training_rows_in_another_order_are_the_training_rows_with_their_own_target(
    tracking, binary
):
    X_train, _, y_train, _ = binary
    X_train = pd.DataFrame(X_train)
    y_train = pd.Series(y_train)
    model = LogisticRegression().fit(X_train, y_train)
    X_mixed = X_train.sample(frac=1, random_state=0)
    mine = model.score(X_mixed, y_train[X_mixed.index])
    others = accuracy_score(y_train, model.predict(X_mixed))
    assert only_run().metrics == {"train_score": mine, "relabelled_train_accuracy_score": others}


def test_some_of_the_training_rows_with_another_target_are_relabelled(tracking, binary):
    X_train, _, y_train, _ = binary
    model = LogisticRegression().fit(X_train, y_train)
    part = X_train[:30]
    accuracy_score(y_train[:30], model.predict(part))
    f1_score(1 - y_train[:30], model.predict(part))
    macro = f1_score(1 - y_train[:40], model.predict(X_train[:40]), average="macro")
    assert macro < 0.5
    keys = set(only_run().metrics) - {"train_part_accuracy_score", "relabelled_train_f1_score"}
    assert re.fullmatch("relabelled_train_[0-9a-f]{6}_f1_score_macro", *keys)


def test_data_is_called_what_its_variable_is_called(tracking, binary):
    X_train, X_val, y_train, y_val = binary
    holdout, labels = X_val + 1, y_val
    model = LogisticRegression().fit(X_train, y_train)
    model.score(X_val, y_val)
    accuracy_score(y_val, model.predict(X_val))
    model.score(holdout, labels)
    assert set(only_run().metrics) == {"val_score", "val_accuracy_score", "holdout_score"}


def test_a_helper_that_says_x_is_looked_through(classifier, binary):
    def evaluate(model, X, y):
        predicted = model.predict(X)
        return judge(y, predicted)

    def judge(truth, predicted):
        return accuracy_score(truth, predicted)

    X_val, y_val = binary.X_test, binary.y_test
    evaluate(classifier, X_val, y_val)
    evaluate(classifier, binary.X_train, binary.y_train)
    assert set(only_run().metrics) == {"val_accuracy_score", "train_accuracy_score"}


def judged_by(model, d, target):
    return recall_score(target, model.predict(d))


def test_the_callers_name_for_the_data_goes_before_that_of_a_parameter(classifier, binary):
    def score(model, X_part, y_part):
        return model.score(X_part, y_part)

    X_val, y_val = binary.X_test, binary.y_test
    held_out = X_val[:20]
    judged_by(classifier, X_val, y_val)
    score(classifier, held_out, y_val[:20])
    score(classifier, X_val[20:], y_val[20:])
    assert set(only_run().metrics) == {"val_recall_score", "held_out_score", "part_score"}


@pytest.fixture
def frames(binary):
    train, test = (pd.DataFrame(X).add_prefix("f") for X in (binary.X_train, binary.X_test))
    return train.assign(target=binary.y_train), test.assign(target=binary.y_test)


def test_columns_of_a_frame_are_called_what_the_frame_is_called(tracking, frames):
    train_df, test_df = frames
    features = list(train_df)[:-1]
    model = LogisticRegression().fit(train_df[features], train_df.target)
    valid = test_df.sample(20, random_state=0)
    df_rest = test_df.drop(valid.index)
    accuracy_score(test_df.target, model.predict(test_df[features]))
    accuracy_score(valid.target, model.predict(valid[features]))
    accuracy_score(df_rest.target, model.predict(df_rest.drop(columns="target")))
    model.score(valid[features], valid["target"])
    model.score(X=df_rest.loc[:, features], y=df_rest["target"])
    assert set(only_run().metrics) == {
        "test_accuracy_score",
        "valid_accuracy_score",
        "rest_accuracy_score",
        "valid_score",
        "rest_score",
    }


def test_some_rows_of_a_frame_are_not_called_what_the_frame_is_called(tracking, frames):
    train_df, hold_out = frames
    features = list(train_df)[:-1]
    model = LogisticRegression().fit(train_df[features], train_df.target)
    few = slice(0, 20)
    accuracy_score(hold_out.target[few], model.predict(hold_out[few][features]))
    assert set(only_run().metrics) == {"test_accuracy_score"}


def test_the_name_beside_a_frame_in_a_loop_is_its_own_where_it_has_no_other(tracking, frames):
    train_df, test_df = frames
    features = list(train_df)[:-1]
    model = LogisticRegression().fit(train_df[features], train_df.target)
    for _split, frame in [("early", test_df[:25].copy()), ("late", test_df[25:].copy())]:
        accuracy_score(frame.target, model.predict(frame[features]))
        model.score(frame[features], frame.target)
    assert set(only_run().metrics) == {
        "early_accuracy_score",
        "late_accuracy_score",
        "early_score",
        "late_score",
    }


def test_where_x_is_gone_the_truth_says_which_data_it_was(tracking, binary):
    X, _, y, _ = binary
    y_train, y_val = y[:100], y[100:]
    model = LogisticRegression().fit(X[:100], y_train)
    accuracy_score(y_val, model.predict(X[100:]))
    accuracy_score(y_train, model.predict(X[:100]))
    assert set(only_run().metrics) == {"val_accuracy_score", "train_accuracy_score"}


def test_data_without_a_telling_name_is_test_data(tracking, binary):
    X, A, y, b = binary
    model = LogisticRegression().fit(X, y)
    data = A
    del A, binary
    model.score(data, b)
    assert set(only_run().metrics) == {"test_score"}


def test_two_data_sets_of_one_name_have_keys_of_their_own(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    model = LogisticRegression().fit(X_train, y_train)
    values = [model.score(X_test, y_test), model.score(X_test + 1, y_test)]
    values.append(model.score(X_test, y_test))
    first, second = sorted(only_run().metrics, key=len)
    assert first == "test_score"
    assert re.fullmatch("test_[0-9a-f]{6}_score", second)
    assert history(only_run(), first) == [values[0], values[2]]
    assert history(only_run(), second) == [values[1]]


def test_the_loop_variable_names_the_data_no_more_than_the_rows_themselves_do(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    model = LogisticRegression().fit(X_train, y_train)
    for X, y in ((X_train, y_train), (X_test, y_test)):
        model.score(X, y)
    assert set(only_run().metrics) == {"train_score", "test_score"}


@pytest.fixture
def permuted(tracking, binary):
    """A model that never looks at one of the columns, with the data, and that column permuted."""
    X_train, X_test, y_train, y_test = binary
    X_train, X_test = (np.column_stack([X, np.zeros(len(X))]) for X in (X_train, X_test))
    model = LogisticRegression().fit(X_train, y_train)
    X_permuted = X_test.copy()
    X_permuted[:, -1] = np.arange(len(X_test))
    assert (model.predict(X_test) == model.predict(X_permuted)).all()
    return model, X_test, X_permuted, y_test


def test_equal_predictions_on_two_data_sets_are_told_apart_by_the_element_of_a_loop(permuted):
    model, X_test, X_permuted, y = permuted
    made = {"asis": model.predict(X_test).tolist(), "mixed": model.predict(X_permuted).tolist()}
    found = {name: accuracy_score(y, predicted) for name, predicted in made.items()}
    assert len(set(found.values())) == 1
    assert set(only_run().metrics) == {"test_accuracy_score", "permuted_accuracy_score"}


def test_equal_predictions_on_two_data_sets_are_told_apart_by_the_program(permuted):
    model, X_test, X_permuted, y = permuted
    first = model.predict(X_test).tolist()
    second = model.predict(X_permuted).tolist()
    accuracy_score(y, first)
    f1_score(y, second)
    recall_score(y, model.predict(X_test))
    assert set(only_run().metrics) == {
        "test_accuracy_score",
        "permuted_f1_score",
        "test_recall_score",
    }


def test_of_equal_predictions_on_two_data_sets_a_key_claims_neither_where_nothing_tells(permuted):
    model, X_test, X_permuted, y = permuted
    both = [model.predict(X).astype(float) for X in (X_test, X_permuted)]
    recall_score(y, both[0])
    f1_score(both[1], y)
    assert set(only_run().metrics) == {"test_or_permuted_recall_score", "test_or_permuted_f1_score"}
    assert [use.context for use in only_run().datasets] == ["train"]


def test_equal_predictions_on_equal_data_are_of_that_data(permuted):
    model, X_test, _, y = permuted
    both = [model.predict(X).tolist() for X in (X_test, X_test.copy())]
    recall_score(y, both[0])
    assert set(only_run().metrics) == {"test_recall_score"}


OPTIONS = {
    "test_f1_score_macro": lambda y, p: f1_score(y, p, average="macro"),
    "test_f1_score_pos_label_0": lambda y, p: f1_score(y, p, pos_label=0),
    "test_f1_score_labels_0_1_micro": lambda y, p: f1_score(y, p, labels=[0, 1], average="micro"),
    "test_accuracy_score_normalize_false": lambda y, p: accuracy_score(y, p, normalize=False),
    "test_fbeta_score_beta_2": lambda y, p: fbeta_score(y, p, beta=2),
    "test_f1_score": lambda y, p: f1_score(y, p, average="binary", pos_label=1, zero_division=0),
    "test_mean_squared_error": lambda y, p: mean_squared_error(y, p),
}


@pytest.mark.parametrize("key", OPTIONS)
def test_options_that_change_the_meaning_are_part_of_the_key(key, classifier, binary):
    _, X_test, _, y_test = binary
    value = OPTIONS[key](y_test, classifier.predict(X_test))
    assert only_run().metrics == {key: value}


def test_repeats_append_steps(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    model = LogisticRegression().fit(X_train, y_train)
    values = [model.score(X_test, y_test) for _ in range(3)]
    measurements = autotrack.metric_history(only_run().run_id, "test_score")
    assert measurements["value"].tolist() == values
    assert measurements["step"].tolist() == [0, 1, 2]


def test_several_numbers_at_once_are_a_metric_each(classifier, binary):
    _, X_test, _, y_test = binary
    p = classifier.predict(X_test)
    result = precision_recall_fscore_support(y_test, p, average="macro")
    name = "test_precision_recall_fscore_support_macro"
    assert only_run().metrics == {
        f"{name}_precision": result[0],
        f"{name}_recall": result[1],
        f"{name}_fbeta_score": result[2],
    }


def test_a_score_that_is_not_a_number_is_kept(tracking, numbers):
    X_train, X_test, y_train, _ = numbers

    class Undecided(LinearRegression):
        def score(self, X, y, sample_weight=None):
            return float("nan")

    Undecided().fit(X_train, y_train).score(X_test, y_train)
    assert np.isnan(only_run().metrics["test_score"])


# -- tables ---------------------------------------------------------------------------------------


def test_a_matrix_is_a_table_with_its_labels(tracking, classes, tmp_path):
    X_train, X_test, y_train, y_test = classes
    names = np.array(["ale", "stout", "porter"])
    model = LogisticRegression().fit(X_train, names[y_train])
    result = confusion_matrix(names[y_test], model.predict(X_test))
    rows = table(only_run(), "test_confusion_matrix.csv", tmp_path)
    assert rows[0] == ["true \\ predicted", "ale", "porter", "stout"]
    assert [row[0] for row in rows[1:]] == ["ale", "porter", "stout"]
    assert [[int(cell) for cell in row[1:]] for row in rows[1:]] == result.tolist()
    assert only_run().metrics == {}


def test_a_score_for_each_class_is_a_table(classifier, binary, tmp_path):
    _, X_test, _, y_test = binary
    result = f1_score(y_test, classifier.predict(X_test), average=None)
    rows = table(only_run(), "test_f1_score_None.csv", tmp_path)
    assert rows[0] == ["label", "value"]
    assert [(label, float(value)) for label, value in rows[1:]] == [
        ("0", result[0]),
        ("1", result[1]),
    ]


@pytest.mark.parametrize("as_dict", [False, True])
def test_a_report_is_a_table_whether_it_is_text_or_not(as_dict, classifier, binary, tmp_path):
    _, X_test, _, y_test = binary
    p = classifier.predict(X_test)
    report = classification_report(y_test, p, output_dict=as_dict)
    assert isinstance(report, dict if as_dict else str)
    rows = table(only_run(), "test_classification_report.csv", tmp_path)
    assert rows[0] == ["label", "precision", "recall", "f1-score", "support"]
    by_label = {row[0]: row[1:] for row in rows[1:]}
    assert set(by_label) == {"0", "1", "accuracy", "macro avg", "weighted avg"}
    assert float(by_label["accuracy"][2]) == accuracy_score(y_test, p)


def test_a_curve_is_a_table_and_what_is_computed_from_it_is_the_models(
    classifier, binary, tmp_path
):
    _, X_test, _, y_test = binary
    fpr, tpr, _ = roc_curve(y_test, classifier.predict_proba(X_test)[:, 1])
    area = auc(fpr, tpr)
    rows = table(only_run(), "test_roc_curve.csv", tmp_path)
    assert rows[0] == ["fpr", "tpr", "thresholds"]
    assert [float(row[0]) for row in rows[1:]] == fpr.tolist()
    assert only_run().metrics == {"test_auc": area}


def test_a_curve_with_fewer_thresholds_than_points_is_a_table(classifier, binary, tmp_path):
    _, X_test, _, y_test = binary
    precision, _, thresholds = precision_recall_curve(
        y_test, classifier.predict_proba(X_test)[:, 1]
    )
    rows = table(only_run(), "test_precision_recall_curve.csv", tmp_path)[1:]
    assert len(rows) == len(precision) == len(thresholds) + 1
    assert rows[-1][2] == ""


def test_a_stack_of_matrices_is_a_long_table(tracking, classes, tmp_path):
    X_train, X_test, y_train, y_test = classes
    p = LogisticRegression().fit(X_train, y_train).predict(X_test)
    result = multilabel_confusion_matrix(y_test, p)
    rows = table(only_run(), "test_multilabel_confusion_matrix.csv", tmp_path)
    assert len(rows) == result.size + 1


def test_an_earlier_table_is_never_overwritten(classifier, binary, tmp_path):
    _, X_test, _, y_test = binary
    p = classifier.predict(X_test)
    confusion_matrix(y_test, p)
    confusion_matrix(y_test, p)
    confusion_matrix(y_test, p, normalize="true")
    assert sorted(tables(only_run())) == [
        "test_confusion_matrix.1.csv",
        "test_confusion_matrix.csv",
        "test_confusion_matrix_normalize_true.csv",
    ]


# -- what is not a score --------------------------------------------------------------------------


def test_distances_are_no_scores(classifier, binary):
    pairwise_distances(binary.X_test)
    assert only_run().metrics == {}
    assert tables(only_run()) == []


def test_a_score_that_could_not_be_computed_is_not_recorded(classifier, binary):
    p = classifier.predict(binary.X_test)
    with pytest.raises(ValueError, match="inconsistent"):
        accuracy_score([1, 0], p)
    assert only_run().metrics == {}


class Inquisitive(ClassifierMixin, BaseEstimator):
    """Looks at its own scores on the way, as early stopping does."""

    def fit(self, X, y):
        inner = LogisticRegression().fit(X, y)
        self.inner_ = inner
        self.seen_ = [accuracy_score(y, inner.predict(X)), inner.score(X, y)]
        brier_score_loss(y, inner.predict_proba(X)[:, 1])
        return self

    def predict(self, X):
        accuracy_score([0, 1], [0, 1])
        return self.inner_.predict(X)


def test_scores_inside_an_estimators_own_methods_are_silent(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    model = Inquisitive().fit(X_train, y_train)
    assert only_run().metrics == {}
    model.score(X_test, y_test)
    assert set(only_run().metrics) == {"test_score"}


class Adviser(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        accuracy_score([0, 1], [0, 1])
        return self

    def transform(self, X):
        accuracy_score([0, 1], [0, 1])
        return X


def test_scores_inside_a_transformer_are_silent(tracking, binary):
    with autotrack.start_run() as run:
        Adviser().fit(binary.X_train).transform(binary.X_train)
    assert run.metrics == {}


def test_the_training_score_is_there_where_it_is_asked_for(binary):
    with autotrack.enable(log_models=False, training_score=True):
        model = RandomForestClassifier(5, random_state=0).fit(binary.X_train, binary.y_train)
    assert only_run().metrics == {"train_score": model.score(binary.X_train, binary.y_train)}


def test_the_training_score_stays_away_otherwise(classifier):
    assert only_run().metrics == {}


def test_data_that_may_not_be_looked_at_is_known_by_being_the_same_object(binary):
    X_train, X_test, y_train, y_test = binary
    with autotrack.enable(log_models=False, log_datasets=False):
        model = LogisticRegression().fit(X_train, y_train)
        seen = X_train
        model.score(seen, y_train)
        model.score(X_test, y_test)
    assert set(only_run().metrics) == {"train_score", "test_score"}
    assert only_run().datasets == ()


def test_the_data_a_score_was_computed_on_is_kept_with_it(classifier, binary):
    _, X_test, _, y_test = binary
    classifier.score(X_test, y_test)
    accuracy_score(y_test, classifier.predict(X_test))
    train, test = only_run().datasets
    assert (train.context, train.name, train.data.shape) == ("train", None, (160, 4))
    assert (test.context, test.name, test.data.shape) == ("test", "X_test", (80, 4))
    assert test.target is not None
    assert test.target.shape == (80,)


def test_scaled_data_is_known_by_its_variable_too(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train)
    model.score(X_test, y_test)
    model[-1].score(model[:-1].transform(X_test), y_test)
    assert len(history(only_run(), "test_score")) == 2


def double_error(y_true, y_pred):
    """A function of the user's own."""
    return 2.0 * float(np.mean(y_true != y_pred))


def test_a_scorer_of_the_users_own_function_is_a_score(classifier, binary):
    _, X_test, _, y_test = binary
    scorer = make_scorer(double_error, greater_is_better=False)
    value = scorer(classifier, X_test, y_test)
    assert only_run().metrics == {"test_double_error": -value}


def test_a_scorer_of_a_function_that_is_heard_is_one_score(classifier, binary):
    _, X_test, _, y_test = binary
    value = make_scorer(f1_score, average="macro")(classifier, X_test, y_test)
    assert only_run().metrics == {"test_f1_score_macro": value}
    assert measured() == 1


class MeanCost:
    """A metric that is an object."""

    def __call__(self, y_true, y_pred, scale=1.0):
        return float(abs(y_true - y_pred).sum() * scale)


def test_a_metric_without_a_name_is_called_by_its_class_or_what_it_wraps(regressor, numbers):
    X_train, y_train = numbers.X_train, numbers.y_train

    def error(y_true, y_pred, power):
        return float((abs(y_true - y_pred) ** power).mean())

    for function in (MeanCost(), functools.partial(error, power=3)):
        make_scorer(function, greater_is_better=False)(regressor, X_train, y_train)
    regressor.score(X_train, y_train)
    assert set(only_run().metrics) == {"train_mean_cost", "train_error_power_3", "train_score"}
