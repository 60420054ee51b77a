"""Asking a model at packing leaves the random numbers of everybody as they were."""

from __future__ import annotations

import random

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import autotrack
from autotrack.crates.drawing import may_draw

X = np.random.default_rng(0).uniform(size=(40, 3))
y = (X[:, 0] > 0.5).astype(int)

# Models whose predictions are drawn, from everybody's generator or from one of their own.
DRAWING = {
    "stratified": DummyClassifier(strategy="stratified"),
    "many stratified": BaggingClassifier(DummyClassifier(strategy="stratified"), 40),
    "a step": make_pipeline(StandardScaler(), DummyClassifier(strategy="uniform")),
    "a function": make_pipeline(FunctionTransformer(np.random.permutation), Ridge()),
    "its own generator": DummyClassifier(
        strategy="stratified", random_state=np.random.RandomState(3)
    ),
    "scores": make_pipeline(StandardScaler(), BernoulliRBM(2, n_iter=1)),
}


def drawn_after(model: object, *, tracked: bool) -> list[float]:
    np.random.seed(0)
    random.seed(0)
    if tracked:
        with autotrack.enable():
            model.fit(X, y)
            autotrack.log_model(model)
    else:
        model.fit(X, y)
    held = getattr(model, "random_state", None)
    own = [held.uniform()] if isinstance(held, np.random.RandomState) else []
    return [np.random.uniform(), np.random.normal(), random.random(), *own]


@pytest.mark.parametrize("name", DRAWING)
def test_a_model_that_draws_when_it_predicts_uses_up_nobodys_random_numbers(name):
    from sklearn.base import clone

    bare, tracked = (clone(DRAWING[name], safe=False) for _ in range(2))
    if name == "its own generator":
        bare.random_state, tracked.random_state = (np.random.RandomState(3) for _ in range(2))
    assert drawn_after(tracked, tracked=True) == drawn_after(bare, tracked=False)


@pytest.mark.parametrize(
    "kind",
    [DummyClassifier, BernoulliRBM, np.random.RandomState, np.random.Generator, random.Random],
)
def test_what_may_draw_is_known_by_its_class(kind):
    assert may_draw(kind)


@pytest.mark.parametrize(
    "kind",
    [LogisticRegression, StandardScaler, Ridge, KNeighborsClassifier, DecisionTreeClassifier,
     np.ndarray, np.float64],
)  # fmt: skip
def test_what_has_nothing_to_draw_with_is_known_too(kind):
    assert not may_draw(kind)


def test_of_classes_of_other_packages_nothing_is_known():
    class Own(Ridge):
        def predict(self, X):
            return np.zeros(len(X))

    assert may_draw(Own)
    assert may_draw(np.median)
    assert may_draw(autotrack.enable)
