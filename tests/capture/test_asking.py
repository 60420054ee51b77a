"""A fitted model is asked for predictions only if none of the user's own code runs for it."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import autotrack
from tests.looking import only_run

X = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=["a", "b", "c"])
y = (X["a"] > 0).astype(int)
asked: list[str] = []


class Guess(ClassifierMixin, BaseEstimator):
    """One that prints, counts and draws."""

    def __init__(self, generator=None, depth=1):
        self.generator = generator
        self.depth = depth

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        asked.append("predict")
        print("predict of", np.shape(X))  # noqa: T201 - what is to be printed once
        random.random()
        return (self.generator or np.random.default_rng(0)).integers(2, size=len(X))

    def predict_proba(self, X):
        asked.append("predict_proba")
        return np.full((len(X), 2), 0.5)


class Shift(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        asked.append("transform")
        return X + 1


class Linear(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        return self

    def predict(self, X):
        asked.append("predict")
        return np.zeros(len(X))


class Installed(DecisionTreeClassifier):
    """Of the user's, with no code but what it inherits."""


def kernel(A, B):
    asked.append("kernel")
    return np.asarray(A) @ np.asarray(B).T


def shifted(X):
    asked.append("shifted")
    return X


def method(self, X):
    asked.append("method")
    return np.zeros(len(X), int)


def with_a_method_of_its_own():
    model = LogisticRegression()
    model.predict = method.__get__(model)
    return model


OWN = {
    "a class": Guess,
    "a pipeline's last step": lambda: make_pipeline(StandardScaler(), Guess()),
    "a pipeline's first step": lambda: make_pipeline(Shift(), LogisticRegression()),
    "a function in a pipeline": lambda: make_pipeline(
        FunctionTransformer(shifted), LogisticRegression()
    ),
    "a lambda": lambda: make_pipeline(
        FunctionTransformer(lambda X: shifted(X)), LogisticRegression()
    ),
    "a kernel": lambda: SVC(kernel=kernel),
    "a member": lambda: VotingClassifier([("own", Guess()), ("tree", DecisionTreeClassifier())]),
    "a stack's last": lambda: StackingClassifier(
        [("tree", DecisionTreeClassifier())], final_estimator=Guess(), cv=2
    ),
    "members": lambda: BaggingClassifier(Guess(), n_estimators=2),
    "one of several classes": lambda: OneVsRestClassifier(Guess()),
    "columns": lambda: make_pipeline(
        ColumnTransformer([("own", Shift(), ["a"]), ("rest", "passthrough", ["b"])]),
        LogisticRegression(),
    ),
    "a union": lambda: make_pipeline(FeatureUnion([("own", Shift())]), LogisticRegression()),
    "the best of a search": lambda: GridSearchCV(
        Guess(), {"depth": [1, 2]}, cv=2, scoring=lambda *given: 0.5
    ),
    "a target's function": lambda: TransformedTargetRegressor(
        Ridge(), func=shifted, inverse_func=shifted
    ),
    "a target's model": lambda: TransformedTargetRegressor(Linear()),
    "frozen": lambda: make_pipeline(FrozenEstimator(Shift().fit(X)), LogisticRegression()),
    "a method on the instance": with_a_method_of_its_own,
    "a derived class": Installed,
}


@pytest.mark.parametrize("kind", OWN)
def test_what_has_code_of_the_users_in_it_is_asked_nothing(kind, capsys):
    asked.clear()
    bare = OWN[kind]().fit(X, y)
    during, printed = list(asked), capsys.readouterr().out
    assert hasattr(bare, "predict")
    with autotrack.enable():
        asked.clear()
        OWN[kind]().fit(X, y)
        assert asked == during
        assert capsys.readouterr().out == printed
        crate = autotrack.last_run().load_model()
        assert crate.manifest.outputs == {}
        assert asked == during


@pytest.mark.parametrize("kind", ["a class", "a function in a pipeline"])
def test_it_is_asked_where_the_user_says_so(kind):
    with autotrack.enable(ask_own_models=True):
        OWN[kind]().fit(X, y)
        crate = autotrack.last_run().load_model()
    assert "predict" in crate.manifest.outputs


def test_a_method_that_the_user_put_into_an_installed_class_is_not_asked(monkeypatch):
    monkeypatch.setattr(DecisionTreeClassifier, "predict", method)
    asked.clear()
    with autotrack.enable():
        DecisionTreeClassifier().fit(X, y)
    assert asked == []


def test_models_of_installed_packages_are_asked_as_ever():
    with autotrack.enable():
        make_pipeline(StandardScaler(), GridSearchCV(Ridge(), {"alpha": [1, 2]})).fit(X, y)
        assert "predict" in autotrack.last_run().load_model().manifest.outputs


def test_what_the_user_packs_is_asked_by_the_same_rule(tmp_path):
    asked.clear()
    model = Guess().fit(X, y)
    crate = autotrack.crate(model)
    with autotrack.start_run():
        autotrack.log_model(model)
    assert asked == []
    assert crate.manifest.outputs == {}


def test_verify_asks_models_with_code_of_the_users_in_a_process_of_their_own():
    with autotrack.enable():
        model = Guess().fit(X, y)
        asked.clear()
        found = only_run().load_model().verify()
    assert model.classes_.tolist() == [0, 1]
    assert found.ok
    assert found.answered == "predict"
    assert found.methods == ()
    assert "answers predict (which it was not asked at packing)" in str(found)
    assert asked == []


class Choosy(Guess):
    def predict(self, X):
        raise ValueError("no rows of mine")

    def predict_proba(self, X):
        raise ValueError("no rows of mine")


def test_verify_finds_no_fault_with_a_model_that_does_not_take_rows_that_were_made_up():
    with autotrack.enable():
        Choosy().fit(X, y)
        found = only_run().load_model().verify()
    assert found.ok
    assert found.answered == ""


def test_transformers_and_models_of_the_users_are_asked_nothing_to_stitch_them_together():
    def fits():
        asked.clear()
        scaled = StandardScaler().fit_transform(X)
        shifter = Shift().fit(scaled)
        shifted = shifter.transform(scaled)
        return LogisticRegression().fit(shifted, y)

    fits()
    during = list(asked)
    with autotrack.enable():
        fits()
        assert asked == during
        run = autotrack.last_run()
        assert "ask_own_models=True" in run.tags["autotrack.pipeline"]
    with autotrack.enable(ask_own_models=True):
        fits()
        assert "autotrack.pipeline" not in autotrack.last_run().tags


@pytest.mark.parametrize(
    "make",
    [
        lambda state: Guess(np.random.default_rng(1)),
        lambda state: DecisionTreeClassifier(random_state=state),
        lambda state: BaggingClassifier(random_state=state, n_estimators=3),
        lambda state: VotingClassifier([("a", DecisionTreeClassifier(random_state=state))]),
    ],
)
def test_no_random_numbers_are_used_up(make):
    def drawn():
        np.random.seed(0)
        random.seed(0)
        state = np.random.RandomState(0)
        model = make(state).fit(X, y)
        said = model.predict(X).tolist()
        return said, np.random.random(), random.random(), state.random_sample()

    expected = drawn()
    with autotrack.enable():
        assert drawn() == expected


def test_a_global_generator_that_an_installed_model_draws_from_is_put_back():
    def drawn():
        np.random.seed(0)
        model = GaussianProcessRegressor().fit(X, y)
        return model.sample_y(X[:2], random_state=None).tolist(), np.random.random()

    expected = drawn()
    with autotrack.enable():
        assert drawn() == expected
