"""Whether values can be shown to come from a prediction, on any arrays hypothesis thinks of."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from autotrack.capture.arrays import is_constant, plain_array, same
from autotrack.capture.evidence import Evidence, is_monotone, relation

# Slow machines are no failures.
settings.register_profile("capture", deadline=None, max_examples=60)
settings.load_profile("capture")

REAL = st.floats(-1e3, 1e3, allow_subnormal=False).map(lambda x: x + 1e-4)
LABELS = st.integers(0, 3)
ANYTHING = st.one_of(
    arrays.arrays(np.float64, arrays.array_shapes(max_dims=2, max_side=8)),
    arrays.arrays(np.uint8, arrays.array_shapes(max_dims=2, max_side=8)),
    arrays.arrays(
        np.complex64,
        arrays.array_shapes(max_dims=1, max_side=8),
        elements={"allow_nan": False},
    ),
    arrays.arrays("datetime64[D]", arrays.array_shapes(max_dims=1, max_side=8)),
    arrays.arrays(np.int16, arrays.array_shapes(max_dims=2, max_side=8)),
    arrays.arrays(np.bool_, arrays.array_shapes(max_dims=2, max_side=8)),
    arrays.arrays("U2", arrays.array_shapes(max_dims=2, max_side=4)),
    st.lists(st.one_of(st.none(), st.text(max_size=2), st.integers(), st.lists(LABELS))).map(
        lambda items: _objects(items or [None])
    ),
)


def _objects(items):
    array = np.empty(len(items), object)
    array[:] = items
    return array


def predictions(smallest=12, largest=60):
    """Real-valued predictions, no two alike."""
    return st.lists(REAL, min_size=smallest, max_size=largest, unique=True).map(np.array)


def scrambled(seed, size):
    return np.random.RandomState(seed).permutation(size)


@given(ANYTHING, ANYTHING)
def test_any_two_arrays_are_compared_without_an_error_or_a_warning(values, prediction):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert relation(values, prediction) in set(Evidence)


@given(ANYTHING)
def test_an_array_is_the_same_as_its_copy(array):
    assert same(array, array.copy())


@given(ANYTHING)
def test_an_array_that_is_not_constant_is_shown_by_its_copy(array):
    expected = Evidence.NONE if is_constant(array) else Evidence.EQUAL
    assert relation(array.copy(), array) is expected


@given(st.one_of(REAL, LABELS, st.booleans()), ANYTHING)
def test_a_constant_shows_nothing(value, prediction):
    assert relation(np.full(len(prediction), value), prediction) is Evidence.NONE


@pytest.mark.parametrize(
    "usual",
    [np.exp, np.expm1, np.negative, np.square, np.floor, lambda p: 1 - p, lambda p: np.round(p, 1)],
)
def test_the_usual_maps_are_recognised(usual):
    prediction = np.random.RandomState(0).uniform(0.0, 5.0, 50)
    assert relation(usual(prediction), prediction) is Evidence.DERIVED


@given(predictions(smallest=3))
def test_a_half_is_the_usual_threshold_however_few_the_rows(prediction):
    chosen = prediction >= 0.5
    assume(not is_constant(chosen))
    assert relation(chosen, prediction) is Evidence.DERIVED
    assert relation(np.where(chosen, 1, -1), prediction) is Evidence.DERIVED


@given(predictions(smallest=24, largest=24), st.integers(8, 16))
def test_names_for_both_sides_of_a_half_are_shown_by_enough_rows(prediction, count):
    prediction = np.sort(prediction) - np.sort(prediction)[count] + 0.5
    assert relation(np.where(prediction >= 0.5, "yes", "no"), prediction) is Evidence.DERIVED


@pytest.mark.parametrize("values", [[0, 1, 1, 0, 0], [0.8, 0.2, 0.2, 0.8, 0.8], list("abbaa")])
def test_few_rows_on_the_wrong_side_of_a_half_show_nothing(values):
    assert relation(np.array(values), np.array([0.9, 0.3, 0.1, 0.7, 0.8])) is Evidence.NONE


@given(predictions(smallest=40), st.integers(15, 25))
def test_any_threshold_that_splits_enough_rows_is_shown(prediction, rank):
    threshold = np.sort(prediction)[rank]
    assert relation(prediction > threshold, prediction) >= Evidence.MONOTONE


@given(predictions(), st.floats(0.1, 10.0), st.floats(-5.0, 5.0))
def test_a_line_through_a_prediction_is_shown(prediction, slope, shift):
    mapped = slope * prediction + shift
    assume(is_monotone(mapped, prediction) and len(np.unique(mapped)) > 4)
    assert relation(mapped, prediction) >= Evidence.MONOTONE


@given(predictions(), st.integers(0, 10))
def test_clipping_is_shown_where_enough_is_left_between_the_bounds(prediction, at):
    low, high = np.sort(prediction)[[2, -3]]
    clipped = np.clip(prediction, low, high)
    assert relation(clipped, prediction) is Evidence.DERIVED


@given(predictions(smallest=20), st.integers(0, 1000))
def test_a_shuffle_and_a_part_of_real_values_are_shown_as_parts(prediction, seed):
    order = scrambled(seed, len(prediction))
    assume((order != np.arange(len(order))).any())
    shuffled = prediction[order]
    assume(not is_monotone(shuffled, prediction))
    assert relation(shuffled, prediction) is Evidence.PART
    assert relation(prediction[order[:7]], prediction) is Evidence.PART


@given(predictions(smallest=20), st.integers(0, 1000))
def test_rows_drawn_with_replacement_are_no_part(prediction, seed):
    drawn = np.random.RandomState(seed).randint(0, len(prediction), len(prediction))
    assume(len(np.unique(drawn)) < len(drawn))
    assert relation(prediction[drawn], prediction) is Evidence.NONE


@given(predictions(smallest=15), predictions(smallest=15), st.integers(0, 100))
def test_another_models_real_values_show_nothing(prediction, other, seed):
    size = min(len(prediction), len(other))
    ours, theirs = prediction[:size], other[:size][scrambled(seed, size)]
    assume(not np.isin(theirs, ours).all())
    assume(not is_monotone(theirs, ours))
    assert relation(theirs, ours) is Evidence.NONE


@given(st.lists(LABELS, min_size=12, max_size=60), st.integers(0, 1000))
def test_labels_under_other_names_are_shown(labels, seed):
    labels = np.array(labels)
    assume(np.bincount(labels, minlength=4).min() >= 3)
    names = np.array(list("dbca"))
    assert relation(names[labels], labels) is Evidence.DERIVED
    other = np.random.RandomState(seed).permutation(labels)
    assume(len(np.unique(np.c_[labels, other], axis=0)) > 4)
    assert relation(names[other], labels) is Evidence.NONE


def test_two_labels_of_a_few_rows_show_nothing():
    assert relation(np.array(["a", "b", "b", "a"]), np.array([0, 1, 1, 0])) is Evidence.NONE


@given(arrays.arrays(np.float64, (15, 3), elements=st.floats(0.0, 1.0), unique=True))
def test_the_most_probable_class_is_shown_under_any_name(probabilities):
    chosen = probabilities.argmax(axis=1)
    assume(np.bincount(chosen, minlength=3).min() >= 3)
    assert relation(np.array(["x", "y", "z"])[chosen], probabilities) is Evidence.DERIVED


@given(arrays.arrays(np.float64, (15, 3), elements=st.floats(0.05, 0.95), unique=True))
def test_a_matrix_is_shown_by_its_columns_and_by_its_rows(probabilities):
    assert relation(probabilities[:, 1], probabilities) is Evidence.EQUAL
    assert relation(np.clip(probabilities, 1e-9, 1 - 1e-9), probabilities) is Evidence.EQUAL
    assert relation(np.log(probabilities), probabilities) is Evidence.DERIVED
    assume((probabilities != np.round(probabilities, 3)).sum() > 10)
    assert relation(probabilities[::-2], probabilities) is Evidence.PART


def test_rounded_and_narrower_probabilities_are_shown():
    probabilities = np.random.RandomState(0).dirichlet([1, 1, 1], 30)
    assert relation(np.round(probabilities, 3), probabilities) is Evidence.DERIVED
    assert relation(probabilities.astype(np.float32), probabilities) >= Evidence.MONOTONE


def test_round_numbers_are_met_by_chance_and_show_no_part():
    prediction = np.array([0.5, 1.0, 2.5, 3.0, 4.5, 7.0])
    assert relation(np.array([0.5, 3.0, 7.0]), prediction) is Evidence.NONE


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_warn_of_nothing(value, recwarn):
    prediction = np.linspace(-1, 1, 30)
    broken = prediction.copy()
    broken[:3] = value
    assert same(broken, broken.copy())
    assert relation(broken, broken.copy()) is Evidence.EQUAL
    relation(broken, prediction)
    relation(prediction, broken)
    assert not recwarn.list


@given(predictions(), st.sampled_from([np.exp, np.cbrt, np.negative, lambda p: p > 0]))
def test_a_monotone_function_is_monotone(prediction, function):
    with np.errstate(over="ignore"):
        assert is_monotone(function(prediction), prediction)


def test_equal_predictions_with_different_values_are_no_function():
    assert not is_monotone(np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.5, 1.0]))


def test_labels_are_monotone_where_each_is_one_range():
    prediction = np.arange(6.0)
    assert is_monotone(np.array(list("ccaabb")), prediction)
    assert not is_monotone(np.array(list("ccaabc")), prediction)


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
