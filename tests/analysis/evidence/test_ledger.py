"""Held-out sets count the models that they judged, whoever writes and whatever is killed."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

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


def test_a_ledger_of_one_experiment_counts_the_models_of_all():
    autotrack.enable(log_models=False, experiment="a")
    judge(C=0.001)
    autotrack.enable(log_models=False, experiment="b")
    judge(C=1.0)
    assert autotrack.held_out_sets("a")["models"].tolist() == [2]
    assert autotrack.held_out_sets()["experiments"].tolist() == ["a, b"]


@pytest.mark.thorough
def test_eight_killed_processes_leave_all_that_they_were_told(store_path):
    command = [sys.executable, "-c", SCRIPT]
    running = [subprocess.Popen([*command, str(n)], cwd=store_path.parent) for n in range(8)]
    assert {process.wait() for process in running} == {-9}
    (row,) = autotrack.held_out_sets().to_dict("records")
    assert row["runs"] == 24
