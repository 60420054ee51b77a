"""Interrupts and odd callers: whatever strikes, recording goes on and runs end as they should."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score

import autotrack
from autotrack.crates.packing import pack
from tests.looking import history, only_run, runs

STRUCK = """
import signal, sys, threading
import numpy as np, autotrack
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score

class Alarm(BaseException):
    pass

def strike(*_):
    raise Alarm

random = np.random.RandomState(0)
X, y = random.normal(size=(80, 4)), random.randint(0, 2, 80)
model, kept = LogisticRegression(C=0.5), []
signal.signal(signal.SIGALRM, strike)
autotrack.enable(log_models=False)
for number in range(150):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005 + 0.0001 * (number % 40))
        for _ in range(50):
            accuracy_score(y, model.fit(X, y).predict(X))
    except Alarm as alarm:
        kept.append(alarm)  # with its traceback, as a notebook keeps the last one
signal.setitimer(signal.ITIMER_REAL, 0)
assert kept
model.set_params(C=0.25).fit(X, y)
run = autotrack.last_run()
assert (run.status, run.params) == ("FINISHED", {"C": 0.25}), run
# Another thread sees it too: nothing is held open.
seen = []
thread = threading.Thread(target=lambda: seen.append(autotrack.get_run(run.run_id).status))
thread.start()
thread.join()
assert seen == ["FINISHED"], seen
print(run.run_id)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_interrupts_at_any_moment_leave_no_call_and_no_transaction_open(run_python):
    # In a process of its own: here they would strike pytest as well.
    run_id = run_python(code=STRUCK).stdout.strip()
    assert autotrack.get_run(run_id).status == "FINISHED"


def test_an_interrupt_while_the_crate_is_written_ends_the_run(binary, monkeypatch):
    X_train, _, y_train, _ = binary

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(pack, "exact_requirements", interrupted)
    with autotrack.enable(), pytest.raises(KeyboardInterrupt):
        LogisticRegression().fit(X_train, y_train)
    run = only_run()
    assert run.status == "FINISHED"
    assert "KeyboardInterrupt" in run.tags["autotrack.crate_error"]


class NoScore(ClassifierMixin, BaseEstimator):
    """Cannot be scored."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y, sample_weight=None):
        raise RuntimeError("not today")


def test_a_training_score_that_fails_costs_the_score_alone(binary, monkeypatch):
    X_train, _, y_train, _ = binary
    monkeypatch.setenv("AUTOTRACK_STRICT", "0")
    with (
        autotrack.enable(training_score=True),
        pytest.warns(autotrack.CaptureWarning, match="not today"),
    ):
        NoScore().fit(X_train, y_train)
    run = only_run()
    assert (run.status, run.metrics) == ("FINISHED", {})
    assert "model/model.pkl" in set(run.artifacts()["path"])


def test_a_scorer_of_the_users_that_scikit_learn_calls_is_not_the_users_call(classifier, binary):
    _, X_test, _, y_test = binary
    value = accuracy_score(y_test, classifier.predict(X_test))

    def scorer(estimator, X, y):
        return accuracy_score(y, estimator.predict(X))

    permutation_importance(classifier, X_test, y_test, scoring=scorer, n_repeats=2)
    model, _ = runs()
    assert history(model, "test_accuracy_score") == [value]


def test_code_that_has_no_module_name_is_a_user_like_any_other(classifier, binary):
    _, X_test, _, y_test = binary
    names = {"__name__": None, "m": classifier, "X_test": X_test, "y": y_test, "f": accuracy_score}
    exec("value = f(y, m.predict(X_test))", names)
    assert only_run().metrics == {"test_accuracy_score": names["value"]}


def test_leaving_a_run_by_exit_zero_is_no_failure(tracking):
    with pytest.raises(SystemExit), autotrack.start_run():
        raise SystemExit(0)
    with pytest.raises(SystemExit), autotrack.start_run():
        raise SystemExit(2)
    assert [run.status for run in runs()] == ["FINISHED", "FAILED"]
