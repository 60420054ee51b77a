"""Rows of JSON against the frames that pandas holds of them."""

from __future__ import annotations

import json
from datetime import datetime
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from autotrack.schema import DataSchema
from autotrack.serving.requests.bodies import Bodies
from autotrack.serving.requests.input_errors import BadInputError
from autotrack.serving.requests.rows import rows_of
from autotrack.serving.responses import as_list, encoded

#: A value of each dtype that JSON can say, and how a column of it looks.
VALUES = {
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint8": st.integers(0, 255),
    "bool": st.booleans(),
    "object": st.text(),
    "string": st.text(),
    "Int64": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "category": st.sampled_from(["low", "high"]),
    "datetime64[ns]": st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),
}
#: What has a missing value of its own; a whole number becomes a float next to one.
WITH_GAPS = ("float64", "object", "string", "Int64", "boolean", "category", "datetime64[ns]")


def schema(columns):
    """As a crate says it of a frame."""
    facts = {"category": {"levels": ["low", "high"], "ordered": True}}
    described = [
        {"name": n, "dtype": dtype, **facts.get(dtype, {})} for n, dtype in columns.items()
    ]
    return DataSchema.from_json(
        {"kind": "pandas.DataFrame", "shape": [None, len(columns)], "columns": described}
    )


def series(dtype, values):
    """The column as pandas makes it."""
    if dtype == "category":
        return pd.Series(pd.Categorical(values, ["low", "high"], ordered=True))
    if dtype == "object":
        return pd.Series([np.nan if v is None else v for v in values], dtype=object)
    return pd.Series(values, dtype=dtype)


def said(value):
    """As JSON says it."""
    return value.isoformat() if isinstance(value, datetime) else value


@st.composite
def tables(draw):
    names = draw(st.lists(st.text(min_size=1), min_size=1, max_size=5, unique=True))
    columns = {name: draw(st.sampled_from(list(VALUES))) for name in names}
    count = draw(st.integers(1, 4))
    values = {}
    for name, dtype in columns.items():
        value = VALUES[dtype] | st.none() if dtype in WITH_GAPS else VALUES[dtype]
        values[name] = draw(st.lists(value, min_size=count, max_size=count))
    return columns, values


@given(tables(), st.randoms(use_true_random=False))
def test_rows_make_the_frame_they_came_from(table, random):
    columns, values = table
    bodies = Bodies(rows_of(schema(columns)))
    rows = [
        {name: said(value) for name, value in zip(columns, row, strict=True)}
        for row in zip(*values.values(), strict=True)
    ]
    for row in rows:
        turned = list(row.items())
        random.shuffle(turned)
        row.clear()
        row.update(turned)
    wanted = pd.DataFrame({name: series(columns[name], values[name]) for name in columns})
    body = json.dumps({"rows": rows}).encode()
    assert_frame_equal(bodies.rows.build(bodies.read(body)), wanted)
    records = json.dumps({"dataframe_records": rows}).encode()
    assert_frame_equal(bodies.rows.build(bodies.read_mlflow(records)), wanted)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_predictions_come_back_as_the_numbers_they_were(numbers):
    assert json.loads(encoded(as_list(np.array(numbers)))) == numbers


@pytest.mark.parametrize(
    ("predicted", "told"),
    [
        (np.array([1.5, np.nan, np.inf]), [1.5, None, None]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array(["2020-01-01", "NaT"], dtype="datetime64[D]"), ["2020-01-01", None]),
        (np.array([True]), [True]),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([np.int64(3), None, pd.NA, "x"], dtype=object), [3, None, None, "x"]),
        (pd.Series([1, None], dtype="Int64"), [1, None]),
        (pd.DataFrame({"a": [1.0, np.nan]}), [{"a": 1.0}, {"a": None}]),
        ([np.array([[0.2, 0.8]]), np.array([[1.0, 0.0]])], [[[0.2, 0.8], [1.0, 0.0]]]),
        (np.timedelta64(90, "s"), ["90 seconds"]),
        ((np.float32(0.5), "a"), [0.5, "a"]),
        (np.float64(2.0), [2.0]),
    ],
)
def test_whatever_is_predicted_becomes_json(predicted, told):
    assert json.loads(encoded(as_list(predicted))) == told


