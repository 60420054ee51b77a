"""Held-out sets that are parts of others are linked, by counts of rows alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score

import autotrack
from autotrack.cli import main

random = np.random.default_rng(0)
X = random.normal(size=(300, 3))
y = (X[:, 0] + random.normal(size=300) > 0).astype(int)


def judge(rows, C=1.0, hold=np.asarray):
    model = LogisticRegression(C=C).fit(X[:100], y[:100])
    X_test, y_test = hold(X[rows]), y[rows]
    accuracy_score(y_test, model.predict(X_test))


def ledger():
    return autotrack.held_out_sets().set_index("rows")[["models", "related_models", "shares_rows"]]


@pytest.mark.parametrize("first", [(100, 300), (150, 200)])
@pytest.mark.parametrize("hold", [np.asarray, pd.DataFrame])
def test_a_part_of_a_held_out_set_and_the_whole_know_each_other(first, hold, tracking):
    spans = [(100, 300), (150, 200)]
    judge(slice(*first))
    judge(slice(*next(span for span in spans if span != first)), C=0.01, hold=hold)
    found = ledger()
    assert found["models"].tolist() == [1, 1]
    assert found["related_models"].tolist() == [2, 2]
    assert all("(50)" in shared for shared in found["shares_rows"])
    assert "judged 1 model, 2 with sets that share its rows" in repr(autotrack.last_run())


def test_a_model_that_judged_both_is_one_model(tracking):
    model = LogisticRegression().fit(X[:100], y[:100])
    X_test, X_val = X[100:], X[100:200]
    accuracy_score(y[100:], model.predict(X_test))
    accuracy_score(y[100:200], model.predict(X_val))
    assert ledger()["related_models"].tolist() == [1, 1]


def test_sets_without_rows_in_common_do_not(tracking):
    judge(slice(100, 200))
    judge(slice(200, 300))
    assert ledger()["shares_rows"].tolist() == ["", ""]


def test_rows_of_few_kinds_link_nothing(tracking):
    few = random.integers(0, 2, (300, 2)).astype(float)
    model = LogisticRegression().fit(few[:100], y[:100])
    for X_test, y_test in ((few[100:200], y[100:200]), (few[200:], y[200:])):
        accuracy_score(y_test, model.predict(X_test))
    assert not any(ledger()["shares_rows"])


def test_the_links_outlast_the_process_and_its_runs_alone_count(tracking, run_python):
    judge(slice(100, 300))
    judge(slice(150, 200))
    told = run_python(code="import autotrack; print(autotrack.held_out_sets()['shares_rows'][0])")
    assert "(50)" in told.stdout
    autotrack.delete_run(autotrack.last_run().run_id)
    assert ledger()["shares_rows"].tolist() == [""]


def test_lists_and_frames_say_how_many_models_the_data_has_judged(tracking):
    judge(slice(100, 200), C=0.001)
    assert "judged" not in autotrack.search_runs()
    judge(slice(100, 200), C=1.0)
    judge(slice(200, 300), C=1.0)
    frame = autotrack.search_runs(order_by="start_time")
    assert frame["judged"].tolist() == [2, 2, 1]
    assert frame["judged"].dtype == "Int64"
    said = CliRunner().invoke(main, ["runs"], env={"COLUMNS": "200"}).output
    assert "judged" in said
    with autotrack.start_run("several") as run:
        judge(slice(100, 200), C=3.0)
        judge(slice(100, 200), C=30.0)
    assert run.children()["judged"].max() == 4


def test_lists_have_a_column_of_findings(tracking):
    judge(slice(90, 200))
    output = CliRunner().invoke(main, ["runs"], env={"COLUMNS": "200"}).output
    assert "findings" in output
    assert "AT104" in output
    assert "AT104" in CliRunner().invoke(main, ["runs", "--tree"]).output
