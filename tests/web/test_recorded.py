"""Charts of the tables that scores and displays leave with a run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibrationDisplay
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import (
    PredictionErrorDisplay,
    confusion_matrix,
    precision_recall_curve,
    roc_curve,
)
from sklearn.model_selection import learning_curve, validation_curve

import autotrack
from autotrack.store.store import Store
from autotrack.web.pages.run import drawings
from autotrack.web.reading.found import Reader


@pytest.fixture
def drawn(store_path):
    """The names of the charts of all runs, with the charts."""
    pytest.importorskip("matplotlib").use("Agg")
    chance = np.random.default_rng(0)
    X = pd.DataFrame(chance.normal(size=(120, 2)), columns=["a", "b"])
    y = X["a"] + chance.normal(size=120)
    with autotrack.enable(progress=False, checks=False), autotrack.start_run("whole"):
        model = LogisticRegression().fit(X, y > 0)
        shown = model.predict_proba(X)[:, 1]
        roc_curve(y > 0, shown)
        precision_recall_curve(y > 0, shown)
        confusion_matrix(y > 0, model.predict(X))
        CalibrationDisplay.from_estimator(model, X, y > 0)
        PredictionErrorDisplay.from_estimator(Ridge().fit(X, y), X, y)
        learning_curve(Ridge(), X, y, cv=3)
        validation_curve(Ridge(), X, y, param_name="alpha", param_range=[0.1, 1.0], cv=3)
    store = Store(store_path, create=False)
    with store.reading() as connection:
        runs = [run for (run,) in connection.execute("SELECT run_id FROM runs")]
    found = [
        pair for run in runs for pair in drawings(Reader(store), run, store.list_artifacts(run))
    ]
    store.close()
    return dict(found)


def test_every_kind_of_curve_and_matrix_is_drawn(drawn):
    names = " ".join(drawn)
    for kind in ("roc", "precision_recall", "confusion", "calibration", "curve"):
        assert kind in names, names
    residuals = [chart for chart in drawn.values() if "true less predicted" in chart]
    assert len(residuals) == 1
    assert residuals[0].count("<circle") >= 5
    assert all("<svg" in chart for chart in drawn.values())
