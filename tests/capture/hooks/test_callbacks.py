"""scikit-learn's callbacks: the user's monitors become histories, and work as before."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack
from tests.looking import history, measured, only_run, runs, table, tables
from tests.waiting import PATIENCE

pytestmark = pytest.mark.thorough

callback = pytest.importorskip("sklearn.callback", reason="came with scikit-learn 1.9")


def monitored(scoring="accuracy", **params):
    monitor = callback.ScoringMonitor(scoring=scoring)
    return LogisticRegression(**params).set_callbacks(monitor), monitor


def logged(monitor, column="accuracy"):
    """What a monitor logged in the latest run: the iterations, then the end."""
    frame = monitor.get_logs().data_as_pandas
    iterations = frame[frame["task_name"] == "lbfgs-iter"][column].tolist()
    return [*iterations, *frame[frame["task_name"] == "fit"][column].tolist()]


# -- histories ------------------------------------------------------------------------------------


def test_the_scores_of_a_monitor_are_a_history_of_the_run_of_the_fit(tracking, binary):
    model, monitor = monitored()
    model.fit(binary.X_train, binary.y_train)
    found = history(only_run(), "train_accuracy")
    assert found == logged(monitor)
    assert len(found) > 3
    assert only_run().metrics["train_accuracy"] == model.score(binary.X_train, binary.y_train)
    frame = autotrack.metric_history(only_run().run_id, "train_accuracy")
    assert frame["step"].tolist() == list(range(len(found)))


def test_each_of_several_scores_has_a_history(tracking, binary):
    model, monitor = monitored(["accuracy", "neg_log_loss"])
    model.fit(binary.X_train, binary.y_train)
    assert history(only_run(), "train_accuracy") == logged(monitor)
    assert history(only_run(), "train_neg_log_loss") == logged(monitor, "neg_log_loss")


def test_a_scorer_object_is_named_after_its_function(tracking, binary):
    model, monitor = monitored(make_scorer(f1_score))
    model.fit(binary.X_train, binary.y_train)
    assert history(only_run(), "train_f1") == logged(monitor, "score")


def test_a_monitor_on_a_step_of_a_pipeline_is_followed(tracking, binary):
    model, monitor = monitored()
    make_pipeline(StandardScaler(), model).fit(binary.X_train, binary.y_train)
    frame = monitor.get_logs().data_as_pandas
    expected = frame[frame["task_name"] == "lbfgs-iter"]["accuracy"].tolist()
    assert history(only_run(), "train_accuracy")[: len(expected)] == expected


def test_inside_a_run_each_model_has_its_own_history(tracking, binary):
    (first, one), (second, two) = monitored(C=0.1), monitored(C=10.0)
    with autotrack.start_run():
        first.fit(binary.X_train, binary.y_train)
        second.fit(binary.X_train, binary.y_train)
    assert [history(run, "train_accuracy") for run in runs()] == [logged(one), logged(two)]


def test_one_monitor_of_several_fits_gives_each_what_it_logged_of_it(tracking, binary):
    monitor = callback.ScoringMonitor(scoring="accuracy")
    expected = []
    for C in (0.01, 10.0):
        model = LogisticRegression(C=C).set_callbacks(monitor)
        model.fit(binary.X_train, binary.y_train)
        expected.append(logged(monitor))
    assert [history(run, "train_accuracy") for run in runs()] == expected


def test_a_fit_that_fails_keeps_what_was_logged_before(tracking, binary):
    class Stop(callback.ScoringMonitor):
        def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
            if context.task_id == 3:
                raise KeyboardInterrupt
            super().on_fit_task_end(estimator, context, X=X, y=y, fitted_estimator=fitted_estimator)

    model = LogisticRegression().set_callbacks(Stop(scoring="accuracy"))
    with pytest.raises(KeyboardInterrupt):
        model.fit(binary.X_train, binary.y_train)
    assert only_run().status == "KILLED"
    assert len(history(only_run(), "train_accuracy")) == 3


# -- several estimators in one fit ----------------------------------------------------------------


@pytest.mark.parametrize("workers", [None, 2], ids=["alone", "in workers"])
def test_of_a_search_the_refit_is_the_history_and_all_of_it_a_table(
    workers, tracking, binary, tmp_path
):
    model, monitor = monitored()
    search = GridSearchCV(model, {"C": [0.01, 10.0]}, cv=2, n_jobs=workers)
    search.fit(binary.X_train, binary.y_train)
    (run,) = [run for run in runs() if run.parent_id is None]
    frame = monitor.get_logs().data_as_pandas
    refit = frame[frame["parent_task_id_path"] == (0, 1)]["accuracy"].tolist()
    assert history(run, "train_accuracy")[: len(refit)] == refit
    assert len(history(run, "train_accuracy")) == len(refit) + 1
    rows = table(run, "train_scoring_monitor.csv", tmp_path)
    assert rows[0] == ["fit", "task", "estimator", "name", "accuracy"]
    assert len(rows) - 1 == len(frame)


@pytest.mark.parametrize("workers", [None, 2], ids=["alone", "in workers"])
def test_estimators_trained_beside_each_other_are_a_table(workers, tracking, classes, tmp_path):
    model, monitor = monitored()
    OneVsRestClassifier(model, n_jobs=workers).fit(classes.X_train, classes.y_train)
    assert measured() == 0
    rows = table(only_run(), "train_scoring_monitor.csv", tmp_path)[1:]
    assert {row[0] for row in rows} == {"0", "1", "2"}
    logs = monitor.get_logs(select="all")
    assert len(rows) == sum(len(log.data) for log in logs)


def test_fits_side_by_side_with_one_monitor_are_not_mixed_up(tracking, binary):
    meet = threading.Barrier(2, timeout=PATIENCE)
    monitor = callback.ScoringMonitor(scoring="accuracy")

    class Meet(callback.ScoringMonitor):
        def on_fit_task_begin(self, estimator, context):
            if context.parent is None:
                meet.wait()

    def fit(C):
        model = LogisticRegression(C=C).set_callbacks(monitor, Meet(scoring="recall"))
        model.fit(binary.X_train, binary.y_train)

    threads = [threading.Thread(target=fit, args=(C,)) for C in (0.1, 10.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs()) == 2
    assert all("train_accuracy" not in run.metrics for run in runs())
    assert all(tables(run) == [] for run in runs())
    assert all("train_recall" in run.metrics for run in runs())


def test_a_monitor_on_a_part_that_is_no_step_is_followed(tracking, binary):
    model, monitor = monitored()
    VotingClassifier([("a", model)]).fit(binary.X_train, binary.y_train)
    assert history(only_run(), "train_accuracy") == logged(monitor)


# -- never in the way -----------------------------------------------------------------------------


class Counter:
    """A callback of the user's own, which calls what is tracked."""

    def __init__(self):
        self.seen = []

    def setup(self, estimator, context):
        self.seen.append("setup")

    def teardown(self, estimator, context):
        self.seen.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.seen.append("begin")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        if fitted_estimator is None:
            return
        fitted_estimator.score(X, y)
        accuracy_score(y, fitted_estimator.predict(X))
        LogisticRegression(C=0.1).fit(X, y)
        self.seen.append("end")


