"""Data is described as it was given to `fit`, whatever the fit makes of it in place."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import autotrack
from autotrack.describe.data.fingerprint import describe
from autotrack.describe.data.stamp import stamp


def raw(**more):
    return pd.DataFrame({"A": np.arange(60.0) % 7, "B": np.arange(60.0) % 5, **more})


def add(X):
    X["C"] = X["A"] * X["B"]
    return X


def lower(X):
    X.columns = [name.lower() for name in X.columns]
    return X


def fill(X):
    X.loc[X["A"].isna(), "A"] = 0.0
    return X[["A", "B"]]


def with_gaps(**more):
    X = raw(**more)
    X.loc[::9, "A"] = np.nan
    return X


@pytest.fixture(autouse=True)
def tracking():
    with autotrack.enable(progress=False):
        yield


@pytest.mark.parametrize(
    ("step", "make"),
    [
        (add, raw),
        (lower, raw),
        (fill, with_gaps),
        (fill, lambda: with_gaps(text=["a", "b"] * 30)),
    ],
)
def test_what_a_model_takes_its_crate_takes_although_its_fit_changed_the_frame(step, make):
    X, y = make(), raw()["A"] * 2
    given = describe(make())
    model = make_pipeline(FunctionTransformer(step), Ridge()).fit(X, y)
    run = autotrack.last_run()
    assert run.datasets[0].data == given
    crate = run.load_model()
    assert [column["name"] for column in crate.schema["columns"]] == list(make())
    expected = model.predict(make().head(10))
    np.testing.assert_allclose(crate.predict(make().head(10)), expected)
    model.score(X, y)
    assert set(run.metrics) == {"train_score"}


def test_an_array_scaled_in_place_has_no_ranges_of_what_it_became():
    X = np.arange(40.0).reshape(20, 2) + 1000
    given = describe(X.copy())
    model = make_pipeline(StandardScaler(copy=False), Ridge()).fit(X, X[:, 0].copy())
    run = autotrack.last_run()
    assert abs(X).max() < 3
    assert run.datasets[0].data.fingerprint == given.fingerprint
    assert all("minimum" not in column for column in run.load_model().schema["columns"])
    assert model is not None


def test_data_that_is_left_alone_keeps_all_its_facts():
    X = raw(text=["a", "b"] * 30)
    make_pipeline(FunctionTransformer(lambda X: X[["A", "B"]]), Ridge()).fit(X, X["A"])
    columns = autotrack.last_run().load_model().schema["columns"]
    assert columns[0]["maximum"] == 6.0
    assert columns[2]["levels"] == ["a", "b"]


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (raw, lambda X: X.__setitem__("A", 1.0)),
        (raw, lambda X: X.iloc.__setitem__((3, 1), 9.0)),
        (raw, lower),
        (lambda: raw(t=["a"] * 60), lambda X: X.iloc.__setitem__((3, 2), "b")),
        (lambda: raw(t=pd.Series(["a"] * 60, dtype="category")), lambda X: X.pop("t")),
        (
            lambda: raw(t=pd.Series(["a"] * 60, dtype="string")),
            lambda X: X.iloc.__setitem__((3, 2), "b"),
        ),
        (
            lambda: raw(t=pd.date_range("2020", periods=60)),
            lambda X: X.iloc.__setitem__((3, 2), pd.Timestamp("1999")),
        ),
        (
            lambda: raw(n=pd.array([1, None] * 30, dtype="Int64")),
            lambda X: X.iloc.__setitem__((3, 2), 5),
        ),
        (lambda: np.arange(12.0).reshape(3, 4).T, lambda X: X.__setitem__((1, 1), -1)),
        (lambda: np.array([["a", 1]], dtype=object), lambda X: X.__setitem__((0, 0), "b")),
        (lambda: ["a", "b"], lambda X: X.reverse()),
        (lambda: scipy.sparse.csr_matrix(np.eye(4)), lambda X: X.data.__imul__(2)),
    ],
)
def test_a_stamp_tells_whether_something_changed(make, change):
    data = make()
    before = stamp(data)
    assert before is not None
    assert before == stamp(data)
    change(data)
    assert before != stamp(data)


def test_a_model_does_not_hold_on_to_its_training_data():
    X = raw()
    kept = weakref.ref(X._mgr.blocks[0].values)
    model = Ridge().fit(X, X["A"])
    del X
    gc.collect()
    assert model is not None
    assert kept() is None


@pytest.mark.parametrize("kind", ["datetime64[ns]", "timedelta64[ns]"])
def test_a_frame_of_times_alone_is_data(kind):
    X = pd.DataFrame({"when": pd.Series(range(40)).astype(kind)})
    found = describe(X)
    assert found is not None
    assert [column.name for column in found.columns] == ["when"]
    assert found != describe(X.iloc[::-1])
    assert describe(X["when"]) is not None
