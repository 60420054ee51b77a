from __future__ import annotations

import dataclasses
import math

import pytest

from autotrack.entities import Artifact, Column, Dataset, DatasetUse
from autotrack.errors import ArtifactNotFoundError, InvalidValueError, RunNotFoundError
from autotrack.store.artifacts import StoredArtifact
from autotrack.store.store import Store
from tests.store.making import SOURCE, X, Y, new_run, use
from tests.waiting import fastest


def test_the_last_value_of_a_param_and_of_a_tag_wins(store: Store) -> None:
    run_id = new_run(store)
    store.set_params(run_id, {"C": 1, "kept": True})
    store.set_params(run_id, {"C": "one"})
    store.set_tags(run_id, {"team": "red"})
    store.set_tags(run_id, {"team": "blue", "other": "x"})
    store.delete_tag(run_id, "other")
    store.delete_tag(run_id, "never there")
    record = store.get_run(run_id)
    assert record.params == {"C": "one", "kept": True}
    assert record.tags == {"team": "blue"}


def test_steps_count_on_from_the_highest(store: Store) -> None:
    run_id = new_run(store)
    for step in (None, None, 10, None, 3, None):
        store.add_metrics(run_id, [("loss", 1.0, step, 0.0)])
    assert [row.step for row in store.metric_history(run_id, "loss")] == [0, 1, 10, 11, 3, 12]


def test_a_step_given_twice_keeps_both_values_and_the_last_written_is_the_latest(
    store: Store,
) -> None:
    run_id = new_run(store)
    store.add_metrics(run_id, [("r2", 0.9, 5, 2.0), ("r2", 0.1, 5, 1.0), ("r2", 0.3, 0, 1.5)])
    assert [row.value for row in store.metric_history(run_id, "r2")] == [0.9, 0.1, 0.3]
    assert store.get_run(run_id).metrics == {"r2": 0.3}


def test_many_keys_at_once_count_their_steps_apart(store: Store) -> None:
    run_id = new_run(store)
    store.add_metrics(run_id, [(f"k{n}", n, None, 0.0) for n in range(10)])
    store.add_metrics(run_id, [(f"k{n}", n, None, 0.0) for n in (3, 3, 5, 7, 8, 9, 11)])
    assert [row.step for row in store.metric_history(run_id, "k3")] == [0, 1, 2]
    assert [row.step for row in store.metric_history(run_id, "k5")] == [0, 1]
    assert [row.step for row in store.metric_history(run_id, "k11")] == [0]


@pytest.mark.parametrize("step", [2**63, -(2**63) - 1, 1.5, "3"])
def test_a_step_is_an_integer_of_64_bits(store: Store, step: int) -> None:
    run_id = new_run(store)
    with pytest.raises(InvalidValueError, match="step"):
        store.add_metrics(run_id, [("loss", 1.0, 0, 0.0), ("loss", 1.0, step, 0.0)])
    assert store.metric_history(run_id, "loss") == []


def test_the_step_after_the_last_possible_one_does_not_break_the_run(store: Store) -> None:
    run_id = new_run(store)
    store.add_metrics(run_id, [("loss", 1.0, 2**63 - 1, 0.0)])
    store.add_metrics(run_id, [("loss", 2.0, None, 0.0)])
    assert store.get_run(run_id).metrics == {"loss": 2.0}


def test_a_metric_that_is_given_the_key_of_another_goes_on_with_its_history(store: Store) -> None:
    run_id = new_run(store)
    store.add_metrics(run_id, [("kept", 1.0, None, 1.0), ("kept", 2.0, None, 2.0)])
    store.add_metrics(run_id, [("named", 3.0, None, 3.0), ("named", 4.0, None, 4.0)])
    store.rename_metrics(run_id, {"named": "kept", "absent": "nothing"})
    history = store.metric_history(run_id, "kept")
    assert [(m.value, m.step) for m in history] == [(1.0, 0), (2.0, 1), (3.0, 2), (4.0, 3)]
    assert store.metric_history(run_id, "named") == []
    assert store.get_run(run_id).metrics == {"kept": 4.0}


def test_a_metric_that_was_never_written_has_an_empty_history(store: Store) -> None:
    assert store.metric_history(new_run(store), "loss") == []


def test_nan_and_the_infinities_come_back_from_history_and_record(store: Store) -> None:
    run_id = new_run(store)
    values = [math.nan, math.inf, -math.inf, 1e308, 5e-324]
    store.add_metrics(run_id, [(f"m{n}", value, None, 0.0) for n, value in enumerate(values)])
    metrics = store.get_run(run_id).metrics
    assert [repr(metrics[f"m{n}"]) for n in range(5)] == [repr(value) for value in values]


def test_a_dataset_is_kept_once_and_a_use_told_twice_is_one(store: Store) -> None:
    first, second = new_run(store), new_run(store)
    for run_id in (first, first, second):
        store.add_dataset(run_id, use())
        store.add_dataset(run_id, DatasetUse("train", X))
    store.add_dataset(first, use("test", None))
    assert store.get_run(first).datasets == (use(), DatasetUse("train", X), use("test", None))
    with store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM datasets").fetchone() == (2,)


