"""Displays: what they draw is recorded as the function would be that they draw."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import CalibrationDisplay, calibration_curve
from sklearn.inspection import DecisionBoundaryDisplay, PartialDependenceDisplay
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    DetCurveDisplay,
    PrecisionRecallDisplay,
    PredictionErrorDisplay,
    RocCurveDisplay,
)
from sklearn.model_selection import LearningCurveDisplay, ValidationCurveDisplay, cross_validate

import autotrack
from tests.looking import history, measured, only_run, runs, table, tables

matplotlib = pytest.importorskip("matplotlib", reason="displays draw with matplotlib")
matplotlib.use("Agg")

CLASS_METHODS = [
    (kind, name)
    for kind in (
        RocCurveDisplay,
        PrecisionRecallDisplay,
        DetCurveDisplay,
        CalibrationDisplay,
        ConfusionMatrixDisplay,
        PredictionErrorDisplay,
    )
    for name in ("from_estimator", "from_predictions", "from_cv_results")
    if name in vars(kind)
]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    from matplotlib import pyplot

    pyplot.close("all")


def floats(rows: list[list[str]]) -> list[list[float]]:
    return [[float(cell) for cell in row] for row in rows[1:]]


def one_for_both(kind, name):
    """A display by `name` of a classifier, the one way or the other."""

    def draw(model, X, y, **options):
        if name == "from_estimator":
            return kind.from_estimator(model, X, y, **options)
        p = model.predict(X) if kind is ConfusionMatrixDisplay else model.predict_proba(X)[:, 1]
        return kind.from_predictions(y, p, **options)

    return draw


both_ways = pytest.mark.parametrize("way", ["from_estimator", "from_predictions"])


# -- curves and matrices --------------------------------------------------------------------------


CURVES = {
    RocCurveDisplay: ("roc_curve", ("fpr", "tpr"), ("roc_auc", "test_roc_auc_score")),
    PrecisionRecallDisplay: (
        "precision_recall_curve",
        ("precision", "recall"),
        ("average_precision", "test_average_precision_score"),
    ),
    DetCurveDisplay: ("det_curve", ("fpr", "fnr"), None),
    CalibrationDisplay: ("calibration_curve", ("prob_true", "prob_pred"), None),
}


@both_ways
@pytest.mark.parametrize("kind", CURVES, ids=lambda kind: kind.__name__)
def test_a_curve_is_a_table_of_the_models_run_and_its_area_a_metric(
    kind, way, classifier, binary, tmp_path
):
    _, X_test, _, y_test = binary
    name, columns, number = CURVES[kind]
    display = one_for_both(kind, way)(classifier, X_test, y_test)
    assert tables(only_run()) == [f"test_{name}.csv"]
    rows = table(only_run(), f"test_{name}.csv", tmp_path)
    assert rows[0] == list(columns)
    expected = np.transpose([getattr(display, column) for column in columns])
    assert floats(rows) == expected.tolist()
    assert only_run().metrics == ({number[1]: getattr(display, number[0])} if number else {})


@both_ways
def test_the_area_of_a_display_and_that_of_the_function_are_one_metric(way, classifier, binary):
    _, X_test, _, y_test = binary
    one_for_both(RocCurveDisplay, way)(classifier, X_test, y_test)
    area = metrics.roc_auc_score(y_test, classifier.predict_proba(X_test)[:, 1])
    assert history(only_run(), "test_roc_auc_score") == [area, area]


@both_ways
def test_a_matrix_is_a_table_with_the_names_of_the_classes(way, tracking, classes, tmp_path):
    X_train, X_test, y_train, y_test = classes
    model = LogisticRegression().fit(X_train, y_train)
    names = ["ale", "stout", "porter"]
    draw = one_for_both(ConfusionMatrixDisplay, way)
    display = draw(model, X_test, y_test, display_labels=names)
    rows = table(only_run(), "test_confusion_matrix.csv", tmp_path)
    assert rows[0] == ["true \\ predicted", *names]
    assert [[int(cell) for cell in row[1:]] for row in rows[1:]] == (
        display.confusion_matrix.tolist()
    )


@both_ways
def test_options_that_change_the_meaning_are_part_of_the_key(way, classifier, binary):
    _, X_test, _, y_test = binary
    weights = np.arange(len(y_test)) + 1.0
    one_for_both(ConfusionMatrixDisplay, way)(classifier, X_test, y_test, normalize="true")
    one_for_both(CalibrationDisplay, way)(classifier, X_test, y_test, n_bins=7)
    one_for_both(RocCurveDisplay, way)(classifier, X_test, y_test, sample_weight=weights)
    one_for_both(PrecisionRecallDisplay, way)(classifier, X_test, y_test, pos_label=0)
    assert tables(only_run()) == [
        "test_calibration_curve_n_bins_7.csv",
        "test_confusion_matrix_normalize_true.csv",
        "test_precision_recall_curve_pos_label_0.csv",
        "test_roc_curve_sample_weight.csv",
    ]
    assert set(only_run().metrics) == {
        "test_average_precision_score_pos_label_0",
        "test_roc_auc_score_sample_weight",
    }


@both_ways
def test_a_display_names_its_data_as_the_function_would(way, classifier, binary):
    X_train, X_test, y_train, y_test = binary
    X_val, y_val = X_test[:40], y_test[:40]
    draw = one_for_both(RocCurveDisplay, way)
    draw(classifier, X_train, y_train)
    draw(classifier, X_val, y_val)
    assert tables(only_run()) == ["train_roc_curve.csv", "val_roc_curve.csv"]
    assert {use.context for use in only_run().datasets} == {"train", "val"}


@both_ways
def test_repeats_are_kept_beside_each_other(way, classifier, binary):
    _, X_test, _, y_test = binary
    for _ in range(2):
        one_for_both(DetCurveDisplay, way)(classifier, X_test, y_test)
    assert tables(only_run()) == ["test_det_curve.1.csv", "test_det_curve.csv"]


@both_ways
def test_each_display_goes_to_the_run_of_its_own_model(way, tracking, binary):
    X_train, X_test, y_train, y_test = binary
    models = [LogisticRegression(C=C).fit(X_train, y_train) for C in (0.001, 10.0)]
    drawn = [one_for_both(RocCurveDisplay, way)(model, X_test, y_test) for model in models]
    assert [run.metrics["test_roc_auc_score"] for run in runs()] == [d.roc_auc for d in drawn]


def test_a_display_of_numbers_made_by_hand_is_no_models(classifier, binary):
    y_test = binary.y_test
    RocCurveDisplay.from_predictions(y_test, np.linspace(0, 1, len(y_test)))
    assert measured() == 0
    assert tables(only_run()) == []


def test_a_display_of_no_known_model_goes_to_the_active_run(tracking, binary):
    y_test = binary.y_test
    with autotrack.start_run():
        RocCurveDisplay.from_predictions(y_test, np.linspace(0, 1, len(y_test)))
    assert tables(only_run()) == ["test_roc_curve.csv"]


def test_what_is_computed_from_a_display_is_the_models(classifier, binary):
    _, X_test, _, y_test = binary
    display = RocCurveDisplay.from_estimator(classifier, X_test, y_test)
    area = metrics.auc(display.fpr, display.tpr)
    assert only_run().metrics == {"test_roc_auc_score": area, "test_auc": area}


def test_drawing_a_display_again_records_nothing(classifier, binary):
    _, X_test, _, y_test = binary
    display = RocCurveDisplay.from_estimator(classifier, X_test, y_test)
    display.plot()
    RocCurveDisplay(fpr=display.fpr, tpr=display.tpr).plot()
    assert measured() == 1
    assert len(tables(only_run())) == 1


def test_a_display_of_the_users_own_is_recorded_as_what_it_derives_from(classifier, binary):
    class MyDisplay(RocCurveDisplay):
        @classmethod
        def from_estimator(cls, model, X, y):
            return super().from_estimator(model, X, y)

    _, X_test, _, y_test = binary
    assert type(MyDisplay.from_estimator(classifier, X_test, y_test)) is MyDisplay
    assert tables(only_run()) == ["test_roc_curve.csv"]


def test_the_function_of_a_calibration_curve_is_heard(classifier, binary, tmp_path):
    _, X_test, _, y_test = binary
    true, _ = calibration_curve(y_test, classifier.predict_proba(X_test)[:, 1], n_bins=5)
    rows = table(only_run(), "test_calibration_curve.csv", tmp_path)
    assert [row[0] for row in floats(rows)] == true.tolist()


# -- errors of predicted numbers ------------------------------------------------------------------


@both_ways
def test_prediction_errors_are_averages_over_groups_of_rows(way, regressor, numbers, tmp_path):
    _, X_test, _, y_test = numbers
    if way == "from_estimator":
        PredictionErrorDisplay.from_estimator(regressor, X_test, y_test)
    else:
        PredictionErrorDisplay.from_predictions(y_true=y_test, y_pred=regressor.predict(X_test))
    rows = table(only_run(), "test_prediction_error.csv", tmp_path)
    assert rows[0] == ["rows", "mean_y_pred", "mean_y_true", "std_residual"]
    counts, predicted, true, _ = np.transpose(floats(rows))
    assert counts.sum() == len(y_test)
    assert np.average(true, weights=counts) == pytest.approx(y_test.mean())
    assert (np.diff(predicted) > 0).all()


def test_prediction_errors_of_few_rows_tell_nobodys_value(regressor, numbers, tmp_path):
    X_test, y_test = numbers.X_test[:11], numbers.y_test[:11]
    PredictionErrorDisplay.from_estimator(regressor, X_test, y_test)
    PredictionErrorDisplay.from_estimator(regressor, X_test[:4], y_test[:4])
    assert tables(only_run()) == ["test_prediction_error.csv"]
    rows = floats(table(only_run(), "test_prediction_error.csv", tmp_path))
    assert [row[0] for row in rows] == [6, 5]


# -- cross-validation -----------------------------------------------------------------------------


@pytest.mark.skipif(
    not hasattr(RocCurveDisplay, "from_cv_results"), reason="came with scikit-learn 1.7"
)
def test_the_curves_of_a_cross_validation_are_one_table_of_its_run(tracking, binary, tmp_path):
    X, _, y, _ = binary
    results = cross_validate(
        LogisticRegression(), X, y, cv=3, return_estimator=True, return_indices=True
    )
    display = RocCurveDisplay.from_cv_results(results, X, y)
    assert only_run().kind == "validation"
    assert history(only_run(), "test_roc_auc_score") == display.roc_auc
    rows = table(only_run(), "test_roc_curve.csv", tmp_path)
    assert rows[0] == ["split", "fpr", "tpr"]
    for split in range(3):
        points = [row[1:] for row in floats(rows) if row[0] == split]
        assert points == np.transpose([display.fpr[split], display.tpr[split]]).tolist()


CURVE_DISPLAYS = {
    "learning_curve": lambda model, X, y, **options: LearningCurveDisplay.from_estimator(
        model, X, y, cv=3, train_sizes=[0.5, 1.0], **options
    ),
    "validation_curve": lambda model, X, y, **options: ValidationCurveDisplay.from_estimator(
        model, X, y, cv=3, param_name="alpha", param_range=[0.1, 1.0, 10.0], **options
    ),
}


@pytest.mark.parametrize("options", [{}, {"n_jobs": 2}], ids=["alone", "in workers"])
@pytest.mark.parametrize("function", CURVE_DISPLAYS)
def test_a_display_of_a_validation_function_is_the_run_of_that_function(
    function, options, tracking, numbers
):
    X, _, y, _ = numbers
    display = CURVE_DISPLAYS[function](Ridge(), X, y, **options)
    run = only_run()
    assert run.kind == "validation"
    assert run.name == f"{function}: Ridge"
    assert tables(run) == ["curve.csv", "splits.csv"]
    means = display.test_scores.mean(axis=1).tolist()
    assert history(run, "mean_test_score") == means
    assert {use.name for use in run.datasets} == {"X"}


# -- displays that judge nothing ------------------------------------------------------------------


def test_displays_of_what_a_model_does_leave_no_record(tracking, binary):
    X_train, _, y_train, _ = binary
    model = LogisticRegression().fit(X_train[:, :2], y_train)
    PartialDependenceDisplay.from_estimator(model, X_train[:, :2], [0, 1])
    DecisionBoundaryDisplay.from_estimator(model, X_train[:, :2], grid_resolution=10)
    assert measured() == 0
    assert tables(only_run()) == []


# -- which class, and whose number -----------------------------------------------------------------


@pytest.fixture
def of_each_class(tracking, classes):
    """Truth by class, and probabilities, of a model of three classes."""
    model = LogisticRegression().fit(classes.X_train, classes.y_train)
    X_test = classes.X_test
    truth = np.eye(3, dtype=int)[classes.y_test]
    return model, truth, model.predict_proba(X_test)


NAMES = {"with names": lambda k: {"name": f"class {k}"}, "without": lambda _: {}}


@pytest.mark.parametrize("options", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize("kind", CURVES, ids=lambda kind: kind.__name__)
def test_curves_of_several_classes_say_which_they_are_of(kind, copied, options, of_each_class):
    _, truth, scores = of_each_class
    drawn = []
    for k in range(3):
        column = scores[:, k].copy() if copied else scores[:, k]
        drawn.append(kind.from_predictions(truth[:, k], column, **options(k)))
    name, _, number = CURVES[kind]
    assert tables(only_run()) == [f"test_{name}_class_{k}.csv" for k in range(3)]
    if number is not None:
        assert only_run().metrics == {
            f"{number[1]}_class_{k}": getattr(display, number[0]) for k, display in enumerate(drawn)
        }


def test_a_display_writes_over_no_number_that_was_computed(of_each_class):
    _, truth, scores = of_each_class
    whole = metrics.roc_auc_score(truth, scores)
    for k in range(3):
        RocCurveDisplay.from_predictions(truth[:, k], scores[:, k], name=f"class {k}")
    assert history(only_run(), "test_roc_auc_score") == [whole]
    assert len(only_run().metrics) == 4


@both_ways
def test_a_display_adds_no_step_to_a_number_that_was_computed(way, classifier, binary):
    _, X_test, _, y_test = binary
    area = metrics.roc_auc_score(y_test, classifier.predict_proba(X_test)[:, 1])
    one_for_both(RocCurveDisplay, way)(classifier, X_test, y_test)
    assert history(only_run(), "test_roc_auc_score") == [area]
    assert only_run().metrics == {"test_roc_auc_score": area}
    assert tables(only_run()) == ["test_roc_curve.csv"]


def test_another_number_of_a_display_has_a_key_of_its_own(classifier, binary):
    X_test, y_test = binary.X_test, binary.y_test
    area = metrics.roc_auc_score(y_test, classifier.predict_proba(X_test)[:, 1])
    X_test, y_test = X_test[:40], y_test[:40]
    shown = RocCurveDisplay.from_estimator(classifier, X_test, y_test)
    assert only_run().metrics["test_roc_auc_score"] == area
    assert sorted(only_run().metrics.values()) == sorted([area, shown.roc_auc])


def test_displays_of_several_classes_list_their_data_once(of_each_class):
    _, truth, scores = of_each_class
    for k in range(3):
        RocCurveDisplay.from_predictions(truth[:, k], scores[:, k])
    assert [use.context for use in only_run().datasets] == ["train", "test"]


def test_a_display_of_one_output_of_several_says_which(tracking, numbers):
    Y = np.column_stack([numbers.y_train, -numbers.y_train])
    model = Ridge().fit(numbers.X_train, Y)
    X_test = numbers.X_test
    truth = np.column_stack([numbers.y_test, -numbers.y_test])
    predicted = model.predict(X_test)
    for k in range(2):
        PredictionErrorDisplay.from_predictions(y_true=truth[:, k], y_pred=predicted[:, k])
    assert tables(only_run()) == [f"test_prediction_error_output_{k}.csv" for k in range(2)]


def test_the_name_of_a_model_in_a_legend_is_no_part_of_the_key(classifier, binary):
    X_test, y_test = binary.X_test, binary.y_test
    RocCurveDisplay.from_estimator(classifier, X_test, y_test, name="Mine")
    scores = classifier.predict_proba(X_test)[:, 1]
    RocCurveDisplay.from_predictions(y_test, scores, name="Mine")
    assert set(only_run().metrics) == {"test_roc_auc_score"}


# -- the figure -----------------------------------------------------------------------------------


def test_the_figure_of_a_display_is_kept_on_request_beside_its_numbers(classifier, binary):
    _, X_test, _, y_test = binary
    display = RocCurveDisplay.from_estimator(classifier, X_test, y_test)
    assert only_run().artifacts()["path"].tolist() == ["scores/test_roc_curve.csv"]
    autotrack.log_figure(display, "roc.png")
    assert set(only_run().artifacts()["path"]) == {"roc.png", "scores/test_roc_curve.csv"}


def test_the_figures_of_two_models_in_one_run_do_not_replace_each_other(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    with autotrack.start_run():
        for C in (0.1, 1.0):
            model = LogisticRegression(C=C).fit(X_train, y_train)
            autotrack.log_figure(RocCurveDisplay.from_estimator(model, X_test, y_test), "roc.png")
    assert ["roc.png" in set(run.artifacts()["path"]) for run in runs()] == [True, True]


def test_the_figure_of_a_display_of_no_known_model_goes_to_the_active_run(tracking, binary):
    y_test = binary.y_test
    display = RocCurveDisplay.from_predictions(y_test, np.linspace(0, 1, len(y_test)))
    with autotrack.start_run():
        autotrack.log_figure(display, "roc.svg")
    assert only_run().artifacts()["path"].tolist() == ["roc.svg"]


def test_a_display_that_was_not_drawn_yet_has_no_figure(tracking):
    display = RocCurveDisplay(fpr=np.array([0, 1]), tpr=np.array([0, 1]))
    with autotrack.start_run(), pytest.raises(autotrack.InvalidValueError, match=r"plot\(\)"):
        autotrack.log_figure(display, "roc.png")


# -- never in the way -----------------------------------------------------------------------------


def test_displays_are_put_back_exactly():
    before = {(kind, name): vars(kind)[name] for kind, name in CLASS_METHODS}
    with autotrack.enable(log_models=False):
        assert all(vars(kind)[name] is not before[kind, name] for kind, name in CLASS_METHODS)
    assert all(vars(kind)[name] is before[kind, name] for kind, name in CLASS_METHODS)


def test_a_display_pickles_as_before(classifier, binary):
    _, X_test, _, y_test = binary
    display = metrics.DetCurveDisplay.from_estimator(classifier, X_test, y_test)
    bare = DetCurveDisplay(fpr=display.fpr, fnr=display.fnr, estimator_name="a", pos_label=1)
    assert vars(pickle.loads(pickle.dumps(bare))).keys() == vars(bare).keys()
    assert RocCurveDisplay.from_estimator.__self__ is RocCurveDisplay
    assert pickle.loads(pickle.dumps(RocCurveDisplay.from_estimator)) == (
        RocCurveDisplay.from_estimator
    )


def test_what_a_display_raises_passes_unchanged_and_nothing_is_recorded(regressor, numbers):
    with pytest.raises(ValueError, match="binary"):
        RocCurveDisplay.from_predictions(numbers.y_test, regressor.predict(numbers.X_test))
    assert tables(only_run()) == []


def test_matplotlib_is_not_imported_by_tracking(run_python):
    done = run_python(
        code="import sys, autotrack\n"
        "with autotrack.enable():\n"
        "    pass\n"
        "print('matplotlib' in sys.modules)"
    )
    assert done.stdout.split() == ["False"]
