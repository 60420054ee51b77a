"""Rows taken of a frame that holds a prediction beside its truth."""

from __future__ import annotations

import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split

import autotrack
from tests.looking import history


def mask(X, y, p):
    df = pd.DataFrame({"y": y, "pred": p, "x": X["bmi"]})
    part = df[df["x"] > 0]
    return [mean_absolute_error(part["y"], part["pred"])]


def query(X, y, p):
    df = pd.DataFrame({"y": y, "pred": p, "x": X["bmi"]})
    part = df.query("x > 0")
    return [mean_absolute_error(part["y"], part["pred"])]


def sorting(X, y, p):
    df = pd.DataFrame({"y": y, "pred": p, "x": X["bmi"]})
    ordered = df.sort_values("x")
    return [mean_absolute_error(ordered["y"], ordered["pred"])]


def loc(X, y, p):
    df = pd.DataFrame({"y": y, "pred": p, "x": X["bmi"]})
    return [mean_absolute_error(df.loc[df.x > 0, "y"], df.loc[df.x > 0, "pred"])]


def largest(X, y, p):
    df = pd.DataFrame({"y": y, "pred": p, "x": X["bmi"]})
    top = df.nlargest(20, "pred")
    return [mean_absolute_error(top["y"], top["pred"])]


def groups(X, y, p):
    df = pd.DataFrame({"y": y, "pred": p, "x": X["sex"]})
    return [mean_absolute_error(part["y"], part["pred"]) for _, part in df.groupby("x")]


def set_later(X, y, p):
    df = X.copy()
    df["y"] = y
    df["pred"] = p
    part = df[df["bmi"] > 0]
    return [mean_absolute_error(part["y"], part["pred"])]


@pytest.mark.parametrize("take", [mask, query, sorting, loc, largest, groups, set_later])
@pytest.mark.parametrize("how", ["the array", "a series"])
def test_rows_beside_their_truth_are_the_models(tracking, take, how):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    p = Ridge().fit(X_train, y_train).predict(X_test)
    if how == "a series":
        p = pd.Series(p, index=X_test.index)
    values = take(X_test, y_test, p)
    run = autotrack.last_run()
    found = [value for key in run.metrics for value in history(run, key)]
    assert sorted(found) == sorted(values)


def test_rows_beside_the_truth_of_other_rows_are_no_models(tracking):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    df = pd.DataFrame({"y": y_test, "pred": Ridge().fit(X_train, y_train).predict(X_test)})
    df["x"] = X_test["bmi"]
    low, high = df.nsmallest(20, "x"), df.nlargest(20, "x")
    mean_absolute_error(low["y"], high["pred"])
    mean_absolute_error(df.sort_values("x")["y"], df["pred"])
    mean_absolute_error(df["y"], df.sort_values("x")["pred"])
    assert autotrack.last_run().metrics == {}
