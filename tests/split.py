"""Data in two parts, as the fixtures of tests give it."""

from __future__ import annotations

from typing import Any, NamedTuple


class Split(NamedTuple):
    """Inputs and truths for training and for a test."""

    X_train: Any
    X_test: Any
    y_train: Any
    y_test: Any
