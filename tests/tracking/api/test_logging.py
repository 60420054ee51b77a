"""The verbs that log: values as people, NumPy, pandas and R hand them over."""

from __future__ import annotations

import decimal
import fractions
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack
from autotrack import InvalidValueError, RunFinishedError


@pytest.fixture
def run():
    with autotrack.start_run() as run:
        yield run


def test_params_keep_their_types(run):
    given = {
        "whole": 3,
        "broken": 0.5,
        "yes": True,
        "text": "a",
        "nothing": None,
        "list": [1, 2.5, "x"],
        "table": {"a": 1},
        "large": 10**30,
    }
    assert autotrack.log_params(given) is given
    assert run.params == given
    assert {key: type(value) for key, value in run.params.items()} == {
        key: type(value) for key, value in given.items()
    }


def test_numpys_numbers_are_plain_params(run):
    autotrack.log_params(
        {
            "whole": np.int64(3),
            "broken": np.float32(0.5),
            "yes": np.bool_(True),
            "text": np.str_("a"),
            "array": np.arange(3),
        }
    )
    assert run.params == {"whole": 3, "broken": 0.5, "yes": True, "text": "a", "array": [0, 1, 2]}
    assert type(run.params["yes"]) is bool


def test_params_that_are_odd_are_kept_in_a_form_people_can_read(run):
    autotrack.log_params(
        {"model": Ridge(alpha=2), "class": Ridge, "function": len, "long": "x" * 9999}
    )
    assert run.params["model"] == "Ridge(alpha=2)"
    assert run.params["class"].endswith("Ridge")
    assert run.params["function"] == "builtins.len"
    assert len(run.params["long"]) < 500


def test_a_param_logged_again_takes_the_new_value_and_its_type(run):
    assert autotrack.log_param("a", 1) == 1
    assert autotrack.log_param("a", "two") == "two"
    assert run.params == {"a": "two"}


def test_the_user_set_params_of_an_estimator_are_logged_and_it_is_passed_on(run):
    model = make_pipeline(StandardScaler(with_mean=False), LogisticRegression(C=0.1))
    assert autotrack.log_estimator_params(model) is model
    assert run.params["standardscaler__with_mean"] is False
    assert run.params["logisticregression__C"] == 0.1
    assert "logisticregression__max_iter" not in run.params


@pytest.mark.parametrize(
    "value",
    [
        1,
        1.0,
        True,
        np.float32(1),
        np.int8(1),
        np.bool_(True),
        np.array(1.0),
        np.array([1.0]),
        np.array([[1]]),
        pd.Series([1.0]),
        [1],
        (1.0,),
        fractions.Fraction(1),
        decimal.Decimal(1),
    ],
    ids=repr,
)
def test_whatever_is_one_number_is_a_metric(run, value):
    assert autotrack.log_metric("m", value) is value
    assert run.metrics == {"m": 1.0}
    assert type(run.metrics["m"]) is float


