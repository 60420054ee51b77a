"""Which code of the user's own a model uses, and which seeds were never set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeRegressor

import autotrack
from autotrack.analysis.names import CODE_TAG, UNSEEDED_TAG
from autotrack.tracking.workspace import workspace

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(60, 3))
y = X[:, 0] + RANDOM.normal(size=60)
LIMIT = 2.5


def bounded(X):
    return np.clip(X, -LIMIT, LIMIT)


def middle(values):
    return float(np.median(values))


class Middle(RegressorMixin, BaseEstimator):
    """Always the median."""

    def fit(self, X, y):
        self.value_ = middle(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.value_)


def closeness(truth, predicted):
    return -float(np.abs(truth - predicted).max())


def sources(run):
    store = workspace.store()
    listed = store.code(run.tags[CODE_TAG])
    return {name: store.code(digest) for name, digest in json.loads(listed)["sources"].items()}


def test_a_model_of_installed_packages_has_no_code_of_the_users(tracking):
    make_pipeline(FunctionTransformer(np.log1p), Ridge()).fit(abs(X), y)
    assert CODE_TAG not in autotrack.last_run().tags


def test_the_code_of_a_model_is_there_with_the_functions_and_numbers_it_uses(tracking):
    make_pipeline(FunctionTransformer(bounded), Middle()).fit(X, y)
    kept = sources(autotrack.last_run())
    assert {name.rpartition(".")[2] for name in kept} == {
        "bounded", "Middle", "middle", "constants",
    }  # fmt: skip
    of = {name.rpartition(".")[2]: text for name, text in kept.items()}
    assert of["middle"] == "def middle(values):\n    return float(np.median(values))\n"
    assert "Always the median" in of["Middle"]
    assert "LIMIT = 2.5" in of["constants"]


def test_equal_code_is_kept_once(tracking):
    Middle().fit(X, y)
    first = autotrack.last_run()
    Middle().fit(X, y + 1)
    second = autotrack.last_run()
    assert first.run_id != second.run_id
    assert first.tags[CODE_TAG] == second.tags[CODE_TAG]
    with workspace.store().reading() as connection:
        assert connection.execute("SELECT count(*) FROM code").fetchone()[0] == 3


def test_a_number_that_the_code_reads_counts_when_it_changes_between_two_fits(
    tracking, monkeypatch
):
    def tagged():
        make_pipeline(FunctionTransformer(bounded), Ridge()).fit(X, y)
        return autotrack.last_run().tags[CODE_TAG]

    before = tagged()
    assert tagged() == before
    monkeypatch.setitem(bounded.__globals__, "LIMIT", 1.0)
    assert tagged() != before
    monkeypatch.undo()
    assert tagged() == before


def test_a_table_that_the_code_reads_counts_when_it_changes_in_place(tracking):
    table = {"a": 1.0}
    space = {"np": np, "TABLE": table, "__name__": "__main__"}
    exec("def looked_up(X):\n    return X * TABLE['a']", space)

    def tagged():
        make_pipeline(FunctionTransformer(space["looked_up"]), Ridge()).fit(X, y)
        return autotrack.last_run().tags[CODE_TAG]

    before = tagged()
    table["a"] = 2.0
    assert tagged() != before


def test_params_are_no_code(tracking):
    make_pipeline(FunctionTransformer(bounded), Ridge(alpha=1)).fit(X, y)
    before = autotrack.last_run().tags[CODE_TAG]
    make_pipeline(FunctionTransformer(bounded), Ridge(alpha=2)).fit(X, y)
    assert autotrack.last_run().tags[CODE_TAG] == before


def test_the_scorer_of_a_validation_and_of_a_search_is_code_too(tracking):
    cross_validate(Ridge(), X, y, scoring=make_scorer(closeness))
    assert [n.rpartition(".")[2] for n in sources(autotrack.last_run())] == ["closeness"]
    GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}, scoring=make_scorer(closeness)).fit(X, y)
    assert [n.rpartition(".")[2] for n in sources(autotrack.last_run())] == ["closeness"]


def test_a_text_that_the_code_reads_is_not_kept(tracking, store_path: Path):
    space = {"np": np, "PASSWORD": "swordfish-93", "__name__": "__main__"}
    exec("def secret(X):\n    return X * len(PASSWORD)", space)
    make_pipeline(FunctionTransformer(space["secret"]), Ridge()).fit(X, y)
    assert CODE_TAG in autotrack.last_run().tags
    workspace.forget()
    for file in store_path.rglob("*"):
        assert not file.is_file() or b"swordfish-93" not in file.read_bytes()


def test_code_goes_with_a_fit_that_is_moved_into_a_child(tracking):
    with autotrack.start_run("sweep") as run:
        for bias in (1.0, 2.0, 3.0):
            make_pipeline(FunctionTransformer(bounded), Ridge(alpha=bias)).fit(X, y)
    assert CODE_TAG not in run.tags
    assert run.children()[f"tags.{CODE_TAG}"].notna().all()


def test_a_seed_that_was_never_set_is_named_if_numbers_were_drawn(tracking):
    make_pipeline(FunctionTransformer(np.abs), RandomForestRegressor(3)).fit(X, y)
    assert autotrack.last_run().tags[UNSEEDED_TAG] == "randomforestregressor__random_state"
    RandomForestRegressor(3, random_state=0).fit(X, y)
    assert UNSEEDED_TAG not in autotrack.last_run().tags


def test_a_seed_that_nothing_was_drawn_with_is_not_named(tracking):
    LogisticRegression().fit(X, y > 0)
    assert UNSEEDED_TAG not in autotrack.last_run().tags


def test_draws_of_the_users_own_code_are_named(tracking):
    class Noisy(Middle):
        def fit(self, X, y):
            self.value_ = np.random.normal()
            return self

    Noisy().fit(X, y)
    assert autotrack.last_run().tags[UNSEEDED_TAG] == "numpy.random"


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_seeds_of_validations_and_searches_are_named(tracking, n_jobs):
    forest = RandomForestRegressor(2)
    cross_validate(forest, X, y, cv=2, n_jobs=n_jobs)
    assert autotrack.last_run().tags[UNSEEDED_TAG] == "random_state"
    GridSearchCV(forest, {"max_depth": [1, 2]}, cv=2, n_jobs=n_jobs, refit=False).fit(X, y)
    assert autotrack.last_run().tags[UNSEEDED_TAG] == "estimator__random_state"
    tree = DecisionTreeRegressor(random_state=0)
    cross_validate(tree, X, y, cv=KFold(3, shuffle=True))
    assert autotrack.last_run().tags[UNSEEDED_TAG] == "cv__random_state"
    cross_validate(tree, X, y, cv=KFold(3, shuffle=True, random_state=1))
    assert UNSEEDED_TAG not in autotrack.last_run().tags
    RandomizedSearchCV(tree, {"max_depth": [1, 2, 3]}, n_iter=2, cv=2).fit(X, y)
    assert autotrack.last_run().tags[UNSEEDED_TAG] == "random_state"


def test_validations_on_the_same_rows_say_so(tracking):
    def rows(model, **options):
        cross_validate(model, X, y, **options)
        return autotrack.last_run().tags["autotrack.splits.0"]

    assert rows(Ridge()) == rows(Middle())
    assert rows(Ridge()) != rows(Ridge(), cv=KFold(5, shuffle=True, random_state=0))
