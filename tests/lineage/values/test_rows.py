"""Rows looked up in data of any kind, and how long the search for a score's prediction takes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import Binarizer

import autotrack
from autotrack.lineage.preprocessing.output_columns import Table, covered, may_cover, seen
from autotrack.lineage.tracker import Lineage
from autotrack.lineage.values.derivation import is_function_of
from autotrack.lineage.values.rows import (
    has_row,
    has_sparse_row,
    sparse_row,
    take_column,
    take_rows,
)
from tests.waiting import fastest

SMALL = arrays.arrays(
    np.float64,
    st.tuples(st.integers(2, 12), st.integers(1, 20)),
    elements=st.sampled_from([0.0, 0.0, 1.0, 2.5, np.nan]),
)
PLAIN = st.sampled_from([np.asarray, pd.DataFrame, np.asfortranarray])


@settings(deadline=None)
@given(SMALL, SMALL, PLAIN)
def test_a_row_is_found_exactly_where_it_is(matrix, other, make):
    rows = [row for row in (*matrix, *other) if len(row) == matrix.shape[1]]
    for row in rows:
        there = any(np.array_equal(row, known, equal_nan=True) for known in matrix)
        assert has_row(make(matrix), row) == there


@settings(deadline=None)
@given(SMALL, SMALL)
def test_a_sparse_row_is_found_exactly_where_it_is(matrix, other):
    matrix, other = np.nan_to_num(matrix), np.nan_to_num(other)
    held = sp.csr_matrix(matrix)
    for source in (matrix, other):
        if source.shape[1] == matrix.shape[1]:
            for at, row in enumerate(source):
                found = has_sparse_row(held, *sparse_row(sp.csr_matrix(source), at))
                assert found == any(np.array_equal(row, known) for known in matrix)


def comes_from(data, output):
    """Whether the columns of `data` are those of `output`, some rows of it perhaps."""
    table, known = Table(data), seen(None, output)
    return may_cover(table, known, output) and covered(table, [output], ()) is not None


FORMATS = ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"]


@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csr_array])
@pytest.mark.parametrize("form", FORMATS)
def test_rows_and_columns_of_sparse_data_are_taken_in_any_format(form, make):
    dense = np.random.RandomState(0).normal(size=(9, 5)).clip(0)
    matrix = make(dense).asformat(form)
    assert np.array_equal(take_rows(matrix, np.array([1, 7])).toarray(), dense[[1, 7]])
    assert all(np.array_equal(take_column(matrix, j), dense[:, j]) for j in range(5))


@pytest.mark.parametrize("form", [*FORMATS, "dense"])
def test_rows_of_a_sparse_output_are_known_in_any_format(form):
    random = np.random.RandomState(0)
    output = sp.random(300, 40, 0.2, "csr", random_state=random)
    taken = output[random.permutation(300)[:200]]
    data = taken.toarray() if form == "dense" else taken.asformat(form)
    assert comes_from(data, output)
    assert comes_from(data, output.tocsc())
    assert not comes_from(data * 2, output)


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix])
def test_zeros_and_ones_like_those_of_a_transformer_come_from_anywhere(make, tracking):
    made = Binarizer().fit_transform(np.arange(42.0)[:, None] % 3)
    same = np.tile([[0.0], [1.0], [1.0]], (14, 1))
    assert np.array_equal(made, same)
    LogisticRegression().fit(make(same[10:30]), np.arange(20) % 2)
    assert not any("binarizer" in key for key in autotrack.last_run().params)


def test_words_among_many_texts_are_looked_up_fast():
    # A wide margin: looking at row after row takes more than ten times as long.
    random = np.random.RandomState(0)
    places = np.r_[np.zeros(20_000, int), random.zipf(1.2, 1_000_000).clip(1, 20_000) - 1]
    rows = np.r_[np.arange(20_000), np.repeat(np.arange(20_000), 50)]
    counts = sp.csr_matrix((np.ones(len(rows)), (rows, places)), shape=(20_000, 20_000))
    taken = counts[random.permutation(20_000)[:15_000]]
    assert comes_from(taken, counts)
    assert fastest(lambda: comes_from(taken, counts)) < 0.15


BASELINES = {
    "guesses": lambda random, n: random.randint(0, 2, n),
    "numbers": lambda random, n: random.rand(n),
    "texts": lambda random, n: np.array(["no", "yes"])[random.randint(0, 2, n)],
    "some numbers": lambda random, n: random.rand(n // 2),
    "a constant": lambda random, n: np.full(n, 0.5),
}


@pytest.mark.parametrize("kind", BASELINES)
def test_a_baseline_of_many_rows_is_told_from_many_predictions_fast(kind):
    # A wide margin: comparing all rows of all predictions takes several times as long.
    random = np.random.RandomState(0)
    known = Lineage()
    for i in range(24):
        labels = random.randint(0, 2, 200_000)
        known.predicted(object, None, labels if i % 2 else labels + random.rand(200_000))
    baseline = BASELINES[kind](random, 200_000)
    truth = random.rand(len(baseline))
    assert known.judged(baseline, truth) is None
    assert fastest(lambda: known.judged(baseline, truth)) < 0.05


def test_a_difference_that_few_rows_do_not_show_is_seen():
    random = np.random.RandomState(0)
    labels = random.randint(0, 3, 50_000)
    renamed = np.array([7, 5, 6])[labels]
    assert is_function_of(renamed, labels)
    renamed[12_345] = 5 if renamed[12_345] != 5 else 6
    assert not is_function_of(renamed, labels)
    prediction = random.rand(50_000)
    rising = np.exp(prediction)
    assert is_function_of(rising, prediction)
    rising[12_345] = -rising[12_345]
    assert not is_function_of(rising, prediction)
    copied = prediction.copy()
    copied[12_345] += 1
    assert not is_function_of(copied, prediction)
