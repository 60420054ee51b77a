"""Asking a model at packing leaves the random numbers of everybody as they were."""

from __future__ import annotations

import random
import types
from collections.abc import Iterator
from typing import Any

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
from autotrack.crates.verification.drawing import ASKED, CHANCE, may_draw
from autotrack.runtime.patching import unwrapped

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


# -- what scikit-learn's own code leads to --------------------------------------------------------

# These speak of random states, and draw from none.
HARMLESS = (
    "sklearn.utils._param_validation",
    "sklearn.utils._metadata_requests",
    "sklearn.utils._array_api",
)


class Search:
    """What is reached by name from methods of scikit-learn's, each piece of code once."""

    def __init__(self) -> None:
        self._seen: set[object] = set()

    def method(self, cls: type, name: str) -> bool:
        """Whether a method, that of `cls` or of a class below it, leads to what draws."""
        held = (vars(owner)[name] for owner in _own_classes(cls) if name in vars(owner))
        return any(self._function(function, cls) for function in map(_function_in, held))

    def _function(self, function: object, cls: type | None) -> bool:
        while isinstance(function, types.FunctionType):
            module, here = function.__module__ or "", (function, cls)
            if here in self._seen:
                return False
            self._seen.add(here)
            is_told = module.startswith("sklearn.") and not module.startswith(HARMLESS)
            if is_told and self._code(function.__code__, function.__globals__, cls):
                return True
            function = getattr(function, "__wrapped__", None)
        return False

    def _code(self, code: types.CodeType, names: dict[str, Any], cls: type | None) -> bool:
        spoken = (*code.co_names, *code.co_varnames)
        if any(word in name.lower() for name in spoken for word in CHANCE):
            return True
        inner = (const for const in code.co_consts if isinstance(const, types.CodeType))
        if any(self._code(each, names, cls) for each in inner):
            return True
        return any(
            (cls is not None and name != "__init__" and self.method(cls, name))
            or self._global(names.get(name))
            for name in code.co_names
        )

    def _global(self, value: object) -> bool:
        if not isinstance(value, type):
            return self._function(value, None)
        if value in self._seen:
            return False
        self._seen.add(value)
        # What is made of a class there may be fitted there.
        names = {name for owner in _own_classes(value) for name in vars(owner)}
        return any(
            self.method(value, name)
            for name in names
            if name in ASKED or name.startswith(("fit", "_fit", "__init__"))
        )


def _own_classes(cls: type) -> Iterator[type]:
    return (owner for owner in cls.__mro__ if owner.__module__.startswith("sklearn."))


def _function_in(held: object) -> object:
    """The function of a method, one that is there at times, a property, or a class method."""
    held = unwrapped(held)
    for inner in ("fn", "fget", "__func__"):
        held = getattr(held, inner, None) or held
    return held


def classes_below(cls: type) -> Iterator[type]:
    for below in cls.__subclasses__():
        yield below
        yield from classes_below(below)


def test_every_class_of_scikit_learn_whose_code_leads_to_drawing_is_known():
    from sklearn.base import BaseEstimator
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - which is its use
    from sklearn.gaussian_process.kernels import Kernel
    from sklearn.utils import all_estimators

    everything = {cls for _, cls in all_estimators()}
    everything |= {cls for base in (BaseEstimator, Kernel) for cls in classes_below(base)}
    own = [cls for cls in everything if cls.__module__.startswith("sklearn.")]
    found = {
        cls.__name__
        for cls in own
        if any(Search().method(cls, name) for name in ASKED) and ".tests." not in cls.__module__
    }
    assert {"DummyClassifier", "SparseCoder", "BernoulliRBM"} <= found
    assert found == found & {cls.__name__ for cls in own if may_draw(cls)}
    assert len(found) < len(own) / 5
