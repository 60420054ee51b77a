"""The line at exit says of how many scores no model is known, and where the first was computed."""

from __future__ import annotations

SCRIPT = """
import autotrack, numpy as np
autotrack.enable(log_models=False)
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
X = np.random.default_rng(0).normal(size=(40, 2))
y = X[:, 0]
{run}
    Ridge().fit(X, y)
    r2_score(y, X[:, 1])
    r2_score(y, X[:, 0] * 2)
"""


def test_scores_of_no_known_model_are_named_by_the_line_of_the_first(run_python, tmp_path):
    done = run_python(code=SCRIPT.format(run="if True:"))
    assert "(2 scores of no known model, the first in " in done.stderr
    assert ":10)" in done.stderr


def test_so_are_those_that_stand_apart_in_a_run(run_python):
    done = run_python(code=SCRIPT.format(run="with autotrack.start_run():"))
    assert "(2 scores of no known model, the first in " in done.stderr
