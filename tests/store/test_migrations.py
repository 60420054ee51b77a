"""Stores that an earlier schema left behind."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from autotrack.store import migrations
from autotrack.store.artifacts import StoredArtifact
from autotrack.store.store import Store
from tests.store.making import new_run


def test_the_histories_of_a_store_of_schema_1_are_all_there(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_steps", migrations._steps[:1])
    old = Store(root)
    runs = [new_run(old), new_run(old)]
    with old.transaction() as connection:
        insert = "INSERT INTO metrics (run, key, step, value, time) VALUES (?, ?, ?, ?, ?)"
        written = [(1, "loss", 0, 0.9), (2, "loss", 4, 0.1), (1, "loss", 7, None), (1, "r2", 0, 1)]
        written += [(1, "loss", 3, 0.5)]
        connection.executemany(insert, [(*row, 5.0 + n) for n, row in enumerate(written)])
        latest = [(1, "loss", 0.5, 9.0, 8), (2, "loss", 0.1, 6.0, 5), (1, "r2", 1, 8.0, 1)]
        connection.executemany("INSERT INTO latest_metrics VALUES (?, ?, ?, ?, ?)", latest)
    old.close()
    monkeypatch.undo()

    store = Store(root)
    history = store.metric_history(runs[0], "loss")
    assert [row.step for row in history] == [0, 7, 3]
    assert [repr(row.value) for row in history] == [repr(value) for value in (0.9, math.nan, 0.5)]
    assert [row.time.timestamp() for row in history] == [5.0, 7.0, 9.0]
    assert store.get_run(runs[0]).metrics == {"loss": 0.5, "r2": 1.0}
    store.add_metrics(runs[0], [("loss", 0.4, None, 10.0)])
    store.add_metrics(runs[1], [("loss", 0.2, None, 10.0)])
    assert [row.step for row in store.metric_history(runs[0], "loss")] == [0, 7, 3, 8]
    assert [row.step for row in store.metric_history(runs[1], "loss")] == [4, 5]
    assert store.check() == []


def test_a_store_of_schema_5_vouches_for_the_crates_it_holds(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_steps", migrations._steps[:5])
    old = Store(root)
    run_id = new_run(old)
    files = ["model/model.pkl", "model/manifest.json", "loose/model.pkl", "model.pkl"]
    old.put_artifacts(run_id, [StoredArtifact(path, path, 1, f"of {path}") for path in files])
    old.add_model_version(
        "kept",
        [StoredArtifact("model.pkl", "k/model.pkl", 1, "kept")],
        run_id=None,
        source="x",
        user="me",
    )
    old.close()
    monkeypatch.undo()

    store = Store(root)
    assert store.is_packed("of model/model.pkl")
    assert store.is_packed("kept")
    for path in ("model/manifest.json", "loose/model.pkl", "model.pkl"):
        assert not store.is_packed(f"of {path}")
    assert store.check() == []


def test_a_store_of_schema_6_takes_code_and_keeps_each_text_once(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_steps", migrations._steps[:6])
    old = Store(root)
    run_id = new_run(old)
    old.close()
    monkeypatch.undo()

    store = Store(root)
    assert store.get_run(run_id).run_id == run_id
    assert store.code("a") is None
    store.put_code({"a": "def f(): ...", "b": "\ud800"})
    store.put_code({"a": "def f(): ...", "c": ""})
    assert [store.code(digest) for digest in "abc"] == ["def f(): ...", "\\ud800", ""]
    assert store.check() == []
