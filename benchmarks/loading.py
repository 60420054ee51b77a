"""Loading a crate from the store against a plain `pickle.load` of the same file."""

from __future__ import annotations

import pickle
from pathlib import Path

from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.ensemble import RandomForestClassifier

import autotrack
from benchmarks.clock import timed
from benchmarks.timing import Samples, Variant, alternate, ratios

#: Rows that a forest of 500 trees is trained on, of 20 columns; 569 are scikit-learn's own data.
ROWS = (569, 5_000, 20_000)


def load(quick: bool) -> Samples:
    """Forests of 500 trees: plain, and as crates of runs."""
    found: Samples = {}
    for rows in ROWS[: 2 if quick else 3]:
        X, y = (
            load_breast_cancer(return_X_y=True)
            if rows == ROWS[0]
            else make_classification(rows, 20, random_state=0)
        )
        with autotrack.start_run() as run:
            autotrack.log_model(RandomForestClassifier(500, n_jobs=-1, random_state=0).fit(X, y))
        uri = f"runs:/{run.run_id}/model"
        path = autotrack.download_artifact(run.run_id, "model/model.pkl", to=f"forest-{rows}")
        variants = {
            "bare": Variant(lambda path=path: timed(lambda: _plain(path))),
            "crate": Variant(lambda uri=uri: timed(lambda: autotrack.load_model(uri))),
        }
        took = alternate(variants, rounds=5 if quick else 25, block=3, warm=1)
        found[f"load_{rows}"] = ratios(took["crate"], took["bare"])
        found[f"bare_load_{rows}"] = took["bare"]
    return found


def _plain(path: Path) -> object:
    with open(path, "rb") as file:
        return pickle.load(file)
