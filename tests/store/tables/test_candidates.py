"""Candidates by the thousand, and their notes."""

from __future__ import annotations

import math
import time

from autotrack.entities import Note, RunError
from autotrack.store.search.query import Query
from autotrack.store.store import Store
from autotrack.store.tables.candidates import Ending, NewCandidate
from tests.store.making import SOURCE, new_run


def search_of(store: Store) -> str:
    with store.transaction():
        store.add_source(SOURCE)
        return new_run(store, kind="search", source_id=SOURCE.source_id)


def candidate(number: int) -> NewCandidate:
    params = {"C": number / 10, "kernel": "rbf"}
    return NewCandidate(
        f"{number:032x}", f"C={number / 10}", 100.0 + number, params, {"digest": "d"}
    )


def test_candidates_belong_where_their_search_does(store: Store) -> None:
    search = search_of(store)
    store.add_candidates(search, [candidate(1), candidate(2)])

    rows = store.search(Query(parent_id=search, order_by="start_time"))
    assert [row.kind for row in rows] == ["candidate"] * 2
    assert [row.params for row in rows] == [{"C": n, "kernel": "rbf"} for n in (0.1, 0.2)]
    assert [row.tags for row in rows] == [{"digest": "d"}] * 2
    record = store.get_run(rows[0].run_id)
    assert (record.status, record.parent_id, record.source) == ("RUNNING", search, SOURCE)


def test_a_candidate_that_is_told_of_again_is_left_as_it_is(store: Store) -> None:
    search = search_of(store)
    store.add_candidates(search, [candidate(1)])
    store.end_candidates([Ending(candidate(1).run_id, "FINISHED", 200.0)])
    store.add_candidates(search, [candidate(1), candidate(2)])

    rows = store.search(Query(parent_id=search, order_by="start_time"))
    assert [row.status for row in rows] == ["FINISHED", "RUNNING"]


def test_numbers_without_a_history_take_each_others_place(store: Store) -> None:
    search = search_of(store)
    store.add_candidates(search, [candidate(1)])
    store.put_metrics({search: {"best": 1.0}, candidate(1).run_id: {"mean": math.nan}}, 5.0)
    store.put_metrics({search: {"best": 2.0}}, 6.0)

    assert [m.value for m in store.metric_history(search, "best")] == [2.0]
    assert math.isnan(store.get_run(candidate(1).run_id).metrics["mean"])


def test_candidates_end_with_their_errors(store: Store) -> None:
    search = search_of(store)
    store.add_candidates(search, [candidate(1), candidate(2)])
    error = RunError("ValueError", "no", "Traceback")
    endings = [
        Ending(candidate(1).run_id, "FAILED", 200.0, error),
        Ending(candidate(2).run_id, "KILLED", 201.0),
    ]
    store.end_candidates(endings)

    records = [store.get_run(candidate(number).run_id) for number in (1, 2)]
    assert [record.status for record in records] == ["FAILED", "KILLED"]
    assert [record.error for record in records] == [error, None]


def test_notes_are_kept_once_for_each_split(store: Store) -> None:
    search = search_of(store)
    store.add_candidates(search, [candidate(1), candidate(2)])
    first, second = candidate(1).run_id, candidate(2).run_id
    warning, error = Note(0, "warning", "W", "slow"), Note(1, "error", "E", "no", "Traceback")
    store.add_notes({first: [warning, warning, error], second: [warning]})
    store.add_notes({first: [warning]})

    found = [(first, "C=0.1", warning), (first, "C=0.1", error), (second, "C=0.2", warning)]
    assert store.notes(search) == found
    assert store.notes(first) == found[:2]
    with store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (2,)
    store.purge_run(search)
    with store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)


def test_twenty_thousand_candidates_are_read_in_a_moment(store: Store) -> None:
    search = search_of(store)
    everyone = [candidate(number) for number in range(20_000)]
    numbers = {f"metric_{n}": n / 7 for n in range(9)}
    with store.transaction():
        store.add_candidates(search, everyone)
        store.put_metrics({one.run_id: numbers for one in everyone}, 5.0)
        store.end_candidates([Ending(one.run_id, "FINISHED", 9.0) for one in everyone])

    # The processor's time: a test runs beside others.
    started = time.process_time()
    rows = store.search(Query(parent_id=search))
    assert time.process_time() - started < 1
    assert len(rows) == 20_000
