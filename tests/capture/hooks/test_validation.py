"""cross_validate and its kin: one run, its splits as they finish."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LassoCV, LogisticRegression, SGDClassifier
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import (
    GroupKFold,
    LearningCurveDisplay,
    LeaveOneGroupOut,
    ShuffleSplit,
    StratifiedKFold,
    ValidationCurveDisplay,
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
from autotrack.tracking.workspace import workspace
from tests.looking import only_run, runs
from tests.waiting import wait_until

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
    history = autotrack.metric_history(run.run_id, "split_test_score")
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
    history = autotrack.metric_history(run.run_id, "split_test_neg_log_loss").sort_values("step")
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
    assert first.metrics == {"oof_accuracy_score": accuracy}
    assert newest.metrics == {"oof_log_loss": loss}


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
    assert (run.metrics["mean_test_score"], run.metrics["pvalue"]) == (score, pvalue)
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
    history = autotrack.metric_history(run.run_id, "split_test_score")
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


def test_every_score_and_time_has_its_moments():
    scoring = ["accuracy", "neg_log_loss"]
    scores = cross_validate(model(), X, y, scoring=scoring, return_train_score=True, cv=4)

    run = only_run()
    for name, values in scores.items():
        history = autotrack.metric_history(run.run_id, name if "time" in name else f"split_{name}")
        assert history["value"].tolist() == values.tolist()
        assert run.metrics[f"mean_{name}"] == values.mean()
        assert run.metrics[f"std_{name}"] == values.std()
        if "time" not in name:
            assert run.metrics[f"se_{name}"] == pytest.approx(values.std(ddof=1) / 2)
    splits = table(run, "splits")
    assert set(splits) == {"split", *scores}
    assert splits["train_accuracy"].tolist() == pytest.approx(scores["train_accuracy"].tolist())


def test_the_models_of_the_splits_are_no_crates_but_their_scores_reach_the_run():
    scores = cross_validate(model(), X, y, cv=3, return_estimator=True, return_indices=True)

    run = only_run()
    assert not any(path.startswith("model") for path in run.artifacts()["path"])
    held_out = [accuracy_score(y, each.predict(X)) for each in scores["estimator"]]
    history = autotrack.metric_history(run.run_id, "estimator_test_accuracy_score")
    assert history["value"].tolist() == held_out
    scores["estimator"][0].score(X, y)
    assert run.metrics["estimator_test_score"] == held_out[0]
    assert run.metrics["split_test_score"] == scores["test_score"][-1]
    assert len(autotrack.search_runs()) == 1


@pytest.mark.parametrize("routing", [False, True])
def test_groups_and_weights_are_named_and_arrive(routing):
    groups, weights = np.arange(150) % 5, np.linspace(0.5, 1.5, 150)
    if routing:
        with config_context(enable_metadata_routing=True):
            single = LogisticRegression(max_iter=500).set_fit_request(sample_weight=True)
            single.set_score_request(sample_weight=True)
            given = {"groups": groups, "sample_weight": weights}
            cross_val_score(single, X, y, cv=GroupKFold(5), params=given)
    else:
        cross_val_score(
            LogisticRegression(max_iter=500),
            X,
            y,
            groups=groups,
            cv=LeaveOneGroupOut(),
            params={"sample_weight": weights},
        )

    run = only_run()
    assert run.tags["fit_arguments"] == "groups, sample_weight"
    assert len(autotrack.metric_history(run.run_id, "split_test_score")) == 5
    assert run.tags["autotrack.progress"] == "5 of 5 splits"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: cross_val_score(model(), X, y), "5 of 5 splits"),
        (lambda: cross_val_score(model(), X, y, cv=ShuffleSplit(7)), "7 of 7 splits"),
        (lambda: cross_val_score(model(), X, y, cv=list(CV.split(X, y))), "3 of 3 splits"),
        (lambda: cross_val_score(model(), X, y, cv=CV.split(X, y)), "3 of 3 splits"),
        (lambda: cross_val_predict(model(), X, y, cv=4), "4 of 4 splits"),
        (lambda: learning_curve(model(), X, y, cv=CV, shuffle=True), "15 of 15 fits"),
        (
            lambda: validation_curve(
                model(), X, y, param_name="logisticregression__C", param_range=[1, 2], cv=4
            ),
            "8 of 8 fits",
        ),
        (
            lambda: permutation_test_score(model(), X, y, n_permutations=4, n_jobs=2),
            "4 of 4 permutations",
        ),
    ],
)
def test_how_many_there_were_is_on_record(call, said):
    call()
    assert only_run().tags["autotrack.progress"] == said


CV = StratifiedKFold(3)


def test_a_splitter_of_the_users_that_cannot_count_is_no_trouble():
    class Halves:
        def split(self, X, y=None, groups=None):
            yield np.arange(0, 150, 2), np.arange(1, 150, 2)
            yield np.arange(1, 150, 2), np.arange(0, 150, 2)

        def get_n_splits(self, X=None, y=None, groups=None):
            raise NotImplementedError

    assert len(cross_val_score(model(), X, y, cv=Halves())) == 2
    assert only_run().tags["autotrack.progress"] == "2 of 2 splits"


def test_wrong_arguments_fail_as_ever():
    with (
        config_context(skip_parameter_validation=True),
        pytest.raises(TypeError, match="missing 2 required positional arguments"),
    ):
        cross_val_score()


def test_probabilities_of_two_classes_are_no_scores():
    cross_val_predict(model(), X, y > 0, method="predict_proba")
    assert only_run().metrics == {}


def test_the_times_of_a_learning_curve_are_kept_with_it():
    sizes, _, test, fit_times, _ = learning_curve(
        model(), X, y, cv=CV, train_sizes=[20, 60], shuffle=True, return_times=True
    )

    run = only_run()
    curve = table(run, "curve")
    assert curve["mean_fit_time"].tolist() == pytest.approx(fit_times.mean(axis=1).tolist())
    splits = table(run, "splits").sort_values(["train_size", "split"])
    assert splits["train_size"].tolist() == np.repeat(sizes, 3).tolist()
    assert splits["test_score"].tolist() == pytest.approx(test.ravel().tolist())
    assert splits["fit_time"].tolist() == pytest.approx(fit_times.ravel().tolist())


def test_a_learning_curve_of_incremental_training_is_the_same():
    _, train, test = learning_curve(
        SGDClassifier(random_state=0),
        X,
        y,
        cv=CV,
        train_sizes=[30, 60, 90],
        shuffle=True,
        exploit_incremental_learning=True,
    )

    run = only_run()
    splits = table(run, "splits").sort_values(["train_size", "split"])
    assert splits["test_score"].tolist() == pytest.approx(test.ravel().tolist())
    assert table(run, "curve")["mean_train_score"].tolist() == pytest.approx(train.mean(axis=1))
    assert run.tags["autotrack.progress"] == "3 of 3 fits"


@pytest.mark.parametrize("jobs", [None, 2])
def test_only_the_loop_of_the_permutations_is_listened_to(jobs):
    forest = RandomForestClassifier(5, n_jobs=2, random_state=0)
    score, permuted, _ = permutation_test_score(
        forest, X, y, n_permutations=3, cv=3, n_jobs=jobs, random_state=0
    )

    run = only_run()
    assert table(run, "splits")["permutation_score"].tolist() == pytest.approx(permuted.tolist())
    assert run.metrics["mean_permutation_score"] == permuted.mean()
    assert run.metrics["mean_test_score"] == score
    assert run.tags["autotrack.progress"] == "3 of 3 permutations"


@pytest.mark.parametrize("display", [LearningCurveDisplay, ValidationCurveDisplay])
def test_a_display_of_a_curve_is_one_run(display):
    pytest.importorskip("matplotlib").use("agg")
    learning = display is LearningCurveDisplay
    varied = (
        {"train_sizes": [0.5, 1.0], "shuffle": True}
        if learning
        else {"param_name": "logisticregression__C", "param_range": [1, 2]}
    )
    display.from_estimator(model(), X, y, cv=3, **varied)

    run = only_run()
    function = "learning_curve" if learning else "validation_curve"
    assert (run.kind, run.name.partition(":")[0]) == ("validation", function)
    assert len(table(run, "curve")) == 2


@pytest.mark.parametrize("jobs", [None, 2])
def test_warnings_of_splits_are_noted_and_reach_the_user(jobs):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cross_val_score(LogisticRegression(max_iter=2), X, y, cv=3, n_jobs=jobs)

    told = [w for w in caught if issubclass(w.category, ConvergenceWarning)]
    assert len(told) == (0 if jobs else 3)  # workers write theirs to stderr
    notes = [note for _, _, note in workspace.store().notes(only_run().run_id)]
    assert sorted(note.split for note in notes) == [0, 1, 2]
    assert {note.category.rpartition(".")[2] for note in notes} == {"ConvergenceWarning"}


SLOW = """
import time, sys
import numpy as np, autotrack
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import cross_val_score

