"""Whether values are a function of a prediction, on any arrays hypothesis thinks of."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.special import expit

from autotrack.lineage.values.arrays import is_constant, plain_array, same
from autotrack.lineage.values.derivation import is_function_of, is_just_usual, tells

# Slow machines are no failures.
settings.register_profile("capture", deadline=None, max_examples=60)
settings.load_profile("capture")

REAL = st.floats(-1e3, 1e3, allow_subnormal=False).map(lambda x: x + 1e-4)
LABELS = st.integers(0, 3)


def _objects(items):
    array = np.empty(len(items), object)
    array[:] = items
    return array


ANYTHING = st.one_of(
    arrays.arrays(np.float64, arrays.array_shapes(max_dims=2, max_side=8)),
    arrays.arrays(np.uint8, arrays.array_shapes(max_dims=2, max_side=8)),
    arrays.arrays(
        np.complex64, arrays.array_shapes(max_dims=1, max_side=8), elements={"allow_nan": False}
    ),
    arrays.arrays("datetime64[D]", arrays.array_shapes(max_dims=1, max_side=8)),
    arrays.arrays(np.int64, arrays.array_shapes(max_dims=2, max_side=8)),
    arrays.arrays(np.bool_, arrays.array_shapes(max_dims=2, max_side=8)),
    arrays.arrays("U2", arrays.array_shapes(max_dims=2, max_side=4)),
    st.lists(st.one_of(st.none(), st.text(max_size=2), st.integers(), st.lists(LABELS))).map(
        lambda items: _objects(items or [None])
    ),
)


def predictions(smallest=12, largest=60):
    """Real-valued predictions, no two alike."""
    return st.lists(REAL, min_size=smallest, max_size=largest, unique=True).map(np.array)


def shuffled(seed, size):
    return np.random.RandomState(seed).permutation(size)


@settings(max_examples=300)
@given(ANYTHING, ANYTHING)
def test_any_two_arrays_are_compared_without_an_error_or_a_warning(values, prediction):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert is_function_of(values, prediction) in (True, False)
        assert tells(values) in (True, False)


@given(ANYTHING)
def test_an_array_is_the_same_as_its_copy_and_a_function_of_it(array):
    assert same(array, array.copy())
    assert is_function_of(array.copy(), array) == (not is_constant(array))


@given(st.one_of(REAL, LABELS, st.booleans()), ANYTHING)
def test_a_constant_is_a_function_of_nothing(value, prediction):
    assert not is_function_of(np.full(len(prediction), value), prediction)


FAMILY = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": lambda p: np.log(np.abs(p)),
    "square": np.square,
    "the rest of one": lambda p: 1 - p,
    "negative": np.negative,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "rounded": lambda p: np.round(p, 2),
    "integer": lambda p: np.round(p).astype(int),
    "sigmoid": expit,
    "a line": lambda p: 3.5 * p - 2,
}


@pytest.mark.parametrize("name", FAMILY)
@given(st.lists(st.floats(0.01, 5), min_size=12, unique_by=lambda x: round(x, 3)).map(np.array))
def test_every_function_of_the_family_is_known(name, prediction):
    values = FAMILY[name](prediction)
    if name == "log":
        prediction = np.abs(prediction)
    assume(not is_constant(values))
    assert is_function_of(values, prediction)


@given(predictions(), st.floats(0.1, 10.0), st.floats(-5.0, 5.0))
def test_a_line_over_a_prediction_is_known(prediction, slope, shift):
    mapped = slope * prediction + shift
    assume(len(np.unique(mapped)) > 4)
    assert is_function_of(mapped, prediction)


@given(predictions(smallest=40), st.integers(15, 25))
def test_any_threshold_is_known_under_any_names(prediction, rank):
    chosen = prediction > np.sort(prediction)[rank]
    assert is_function_of(chosen, prediction)
    assert is_function_of(np.where(chosen, "yes", "no"), prediction)


@given(predictions(smallest=40), st.integers(5, 15), st.integers(20, 35))
def test_several_thresholds_are_known(prediction, low, high):
    bounds = np.sort(prediction)[[low, high]]
    assert is_function_of(np.digitize(prediction, bounds), prediction)


@given(predictions())
def test_clipping_is_known_where_enough_is_left_between_the_bounds(prediction):
    low, high = np.sort(prediction)[[2, -3]]
    assert is_function_of(np.clip(prediction, low, high), prediction)


@given(st.lists(LABELS, min_size=12, max_size=60), st.integers(0, 1000))
def test_labels_under_other_names_are_known(labels, seed):
    labels = np.array(labels)
    assume(np.bincount(labels, minlength=4).min() >= 3)
    names = np.array(list("dbca"))
    assert is_function_of(names[labels], labels)
    other = np.random.RandomState(seed).permutation(labels)
    assume(len(np.unique(np.c_[labels, other], axis=0)) > 4)
    assert not is_function_of(names[other], labels)


@given(arrays.arrays(np.float64, (15, 3), elements=st.floats(0.0, 1.0), unique=True))
def test_the_most_probable_class_is_known_under_any_name(probabilities):
    chosen = probabilities.argmax(axis=1)
    assume(np.bincount(chosen, minlength=3).min() >= 3)
    assert is_function_of(np.array(["x", "y", "z"])[chosen], probabilities)


@given(arrays.arrays(np.float64, (15, 3), elements=st.floats(0.05, 0.95), unique=True))
def test_a_matrix_is_known_by_its_columns(probabilities):
    assert is_function_of(probabilities[:, 1], probabilities)
    assert is_function_of(np.log(probabilities), probabilities)
    assume((probabilities != np.round(probabilities, 3)).sum() > 10)
    assert not is_function_of(probabilities[::-1], probabilities)


@given(predictions(smallest=20), st.integers(0, 1000))
def test_another_order_of_a_prediction_is_no_function_of_it(prediction, seed):
    order = shuffled(seed, len(prediction))
    assume((order != np.arange(len(order))).sum() > 2)
    assert not is_function_of(prediction[order], prediction)
    assume(prediction.std() > 1e-3)
    moved = np.roll(prediction, 1)
    slope = np.polyfit(prediction, moved, 1)
    assume(np.abs(np.polyval(slope, prediction) - moved).max() > 1e-6)
    assert not is_function_of(moved, prediction)


@given(predictions(smallest=20))
def test_a_part_is_no_function_of_the_whole(prediction):
    assert not is_function_of(prediction[:7], prediction)


@given(predictions(smallest=15), st.integers(0, 1000))
def test_another_models_numbers_are_no_function_of_these(prediction, seed):
    noise = np.random.RandomState(seed).normal(size=len(prediction))
    assert not is_function_of(noise, prediction)
    assert not is_function_of(prediction + noise * prediction.std(), prediction)


@given(predictions(smallest=15), st.integers(0, 100))
def test_numbers_that_only_rank_alike_are_no_function(prediction, seed):
    ranks = np.argsort(np.argsort(prediction)) + np.random.RandomState(seed).rand(len(prediction))
    assume(np.abs(np.polyval(np.polyfit(prediction, ranks, 1), prediction) - ranks).max() > 1e-3)
    assert not is_function_of(ranks, prediction)


def test_one_row_in_the_wrong_place_is_seen():
    prediction = np.random.RandomState(0).rand(300)
    for values in (np.exp(prediction), 2 * prediction, prediction > 0.5, np.round(prediction, 2)):
        assert is_function_of(values, prediction)
        changed = values.copy()
        changed[217] = ~changed[217] if changed.dtype == bool else changed[217] + 0.1
        assert not is_function_of(changed, prediction)


@given(predictions(smallest=80, largest=200))
def test_maps_to_the_last_bit_are_told_from_nearly_equal_ones(prediction):
    with np.errstate(over="ignore"):
        assert is_just_usual(np.exp(prediction), prediction)
    assert is_just_usual(1 - prediction, prediction)
    nearly = 1 - prediction
    nearly[len(nearly) // 2] = np.nextafter(nearly[len(nearly) // 2], np.inf)
    assert not is_just_usual(nearly, prediction)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0.12345, 0.54321]), True),
        (np.array([0.5, 0.25, 3.0]), False),
        (np.array([0.12345, 0.12345]), False),
        (np.array([1, 2, 3]), False),
        (np.array(["0.12345", "0.54321"]), False),
        (np.array([np.nan, np.inf, 0.12345]), False),
    ],
)
def test_only_different_numbers_with_many_digits_tell_predictions_apart(values, expected):
    assert tells(values) is expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_warn_of_nothing(value, recwarn):
    prediction = np.linspace(-1, 1, 30)
    broken = prediction.copy()
    broken[:3] = value
    assert same(broken, broken.copy())
    assert is_function_of(broken, broken.copy())
    is_function_of(broken, prediction)
    is_function_of(prediction, broken)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        ([1, 2, 3], (3,)),
        ([[1], [2]], (2,)),
        (np.ones((2, 3)), (2, 3)),
        ((0.5, 1.5), (2,)),
        (np.float64(3.0), None),
        (np.array(3.0), None),
        (np.ones((2, 2, 2)), None),
        ([], None),
        ([[1], [2, 3]], None),
        (None, None),
    ],
)
def test_plain_arrays_have_one_or_two_dimensions_and_something_in_them(values, shape):
    array = plain_array(values)
    assert (None if array is None else array.shape) == shape


class Unwilling:
    """Says it is an array and raises when asked."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no")


def test_what_refuses_to_be_an_array_is_none():
    assert plain_array(Unwilling()) is None
