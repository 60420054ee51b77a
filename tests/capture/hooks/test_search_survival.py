"""What had finished is there, whatever ends a search: real processes, really ended."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import autotrack
from tests.looking import history
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.thorough

SEARCH = """
import json, os, signal, sys, time
import numpy as np, autotrack
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV

LOG = os.environ["LOG"]

class Slow(ClassifierMixin, BaseEstimator):
    def __init__(self, number=0, seconds=0.0, kill=""):
        self.number, self.seconds, self.kill = number, seconds, kill
    def fit(self, X, y):
        time.sleep(self.seconds)
        if self.kill == "worker":
            while not os.path.exists(LOG + ".kill"):
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGKILL)
        self.classes_ = np.unique(y)
        self.rows_ = len(X)
        return self
    def predict(self, X):
        return np.full(len(X), self.classes_[0])
    def score(self, X, y):
        value = self.number + float(X.sum()) / 1000
        line = json.dumps([self.number, value, time.time()]) + "\\n"
        # In one piece, from whichever process.
        file = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, line.encode())
        os.close(file)
        return value

if __name__ == "__main__":
    grid, jobs = json.loads(sys.argv[1]), json.loads(sys.argv[2])
    random = np.random.RandomState(0)
    autotrack.enable(log_models=False)
    X, y = random.normal(size=(60, 3)), np.arange(60) % 2
    GridSearchCV(Slow(), grid, cv=3, n_jobs=jobs, refit=False).fit(X, y)
