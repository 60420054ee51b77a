"""Held-out sets count the models that they judged, whoever writes and whatever is killed."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    make_scorer,
    mean_absolute_error,
    mean_pinball_loss,
    mean_squared_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
    zero_one_loss,
)
from sklearn.model_selection import GridSearchCV, train_test_split

import autotrack

SCRIPT = """
import os, sys
import numpy as np
import autotrack
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
autotrack.enable(log_models=False)
random = np.random.default_rng(0)
X, y = random.normal(size=(200, 3)), random.integers(0, 2, 200)
X_train, X_test, y_train, y_test = X[:100], X[100:], y[:100], y[100:]
for number in range(3):
    model = LogisticRegression(C=10.0 ** (3 * int(sys.argv[1]) + number)).fit(X_train, y_train)
    accuracy_score(y_test, model.predict(X_test))
os.kill(os.getpid(), 9)
"""


def data(rows=200):
    random = np.random.default_rng(0)
    X = random.normal(size=(rows, 3))
    return train_test_split(X, (X[:, 0] > 0).astype(int), random_state=0)


def judge(**params):
    X_train, X_test, y_train, y_test = data()
    model = LogisticRegression(**params).fit(X_train, y_train)
    accuracy_score(y_test, model.predict(X_test))


def test_different_models_are_counted_and_the_same_one_only_once():
    autotrack.enable(log_models=False)
    for C in (0.001, 1.0, 100.0, 100.0):
        judge(C=C)
    (row,) = autotrack.held_out_sets().to_dict("records")
    assert (row["models"], row["runs"], row["rows"], row["data"]) == (3, 4, 50, "test")
    assert row["metric"] == "accuracy_score"
    assert row["best"] == autotrack.get_run(row["best_run"]).metrics["test_accuracy_score"]
    assert 0 < row["optimism"] < 0.2


def test_a_run_says_how_many_models_its_data_has_judged():
    autotrack.enable(log_models=False)
    judge(C=0.001)
    assert "judged" not in repr(autotrack.last_run())
    judge(C=1.0)
    for said in (autotrack.best_run("test_accuracy_score"), autotrack.last_run()):
        assert "judged 2 models" in repr(said)
        assert "judged 2 models" in said._repr_html_()


def test_training_data_and_deleted_runs_are_not_in_the_ledger():
    autotrack.enable(log_models=False)
    X_train, _, y_train, _ = data()
    Ridge().fit(X_train, y_train).score(X_train, y_train)
    assert autotrack.held_out_sets().empty
    judge()
    autotrack.delete_run(autotrack.last_run().run_id)
    assert autotrack.held_out_sets().empty


def test_scores_on_other_data_of_the_same_name_are_that_datas():
    autotrack.enable(log_models=False)
    X_train, X_test, y_train, y_test = data()
    model = LogisticRegression().fit(X_train, y_train)
    for rows in (slice(None), slice(20)):
        accuracy_score(y_test[rows], model.predict(X_test[rows]))
    assert len(autotrack.last_run().metrics) == 2
    assert autotrack.held_out_sets()["metric"].tolist() == ["accuracy_score"] * 2


def test_a_ledger_of_one_experiment_counts_the_models_of_all():
    autotrack.enable(log_models=False, experiment="a")
    judge(C=0.001)
    autotrack.enable(log_models=False, experiment="b")
    judge(C=1.0)
    assert autotrack.held_out_sets("a")["models"].tolist() == [2]
    assert autotrack.held_out_sets()["experiments"].tolist() == ["a, b"]


def scored(*values):
    """Another model for each value, whose scorer returns it."""
    X_train, X_test, y_train, y_test = data()
    for place, value in enumerate(values):
        model = LogisticRegression(C=2.0**place).fit(X_train, y_train)
        scorer = make_scorer(lambda truth, predicted, value=value: value)
        scorer._score_func.__name__ = "my_score"
        scorer(model, X_test, y_test)
    (row,) = autotrack.held_out_sets().to_dict("records")
    return row


def test_scores_that_are_no_numbers_count_as_models_and_not_in_mean_or_best():
    autotrack.enable(log_models=False)
    row = scored(0.5, np.nan, 0.7, np.nan)
    assert (row["models"], row["best"]) == (4, 0.7)
    assert row["mean"] == pytest.approx(0.6)
    assert row["std"] == pytest.approx(np.std([0.5, 0.7], ddof=1))


def test_a_held_out_set_of_undefined_scores_alone_has_no_best():
    autotrack.enable(log_models=False)
    row = scored(np.nan, np.nan)
    assert (row["models"], row["best_run"]) == (2, None)
    assert np.isnan([row["best"], row["mean"], row["std"]]).all()


def test_infinite_scores_are_told_as_they_are():
    autotrack.enable(log_models=False)
    row = scored(0.5, np.inf, -np.inf)
    assert row["best"] == np.inf
    assert np.isnan([row["mean"], row["std"]]).all()


def test_the_best_by_a_loss_with_options_is_the_least():
    autotrack.enable(log_models=False)
    X_train, X_test, y_train, y_test = data()
    found = []
    for alpha in (0.01, 10_000):
        predicted = Ridge(alpha=alpha).fit(X_train, y_train).predict(X_test)
        found.append(mean_pinball_loss(y_test, predicted, alpha=0.9))
    (row,) = autotrack.held_out_sets().to_dict("records")
    assert row["metric"] == "mean_pinball_loss_alpha_0.9"
    assert row["best"] == min(found)


def test_a_training_that_is_made_again_is_one_model_whatever_is_computed_of_it():
    autotrack.enable(log_models=False)
    X_train, X_test, y_train, y_test = data()
    for metrics in ((r2_score,), (r2_score, mean_absolute_error), (mean_squared_error,)):
        predicted = Ridge().fit(X_train, y_train).predict(X_test)
        for metric in metrics:
            metric(y_test, predicted)
    found = autotrack.held_out_sets().set_index("metric")
    assert found["models"].tolist() == [1, 1, 1]
    assert found["runs"].tolist() == [3, 3, 3]
    assert np.isnan(found["std"]).all()
    assert found.loc["r2_score", "mean"] == r2_score(y_test, predicted)
    Ridge(alpha=100).fit(X_train, y_train).score(X_test, y_test)
    assert set(autotrack.held_out_sets()["models"]) == {2}


def test_models_that_were_trained_without_a_seed_are_different_if_their_scores_are():
    autotrack.enable(log_models=False)
    X_train, X_test, y_train, y_test = data()
    scores = set()
    for _ in range(4):
        model = DummyClassifier(strategy="uniform").fit(X_train, y_train)
        scores.add(accuracy_score(y_test, model.predict(X_test)))
    (row,) = autotrack.held_out_sets().to_dict("records")
    assert row["models"] == len(scores) > 1


def test_an_undefined_score_makes_a_training_that_is_made_again_no_other_model():
    autotrack.enable(log_models=False)
    assert scored(np.nan)["models"] == 1
    row = scored(np.nan)
    assert (row["models"], row["runs"]) == (1, 2)


def judge_by_chance(models, rows=150, keep=True):
    """Score models that predict by chance, so that all are equally good."""
    random = np.random.default_rng(1)
    X, y = random.normal(size=(2 * rows, 2)), random.integers(0, 2, 2 * rows)
    X_train, X_test, y_train, y_test = X[:rows], X[rows:], y[:rows], y[rows:]
    for seed in models:
        model = DummyClassifier(strategy="uniform", random_state=seed).fit(X_train, y_train)
        with autotrack.keep_predictions(keep):
            accuracy_score(y_test, model.predict(X_test))


def test_the_optimism_is_found_from_kept_rows_and_else_it_is_the_bound():
    autotrack.enable(log_models=False)
    judge_by_chance(range(12))
    (row,) = autotrack.held_out_sets().to_dict("records")
    assert row["optimism_by"] == "bootstrap"
    # Twelve independent shares of 150 rows: 1.63 times their standard deviation.
    assert row["optimism"] == pytest.approx(
        1.63 * 0.5 / np.sqrt(150), abs=3 * row["optimism_error"]
    )
    assert 0 < row["optimism_error"] < 0.2 * row["optimism"]
    said = f"gains {row['optimism']:.2g} ± {row['optimism_error']:.1g} in accuracy_score by luck"
    assert said in repr(autotrack.last_run())

    judge_by_chance([99], keep=False)
    (row,) = autotrack.held_out_sets().to_dict("records")
    assert row["models"] == 13
    assert row["optimism_by"] == "bound"
    assert np.isnan(row["optimism_error"])
    assert "gains up to" in repr(autotrack.last_run())


def test_predictions_that_do_not_give_the_recorded_score_are_not_taken_for_it():
    autotrack.enable(log_models=False, keep_predictions=True)
    X_train, X_test, y_train, y_test = data()
    for C in (0.001, 1.0):
        # It is scored by what the search is: not by accuracy.
        search = GridSearchCV(LogisticRegression(), {"C": [C]}, cv=2, scoring="f1")
        search.fit(X_train[:, 1:], y_train).score(X_test[:, 1:], y_test)
    assert len(autotrack.last_run().predictions("test")) == len(y_test)
    found = autotrack.held_out_sets()
    assert found["models"].tolist() == [2]
    assert "bootstrap" not in set(found["optimism_by"])


def numbers(model, X_test, y_test):
    predicted = model.predict(X_test)
    for metric in (r2_score, mean_absolute_error, mean_squared_error, root_mean_squared_error):
        metric(y_test, predicted)
    model.score(X_test, y_test)


def classes(model, X_test, y_test):
    accuracy_score(y_test, model.predict(X_test))
    zero_one_loss(y_test, model.predict(X_test))
    log_loss(y_test, model.predict_proba(X_test))
    roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
    brier_score_loss(y_test, model.predict_proba(X_test)[:, 1])
    f1_score(y_test, model.predict(X_test))
    model.score(X_test, y_test)


def test_metrics_that_are_made_of_losses_of_rows_have_an_optimism_too():
    autotrack.enable(log_models=False, keep_predictions=True)
    X_train, X_test, y_train, y_test = data()
    for C in (0.001, 0.1, 100.0):
        classes(LogisticRegression(C=C).fit(X_train, y_train), X_test, y_test)
    found = autotrack.held_out_sets().set_index("metric")["optimism_by"].to_dict()
    assert found.pop("f1_score") == ""
    assert set(found) == {
        "accuracy_score", "zero_one_loss", "log_loss", "roc_auc_score", "brier_score_loss", "score",
    }  # fmt: skip
    assert set(found.values()) == {"bootstrap"}


def test_errors_of_regressions_have_an_optimism_too():
    autotrack.enable(log_models=False, keep_predictions=True)
    X_train, X_test, y_train, y_test = data()
    amounts, known = X_test[:, 0] + y_test, X_train[:, 0] + y_train
    for alpha in (0.1, 1.0, 1000.0):
        numbers(Ridge(alpha=alpha).fit(X_train[:, 1:], known), X_test[:, 1:], amounts)
    found = autotrack.held_out_sets().set_index("metric")
    assert set(found["optimism_by"]) == {"bootstrap"}
    assert len(found) == 5
    # In the unit of the metric: the root of a mean, and a share of the variance.
    error, root = found.loc["mean_squared_error"], found.loc["root_mean_squared_error"]
    assert root["optimism"] == pytest.approx(error["optimism"] / 2 / root["mean"], rel=0.1)
    gain = found.loc["r2_score", "optimism"] * np.var(amounts)
    assert gain == pytest.approx(error["optimism"], rel=0.3)


@pytest.mark.thorough
def test_eight_killed_processes_leave_all_that_they_were_told(store_path):
    command = [sys.executable, "-c", SCRIPT]
    running = [subprocess.Popen([*command, str(n)], cwd=store_path.parent) for n in range(8)]
    assert {process.wait() for process in running} == {-9}
    (row,) = autotrack.held_out_sets().to_dict("records")
    assert row["runs"] == 24


# Forks score until they are killed, so that scikit-learn is imported once: on the whole of a
# held-out set, and on a part of it. Each model that was scored on both is written down at once.
KILLED = """
import itertools, json, os, random, signal, time
import autotrack
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score

