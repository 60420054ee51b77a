"""What pages ask of the store is what a search gives, and what is in it."""

from __future__ import annotations

import math

import pytest

from autotrack.errors import FilterError
from autotrack.store.search import pages, worth
from autotrack.store.search.query import Query
from autotrack.store.store import Store

PARAMS = [
    {"C": 1, "kernel": "rbf"}, {"C": 0.5, "kernel": "linear"}, {"C": "auto"}, {"C": None},
    {"C": True}, {"C": math.nan}, {"C": 10**30}, {"C": [1, 2]}, {}, {"my key": 3, "C": "100"},
]  # fmt: skip


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path / "store")
    first, second = found.create_experiment("first"), found.create_experiment("second")
    for number, params in enumerate(PARAMS):
        run = f"run{number:029}"
        parent = "run" + "0" * 29 if number in (3, 7) else None
        if number == 8:
            parent = f"run{7:029}"
        experiment = second if number % 2 else first
        found.create_run(run_id=run, name=f"name {number}", kind="fit", parent_id=parent,
                         experiment_id=experiment, start_time=number)  # fmt: skip
        found.set_params(run, params)
        found.add_metrics(run, [("test_score", number / 10, None, 1.0)])
        found.add_metrics(run, [("test_score", math.nan if number == 4 else 1 / (number + 1),
                                 None, 2.0)])  # fmt: skip
        found.end_run(run, status="FAILED" if number == 5 else "FINISHED", end_time=number + 1)
    yield found
    found.close()


def ids(store, numbers) -> list[str]:
    with store.reading() as connection:
        return [line.run_id for line in pages.lines(connection, numbers)]


@pytest.mark.parametrize("children", [True, False])
@pytest.mark.parametrize(
    "order",
    ["", "params.C", "params.C desc", "params.kernel", "params.`my key` desc", "params.none",
     "metrics.test_score", "metrics.test_score desc", "name desc", "duration", "params.C, name"],
)  # fmt: skip
@pytest.mark.parametrize(
    "where", [None, "metrics.test_score > 0.2", "params.C = 'auto' or status = 'FAILED'"]
)
def test_runs_match_and_are_ordered_as_in_a_search(store, where, order, children):
    query = Query(where=where, order_by=order, children=children)
    with store.reading() as connection:
        matches = pages.matching(connection, query)
    assert ids(store, [n for n, _ in matches]) == [row.run_id for row in store.search(query)]


def test_a_filter_that_cannot_be_read_is_refused_as_in_a_search(store):
    with store.reading() as connection, pytest.raises(FilterError):
        pages.matching(connection, Query(where="metrics.a > > 1"))


def test_every_run_below_another_has_its_root(store):
    with store.reading() as connection:
        pairs = pages.matching(connection, Query(children=True))
        nested = [number for number, parent in pairs if parent is not None]
        roots = pages.roots_of(connection, nested)
    assert len(nested) == 3
    assert set(roots) == set(nested)
    assert set(ids(store, set(roots.values()))) == {"run" + "0" * 29}


def test_a_line_is_what_a_search_says_of_a_run_and_more(store):
    row = next(r for r in store.search(Query()) if r.name == "name 0")
    with store.reading() as connection:
        (line,) = pages.lines(connection, pages.numbers_of(connection, [row.run_id, "none"]))
    assert line.params == row.params
    assert line.metrics == row.metrics
    assert line.counts == {"test_score": 2}
    assert line.children == 2


def test_keys_say_how_many_runs_and_values_they_have(store):
    with store.reading() as connection:
        numbers = [n for n, _ in pages.matching(connection, Query(children=True))]
        keys = {(k.family, k.key): k for k in pages.keys_of(connection, numbers, 100)}
        assert keys["params", "C"].runs == 9
        assert keys["params", "kernel"].values == 2
        assert len(pages.keys_of(connection, numbers, 1)) == 2
        assert pages.all_keys(connection, 0)["params"] == {"C", "kernel", "my key"}
        assert pages.all_keys(connection, max(numbers))["params"] == set()


def test_groups_hold_every_run_once(store):
    with store.reading() as connection:
        numbers = [n for n, _ in pages.matching(connection, Query(children=True))]
        found = pages.groups(connection, numbers, "kernel", "test_score")
    assert {(g[0], g[1]) for g in found} == {(None, 8), (("rbf",), 1), (("linear",), 1)}


def test_points_are_the_runs_that_have_both(store):
    with store.reading() as connection:
        numbers = [n for n, _ in pages.matching(connection, Query(children=True))]
        started = pages.points(connection, numbers, "started", "test_score")
        params = pages.points(connection, numbers, "params.C", "test_score", "se_score")
    assert len(started) == 9  # one score is NaN
    assert {"auto", "None", 0.5, "[1,2]", "100"} <= {x for _, x, _, _ in params}


def test_the_state_changes_with_the_store_and_only_then(store):
    with store.reading() as connection:
        before = pages.state_of(connection)
    with store.reading() as connection:
        assert pages.state_of(connection) == before
    other = Store(store.root)
    other.rename_run("run" + "0" * 29, "another")
    with store.reading() as connection:
        after = pages.state_of(connection)
    assert after != before
    store.rename_run("run" + "0" * 29, "a third")
    with store.reading() as connection:
        assert pages.state_of(connection) not in (before, after)
    other.close()


def test_experiments_count_runs_without_a_parent_by_status(store):
    with store.reading() as connection:
        found = {row[1]: row[3] for row in pages.experiments(connection)}
        names = dict(pages.names_of_experiments(connection))
    assert found == {"first": {"FINISHED": 4}, "second": {"FINISHED": 2, "FAILED": 1}}
    assert set(names.values()) == {"first", "second"}


def test_the_history_of_a_metric_is_in_its_order(store):
    with store.reading() as connection:
        (number,) = pages.numbers_of(connection, [f"run{2:029}"])
        found = worth.histories(connection, number, 10)
        assert found == {"test_score": [(0, 0.2), (1, 1 / 3)]}
        assert worth.histories(connection, number, 1) == {"test_score": [(0, 0.2)]}
