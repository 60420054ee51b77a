"""A training that checks itself, for tests of what happens to the store meanwhile."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.metrics import confusion_matrix, r2_score

import autotrack

X = np.random.default_rng(0).normal(size=(40, 3))
y = X @ [1.0, 2.0, 3.0] + np.arange(40) / 10


def train(*alphas: float) -> None:
    """Fits and scores; that they are what they are without autotrack is checked on the way."""
    for alpha in alphas:
        model = Ridge(alpha=alpha).fit(X, y)
        predicted = model.predict(X)
        assert r2_score(y, predicted) == model.score(X, y)
        confusion_matrix(y > 0, predicted > 0)


def complete_runs(*, cut_off: bool = False) -> list[float]:
    """The `alpha` of each run that has all that `train` gives it.

    With `cut_off` the last of them may lack what was computed after its fit had returned.
    """
    found = autotrack.search_runs(where="status = 'FINISHED'", order_by="params.alpha")
    for run_id in found["run_id"]:
        run = autotrack.get_run(run_id)
        if cut_off and run_id == found["run_id"].iloc[-1]:
            assert run.load_model().estimator.alpha == run.params["alpha"]
            continue
        assert run.metrics.keys() >= {"train_r2_score", "train_score"}
        assert "scores/train_confusion_matrix.csv" in set(run.artifacts()["path"])
        assert run.load_model().estimator.alpha == run.params["alpha"]
    return found["params.alpha"].tolist()
