"""Means with their errors, and runs that tie, as the command line shows them."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import autotrack
from autotrack.cli import main

X, y = load_breast_cancer(return_X_y=True)
MEAN = "mean_test_accuracy"


def look(*arguments: str) -> str:
    done = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(autouse=True)
def three_runs(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    with autotrack.enable(log_models=False):
        for C in (1.0, 0.9):
            model = make_pipeline(StandardScaler(), LogisticRegression(C=C))
            cross_val_score(model, X, y, cv=5, scoring="accuracy")
        cross_val_score(
            DecisionTreeClassifier(max_depth=1, random_state=0), X, y, cv=5, scoring="accuracy"
        )


def test_lists_and_runs_show_mean_error_and_number_of_splits():
    number = r"0\.\d+ ± 0\.0\d+ \(5\)"
    assert len(re.findall(number, look("runs"))) == 3
    assert re.search(rf"{MEAN} +0\.", look("show", "last"))
    assert "± 0.0" in look("show", "last")
    assert "± 0.0" in look("runs", "--tree")


def test_the_candidates_of_a_search_have_them_too():
    with autotrack.enable(log_models=False):
        GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=3).fit(X, y)
    assert len(re.findall(r"0\.\d+ ± 0\.\d+ \(3\)", look("show", "last"))) == 2


def test_the_best_run_is_shown_with_those_that_tie():
    shown = look("best", MEAN)
    assert "(standard error, n = 5)" in shown
    assert "tied with" in shown


def test_two_runs_are_compared():
    ids = autotrack.search_runs(order_by="start_time")["run_id"].tolist()
    assert "tied: p" in look("compare", ids[0], ids[1])
    shown = look("compare", ids[0], "last", MEAN, "--rope", "0.01")
    assert "differs: p" in shown
    assert re.search(r"better (0\.9\d*|1)", shown)
