"""Registered models: versions that never change, aliases, and runs that cannot go under them."""

from __future__ import annotations

import getpass
import multiprocessing
import shutil

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

import autotrack
from autotrack import (
    ArtifactNotFoundError,
    DigestMismatchError,
    InvalidValueError,
    ModelNotFoundError,
    RegisteredRunError,
)

X = np.arange(20.0).reshape(10, 2)
y = X[:, 0] * 2 + np.arange(10) % 3


def fitted(alpha=1.0):
    with autotrack.enable():
        Ridge(alpha=alpha).fit(X, y)
        return autotrack.last_run()


def registered(alpha=1.0, name="coffee", **facts):
    return autotrack.register_model(f"runs:/{fitted(alpha).run_id}/model", name, **facts)


def alpha_of(uri):
    return autotrack.load_model(uri).estimator.alpha


# -- versions -------------------------------------------------------------------------------------


def test_versions_are_counted_by_name():
    first, second, other = registered(1), registered(2), registered(3, "tea")
    assert [v.uri for v in (first, second, other)] == [
        "models:/coffee/1",
        "models:/coffee/2",
        "models:/tea/1",
    ]
    assert [alpha_of(v.uri) for v in (first, second, other)] == [1, 2, 3]
    assert alpha_of("models:/coffee/latest") == 2


def test_a_version_says_who_registered_what_from_which_run():
    run = fitted()
    uri = f"runs:/{run.run_id}/model"
    version = autotrack.register_model(uri, "coffee", description="first", tags={"stage": 1})
    assert (version.name, version.version, version.run_id) == ("coffee", 1, run.run_id)
    assert (version.source, version.user) == (uri, getpass.getuser())
    assert (version.description, version.tags) == ("first", {"stage": "1"})
    (row,) = autotrack.search_models().to_dict("records")
    assert row["created"].tzinfo is not None
    assert {key: row[key] for key in ("name", "version", "run_id", "tags.stage")} == {
        "name": "coffee",
        "version": 1,
        "run_id": run.run_id,
        "tags.stage": "1",
    }


def test_a_version_stays_as_it_is_when_its_run_is_fitted_again():
    with autotrack.enable(), autotrack.start_run() as run:
        model = Ridge(alpha=5).fit(X, y)
        before = model.predict(X)
        version = autotrack.register_model(f"runs:/{run.run_id}/model", "coffee")
        model.fit(X, -y)
    assert np.allclose(autotrack.load_model(f"runs:/{run.run_id}/model").predict(X), -before)
    assert np.array_equal(autotrack.load_model(version.uri).predict(X), before)


def test_a_folder_is_copied_and_keeps_its_run_where_that_is_known(tmp_path):
    run = fitted(7)
    folder = run.load_model().save(tmp_path / "saved")
    version = autotrack.register_model(folder, "coffee")
    shutil.rmtree(folder)
    assert version.run_id == run.run_id
    assert alpha_of("models:/coffee/1") == 7


def test_a_crate_of_no_run_can_be_registered(tmp_path):
    step = 2
    folder = autotrack.crate(lambda v: v + step, step=step).save(tmp_path / "saved")
    version = autotrack.register_model(folder, "adder")
    assert version.run_id is None
    assert autotrack.load_model("models:/adder/1")(3) == 5


def test_a_version_can_be_registered_under_another_name():
    registered(4)
    again = autotrack.register_model("models:/coffee/1", "espresso")
    assert (again.uri, again.source) == ("models:/espresso/1", "models:/coffee/1")
    assert alpha_of(again.uri) == 4


@pytest.mark.parametrize("version", ["9" * 18, "9" * 30, "9" * 5000, "\u0663"])
def test_a_version_of_any_number_that_is_not_there_is_said_to_be_missing(version):
    registered()
    with pytest.raises(ModelNotFoundError):
        autotrack.load_model(f"models:/coffee/{version}")


def test_a_damaged_folder_is_refused_and_registers_nothing(tmp_path):
    folder = fitted().load_model().save(tmp_path / "saved")
    (folder / "model.pkl").write_bytes(b"other")
    with pytest.raises(DigestMismatchError):
        autotrack.register_model(folder, "coffee")
    assert len(autotrack.search_models()) == 0


def test_a_version_that_was_tampered_with_is_not_opened():
    version = registered()
    store = autotrack.enable().settings.store
    (path,) = store.glob("artifacts/*/model/model.pkl")
    path.write_bytes(path.read_bytes() + b".")
    with pytest.raises(DigestMismatchError):
        autotrack.load_model(version.uri)


def test_scores_of_a_loaded_version_reach_its_run():
    version = registered()
    X_new = X + 1
    with autotrack.enable():
        model = autotrack.load_model(version.uri)
        score = r2_score(y, model.predict(X_new))
    assert autotrack.get_run(version.run_id).metrics["new_r2_score"] == score


def register_some(number):
    uri = f"runs:/{autotrack.search_runs()['run_id'][0]}/model"
    return [autotrack.register_model(uri, "coffee").version for _ in range(5)]


def test_processes_that_register_at_the_same_time_get_numbers_of_their_own():
    fitted()
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        numbers = [number for some in pool.map(register_some, range(4)) for number in some]
    assert sorted(numbers) == list(range(1, 21))


