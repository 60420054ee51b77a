"""Values, names and data of kinds that nobody thinks of: an error of ours, or recorded rightly."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import autotrack
from autotrack.errors import AutotrackError, FilterError, InvalidValueError

X, y = np.arange(40.0).reshape(20, 2), np.arange(20.0)


class Silent:
    """It cannot be written."""

    def __repr__(self) -> str:
        raise RuntimeError("not to be written")


class SilentText(str):
    """A text that cannot be written."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("not to be written")

    __repr__ = __str__


class SilentNumber(int):
    """A number that cannot be written."""

    def __repr__(self) -> str:
        raise RuntimeError("not to be written")

    __str__ = __repr__


class SilentError(Exception):
    """An error that cannot be written."""

    def __str__(self) -> str:
        raise RuntimeError("not to be written")

    __repr__ = __str__


class Endless:
    """It writes itself, and so without end."""

    def __repr__(self) -> str:
        return repr(self)


class NoText:
    """What it calls its text is none."""

    def __repr__(self) -> Any:
        return 1


def inside_itself(kind: type) -> Any:
    outer: Any = [1]
    held = {"again": outer} if kind is dict else kind([outer])
    outer.append(held)
    return held


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


ODD = {
    "silent": Silent(), "silent text": SilentText("x"), "silent number": SilentNumber(3),
    "endless": Endless(), "no text": NoText(), "in a list": [Silent()],
    "in a dict": {"a": Silent()},
    "as a key": {Silent(): 1}, "list in itself": inside_itself(list),
    "dict in itself": inside_itself(dict), "tuple in itself": inside_itself(tuple),
    "deep": nested(5000), "huge": 10**10_000, "huge inside": [10**10_000], "surrogate": "\ud800",
    "surrogate inside": ["\ud800"], "array": np.array([Silent(), 1], dtype=object),
    "complex": 1j, "bytes": b"x", "class": Silent, "numbers": np.arange(3),
}  # fmt: skip
VERBS = {
    "param": lambda value: autotrack.log_param("a", value),
    "params": lambda value: autotrack.log_params(value),
    "input": lambda value: autotrack.param("an input", value),
    "tag": lambda value: autotrack.set_tag("a", value),
    "tags": lambda value: autotrack.set_tags(value),
    "metric": lambda value: autotrack.log_metric("a", value),
    "metrics": lambda value: autotrack.log_metrics(value),
    "step": lambda value: autotrack.log_metric("a", 1, step=value),
    "key of a param": lambda value: autotrack.log_param(value, 1),
    "key of a metric": lambda value: autotrack.log_metric(value, 1),
    "key of a tag": lambda value: autotrack.set_tag(value, "x"),
    "dict": lambda value: autotrack.log_dict({"a": value}, "a.json"),
    "text": lambda value: autotrack.log_text(value, "a.txt"),
    "table": lambda value: autotrack.log_table(value, "a.csv"),
    "path": lambda value: autotrack.log_text("x", value),
    "file": lambda value: autotrack.log_artifact(value),
    "folder": lambda value: autotrack.log_artifacts(value),
    "model": lambda value: autotrack.log_model(value),
    "address": lambda value: autotrack.load_model(value),
    "name": lambda value: autotrack.start_run(value, nested=True).__exit__(None, None, None),
    "where": lambda value: autotrack.search_runs(where=value),
    "order": lambda value: autotrack.search_runs(order_by=value),
    "limit": lambda value: autotrack.search_runs(limit=value),
    "experiment": lambda value: autotrack.search_runs(value),
    "run": lambda value: autotrack.get_run(value),
    "mode": lambda value: autotrack.best_run("a", mode=value),
    "best": lambda value: autotrack.best_run(value),
    "history": lambda value: autotrack.metric_history(autotrack.active_run().run_id, value),
    "models": lambda value: autotrack.search_models(value),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_value_is_kept_or_is_an_error_that_says_so(odd):
    with autotrack.start_run() as run:
        for verb, call in VERBS.items():
            try:
                call(ODD[odd])
            except AutotrackError as error:
                assert str(error), verb
    record = autotrack.get_run(run.run_id)
    assert "a" in record.params
    assert repr(record)


# -- filters --------------------------------------------------------------------------------------

HUGE = ["9" * 400, "9" * 5000, "9" * 200_000, "1e400", "1e999999"]


@pytest.fixture
def one_run():
    with autotrack.start_run() as run:
        autotrack.log_params({"a": 1, "big": 10**2000})
        autotrack.log_metric("m", 2)
    return run


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize("field", ["params.a", "metrics.m", "duration", "start_time"])
def test_any_number_may_stand_in_a_filter(one_run, field, number):
    for operator, finds in (("<", 1), (">", 0), ("=", 0), ("!=", 1)):
        assert len(autotrack.search_runs(where=f"{field} {operator} {number}")) == finds
        low = 1 - finds if operator in "<>" else finds
        assert len(autotrack.search_runs(where=f"{field} {operator} -{number}")) == low
    assert len(autotrack.search_runs(where=f"{field} between -{number} and {number}")) == 1


def test_huge_whole_numbers_are_compared_exactly(one_run):
    assert len(autotrack.search_runs(where=f"params.big = 1{'0' * 2000}")) == 1
    assert len(autotrack.search_runs(where=f"params.big = 1{'0' * 1999}1")) == 0


@pytest.mark.parametrize(
    "where",
    ["params.a = '\ud800'", "params.`\ud800` = 1", "params.\ud800 = 1", "tags.a like '\ud800'",
     "name = '\ud800'", "a = \ud800", "experiment in ('a', '\ud800')", "\ud800"],
)  # fmt: skip
def test_a_lone_surrogate_in_a_filter_is_shown_with_its_place(one_run, where):
    with pytest.raises(FilterError, match="lone surrogate") as caught:
        autotrack.search_runs(where=where)
    shown, caret = str(caught.value).splitlines()[1:]
    assert "\\ud800" in shown
    assert shown[caret.index("^") :].startswith("\\ud800")


@given(st.text(st.sampled_from("ab.=<>'`()9 \ud800\n\x00") | st.characters()))
def test_no_text_makes_a_search_fail_otherwise(where):
    try:
        autotrack.search_runs(where=where)
        autotrack.search_runs(order_by=where)
    except (FilterError, InvalidValueError) as error:
        str(error).encode()


# -- paths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [400, 3000])
def test_a_path_of_thousands_of_folders_is_said_to_be_too_long(tmp_path, depth):
    (tmp_path / "a.txt").touch()
    long = "a/b/" * depth
    calls = [
        lambda: autotrack.log_text("x", f"{long}c.txt"),
        lambda: autotrack.log_dict({}, f"{long}c.json"),
        lambda: autotrack.log_artifact(tmp_path / "a.txt", long),
        lambda: autotrack.log_artifacts(tmp_path, long),
        lambda: autotrack.log_model(Ridge().fit(X, y), f"{long}m"),
        lambda: autotrack.log_artifact(f"{long}c.txt"),
        lambda: autotrack.log_artifacts(long),
        lambda: autotrack.load_model(long),
        lambda: autotrack.load_model("a" * 5000),
    ]
    with autotrack.start_run():
        for call in calls:
            with pytest.raises(AutotrackError, match=r"more than|does not exist|no crate"):
                call()


def test_a_path_as_long_as_allowed_is_kept_and_read(tmp_path):
    path = "a/" * 490 + "long.txt"
    with autotrack.start_run() as run:
        autotrack.log_text("x", path)
        autotrack.log_text("y", path)
    assert autotrack.download_artifact(run.run_id, path, tmp_path).read_text() == "y"


# -- in a training --------------------------------------------------------------------------------


class Mean(RegressorMixin, BaseEstimator):
    """Predicts the mean, whatever the data is."""

    def __init__(self, setting: Any = None, alpha: float = 1) -> None:
        self.setting = setting
        self.alpha = alpha

    def fit(self, X: Any, y: Any) -> Mean:
        """Learn the mean."""
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X: Any) -> Any:
        """Say it."""
        return np.full(len(X), self.mean_)


