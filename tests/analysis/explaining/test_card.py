"""A model card says what is recorded, with the run it comes from, and marks every gap."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack
from autotrack.analysis.explaining.reforms import ITEMS
from autotrack.cli import main

RANDOM = np.random.RandomState(0)
X = pd.DataFrame(RANDOM.normal(size=(120, 3)), columns=["size", "weight", "age"])
y = pd.Series((X["size"] + RANDOM.normal(size=120) > 0).astype(int), name="label")


def last() -> autotrack.Run:
    run = autotrack.last_run()
    assert run is not None
    return run


def said(card, section):
    return {s.name: s for s in card.statements if s.section == section}


@pytest.fixture
def scored():
    """A pipeline that was scored on held-out data, with its crate."""
    with autotrack.enable():
        X_test, y_test = X[80:], y[80:]
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(X[:80], y[:80])
        accuracy_score(y_test, model.predict(X_test))
        yield last()


def test_each_statement_names_its_run_and_each_gap_says_why(scored):
    card = scored.card()
    for statement in card.statements:
        assert bool(statement.run_id) != bool(statement.gap)
        assert (statement.value is None) == bool(statement.gap)
    assert {s.run_id for s in card.statements if not s.gap} == {scored.run_id}


def test_a_card_says_what_the_run_says(scored):
    card = scored.card()
    assert said(card, "Params")["logisticregression__C"].value == 0.5
    assert "80 x 3" in said(card, "Data")["train"].value
    assert said(card, "Split")["held out: test"].value == "40 rows beside 80 for training"
    assert "StandardScaler" in said(card, "Preprocessing")["step 1"].value
    value = scored.metrics["test_accuracy_score"]
    assert said(card, "Scores")["test_accuracy_score"].value == f"{value:.6g}"
    assert {"size", "weight", "age"} <= said(card, "Contract").keys()
    assert "scikit-learn" in said(card, "Versions")["packages"].value


def test_what_the_record_does_not_say_is_a_gap(scored):
    gaps = scored.card().gaps
    assert {"Split: separation", "Scores: uncertainty", "Selection: candidates"} <= set(gaps)
    assert {"Licence and use: licence", "Licence and use: intended use"} <= set(gaps)


def test_a_search_says_how_many_candidates_there_were_and_the_error_of_its_score(tracking):
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0, 10.0]}, cv=4).fit(X, y)
    card = last().card()
    assert said(card, "Selection")["candidates"].value == "the best of 3 candidates"
    [score] = [s for s in card.statements if s.name.startswith("mean_test_")]
    results = search.cv_results_
    values = [results[f"split{i}_test_score"][search.best_index_] for i in range(4)]
    error = np.std(values, ddof=1) / math.sqrt(4)
    expected = f"{search.best_score_:.6g} ± {error:.2g} (standard error, 4 splits)"
    assert score.value == expected
    assert score.run_id in last().children()["run_id"].tolist()


def test_a_seed_that_was_never_set_is_a_gap(tracking):
    RandomForestRegressor(2).fit(X, y)
    assert "random_state" in said(last().card(), "Params")["seed"].gap


def test_items_of_reforms_are_ticked_only_with_evidence(tracking):
    cross_validate(make_pipeline(StandardScaler(), Ridge()), X, y)
    with_steps = last().card().evidence()
    assert list(with_steps) == list(ITEMS)
    assert len(ITEMS) == 32
    for item in ("2c", "4c", "5a", "5c", "6a", "7b"):
        assert with_steps[item]
    for item in ("1a", "3b", "5b", "6c", "8b"):  # what no record can know
        assert not with_steps[item]
    scaled = StandardScaler().fit_transform(X)
    cross_validate(Ridge(), scaled, y)
    assert not last().card().evidence()["6a"]  # the scaler had seen the rows of all splits
    Ridge().fit(X, y)
    assert not last().card().evidence()["7b"]


def test_markdown_and_json_say_the_same(scored, tmp_path):
    card = scored.card()
    told = json.loads(card.save(tmp_path / "card.json").read_text())
    text = card.save(tmp_path / "card.md").read_text()
    assert text == str(card) == card._repr_markdown_()
    assert told == card.to_dict()
    assert (
        text.count("*gap: ")
        == len(card.gaps)
        == sum(s["gap"] is not None for s in told["statements"])
    )
    assert text.count("- [x] ") == sum(bool(item["evidence"]) for item in told["reforms"])
    assert text.count("- [ ] ") + text.count("- [x] ") == 32


def test_recorded_texts_make_no_links_and_no_tags(tracking):
    with autotrack.start_run("<script>[a](http://b)"):
        Ridge().fit(X, y)
    text = str(last().card())
    assert "<script>" not in text.replace("\\<", "")
    assert "[a](" not in text


def test_the_command_prints_the_card_of_a_run_or_of_a_registered_model(scored, tmp_path):
    printed = CliRunner().invoke(main, ["card", scored.run_id[:8]]).output
    assert printed == str(scored.card())
    told = json.loads(CliRunner().invoke(main, ["card", "last", "--json"]).output)["data"]
    assert told == scored.card().to_dict()
    version = autotrack.register_model(f"runs:/{scored.run_id}/model", "labels")
    autotrack.set_alias("labels", "champion", version.version)
    printed = CliRunner().invoke(main, ["card", "models:/labels@champion"]).output
    assert printed.startswith("# labels, version 1\n")
    assert "models:/labels/1 (champion)" in printed
    CliRunner().invoke(main, ["card", "last", "-o", str(tmp_path / "card.md")])
    assert (tmp_path / "card.md").read_text() == str(scored.card())


def test_values_of_the_data_are_in_no_card(scored):
    text = str(scored.card()) + json.dumps(scored.card().to_dict())
    middle = sorted(X["size"][:80])[40]
    assert repr(float(middle)) not in text


def test_what_makes_a_score_worth_less_is_on_the_card():
    with autotrack.enable(log_models=False):
        for C in (0.1, 1.0):
            model = LogisticRegression(C=C).fit(X[:80], y[:80])
            X_test, y_test = X[60:], y[60:]
            accuracy_score(y_test, model.predict(X_test))
    card = last().card()
    assert said(card, "Split")["test: rows that training had"].value == (
        "20 of 60 rows, 20 with the same target"
    )
    assert "20 of 60 scored rows are training rows" in said(card, "Scores")["AT104"].value
    assert said(card, "Selection")["held-out set: test"].value.startswith("judged 2 models")


def test_a_card_without_findings_claims_no_separation(scored):
    separation = said(scored.card(), "Split")["separation"]
    assert separation.value is None
    assert separation.gap.startswith("no row of training was noted")