# -- aliases --------------------------------------------------------------------------------------


def test_an_alias_points_at_one_version_and_moves():
    registered(1)
    registered(2)
    autotrack.set_alias("coffee", "champion", 1)
    autotrack.set_alias("coffee", "to.try-2", 2)
    assert (alpha_of("models:/coffee@champion"), alpha_of("models:/coffee@to.try-2")) == (1, 2)
    autotrack.set_alias("coffee", "champion", 2.0)  # as R has it
    assert alpha_of("models:/coffee@champion") == 2
    assert autotrack.search_models("coffee")["aliases"].tolist() == [("champion", "to.try-2"), ()]
    autotrack.delete_alias("coffee", "champion")
    with pytest.raises(
        ModelNotFoundError, match=r"no version or alias 'champion'; it has 2, 1, to\.try"
    ):
        autotrack.load_model("models:/coffee@champion")


@pytest.mark.parametrize("alias", ["", "3", "latest", "a b", "a/b", "a@b", None, 4])
def test_what_could_be_taken_for_something_else_is_no_alias(alias):
    registered()
    with pytest.raises(InvalidValueError, match="cannot be an alias"):
        autotrack.set_alias("coffee", alias, 1)


# -- descriptions ---------------------------------------------------------------------------------


def test_models_and_versions_are_described():
    registered(description="first", tags={"a": "1"})
    autotrack.update_model("coffee", description="Grades coffee", tags={"team": "roast"})
    autotrack.update_model("coffee", 1, description="better", tags={"b": "2"})
    autotrack.set_alias("coffee", "champion", 1)
    autotrack.update_model("coffee", "champion", tags={"a": "3"})
    (row,) = autotrack.search_models().to_dict("records")
    assert (row["description"], row["tags.a"], row["tags.b"]) == ("better", "3", "2")


# -- what cannot go -------------------------------------------------------------------------------


def test_a_run_cannot_be_deleted_under_a_version():
    with (
        autotrack.enable(),
        autotrack.start_run(experiment="brew") as parent,
        autotrack.start_run(nested=True) as child,
    ):
        Ridge().fit(X, y)
    autotrack.register_model(f"runs:/{child.run_id}/model", "coffee")
    for run in (child, parent):
        with pytest.raises(
            RegisteredRunError, match=r"models:/coffee/1 .*delete_model\('coffee', 1\)"
        ):
            autotrack.delete_run(run.run_id)
    with pytest.raises(RegisteredRunError):
        autotrack.delete_experiment("brew")
    autotrack.delete_model("coffee", 1)
    autotrack.delete_run(parent.run_id)
    assert len(autotrack.search_runs(children=True)) == 0


def test_a_number_is_not_given_again():
    registered(1)
    registered(2)
    autotrack.set_alias("coffee", "champion", 2)
    autotrack.delete_model("coffee", "champion")
    assert registered(3).version == 3
    assert autotrack.search_models()["version"].tolist() == [3, 1]


def test_what_nothing_points_at_any_more_is_deleted_with_its_model(tmp_path):
    folder = fitted(7).load_model().save(tmp_path / "saved")
    autotrack.register_model(folder, "coffee")
    run = autotrack.last_run()
    autotrack.register_model(f"runs:/{run.run_id}/model", "coffee")
    store = autotrack.enable().settings.store
    assert len(list(store.glob("artifacts/**/model.pkl"))) == 2
    autotrack.delete_model("coffee")
    assert [path.parent.name for path in store.glob("artifacts/**/model.pkl")] == ["model"]
    assert run.load_model().estimator.alpha == 7
    with pytest.raises(ModelNotFoundError):
        autotrack.search_models("coffee")


# -- what is not there ----------------------------------------------------------------------------


def test_errors_say_what_there_is():
    registered()
    with pytest.raises(ModelNotFoundError, match=r"registered as 'cofee'.*'coffee'"):
        autotrack.load_model("models:/cofee/1")
    with pytest.raises(ModelNotFoundError, match="no version or alias '4'; it has 1"):
        autotrack.load_model("models:/coffee/4")
    with pytest.raises(ModelNotFoundError):
        autotrack.set_alias("coffee", "champion", 9)
    for uri in ("models:/coffee", "models:/coffee/one", "models:", "models:/coffee@1"):
        with pytest.raises(
            (InvalidValueError, ModelNotFoundError), match=r"models:/<name>/|no version"
        ):
            autotrack.load_model(uri)
    with autotrack.start_run() as run:
        autotrack.log_metric("a", 1)
    with pytest.raises(ArtifactNotFoundError, match="has no crate 'model'"):
        autotrack.register_model(f"runs:/{run.run_id}/model", "coffee")
    with pytest.raises(ArtifactNotFoundError, match="there is no crate at"):
        autotrack.register_model("nowhere", "coffee")


@pytest.mark.parametrize("name", ["", " ", "a/b", "a@b", "a:b", "a\nb", None, 3])
def test_what_would_break_an_address_is_no_name(name):
    run = fitted()
    with pytest.raises(InvalidValueError, match="name of a model"):
        autotrack.register_model(f"runs:/{run.run_id}/model", name)
