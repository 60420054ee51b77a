"""Seeds that were never set are for the record: found, and neither told nor listed."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score

import autotrack
from autotrack.cli import main

X = np.random.default_rng(0).normal(size=(80, 3))
y = X @ [1.0, 2.0, 3.0]


def fit(seed):
    RandomForestRegressor(3, random_state=seed).fit(X, y)


def search(seed):
    GridSearchCV(RandomForestRegressor(random_state=seed), {"n_estimators": [2, 3]}, cv=2).fit(X, y)


def validate(seed):
    cross_val_score(RandomForestRegressor(3, random_state=seed), X, y, cv=2)


@pytest.mark.parametrize("train", [fit, search, validate])
def test_a_seed_that_was_never_set_is_a_finding_that_is_not_told(train, tracking, capsys):
    train(None)
    run = autotrack.last_run()
    (found,) = run.findings().to_dict("records")
    assert (found["code"], found["grade"]) == ("AT205", "for the record")
    assert found["evidence"]["seeds"] == run.tags["autotrack.unset_seeds"]
    assert capsys.readouterr().err == ""
    assert "findings" not in autotrack.search_runs()
    assert "AT205" in CliRunner().invoke(main, ["show", "last"]).output


@pytest.mark.parametrize("train", [fit, search, validate])
def test_a_seed_that_was_set_is_none(train, tracking):
    train(0)
    assert autotrack.last_run().findings().empty


@pytest.mark.parametrize(("checks", "count"), [(False, 0), (["AT104"], 0), (["AT205"], 1)])
def test_it_is_found_where_it_is_wanted(checks, count):
    autotrack.enable(log_models=False, checks=checks)
    fit(None)
    assert len(autotrack.last_run().findings()) == count
