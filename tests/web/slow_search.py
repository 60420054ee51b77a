"""A search that waits for files to appear: ``python -m tests.web.slow_search FOLDER``.

Before the evaluation of a number it waits until a file called after the number is in the folder.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

import autotrack

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
_count = 0


class Waiting(LogisticRegression):
    """Waits before it fits."""

    def fit(self, X, y, sample_weight=None):
        global _count
        _count += 1
        while not (FOLDER / str(_count)).exists():
            time.sleep(0.02)
        return super().fit(X, y, sample_weight)


if __name__ == "__main__":
    X, y = make_classification(100, random_state=0)
    with autotrack.enable(experiment="waiting", progress=False):
        GridSearchCV(Waiting(), {"C": [0.1, 1.0, 10.0]}, cv=2).fit(X, y)
