"""The verbs about experiments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from autotrack.analysis.data_frames import experiments_frame
from autotrack.entities import Experiment
from autotrack.errors import ExperimentNotFoundError, InvalidValueError
from autotrack.tracking.api.arguments import text, text_mapping, whole
from autotrack.tracking.workspace import workspace

if TYPE_CHECKING:
    import pandas as pd


def create_experiment(
    name: str,
    *,
    artifact_location: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Create an experiment and return its id.

    Parameters
    ----------
    name : str
        A name no other experiment has.
    artifact_location : str, optional
        Folder for the files of its runs; by default inside the store.
    tags : mapping of str to str, optional
        Facts to keep with it.

    Raises
    ------
    InvalidValueError
        If the name is taken or is no text.
    """
    location = None if artifact_location is None else text(artifact_location, "artifact_location")
    return workspace.store().create_experiment(
        text(name, "the name of an experiment"),
        artifact_location=location,
        tags=text_mapping(tags or {}, "tag"),
    )


def set_experiment(name: str | None = None, *, experiment_id: str | None = None) -> Experiment:
    """Make an experiment the one that new runs belong to, creating it by `name` if need be.

    Raises
    ------
    ExperimentNotFoundError
        If no experiment has the `experiment_id`, or it was deleted.
    """
    if (name is None) == (experiment_id is None):
        raise InvalidValueError("set_experiment takes either a name or experiment_id=, one of them")
    store = workspace.store()
    if name is None:
        name = store.get_experiment(experiment_id=_id(experiment_id)).name
    # Makes it if need be, and refuses a deleted one.
    chosen = store.experiment_id(text(name, "the name of an experiment"))
    workspace.chosen_experiment = name
    return store.get_experiment(experiment_id=chosen)


def get_experiment(name: str | None = None, *, experiment_id: str | None = None) -> Experiment:
    """The experiment of this name or id; without either, the one new runs belong to.

    Raises
    ------
    ExperimentNotFoundError
        If there is none; the message has the nearest names.
    """
    if experiment_id is not None:
        if name is not None:
            raise InvalidValueError("get_experiment takes a name or experiment_id=, not both")
        return workspace.store().get_experiment(experiment_id=_id(experiment_id))
    if name is None:
        workspace.store().experiment_id(workspace.experiment)
    return workspace.store().get_experiment(
        name=text(name or workspace.experiment, "the name of an experiment")
    )


def search_experiments() -> pd.DataFrame:
    """A row an experiment that is not deleted: experiment_id, name, artifact_location, created."""
    return experiments_frame(workspace.store().list_experiments())


def rename_experiment(name: str, new_name: str) -> None:
    """Give the experiment `name` (or of that id) a new name.

    Raises
    ------
    ExperimentNotFoundError
        If there is no such experiment.
    """
    found = _named(name)
    workspace.store().rename_experiment(
        found.experiment_id, text(new_name, "the name of an experiment")
    )
    if workspace.experiment == found.name:
        workspace.chosen_experiment = new_name


def delete_experiment(name: str) -> None:
    """Delete the experiment `name` (or of that id); `restore_experiment` brings it back.

    Raises
    ------
    ExperimentNotFoundError
        If there is no such experiment.
    """
    workspace.store().delete_experiment(_named(name).experiment_id)


def restore_experiment(name: str) -> None:
    """Bring a deleted experiment back.

    Raises
    ------
    ExperimentNotFoundError
        If there is no such experiment.
    """
    workspace.store().restore_experiment(_named(name).experiment_id)


def _named(name: str) -> Experiment:
    store, wanted = workspace.store(), _id(name)
    try:
        return store.get_experiment(name=wanted)
    except ExperimentNotFoundError:
        for deleted in (False, True):
            for experiment in store.list_experiments(deleted=deleted):
                if wanted in (experiment.experiment_id, experiment.name):
                    return experiment
        raise


def _id(value: object) -> str:
    """An id as text: R and pandas make a number of it, 1 or 1.0."""
    return str(value) if isinstance(value, str) else str(whole(value, "experiment_id"))
