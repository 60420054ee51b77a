"""`autotrack runs --tree`."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import autotrack
from autotrack.cli import main

X = np.random.default_rng(0).normal(size=(60, 3))
y = X @ [1.0, 2.0, 3.0] + np.arange(60) / 50


def tree() -> str:
    said = CliRunner().invoke(main, ["runs", "--tree"])
    assert said.exit_code == 0, said.output
    return said.output


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
    return tree().splitlines()


def test_children_stand_below_their_run_and_the_oldest_run_first(lines: list[str]) -> None:
    assert lines[0].startswith("whole  user")
    assert "alpha=0.5" in lines[0]
    assert "train_score" in lines[0]
    below = [line for line in lines if line.startswith(("├── ", "└── "))]
    assert ["FAILED" in line for line in below] == [True, False]
    assert "GridSearchCV over Ridge" in below[1]
    assert lines[-2].startswith("Ridge  fit")
    assert "alpha=9" in lines[-2]


def test_of_many_candidates_the_best_are_shown(lines: list[str]) -> None:
    shown = [line for line in lines if "candidate " in line]
    assert len(shown) == 5
    assert "700.0" not in "".join(shown)
    assert all("mean_test_score" in line for line in shown)
    assert any("and 2 more candidates" in line for line in lines)


def test_a_param_is_shown_though_its_key_or_value_occurs_in_the_name() -> None:
    with autotrack.enable(log_models=False):
        for C in (0.1, 10, 100):
            SVC(C=C).fit(X, y > 0)
        with autotrack.start_run("exp 12"):
            DecisionTreeClassifier(max_depth=2, random_state=1).fit(X, y > 0)
        make_pipeline(StandardScaler(with_mean=False), Ridge(alpha=2)).fit(X, y)
    said = tree().splitlines()
    for each in ("C=0.1", "C=10 ", "C=100"):
        assert any(line.startswith("SVC ") and each in f"{line} " for line in said)
    assert any(
        line.startswith("exp 12") and "max_depth=2" in line and "random_state=1" in line
        for line in said
    )
    assert any(
        "standardscaler__with_mean=False" in line and "ridge__alpha=2" in line for line in said
    )


def test_every_param_in_which_the_children_of_a_run_differ_is_shown() -> None:
    grid = {"C": [1.0, 2.0], "gamma": [0.1], "coef0": [0.0], "tol": [0.1, 0.2], "shrinking": [True],
            "degree": [2, 3], "cache_size": [100.0, 150.0], "max_iter": [50, 60]}  # fmt: skip
    with autotrack.enable(log_models=False), autotrack.start_run("sweep"):
        for depth in (1, 2, 3):
            RandomForestClassifier(
                n_estimators=2, criterion="entropy", min_samples_leaf=2, max_features=2,
                min_samples_split=3, max_leaf_nodes=5, ccp_alpha=depth / 10,
            ).fit(X, y > 0)  # fmt: skip
        GridSearchCV(SVC(), grid, cv=2).fit(X, y > 0)
    said = tree()
    for depth in (1, 2, 3):
        assert f"ccp_alpha={depth / 10}" in said
    candidates = [line for line in said.splitlines() if "candidate " in line]
    for line in candidates:
        for key in ("C", "tol", "degree", "cache_size", "max_iter"):
            assert line.count(f"{key}=") == 1
