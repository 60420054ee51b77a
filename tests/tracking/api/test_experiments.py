"""Experiments: made, found, chosen, renamed, deleted and brought back."""

from __future__ import annotations

import pandas as pd
import pytest

import autotrack
from autotrack import ExperimentNotFoundError, InvalidValueError, NotFoundError


def run_in(experiment: str | None = None) -> autotrack.Run:
    with autotrack.start_run(experiment=experiment) as run:
        return run


def test_an_experiment_is_found_by_name_and_by_id():
    made = autotrack.create_experiment("tea", tags={"leaf": "green"})
    assert isinstance(made, str)
    by_name = autotrack.get_experiment("tea")
    assert by_name == autotrack.get_experiment(experiment_id=made)
    assert (by_name.experiment_id, by_name.name, by_name.tags) == (made, "tea", {"leaf": "green"})
    assert by_name.created.tzinfo is not None
    assert not by_name.deleted


def test_runs_belong_to_the_default_experiment_until_another_is_set():
    assert autotrack.get_experiment().name == "Default"
    assert run_in().experiment == "Default"
    assert autotrack.set_experiment("tea").name == "tea"
    assert autotrack.get_experiment().name == "tea"
    assert run_in().experiment == "tea"
    assert run_in("coffee").experiment == "coffee"
    assert run_in().experiment == "tea"


def test_an_experiment_is_set_by_its_id_as_well():
    made = autotrack.create_experiment("tea")
    assert autotrack.set_experiment(experiment_id=made).name == "tea"
    assert run_in().experiment == "tea"


def test_the_experiment_of_enable_counts_until_another_is_set_and_again_afterwards():
    autotrack.set_experiment("tea")
    with autotrack.enable(experiment="coffee"):
        assert run_in().experiment == "coffee"
        autotrack.set_experiment("cocoa")
        assert run_in().experiment == "cocoa"
        autotrack.enable(experiment="coffee")
        assert run_in().experiment == "coffee"


def test_a_variable_names_the_experiment(monkeypatch):
    monkeypatch.setenv("AUTOTRACK_EXPERIMENT", "tea")
    assert run_in().experiment == "tea"
    autotrack.set_experiment("coffee")
    assert run_in().experiment == "coffee"


def test_every_experiment_is_a_row_the_deleted_ones_aside():
    autotrack.create_experiment("tea", tags={"leaf": "green"})
    autotrack.create_experiment("coffee")
    autotrack.delete_experiment("coffee")
    found = autotrack.search_experiments()
    assert found["name"].tolist() == ["tea"]
    assert found.columns.tolist() == [
        "experiment_id",
        "name",
        "artifact_location",
        "created",
        "tags.leaf",
    ]
    assert str(found["created"].dtype).startswith("datetime64")
    assert found["created"].dt.tz is not None


def test_no_experiments_are_an_empty_frame_with_the_same_columns():
    found = autotrack.search_experiments()
    assert isinstance(found, pd.DataFrame)
    assert found.empty
    assert found.columns.tolist()[:2] == ["experiment_id", "name"]


def test_a_name_that_is_taken_is_refused_be_it_by_a_deleted_experiment():
    made = autotrack.create_experiment("tea")
    with pytest.raises(InvalidValueError, match=r"'tea' exists already.*set_experiment"):
        autotrack.create_experiment("tea")
    autotrack.delete_experiment("tea")
    with pytest.raises(InvalidValueError, match=rf"restore_experiment\('{made}'\)"):
        autotrack.create_experiment("tea")


def test_an_unknown_experiment_is_an_error_with_the_nearest_names():
    autotrack.create_experiment("tea tasting")
    autotrack.create_experiment("coffee")
    for ask in (
        autotrack.get_experiment,
        autotrack.delete_experiment,
        autotrack.restore_experiment,
        autotrack.search_runs,
        lambda name: autotrack.rename_experiment(name, "x"),
    ):
        with pytest.raises(ExperimentNotFoundError, match=r"'tea tastign'.*there is 'tea tasting'"):
            ask("tea tastign")
    with pytest.raises(NotFoundError, match="no experiment has the id '77'"):
        autotrack.set_experiment(experiment_id="77")


def test_a_renamed_experiment_keeps_its_runs_and_stays_the_chosen_one():
    autotrack.set_experiment("tea")
    run = run_in()
    autotrack.rename_experiment("tea", "green tea")
    assert run.experiment == "green tea"
    assert run_in().experiment == "green tea"
    assert len(autotrack.search_runs("green tea")) == 2
    with pytest.raises(ExperimentNotFoundError):
        autotrack.get_experiment("tea")
    autotrack.create_experiment("tea")
    with pytest.raises(InvalidValueError, match="choose another name"):
        autotrack.rename_experiment("green tea", "tea")


def test_a_deleted_experiment_hides_its_runs_and_takes_no_new_ones_until_restored():
    run = run_in("tea")
    autotrack.delete_experiment("tea")
    assert autotrack.get_experiment("tea").deleted
    assert autotrack.search_runs().empty
    assert autotrack.get_run(run.run_id).experiment == "tea"
    for start in (
        lambda: autotrack.start_run(experiment="tea"),
        lambda: autotrack.set_experiment("tea"),
    ):
        with pytest.raises(ExperimentNotFoundError, match="was deleted; bring it back"):
            start()
    autotrack.restore_experiment("tea")
    assert autotrack.search_runs()["run_id"].tolist() == [run.run_id]


def test_a_deleted_experiment_is_not_set_by_its_id_either():
    made = autotrack.create_experiment("tea")
    autotrack.delete_experiment("tea")
    with pytest.raises(ExperimentNotFoundError, match="was deleted; bring it back"):
        autotrack.set_experiment(experiment_id=made)
    assert run_in().experiment == "Default"


def test_an_experiment_is_deleted_restored_and_renamed_by_its_id_too():
    made = autotrack.create_experiment("tea")
    autotrack.delete_experiment(made)
    assert autotrack.get_experiment("tea").deleted
    autotrack.restore_experiment(made)
    autotrack.rename_experiment(made, "green tea")
    assert autotrack.get_experiment(experiment_id=made).name == "green tea"


def test_a_number_in_the_place_of_an_id_is_the_id():
    """R has no integers to speak of: 1 arrives as 1.0."""
    made = autotrack.create_experiment("tea")
    for number in (int(made), float(made)):
        assert autotrack.get_experiment(experiment_id=number).name == "tea"
        assert autotrack.set_experiment(experiment_id=number).name == "tea"


def test_files_go_where_the_experiment_says(tmp_path):
    autotrack.create_experiment("tea", artifact_location=str(tmp_path / "files"))
    with autotrack.start_run(experiment="tea") as run:
        autotrack.log_text("hot", "notes.txt")
    found = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
    assert [path.read_text() for path in found] == ["hot"]
    assert autotrack.download_artifact(run.run_id, "notes.txt", tmp_path).read_text() == "hot"


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: autotrack.create_experiment(""),
        lambda: autotrack.create_experiment(None),
        lambda: autotrack.create_experiment("tea", artifact_location=3),
        lambda: autotrack.create_experiment("tea", tags="green"),
        autotrack.set_experiment,
        lambda: autotrack.set_experiment("tea", experiment_id="1"),
        lambda: autotrack.get_experiment("tea", experiment_id="1"),
        lambda: autotrack.set_experiment(["tea", "coffee"]),
        lambda: autotrack.get_experiment(3),
    ],
)
def test_arguments_that_are_none_are_refused(misuse):
    with pytest.raises(InvalidValueError):
        misuse()
    assert autotrack.search_experiments().empty
