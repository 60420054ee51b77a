"""Scores of a model out of a crate reach the run it came from, which says so."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack
from tests.looking import history, only_run, runs

TAG = "autotrack.scored_after_load"


@pytest.fixture
def session():
    with autotrack.enable() as session:
        yield session


def noted() -> list[list[str]]:
    """What the tag says: key, times, script."""
    return [entry.split(" ", 2) for entry in only_run().tags[TAG].split("; ")]


def times(key: str) -> list[str]:
    """When a metric was measured, as the tag writes it."""
    frame = autotrack.metric_history(only_run().run_id, key)
    return frame["time"].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ").tolist()


def test_a_score_where_the_model_was_fitted_is_not_noted(session, binary):
    model = LogisticRegression().fit(binary.X_train, binary.y_train)
    model.score(binary.X_test, binary.y_test)
    assert TAG not in only_run().tags


@pytest.mark.parametrize("by", ["uri", "run", "folder"])
def test_a_score_of_a_loaded_model_is_noted_with_its_time(by, session, binary, tmp_path):
    LogisticRegression().fit(binary.X_train, binary.y_train)
    run = only_run()
    if by == "folder":
        crate = autotrack.load_model(run.load_model().save(tmp_path / "crate"))
    else:
        uri = f"runs:/{run.run_id}/model"
        crate = autotrack.load_model(uri) if by == "uri" else run.load_model()
    value = accuracy_score(binary.y_test, crate.predict(binary.X_test))
    assert run.metrics == {"test_accuracy_score": value}
    ((key, time, _),) = noted()
    assert key == "test_accuracy_score"
    assert [time] == times(key)


def test_every_way_to_score_is_noted(session, binary):
    make_pipeline(StandardScaler(), LogisticRegression()).fit(binary.X_train, binary.y_train)
    crate = only_run().load_model()
    crate.score(binary.X_test, binary.y_test)
    confusion_matrix(binary.y_test, crate(binary.X_test))
    assert [key for key, *_ in noted()] == ["test_score", "scores/test_confusion_matrix.csv"]


def test_of_many_scores_the_first_and_the_last_time_are_noted(session, binary):
    model = LogisticRegression().fit(binary.X_train, binary.y_train)
    model.score(binary.X_test, binary.y_test)
    crate = only_run().load_model()
    for _ in range(3):
        crate.score(binary.X_test, binary.y_test)
    ((_, between, _),) = noted()
    assert between.split("/") == [times("test_score")[1], times("test_score")[-1]]


def test_scores_of_the_model_itself_stay_apart_from_those_of_the_crate(session, binary):
    model = LogisticRegression().fit(binary.X_train, binary.y_train)
    only_run().load_model().score(binary.X_test, binary.y_test)
    model.score(binary.X_test, binary.y_test)
    ((_, time, _),) = noted()
    assert time == times("test_score")[0]
    assert len(history(only_run(), "test_score")) == 2


def test_another_process_is_noted_by_its_script(session, binary, run_python, tmp_path):
    LogisticRegression().fit(binary.X_train, binary.y_train)
    np.savez(tmp_path / "data.npz", X=binary.X_test, y=binary.y_test)
    script = tmp_path / "evaluate it.py"
    script.write_text(
        "import sys, numpy, autotrack\n"
        "autotrack.enable()\n"
        "data = numpy.load('data.npz')\n"
        "crate = autotrack.load_model(f'runs:/{sys.argv[1]}/model')\n"
        "crate.score(data['X'], data['y'])\n"
    )
    for _ in range(2):
        run_python(script, only_run().run_id)
    only_run().load_model().score(binary.X_test, binary.y_test)
    entries = noted()
    assert [key for key, *_ in entries] == ["test_score"] * 2
    assert entries[0][2] == str(script)
    assert entries[1][2] != str(script)
    assert entries[0][1].split("/") == times("test_score")[:2]


def test_what_is_noted_does_not_grow_without_bound(session, binary):
    LogisticRegression().fit(binary.X_train, binary.y_train)
    crate = only_run().load_model()
    for number in range(60):
        names = {f"X_{number}": binary.X_test.copy(), "y": binary.y_test, "crate": crate}
        exec(f"crate.score(X_{number}, y)", names)
    entries = noted()
    assert len(only_run().metrics) == 60
    assert len(entries) == 50
    assert entries[-1][0] == "59_score"


def test_a_run_fitted_with_a_loaded_model_is_its_own(session, binary):
    LogisticRegression(C=0.1).fit(binary.X_train, binary.y_train)
    model = only_run().load_model().estimator
    model.fit(binary.X_train, binary.y_train)
    model.score(binary.X_test, binary.y_test)
    assert [TAG in run.tags for run in runs()] == [False, False]
    assert [len(run.metrics) for run in runs()] == [0, 1]
