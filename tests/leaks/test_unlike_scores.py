"""Scores that are put in order although they are of different data, or of different metrics."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack
from autotrack.cli import main
from autotrack.tracking.recording import unlike_scores


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch):
    monkeypatch.setattr(unlike_scores, "_told", set())


def score(seed, alpha=1.0):
    """A ridge, on a split of its own."""
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 3))
    y = X @ [1.0, 2.0, 3.0] + random.normal(size=200)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
    model = Ridge(alpha=alpha).fit(X_train, y_train)
    r2_score(y_test, model.predict(X_test))
    return autotrack.last_run().run_id


def test_the_best_of_runs_on_different_data_says_so(tracking, capsys):
    for seed in (0, 1, 1):
        score(seed, alpha=float(seed + 1))
    best = autotrack.best_run("test_r2_score")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("autotrack: AT302 worth a look: test_r2_score of 3 runs was computed on")
    assert "2 different data sets" in line
    assert "AT302" in repr(best)
    assert "AT302" in best._repr_html_()
    assert "AT302" not in repr(autotrack.get_run(best.run_id))
    autotrack.best_run("test_r2_score")
    assert capsys.readouterr().err == ""


def test_the_best_of_runs_on_the_same_data_is_returned_without_a_word(tracking, capsys):
    for alpha in (0.1, 1.0):
        score(0, alpha)
    assert "AT302" not in repr(autotrack.best_run("test_r2_score"))
    autotrack.search_runs(order_by="metrics.test_r2_score desc")
    assert capsys.readouterr().err == ""


def test_only_the_runs_that_are_asked_about_are_compared(capsys):
    autotrack.enable(log_models=False, experiment="a")
    score(0)
    autotrack.enable(experiment="b")
    score(1)
    assert "AT302" not in repr(autotrack.best_run("test_r2_score", experiment="a"))
    assert "AT302" in repr(autotrack.best_run("test_r2_score"))


def test_a_list_in_the_order_of_a_metric_says_so_too(tracking, capsys):
    score(0)
    score(1)
    autotrack.search_runs(order_by="start_time")
    assert capsys.readouterr().err == ""
    autotrack.search_runs(order_by="metrics.test_r2_score desc")
    assert "AT302" in capsys.readouterr().err
    unlike_scores._told.clear()
    done = CliRunner().invoke(main, ["runs", "-o", "metrics.test_r2_score desc"])
    assert "AT302" in done.output


@pytest.mark.parametrize("checks", [False, ["AT104"]])
def test_checks_that_are_not_wanted_compare_nothing(checks, capsys):
    autotrack.enable(log_models=False, checks=checks)
    score(0)
    score(1)
    assert "AT302" not in repr(autotrack.best_run("test_r2_score"))
    assert capsys.readouterr().err == ""


def test_a_score_of_a_classifier_and_one_of_a_regressor_are_not_one_metric(tracking, capsys):
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 3))
    y = (X[:, 0] > 0).astype(int)
    for model in (LinearRegression(), make_pipeline(StandardScaler(), LogisticRegression())):
        model.fit(X[:100], y[:100]).score(X[100:], y[100:])
    assert "is not one metric: r2 (1) and accuracy (1)" in repr(autotrack.best_run("test_score"))


def test_best_scores_of_searches_by_different_metrics_are_not_one_metric(tracking):
    random = np.random.default_rng(0)
    X = random.normal(size=(90, 3))
    y = (X[:, 0] > 0).astype(int)
    for scoring in ("f1", None):
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, scoring=scoring, cv=3).fit(X, y)
    assert "is not one metric" in repr(autotrack.best_run("best_score"))


def test_a_run_keeps_that_its_children_are_compared_on_different_data(tracking, capsys):
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 3))
    y = X @ [1.0, 2.0, 3.0] + random.normal(size=300)
    with autotrack.start_run("compared") as run:
        for alpha, test in ((0.1, slice(100, 200)), (1.0, slice(200, 300))):
            model = Ridge(alpha=alpha).fit(X[:100], y[:100])
            r2_score(y[test], model.predict(X[test]))
    found = run.findings()
    assert found["code"].tolist() == ["AT302"]
    assert found["evidence"][0]["data_sets"] == 2
    assert "autotrack: AT302 worth a look" in capsys.readouterr().err
    assert autotrack.search_runs()["findings"].tolist() == ["AT302"]