@pytest.mark.parametrize(
    "value",
    [
        "1",
        None,
        pd.NA,
        [],
        [1, 2],
        np.array([1.0, 2.0]),
        np.array("a"),
        pd.Series([1.0, 2.0]),
        {"a": 1},
        1j,
        10**400,
        object(),
        b"1",
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_number_is_refused_and_nothing_of_the_call_is_kept(run, value):
    with pytest.raises(InvalidValueError, match="metric 'm' must be one number"):
        autotrack.log_metrics({"fine": 1, "m": value})
    assert run.metrics == {}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_come_back_as_they_were(run, value):
    autotrack.log_metric("m", value)
    (read,) = autotrack.metric_history(run.run_id, "m")["value"]
    for found in (run.metrics["m"], read, autotrack.search_runs()["metrics.m"].iloc[0]):
        assert found == value or (math.isnan(found) and math.isnan(value))


def test_metrics_have_a_history_in_steps(run):
    for value in (0.3, 0.2, 0.1):
        autotrack.log_metric("loss", value)
    autotrack.log_metric("loss", 0.05, step=10)
    autotrack.log_metric("loss", 0.01)
    history = autotrack.metric_history(run.run_id, "loss")
    assert history["step"].tolist() == [0, 1, 2, 10, 11]
    assert history["value"].tolist() == [0.3, 0.2, 0.1, 0.05, 0.01]
    assert history["time"].is_monotonic_increasing
    assert run.metrics == {"loss": 0.01}


def test_a_step_may_arrive_as_a_float(run):
    """R's numbers do."""
    autotrack.log_metrics({"a": 1, "b": 2}, step=3.0)
    assert autotrack.metric_history(run.run_id, "a")["step"].tolist() == [3]
    for step in (2.5, math.nan, math.inf, "2", 1e300):
        with pytest.raises(InvalidValueError, match="step"):
            autotrack.log_metric("a", 1, step=step)


def test_a_frame_as_yardstick_makes_it_is_understood(run):
    frame = pd.DataFrame(
        {
            ".metric": ["rmse", "rsq", "f_meas", "accuracy", "roc_auc"],
            ".estimator": ["standard", "standard", "macro", "binary", "hand_till"],
            ".estimate": [0.5, 0.9, 0.7, 0.8, 0.95],
        }
    )
    assert autotrack.log_metrics(frame) is frame
    assert run.metrics == {
        "rmse": 0.5,
        "rsq": 0.9,
        "f_meas_macro": 0.7,
        "accuracy": 0.8,
        "roc_auc_hand_till": 0.95,
    }


def test_a_yardstick_frame_need_not_say_its_estimator(run):
    columns = {".metric": ["rmse", "rsq"], ".estimate": [0.5, 0.9]}
    autotrack.log_metrics(pd.DataFrame(columns))
    autotrack.log_metrics(columns, step=5)
    history = autotrack.metric_history(run.run_id, "rsq")
    assert (history["step"].tolist(), history["value"].tolist()) == ([0, 5], [0.9, 0.9])


def test_a_single_row_of_a_yardstick_frame_may_arrive_as_a_mapping_of_scalars(run):
    """That is what a named list becomes on its way from R."""
    autotrack.log_metrics({".metric": "rmse", ".estimator": "standard", ".estimate": 0.5})
    assert run.metrics == {"rmse": 0.5}


@pytest.mark.parametrize(
    "metrics",
    [
        None,
        3,
        "rmse",
        pd.DataFrame({"rmse": [0.5]}),
        {".metric": ["rmse"]},
        {".metric": ["a", "b"], ".estimate": [1.0]},
        {3: 0.5},
        {"": 0.5},
    ],
    ids=repr,
)
def test_metrics_of_another_shape_are_refused(run, metrics):
    with pytest.raises(InvalidValueError):
        autotrack.log_metrics(metrics)
    assert run.metrics == {}


def test_tags_are_texts(run):
    autotrack.set_tag("number", 3)
    autotrack.set_tags({"a": "1", "b": None})
    autotrack.set_tag("a", "2")
    assert run.tags == {"number": "3", "a": "2", "b": "None"}
    autotrack.delete_tag("a")
    autotrack.delete_tag("never there")
    assert set(run.tags) == {"number", "b"}


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: autotrack.log_params([("a", 1)]),
        lambda: autotrack.log_params({1: 2}),
        lambda: autotrack.log_param(None, 1),
        lambda: autotrack.log_param(" ", 1),
        lambda: autotrack.log_estimator_params(Ridge),
        lambda: autotrack.log_metric(3, 1.0),
        lambda: autotrack.set_tag(3, "a"),
        lambda: autotrack.set_tags("a"),
        lambda: autotrack.delete_tag(3),
        lambda: autotrack.log_model(3),
        lambda: autotrack.log_model(Ridge),
        lambda: autotrack.log_model(Ridge(), name=""),
    ],
)
def test_misuse_is_an_error_and_keeps_nothing(run, misuse):
    with pytest.raises(InvalidValueError):
        misuse()
    assert (run.params, run.metrics, run.tags) == ({}, {}, {})
    assert run.artifacts().empty


def test_a_run_that_has_ended_elsewhere_is_not_written_to_any_more(tmp_path, run_python):
    (tmp_path / "f").write_text("x")
    run = autotrack.start_run()
    run_python(code=f"import autotrack\nwith autotrack.start_run(run_id={run.run_id!r}): pass")
    for write in (
        lambda: autotrack.log_param("a", 1),
        lambda: autotrack.log_metric("a", 1),
        lambda: autotrack.log_estimator_params(Ridge(alpha=3)),
        lambda: autotrack.set_tag("a", 1),
        lambda: autotrack.delete_tag("a"),
        lambda: autotrack.log_artifact(tmp_path / "f"),
        lambda: autotrack.log_artifacts(tmp_path),
        lambda: autotrack.log_text("a", "a.txt"),
        lambda: autotrack.log_dict({}, "a.json"),
        lambda: autotrack.log_table({"a": [1]}, "a.csv"),
        lambda: autotrack.log_model(Ridge()),
        lambda: autotrack.param("a", 1),
    ):
        with pytest.raises(
            RunFinishedError, match=rf"has ended \(FINISHED\).*run_id='{run.run_id}'"
        ):
            write()
    assert (run.params, run.metrics, run.tags) == ({}, {}, {})
    assert run.artifacts().empty
