"""A search that was interrupted goes on where it was, and nothing else does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import accuracy_score, f1_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
)

import autotrack
from autotrack.tracking.evaluations import resume
from tests.interrupting import (
    Interrupted,
    X,
    assert_equal,
    enable,
    fitted,
    grid,
    interrupt,
    newest,
    y,
)
from tests.looking import history, runs
from tests.waiting import wait_until

pytestmark = pytest.mark.thorough


def test_what_had_finished_is_not_computed_again(capsys):
    bare = grid(return_train_score=True).fit(X, y)
    with enable():
        interrupt(grid(return_train_score=True), 7)
        search = grid(return_train_score=True).fit(X, y)

    # The rest, and the refit.
    assert fitted == [6.0, 6.0, 6.5, 6.5, 6.5, search.best_params_["threshold"]]
    assert_equal(search, bare)
    first, second = [run for run in runs() if run.kind == "search"]
    assert (first.status, second.status) == ("KILLED", "FINISHED")
    assert second.tags["resumed_from"] == first.run_id
    assert second.tags["autotrack.progress"] == "12 of 12 evaluations, 7 reused"
    means = second.children().sort_values("metrics.index")["metrics.mean_test_score"]
    assert means.tolist() == search.cv_results_["mean_test_score"].tolist()
    times = [history(run, "fit_time")[:1] for run in children(first)[:2]]
    assert [history(run, "fit_time")[:1] for run in children(second)[:2]] == times
    assert "goes on with the search" in capsys.readouterr().err


def children(run):
    return [autotrack.get_run(run_id) for run_id in run.children()["run_id"]]


@pytest.mark.parametrize("jobs", [None, 2])
def test_it_goes_on_from_a_search_that_went_on(jobs):
    bare = grid(n_jobs=jobs).fit(X, y)
    with enable():
        interrupt(grid(), 4)
        interrupt(grid(), 3)
        search = grid(n_jobs=jobs).fit(X, y)

    assert_equal(search, bare)
    assert newest().tags["autotrack.progress"] == "12 of 12 evaluations, 7 reused"


def test_all_that_was_missing_may_be_the_refit():
    with enable():
        interrupt(grid(), 12)
        search = grid().fit(X, y)

    assert fitted == [search.best_params_["threshold"]]
    assert newest().tags["autotrack.progress"] == "12 of 12 evaluations, 12 reused"


def test_several_metrics_come_back_in_their_order():
    scoring = {"z": "accuracy", "a": make_scorer(f1_score, average="macro")}
    bare = grid(scoring=scoring, refit="z").fit(X, y)
    with enable():
        interrupt(grid(scoring=scoring, refit="z"), 5)
        assert_equal(grid(scoring=scoring, refit="z").fit(X, y), bare)

    assert "5 reused" in newest().tags["autotrack.progress"]


def test_a_halving_search_goes_on_in_its_second_round():
    def search():
        swept = {"threshold": [5.0, 5.5, 6.0, 6.5]}
        return HalvingGridSearchCV(
            Interrupted(), swept, cv=2, factor=2, min_resources=30, random_state=0
        )

    bare = search().fit(X, y)
    with enable():
        interrupt(search(), 10)
        again = search().fit(X, y)

    assert_equal(again, bare)
    assert ", 10 reused" in newest().tags["autotrack.progress"]


def test_a_random_search_goes_on_with_the_candidates_it_draws_again():
    def search(seed):
        swept = {"threshold": np.linspace(4, 8, 400)}
        return RandomizedSearchCV(Interrupted(), swept, n_iter=4, cv=2, random_state=seed)

    with enable():
        interrupt(search(0), 5)
        search(0).fit(X, y)
        assert ", 5 reused" in newest().tags["autotrack.progress"]
        interrupt(search(1), 5)
        search(2).fit(X, y)
    assert "reused" not in newest().tags["autotrack.progress"]


OTHERS = {
    "estimator": lambda: GridSearchCV(Interrupted(column=1), grid().param_grid, cv=3),
    "grid": lambda: GridSearchCV(Interrupted(), {"threshold": [5.1, 5.6]}, cv=3),
    "splits": lambda: grid(cv=StratifiedKFold(3, shuffle=True, random_state=0)),
    "scorer": lambda: grid(scoring="f1_macro"),
    "error score": lambda: grid(error_score=0),
    "train score": lambda: grid(return_train_score=True),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=list(OTHERS))
def test_nothing_is_reused_when_anything_differs(other):
    with enable():
        interrupt(grid(), 7)
        other().fit(X, y)

    tags = newest().tags
    assert "reused" not in tags["autotrack.progress"]
    assert "resumed_from" not in tags


def test_workers_and_words_make_no_difference():
    with enable():
        interrupt(grid(), 7)
        grid(verbose=1, pre_dispatch=4).fit(X, y)

    assert ", 7 reused" in newest().tags["autotrack.progress"]


def test_other_data_starts_over_and_says_so(capsys):
    with enable():
        interrupt(grid(), 7)
        grid().fit(X + 1e-9, y)
        assert "starts over, since the data is not that of run" in capsys.readouterr().err
        grid().fit(X, y[::-1])

    assert len(fitted) == 26
    assert "resumed_from" not in newest().tags


def test_other_versions_start_over_and_say_which(capsys, monkeypatch):
    with enable():
        interrupt(grid(), 7)
        with autotrack.get_run(newest().run_id)._store.transaction() as connection:
            connection.execute(
                "UPDATE tags SET value = replace(value, 'numpy ', 'numpy 0.') WHERE key = ?",
                (resume.VERSIONS_TAG,),
            )
        search = grid().fit(X, y)

    assert len(fitted) == 13
    assert f"was made with numpy 0.{np.__version__}" in newest().tags["not_resumed"]
    assert "starts over" in capsys.readouterr().err
    assert search.best_params_


def test_nothing_is_reused_of_a_search_that_finished():
    with enable():
        interrupt(grid(), 7)
        grid().fit(X, y)
        fitted.clear()
        grid().fit(X, y)

    assert len(fitted) == 13


def test_nothing_is_reused_without_resume():
    with enable(resume=False):
        interrupt(grid(), 7)
        grid().fit(X, y)

    assert len(fitted) == 13


def test_nothing_is_reused_in_another_experiment():
    with enable():
        interrupt(grid(), 7)
        autotrack.set_experiment("another")
        grid().fit(X, y)

    assert len(fitted) == 13


def test_the_search_that_went_on_can_be_scored_like_any_other():
    with enable():
        interrupt(grid(), 7)
        search = grid().fit(X, y)
        accuracy = accuracy_score(y, search.predict(X))

    assert newest().metrics["train_accuracy_score"] == accuracy


SCRIPT = """
import json, os, sys, time
import numpy as np, autotrack
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

