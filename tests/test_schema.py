"""What is known of training data: read from a manifest and written again, whoever wrote it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

import autotrack
from autotrack.describe.data.fingerprint import describe
from autotrack.describe.data.profile import known, profile
from autotrack.schema import ColumnSchema, DataSchema

FIXTURES = Path(__file__).parent / "crates" / "formats"

NUMBER = st.integers() | st.floats(allow_nan=False)
COLUMN = st.builds(
    ColumnSchema,
    name=st.none() | st.text(),
    dtype=st.text(),
    label=st.sampled_from(["", "int"]),
    nulls=st.none() | st.booleans(),
    minimum=st.none() | NUMBER | st.text(),
    maximum=st.none() | NUMBER | st.text(),
    values=st.text(),
    gap=st.sampled_from(["", "None"]),
    ordered=st.none() | st.booleans(),
    levels=st.none() | st.lists(NUMBER | st.text() | st.booleans(), max_size=3).map(tuple),
    rare=st.integers(0),
)
SCHEMA = st.builds(
    DataSchema,
    kind=st.text(),
    shape=st.none() | st.lists(st.none() | st.integers(0), max_size=3).map(tuple),
    columns=st.lists(COLUMN, max_size=3).map(tuple),
    dtype=st.text(),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def facts(required, optional):
    """Objects of JSON, in any order of their keys, and with some that nobody knows."""
    held = st.fixed_dictionaries(required, optional={**optional, "of a later version": JSON})
    return held.flatmap(lambda made: st.permutations(list(made.items()))).map(dict)


ANY_COLUMN = facts(
    {"dtype": st.text()},
    {
        "name": st.none() | st.text(),
        "values": st.text(),
        "levels": st.lists(NUMBER | st.text(), max_size=3),
        "minimum": NUMBER | st.text(),
        "maximum": NUMBER | st.text(),
        **dict.fromkeys(("nulls", "rare", "ordered", "gap", "label"), JSON),
    },
)
ANY_SCHEMA = facts(
    {},
    {
        "kind": st.text(),
        "dtype": st.text(),
        "shape": st.none() | st.lists(st.none() | st.integers(0), max_size=3),
        "columns": st.lists(ANY_COLUMN, max_size=3),
    },
)


@given(SCHEMA)
def test_a_schema_that_was_written_is_read_as_it_was(schema):
    assert DataSchema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


@given(ANY_SCHEMA)
def test_what_was_read_is_written_to_the_letter(stored):
    text = json.dumps(stored)
    assert json.dumps(DataSchema.from_json(json.loads(text)).to_json()) == text


@given(st.dictionaries(st.sampled_from(["kind", "shape", "dtype", "columns"]), JSON) | JSON)
def test_what_is_no_schema_is_refused_with_a_value_error(stored):
    try:
        schema = DataSchema.from_json(stored)
    except ValueError:
        return
    assert json.dumps(schema.to_json()) == json.dumps(stored)


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        {"kind": None},
        {"kind": 1},
        {"dtype": None},
        {"shape": 3},
        {"shape": [-1]},
        {"shape": [True]},
        {"shape": [1.5]},
        {"columns": None},
        {"columns": {}},
        {"columns": [None]},
        {"columns": [{"name": "a"}]},
        {"columns": [{"dtype": 1}]},
        {"columns": [{"dtype": "str", "name": 1}]},
        {"columns": [{"dtype": "str", "values": None}]},
        {"columns": [{"dtype": "str", "levels": None}]},
        {"columns": [{"dtype": "str", "levels": "ab"}]},
        {"columns": [{"dtype": "str", "levels": [None]}]},
        {"columns": [{"dtype": "str", "minimum": None}]},
        {"columns": [{"dtype": "str", "maximum": []}]},
    ],
)
def test_each_part_is_held_to_its_type(stored):
    with pytest.raises(ValueError, match=r"\w"):
        DataSchema.from_json(stored)


@pytest.mark.parametrize(
    ("own", "column", "small"),
    [
        ("", "float64", True),
        ("<U100000", "float64", True),
        ("S999999999", "float64", False),
        ("", "S4096", True),
        ("", "S4097", False),
        ("", "S00000001", False),
    ],
)
def test_types_whose_values_are_large_are_known_by_their_names(own, column, small):
    assert DataSchema(dtype=own, columns=(ColumnSchema("a", column),)).is_small is small


def test_nobody_changes_a_schema():
    stored = {"kind": "x", "columns": [{"name": "a", "dtype": "object", "levels": ["b"]}]}
    schema = DataSchema.from_json(stored)
    for change in ("kind", "columns"):
        with pytest.raises(AttributeError):
            setattr(schema, change, ())
    with pytest.raises(AttributeError):
        schema.columns[0].dtype = "int64"
    schema.to_json()["columns"][0]["levels"].append("c")
    assert schema.to_json() == stored


def test_of_nothing_known_nothing_is_written():
    assert not DataSchema().is_known
    assert DataSchema().to_json() == {}
    assert DataSchema.from_json({}) == DataSchema()


@pytest.mark.parametrize(
    "data",
    [
        np.array([[1.0, np.nan], [2.0, np.inf]]),
        np.empty((0, 2)),
        np.array([["a", None]], dtype=object),
        pd.DataFrame({"a": [1.0, np.nan], "b": [3.0, 4.0]}),
        pd.DataFrame({0: [1, 2], True: [3, 4]}),
        pd.DataFrame({"a": [], "b": []}),
        pd.DataFrame({"x": pd.Categorical(["a", None]), "y": ["u", None], 3: [True, False]}),
        pd.DataFrame({"t": pd.to_datetime(["2020-01-01", None]), "i": pd.array([1, None], "Int8")}),
    ],
)
def test_what_is_made_of_data_is_read_as_it_was(data):
    dataset = describe(data)
    for schema in (profile(data, dataset), known(dataset)):
        assert schema.kind == dataset.kind
        assert schema.shape == dataset.shape
        text = json.dumps(schema.to_json(), allow_nan=False)
        assert DataSchema.from_json(json.loads(text)) == schema


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*/**/manifest.json")), ids=str)
def test_schemas_of_all_formats_are_written_as_they_were_stored(path):
    stored = json.loads(path.read_text())["schema"]
    assert json.dumps(DataSchema.from_json(stored).to_json()) == json.dumps(stored)


def test_to_users_the_schema_of_a_crate_is_a_plain_dict(store_path, tmp_path):
    X = pd.DataFrame({"a": [1.0, 2.0]})
    with autotrack.enable():
        model = Ridge().fit(X, [1, 2])
        crate = autotrack.crate(model)
    stored = json.loads(crate.save(tmp_path / "saved").joinpath("manifest.json").read_text())[
        "schema"
    ]
    assert type(crate.schema) is dict
    assert crate.schema is crate.schema
    assert crate.schema == stored == autotrack.load_model(tmp_path / "saved").schema
    assert crate.schema["columns"] == [
        {"name": "a", "dtype": "float64", "nulls": False, "minimum": 1.0, "maximum": 2.0}
    ]
