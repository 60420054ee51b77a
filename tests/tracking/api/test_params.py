"""`param`: an input with a type, overridden from outside, and part of every run that follows."""

from __future__ import annotations

import math

import pytest
from sklearn.linear_model import Lasso, LinearRegression, Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

import autotrack
from autotrack import InvalidValueError, SettingError


@pytest.fixture
def override(monkeypatch):
    def override(name, text):
        monkeypatch.setenv(f"AUTOTRACK_PARAM_{name}", text)

    return override


@pytest.mark.parametrize("default", [3, 0.5, True, "a", None, [1, 2], {"a": 1}, (1, 2)], ids=repr)
def test_without_an_override_the_default_is_the_value(default):
    value = autotrack.param("alpha", default)
    assert value == default
    assert type(value) is type(default)


@pytest.mark.parametrize(
    ("default", "text", "value"),
    [
        (3, "4", 4),
        (3, " -4 ", -4),
        (0.5, "0.1", 0.1),
        (0.5, "1e-3", 1e-3),
        (0.5, "2", 2.0),
        (0.5, "inf", math.inf),
        (True, "false", False),
        (True, "No", False),
        (True, "off", False),
        (False, "1", True),
        (False, "TRUE", True),
        (False, "on", True),
        ("a", "3", "3"),
        ("a", "", ""),
        ([1], "[1, 2]", [1, 2]),
        ((1,), "[1, 2]", (1, 2)),
        ({"a": 1}, '{"b": 2}', {"b": 2}),
        (None, "3", 3),
        (None, "0.5", 0.5),
        (None, "lbfgs", "lbfgs"),
        (None, "null", None),
    ],
)
def test_an_override_has_the_type_of_the_default(override, default, text, value):
    override("alpha", text)
    found = autotrack.param("alpha", default)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("default", "text"),
    [
        (3, "0.5"),
        (3, "many"),
        (3, ""),
        (0.5, "half"),
        (True, "2"),
        (True, "maybe"),
        ([1], "1"),
        ([1], '{"a": 1}'),
        ({"a": 1}, "[1]"),
        ({"a": 1}, "{a: 1}"),
        ((1,), "{}"),
    ],
)
def test_an_override_of_another_type_is_an_error_that_says_both(override, default, text):
    override("alpha", text)
    with pytest.raises(SettingError) as caught:
        autotrack.param("alpha", default)
    message = str(caught.value)
    assert "'alpha'" in message
    assert repr(text) in message
    assert f"no {type(default).__name__} like its default {default!r}" in message
    assert isinstance(caught.value, ValueError)


def test_a_param_is_logged_to_the_active_run_with_its_type():
    with autotrack.start_run() as run:
        autotrack.param("alpha", 0.5)
        autotrack.param("depth", 3)
    assert run.params == {"alpha": 0.5, "depth": 3}
    assert type(run.params["depth"]) is int


def test_a_param_starts_no_run_and_is_in_every_run_that_follows():
    autotrack.param("alpha", 0.5)
    assert autotrack.active_run() is None
    with autotrack.start_run() as first, autotrack.start_run(nested=True) as child:
        pass
    with autotrack.enable():
        Ridge(alpha=3).fit([[1], [2]], [1, 2])
    assert first.params == child.params == {"alpha": 0.5}
    # What the model was given counts in its own run.
    assert autotrack.last_run().params == {"alpha": 3, "param__alpha": 0.5}
    with autotrack.start_run() as second:
        pass
    assert second.params == {"alpha": 0.5}


def fitted(model):
    return autotrack.last_run().params if model.fit([[1], [2]], [1, 2]) else None


def test_an_input_never_reads_as_the_param_of_a_model_that_has_another():
    alpha = autotrack.param("alpha", 5.0)
    with autotrack.enable():
        assert fitted(Ridge(alpha=alpha)) == {"alpha": 5.0}
        assert fitted(Lasso()) == {"param__alpha": 5.0}
        assert fitted(Ridge(alpha=1.0)) == {"param__alpha": 5.0}
        assert fitted(LinearRegression()) == {"alpha": 5.0}
        assert fitted(make_pipeline(Ridge(alpha=2.0))) == {
            "alpha": 5.0,
            "ridge": "Ridge",
            "ridge__alpha": 2.0,
        }
        cross_val_score(
            Lasso(), [[1], [2], [3], [4]], [1, 2, 3, 4], cv=2, scoring="neg_mean_squared_error"
        )
        assert autotrack.last_run().params["param__alpha"] == 5.0
        assert "alpha" not in autotrack.last_run().params


def test_an_input_is_no_option_of_a_validation_that_has_another():
    autotrack.param("cv", 10)
    with autotrack.enable():
        cross_val_score(LinearRegression(), [[1], [2], [3], [4]] * 5, [1, 2, 3, 4] * 5)
        assert autotrack.last_run().params == {"param__cv": 10}


@pytest.mark.parametrize("when", ["before the run", "before the fit", "after the fit"])
def test_in_a_run_of_the_users_too(when):
    if when == "before the run":
        autotrack.param("alpha", 5.0)
    with autotrack.enable(), autotrack.start_run() as run:
        if when == "before the fit":
            autotrack.param("alpha", 5.0)
        Lasso().fit([[1], [2]], [1, 2])
        if when == "after the fit":
            autotrack.param("alpha", 5.0)
        assert run.params == {"param__alpha": 5.0}
        Ridge(alpha=5.0).fit([[1], [2]], [1, 2])
        assert autotrack.last_run().params == {"alpha": 5.0}
    assert run.params == {"param__alpha": 5.0}


@pytest.mark.parametrize("name", ["", None, 3])
def test_a_param_needs_a_name(name):
    with pytest.raises(InvalidValueError):
        autotrack.param(name, 1)


def test_params_come_from_the_command_line(tmp_path, run_python):
    (tmp_path / "train.py").write_text(
        "import autotrack\n"
        "with autotrack.start_run() as run:\n"
        "    print(repr(autotrack.param('alpha', 0.5)), repr(autotrack.param('depth', 3)))\n"
    )
    done = run_python("-m", "autotrack", "run", "train.py", "-P", "alpha=0.1", "-Pdepth=7")
    assert done.stdout == "0.1 7\n"
    (params,) = autotrack.search_runs()[["params.alpha", "params.depth"]].itertuples(index=False)
    assert tuple(params) == (0.1, 7)
