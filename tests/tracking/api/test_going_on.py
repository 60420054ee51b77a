"""Earlier runs that go on."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge

import autotrack
from autotrack import ActiveRunError, InvalidValueError, RunNotFoundError


def test_an_earlier_run_goes_on_by_its_id():
    with pytest.raises(ValueError, match="cold"), autotrack.start_run("tea") as first:
        autotrack.log_metric("taste", 1)
        raise ValueError("cold")
    with autotrack.start_run(run_id=first.run_id, tags={"again": "yes"}) as again:
        assert (again.status, again.error, again.end_time) == ("RUNNING", None, None)
        autotrack.log_metric("taste", 2)
    assert again == first
    assert (again.name, again.status, again.tags) == ("tea", "FINISHED", {"again": "yes"})
    assert autotrack.metric_history(first.run_id, "taste")["value"].tolist() == [1, 2]
    assert len(autotrack.search_runs()) == 1


def test_a_run_that_goes_on_may_get_another_name():
    with autotrack.start_run("tea") as run:
        pass
    with autotrack.start_run("green tea", run_id=run.run_id):
        pass
    assert run.name == "green tea"


def test_a_run_cannot_go_on_in_another_experiment():
    with autotrack.start_run(experiment="tea") as run:
        pass
    with autotrack.start_run(run_id=run.run_id, experiment="tea"):
        pass
    with pytest.raises(InvalidValueError, match=r"belongs to experiment 'tea', not 'coffee'"):
        autotrack.start_run(run_id=run.run_id, experiment="coffee")
    assert autotrack.active_run() is None


def test_a_deleted_run_goes_on_only_once_it_was_restored():
    with autotrack.start_run() as run:
        pass
    autotrack.delete_run(run.run_id)
    with pytest.raises(RunNotFoundError, match=rf"{run.run_id}.*restore_run"):
        autotrack.start_run(run_id=run.run_id)
    autotrack.restore_run(run.run_id)
    with autotrack.start_run(run_id=run.run_id):
        pass


def test_a_run_that_is_active_already_cannot_be_started_again_inside_itself():
    with (
        autotrack.start_run() as run,
        pytest.raises(ActiveRunError, match=f"{run.run_id}.*is active"),
    ):
        autotrack.start_run(run_id=run.run_id, nested=True)
    assert run.status == "FINISHED"


def test_a_run_that_goes_on_still_knows_whose_fit_it_holds():
    X, y = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
    autotrack.enable()
    with autotrack.start_run() as run:
        LogisticRegression(C=0.5).fit(X, y)
        Ridge(alpha=2).fit(X, y)
    with autotrack.start_run(run_id=run.run_id):
        LogisticRegression(C=0.5).fit(X, y)
        Ridge(alpha=2).fit(X, y)
        DummyClassifier().fit(X, y)
    assert run.params == {"C": 0.5}
    assert run.children()["name"].tolist() == ["Ridge", "DummyClassifier"]
