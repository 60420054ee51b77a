"""What is written down of a dtype, which may hold data itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from autotrack.describe.data.fingerprint import describe, fingerprint

SECRET = "smith"


def texts(data):
    return [column.dtype for column in describe(data).columns]


def test_what_fills_a_sparse_column_is_not_written_down_and_counts():
    frame, other = (
        pd.DataFrame({"a": pd.arrays.SparseArray([fill, "x", fill], fill_value=fill)})
        for fill in (SECRET, "jones")
    )
    assert texts(frame) == ["Sparse[object]"]
    assert texts(frame["a"]) == ["Sparse[object]"]
    assert fingerprint(frame) != fingerprint(other)


def test_what_stands_for_a_missing_text_is_not_written_down():
    dtypes = pytest.importorskip("numpy.dtypes")
    if not hasattr(dtypes, "StringDType"):
        pytest.skip("this numpy has no strings of variable width")
    array = np.array(["a", "b"], dtype=dtypes.StringDType(na_object=SECRET))
    assert texts(array) == ["StringDType()"]


def test_categories_are_not_written_down():
    frame = pd.DataFrame({"a": pd.Categorical([SECRET, "x"]), "b": pd.interval_range(7531, 7533)})
    assert texts(frame) == ["category", "interval[int64, right]"]


def test_the_categories_of_arrow_are_not_written_down():
    pyarrow = pytest.importorskip("pyarrow")
    column = pyarrow.array([SECRET, "x"]).dictionary_encode()
    table = pyarrow.table({"a": column, "b": pyarrow.array([{"k": SECRET}, {"k": "x"}])})
    assert SECRET not in repr(describe(table))
    assert SECRET not in repr(describe(table.to_pandas(types_mapper=pd.ArrowDtype)))
    assert fingerprint(table) == fingerprint(table.take([0, 1]))
    assert fingerprint(table) != fingerprint(table.take([1, 0]))


def test_the_categories_of_polars_are_not_written_down_at_any_depth_and_count():
    polars = pytest.importorskip("polars")

    def frame(*kinds):
        enum = polars.Enum(kinds)
        return polars.DataFrame(
            {
                "a": polars.Series(["x", None], dtype=enum),
                "b": polars.Series([["x"], []], dtype=polars.List(enum)),
                "c": polars.Series([{"k": "x"}, None], dtype=polars.Struct({"k": enum})),
                "d": polars.Series([["x", "x"]] * 2, dtype=polars.Array(enum, 2)),
                "e": polars.Series(["x", "x"], dtype=polars.Categorical),
            }
        )

    assert texts(frame("x", SECRET)) == [
        "Enum",
        "List(Enum)",
        "Struct({'k': Enum})",
        "Array(Enum, shape=(2,))",
        "Categorical",
    ]
    assert fingerprint(frame("x", SECRET)) != fingerprint(frame("x", "jones"))


def test_what_a_polars_column_measures_in_is_written_down():
    polars = pytest.importorskip("polars")
    kinds = {
        "a": polars.Datetime("us", "UTC"),
        "b": polars.Duration("ms"),
        "c": polars.Decimal(10, 2),
        "d": polars.Int8,
        "e": polars.String,
    }
    assert texts(polars.DataFrame(schema=kinds)) == [
        "Datetime(time_unit='us', time_zone='UTC')",
        "Duration(time_unit='ms')",
        "Decimal(precision=10, scale=2)",
        "Int8",
        "String",
    ]
