"""Staged predictions: each stage's score is a step, and none of them passes for the model's."""

from __future__ import annotations

from types import GeneratorType

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
)
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import autotrack
from tests.looking import history, only_run, runs

KINDS = [
    GradientBoostingClassifier(n_estimators=4, random_state=0),
    AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=4, random_state=0),
    HistGradientBoostingClassifier(max_iter=4, random_state=0),
]
kinds = pytest.mark.parametrize("model", KINDS, ids=lambda model: type(model).__name__)


def steps(run, key):
    frame = autotrack.metric_history(run.run_id, key)
    return list(zip(frame["step"], frame["value"], strict=True))


@kinds
def test_each_stage_of_a_boosting_is_a_step_from_one(model, tracking, binary):
    model.fit(binary.X_train, binary.y_train)
    scores = [accuracy_score(binary.y_test, p) for p in model.staged_predict(binary.X_test)]
    assert len(scores) == 4
    assert steps(only_run(), "test_accuracy_score") == list(enumerate(scores, 1))


@kinds
def test_probabilities_of_stages_are_steps_too(model, tracking, binary):
    model.fit(binary.X_train, binary.y_train)
    scores = [log_loss(binary.y_test, p) for p in model.staged_predict_proba(binary.X_test)]
    assert steps(only_run(), "test_log_loss") == list(enumerate(scores, 1))


def test_staged_scores_are_steps(tracking, binary):
    model = AdaBoostClassifier(n_estimators=3, random_state=0).fit(binary.X_train, binary.y_train)
    scores = list(model.staged_score(binary.X_test, binary.y_test))
    assert steps(only_run(), "test_score") == list(enumerate(scores, 1))


def test_the_stages_of_a_pipelines_last_step_are_in_its_run(tracking, numbers):
    model = make_pipeline(StandardScaler(), GradientBoostingRegressor(n_estimators=3))
    model.fit(numbers.X_train, numbers.y_train)
    X_test = model[:-1].transform(numbers.X_test)
    scores = [mean_squared_error(numbers.y_test, p) for p in model[-1].staged_predict(X_test)]
    assert steps(only_run(), "test_mean_squared_error") == list(enumerate(scores, 1))


@pytest.mark.parametrize("before", [True, False])
def test_a_loop_over_the_first_stages_is_not_what_the_run_shows(before, tracking, numbers):
    _, X_test, _, y_test = numbers
    model = GradientBoostingRegressor(n_estimators=20).fit(numbers.X_train, numbers.y_train)
    whole = mean_squared_error(y_test, model.predict(X_test)) if before else None
    staged = []
    for prediction in model.staged_predict(X_test):
        staged.append(mean_squared_error(y_test, prediction))
        if len(staged) == 3:
            break
    assert only_run().metrics.get("test_mean_squared_error") == whole
    assert set(staged) <= set(history(only_run(), "test_mean_squared_error"))
    assert len(history(only_run(), "test_mean_squared_error")) == 3 + before


def test_the_score_of_the_whole_model_is_that_of_its_last_stage(tracking, numbers):
    _, X_test, _, y_test = numbers
    model = GradientBoostingRegressor(n_estimators=20).fit(numbers.X_train, numbers.y_train)
    first = next(model.staged_predict(X_test))
    early = mean_squared_error(y_test, first)
    whole = mean_squared_error(y_test, model.predict(X_test))
    assert steps(only_run(), "test_mean_squared_error") == [(1, early), (20, whole)]
    assert only_run().metrics == {"test_mean_squared_error": whole}


def test_a_boosting_that_grew_is_no_longer_at_the_last_stage_it_had(tracking, numbers):
    _, X_test, _, y_test = numbers
    model = GradientBoostingRegressor(n_estimators=2, warm_start=True, random_state=0)
    model.fit(numbers.X_train, numbers.y_train)
    for prediction in model.staged_predict(X_test):
        mean_squared_error(y_test, prediction)
    model.set_params(n_estimators=5).fit(numbers.X_train, numbers.y_train)
    for prediction in model.staged_predict(X_test):
        score = mean_squared_error(y_test, prediction)
    assert steps(only_run(), "test_mean_squared_error")[-1] == (5, score)
    assert only_run().metrics["test_mean_squared_error"] == score


def test_stages_of_one_model_are_no_scores_of_another(tracking, binary):
    stump = DecisionTreeClassifier(max_depth=1).fit(binary.X_train, binary.y_train)
    own = accuracy_score(binary.y_test, stump.predict(binary.X_test))
    boosting = AdaBoostClassifier(n_estimators=3).fit(binary.X_train, binary.y_train)
    for prediction in boosting.staged_predict(binary.X_test):
        accuracy_score(binary.y_test, prediction)
    assert [len(history(run, "test_accuracy_score")) for run in runs()] == [1, 3]
    assert runs()[0].metrics == {"test_accuracy_score": own}


class Majority(ClassifierMixin, BaseEstimator):
    """Predicts one class more often at each stage."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.n_iter_ = 3
        self.closed_ = []
        return self

    def predict(self, X):
        return list(self.staged_predict(X))[-1]

    def staged_predict(self, X):
        try:
            for stage in range(3):
                prediction = np.zeros(len(X), dtype=int)
                prediction[stage::3] = 1
                sent = yield prediction
                if sent == "stop":
                    return "stopped"
        except KeyError:
            yield np.ones(len(X), dtype=int)
        finally:
            self.closed_.append(True)


def test_stages_of_a_class_of_the_users_own_are_steps(tracking, binary):
    model = Majority().fit(binary.X_train, binary.y_train)
    scores = [accuracy_score(binary.y_test, p) for p in model.staged_predict(binary.X_test)]
    assert steps(only_run(), "test_accuracy_score") == list(enumerate(scores, 1))


def test_staged_predictions_stay_generators_in_all_they_do(tracking, binary):
    model = Majority().fit(binary.X_train, binary.y_train)
    stages = model.staged_predict(binary.X_test)
    assert type(stages) is GeneratorType
    assert model.closed_ == []
    next(stages)
    stages.close()
    assert model.closed_ == [True]
    with pytest.raises(StopIteration):
        next(stages)

    stages = model.staged_predict(binary.X_test)
    next(stages)
    assert stages.throw(KeyError("other")).all()
    with pytest.raises(StopIteration) as end:
        next(stages)
    assert end.value.value is None

    stages = model.staged_predict(binary.X_test)
    next(stages)
    with pytest.raises(StopIteration) as end:
        stages.send("stop")
    assert end.value.value == "stopped"
    with pytest.raises(ZeroDivisionError):
        model.staged_predict(binary.X_test).throw(ZeroDivisionError())
    with pytest.raises(TypeError):
        model.staged_predict()


def test_between_stages_other_calls_are_recorded(tracking, binary):
    boosting = AdaBoostClassifier(n_estimators=2).fit(binary.X_train, binary.y_train)
    for _ in boosting.staged_predict(binary.X_test):
        DecisionTreeClassifier().fit(binary.X_train, binary.y_train)
    assert len(runs()) == 3