class Slow(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        time.sleep(0.3 if len(fitted) < 4 else 600)
        fitted.append(self)
        self.classes_ = np.unique(y)
        print("fitted", flush=True)
        return self
    def predict(self, X):
        return np.full(len(X), self.classes_[0])

fitted = []
autotrack.enable()
cross_val_score(Slow(), np.zeros((40, 1)), np.arange(40) % 2, cv=20)
"""


def only_run_metric():
    return autotrack.metric_history(only_run().run_id, "split_test_score") if runs() else []


def test_splits_that_had_finished_survive_a_kill(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", SLOW], stdout=subprocess.PIPE, text=True)
    for _ in range(4):
        process.stdout.readline()
    # The fifth takes for ever.
    wait_until(lambda: len(only_run_metric()) == 4, "four splits in the store")
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    run = only_run()
    assert run.status == "KILLED"
    finished = len(autotrack.metric_history(run.run_id, "split_test_score"))
    assert finished == 4
    assert run.tags["autotrack.progress"] == f"{finished} of 20 splits"


def test_another_process_sees_how_far_it_is(run_python):
    process = subprocess.Popen([sys.executable, "-c", SLOW], stdout=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: len(only_run_metric()) == 4, "four splits in the store")
        status = only_run().status
        shown = run_python("-m", "autotrack", "show", "last").stdout
    finally:
        process.kill()
        process.wait()
        process.stdout.close()

    assert status == "RUNNING"
    finished, total = re.search(r"finished (\d+) of (\d+) splits, about \d.* left", shown).groups()
    assert finished == "4"
    assert total == "20"
    shown = run_python("-m", "autotrack", "show", "last").stdout
    assert re.search(r"finished \d+ of 20 splits\n", shown)