def test_a_missing_whole_number_makes_a_column_of_floats():
    bodies = Bodies(rows_of(schema({"a": "int64", "b": "bool"})))
    built = bodies.rows.build(bodies.read(b'[{"a": 1, "b": true}, {"a": null, "b": null}]'))
    assert built["a"].tolist()[0] == 1.0
    assert built["a"].dtype == np.float64
    assert built["b"].tolist() == [True, pytest.approx(np.nan, nan_ok=True)]


def test_a_level_that_is_new_reaches_the_model_as_it_is():
    bodies = Bodies(rows_of(schema({"grade": "category"})))
    assert bodies.rows.build(bodies.read(b'[{"grade": "medium"}]'))["grade"].tolist() == ["medium"]


def test_times_with_a_zone_are_put_into_that_of_the_training():
    bodies = Bodies(rows_of(schema({"a": "datetime64[ns, UTC]", "b": "datetime64[ns]"})))
    when = "2020-06-01T12:00:00+02:00"
    built = bodies.rows.build(bodies.read(json.dumps([{"a": when, "b": when}]).encode()))
    assert built["a"][0] == pd.Timestamp("2020-06-01 10:00", tz="UTC")
    assert built["b"][0] == pd.Timestamp("2020-06-01 10:00")


def test_columns_of_one_name_cannot_be_told_apart():
    both = {
        "kind": "pandas.DataFrame",
        "shape": [3, 2],
        "columns": [{"name": "a", "dtype": "int64"}] * 2,
    }
    with pytest.raises(ValueError, match=r"several columns called \['a'\]"):
        rows_of(DataSchema.from_json(both))


@pytest.mark.parametrize(
    ("body", "built"),
    [
        (b'[{"a": 1}, {"a": "x"}]', {"a": [1, "x"]}),
        (b"[[1, 2], [3, null]]", [[1.0, 2.0], [3.0, None]]),
        (b'["a", "b"]', ["a", "b"]),
    ],
)
def test_of_a_model_without_a_schema_anything_is_taken(body, built):
    bodies = Bodies(rows_of(DataSchema()))
    made = bodies.rows.build(bodies.read(body))
    if isinstance(made, pd.DataFrame):
        assert made.to_dict("list") == built
    else:
        assert json.loads(encoded(as_list(made))) == built
    with pytest.raises(BadInputError, match="JSON"):
        bodies.read(b'[{"a": NaN}]')


@pytest.mark.skipif(find_spec("polars") is None, reason="polars is not installed here")
def test_a_model_trained_on_polars_is_given_polars():
    import polars as pl

    columns = [
        {"name": "a", "dtype": "Float64"},
        {"name": "b", "dtype": "Int32"},
        {"name": "c", "dtype": "String"},
    ]
    rows = rows_of(
        DataSchema.from_json({"kind": "polars.DataFrame", "shape": [3, 3], "columns": columns})
    )
    built = rows.build(
        Bodies(rows).read(b'[{"a": 1, "b": 2, "c": "x"}, {"a": null, "b": 3, "c": null}]')
    )
    assert built.dtypes == [pl.Float64, pl.Int32, pl.String]
    assert built.rows() == [(1.0, 2, "x"), (None, 3, None)]


def test_rows_of_a_sparse_matrix_are_lists():
    from scipy.sparse import isspmatrix_csr

    rows = rows_of(DataSchema("scipy.sparse.csr_matrix", (3, 2)))
    built = rows.build(Bodies(rows).read(b"[[0, 1], [2, 0]]"))
    assert isspmatrix_csr(built)
    assert built.toarray().tolist() == [[0, 1], [2, 0]]
