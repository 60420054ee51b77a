"""Tracking without crates, which take time and are tested in a room of their own; and data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

import autotrack


class Split(NamedTuple):
    X_train: Any
    X_test: Any
    y_train: Any
    y_test: Any


@pytest.fixture
def tracking() -> Iterator[autotrack.Session]:
    with autotrack.enable(log_models=False) as session:
        yield session


@pytest.fixture
def classes() -> Split:
    """Three classes in four columns, not separable."""
    random = np.random.RandomState(0)
    y = random.randint(0, 3, 240)
    X = random.normal(size=(240, 4)) + np.eye(3)[y] @ random.normal(size=(3, 4))
    return Split(X[:160], X[160:], y[:160], y[160:])


@pytest.fixture
def binary(classes: Split) -> Split:
    """The same columns, and two classes."""
    return classes._replace(y_train=classes.y_train % 2, y_test=classes.y_test % 2)


@pytest.fixture
def numbers() -> Split:
    """A number to be predicted from four columns, with noise."""
    random = np.random.RandomState(1)
    X = random.normal(size=(240, 4))
    y = X @ [3.0, -2.0, 1.0, 0.5] + random.normal(size=240)
    return Split(X[:160], X[160:], y[:160], y[160:])


@pytest.fixture
def classifier(tracking: autotrack.Session, binary: Split) -> LogisticRegression:
    """Fitted while tracking was on."""
    return LogisticRegression(C=0.5).fit(binary.X_train, binary.y_train)


@pytest.fixture
def regressor(tracking: autotrack.Session, numbers: Split) -> Ridge:
    """Fitted while tracking was on."""
    return Ridge(alpha=2.0).fit(numbers.X_train, numbers.y_train)
