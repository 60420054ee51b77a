"""A run of the user's that ends up with several children of one class has all of them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

import autotrack
from tests.looking import history, runs

GRID = (0.1, 0.2, 0.3, 0.4)


def in_a_loop(fit):
    with autotrack.start_run() as run:
        scores = [fit(C) for C in GRID]
    return run, scores


def in_threads(fit):
    with autotrack.start_run() as run, ThreadPoolExecutor(2) as pool:
        scores = list(pool.map(fit, GRID))
    return run, scores


def in_tasks(fit):
    async def main():
        with autotrack.start_run() as run:
            scores = await asyncio.gather(*[asyncio.to_thread(fit, C) for C in GRID])
        return run, scores

    return asyncio.run(main())


def children_of(run):
    return [autotrack.get_run(run_id) for run_id in run.children()["run_id"]]


@pytest.mark.parametrize("way", [in_a_loop, in_threads, in_tasks])
def test_a_sweep_has_a_child_for_each_fit_however_it_is_run(way, tracking, binary):
    autotrack.enable(log_models=True)

    def fit(C):
        model = LogisticRegression(C=C).fit(binary.X_train, binary.y_train)
        return model.score(binary.X_test, binary.y_test)

    run, scores = way(fit)
    children = sorted(children_of(run), key=lambda child: child.params["C"])
    assert [child.params for child in children] == [{"C": C} for C in GRID]
    assert [child.metrics for child in children] == [{"test_score": score} for score in scores]
    assert [(child.kind, child.status) for child in children] == [("fit", "FINISHED")] * 4
    assert [child.load_model().estimator.C for child in children] == list(GRID)
    assert [child.datasets[0].context for child in children] == ["train"] * 4
    assert [child.name for child in children] == ["LogisticRegression"] * 4
    assert (dict(run.params), dict(run.metrics), run.datasets) == ({}, {}, ())
    assert run.artifacts().empty
    assert "estimator" not in run.tags


def test_what_the_user_put_into_the_run_stays_there(tracking, binary):
    with autotrack.start_run(tags={"idea": "sweep"}) as run:
        autotrack.log_param("rows", 160)
        autotrack.log_metric("budget", 3.0)
        autotrack.log_text("why", "notes.txt")
        scaled = StandardScaler(with_mean=False).fit_transform(binary.X_train)
        for C in GRID:
            LogisticRegression(C=C).fit(scaled, binary.y_train)
    assert run.params["rows"] == 160
    assert run.params["preprocessing__standardscaler__with_mean"] is False
    assert "C" not in run.params
    assert run.metrics == {"budget": 3.0}
    assert run.artifacts()["path"].tolist() == ["notes.txt"]
    assert run.tags["idea"] == "sweep"
    (first, *_) = children_of(run)
    assert first.params["preprocessing__standardscaler__with_mean"] is False


def test_an_input_of_the_script_stays_in_the_run(tracking, binary, monkeypatch):
    C = autotrack.param("C", 9.0)
    with autotrack.start_run() as run:
        for value in (C, 2.0, 3.0):
            LogisticRegression(C=value).fit(binary.X_train, binary.y_train)
    assert run.params == {"C": 9.0}
    assert [child.params["C"] for child in children_of(run)] == [9.0, 2.0, 3.0]


def test_scores_that_come_later_go_to_the_child(tracking, binary):
    with autotrack.start_run() as run:
        models = [LogisticRegression(C=C).fit(binary.X_train, binary.y_train) for C in GRID[:2]]
        early = models[0].predict(binary.X_test)
        models.append(LogisticRegression(C=9).fit(binary.X_train, binary.y_train))
        accuracy_score(binary.y_test, early)
        for model in models:
            model.score(binary.X_test, binary.y_test)
        models[0].set_params(C=GRID[0]).score(binary.X_test, binary.y_test)
    first, *others = children_of(run)
    assert set(first.metrics) == {"test_accuracy_score", "test_score"}
    assert len(history(first, "test_score")) == 2
    assert [set(child.metrics) for child in others] == [{"test_score"}] * 2
    assert not run.metrics


def test_the_history_of_refits_moves_as_a_whole(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    with autotrack.start_run() as run:
        scores = [
            Ridge(alpha=2).fit(X_train[:size], y_train[:size]).score(X_test, y_test)
            for size in (40, 80, 160)
        ]
        for alpha in (3, 4):
            Ridge(alpha=alpha).fit(X_train, y_train)
        scores.append(Ridge(alpha=2).fit(X_train[:20], y_train[:20]).score(X_test, y_test))
    first, *_ = children_of(run)
    assert history(first, "test_score") == scores
    assert len(runs()) == 4


def test_a_first_fit_that_failed_is_a_failed_child(tracking, binary):
    with autotrack.start_run() as run:
        with pytest.raises(ValueError, match="0 sample"):
            LogisticRegression().fit(binary.X_train[:0], binary.y_train[:0])
        for C in GRID[:2]:
            LogisticRegression(C=C).fit(binary.X_train, binary.y_train)
    assert [child.status for child in children_of(run)] == ["FAILED", "FINISHED", "FINISHED"]
    assert children_of(run)[0].error.type == "ValueError"
    assert run.status == "FINISHED"


def test_a_run_that_is_gone_on_with_later_keeps_what_it_held(tracking, binary):
    with autotrack.start_run() as run:
        LogisticRegression().fit(binary.X_train, binary.y_train)
    with autotrack.start_run(run_id=run.run_id):
        for C in GRID[:2]:
            LogisticRegression(C=C).fit(binary.X_train, binary.y_train)
    assert run.tags["estimator"].endswith("LogisticRegression")
    assert len(children_of(run)) == 2


def test_models_of_other_classes_beside_it_leave_the_first_where_it_is(tracking, binary):
    with autotrack.start_run() as run:
        LogisticRegression(C=2.0).fit(binary.X_train, binary.y_train)
        for smoothing in (0.1, 0.2, 0.3):
            GaussianNB(var_smoothing=smoothing).fit(binary.X_train, binary.y_train)
    assert run.params == {"C": 2.0}
    assert [child.name for child in children_of(run)] == ["GaussianNB"] * 3
