"""`autotrack runs --tree`."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

import autotrack
from autotrack.cli import main

X = np.random.default_rng(0).normal(size=(60, 3))
y = X @ [1.0, 2.0, 3.0] + np.arange(60) / 50


@pytest.fixture
def lines() -> list[str]:
    """What is shown of a run with a fit, a further fit that fails, and a search."""
    with autotrack.enable(log_models=False), autotrack.start_run("whole"):
        Ridge(alpha=0.5).fit(X, y).score(X, y)
        with pytest.raises(ValueError, match="alpha"):
            Ridge(alpha=-1).fit(X, y)
        GridSearchCV(Ridge(), {"alpha": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 700.0]}, cv=3).fit(X, y)
    with autotrack.enable(log_models=False):
        Ridge(alpha=9).fit(X, y)
    said = CliRunner().invoke(main, ["runs", "--tree"])
    assert said.exit_code == 0, said.output
    return said.output.splitlines()


def test_children_stand_below_their_run_and_the_oldest_run_first(lines: list[str]) -> None:
    assert lines[0].startswith("whole  user")
    assert "alpha=0.5" in lines[0]
    assert "train_score" in lines[0]
    below = [line for line in lines if line.startswith(("├── ", "└── "))]
    assert ["FAILED" in line for line in below] == [True, False]
    assert "GridSearchCV: Ridge" in below[1]
    assert lines[-2].startswith("Ridge  fit")
    assert "alpha=9" in lines[-2]


def test_of_many_candidates_the_best_are_shown(lines: list[str]) -> None:
    shown = [line for line in lines if "candidate " in line]
    assert len(shown) == 5
    assert "700.0" not in "".join(shown)
    assert all("mean_test_score" in line for line in shown)
    assert any("and 2 more candidates" in line for line in lines)


def test_the_line_of_a_run_does_not_say_a_thing_twice(lines: list[str]) -> None:
    assert not any(line.count("alpha") > 1 for line in lines if "candidate " in line)
