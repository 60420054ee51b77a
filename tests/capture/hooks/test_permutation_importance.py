"""permutation_importance: a run of what every feature is worth to a fitted model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer

import autotrack
from tests.looking import history, only_run, runs


def frame_of(data):
    return pd.DataFrame(data, columns=["age", "height", "weight", "hours"])


def table(run, name, to):
    return pd.read_csv(autotrack.download_artifact(run.run_id, f"scores/{name}.csv", to=to))


def test_it_is_a_run_with_every_importance_by_feature(classifier, binary, tmp_path):
    X_test = frame_of(binary.X_test)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "feature_names_in_", np.array(X_test.columns), raising=False)
        result = permutation_importance(
            classifier, X_test, binary.y_test, n_repeats=3, random_state=0, scoring="accuracy"
        )

    model, run = runs()
    assert (run.kind, run.status) == ("validation", "FINISHED")
    assert run.name == "permutation_importance: LogisticRegression"
    assert run.params == {"C": 0.5, "n_repeats": 3, "random_state": 0, "scoring": "accuracy"}
    assert run.tags["autotrack.model_run"] == model.run_id
    assert run.tags["autotrack.progress"] == "4 of 4 features"
    assert [(use.context, use.name) for use in run.datasets] == [("validation", "X_test")]
    assert model.metrics == {}

    assert history(run, "importances_mean") == result.importances_mean.tolist()
    assert history(run, "importances_std") == result.importances_std.tolist()
    importances = table(run, "importances", tmp_path)
    assert importances["feature"].tolist() == ["age", "height", "weight", "hours"]
    assert importances["importances_mean"].tolist() == pytest.approx(result.importances_mean)
    repeats = table(run, "importances_repeats", tmp_path)
    assert repeats["feature"].tolist() == np.repeat(importances["feature"], 3).tolist()
    assert repeats["repeat"].tolist() == [0, 1, 2] * 4
    assert repeats["importance"].tolist() == pytest.approx(result.importances.ravel())


def test_several_scorers_have_a_table_each(classifier, binary, tmp_path):
    result = permutation_importance(
        classifier, binary.X_test, binary.y_test, n_repeats=2, scoring=["accuracy", "roc_auc"]
    )

    run = autotrack.last_run()
    for name in ("accuracy", "roc_auc"):
        assert history(run, f"importances_mean_{name}") == result[name].importances_mean.tolist()
        importances = table(run, f"importances_{name}", tmp_path)
        assert importances["feature"].tolist() == [0, 1, 2, 3]
        assert importances["importances_std"].tolist() == pytest.approx(
            result[name].importances_std
        )
        assert len(table(run, f"importances_{name}_repeats", tmp_path)) == 8


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_features_are_written_as_they_finish(classifier, binary, backend):
    import joblib

    with joblib.parallel_config(backend):
        permutation_importance(
            classifier, binary.X_test, binary.y_test, n_repeats=2, random_state=0, n_jobs=2
        )

    run = autotrack.last_run()
    steps = autotrack.metric_history(run.run_id, "permuted_score")
    assert sorted(steps["step"]) == [0, 1, 2, 3]
    by_feature = dict(zip(steps["step"], steps["value"], strict=True))
    means = history(run, "importances_mean")
    # The score without permutation is the same for every feature.
    baseline = classifier.score(binary.X_test, binary.y_test)
    assert [by_feature[n] + means[n] for n in range(4)] == pytest.approx([baseline] * 4)


def test_only_its_own_loop_is_listened_to(tracking, binary):
    forest = RandomForestClassifier(5, n_jobs=2).fit(binary.X_train, binary.y_train)
    permutation_importance(forest, binary.X_test, binary.y_test, n_repeats=2)

    run = autotrack.last_run()
    assert run.tags["autotrack.progress"] == "4 of 4 features"
    assert len(history(run, "permuted_score")) == 4


def test_scores_inside_of_it_are_silent_and_those_after_it_are_heard(classifier, binary):
    permutation_importance(
        classifier, binary.X_test, binary.y_test, scoring=make_scorer(accuracy_score)
    )
    assert all(not run.metrics for run in runs() if run.kind == "fit")
    value = accuracy_score(binary.y_test, classifier.predict(binary.X_test))
    assert next(run for run in runs() if run.kind == "fit").metrics == {
        "test_accuracy_score": value
    }


def test_in_a_run_it_is_a_child_of_it(tracking, binary):
    with autotrack.start_run() as parent:
        model = LogisticRegression().fit(binary.X_train, binary.y_train)
        permutation_importance(model, binary.X_test, binary.y_test)

    (child,) = [run for run in runs() if run.kind == "validation"]
    assert child.parent_id == child.tags["autotrack.model_run"] == parent.run_id


def test_a_model_of_no_run_has_one_all_the_same(binary):
    model = LogisticRegression().fit(binary.X_train, binary.y_train)
    with autotrack.enable():
        permutation_importance(model, binary.X_test, binary.y_test)

    assert "autotrack.model_run" not in only_run().tags


def test_one_that_raises_is_failed(classifier, binary):
    with pytest.raises(ValueError, match="max_samples"):
        permutation_importance(classifier, binary.X_test, binary.y_test, max_samples=1000)

    assert runs()[-1].status == "FAILED"


LATE = """
import sys, autotrack
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
before = list(sys.meta_path)
autotrack.enable(log_models=False)
model = LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True))
assert "sklearn.inspection" not in sys.modules
from sklearn.inspection import permutation_importance
assert type(permutation_importance.__module__) is str
import sklearn.inspection._permutation_importance as module
assert type(module.__spec__.loader) is type(sys.modules["sklearn"].__spec__.loader)
permutation_importance(model, *load_iris(return_X_y=True))
autotrack.disable()
assert sys.meta_path == before
permutation_importance(model, *load_iris(return_X_y=True))
"""


def test_it_is_heard_however_late_it_is_imported(run_python):
    run_python(code=LATE)
    assert [run.kind for run in runs()] == ["fit", "validation"]


def test_waiting_for_it_ends_with_tracking(run_python):
    code = """
import sys, autotrack
before = list(sys.meta_path)
for _ in range(3):
    autotrack.enable()
    autotrack.disable()
assert sys.meta_path == before
from sklearn.inspection import permutation_importance
"""
    run_python(code=code)
