"""
=======================
An estimator of its own
=======================

One that warns its callers, draws random numbers and counts how often it is asked.
"""

import random
import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import cross_validate
from sklearn.tree import DecisionTreeClassifier

np.random.seed(0)
random.seed(0)
X, y = load_iris(return_X_y=True)


class Guess(ClassifierMixin, BaseEstimator):
    """Guesses among the classes."""

    asked = 0

    def __init__(self, generator=None, level=2):
        self.generator = generator
        self.level = level

    def fit(self, X, y):
        warnings.warn("fit guesses", DeprecationWarning, stacklevel=self.level)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        Guess.asked += 1
        warnings.warn("predict guesses", FutureWarning, stacklevel=self.level)
        generator = self.generator or np.random
        return self.classes_[(generator.random(len(X)) * len(self.classes_)).astype(int)]


generator = np.random.default_rng(0)


def judged(level):
    guess = Guess(generator, level).fit(X, y)
    return accuracy_score(y, guess.predict(X)), guess.score(X, y), generator.random()


for level in (1, 2, 3):
    print(level, *judged(level))
print(cross_validate(Guess(), X, y, cv=3)["test_score"])
vote = VotingClassifier([("guess", Guess()), ("tree", DecisionTreeClassifier(max_depth=1))])
print(clone(vote).fit(X, y).score(X, y))
print(BaggingClassifier(Guess(), n_estimators=3, random_state=0).fit(X, y).predict(X)[:5])
print("asked", Guess.asked, "times;", np.random.random(), random.random())
