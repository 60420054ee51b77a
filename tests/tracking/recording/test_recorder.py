"""Which run a fit belongs to: its own, the active one, or a child of it."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
y = (X[:, 0] > 0).astype(int)


@pytest.fixture(autouse=True)
def _on():
    with autotrack.enable():
        yield


def listed(**query) -> list[str]:
    return autotrack.search_runs(**query)["name"].tolist()


def test_a_fit_without_an_active_run_is_a_run_that_ends_with_it():
    model = LogisticRegression(C=0.5)
    assert autotrack.last_run() is None
    model.fit(X, y)
    run = autotrack.last_run()
    assert (run.kind, run.name, run.status, run.parent_id) == (
        "fit",
        "LogisticRegression",
        "FINISHED",
        None,
    )
    assert run.params == {"C": 0.5}
    assert autotrack.active_run() is None


def test_every_fit_without_an_active_run_is_a_run_of_its_own():
    model = LogisticRegression(C=0.5)
    for _ in range(2):
        model.fit(X, y)
    assert len(autotrack.search_runs()) == 2


def test_the_first_fit_in_a_run_is_that_runs():
    with autotrack.start_run("mine") as run:
        model = LogisticRegression(C=0.5).fit(X, y)
        accuracy_score(y, model.predict(X))
    assert (run.kind, run.name, run.params) == ("user", "mine", {"C": 0.5})
    assert run.metrics.keys() == {"train_accuracy_score"}
    assert run.children().empty


def test_a_fit_of_another_estimator_is_a_child_with_its_own_scores():
    with autotrack.start_run() as run:
        first = LogisticRegression(C=0.5).fit(X, y)
        second = DummyClassifier(strategy="prior").fit(X, y)
        third = LogisticRegression(C=2).fit(X, y)
        for model in (first, second, third):
            model.score(X[:30], y[:30])
    assert run.params == {"C": 0.5}
    assert run.metrics == {"train_part_score": first.score(X[:30], y[:30])}
    children = run.children()
    assert children["name"].tolist() == ["DummyClassifier", "LogisticRegression"]
    assert children["kind"].tolist() == ["fit", "fit"]
    assert children["status"].tolist() == ["FINISHED", "FINISHED"]
    assert children["params.C"].iloc[1] == 2
    assert children["metrics.train_part_score"].tolist() == [
        model.score(X[:30], y[:30]) for model in (second, third)
    ]


def test_a_refit_of_the_same_estimator_adds_steps_and_replaces_the_crate(store_path):
    with autotrack.start_run() as run:
        model = LogisticRegression(C=0.5).fit(X[:40], y[:40])
        model.score(X[50:], y[50:])
        early = run.load_model()
        same = LogisticRegression(C=0.5).fit(X[:50], y[:50])
        same.score(X[50:], y[50:])
    assert run.children().empty
    assert len(autotrack.metric_history(run.run_id, "test_score")) == 2
    np.testing.assert_array_equal(run.load_model().estimator.coef_, same.coef_)
    np.testing.assert_array_equal(early.estimator.coef_, model.coef_)
    paths = run.artifacts()["path"]
    assert {path.partition("/")[0] for path in paths} == {"model"}
    files = [file for file in (store_path / "artifacts").rglob("*") if file.is_file()]
    assert len(files) == len(paths)


def test_a_refit_of_a_child_goes_on_with_that_child():
    with autotrack.start_run() as run:
        LogisticRegression(C=0.5).fit(X, y)
        for _ in range(3):
            model = LogisticRegression(C=2).fit(X, y)
            model.score(X[:30], y[:30])
    (child,) = run.children()["run_id"]
    assert len(autotrack.metric_history(child, "train_part_score")) == 3


def test_a_set_param_makes_it_another_estimator():
    with autotrack.start_run() as run:
        model = LogisticRegression(C=0.5).fit(X, y)
        model.set_params(C=2).fit(X, y)
    assert run.params == {"C": 0.5}
    assert run.children()["params.C"].tolist() == [2]


def test_a_nested_run_receives_its_own_fits():
    with autotrack.start_run() as outer:
        Ridge(alpha=1.5).fit(X, y)
        with autotrack.start_run(nested=True) as inner:
            Ridge(alpha=2.5).fit(X, y)
    assert (outer.params, inner.params) == ({"alpha": 1.5}, {"alpha": 2.5})
    assert outer.children()["run_id"].tolist() == [inner.run_id]


def test_fits_in_threads_are_children_of_the_run_they_were_started_in():
    with autotrack.start_run() as run:
        threads = [
            threading.Thread(target=Ridge(alpha=alpha).fit, args=(X, y)) for alpha in range(2, 6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert run.params == {}
    assert sorted(run.children()["params.alpha"]) == [2, 3, 4, 5]
    assert set(run.children()["status"]) == {"FINISHED"}


def test_fits_in_copies_of_a_context_share_its_run():
    with autotrack.start_run() as run:
        threads = [
            threading.Thread(
                target=contextvars.copy_context().run, args=(Ridge(alpha=alpha).fit, X, y)
            )
            for alpha in range(2, 6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(run.children()["params.alpha"]) == [2, 3, 4, 5]


def test_fits_in_asyncio_tasks_belong_to_the_runs_of_their_tasks():
    async def train(alpha):
        with autotrack.start_run(nested=True) as run:
            await asyncio.sleep(0.01)
            await asyncio.to_thread(Ridge(alpha=alpha).fit, X, y)
        return run

    async def train_all():
        return await asyncio.gather(*map(train, range(2, 6)))

    with autotrack.start_run() as outer:
        runs = asyncio.run(train_all())
    assert [run.params for run in runs] == [{"alpha": alpha} for alpha in range(2, 6)]
    assert len(outer.children()) == 4


def test_a_fit_belongs_to_the_experiment_of_its_run_or_the_chosen_one():
    with autotrack.start_run(experiment="tea"):
        Ridge().fit(X, y)
        Ridge(alpha=2).fit(X, y)
    assert autotrack.last_run().experiment == "tea"
    Ridge().fit(X, y)
    assert autotrack.last_run().experiment == "Default"
    autotrack.set_experiment("coffee")
    Ridge().fit(X, y)
    assert autotrack.last_run().experiment == "coffee"


def test_a_transformer_alone_opens_no_run_and_is_noted_in_an_active_one():
    StandardScaler(with_mean=False).fit(X)
    assert autotrack.search_runs().empty
    with autotrack.start_run() as run:
        StandardScaler(with_mean=False).fit(X)
        StandardScaler(with_std=False).fit(X)
    assert run.params == {
        "preprocessing__standardscaler": "StandardScaler",
        "preprocessing__standardscaler__with_mean": False,
        "preprocessing__standardscaler-2": "StandardScaler",
        "preprocessing__standardscaler-2__with_std": False,
    }


def test_a_model_trained_on_transformed_data_says_once_what_its_crate_lacks():
    Z = StandardScaler(with_std=False).fit_transform(X)
    with pytest.warns(autotrack.PreprocessingWarning, match="Ridge was trained.*StandardScaler"):
        Ridge().fit(Z, y)
    Ridge(alpha=2).fit(Z, y)
    run = autotrack.last_run()
    assert run.params["preprocessing__standardscaler__with_std"] is False
    assert run.load_model().manifest.preprocessing == ["StandardScaler(with_std=False)"]
    assert "apply first   StandardScaler(with_std=False)" in repr(run.load_model())


def test_a_pipeline_needs_no_such_warning():
    make_pipeline(StandardScaler(), Ridge()).fit(X, y)
    assert autotrack.last_run().load_model().manifest.preprocessing == []


def test_partial_fits_go_on_with_one_run_whose_crate_follows():
    model = SGDClassifier(random_state=0)
    for start in range(0, 60, 20):
        model.partial_fit(X[start : start + 20], y[start : start + 20], classes=[0, 1])
    autotrack.disable()
    assert len(autotrack.search_runs()) == 1
    run = autotrack.last_run()
    assert run.status == "FINISHED"
    np.testing.assert_array_equal(run.load_model().estimator.coef_, model.coef_)


def test_a_score_made_later_still_reaches_the_run_that_has_ended():
    with autotrack.start_run() as run:
        model = LogisticRegression().fit(X, y)
    with autotrack.start_run() as other:
        accuracy_score(y, model.predict(X))
    assert run.metrics.keys() == {"train_accuracy_score"}
    assert other.metrics == {}


def test_a_score_of_no_known_model_goes_to_the_active_run_or_nowhere():
    y_hat = (X[:, 1] > 0).astype(int)
    accuracy_score(y, y_hat)
    assert autotrack.search_runs().empty
    with autotrack.start_run() as run:
        accuracy_score(y, y_hat)
    assert run.metrics == {"test_accuracy_score": accuracy_score(y, y_hat)}


def test_the_crate_can_be_left_out():
    autotrack.enable(log_models=False)
    Ridge().fit(X, y)
    run = autotrack.last_run()
    assert run.status == "FINISHED"
    assert run.artifacts().empty


def test_a_run_ended_from_inside_takes_no_more_fits():
    with autotrack.start_run() as run:
        autotrack.end_run()
        Ridge(alpha=2).fit(X, y)
    assert run.params == {}
    assert autotrack.last_run().params == {"alpha": 2}