def test_callbacks_of_the_users_own_are_called_as_before_and_not_heard(binary):
    counters = [Counter(), Counter()]
    for counter, tracked in zip(counters, (False, True), strict=True):
        if tracked:
            autotrack.enable(log_models=False)
        LogisticRegression().set_callbacks(counter).fit(binary.X_train, binary.y_train)
    assert counters[0].seen == counters[1].seen
    assert measured() == 0
    assert len(runs()) == 1


@pytest.mark.parametrize("workers", [None, 2], ids=["alone", "in workers"])
def test_logs_and_results_are_what_they_are_without_tracking(workers, binary):
    logs, results = [], []
    for tracked in (False, True):
        if tracked:
            autotrack.enable(log_models=False)
        model, monitor = monitored(["accuracy", "roc_auc"])
        search = GridSearchCV(model, {"C": [0.01, 10.0]}, cv=3, n_jobs=workers)
        search.fit(binary.X_train, binary.y_train)
        logs.append(monitor.get_logs(include_lineage=True).data)
        results.append(search.best_estimator_.coef_)
    assert str(logs[0]) == str(logs[1])
    assert np.array_equal(*results)


def test_a_model_with_a_monitor_pickles_as_before(tracking, binary):
    model, monitor = monitored()
    names = set(vars(model)), set(vars(monitor))
    model.fit(binary.X_train, binary.y_train)
    assert set(vars(monitor)) == names[1]
    copy = pickle.loads(pickle.dumps(model))
    (other,) = copy._skl_callbacks
    assert other.get_logs().data == monitor.get_logs().data
    assert np.array_equal(copy.predict(binary.X_test), model.predict(binary.X_test))


def test_a_model_with_a_monitor_has_a_crate_that_predicts(binary, run_python, tmp_path):
    model, _ = monitored()
    with autotrack.enable():
        model.fit(binary.X_train, binary.y_train)
    np.save(tmp_path / "X.npy", binary.X_test)
    code = """
import sys, numpy, autotrack
crate = autotrack.load_model("runs:/" + sys.argv[1] + "/model")
print(crate.predict(numpy.load("X.npy")).tolist())
"""
    done = run_python("-c", code, only_run().run_id)
    assert done.stdout.strip() == str(model.predict(binary.X_test).tolist())


def test_progress_bars_are_shown_and_recorded_nowhere(tracking, binary, capsys):
    model = LogisticRegression().set_callbacks(callback.ProgressBar())
    model.fit(binary.X_train, binary.y_train)
    assert measured() == 0
    assert "LogisticRegression" in capsys.readouterr().out