class Slow(ClassifierMixin, BaseEstimator):
    def __init__(self, threshold=0.0):
        self.threshold = threshold
    def fit(self, X, y):
        fits.append(self)
        if len(fits) > 30 and os.environ.get("HOLD"):
            time.sleep(600)
        print("fit", flush=True)
        self.classes_ = np.unique(y)
        return self
    def predict(self, X):
        return self.classes_[(X[:, 0] > self.threshold).astype(int)]

fits = []
X, y = load_iris(return_X_y=True)
autotrack.enable(log_models=False)
search = GridSearchCV(Slow(), {"threshold": [4 + n / 10 for n in range(20)]}, cv=3).fit(X, y)
print(json.dumps([search.best_params_, search.cv_results_["mean_test_score"].tolist()]))
"""


def test_the_same_script_run_again_finishes_what_was_killed(tmp_path, run_python, monkeypatch):
    script = tmp_path / "search.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env={**os.environ, "HOLD": "after 30 fits"}
    )

    def progress():
        found = autotrack.search_runs(where="kind = 'search'")
        return [row.get("tags.autotrack.progress") for _, row in found.iterrows()]

    wait_until(lambda: progress() == ["30 of 60 evaluations"], "thirty evaluations in the store")
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = run_python(script)
    monkeypatch.setenv("AUTOTRACK_STORE", str(tmp_path / "other"))
    whole = run_python(script)

    *fits, results = again.stdout.splitlines()
    assert json.loads(results) == json.loads(whole.stdout.splitlines()[-1])
    assert len(fits) == 30 + 1  # the others, and the refit
    assert "goes on with the search" in again.stderr
