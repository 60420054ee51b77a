"""Crates of models fitted in a loop on the same data share what is made of it, and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack

random = np.random.default_rng(0)
COLUMNS = [*"abcd"]


def manifest(store: Path) -> dict[str, Any]:
    run = autotrack.last_run()
    assert run is not None
    found: dict[str, Any] = json.loads(
        (store / "artifacts" / run.run_id / "model" / "manifest.json").read_bytes()
    )
    return found


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def data() -> tuple[pd.DataFrame, pd.Series]:
    X = pd.DataFrame(random.normal(size=(60, 4)), columns=COLUMNS)
    return X, pd.Series((X["a"] > 0).astype(int))


@pytest.mark.parametrize("kind", ["frame", "array"])
def test_data_that_was_changed_in_place_has_a_schema_of_its_own(store: Path, kind: str) -> None:
    X, y = data()
    given: Any = X if kind == "frame" else X.to_numpy().copy()
    with autotrack.enable(store=store):
        LogisticRegression().fit(given, y)
        first = manifest(store)
        if kind == "frame":
            given.iloc[0, 1] = 1e6
        else:
            given[0, 1] = 1e6
        LogisticRegression().fit(given, y)
        second = manifest(store)

    assert first["schema"]["columns"][1]["maximum"] < 10
    assert second["schema"]["columns"][1]["maximum"] == 1e6
    rows = (each["example"].get("columns", each["example"].get("rows")) for each in (first, second))
    before, after = rows
    assert before != after


def test_a_second_fit_on_the_same_data_says_the_same_of_it(store: Path) -> None:
    X, y = data()
    with autotrack.enable(store=store):
        make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
        first = manifest(store)
        Ridge().fit(X, y)
        second = manifest(store)

    assert first["schema"] == second["schema"]
    assert first["example"] == second["example"]
    assert list(first["outputs"]) == ["predict", "predict_proba"]
    assert list(second["outputs"]) == ["predict"]


class Spoiling(BaseEstimator):
    """A model that changes what it is asked about."""

    def fit(self, X: Any, y: Any = None) -> Spoiling:
        self.fitted_ = True
        return self

    def predict(self, X: Any) -> Any:
        found = np.asarray(X)[:, 0].copy()
        np.asarray(X)[:] = 0
        return found


def test_a_model_that_changes_the_rows_it_is_asked_about_changes_them_for_nobody_else(
    store: Path,
) -> None:
    X, y = data()
    spoiling = make_pipeline(StandardScaler(copy=False), LogisticRegression())
    with autotrack.enable(store=store, ask_own_models=True):
        Ridge().fit(X, y)
        first = manifest(store)
        spoiling.fit(X.copy(), y)
        Spoiling().fit(X)
        Ridge().fit(X, y)
        second = manifest(store)

    assert first["outputs"] == second["outputs"]
    assert first["example"] == second["example"]


def test_a_pipeline_is_said_to_answer_what_it_answers(store: Path) -> None:
    X, y = data()
    model = make_pipeline(StandardScaler(), "passthrough", None, LogisticRegression())
    with autotrack.enable(store=store):
        model.fit(X, y)
        found = manifest(store)

    rows = pd.DataFrame(found["example"]["columns"])
    assert found["outputs"]["predict"]["example"] == model.predict(rows).tolist()
    likely = found["outputs"]["predict_proba"].get("example")
    assert likely is None or likely == model.predict_proba(rows).tolist()


@pytest.mark.parametrize("log_models", [False, True])
def test_a_crate_made_later_says_nothing_of_what_its_data_was_changed_to(
    store: Path, log_models: bool
) -> None:
    X, y = data()
    kept = X.iloc[0, 1]
    with autotrack.enable(store=store, log_models=log_models):
        model = Ridge().fit(X, y)
        X.iloc[0, 1] = 1e6
        changed = autotrack.crate(model).manifest.schema
        X.iloc[0, 1] = kept
        as_it_was = autotrack.crate(model).manifest.schema

    assert [column.name for column in changed.columns] == COLUMNS
    assert changed.columns[1].maximum is None
    assert as_it_was.columns[1].maximum == X["b"].max()
