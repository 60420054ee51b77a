"""What may as well have been made by hand."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from autotrack.capture.byhand import explained_by_input, made_of, sample_of

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(200, 5))

CONTAINERS = {
    "array": np.asarray,
    "frame": pd.DataFrame,
    "list": lambda X: X.tolist(),
    "sparse": scipy.sparse.csr_matrix,
    "columns": scipy.sparse.csc_matrix,
    "objects": lambda X: pd.DataFrame(X).astype("object"),
    "narrow": lambda X: X.astype(np.float32).astype(np.float64),
}

RULES = {
    "a threshold": lambda x: x > 0.3,
    "names": lambda x: np.where(x > 0, "rich", "poor"),
    "the column": lambda x: x.copy(),
    "falling": lambda x: -2 * x,
    "three ranges": lambda x: np.digitize(x, [-0.5, 0.5]),
}


@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("rule", RULES)
def test_a_rule_on_a_column_is_explained(rule, container, alive):
    data = CONTAINERS[container](X)
    column = np.asarray(data.todense() if scipy.sparse.issparse(data) else data)[:, 3]
    values = RULES[rule](column.astype(float))
    sample = sample_of(data, len(X))
    assert explained_by_input(values, data if alive else None, sample)


@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.parametrize("container", CONTAINERS)
def test_what_takes_several_columns_is_not_explained(container, alive):
    data = CONTAINERS[container](X)
    sample = sample_of(data, len(X))
    for values in (X @ np.ones(5), X @ np.ones(5) > 0.4, RANDOM.rand(200)):
        assert not explained_by_input(values, data if alive else None, sample)


def test_a_rule_on_a_category_is_explained_whichever_it_picks():
    frame = pd.DataFrame({"x": RANDOM.rand(200), "kind": RANDOM.choice(list("abc"), 200)})
    values = np.where(frame["kind"] == "b", 1.0, 0.0)
    assert explained_by_input(values, frame, None)
    assert explained_by_input(values, None, sample_of(frame, 200))
    numbers = frame.assign(kind=frame["kind"].map({"a": 0, "b": 1, "c": 2}))
    assert explained_by_input(values, numbers, None)
    categories = frame.astype({"kind": "category"})
    assert explained_by_input(values, categories, None)


@given(
    st.lists(st.one_of(st.none(), st.floats(), st.integers(0, 3), st.text(max_size=1)), min_size=9),
    st.lists(st.floats(), min_size=9),
)
def test_any_column_is_looked_into_without_an_error_or_a_warning(column, values):
    size = min(len(column), len(values))
    frame = pd.DataFrame({"a": pd.Series(column[:size], dtype="object"), "b": values[:size]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for data in (frame, column[:size], np.array(values[:size])):
            explained_by_input(np.array(values[:size]) > 0, data, sample_of(data, size))


def test_an_identifier_explains_nothing():
    frame = pd.DataFrame({"id": [f"no {i}" for i in range(200)], "x": X[:, 0]})
    assert not explained_by_input(RANDOM.rand(200) > 0.5, frame, None)


def test_a_matrix_is_explained_where_each_of_its_columns_is():
    assert explained_by_input(np.c_[X[:, 0] > 0, X[:, 1] * 2], X, None)
    assert not explained_by_input(np.c_[X[:, 0] > 0, X @ np.ones(5)], X, None)


def test_where_neither_input_nor_sample_is_left_nothing_is_ruled_out():
    assert explained_by_input(X[:, 0], None, None)


@pytest.mark.parametrize(
    "data", [None, 3, "text", iter([1]), ["a"] * 200, [], np.zeros((200, 2, 2)), X[:50]]
)
def test_an_input_without_columns_explains_nothing(data):
    values = X @ np.ones(5)
    sample = sample_of(data, 200)
    if data is not None:
        assert not explained_by_input(values, data, sample)


@given(st.integers(5, 400), st.integers(1, 40))
def test_a_sample_is_small_and_spread_over_all_rows(rows, width):
    data = np.arange(rows * width).reshape(rows, width)
    sample = sample_of(data, rows)
    assert sample is not None
    assert (sample.rows == data[sample.positions]).all()
    assert {0, rows - 1} <= set(sample.positions.tolist())
    assert sample.rows.size <= max(8192, 64 * width)


def test_a_sample_keeps_few_objects_and_no_texts():
    texts = [f"a long text, the {i}th of many" for i in range(1000)]
    assert sample_of(texts, 1000).rows is None
    assert len(sample_of(pd.Series(texts, dtype="object"), 1000).rows) == 64
    frame = pd.DataFrame({"text": texts, "x": range(1000)}).astype({"text": "object"})
    assert sample_of(frame, 1000).rows.shape == (64, 2)
    assert sample_of(frame[["x"]], 1000).rows.shape == (1000, 1)


@pytest.mark.parametrize(
    "data", [["a"] * 200, np.zeros((200, 2, 2)), scipy.sparse.csr_matrix((200, 9000))]
)
def test_texts_images_and_words_explain_nothing_when_they_are_gone(data):
    assert not explained_by_input(X[:, 0] > 0, None, sample_of(data, 200))


def test_a_sample_does_not_change_with_the_data():
    data = X.copy()
    sample = sample_of(data, len(data))
    data[:] = 0
    assert sample is not None
    assert (sample.rows != 0).all()


def test_values_made_of_the_truth_are_a_lag_or_a_shuffle():
    y = RANDOM.normal(size=100)
    assert made_of(np.roll(y, 1), y)
    assert made_of(y[:-1], y[1:])
    assert made_of(RANDOM.permutation(y), y.tolist())
    assert not made_of(y + 1e-6, y)
    assert not made_of(y, None)
    assert not made_of(y, ["a"] * 100)
