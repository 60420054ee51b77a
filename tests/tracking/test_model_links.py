"""A model is what its run holds until something of it changes."""

from __future__ import annotations

import timeit

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import autotrack
from autotrack.tracking.model_links import links
from tests.looking import history, measured, only_run, runs


def test_a_param_that_acts_on_predictions_and_was_changed_makes_a_child(tracking, binary):
    model = KNeighborsClassifier(3).fit(binary.X_train, binary.y_train)
    scores = [
        model.set_params(n_neighbors=k).score(binary.X_test, binary.y_test) for k in (3, 10, 40)
    ]
    first, *children = runs()
    assert first.params == {"n_neighbors": 3}
    assert history(first, "test_score") == scores[:1]
    assert [child.params["n_neighbors"] for child in children] == [10, 40]
    assert [child.metrics["test_score"] for child in children] == scores[1:]
    assert {child.parent_id for child in children} == {first.run_id}
    assert {child.status for child in children} == {"FINISHED"}


def test_a_param_that_was_set_back_is_the_model_as_it_was(tracking, binary):
    model = KNeighborsClassifier(3).fit(binary.X_train, binary.y_train)
    for k in (3, 10, 3, 10):
        model.n_neighbors = k
        accuracy_score(binary.y_test, model.predict(binary.X_test))
    assert [len(history(run, "test_accuracy_score")) for run in runs()] == [2, 2]


def test_a_param_that_is_back_at_its_default_is_a_param_of_the_child(tracking, binary):
    model = KNeighborsClassifier(3).fit(binary.X_train, binary.y_train)
    model.set_params(n_neighbors=5).score(binary.X_test, binary.y_test)
    assert runs()[1].params == {"n_neighbors": 5}


def test_the_threshold_of_a_fitted_classifier_makes_a_child(tracking, binary):
    model = FixedThresholdClassifier(LogisticRegression(), threshold=0.5)
    model.fit(binary.X_train, binary.y_train)
    score = model.set_params(threshold=0.1).score(binary.X_test, binary.y_test)
    first, child = runs()
    assert (first.metrics, child.metrics) == ({}, {"test_score": score})
    assert (first.params["threshold"], child.params["threshold"]) == (0.5, 0.1)