generator = np.random.default_rng(0)
X, y = generator.normal(size=(300, 3)), generator.integers(0, 2, 300)
log = os.open("scored.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def judge(number):
    autotrack.enable(log_models=False)
    for count in itertools.count():
        model = LogisticRegression(C=0.01 + 8 * count + number).fit(X[:100], y[:100])
        for stop in (300, 200):
            accuracy_score(y[100:stop], model.predict(X[100:stop]))
        os.write(log, (json.dumps([number, count]) + "\\n").encode())


children = []
for number in range(8):
    pid = os.fork()
    if pid == 0:
        judge(number)
    children.append(pid)
while len({line.split(",")[0] for line in open("scored.jsonl")}) < 8:
    time.sleep(0.1)
for pid in children:
    time.sleep(random.uniform(0, 0.3))
    os.kill(pid, signal.SIGKILL)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are a matter of Unix")
def test_a_ledger_of_eight_processes_killed_at_any_moment_counts_every_model(
    tmp_path, store_path, run_python
):
    run_python(code=KILLED)
    scored = [json.loads(line) for line in (tmp_path / "scored.jsonl").read_text().splitlines()]
    assert {number for number, _ in scored} == set(range(8))
    found = autotrack.held_out_sets().set_index("rows")
    assert sorted(found.index) == [100, 200]
    # One more of each process may have been scored before it could say so.
    for rows in (100, 200):
        assert len(scored) <= found["models"][rows] <= len(scored) + 8
        assert found["related_models"][rows] >= found["models"][rows]
        assert "(100)" in found["shares_rows"][rows]
    database = sqlite3.connect(store_path / "autotrack.db")
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
