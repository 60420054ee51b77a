"""Predictions of parts of a model, and those that a fit leaves behind, in the run of the model."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import DBSCAN, KMeans
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, adjusted_rand_score, mean_squared_error, r2_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.semi_supervised import LabelSpreading
from sklearn.tree import DecisionTreeClassifier

import autotrack
from tests.looking import history, measured, only_run, runs

# -- what a fit leaves behind ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bare", "in a pipeline", "in a search"])
def test_a_score_of_out_of_bag_predictions_is_no_training_score(kind, tracking, numbers):
    X, _, y, _ = numbers
    forest = RandomForestRegressor(30, oob_score=True, random_state=0)
    model = {
        "bare": forest,
        "in a pipeline": make_pipeline(StandardScaler(), forest),
        "in a search": GridSearchCV(forest, {"max_depth": [3]}, cv=2),
    }[kind].fit(X, y)
    held = {"bare": lambda: model, "in a pipeline": lambda: model[-1]}
    out_of_bag = held.get(kind, lambda: model.best_estimator_)().oob_prediction_
    score = r2_score(y, out_of_bag)
    training = r2_score(y, model.predict(X))
    run = runs()[0]
    assert history(run, "oob_r2_score") == [score]
    assert history(run, "train_r2_score") == [training]


def test_labels_that_a_pipeline_was_fitted_with_are_its_own(tracking, classes):
    X, _, y, _ = classes
    model = make_pipeline(StandardScaler(), KMeans(3, n_init=2, random_state=0)).fit(X)
    scores = [
        adjusted_rand_score(y, model[-1].labels_),
        adjusted_rand_score(y, model.named_steps["kmeans"].labels_),
    ]
    assert history(only_run(), "train_adjusted_rand_score") == scores


def test_labels_of_a_clusterer_that_cannot_predict_are_found_in_a_pipeline(tracking, classes):
    X, _, y, _ = classes
    model = make_pipeline(StandardScaler(), DBSCAN(eps=0.8)).fit(X)
    score = adjusted_rand_score(y, model[-1].labels_)
    assert only_run().metrics == {"train_adjusted_rand_score": score}


def test_what_a_transductive_model_concluded_is_its_own(tracking, binary):
    X, _, y, _ = binary
    known = np.where(np.arange(len(y)) % 3 == 0, -1, y)
    model = make_pipeline(StandardScaler(), LabelSpreading()).fit(X, known)
    score = accuracy_score(y, model[-1].transduction_)
    assert only_run().metrics == {"train_accuracy_score": score}


def test_a_score_of_out_of_fold_predictions_says_so(tracking, binary):
    X_train, _, y_train, _ = binary
    predicted = cross_val_predict(LogisticRegression(), X_train, y_train, cv=3)
    score = accuracy_score(y_train, predicted)
    assert only_run().metrics == {"oof_accuracy_score": score}


# -- members ---------------------------------------------------------------------------------------


def score_of(member, data):
    return accuracy_score(data.y_test, member.predict(data.X_test))


@pytest.mark.parametrize("kind", [VotingClassifier, StackingClassifier])
def test_the_named_members_of_an_ensemble_are_scored_under_their_names(kind, tracking, binary):
    members = [("lr", LogisticRegression()), ("tree", DecisionTreeClassifier(max_depth=2))]
    model = kind(members).fit(binary.X_train, binary.y_train)
    own = score_of(model, binary)
    scores = {
        f"{name}_test_accuracy_score": score_of(member, binary)
        for name, member in model.named_estimators_.items()
    }
    assert only_run().metrics == {"test_accuracy_score": own, **scores}
    score = model.estimators_[0].score(binary.X_test, binary.y_test)
    assert only_run().metrics["lr_test_score"] == score


def test_the_last_word_of_a_stack_has_its_own_key(tracking, binary):
    model = StackingClassifier([("lr", LogisticRegression())], DecisionTreeClassifier(max_depth=2))
    model.fit(binary.X_train, binary.y_train)
    X_test = model.transform(binary.X_test)
    score = accuracy_score(binary.y_test, model.final_estimator_.predict(X_test))
    assert only_run().metrics == {"final_estimator_test_accuracy_score": score}


def test_trees_of_a_forest_are_scored_under_their_number(tracking, binary):
    model = RandomForestClassifier(5, random_state=0).fit(binary.X_train, binary.y_train)
    scores = {
        f"estimator_{i}_test_accuracy_score": score_of(tree, binary)
        for i, tree in enumerate(model.estimators_)
    }
    assert only_run().metrics == scores


def test_members_that_see_some_of_the_features_are_scored_under_their_number(tracking, numbers):
    model = BaggingRegressor(Ridge(), 3, max_features=2).fit(numbers.X_train, numbers.y_train)
    scores = {}
    for i, (member, features) in enumerate(
        zip(model.estimators_, model.estimators_features_, strict=True)
    ):
        predicted = member.predict(numbers.X_test[:, features])
        key = f"estimator_{i}_test_mean_squared_error"
        scores[key] = mean_squared_error(numbers.y_test, predicted)
    assert only_run().metrics == scores


OTHER_ENSEMBLES = [
    (lambda: OneVsRestClassifier(LogisticRegression()), lambda m: m.estimators_[0]),
    (lambda: BaggingClassifier(n_estimators=2), lambda m: m.estimators_[1]),
    (
        lambda: CalibratedClassifierCV(LogisticRegression(), cv=2),
        lambda m: m.calibrated_classifiers_[1].estimator,
    ),
]


@pytest.mark.parametrize(("make", "member"), OTHER_ENSEMBLES)
def test_members_of_other_ensembles_stay_in_its_run(make, member, tracking, binary):
    y = binary.y_train
    model = make().fit(binary.X_train, y)
    held = member(model)
    held.score(binary.X_test, binary.y_test)
    (key,) = only_run().metrics
    assert key.endswith("_test_score")
    assert "_1_" in key or "_0_" in key


def test_members_for_several_outputs_stay_in_the_run(tracking, numbers):
    Y = np.column_stack([numbers.y_train, -numbers.y_train])
    model = MultiOutputRegressor(Ridge()).fit(numbers.X_train, Y)
    score = r2_score(numbers.y_test, model.estimators_[0].predict(numbers.X_test))
    assert only_run().metrics == {"estimator_0_test_r2_score": score}


def test_the_best_estimator_of_a_search_is_the_model_itself(tracking, binary):
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression()),
        {"logisticregression__C": [0.1]},
        cv=2,
    ).fit(binary.X_train, binary.y_train)
    best = search.best_estimator_
    scores = [
        best.score(binary.X_test, binary.y_test),
        best[-1].score(best[:-1].transform(binary.X_test), binary.y_test),
    ]
    assert history(runs()[0], "test_score") == scores


def test_the_last_steps_of_a_pipeline_as_one_are_the_pipeline(tracking, binary):
    model = make_pipeline(StandardScaler(), MinMaxScaler(), LogisticRegression())
    model.fit(binary.X_train, binary.y_train)
    X_test = model[0].transform(binary.X_test)
    score = model[1:].score(X_test, binary.y_test)
    assert only_run().metrics == {"test_score": score}


def test_other_steps_before_a_fitted_one_are_no_part_of_its_pipeline(tracking, binary):
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(binary.X_train, binary.y_train)
    scaler = MinMaxScaler().fit(binary.X_train)
    make_pipeline(scaler, model[-1]).score(binary.X_test, binary.y_test)
    assert measured() == 0


def test_many_members_cost_the_fit_nothing_and_are_found_all_the_same(tracking, numbers):
    X, _, y, _ = numbers
    forest = RandomForestRegressor(1000, max_depth=1, n_jobs=1).fit(X[:20], y[:20])
    from autotrack.tracking.model_links import links

    begin = time.perf_counter()
    links.tie(forest, links.of_fit(forest))
    assert time.perf_counter() - begin < 0.005
    forest.estimators_[999].score(numbers.X_test, numbers.y_test)
    assert set(only_run().metrics) == {"estimator_999_test_score"}


def test_trees_of_a_boosting_are_members_too(tracking, numbers):
    model = GradientBoostingRegressor(n_estimators=3).fit(numbers.X_train, numbers.y_train)
    mean_squared_error(numbers.y_test, model.estimators_[2, 0].predict(numbers.X_test))
    assert set(only_run().metrics) == {"estimator_2_test_mean_squared_error"}


# -- a model that is fitted already, inside another ---------------------------------------------


def test_a_threshold_around_a_fitted_model_is_a_child_with_the_threshold(tracking, binary):
    inner = LogisticRegression().fit(binary.X_train, binary.y_train)
    model = FixedThresholdClassifier(FrozenEstimator(inner), threshold=0.9)
    score = model.score(binary.X_test, binary.y_test)
    first, child = runs()
    assert first.metrics == {}
    assert child.parent_id == first.run_id
    assert child.params["threshold"] == 0.9
    assert child.metrics == {"test_score": score}


def test_a_threshold_that_is_fitted_around_a_fitted_model_is_a_run(tracking, binary):
    inner = LogisticRegression().fit(binary.X_train, binary.y_train)
    fixed = FixedThresholdClassifier(FrozenEstimator(inner), threshold=0.9)
    tuned = TunedThresholdClassifierCV(FrozenEstimator(inner), cv="prefit", refit=False)
    for model in (fixed, tuned):
        model.fit(binary.X_train, binary.y_train)
        accuracy_score(binary.y_test, model.predict(binary.X_test))
    assert [set(run.metrics) for run in runs()] == [
        set(),
        {"test_accuracy_score"},
        {"test_accuracy_score"},
    ]
    inner.score(binary.X_test, binary.y_test)
    assert set(runs()[0].metrics) == {"test_score"}


def test_a_frozen_model_is_the_model(tracking, binary):
    model = LogisticRegression().fit(binary.X_train, binary.y_train)
    frozen = FrozenEstimator(model)
    score = accuracy_score(binary.y_test, frozen.predict(binary.X_test))
    assert only_run().metrics == {"test_accuracy_score": score}


def test_a_part_that_nobody_fitted_under_tracking_has_no_run(binary):
    model = VotingClassifier([("lr", LogisticRegression())]).fit(binary.X_train, binary.y_train)
    with autotrack.enable(log_models=False):
        Ridge().fit(binary.X_train, binary.y_train)
        model.estimators_[0].score(binary.X_test, binary.y_test)
        assert measured() == 0
