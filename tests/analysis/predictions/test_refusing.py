"""What cannot be computed from kept predictions is refused by name, value and next step."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack

X, y = load_breast_cancer(return_X_y=True)
NAMES = np.array(["malign", "benign"])[y]
MODEL = make_pipeline(StandardScaler(), LogisticRegression())


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A validation with labels that are texts, one with numbers, and a score of decisions."""
    found = []
    store = tmp_path_factory.mktemp("store")
    with autotrack.enable(store=store, log_models=False, keep_predictions=True):
        for target in (NAMES, y):
            cross_val_score(MODEL, X, target, cv=3, scoring="roc_auc")
            found.append(autotrack.last_run())
            cross_val_score(MODEL, X, target, cv=3, scoring="neg_log_loss")
            found.append(autotrack.last_run())
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
        roc_auc_score(y_test, MODEL.fit(X_train, y_train).decision_function(X_test))
        found.append(autotrack.last_run())
    return dict(
        zip(("texts", "text chances", "numbers", "chances", "decisions"), found, strict=True)
    )


@pytest.mark.parametrize("run", ["texts", "numbers"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"thresholds": 0}, "thresholds=0"),
        ({"thresholds": -3}, "thresholds=-3"),
        ({"thresholds": []}, r"thresholds=\[\]"),
        ({"thresholds": "many"}, "thresholds='many'"),
        ({"thresholds": 0.5}, "thresholds=0.5"),
        ({"thresholds": [0.5, np.nan]}, "thresholds="),
    ],
)
def test_thresholds_that_are_none_are_refused(runs, run, options, said):
    with pytest.raises(autotrack.InvalidValueError, match=said):
        runs[run].threshold("accuracy", **options)


def test_an_integer_of_any_type_is_a_number_of_thresholds(runs):
    run = runs["chances"]
    found = run.threshold("accuracy", thresholds=np.int64(20))
    assert len(found.curve) == 20
    assert found.threshold == run.threshold("accuracy", thresholds=20).threshold
    assert len(run.threshold("accuracy", thresholds=np.array([0.2, 0.7])).curve) == 2


@pytest.mark.parametrize("run", ["texts", "numbers", "chances"])
def test_a_metric_that_takes_no_labels_has_no_threshold(runs, run):
    with pytest.raises(autotrack.InvalidValueError, match=r"roc_auc takes .* metric of labels"):
        runs[run].threshold("roc_auc")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"resamples": 0}, "resamples .* not 0"),
        ({"resamples": 2.5}, r"resamples .* not 2\.5"),
        ({"level": 1}, "level .* not 1"),
        ({"level": "high"}, "level .* not 'high'"),
        ({"seed": -1}, "seed .* not -1"),
    ],
)
def test_an_interval_says_what_it_takes(runs, options, said):
    with pytest.raises(autotrack.InvalidValueError, match=said):
        runs["chances"].interval("roc_auc", **options)


def test_a_metric_that_needs_a_positive_class_asks_for_it(runs):
    run = runs["text chances"]
    with pytest.raises(autotrack.InvalidValueError, match=r"neg_brier_score .* pos_label="):
        run.rescore("neg_brier_score")
    found = run.rescore("neg_brier_score", pos_label="benign", keep=False)
    assert -0.05 < found["mean"].item() < 0


def test_probabilities_are_not_computed_from_decisions(runs):
    with pytest.raises(
        autotrack.InvalidValueError, match=r"brier_score_loss takes probabilities.*predict_proba"
    ):
        runs["decisions"].rescore("brier_score_loss")
    assert runs["decisions"].rescore("average_precision", keep=False)["mean"].item() > 0.9


def test_an_error_of_a_metric_of_your_own_is_told_with_its_name(runs):
    def picky(truth, predicted):
        raise TypeError("it takes no such thing")

    with pytest.raises(autotrack.InvalidValueError, match=r"picky .* no such thing"):
        runs["chances"].rescore(picky, response="predict_proba")