CHANGES = {
    "a param of a step": lambda model: model.set_params(kneighborsclassifier__n_neighbors=9),
    "a param of the step itself": lambda model: model[-1].set_params(n_neighbors=9),
    "an attribute of a transformer": lambda model: setattr(model[0], "with_mean", False),
    "a step that is left out": lambda model: model.set_params(standardscaler="passthrough"),
    "a step that is replaced in place": lambda model: model.steps.__setitem__(
        0, ("standardscaler", MinMaxScaler().fit([[0, 0, 0, 0], [1, 1, 1, 1]]))
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_is_changed_in_a_pipeline_makes_a_child(change, tracking, binary):
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(3))
    model.fit(binary.X_train, binary.y_train)
    change(model)
    accuracy_score(binary.y_test, model.predict(binary.X_test))
    first, child = runs()
    assert first.metrics == {}
    assert child.parent_id == first.run_id
    assert set(child.metrics) == {"test_accuracy_score"}


def test_a_changed_step_by_itself_is_the_changed_pipeline(tracking, binary):
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(3))
    model.fit(binary.X_train, binary.y_train)
    model[-1].set_params(n_neighbors=9)
    X_test = model[:-1].transform(binary.X_test)
    accuracy_score(binary.y_test, model[-1].predict(X_test))
    model.score(binary.X_test, binary.y_test)
    first, child = runs()
    assert first.metrics == {}
    assert set(child.metrics) == {"test_accuracy_score", "test_score"}
    assert child.params["kneighborsclassifier__n_neighbors"] == 9


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (RandomForestClassifier(3), {"n_jobs": 2, "verbose": 0, "random_state": 1}),
        (KNeighborsClassifier(3), {"n_jobs": 2, "leaf_size": 9}),
        (LogisticRegression(), {"C": 7.0}),
        (VotingClassifier([("lr", LogisticRegression())]), {"lr__C": 7.0, "n_jobs": 1}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_params_that_do_not_act_on_predictions_make_no_child(model, change, tracking, binary):
    model.fit(binary.X_train, binary.y_train)
    score = model.set_params(**change).score(binary.X_test, binary.y_test)
    assert only_run().metrics == {"test_score": score}


def test_predicting_with_a_changed_model_alone_makes_no_run(tracking, binary):
    model = KNeighborsClassifier(3).fit(binary.X_train, binary.y_train)
    model.set_params(n_neighbors=9).predict(binary.X_test)
    assert len(runs()) == 1


def test_a_later_fit_of_a_changed_model_is_a_new_fit(tracking, binary):
    model = KNeighborsClassifier(3).fit(binary.X_train, binary.y_train)
    model.set_params(n_neighbors=9).fit(binary.X_train, binary.y_train)
    score = model.score(binary.X_test, binary.y_test)
    first, second = runs()
    assert (first.metrics, second.metrics) == ({}, {"test_score": score})
    assert second.parent_id is None


class Own(ClassifierMixin, BaseEstimator):
    """Says yes above a threshold."""

    def __init__(self, threshold=0.0, weights=None):
        self.threshold = threshold
        self.weights = weights

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self._decide(X @ self.weights)

    def _decide(self, values):
        return (values > self.threshold).astype(int)


def test_params_of_a_class_of_the_users_own_act_too(tracking, binary):
    model = Own(weights=np.ones(4)).fit(binary.X_train, binary.y_train)
    model.score(binary.X_test, binary.y_test)
    model.weights = np.ones(4)  # equal, in another object
    model.score(binary.X_test, binary.y_test)
    model.threshold = 1.0
    model.score(binary.X_test, binary.y_test)
    model.set_params(threshold=0.0, weights=-np.ones(4)).score(binary.X_test, binary.y_test)
    assert [len(history(run, "test_score")) for run in runs()] == [2, 1, 1]


def test_a_model_out_of_a_crate_that_was_changed_is_a_child_too(binary):
    with autotrack.enable():
        KNeighborsClassifier(3).fit(binary.X_train, binary.y_train)
        model = only_run().load_model().estimator
        model.set_params(n_neighbors=9).score(binary.X_test, binary.y_test)
    first, child = runs()
    assert (first.metrics, child.params) == ({}, {"n_neighbors": 9})


def test_the_crate_of_the_run_is_what_was_fitted_and_the_child_says_so(binary):
    with autotrack.enable():
        model = KNeighborsClassifier(3).fit(binary.X_train, binary.y_train)
        model.set_params(n_neighbors=40).score(binary.X_test, binary.y_test)
    first, child = runs()
    assert first.load_model().estimator.n_neighbors == 3
    with pytest.raises(autotrack.ArtifactNotFoundError, match=first.run_id):
        child.load_model()


def test_asking_for_the_run_of_a_model_takes_less_than_a_microsecond(tracking, binary):
    for model in (Ridge(), KNeighborsClassifier()):
        model.fit(binary.X_train, binary.y_train)
        took = min(timeit.repeat(lambda model=model: links.get(model), number=2000, repeat=9))
        assert took / 2000 < 6e-6  # six times what it takes, for a busy machine


# -- parts that are shared -------------------------------------------------------------------------


def share_classifier():
    part = LogisticRegression()
    return make_pipeline(StandardScaler(), part), make_pipeline(MinMaxScaler(), part)


def share_scaler():
    part = StandardScaler()
    return make_pipeline(part, LogisticRegression()), make_pipeline(part, KNeighborsClassifier())


def share_deep():
    inner = make_pipeline(StandardScaler(), LogisticRegression())
    return make_pipeline(MinMaxScaler(), inner), inner[-1]


def share_with_a_bare_transformer():
    part = StandardScaler()
    return make_pipeline(part, LogisticRegression()), part


SHARED = [share_classifier, share_scaler, share_deep, share_with_a_bare_transformer]


@pytest.mark.parametrize("share", SHARED, ids=lambda share: share.__name__)
def test_a_model_whose_part_another_fit_changed_is_not_what_its_run_holds(share, tracking, binary):
    first, second = share()
    first.fit(binary.X_train, binary.y_train)
    before = first.score(binary.X_test, binary.y_test)
    run = only_run()
    second.fit(binary.X_train[:50] * 3, binary.y_train[:50])
    first.score(binary.X_test, binary.y_test)
    accuracy_score(binary.y_test, first.predict(binary.X_test))
    assert run.metrics == {"test_score": before}
    assert measured() == 1


def test_fitted_again_it_has_a_run_again_and_the_other_has_none(tracking, binary):
    first, second = share_classifier()
    for model in (first, second, first):
        model.fit(binary.X_train, binary.y_train)
    second.score(binary.X_test, binary.y_test)
    assert measured() == 0
    first.score(binary.X_test, binary.y_test)
    assert [set(run.metrics) for run in runs()] == [set(), set(), {"test_score"}]


def test_ensembles_that_clone_their_members_share_nothing(tracking, binary):
    part = LogisticRegression()
    models = [VotingClassifier([("a", part)]), VotingClassifier([("b", part)])]
    for model in models:
        model.fit(binary.X_train, binary.y_train)
    for model in models:
        model.score(binary.X_test, binary.y_test)
    assert [set(run.metrics) for run in runs()] == [{"test_score"}, {"test_score"}]


def test_predictions_made_before_the_part_was_changed_are_still_the_models(tracking, binary):
    first, second = share_classifier()
    predicted = first.fit(binary.X_train, binary.y_train).predict(binary.X_test)
    second.fit(binary.X_train, binary.y_train)
    score = accuracy_score(binary.y_test, predicted)
    assert runs()[0].metrics == {"test_accuracy_score": score}
