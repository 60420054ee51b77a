from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from autotrack.entities import RunError
from autotrack.errors import (
    ExperimentNotFoundError,
    InvalidValueError,
    RunNotFoundError,
    StoreUnavailableError,
)
from autotrack.store.search.query import Query
from autotrack.store.store import Store
from tests.store.making import SOURCE, new_run


def test_a_new_store_keeps_itself_out_of_git(root: Path) -> None:
    Store(root).close()
    assert (root / ".gitignore").read_text() == "*\n"
    assert (root / "autotrack.db").exists()


def test_a_store_that_must_exist_is_not_made(root: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="does not exist"):
        Store(root, create=False)
    assert not root.exists()


def test_a_run_is_what_was_said_of_it(store: Store) -> None:
    experiment = store.create_experiment("wine", tags={"team": "red"})
    store.add_source(SOURCE)
    run_id = new_run(
        store,
        kind="search",
        name="Grid",
        experiment_id=experiment,
        start_time=1_700_000_000.25,
        source_id="source-1",
    )
    record = store.get_run(run_id)
    assert (record.name, record.kind, record.status) == ("Grid", "search", "RUNNING")
    assert (record.experiment, record.experiment_id) == ("wine", experiment)
    assert record.start_time == datetime.fromtimestamp(1_700_000_000.25, UTC)
    assert record.end_time is None
    assert record.source == SOURCE
    error = RunError("ValueError", "no", "Traceback ...")
    store.end_run(run_id, status="FAILED", end_time=1_700_000_001.0, error=error)
    record = store.get_run(run_id)
    assert (record.status, record.error) == ("FAILED", error)
    assert record.end_time == datetime.fromtimestamp(1_700_000_001.0, UTC)
    assert store.run_status(run_id) == "FAILED"


def test_a_reopened_run_runs_without_end_or_error(store: Store) -> None:
    run_id = new_run(store)
    store.end_run(run_id, status="FAILED", end_time=1.0, error=RunError("E", "m", "t"))
    store.reopen_run(run_id)
    record = store.get_run(run_id)
    assert (record.status, record.end_time, record.error) == ("RUNNING", None, None)


def test_the_source_may_follow_the_run_in_the_same_transaction(store: Store) -> None:
    with store.transaction():
        run_id = new_run(store, source_id="source-1")
        store.add_source(SOURCE)
    assert store.get_run(run_id).source == SOURCE


def test_a_run_is_found_by_the_beginning_of_its_id(store: Store) -> None:
    new_run(store, run_id="abcdef01")
    new_run(store, run_id="abcdef02")
    new_run(store, run_id="abc")
    assert store.get_run("abcdef01").run_id == "abcdef01"
    assert store.get_run("abc").run_id == "abc"
    assert store.find_run("abcdef02") == "abcdef02"
    with pytest.raises(RunNotFoundError, match=r"several runs.*abcdef01.*abcdef02"):
        store.get_run("abcdef")
    with pytest.raises(RunNotFoundError, match="no run has the id 'ab'"):
        store.get_run("ab")


def test_a_prefix_finds_literally_what_it_says(store: Store) -> None:
    new_run(store, run_id="abcdef01")
    for text in ("abc%", "ab_def", "abc*", "ABCDEF"):
        with pytest.raises(RunNotFoundError):
            store.get_run(text)


def test_a_run_that_is_not_there_is_answered_with_those_that_look_alike(store: Store) -> None:
    new_run(store, run_id="abcdef01", name="forest")
    with pytest.raises(RunNotFoundError, match=r"did you mean abcdef01 \(forest\)"):
        store.get_run("abcdef10")
    with pytest.raises(RunNotFoundError, match=r"did you mean abcdef01 \(forest\)"):
        store.get_run("forest")
    for missing in (
        lambda: store.end_run("nope", status="FINISHED", end_time=0.0),
        lambda: store.set_params("nope", {"a": 1}),
        lambda: store.children("nope"),
        lambda: store.run_status("nope"),
        lambda: store.artifacts_of("nope"),
    ):
        with pytest.raises(RunNotFoundError, match="'nope'"):
            missing()


def test_a_second_run_of_the_same_id_is_refused(store: Store) -> None:
    run_id = new_run(store, name="first")
    with pytest.raises(InvalidValueError, match="exists already"):
        new_run(store, run_id=run_id)
    assert store.get_run(run_id).name == "first"


@pytest.mark.parametrize("unknown", ["77", "abc", "", "１"])
def test_a_run_needs_an_experiment_that_exists(store: Store, unknown: str) -> None:
    with pytest.raises(ExperimentNotFoundError, match="no experiment has the id"):
        store.create_run(run_id="r", name="r", kind="fit", experiment_id=unknown, start_time=0.0)


def test_a_run_needs_a_parent_that_exists(store: Store) -> None:
    with pytest.raises(RunNotFoundError, match="'nobody'"):
        new_run(store, parent_id="nobody")


