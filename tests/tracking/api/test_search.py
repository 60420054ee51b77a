"""Finding runs again: tables with typed columns, histories, the best run, and what differs."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

import autotrack
from autotrack import (
    ExperimentNotFoundError,
    FilterError,
    InvalidValueError,
    RunNotFoundError,
)

FIELDS = [
    "run_id",
    "name",
    "kind",
    "status",
    "experiment",
    "parent_id",
    "start_time",
    "end_time",
]


def record(name="tea", *, experiment=None, params=None, metrics=None, tags=None, **more):
    with autotrack.start_run(name, experiment=experiment, tags=tags, **more) as run:
        autotrack.log_params(params or {})
        autotrack.log_metrics(metrics or {})
    return run


def names(**query):
    return autotrack.search_runs(**query)["name"].tolist()


def test_a_run_is_a_row_with_typed_columns():
    record(
        params={"whole": 3, "broken": 0.5, "yes": True, "text": "a", "list": [1]},
        metrics={"loss": 1},
        tags={"leaf": "green"},
    )
    found = autotrack.search_runs()
    assert found.columns.tolist() == [
        *FIELDS,
        "params.broken",
        "params.list",
        "params.text",
        "params.whole",
        "params.yes",
        "metrics.loss",
        "tags.leaf",
    ]
    kinds = found.dtypes.astype(str).to_dict()
    assert kinds["params.whole"] == "int64"
    assert kinds["params.broken"] == kinds["metrics.loss"] == "float64"
    assert kinds["params.yes"] == "bool"
    assert kinds["params.text"] == kinds["params.list"] == kinds["run_id"] == "object"
    for column in ("start_time", "end_time"):
        assert isinstance(found[column].dtype, pd.DatetimeTZDtype)
        assert str(found[column].dt.tz) == "UTC"


def test_columns_keep_their_type_where_some_runs_lack_the_value():
    record(params={"whole": 3, "broken": 0.5, "yes": True, "mixed": 1}, metrics={"loss": 1})
    record(params={"mixed": "a"})
    found = autotrack.search_runs()
    kinds = found.dtypes.astype(str).to_dict()
    assert kinds["params.whole"] == "Int64"
    assert kinds["params.broken"] == kinds["metrics.loss"] == "float64"
    assert kinds["params.yes"] == "boolean"
    assert found["params.whole"].tolist() == [pd.NA, 3]
    assert np.isnan(found["metrics.loss"].iloc[0])
    assert found["params.mixed"].tolist() == ["a", 1]


def test_whole_and_broken_numbers_together_are_floats_and_huge_ones_stay_what_they_are():
    record(params={"a": 1, "b": 10**30})
    record(params={"a": 0.5, "b": 1})
    found = autotrack.search_runs()
    assert found["params.a"].tolist() == [0.5, 1.0]
    assert found["params.b"].tolist() == [1, 10**30]


def test_no_runs_are_an_empty_frame_with_the_fields():
    found = autotrack.search_runs()
    assert found.empty
    assert found.columns.tolist() == FIELDS


def test_a_run_that_goes_on_has_no_end():
    run = autotrack.start_run()
    (row,) = autotrack.search_runs().itertuples()
    assert (row.status, row.end_time) == ("RUNNING", pd.NaT)
    assert row.run_id == run.run_id


def test_the_newest_comes_first_unless_told_otherwise():
    for name, loss in (("a", 2), ("b", 3), ("c", 1)):
        record(name, metrics={"loss": loss})
    assert names() == ["c", "b", "a"]
    assert names(order_by="metrics.loss") == ["c", "a", "b"]
    assert names(order_by="metrics.loss desc") == ["b", "a", "c"]
    assert names(order_by=["status", "name"]) == ["a", "b", "c"]
    assert names(limit=2) == ["c", "b"]
    assert names(limit=2.0) == ["c", "b"]
    assert names(limit=0) == []


def test_conditions_choose_runs():
    record("a", params={"C": 0.1, "odd key": 1}, metrics={"acc": 0.95})
    record("b", params={"C": 10}, metrics={"acc": 0.9, "nan": math.nan}, tags={"leaf": "green"})
    with pytest.raises(ValueError, match="x"), autotrack.start_run("c"):
        raise ValueError("x")
    assert names(where="metrics.acc > 0.9 and params.C = 0.1") == ["a"]
    assert names(where="status = 'FAILED'") == ["c"]
    assert names(where="name like 'a%' or tags.leaf = 'green'") == ["b", "a"]
    assert names(where="params.C in (10, 20)") == ["b"]
    assert names(where="metrics.acc is null") == ["c"]
    assert names(where="params.`odd key` = 1") == ["a"]
    assert names(where="not (name = 'a')") == ["c", "b"]


def test_children_are_listed_on_request():
    with autotrack.start_run("outer"), autotrack.start_run("inner", nested=True):
        pass
    assert names() == ["outer"]
    assert names(children=True) == ["inner", "outer"]


def test_experiments_are_given_by_name_one_or_several():
    for experiment in ("tea", "coffee", "cocoa"):
        record(experiment, experiment=experiment)
    assert names(experiment="tea") == ["tea"]
    assert names(experiment=["tea", "cocoa"]) == ["cocoa", "tea"]
    assert names(experiment=("coffee",)) == ["coffee"]
    assert names(experiment=[]) == ["cocoa", "coffee", "tea"]
    with pytest.raises(ExperimentNotFoundError, match="there is 'cocoa'"):
        names(experiment=["tea", "coca"])


@pytest.mark.parametrize(
    "where", ["metrics.acc >", "acc > 1", "metrics.acc ~ 1", "name = ", "(name = 'a'", "name = 'a"]
)
def test_a_condition_that_cannot_be_read_is_an_error_that_shows_it(where):
    record()
    with pytest.raises(FilterError) as caught:
        autotrack.search_runs(where=where)
    assert where in str(caught.value)


@pytest.mark.parametrize(
    "query",
    [
        {"where": 3},
        {"order_by": 3},
        {"order_by": [3]},
        {"limit": -1},
        {"limit": 1.5},
        {"limit": "many"},
        {"experiment": 3},
        {"experiment": [None]},
    ],
    ids=repr,
)
def test_queries_of_another_type_are_refused(query):
    record()
    with pytest.raises((InvalidValueError, FilterError)):
        autotrack.search_runs(**query)


def test_an_order_that_cannot_be_read_is_an_error():
    with pytest.raises(FilterError, match="metrics"):
        autotrack.search_runs(order_by="metrics.a sideways")


def test_a_history_of_a_metric_that_is_not_there_is_empty():
    run = record(metrics={"loss": 1})
    found = autotrack.metric_history(run.run_id, "gain")
    assert found.empty
    assert found.columns.tolist() == ["key", "step", "value", "time"]
    with pytest.raises(RunNotFoundError):
        autotrack.metric_history("0" * 32, "loss")
    with pytest.raises(InvalidValueError):
        autotrack.metric_history(run.run_id, 3)


def test_the_best_run_has_the_largest_or_the_smallest_value():
    record("a", metrics={"acc": 0.8}, experiment="tea")
    record("b", metrics={"acc": 0.9}, experiment="tea")
    record("c", metrics={"acc": math.nan})
    record("d", metrics={"acc": 0.7})
    record("e")
    assert autotrack.best_run("acc").name == "b"
    assert autotrack.best_run("acc", mode="min").name == "d"
    assert autotrack.best_run("acc", mode="min", experiment="tea").name == "a"
    with pytest.raises(InvalidValueError, match="'max' or 'min', not 'most'"):
        autotrack.best_run("acc", mode="most")


def test_the_best_run_may_be_a_child_and_the_metric_of_any_name():
    with autotrack.start_run(), autotrack.start_run("child", nested=True):
        autotrack.log_metrics({"my `odd` metric": 1})
    assert autotrack.best_run("my `odd` metric").name == "child"


def test_without_the_metric_there_is_no_best_run():
    record(metrics={"accuracy": 1, "nan": math.nan}, experiment="tea")
    for metric in ("acuracy", "nan"):
        with pytest.raises(RunNotFoundError, match=rf"'tea' has the metric '{metric}'"):
            autotrack.best_run(metric, experiment="tea")


def test_runs_differ_in_params_data_code_and_metrics():
    X, y = np.arange(20.0).reshape(10, 2), np.arange(10.0)
    with autotrack.enable():
        with autotrack.start_run() as a:
            autotrack.log_params({"same": 1, "other": 1})
            autotrack.log_metrics({"nan": math.nan, "loss": 1})
            Ridge(alpha=2).fit(X, y)
        with autotrack.start_run() as b:
            autotrack.log_params({"same": 1, "other": "x"})
            autotrack.log_metrics({"nan": math.nan, "loss": 2})
            Ridge(alpha=3).fit(X[1:], y[1:])
    found = autotrack.diff_runs(a.run_id, b.run_id)
    assert found.columns.tolist() == ["section", "key", "a", "b"]
    rows = {(row.section, row.key): (row.a, row.b) for row in found.itertuples()}
    assert rows["params", "alpha"] == (2, 3)
    assert rows["params", "other"] == (1, "x")
    assert rows["metrics", "loss"] == (1, 2)
    assert {key for section, key in rows if section == "data"} == {"train", "train target"}
    assert len(rows) == 5
    assert autotrack.diff_runs(a.run_id, a.run_id).empty


def test_true_and_one_are_a_difference():
    a, b = record(params={"p": True}), record(params={"p": 1})
    assert autotrack.diff_runs(a.run_id, b.run_id)["key"].tolist() == ["p"]


def test_none_and_not_set_are_a_difference():
    a, b = record(params={"p": None, "q": None}), record(params={"q": None})
    (row,) = autotrack.diff_runs(a.run_id, b.run_id).itertuples()
    assert (row.section, row.key, row.a, row.b) == ("params", "p", None, pd.NA)
    (row,) = autotrack.diff_runs(b.run_id, a.run_id).itertuples()
    assert (row.a, row.b) == (pd.NA, None)


def test_of_several_data_sets_of_one_name_none_is_hidden():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 3)), rng.normal(size=80)
    parts = [(rng.normal(size=(20, 3)), rng.normal(size=20)) for _ in range(3)]

    def scored(*chosen):
        model = Ridge().fit(X, y)
        run = autotrack.last_run()
        for number in chosen:
            model.score(parts[number][0][:], parts[number][1][:])
        return run.run_id

    def differing(*runs):
        return autotrack.diff_runs(*runs).query("section == 'data'")

    with autotrack.enable(log_models=False):
        first, other, swapped = scored(0, 2), scored(1, 2), scored(2, 0)
        less = scored(2)
        assert differing(first, other)["key"].tolist() == ["test", "test target"]
        assert differing(first, swapped).empty
        assert differing(first, less)["b"].tolist() == [pd.NA, pd.NA]
        # The same X and the same targets, otherwise combined.
        model = Ridge().fit(X, y)
        crossed = autotrack.last_run().run_id
        model.score(parts[0][0][:], parts[2][1][:])
        model.score(parts[2][0][:], parts[0][1][:])
        assert differing(first, crossed)["key"].tolist() == ["test target"] * 2


def test_a_store_can_be_named_by_way_of_another_folder(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with autotrack.enable(store="../there"):
        Ridge().fit([[1.0], [2.0]], [1.0, 2.0])
        run = autotrack.last_run()
        assert run.load_model().predict([[2.0]]) == pytest.approx([1.8], abs=0.5)
        autotrack.register_model(f"runs:/{run.run_id}/model", "line")
        assert autotrack.load_model("models:/line/1").estimator.coef_.shape == (1,)
        autotrack.delete_model("line")
