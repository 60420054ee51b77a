"""Fits that raise: what their runs say, and what becomes of the run around them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

import autotrack

X = np.random.default_rng(0).normal(size=(60, 3))
y = (X[:, 0] > 0).astype(int)


@pytest.fixture(autouse=True)
def _on():
    with autotrack.enable():
        yield


def test_a_failed_fit_is_a_failed_run_with_the_error():
    with pytest.raises(ValueError, match="inconsistent numbers") as caught:
        LogisticRegression(C=0.5).fit(X, y[:-1])
    run = autotrack.last_run()
    assert (run.status, run.params) == ("FAILED", {"C": 0.5})
    assert (run.error.type, run.error.message) == ("ValueError", str(caught.value))
    assert "test_run_errors.py" in run.error.traceback
    assert "autotrack/" not in run.error.traceback
    assert run.artifacts().empty


def test_a_failed_fit_inside_a_run_is_noted_and_the_run_goes_on():
    with autotrack.start_run() as run:
        with pytest.raises(ValueError, match="inconsistent"):
            LogisticRegression(C=0.5).fit(X, y[:-1])
        assert run.status == "RUNNING"
        LogisticRegression(C=0.5).fit(X, y)
    assert run.status == "FINISHED"
    assert run.tags["autotrack.fit_error"].startswith("ValueError: Found input variables")
    assert run.children().empty
    run.load_model()


def test_what_was_set_on_a_fit_that_failed_is_not_mixed_with_the_next_one():
    with autotrack.start_run() as run:
        with pytest.raises(ValueError, match="inconsistent"):
            LogisticRegression(C=0.5).fit(X, y[:-1])
        model = Ridge(alpha=2).fit(X, y)
        model.score(X, y)
    (child,) = map(autotrack.get_run, run.children()["run_id"])
    assert (run.params, run.metrics) == ({"C": 0.5}, {})
    assert child.params == {"alpha": 2}
    assert child.metrics.keys() == {"train_score"}


def test_a_failed_child_stays_and_another_try_is_another_child():
    with autotrack.start_run() as run:
        Ridge().fit(X, y)
        with pytest.raises(ValueError, match="inconsistent"):
            LogisticRegression().fit(X, y[:-1])
        LogisticRegression().fit(X, y)
    assert run.children()["status"].tolist() == ["FAILED", "FINISHED"]
    assert run.status == "FINISHED"


class _Interrupted(Ridge):
    def fit(self, X, y):
        raise KeyboardInterrupt


def test_an_interrupted_fit_is_a_killed_run():
    with pytest.raises(KeyboardInterrupt):
        _Interrupted().fit(X, y)
    run = autotrack.last_run()
    assert (run.status, run.error.type) == ("KILLED", "KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt), autotrack.start_run() as mine:
        _Interrupted().fit(X, y)
    assert mine.status == "KILLED"


def test_the_traceback_of_a_failed_fit_leads_from_the_users_line_into_scikit_learn(
    tmp_path, run_python
):
    (tmp_path / "train.py").write_text(
        "import autotrack\n"
        "autotrack.enable()\n"
        "from sklearn.linear_model import Ridge\n"
        "def train():\n"
        "    Ridge().fit([[1], [2]], [1])\n"
        "with autotrack.start_run():\n"
        "    try:\n"
        "        train()\n"
        "    except ValueError:\n"
        "        pass\n"
        "train()\n"
    )
    assert run_python("train.py", check=False).returncode == 1
    run = autotrack.search_runs(where="status = 'FAILED'")["run_id"].item()
    lines = autotrack.get_run(run).error.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    files = [line for line in lines if line.startswith("  File")]
    assert 'train.py", line 11, in <module>' in files[0]
    assert 'train.py", line 5, in train' in files[1]
    assert "sklearn" in files[2]
