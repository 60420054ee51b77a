"""Training that goes on is one run: `partial_fit` loops and `warm_start` refits."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import accuracy_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack
from autotrack.tracking.api.models import locate
from tests.looking import history, only_run, runs

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# -- warm_start -----------------------------------------------------------------------------------


def grown(model, data, sizes=(2, 4, 6)):
    """A forest that grows, scored in between."""
    scores = []
    for size in sizes:
        model.set_params(n_estimators=size).fit(data.X_train, data.y_train)
        scores.append(model.score(data.X_test, data.y_test))
    return scores


@pytest.mark.parametrize("kind", [RandomForestClassifier, GradientBoostingClassifier])
def test_a_model_that_grows_is_one_run_with_the_latest_size_and_a_step_for_each(
    kind, tracking, binary
):
    scores = grown(kind(warm_start=True, random_state=0), binary)
    assert only_run().params == {"warm_start": True, "random_state": 0, "n_estimators": 6}
    assert only_run().status == "FINISHED"
    assert history(only_run(), "test_score") == scores


def test_inside_a_run_a_model_that_grows_leaves_no_children(tracking, binary):
    with autotrack.start_run() as run:
        scores = grown(RandomForestClassifier(warm_start=True, random_state=0), binary)
    assert only_run() == run
    assert run.params["n_estimators"] == 6
    assert history(run, "test_score") == scores


def test_a_second_model_that_grows_in_a_run_is_one_child(tracking, binary):
    with autotrack.start_run() as run:
        LogisticRegression().fit(binary.X_train, binary.y_train)
        scores = grown(RandomForestClassifier(warm_start=True, random_state=0), binary)
    parent, child = runs()
    assert (parent, child.parent_id) == (run, run.run_id)
    assert child.params["n_estimators"] == 6
    assert history(child, "test_score") == scores


def test_two_models_that_grow_in_turns_have_a_run_each(tracking, binary):
    models = [RandomForestClassifier(warm_start=True, random_state=seed) for seed in (0, 1)]
    for size in (2, 4):
        for model in models:
            model.set_params(n_estimators=size).fit(binary.X_train, binary.y_train)
    assert [run.params["n_estimators"] for run in runs()] == [4, 4]


@pytest.mark.parametrize(
    "model",
    [
        SGDClassifier(warm_start=True, max_iter=1, tol=None, random_state=0),
        MLPClassifier((4,), warm_start=True, max_iter=2, random_state=0),
        make_pipeline(StandardScaler(), SGDClassifier(warm_start=True, max_iter=1, tol=None)),
    ],
    ids=["SGD", "MLP", "in a pipeline"],
)
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a run"])
def test_a_loop_of_epochs_is_one_run(model, inside, tracking, binary):
    model = clone(model)
    if inside:
        autotrack.start_run()
    scores = []
    for _ in range(4):
        model.fit(binary.X_train, binary.y_train)
        scores.append(accuracy_score(binary.y_test, model.predict(binary.X_test)))
    assert history(only_run(), "test_accuracy_score") == scores


def test_a_training_param_that_goes_back_to_its_default_is_shown_as_it_is(tracking, binary):
    model = SGDClassifier(warm_start=True, random_state=0, max_iter=3)
    model.fit(binary.X_train, binary.y_train)
    model.set_params(max_iter=1000).fit(binary.X_train, binary.y_train)
    assert only_run().params["max_iter"] == 1000


def test_a_path_over_another_param_is_a_run_for_each_value(tracking, binary):
    model = LogisticRegression(warm_start=True)
    for C in (0.1, 1.0, 10.0):
        model.set_params(C=C).fit(binary.X_train, binary.y_train)
    assert [run.params.get("C") for run in runs()] == [0.1, None, 10.0]


def test_without_warm_start_a_refit_is_another_run(tracking, binary):
    model = RandomForestClassifier(2).fit(binary.X_train, binary.y_train)
    model.set_params(n_estimators=4).fit(binary.X_train, binary.y_train)
    assert [run.params["n_estimators"] for run in runs()] == [2, 4]


def test_data_of_other_columns_is_another_run(tracking, binary):
    model = SGDClassifier(warm_start=True, random_state=0)
    model.fit(binary.X_train, binary.y_train)
    model.coef_ = model.coef_[:, :3]  # or scikit-learn refuses
    model.n_features_in_ = 3
    model.fit(binary.X_train[:, :3], binary.y_train)
    assert len(runs()) == 2


def test_a_copy_of_a_model_has_runs_of_its_own(tracking, binary):
    model = RandomForestClassifier(2, warm_start=True).fit(binary.X_train, binary.y_train)
    clone(model).fit(binary.X_train, binary.y_train)
    assert len(runs()) == 2


def test_further_data_is_what_the_model_was_trained_on(tracking, binary):
    X_train, X_more = np.split(binary.X_train, 2)
    y_train, y_more = np.split(binary.y_train, 2)
    model = SGDClassifier(warm_start=True, random_state=0).fit(X_train, y_train)
    model.fit(X_more, y_more)
    model.score(X_more, y_more)
    assert set(only_run().metrics) == {"train_score"}
    assert [use.name for use in only_run().datasets] == ["X_train", "X_more"]


def test_a_model_fitted_before_a_run_belongs_to_the_run_it_is_trained_further_in(tracking, binary):
    model = RandomForestClassifier(2, warm_start=True).fit(binary.X_train, binary.y_train)
    with autotrack.start_run() as run:
        grown(model, binary, sizes=(4, 6))
    first, second = runs()
    assert (first.params["n_estimators"], second.params["n_estimators"]) == (2, 6)
    assert second == run


def test_another_model_with_the_first_params_is_a_child_of_the_run_that_grew(tracking, binary):
    with autotrack.start_run():
        grown(RandomForestClassifier(warm_start=True, random_state=0), binary)
        RandomForestClassifier(2, warm_start=True, random_state=0).fit(
            binary.X_train, binary.y_train
        )
    assert [run.params["n_estimators"] for run in runs()] == [6, 2]


def test_a_refit_that_fails_leaves_a_note_and_the_run_goes_on(tracking, binary):
    model = RandomForestClassifier(4, warm_start=True, random_state=0)
    with autotrack.start_run():
        LogisticRegression().fit(binary.X_train, binary.y_train)
        model.fit(binary.X_train, binary.y_train)
        with pytest.raises(ValueError, match="n_estimators"):
            model.set_params(n_estimators=2).fit(binary.X_train, binary.y_train)
        model.set_params(n_estimators=6).fit(binary.X_train, binary.y_train)
    _, child = runs()
    assert child.params["n_estimators"] == 6
    assert "n_estimators" in child.tags["autotrack.fit_error"]
    assert child.status == "FINISHED"


# -- the crate ------------------------------------------------------------------------------------


def test_the_crate_of_a_model_that_grew_is_that_of_its_last_fit(binary):
    with autotrack.enable():
        grown(RandomForestClassifier(warm_start=True, random_state=0), binary, range(1, 9))
        # Nobody holds the model any more; its crate is brought up to date all the same.
        LogisticRegression().fit(binary.X_train, binary.y_train)
        assert len(runs()[0].load_model().estimator.estimators_) == 8
    assert len(runs()[0].load_model().estimator.estimators_) == 8


def test_the_crate_follows_when_tracking_ends(binary):
    with autotrack.enable():
        grown(RandomForestClassifier(warm_start=True, random_state=0), binary, range(1, 9))
    assert len(only_run().load_model().estimator.estimators_) == 8


def test_crates_of_models_that_are_trained_in_turns_are_bounded(binary, monkeypatch):
    from autotrack.tracking.crating import run_files

    packed = []
    pack = run_files.pack
    monkeypatch.setattr(run_files, "pack", lambda *a, **k: packed.append(1) or pack(*a, **k))
    # As slow as on a disk under load: what follows takes a fraction of the time till the next one.
    monkeypatch.setattr("autotrack.tracking.crating.repack_schedule._SHARE", 1e-6)
    with autotrack.enable():
        models = [SGDClassifier(random_state=seed) for seed in range(20)]
        for _ in range(10):
            for model in models[:8]:
                model.partial_fit(binary.X_train, binary.y_train, classes=[0, 1])
        assert len(packed) == 8
        for model in models[8:]:
            for _ in range(2):
                model.partial_fit(binary.X_train, binary.y_train, classes=[0, 1])
        assert len(packed) == 20 + 12  # no more than eight are behind at any time
    assert len(packed) == 20 + 20


def test_the_crate_of_a_refit_says_what_was_applied_first(binary):
    with autotrack.enable():
        X = StandardScaler().fit_transform(binary.X_train)
        model = SGDClassifier(random_state=0)
        with pytest.warns(autotrack.PreprocessingWarning):
            model.partial_fit(X, binary.y_train, classes=[0, 1])
        model.partial_fit(X, binary.y_train)
    assert only_run().load_model().manifest.preprocessing == ["StandardScaler()"]


def test_a_model_out_of_a_crate_that_is_trained_further_is_another_run(binary):
    with autotrack.enable():
        RandomForestClassifier(2, warm_start=True).fit(binary.X_train, binary.y_train)
        model = only_run().load_model().estimator
        model.set_params(n_estimators=4).fit(binary.X_train, binary.y_train)
        assert [run.params["n_estimators"] for run in runs()] == [2, 4]
        assert len(runs()[0].load_model().estimator.estimators_) == 2


# -- partial_fit ----------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", [False, True], ids=["alone", "in a run"])
def test_a_loop_of_partial_fits_with_scores_between_is_one_run(inside, tracking, binary):
    if inside:
        autotrack.start_run()
    model, scores = SGDClassifier(random_state=0), []
    for number, rows in enumerate(np.array_split(np.arange(len(binary.X_train)), 5)):
        options = {} if number else {"classes": [0, 1]}
        model.partial_fit(binary.X_train[rows], binary.y_train[rows], **options)
        scores.append(accuracy_score(binary.y_test, model.predict(binary.X_test)))
        model.score(binary.X_test, binary.y_test)
    assert history(only_run(), "test_accuracy_score") == scores
    assert history(only_run(), "test_score") == scores
    assert only_run().tags["fit_arguments"] == "classes"


def test_a_partial_fit_after_a_fit_goes_on_with_its_run(tracking, binary):
    model = GaussianNB().fit(binary.X_train[:80], binary.y_train[:80])
    for rows in (slice(80, 120), slice(120, 160)):
        model.partial_fit(binary.X_train[rows], binary.y_train[rows])
        model.score(binary.X_test, binary.y_test)
    assert len(history(only_run(), "test_score")) == 2


# -- which score belongs to which size ------------------------------------------------------------


def steps(run, key):
    frame = autotrack.metric_history(run.run_id, key)
    return list(zip(frame["step"], frame["value"], strict=True))


def test_the_size_of_a_model_that_grew_has_a_history_with_the_steps_of_the_scores(tracking, binary):
    scores = grown(RandomForestClassifier(warm_start=True, random_state=0), binary)
    assert steps(only_run(), "test_score") == list(enumerate(scores))
    assert steps(only_run(), "n_estimators") == [(0, 2), (1, 4), (2, 6)]


@pytest.mark.filterwarnings("ignore:Warm-start fitting without increasing")
def test_scores_that_were_left_out_or_repeated_stand_at_the_fit_they_are_of(tracking, binary):
    model = RandomForestClassifier(2, warm_start=True, random_state=0)
    data = binary.X_test, binary.y_test
    model.fit(binary.X_train, binary.y_train)
    model.set_params(n_estimators=4).fit(binary.X_train, binary.y_train)
    twice = [model.score(*data), model.score(*data)]
    model.fit(binary.X_train, binary.y_train)
    model.set_params(n_estimators=8).fit(binary.X_train, binary.y_train)
    last = model.score(*data)
    assert steps(only_run(), "test_score") == [(1, twice[0]), (1, twice[1]), (3, last)]
    assert steps(only_run(), "n_estimators") == [(0, 2), (1, 4), (2, 4), (3, 8)]


def test_epochs_with_the_same_params_have_no_history_of_params(tracking, binary):
    model = SGDClassifier(warm_start=True, random_state=0, max_iter=2)
    for _ in range(3):
        model.fit(binary.X_train, binary.y_train)
        score = model.score(binary.X_test, binary.y_test)
    assert steps(only_run(), "test_score")[-1] == (2, score)
    assert set(only_run().metrics) == {"test_score"}


# -- the crate of a model that is trained further -----------------------------------------------


def trained_further(data):
    """A model that came so far that its crate is behind, with its run."""
    autotrack.enable(log_models=True)
    model = SGDClassifier(random_state=0)
    for start in range(0, 100, 10):
        rows = slice(start, start + 10)
        model.partial_fit(data.X_train[rows], data.y_train[rows], classes=[0, 1])
    return model, only_run()


def by_address(run):
    return autotrack.load_model(f"runs:/{run.run_id}/model")


def by_run(run):
    return autotrack.get_run(run.run_id).load_model()


def by_version(run):
    return autotrack.load_model(autotrack.register_model(f"runs:/{run.run_id}/model", "sgd").uri)


def by_files(run):
    folder = autotrack.download_artifact(run.run_id, "model")
    recorded = autotrack.list_artifacts(run.run_id).set_index("path")["sha256"]
    held = hashlib.sha256((folder / "model.pkl").read_bytes()).hexdigest()
    assert recorded["model/model.pkl"] == held
    return autotrack.load_model(str(folder), trust=True)


def by_place(run):
    folder, _ = locate(f"runs:/{run.run_id}/model")
    return autotrack.load_model(str(folder), trust=True)


@pytest.mark.parametrize("door", [by_address, by_run, by_version, by_files, by_place])
def test_a_crate_that_is_read_is_that_of_the_model_as_it_is_now(
    door, tracking, binary, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    model, run = trained_further(binary)
    np.testing.assert_array_equal(door(run).estimator.coef_, model.coef_)


def test_a_version_stays_what_it_was_when_its_model_is_trained_further(tracking, binary):
    model, run = trained_further(binary)
    version = autotrack.register_model(f"runs:/{run.run_id}/model", "sgd")
    then = model.coef_.copy()
    model.partial_fit(binary.X_train[100:], binary.y_train[100:])
    np.testing.assert_array_equal(autotrack.load_model(version.uri).estimator.coef_, then)
    np.testing.assert_array_equal(by_run(run).estimator.coef_, model.coef_)
