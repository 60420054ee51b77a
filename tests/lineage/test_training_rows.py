"""Rows that training had are known again, whatever holds them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from autotrack.lineage.training_rows import Trained, places_in_training, row_keys
from autotrack.lineage.values.digests import stamp_of, value_digest

NUMBERS = arrays.arrays(
    np.float64,
    st.tuples(st.integers(1, 12), st.integers(1, 9)),
    elements=st.one_of(st.floats(-9, 9), st.sampled_from([0.0, -0.0, 1.0, np.inf])),
)
CONTAINERS = [
    np.asfortranarray,
    lambda X: np.repeat(X, 2, axis=0)[::2],
    lambda X: X[:, ::-1][:, ::-1],
    pd.DataFrame,
    lambda X: pd.DataFrame(X, columns=[f"c{j}" for j in range(X.shape[1])]),
    lambda X: X.tolist(),
    lambda X: [list(row) for row in X],
    lambda X: tuple(map(tuple, X)),
]


@settings(deadline=None)
@given(NUMBERS, st.sampled_from(CONTAINERS))
def test_equal_rows_have_equal_keys_in_every_container_and_layout(X, make):
    np.testing.assert_array_equal(row_keys(make(X)), row_keys(X))


@settings(deadline=None)
@given(NUMBERS)
def test_keys_are_equal_just_where_rows_are(X):
    keys = row_keys(X)
    for i in range(len(X)):
        for j in range(len(X)):
            assert (keys[i] == keys[j]) == np.array_equal(X[i], X[j])


def test_the_order_of_the_columns_counts_and_the_type_of_number_does_not():
    X = np.arange(12).reshape(4, 3)
    assert row_keys(X).tolist() == row_keys(X.astype(np.float32)).tolist()
    assert not np.isin(row_keys(X[:, ::-1]), row_keys(X)).any()
    wide = np.arange(2000.0).reshape(2, 1000)
    assert row_keys(wide[:, :3]).tolist() == row_keys(wide[:, :3].copy()).tolist()


class Container:
    """Not plain, and raises whatever it is asked."""

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __len__(self):
        raise RuntimeError("len")


class Rows(list):
    """A list with ideas of its own."""

    def __len__(self):
        raise RuntimeError("len")

    __getitem__ = __iter__ = __len__


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        [[1], [1, 2]],
        np.zeros((3, 0)),
        np.zeros((2, 2, 2)),
        pd.DataFrame(),
        Container(),
        Rows([[1.0]]),
    ],
    ids=lambda data: type(data).__name__,
)
def test_what_has_no_rows_has_no_keys(data):
    assert row_keys(data) is None
    assert not places_in_training(Trained.of(data, None), data)


def test_parts_of_the_training_rows_are_known_and_other_rows_are_not():
    X = np.random.RandomState(0).rand(60, 3)
    trained = Trained.of(X, None, goes_away=True)
    assert places_in_training(trained, X[[5, 3, 40]])
    assert places_in_training(trained, pd.DataFrame(X[::7]))
    assert not places_in_training(trained, X[:5] + 1e-12)
    assert not places_in_training(trained, np.vstack([X[:5], [[1, 2, 3]]]))
    assert not places_in_training(trained, np.vstack([X, X]))
    assert not places_in_training(None, X)
    alive = Trained.of(X, None)
    assert places_in_training(alive, X[:7], X)
    assert not places_in_training(alive, X[:7], X + 1)
    assert not places_in_training(alive, X[:7])
    common = Trained.of(np.zeros((60, 3)), None, goes_away=True)
    assert not places_in_training(common, np.zeros((5, 3)))


def test_rows_are_named_by_the_target_that_they_had_in_training():
    random = np.random.RandomState(0)
    X, y = random.rand(60, 3), random.randint(0, 3, 60)
    order = random.permutation(60)
    part = order[:20]
    # The target of what goes away is kept; that of what stays is asked for.
    for trained, whole in ((Trained.of(X, y, goes_away=True), None), (Trained.of(X, y), X)):

        def name(rows, target, trained=trained, whole=whole):
            return trained.name_of(places_in_training(trained, X[rows], whole), target)

        assert name(order, y[order]) == "train"
        assert name(order, None) == "train"
        assert name(order, np.array(list("abc"))[y[order]]) == "train"
        assert name(order, y) == "relabelled_train"
        assert name(part, y[part]) == "train_part"
        assert name(part, y[part] == 2) == "train_part"
        assert name(part, (y[part] == 2).astype(int)) == "train_part"
        assert name(part, 2 - y[part]) == "relabelled_train"
        assert name(part, y[:20]) == "relabelled_train"


def test_rows_that_training_had_twice_say_nothing_of_the_target():
    X, y = np.arange(60.0)[:, None], np.arange(60) % 2
    X[59] = X[58]
    trained = Trained.of(X, y, goes_away=True)
    places = places_in_training(trained, X[::-1])
    assert places.is_all
    assert places.rows.tolist()[:3] == [-1, -1, 57]
    assert trained.name_of(places, y[::-1]) == "train"
    y_exchanged = y.copy()
    y_exchanged[[58, 59]] = y[[59, 58]]
    assert trained.name_of(places, y_exchanged[::-1]) == "train"


def test_where_the_training_target_is_gone_rows_are_said_to_be_some_of_the_training_rows():
    X = np.random.RandomState(0).rand(60, 3)
    trained = Trained.of(X, np.arange(60) % 2)
    places = places_in_training(trained, X[::-1], X)
    assert trained.name_of(places, np.arange(60) % 2) == "train_part"


def test_a_target_made_of_the_training_target_is_its_own():
    y = np.random.RandomState(1).randint(0, 3, 60)
    trained = Trained.of(np.zeros((60, 1)), y)
    assert trained.has_target(y.tolist())
    assert trained.has_target(np.array(list("abc"))[y])
    assert trained.has_target(y == 2)
    assert trained.has_target(np.eye(3)[y])
    assert not trained.has_target(y[::-1])
    assert not trained.has_target(2 - y)
    assert not trained.has_target(np.random.RandomState(0).rand(60))
    y[0] = (y[0] + 1) % 3
    assert not trained.has_target(y)


@settings(deadline=None)
@given(NUMBERS)
def test_equal_stamps_mean_equal_content(X):
    assert stamp_of(X) == stamp_of(X.copy())
    assert stamp_of(pd.DataFrame(X)) == stamp_of(pd.DataFrame(X.copy()))
    changed = X.copy()
    changed[-1, -1] = 77.0
    assert stamp_of(changed) != stamp_of(X)
    assert value_digest(X) == value_digest(np.asfortranarray(X))
    assert value_digest(X) == value_digest(X + 0.0)
