"""What comes rarely is written at once, what comes quickly together, and nothing waits for long."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from autotrack.entities import Note
from autotrack.failsafe import Failsafe
from autotrack.store.store import Store
from autotrack.store.tables.candidates import Ending, NewCandidate
from autotrack.tracking.evaluations.flusher import Flusher
from autotrack.tracking.evaluations.pending import Batch
from tests.store.making import new_run
from tests.waiting import PATIENCE, wait_until


@pytest.fixture
def written():
    return []


@pytest.fixture
def flusher(written):
    def write():
        written.append(threading.current_thread())
        time.sleep(0.003)

    flusher = Flusher(write, Failsafe(strict=True))
    yield flusher
    flusher.close()


def test_what_comes_rarely_is_written_by_whoever_brings_it(flusher, written):
    for _ in range(2):
        flusher.notify()
        time.sleep(1)
    assert written == [threading.current_thread()] * 2


def test_what_comes_quickly_is_written_together(flusher, written):
    brought, until = 0, time.monotonic() + PATIENCE
    while len(written) < 3 and time.monotonic() < until:
        flusher.notify()
        brought += 1
    # Its thread may have written once more meanwhile.
    assert len(written) >= 3
    assert brought > 30


def test_what_took_long_is_written_at_once(flusher, written):
    for _ in range(3):
        flusher.notify(took=5.0)
    assert len(written) == 3


def test_what_comes_last_does_not_wait_for_the_next(flusher, written):
    flusher.notify()
    flusher.notify()
    wait_until(lambda: len(written) == 2, "writing the last")
    assert written[1] is not threading.current_thread()


def test_closing_writes_what_is_left_and_ends_the_thread(flusher, written):
    before = sys._current_frames().keys()
    flusher.notify()
    flusher.notify()
    wait_until(lambda: sys._current_frames().keys() - before or len(written) == 2, "a thread")
    flusher.close()
    assert len(written) == 2
    wait_until(lambda: sys._current_frames().keys() <= before, "the end of the thread")
    time.sleep(0.5)
    assert len(written) == 2


def test_where_nothing_waits_there_is_no_thread(flusher, written):
    before = sys._current_frames().keys()
    flusher.notify()
    flusher.notify()
    wait_until(lambda: len(written) == 2, "writing the last")
    wait_until(lambda: sys._current_frames().keys() <= before, "the end of the thread")
    assert sys._current_frames().keys() <= before


def test_a_batch_that_an_interrupt_left_in_doubt_is_written_once(tmp_path):
    store = Store(tmp_path / "runs")
    search = new_run(store, kind="search")

    def batch(number):
        run_id = f"{number:032x}"
        return Batch(
            new=[NewCandidate(run_id, "a", 1.0, {"a": number})],
            measured={run_id: [("test_score", 0.5, 0, 2.0), ("test_score", 0.7, 1, 2.0)]},
            numbers={run_id: {"mean_test_score": 0.6}},
            notes={run_id: [Note(0, "warning", "W", "slow")]},
            endings=[Ending(run_id, "FINISHED", 3.0)],
            tags={"notes": str(number)},
        )

    first = batch(1)
    first.write(store, search)
    first.with_later(batch(2)).write(store, search)

    for number in (1, 2):
        run_id = f"{number:032x}"
        assert [m.value for m in store.metric_history(run_id, "test_score")] == [0.5, 0.7]
        assert store.get_run(run_id).status == "FINISHED"
        assert len(store.notes(run_id)) == 1
    assert store.get_run(search).tags["notes"] == "2"
    store.close()
