"""Reports in text: kept as numbers, without being computed a second time."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report
from sklearn.multioutput import MultiOutputClassifier

import autotrack
from tests.looking import measured, only_run, table, tables

OPTIONS = {
    "plain": {},
    "some labels": {"labels": [0, 2]},
    "all labels": {"labels": [2, 1, 0]},
    "names": {"target_names": ["ale", "stout", "the accuracy"]},
    "digits": {"digits": 4},
    "weights": {"sample_weight": np.arange(80) + 1.0},
    "zeros": {"zero_division": 1},
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_a_report_in_text_is_the_table_that_its_numbers_are(options, tracking, classes, tmp_path):
    model = LogisticRegression().fit(classes.X_train, classes.y_train)
    p = model.predict(classes.X_test)
    for as_dict in (False, True):
        classification_report(classes.y_test, p, output_dict=as_dict, **options)
    (tmp_path / "1").mkdir()
    second, first = tables(only_run())
    assert table(only_run(), first, tmp_path) == table(only_run(), second, tmp_path / "1")
    assert len(table(only_run(), first, tmp_path / "1")) > 4


def test_a_report_of_several_labels_a_row_is_a_table(tracking, binary, tmp_path):
    y = np.column_stack([binary.y_train, 1 - binary.y_train])
    model = MultiOutputClassifier(LogisticRegression()).fit(binary.X_train, y)
    p = model.predict(binary.X_test)
    truth = np.column_stack([binary.y_test, 1 - binary.y_test])
    expected = classification_report(truth, p, output_dict=True)
    classification_report(truth, p)
    rows = table(only_run(), tables(only_run())[0], tmp_path)
    assert [row[0] for row in rows[1:]] == list(expected)
    assert [float(row[1]) for row in rows[1:]] == [row["precision"] for row in expected.values()]


def warned(y_true, y_pred, **options) -> list[str]:
    """The warnings of a report, every one of them."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        classification_report(y_true, y_pred, **options)
    return [str(warning.message) for warning in found]


@pytest.mark.parametrize(
    "options",
    [{}, {"labels": [0, 1, 2], "target_names": ["ale", "stout"]}],
    ids=["of a class without predictions", "of names that do not fit"],
)
def test_the_warnings_of_a_report_are_given_once(options, classes):
    expected = warned(classes.y_test, np.zeros_like(classes.y_test), **options)
    assert expected
    with autotrack.enable(log_models=False):
        model = DummyClassifier(strategy="constant", constant=0)
        y_pred = model.fit(classes.X_train, classes.y_train).predict(classes.X_test)
        assert warned(classes.y_test, y_pred, **options) == expected
    assert tables(only_run()) == ["test_classification_report" + _labels(options) + ".csv"]


def _labels(options) -> str:
    return "_labels_0_1_2" if options else ""


def test_a_report_that_fails_leaves_no_trace_in_the_next_score(tracking, classes):
    model = LogisticRegression().fit(classes.X_train, classes.y_train)
    p = model.predict(classes.X_test)
    with pytest.raises(ValueError, match="target_names"):
        classification_report(classes.y_test, p, target_names=["one"])
    from sklearn.metrics import precision_recall_fscore_support

    precision_recall_fscore_support(classes.y_test, p, average="macro")
    assert measured() == 3
