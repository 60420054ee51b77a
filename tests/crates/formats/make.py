"""Make the fixture of the crate format that the autotrack at hand writes: python make.py

Run once for each format, when it is released, in an environment of the oldest supported versions
(what they pickle opens in newer ones as well). A fixture is never made again.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack
from autotrack.crates.manifest import FORMAT

ROWS = {"aroma": [7.5, 8.0, 6.5, 7.0], "flavor": [7.0, 8.5, 6.0, 7.5]}
POINTS = [80.0, 90.0, 70.0, 79.0]


def main() -> None:
    """Fit a model, keep its crate in a folder named by the format, and what it predicts."""
    folder = Path(__file__).parent / str(FORMAT)
    rows = pd.DataFrame(ROWS)
    with autotrack.enable(store=tempfile.mkdtemp()):
        model = make_pipeline(StandardScaler(), LinearRegression()).fit(rows, POINTS)
    autotrack.last_run().load_model().save(folder / "crate")
    expected = {"rows": ROWS, "predictions": model.predict(rows).tolist()}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
