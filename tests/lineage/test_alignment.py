"""Which rows of a whole some rows are, by their memory or by their values."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotrack.lineage.alignment import rows_by_value, rows_of_base, rows_of_view, stands_beside

PART = st.slices(30)


@settings(deadline=None)
@given(PART, st.sampled_from(["column", "one", "C", "F"]))
def test_the_rows_of_any_slice_are_known_by_its_memory(part, layout):
    numbers = np.arange(120.0)
    whole = {
        "one": numbers[:30],
        "column": numbers.reshape(30, 4)[:, 1],
        "C": numbers.reshape(30, 4),
        "F": np.asfortranarray(numbers.reshape(30, 4)),
    }[layout]
    view = whole[part]
    rows = rows_of_view(view, whole)
    if not len(view):
        assert rows is None
        return
    assert rows.tolist() == list(range(30))[part]
    np.testing.assert_array_equal(whole[rows], view)


def test_what_is_not_a_part_of_the_rows_has_none():
    whole = np.arange(30.0)
    assert rows_of_view(whole[3:3], whole) is None
    assert rows_of_view(np.arange(60.0)[20:50], np.arange(60.0)[:30]) is None
    matrix = np.arange(12.0).reshape(3, 4)
    assert rows_of_view(matrix.T[1:2].T, matrix).tolist() == [0, 1, 2]
    assert rows_of_view(np.broadcast_to(1.0, 5), np.broadcast_to(1.0, 9)) is None


@settings(deadline=None)
@given(st.lists(st.floats(-9, 9), min_size=3, unique=True), st.randoms(use_true_random=False))
def test_rows_are_found_by_values_that_stand_just_once(values, random):
    whole = np.array(values)
    order = random.sample(range(len(values)), random.randint(1, len(values)))
    assert rows_by_value(whole[order], whole).tolist() == order
    assert rows_by_value(np.array([*whole[order], 10.5]), whole) is None
    twice = np.append(whole, whole[order[0]])
    assert rows_by_value(whole[order], twice) is None


def test_rows_of_a_base_are_those_of_a_view_of_so_many():
    whole = np.arange(10.0)
    assert rows_of_base(whole[2:8:2], 10).tolist() == [2, 4, 6]
    assert rows_of_base(whole[2:8:2].copy(), 10) is None
    assert rows_of_base(whole[2:8:2], 9) is None
    assert rows_of_base([1, 2], 2) is None


@pytest.mark.parametrize("kind", ["array", "list", "series", "frame", "tuple"])
def test_the_truth_of_the_same_rows_is_known_by_the_whole_that_somebody_holds(kind):
    truth = np.random.RandomState(0).rand(50)
    held = {
        "array": truth,
        "list": truth.tolist(),
        "series": pd.Series(truth),
        "frame": pd.DataFrame({"x": 1, "y": truth}),
        "tuple": (None, truth),
    }[kind]
    truth, rows = truth.copy(), np.array([3, 20, 41, 7])
    some = truth[rows]
    del truth
    here = sys._getframe()
    assert held is not None
    assert stands_beside(some, rows, 50, here, lambda value: False)
    assert not stands_beside(some[::-1], rows, 50, here, lambda value: False)
    assert not stands_beside(some, rows + 1, 50, here, lambda value: False)
    if kind != "frame":
        assert not stands_beside(some, rows, 50, here, lambda value: True)


def test_few_labels_are_the_truth_of_any_rows():
    truth = np.array([0, 1] * 30)
    rows = np.arange(0, 60, 2)
    here = sys._getframe()
    assert stands_beside(truth[rows], rows, 60, here, lambda value: False)
    assert not stands_beside(truth[rows[:5]], rows[:5], 60, here, lambda value: False)


class Odd:
    """Objects that raise whatever they are asked."""

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __len__(self):
        raise RuntimeError("len")

    def __eq__(self, other):
        raise RuntimeError("eq")

    __hash__ = None


def test_what_else_stands_among_the_variables_is_not_asked_for_anything():
    odd, many = Odd(), (Odd(), [Odd()], {"a": Odd()})
    some = np.random.RandomState(0).rand(5)
    assert not stands_beside(some, np.arange(5), 9, sys._getframe(), lambda value: False)
    assert odd is not many