"""


@pytest.fixture
def start(tmp_path):
    """Start a search; what its evaluations wrote by themselves is in ``log``."""
    script, log = tmp_path / "search.py", tmp_path / "log"
    script.write_text(SEARCH)
    started = []

    def begin(grid, jobs=None, **options):
        command = [sys.executable, str(script), json.dumps(grid), json.dumps(jobs)]
        environment = {**os.environ, "LOG": str(log), "AUTOTRACK_PROGRESS": "0"}
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, text=True, stderr=subprocess.PIPE, **options
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        process.stderr.close()


def logged(tmp_path: Path) -> list[tuple[int, float, float]]:
    log = tmp_path / "log"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def wait_for(tmp_path, evaluations):
    wait_until(lambda: len(logged(tmp_path)) >= evaluations, f"{evaluations} evaluations")


def stored():
    """Every score in the store, by the number of its candidate."""
    found = {}
    search = the_search()
    for run_id in search.children()["run_id"]:
        run = autotrack.get_run(run_id)
        if "split_test_score" in run.metrics:
            found.setdefault(run.params["number"], []).extend(history(run, "split_test_score"))
    return found


def the_search():
    (run_id,) = autotrack.search_runs()["run_id"]
    return autotrack.get_run(run_id)


def missing(finished):
    """The evaluations among these that are not in the store, as they were."""
    kept = stored()
    return [each for each in finished if each[1] not in kept.get(each[0], [])]


@pytest.mark.parametrize("jobs", [None, 2])
def test_what_is_in_the_store_while_a_search_goes_on_survives_a_kill(start, tmp_path, jobs):
    process = start({"number": list(range(2000)), "seconds": [0.01]}, jobs)
    wait_for(tmp_path, random.Random(jobs).randint(12, 200))
    finished = logged(tmp_path)
    wait_until(lambda: not missing(finished), "all of them in the store")
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL

    search = the_search()
    assert search.status == "KILLED"
    assert not missing(finished)
    candidates = search.children()
    assert set(candidates["status"]) <= {"FINISHED", "KILLED"}
    whole = candidates[candidates["status"] == "FINISHED"]
    assert len(whole) >= 3
    for run_id, mean in zip(whole["run_id"], whole["metrics.mean_test_score"], strict=True):
        splits = history(autotrack.get_run(run_id), "split_test_score")
        assert mean == pytest.approx(np.mean(splits))
        assert len(splits) == 3
    best = whole["metrics.mean_test_score"].max()
    assert search.metrics["best_score"] == best
    done = int(search.tags["autotrack.progress"].split(" of ")[0])
    assert done == sum(len(values) for values in stored().values())


def test_an_evaluation_is_there_while_the_next_one_takes_for_ever(start, tmp_path):
    process = start({"number": [0], "seconds": [0.0, 600.0]})
    wait_until(
        lambda: (
            len(autotrack.search_runs())
            and the_search().children()["status"].tolist()[:1] == ["FINISHED"]
        ),
        "the first candidate",
    )
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert {number: len(values) for number, values in stored().items()} == {0: 3}
    statuses = the_search().children()["status"].tolist()
    assert statuses == ["FINISHED", "KILLED"]


@pytest.mark.parametrize("jobs", [None, 2])
def test_ctrl_c_ends_the_search_as_killed_with_what_had_finished(start, tmp_path, jobs):
    grid = {"number": list(range(1000)), "seconds": [0.1]}
    process = start(grid, jobs, start_new_session=True)
    wait_for(tmp_path, 6)
    # What workers have done needs a moment to arrive; of what was done here, nothing is lost but
    # what is being written down.
    finished = logged(tmp_path)[:-1]
    if jobs:
        wait_until(lambda: not missing(finished), "all of them in the store")
    # As a terminal does: to the process and its workers.
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=PATIENCE)[1]

    assert "KeyboardInterrupt" in said
    search = the_search()
    assert (search.status, search.error.type) == ("KILLED", "KeyboardInterrupt")
    assert not missing(finished)
    assert set(search.children()["status"]) == {"FINISHED", "KILLED"}


def test_a_worker_that_the_system_kills_fails_the_search_with_what_had_finished(start, tmp_path):
    grid = [
        {"number": list(range(6)), "seconds": [0.1]},
        {"number": [6], "seconds": [0.0], "kill": ["worker"]},
    ]
    process = start(grid, 2)
    everything = dict.fromkeys(range(6), 3)
    wait_until(
        lambda: (
            len(autotrack.search_runs())
            and {number: len(values) for number, values in stored().items()} == everything
        ),
        "all others in the store",
    )
    (tmp_path / "log.kill").touch()
    said = process.communicate(timeout=PATIENCE)[1]

    assert "TerminatedWorkerError" in said
    search = the_search()
    assert search.status == "FAILED"
    assert search.error.type.endswith("TerminatedWorkerError")
    assert {number: len(values) for number, values in stored().items()} == everything
    statuses = search.children().set_index("params.number")["status"]
    assert statuses[6] == "KILLED"
    assert set(statuses[:6]) == {"FINISHED"}


FULL = """
import resource, signal, sys, time
import numpy as np, autotrack
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB

class Filling(GaussianNB):
    def fit(self, X, y, sample_weight=None):
        time.sleep(0.3)
        if self.var_smoothing == 0.5:
            # From here on no file of this process may grow.
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        if self.var_smoothing == 0.7:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        return super().fit(X, y, sample_weight)

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
X, y = load_iris(return_X_y=True)
autotrack.enable(log_models=False)
grid = {"var_smoothing": [0.1, 0.2, 0.5, 0.6] + [0.7] * (len(sys.argv) > 1)}
search = GridSearchCV(Filling(), grid, cv=2, refit=False).fit(X, y)
print(search.cv_results_["mean_test_score"].tolist())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs limits on the size of files")
@pytest.mark.parametrize("until", [[], ["room again"]])
def test_a_full_disk_stops_the_recording_and_not_the_search(run_python, until):
    done = run_python(*until, code=FULL, AUTOTRACK_STRICT="0")

    means = json.loads(done.stdout)
    search = the_search()
    candidates = search.children()
    if until:  # what was owed is written when there is room
        assert "records were lost" not in done.stderr
        assert search.status == "FINISHED"
        assert candidates["metrics.mean_test_score"].tolist() == means
    else:
        assert "records were lost" in done.stderr
        assert search.status == "KILLED"
        whole = candidates[candidates["status"] == "FINISHED"]
        assert whole["metrics.mean_test_score"].tolist() == means[:2]