def test_children_are_listed_in_the_order_they_were_made(store: Store) -> None:
    parent = new_run(store, kind="search")
    children = [new_run(store, kind="candidate", parent_id=parent) for _ in range(5)]
    assert store.children(parent) == children
    assert store.get_run(children[0]).parent_id == parent
    assert store.children(children[0]) == []


def test_deleting_a_run_hides_its_descendants_until_it_is_restored(store: Store) -> None:
    parent = new_run(store)
    child = new_run(store, parent_id=parent)
    grandchild = new_run(store, parent_id=child)
    other = new_run(store)
    store.delete_run(parent)
    assert store.get_run(grandchild).deleted
    assert [row.run_id for row in store.search(Query(children=True))] == [other]
    assert len(store.search(Query(children=True, deleted=True))) == 4
    assert store.children(parent) == []
    store.restore_run(parent)
    assert not store.get_run(grandchild).deleted
    assert store.children(parent) == [child]


def test_a_purged_run_is_gone_with_its_descendants_and_says_where_their_files_were(
    store: Store,
) -> None:
    parent, other = new_run(store), new_run(store)
    child = new_run(store, parent_id=parent)
    artifact = store.artifacts.add_bytes(child, b"x", "x.bin")
    store.put_artifacts(child, [artifact])
    assert store.purge_run(parent) == [artifact.location]
    assert [row.run_id for row in store.search(Query(children=True))] == [other]
    assert store.check() == []


def test_an_experiment_is_made_once_and_found_by_name_and_id(store: Store) -> None:
    first = store.experiment_id("wine")
    assert store.experiment_id("wine") == first
    assert store.get_experiment(name="wine") == store.get_experiment(experiment_id=first)
    with pytest.raises(InvalidValueError, match=f"exists already.*id {first}"):
        store.create_experiment("wine")


def test_an_experiment_keeps_its_tags_and_place(store: Store, tmp_path: Path) -> None:
    number = store.create_experiment("wine", artifact_location=tmp_path / "far", tags={"a": "b"})
    found = store.get_experiment(experiment_id=number)
    assert found.artifact_location == str(tmp_path / "far")
    assert found.tags == {"a": "b"}
    assert abs(found.created.timestamp() - time.time()) < 60
    assert store.list_experiments() == [found]


def test_a_misspelt_experiment_is_answered_with_its_likeness(store: Store) -> None:
    with pytest.raises(ExperimentNotFoundError, match="holds none yet"):
        store.get_experiment(name="wine")
    store.create_experiment("wine quality")
    with pytest.raises(ExperimentNotFoundError, match="'wine quality' \\(id 1\\)"):
        store.get_experiment(name="wine qualty")
    for wrong in ("01", "one", "", "1.0"):
        with pytest.raises(ExperimentNotFoundError):
            store.get_experiment(experiment_id=wrong)


def test_a_deleted_experiment_asks_to_be_restored_before_it_is_used(store: Store) -> None:
    number = store.experiment_id("wine")
    run_id = new_run(store, experiment_id=number)
    store.delete_experiment(number)
    with pytest.raises(ExperimentNotFoundError, match=f"restore_experiment\\('{number}'\\)"):
        store.experiment_id("wine")
    with pytest.raises(InvalidValueError, match="restore_experiment"):
        store.create_experiment("wine")
    assert store.list_experiments() == []
    assert [found.deleted for found in store.list_experiments(deleted=True)] == [True]
    assert store.search(Query()) == []
    assert store.search(Query(experiment_ids=[number])) != []
    store.restore_experiment(number)
    assert store.experiment_id("wine") == number
    assert [row.run_id for row in store.search(Query())] == [run_id]


def test_an_experiment_takes_another_name_unless_it_is_taken(store: Store) -> None:
    first, second = store.experiment_id("a"), store.experiment_id("b")
    store.rename_experiment(first, "c")
    assert store.get_experiment(name="c").experiment_id == first
    with pytest.raises(InvalidValueError, match=f"experiment {second} is called 'b'"):
        store.rename_experiment(first, "b")
    with pytest.raises(InvalidValueError, match="non-empty"):
        store.rename_experiment(first, " ")


def test_a_run_takes_another_name(store: Store) -> None:
    run_id = new_run(store)
    store.rename_run(run_id, "better")
    assert store.get_run(run_id).name == "better"


def test_a_transaction_keeps_all_or_nothing(store: Store) -> None:
    run_id = new_run(store)
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.set_params(run_id, {"a": 1})
        with store.transaction():
            store.set_tags(run_id, {"b": "c"})
        raise ZeroDivisionError
    record = store.get_run(run_id)
    assert (record.params, record.tags) == ({}, {})
    store.set_params(run_id, {"a": 2})
    assert store.get_run(run_id).params == {"a": 2}


def test_asking_for_an_experiment_inside_a_transaction_belongs_to_it(store: Store) -> None:
    with store.transaction():
        run_id = new_run(store)
        store.experiment_id("another")
        store.set_params(run_id, {"a": 1})
    assert store.get_run(run_id).params == {"a": 1}
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.experiment_id("never")
        raise ZeroDivisionError
    assert [found.name for found in store.list_experiments()] == ["Default", "another"]
