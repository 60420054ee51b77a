"""Metrics of imbalanced-learn are recorded as those of scikit-learn are."""

from __future__ import annotations

import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

import autotrack

metrics = pytest.importorskip("imblearn.metrics")
X, y = make_classification(200, weights=[0.8], random_state=0)
X_test, y_test = X[100:], y[100:]


@pytest.fixture
def predicted():
    with autotrack.enable(log_models=False):
        yield LogisticRegression().fit(X[:100], y[:100]).predict(X_test)


def kept():
    return autotrack.last_run().metrics


def test_scores_reach_the_run_of_the_model(predicted):
    found = {
        "test_geometric_mean_score": metrics.geometric_mean_score(y_test, predicted),
        "test_sensitivity_score": metrics.sensitivity_score(y_test, predicted),
        "test_specificity_score_macro": metrics.specificity_score(
            y_test, predicted, average="macro"
        ),
        "test_macro_averaged_mean_absolute_error": metrics.macro_averaged_mean_absolute_error(
            y_test, predicted
        ),
    }
    assert kept() == pytest.approx(found)


@pytest.mark.parametrize("as_dict", [False, True])
def test_the_report_is_a_table(predicted, as_dict, tmp_path):
    report = metrics.classification_report_imbalanced(y_test, predicted, output_dict=as_dict)
    assert isinstance(report, dict if as_dict else str)
    run = autotrack.last_run()
    (path,) = run.artifacts()["path"]
    table = pd.read_csv(autotrack.download_artifact(run.run_id, path, to=tmp_path))
    expected = metrics.classification_report_imbalanced(
        y_test, predicted.tolist(), output_dict=True
    )
    table = table.set_index("label")
    assert table.loc["0", "geo"] == pytest.approx(expected["0"]["geo"])
    assert table.loc["avg / total", "pre"] == pytest.approx(expected["avg_pre"])
    assert table.loc["avg / total", "sup"] == 100


def test_what_was_imported_later_is_recorded_and_disable_puts_all_back(run_python):
    done = run_python(
        "-c",
        "import autotrack; autotrack.enable(log_models=False)\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "model = LogisticRegression().fit([[0], [1], [2], [3]], [0, 0, 1, 1])\n"
        "p = model.predict([[0], [3]])\n"
        "from imblearn.metrics import geometric_mean_score as g\n"
        "g([0, 1], p); print(autotrack.last_run().metrics)\n"
        "autotrack.disable(); g([0, 1], p); print(len(autotrack.last_run().metrics))\n"
        "print(len(autotrack.metric_history(autotrack.last_run().run_id,"
        " 'train_part_geometric_mean_score')))\n",
    )
    assert done.stdout.split("\n")[:3] == ["{'train_part_geometric_mean_score': 1.0}", "1", "1"]