def test_equal_values_under_other_names_are_told_apart(store: Store) -> None:
    run_id = new_run(store)
    renamed = dataclasses.replace(X, columns=(Column("a", "float64"), Column(None, "int64")))
    shapeless = Dataset("xxh3:11", "a.Stream", None)
    uses = tuple(DatasetUse("train", data) for data in (X, renamed, shapeless, Y))
    for each in uses:
        store.add_dataset(run_id, each)
    assert store.get_run(run_id).datasets == uses


def test_a_source_told_again_is_updated(store: Store) -> None:
    store.add_source(SOURCE)
    store.add_source(SOURCE)
    fuller = dataclasses.replace(SOURCE, git_dirty=None, packages={"numpy": "2.2"}, script=None)
    store.add_source(fuller)
    run_id = new_run(store, source_id=SOURCE.source_id)
    assert store.get_run(run_id).source == fuller


def stored(path: str, location: str) -> StoredArtifact:
    return StoredArtifact(path, location, 3, "ab")


def test_replacing_artifacts_returns_the_locations_nothing_points_at(store: Store) -> None:
    run_id = new_run(store)
    assert store.put_artifacts(run_id, [stored("a", "r/a"), stored("b", "r/b")]) == []
    assert store.put_artifacts(run_id, [stored("a", "r/a.2"), stored("b", "r/b")]) == ["r/a"]
    assert store.stored_artifact(run_id, "a") == stored("a", "r/a.2")
    assert store.list_artifacts(run_id) == [Artifact("a", 3, "ab"), Artifact("b", 3, "ab")]


def test_a_location_that_another_path_uses_is_not_returned(store: Store) -> None:
    run_id = new_run(store)
    store.put_artifacts(run_id, [stored("a", "r/x"), stored("b", "r/x")])
    assert store.put_artifacts(run_id, [stored("a", "r/y")]) == []
    assert store.put_artifacts(run_id, [stored("b", "r/y")]) == ["r/x"]


def test_replacing_a_folder_drops_what_it_does_not_hold_any_more(store: Store) -> None:
    run_id = new_run(store)
    store.put_artifacts(
        run_id,
        [stored("model/a", "r/model/a"), stored("model/b", "r/model/b"), stored("model2", "r/m2")],
    )
    gone = store.replace_folder(run_id, "model", [stored("model/a", "r/model.2/a")])
    assert gone == ["r/model/a", "r/model/b"]
    assert [artifact.path for artifact in store.list_artifacts(run_id)] == ["model/a", "model2"]


def test_artifacts_are_listed_by_folder(store: Store) -> None:
    run_id = new_run(store)
    paths = ["a%c/x", "abc/x", "abc/y/z", "abcd", "abc.txt"]
    store.put_artifacts(run_id, [stored(path, f"r/{path}") for path in paths])
    listed = store.list_artifacts(run_id, "abc")
    assert [artifact.path for artifact in listed] == ["abc/x", "abc/y/z"]
    assert [artifact.path for artifact in store.list_artifacts(run_id, "abcd")] == ["abcd"]


def test_an_artifact_that_is_not_there_is_answered_with_its_likeness(store: Store) -> None:
    run_id = new_run(store)
    with pytest.raises(ArtifactNotFoundError, match="none at all"):
        store.stored_artifact(run_id, "plot.png")
    store.put_artifacts(run_id, [stored("plots/roc.png", "r/plots/roc.png")])
    with pytest.raises(ArtifactNotFoundError, match=r"did you mean 'plots/roc.png'"):
        store.stored_artifact(run_id, "plots/rok.png")


def test_twenty_thousand_candidates_are_written_quickly(store: Store) -> None:
    keys = [f"m{number}" for number in range(20)]

    def write():
        with store.transaction(durable=False):
            parent = new_run(store, kind="search")
            experiment_id = store.experiment_id("Default")
            for _ in range(2_000):
                more = {"parent_id": parent, "experiment_id": experiment_id}
                child = new_run(store, kind="candidate", **more)
                store.add_metrics(child, [(key, 0.5, None, 0.0) for key in keys])

    # A tenth of them: it takes a quarter of a second.
    assert fastest(write, 1) < 5


def test_what_was_rolled_back_is_written_again_by_the_next_transaction(store: Store) -> None:
    """What the store keeps in mind of its own writes does not outlive a rollback."""
    run_id = new_run(store)
    seen = use()
    with pytest.raises(ZeroDivisionError), store.transaction():
        store.add_dataset(run_id, seen)
        store.add_source(SOURCE)
        new_run(store, run_id="gone")
        raise ZeroDivisionError
    store.add_dataset(run_id, seen)
    store.add_source(SOURCE)
    new_run(store, source_id=SOURCE.source_id)
    assert store.get_run(run_id).datasets == (seen,)
    with pytest.raises(RunNotFoundError):
        store.set_tags("gone", {"a": "b"})
    assert store.check() == []
