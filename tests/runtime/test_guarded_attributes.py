"""Classes that raise when they are asked for an attribute are recorded like any other."""

from __future__ import annotations

import copyreg

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack
from tests.looking import only_run

X = np.random.default_rng(0).normal(size=(60, 3))
y = (X[:, 0] > 0).astype(int)


class Fits(ClassifierMixin, BaseEstimator):
    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, y):
        self.fitted_ = LogisticRegression(C=self.C).fit(X, y)
        self.classes_ = self.fitted_.classes_
        return self


class Predicts(Fits):
    def predict(self, X):
        return self.fitted_.predict(X)


class Delegating(Fits):
    """Asked before the fit, it asks itself without end."""

    def __getattr__(self, name):
        return getattr(self.fitted_, name)


class DelegatingThroughItsDict(Fits):
    def __getattr__(self, name):
        return getattr(self.__dict__["fitted_"], name)  # KeyError


class Refusing(Predicts):
    def __getattr__(self, name):
        raise RuntimeError(f"there is no {name}")


class Leaving(Predicts):
    def __getattr__(self, name):
        raise LookupError(name)


class Answering(Predicts):
    """One that has whatever it is asked for."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return 3


class Watched(Predicts):
    def __getattribute__(self, name):
        if name in ("steps", "best_estimator_", "estimators_", "transform", "fn", "named_steps"):
            raise RuntimeError(name)
        return super().__getattribute__(name)


class Shy(Predicts):
    """Its properties raise before the fit, and some of them ever after."""

    @property
    def estimators_(self):
        raise ZeroDivisionError

    @property
    def coef_(self):
        return self.fitted_.coef_

    @property
    def n_iter_(self):
        raise KeyError("n_iter_")

    @property
    def transform(self):
        raise ValueError("no transform")

    @property
    def warm_start(self):
        raise OSError("warm_start")


class Slotted(ClassifierMixin):
    """With nothing but slots, which cannot even be referred to weakly."""

    __slots__ = ("C", "classes_", "fitted_")

    def __init__(self, C=1.0):
        self.C = C

    def get_params(self, deep=True):
        return {"C": self.C}

    def set_params(self, **params):
        for name, value in params.items():
            setattr(self, name, value)
        return self

    fit = Fits.fit
    predict = Predicts.predict


class DictOfItsOwn(Predicts):
    """What is called ``__dict__`` is something else."""

    @property
    def __dict__(self):
        raise RuntimeError("mine")


class Reduced(Predicts):
    def __reduce__(self):
        return copyreg.__newobj__, (type(self),), {"C": self.C}


class Unreducible(Predicts):
    def __reduce__(self):
        raise RuntimeError("stays here")

    def __getstate__(self):
        raise RuntimeError("stays here")


KINDS = [
    Delegating,
    DelegatingThroughItsDict,
    Refusing,
    Leaving,
    Answering,
    Watched,
    Shy,
    Slotted,
    DictOfItsOwn,
    Reduced,
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_and_its_score_are_recorded_whatever_attributes_do(kind):
    expected = accuracy_score(y, kind(C=3.0).fit(X, y).predict(X))
    with autotrack.enable():
        model = kind(C=3.0).fit(X, y)
        said = accuracy_score(y, model.predict(X))
        model.score(X, y)
        run = only_run()
    assert said == expected
    assert run.name == kind.__name__
    assert run.status == "FINISHED"
    assert run.params == {"C": 3.0}
    if kind is not Slotted:
        (found,) = {v for k, v in run.metrics.items() if k.endswith("accuracy_score")}
        assert found == pytest.approx(expected)


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in (Slotted, DictOfItsOwn)])
def test_they_are_recorded_inside_of_others(kind):
    def calls():
        try:
            make_pipeline(StandardScaler(), kind()).fit(X, y)
            GridSearchCV(kind(), {"C": [1.0, 2.0]}, cv=2, scoring="accuracy").fit(X, y)
            return cross_val_score(kind(), X, y, cv=2, scoring="accuracy").tolist()
        except Exception as error:
            return type(error), str(error)

    expected = calls()
    with autotrack.enable():
        assert calls() == expected


def test_one_that_cannot_be_pickled_has_a_run_that_says_so():
    with autotrack.enable():
        with pytest.warns(autotrack.CaptureWarning, match="stays here"):
            Unreducible().fit(X, y)
        run = only_run()
    assert run.status == "FINISHED"
    assert "stays here" in run.tags["autotrack.crate_error"]