class SilentMean(Mean):
    """It cannot be written."""

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        raise RuntimeError("not to be written")

    __str__ = __repr__


@pytest.mark.parametrize("odd", sorted(set(ODD) - {"deep"}))
def test_a_model_with_an_odd_param_is_fitted_scored_and_recorded(odd):
    with autotrack.enable():
        Mean(ODD[odd]).fit(X, y).score(X, y)
        run = autotrack.last_run()
        assert (run.status, "train_score" in run.metrics) == ("FINISHED", True)
        assert "setting" in run.params
        if "itself" not in odd:
            cross_val_score(Mean(ODD[odd]), X, y, cv=2)
        if odd in ("silent", "silent number", "huge", "in a list", "endless"):
            search = GridSearchCV(Mean(), {"setting": [ODD[odd], None]}, cv=2).fit(X, y)
            assert len(search.cv_results_["params"]) == 2
    assert set(autotrack.search_runs(children=True).status) == {"FINISHED"}


def test_a_param_too_deep_for_a_crate_is_one_warning(monkeypatch):
    monkeypatch.setenv("AUTOTRACK_STRICT", "0")
    with autotrack.enable(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            Mean(nested(100_000)).fit(X, y)
    ours = [w for w in caught if issubclass(w.category, autotrack.errors.AutotrackWarning)]
    assert len(ours) <= 1


def test_a_model_that_cannot_be_written_is_recorded():
    with autotrack.enable():
        SilentMean().fit(X, y).score(X, y)
        cross_val_score(SilentMean(), X, y, cv=2)
        GridSearchCV(SilentMean(), {"alpha": [1, 2]}, cv=2).fit(X, y)
    assert set(autotrack.search_runs(children=True).status) == {"FINISHED"}


def test_an_error_that_cannot_be_written_ends_a_run_all_the_same():
    with pytest.raises(SilentError), autotrack.start_run() as run:
        raise SilentError
    assert (run.status, run.error.type.rpartition(".")[2]) == ("FAILED", "SilentError")


# -- data -----------------------------------------------------------------------------------------

DAYS = pd.date_range("2026-01-01", periods=20)
FIELDS = np.array([(i, i / 2) for i in range(20)], dtype=[("a", "i4"), ("b", "f8")])


def as_numbers(data: Any) -> Any:
    """Any of the data below as a matrix."""
    if isinstance(data, np.ndarray) and data.dtype.names:
        return np.column_stack([data[name] for name in data.dtype.names]).astype(float)
    if type(data).__module__.startswith("pyarrow"):
        return np.column_stack([column.to_numpy(zero_copy_only=False) for column in data.columns])
    return pd.DataFrame(data).apply(lambda column: pd.to_datetime(column).astype("int64"))


def dates_and_others() -> dict[str, Any]:
    frames: dict[str, Any] = {
        "a column of dates": pd.DataFrame({"day": DAYS}),
        "columns of dates": pd.DataFrame({"day": DAYS, "due": DAYS + pd.Timedelta(days=1)}),
        "dates of a zone": pd.DataFrame({"day": DAYS.tz_localize("UTC")}),
        "dates of both kinds": pd.DataFrame({"day": DAYS, "due": DAYS.tz_localize("UTC")}),
        "spans": pd.DataFrame({"span": DAYS - DAYS[0]}),
        "a series of dates": pd.Series(DAYS),
        "an array of dates": DAYS.to_numpy(),
        "fields": FIELDS,
        "a record array": FIELDS.view(np.recarray),
        "one field": FIELDS[["a"]],
    }
    return frames


@pytest.mark.parametrize("kind", dates_and_others())
def test_dates_and_fields_are_training_data_like_any_other(kind):
    data = dates_and_others()[kind]
    with autotrack.enable():
        Mean().fit(data, y)
    run = autotrack.last_run()
    (use,) = run.datasets
    assert use.data.shape[0] == 20
    assert use.data.columns[0].dtype
    crate = run.load_model()
    assert list(crate.predict(data)) == [9.5] * 20
    again = pd.DataFrame({"day": DAYS}) if kind == "a column of dates" else data.copy()
    assert autotrack.tracking.api.artifacts.describe(again).fingerprint == use.data.fingerprint


@pytest.mark.parametrize("held", [np.asarray, pd.DataFrame])
@pytest.mark.parametrize("number", [np.longdouble, np.half])
def test_numbers_that_python_has_not_are_training_data_like_any_other(held, number):
    X = held(np.arange(40).reshape(20, 2).astype(number) / 3)
    with autotrack.enable():
        model = LinearRegression().fit(X, np.arange(20).astype(number))
    crate = autotrack.last_run().load_model()
    assert np.allclose(np.asarray(crate.predict(X), float), np.asarray(model.predict(X), float))


@pytest.mark.parametrize("kind", ["columns of dates", "fields"])
def test_searches_and_validations_take_them_too(kind):
    data = dates_and_others()[kind]
    model = make_pipeline(FunctionTransformer(as_numbers), Ridge())
    with autotrack.enable():
        cross_val_score(model, data, y, cv=2)
        GridSearchCV(model, {"ridge__alpha": [1, 2]}, cv=2).fit(data, y)
    assert set(autotrack.search_runs(children=True).status) == {"FINISHED"}


def test_dates_that_change_are_other_data():
    frame = pd.DataFrame({"day": DAYS})
    with autotrack.enable():
        DummyRegressor().fit(frame, y)
        first = autotrack.last_run().datasets[0].data.fingerprint
        frame.loc[0, "day"] = pd.Timestamp("2000-01-01")
        DummyRegressor().fit(frame, y)
        assert autotrack.last_run().datasets[0].data.fingerprint != first


@pytest.mark.parametrize("kind", ["Table", "RecordBatch"])
def test_arrow_tables_are_training_data_like_any_other(kind):
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"a": list(range(20)), "b": [i / 2 for i in range(20)]})
    data = table if kind == "Table" else table.to_batches()[0]
    model = make_pipeline(FunctionTransformer(as_numbers), Ridge())
    with autotrack.enable():
        model.fit(data, y).score(data, y)
    run = autotrack.last_run()
    (use,) = run.datasets
    assert [column.name for column in use.data.columns] == ["a", "b"]
    assert "train_score" in run.metrics
    crate = run.load_model()
    wanted = model.predict(data)
    assert np.array_equal(crate.predict(data), wanted)
    assert np.array_equal(crate.predict(data.select(["b", "a"])), wanted)
    with pytest.raises(autotrack.errors.ContractError, match="column 'b' is missing"):
        crate.predict(data.select(["a"]))
    frames = Ridge().fit(pd.DataFrame({"a": range(20), "b": y}), y)
    assert autotrack.crate(frames).predict(table).shape == (20,)
