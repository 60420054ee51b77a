"""What changed is noted when somebody asks for it, and not before."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from autotrack.entities import Finding
from autotrack.store.store import Store
from autotrack.store.tables.changes import BESIDE_RUNS
from tests.waiting import fastest


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def begin(store: Store, run_id: str) -> None:
    place = store.experiment_id("Default")
    store.create_run(run_id=run_id, name="n", kind="fit", experiment_id=place, start_time=1.0)


def changed(store: Store, since: int) -> tuple[list[int], int]:
    last = store.last_change()
    return store.changed_runs(since, last), last


def test_nothing_is_noted_before_it_is_asked_for(store: Store) -> None:
    begin(store, "a" * 32)
    assert (store.is_watched(), store.last_change()) == (False, 0)
    store.watch_changes()
    store.watch_changes()
    assert store.is_watched()
    store.unwatch_changes()
    begin(store, "b" * 32)
    assert (store.is_watched(), store.last_change()) == (False, 0)


def test_each_kind_of_change_names_its_run(store: Store) -> None:
    run = "a" * 32
    begin(store, "0" * 32)
    store.watch_changes()
    begin(store, run)
    found, at = changed(store, 0)
    assert found == [2]
    for change in (
        lambda: store.set_params(run, {"C": 1}),
        lambda: store.set_params(run, {"C": 2}),
        lambda: store.delete_params(run, ["C"]),
        lambda: store.add_metrics(run, [("m", 1.0, None, 1.0)]),
        lambda: store.add_metrics(run, [("m", 1.0, None, 1.0)]),
        lambda: store.rename_metrics(run, {"m": "n"}),
        lambda: store.set_tags(run, {"t": "1"}),
        lambda: store.delete_tag(run, "t"),
        lambda: store.rename_run(run, "x"),
        lambda: store.add_evidence(run, [Finding("AT1", 1, "test", "t", "r")]),
        lambda: store.put_artifacts(run, [store.artifacts.add_bytes(run, b"x", "a.txt")]),
        lambda: store.end_run(run, status="FINISHED", end_time=2.0),
        lambda: store.delete_run(run),
        lambda: store.restore_run(run),
    ):
        change()
        found, at = changed(store, at)
        assert found == [2]
    for beside in (
        lambda: store.create_experiment("other", tags={"a": "b"}),
        lambda: store.rename_experiment("2", "third"),
        lambda: store.add_model_version("m", [], run_id=None, source="s", user="u"),
        lambda: store.set_model_alias("m", "champion", 1),
        lambda: store.update_model("m", 1, description="d", tags={"a": "b"}),
    ):
        beside()
        found, at = changed(store, at)
        assert found == [BESIDE_RUNS]


def test_numbers_are_not_given_twice_when_what_is_known_is_forgotten(store: Store) -> None:
    store.watch_changes()
    begin(store, "a" * 32)
    at = store.last_change()
    store.forget_changes(at)
    begin(store, "b" * 32)
    assert changed(store, at)[0] == [2]


def test_metrics_that_are_new_are_found_once(store: Store) -> None:
    run = "a" * 32
    begin(store, run)
    store.add_metrics(run, [("m", 1.0, None, 1.0), ("m", math.inf, None, 2.0), ("n", 5.0, 3, 1.0)])
    store.add_stages(run, [("m", 0.5, 0, 1.0)])
    found, known = store.metrics_since(run, {})
    assert [(m.key, m.value, m.step) for m in found] == [
        ("m", 0.5, 0), ("m", 1.0, 0), ("m", math.inf, 1), ("n", 5.0, 3),
    ]  # fmt: skip
    assert store.metrics_since(run, known) == ([], known)
    store.add_metrics(run, [("m", 2.0, None, 3.0), ("m", 3.0, None, 4.0)])
    store.add_stages(run, [("m", 0.6, 1, 1.0)])
    found, known = store.metrics_since(run, known)
    assert [(m.value, m.step) for m in found] == [(0.6, 1), (2.0, 2), (3.0, 3)]
    assert store.metrics_since(run, known) == ([], known)


def test_noting_changes_costs_microseconds(store: Store) -> None:
    numbers = iter(range(10_000))

    def write() -> None:
        run = f"{next(numbers):032d}"
        with store.transaction(durable=False):
            begin(store, run)
            store.set_params(run, {f"p{n}": n for n in range(10)})
            store.add_metrics(run, [(f"m{n}", 0.5, None, 1.0) for n in range(10)])

    before = fastest(write, 15)
    store.watch_changes()
    # 21 rows; some 25 microseconds were measured.
    assert fastest(write, 15) - before < 200e-6
