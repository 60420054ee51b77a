"""cross_validate and its kin: one run, its splits as they finish."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.linear_model import LassoCV, LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import (
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack
from tests.capture.looking import only_run

X, y = load_iris(return_X_y=True)


def model():
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.5))


def table(run, name):
    import pandas as pd

    path = autotrack.download_artifact(run.run_id, f"scores/{name}.csv", to=os.environ["TABLES"])
    return pd.read_csv(path)


@pytest.fixture(autouse=True)
def tracking(tmp_path, monkeypatch):
    monkeypatch.setenv("TABLES", str(tmp_path))
    with autotrack.enable():
        yield


def test_cross_val_score_is_one_run_with_every_split_and_their_mean():
    scores = cross_val_score(model(), X, y, cv=4)

    run = only_run()
    assert (run.kind, run.status) == ("validation", "FINISHED")
    assert run.name == "cross_val_score: StandardScaler > LogisticRegression"
    assert run.params["logisticregression__C"] == 0.5
    assert run.params["cv"] == 4
    history = autotrack.metric_history(run.run_id, "test_score")
    assert history["step"].tolist() == [0, 1, 2, 3]
    assert history["value"].tolist() == scores.tolist()
    assert run.metrics["mean_test_score"] == scores.mean()
    assert run.metrics["std_test_score"] == scores.std()
    assert run.metrics["se_test_score"] == pytest.approx(scores.std(ddof=1) / 2)
    assert table(run, "splits")["test_score"].tolist() == pytest.approx(scores.tolist(), rel=1e-14)
    assert not any(path.startswith("model") for path in run.artifacts()["path"])


@pytest.mark.parametrize("backend", ["sequential", "threading", "loky", "multiprocessing"])
def test_the_same_comes_out_on_every_backend(backend):
    autotrack.disable()
    bare = cross_validate(model(), X, y, scoring=["accuracy", "neg_log_loss"])
    autotrack.enable()
    with joblib.parallel_config("loky" if backend == "sequential" else backend):
        jobs = None if backend == "sequential" else 2
        scores = cross_validate(model(), X, y, scoring=["accuracy", "neg_log_loss"], n_jobs=jobs)

    assert list(scores) == list(bare)
    np.testing.assert_allclose(scores["test_neg_log_loss"], bare["test_neg_log_loss"])
    run = only_run()
    history = autotrack.metric_history(run.run_id, "test_neg_log_loss").sort_values("step")
    assert history["value"].tolist() == scores["test_neg_log_loss"].tolist()
    assert run.metrics["mean_test_accuracy"] == pytest.approx(scores["test_accuracy"].mean())


def test_a_scorer_gives_the_scores_their_name():
    cross_validate(model(), X, y, scoring="f1_macro", return_train_score=True)

    metrics = only_run().metrics
    assert {"mean_test_f1_macro", "mean_train_f1_macro", "fit_time"} <= set(metrics)


def test_the_data_is_on_record():
    cross_val_score(model(), X, y)

    (use,) = only_run().datasets
    assert (use.context, use.name, use.data.shape) == ("validation", "X", (150, 4))


def test_inside_a_run_it_is_a_child():
    with autotrack.start_run() as parent:
        cross_val_score(model(), X, y)

    children = parent.children()
    assert children["kind"].tolist() == ["validation"]
    assert parent.metrics == {}


def test_an_option_that_is_also_a_param_of_the_estimator_keeps_apart():
    cross_val_score(LassoCV(cv=3), X, y.astype(float), cv=4)

    params = only_run().params
    assert (params["cv"], params["cross_val_score__cv"]) == (3, 4)


def test_scores_of_out_of_fold_predictions_reach_the_run_they_came_from():
    predicted = cross_val_predict(model(), X, y, cv=StratifiedKFold(3))
    accuracy = accuracy_score(y, predicted)
    probability = cross_val_predict(model(), X, y, method="predict_proba")
    loss = log_loss(y, probability)

    newest, first = (autotrack.get_run(i) for i in autotrack.search_runs()["run_id"])
    assert first.metrics == {"test_accuracy_score": accuracy}
    assert newest.metrics == {"test_log_loss": loss}


def test_a_learning_curve_is_kept_by_train_size():
    sizes, train, test = learning_curve(
        model(), X, y, train_sizes=[0.5, 1.0], shuffle=True, random_state=0, scoring="accuracy"
    )

    run = only_run()
    history = autotrack.metric_history(run.run_id, "mean_test_accuracy")
    assert history["step"].tolist() == sizes.tolist()
    assert history["value"].tolist() == test.mean(axis=1).tolist()
    curve = table(run, "curve")
    assert curve["train_size"].tolist() == sizes.tolist()
    assert curve["mean_train_accuracy"].tolist() == pytest.approx(train.mean(axis=1).tolist())


def test_a_validation_curve_is_kept_by_the_varied_value():
    _, test = validation_curve(
        model(), X, y, param_name="logisticregression__C", param_range=[0.1, 1, 10]
    )

    curve = table(only_run(), "curve")
    assert curve["logisticregression__C"].tolist() == [0.1, 1, 10]
    assert curve["mean_test_score"].tolist() == pytest.approx(test.mean(axis=1).tolist())


def test_a_permutation_test_keeps_score_and_p_value():
    score, permuted, pvalue = permutation_test_score(model(), X, y, n_permutations=8)

    run = only_run()
    assert (run.metrics["score"], run.metrics["pvalue"]) == (score, pvalue)
    history = autotrack.metric_history(run.run_id, "permutation_score").sort_values("step")
    assert history["value"].tolist() == permuted.tolist()


class Fussy(ClassifierMixin, BaseEstimator):
    """Refuses to be trained on the rows that hold the first one."""

    def fit(self, X, y):
        if (X == X_FIRST).all(axis=1).any():
            raise ValueError("not with that one")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


X_FIRST = X[0]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_splits_that_fail_are_nan_and_say_why():
    scores = cross_val_score(Fussy(), X, y, cv=StratifiedKFold(3))

    run = only_run()
    assert run.status == "FINISHED"
    assert np.isnan(scores).sum() == 2
    history = autotrack.metric_history(run.run_id, "test_score")
    assert history["value"].isna().sum() == 2
    errors = table(run, "fit_errors")
    assert errors["error"].tolist() == ["ValueError: not with that one"] * 2


def test_one_that_raises_is_failed_and_raises_the_same():
    with pytest.raises(ValueError, match="not with that one"):
        cross_val_score(Fussy(), X, y, cv=StratifiedKFold(3), error_score="raise")

    run = only_run()
    assert run.status == "FAILED"
    assert run.error.message == "not with that one"


def test_inside_another_call_it_is_silent():
    class Chooser(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.score_ = cross_val_score(LogisticRegression(max_iter=500), X, y).mean()
            self.classes_ = np.unique(y)
            return self

        def predict(self, X):
            return np.full(len(X), self.classes_[0])

    Chooser().fit(X, y)

    assert only_run().kind == "fit"


SLOW = """
import time, sys
import numpy as np, autotrack
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import cross_val_score

class Slow(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        time.sleep(0.3)
        self.classes_ = np.unique(y)
        print("fitted", flush=True)
        return self
    def predict(self, X):
        return np.full(len(X), self.classes_[0])

autotrack.enable()
cross_val_score(Slow(), np.zeros((40, 1)), np.arange(40) % 2, cv=20)
"""


def test_splits_that_had_finished_survive_a_kill(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", SLOW], stdout=subprocess.PIPE, text=True)
    for _ in range(4):
        process.stdout.readline()
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    run = only_run()
    assert run.status == "KILLED"
    assert len(autotrack.metric_history(run.run_id, "test_score")) >= 3
