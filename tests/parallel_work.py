"""Work that tests hand to threads and processes."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

import autotrack

X = np.random.default_rng(0).normal(size=(60, 3))
y = X @ [1.0, 2.0, 3.0] + np.arange(60) / 50
X_test, y_test = X[:20] + 0.5, y[:20]


def fit(alpha: float) -> Ridge:
    """A fit with a score."""
    model = Ridge(alpha=alpha).fit(X, y)
    r2_score(y_test, model.predict(X_test))
    return model


def fit_and_predict(alpha: float) -> dict[str, Any]:
    return {"alpha": alpha, "prediction": fit(alpha).predict(X_test)}


def fit_in_a_run(name: str) -> str:
    with autotrack.start_run(name) as run:
        fit(0.5)
        autotrack.log_metric("by_hand", 1.0)
    return run.run_id


def fit_and_die(alpha: float) -> None:
    fit(alpha)
    with autotrack.start_run("cut off"):
        os.kill(os.getpid(), signal.SIGKILL)


def fail(alpha: float) -> None:
    fit(alpha)
    raise LookupError(f"alpha {alpha}")
