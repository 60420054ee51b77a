"""The work that is measured: breast-cancer (569x30), scaler and logistic regression."""

from __future__ import annotations

import hashlib
import pickle
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


def frame() -> tuple[pd.DataFrame, pd.Series]:
    """The data, as pandas."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return X, y


def pipeline() -> Pipeline:
    """A fresh, unfitted model."""
    return make_pipeline(StandardScaler(), LogisticRegression())


class Inner(BaseEstimator):  # type: ignore[misc]
    """A model whose prediction costs next to nothing."""

    def predict(self, X: Any) -> Any:
        """Return what came."""
        return X


class Outer(BaseEstimator):  # type: ignore[misc]
    """A meta-estimator whose `predict` calls that of another model many times."""

    def __init__(self, calls: int = 1000) -> None:
        self.calls = calls

    def predict(self, X: Any) -> Any:
        """Predict `calls` times and return the last."""
        inner = Inner()
        for _ in range(self.calls):
            result = inner.predict(X)
        return result


class Floor:
    """The least a durable record of a model takes.

    Pickling the model, writing and hashing the bytes, and one commit that a power cut cannot undo.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "model.pkl"
        self._connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE kept (path TEXT, size INTEGER, sha256 TEXT)")

    def keep(self, model: object) -> None:
        """Keep `model`."""
        data = pickle.dumps(model, protocol=5)
        with open(self._file, "wb") as file:
            file.write(data)
        self._insert(len(data), hashlib.sha256(data).hexdigest())

    def commit(self) -> None:
        """Make a durable commit alone."""
        self._insert(0, "")

    def _insert(self, size: int, digest: str) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute(
            "INSERT INTO kept VALUES (?, ?, ?)", (str(self._file), size, digest)
        )
        self._connection.execute("COMMIT")


def shuffled(X: pd.DataFrame, y: pd.Series) -> tuple[pd.DataFrame, pd.Series]:
    """The same rows in another order, which makes it other data than the model was trained on."""
    order = np.random.default_rng(0).permutation(len(X))
    return X.iloc[order].reset_index(drop=True), y.iloc[order].reset_index(drop=True)
