"""Predictions are found again among thousands, and forgotten in order."""

from __future__ import annotations

import gc
import threading
import tracemalloc

import numpy as np
import pytest

from autotrack.lineage import prediction_index
from autotrack.lineage.prediction import Prediction
from autotrack.lineage.prediction_index import PredictionIndex
from autotrack.lineage.program.call_site import sites
from autotrack.lineage.values.digests import reference
from tests.waiting import fastest


class Model:
    """Something predictions are of."""


def remembered(index, array, model=None, *, keep=True):
    output = array if keep else array.copy()
    known = Prediction(
        None, reference(model), None, reference(output), values=array.copy(), sites=sites(0)
    )
    index.add(known)
    return known


def test_of_ten_thousand_predictions_none_is_lost():
    index, random = PredictionIndex(), np.random.RandomState(0)
    arrays = [random.rand(40) for _ in range(10_000)]
    known = [remembered(index, array) for array in arrays]
    for i in range(0, 10_000, 97):
        assert index.of_object(arrays[i]) is known[i]
        assert index.equal(arrays[i].copy()) == [known[i]]
        assert [p for p, _ in index.sharing(arrays[i][3:9])] == [known[i]]
    assert index.of_object(random.rand(40)) is None
    assert index.equal(random.rand(40)) == []
    some = arrays[123].copy()
    assert fastest(lambda: index.equal(some)) < 0.001
    assert fastest(lambda: index.of_object(arrays[123])) < 0.001


def test_what_is_equal_is_found_newest_first_and_by_its_columns():
    index = PredictionIndex()
    first, second = (remembered(index, np.array([[1.5, 2.5], [3.5, 4.5], [5, 6]])) for _ in "ab")
    assert index.equal(np.array([[1.5, 2.5], [3.5, 4.5], [5, 6]])) == [second, first]
    assert index.equal(np.array([2.5, 4.5, 6])) == [second, first]
    assert index.equal(np.array([2.5, 4.5])) == []
    assert index.equal(np.array([2.5, 4.5, 6.5])) == []


def test_a_changed_prediction_is_found_by_what_it_was():
    index, array = PredictionIndex(), np.array([0.25, 0.5, 0.75, 1, 2])
    known = remembered(index, array)
    kept = array.copy()
    array[:] = 0
    assert index.of_object(array) is known
    assert not known.is_unchanged(array)
    assert index.equal(kept) == [known]
    assert index.equal(array) == []


def test_copies_are_let_go_of_and_their_values_still_known(monkeypatch):
    monkeypatch.setattr(prediction_index, "BUDGET", 4000)
    index, random = PredictionIndex(), np.random.RandomState(0)
    arrays = [random.rand(100) for _ in range(50)]
    known = [remembered(index, array, keep=False) for array in arrays]
    assert [index.equal(array) for array in arrays] == [[p] for p in known]
    assert sum(p.values is not None for p in known) == 5


def test_the_memory_of_many_large_predictions_is_bounded():
    index, array = PredictionIndex(), np.zeros(100_000)
    tracemalloc.start()
    for i in range(400):
        array[0] = i
        remembered(index, array, keep=False)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 1.4 * prediction_index.BUDGET


def test_the_oldest_are_forgotten_and_everything_kept_of_them(monkeypatch):
    monkeypatch.setattr(prediction_index, "MOST", 20)
    index, model = PredictionIndex(), Model()
    arrays = [np.arange(9.0) + i / 7 for i in range(50)]
    for array in arrays:
        remembered(index, array, model)
        index.refresh()
    found = [bool(index.equal(array)) for array in arrays]
    assert found == [False] * 30 + [True] * 20
    assert [index.of_object(array) is not None for array in arrays] == found
    assert [bool(index.sharing(array[2:])) for array in arrays] == found
    assert len(list(index.of_length(9))) == 20


@pytest.mark.parametrize("rows", [1, 4])
def test_predictions_of_few_rows_push_out_none_of_many(rows):
    index, array = PredictionIndex(), np.arange(30.0)
    known = remembered(index, array)
    for i in range(2000):
        remembered(index, np.full(rows, float(i)), keep=False)
    assert index.of_object(array) is known
    assert len(list(index.of_length(rows))) == prediction_index.MOST_SHORT


def test_an_object_in_the_place_of_one_that_is_gone_is_not_taken_for_it():
    index = PredictionIndex()
    for i in range(200):
        remembered(index, np.arange(6.0) + i, keep=False)
        gc.collect(0)
        other = np.full(6, -1.0)
        assert index.of_object(other) is None
        assert index.sharing(other) == []


def test_threads_remember_and_ask_at_once():
    index, failures = PredictionIndex(), []

    def work(seed):
        try:
            random = np.random.RandomState(seed)
            for _ in range(200):
                array = random.rand(12)
                known = remembered(index, array)
                assert index.equal(array.copy()) == [known]
                assert index.of_object(array) is known
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def noted(index, array):
    site, thread = sites(0), threading.get_ident()
    output = reference(array)
    index.note(
        (index.next_order(), None, None, output, output, array.copy(), site, thread, None, None)
    )


def test_what_was_noted_is_one_prediction_whichever_way_it_is_asked_for_first():
    index = PredictionIndex()
    first, second, third = (np.array([0.5, 1, 2, 3, 4]) + i for i in range(3))
    noted(index, first)
    known = index.of_object(first)
    assert index.of_object(first) is known
    assert index.equal(first.copy()) == [known]
    assert index.of_object(first) is known
    noted(index, second)
    [other] = index.equal(second.copy())
    assert index.of_object(second) is other
    noted(index, third)
    newest = index.of_object(third)
    assert [p.order for p in index.of_length(5)] == [newest.order, other.order, known.order]
    assert next(iter(index.of_length(5))) is newest
    assert newest.sites[0][0] is noted.__code__


def test_a_noted_prediction_that_is_changed_before_anybody_asks_is_known_by_what_it_was():
    index, array = PredictionIndex(), np.array([0.25, 0.5, 0.75, 1, 2])
    noted(index, array)
    kept = array.copy()
    array[:] = 0
    known = index.of_object(array)
    assert not known.is_unchanged(array)
    assert index.equal(kept) == [known]
    assert index.equal(array) == []


def test_threads_note_and_ask_at_once():
    index, failures = PredictionIndex(), []

    def work(seed):
        try:
            random = np.random.RandomState(seed)
            for _ in range(200):
                array = random.rand(12)
                noted(index, array)
                known = index.of_object(array)
                assert index.equal(array.copy()) == [known]
                assert index.of_object(array) is known
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_noted_predictions_of_few_rows_push_out_none_of_many():
    index, array = PredictionIndex(), np.arange(30.0)
    noted(index, array)
    for i in range(2000):
        noted(index, np.full(1, float(i)))
    assert index.of_object(array) is not None
    assert len(list(index.of_length(1))) == prediction_index.MOST_SHORT
