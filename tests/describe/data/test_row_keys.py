"""Equal rows have equal keys, whatever holds them, and other rows have others."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import sparse

from autotrack.describe.data.fingerprint import describe
from autotrack.describe.data.row_keys import row_keys, with_target

numbers = np.round(np.random.default_rng(0).normal(size=(50, 4)), 2)
numbers[:, 2] = np.arange(50)
numbers[3, 1] = np.nan
frame = pd.DataFrame(numbers, columns=[*"abcd"])
TEXTS = pd.DataFrame(
    {"a": ["x", "y", None], "b": [1, 2, 3], "c": pd.to_datetime(["2020", "2021", "2022"])}
)


@pytest.mark.parametrize(
    "data",
    [
        np.asfortranarray(numbers),
        numbers[::1, :].copy(),
        numbers.tolist(),
        numbers.astype(object),
        frame,
        frame.astype({"c": int}),
        frame.astype(object),
        frame.convert_dtypes(),
    ],
    ids=["F", "copy", "list", "objects", "frame", "ints", "frame of objects", "nullable"],
)
def test_the_container_makes_no_difference(data):
    assert row_keys(data).keys.tolist() == row_keys(numbers).keys.tolist()


def test_rows_of_polars_are_those_of_pandas():
    polars = pytest.importorskip("polars")
    for data in (frame.astype({"c": int}), TEXTS):
        assert row_keys(polars.DataFrame(data)).keys.tolist() == row_keys(data).keys.tolist()


def test_complex_numbers_have_keys_without_a_warning():
    table = np.array([[1 + 2j, 1j], [1 - 2j, 1j], [1 + 2j, 1j]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one, other, again = row_keys(table).keys.tolist()
    assert one == again != other


def test_a_sparse_row_is_the_dense_one():
    dense = np.where(numbers > 0.5, np.nan_to_num(numbers), 0)
    for made in (sparse.csr_matrix, sparse.coo_array, sparse.csc_matrix):
        assert row_keys(made(dense)).keys.tolist() == row_keys(dense).keys.tolist()


def test_texts_times_and_categories_have_keys_too():
    keys = row_keys(TEXTS).keys.tolist()
    assert len(set(keys)) == 3
    for same in (TEXTS.astype({"a": "category"}), TEXTS.to_numpy()):
        assert row_keys(same).keys.tolist() == keys


@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=5), elements=st.floats()))
def test_keys_are_equal_just_where_rows_are(X):
    keys = row_keys(X).keys
    for i in range(len(X)):
        for j in range(len(X)):
            assert (keys[i] == keys[j]) == np.array_equal(X[i], X[j], equal_nan=True)


def test_of_large_data_there_are_the_keys_of_a_sample():
    found = row_keys(numbers, most_cells=40)
    assert found.total == 50
    assert len(found.keys) == len(found.sample) == 10
    assert found.keys.tolist() == row_keys(numbers).keys[found.sample].tolist()


def test_a_row_with_another_target_has_another_key():
    rows = row_keys(numbers)
    one, other = (with_target(rows, row_keys(np.full(50, y))) for y in (0, 1))
    assert not np.isin(one, other).any()
    assert with_target(rows, row_keys(np.zeros(49))) is None


def test_the_keys_of_another_process_are_others(run_python):
    code = (
        "from autotrack.describe.data.row_keys import row_keys; print(row_keys([[1, 2]]).keys[0])"
    )
    assert run_python(code=code).stdout != run_python(code=code).stdout


@pytest.mark.parametrize("data", [frame.copy(), numbers.copy()], ids=["frame", "array"])
def test_data_that_was_described_has_other_keys_once_it_is_changed(data):
    describe(data)
    before = row_keys(data)
    assert row_keys(data).keys.tolist() == before.keys.tolist() == row_keys(numbers).keys.tolist()

    (data.iloc if hasattr(data, "iloc") else data)[7, 0] = 99.0
    changed = np.flatnonzero(row_keys(data).keys != before.keys)
    describe(data)
    assert changed.tolist() == np.flatnonzero(row_keys(data).keys != before.keys).tolist() == [7]
