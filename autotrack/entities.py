"""What the store keeps, as frozen values: no connection, no methods that write.

Times are timezone-aware UTC datetimes. The live handle users hold is
:class:`autotrack.tracking.run.Run`; it reads these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, Literal

from autotrack.runtime.dataclass import dataclass

RunStatus = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]
RunKind = Literal["fit", "search", "candidate", "validation", "function", "user"]
NoteKind = Literal["warning", "error"]

#: The statuses a run can end with.
ENDED: tuple[RunStatus, ...] = ("FINISHED", "FAILED", "KILLED")


@dataclass(frozen=True, slots=True)
class Experiment:
    """A named set of runs."""

    experiment_id: str
    name: str
    artifact_location: str | None
    created: datetime
    deleted: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured number. `value` may be NaN or infinite; `step` counts from 0."""

    key: str
    value: float
    step: int
    time: datetime


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a dataset: its name (None in an array), dtype as text, and role."""

    name: str | None
    dtype: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """Data a call saw: what identifies it, never its values.

    Attributes
    ----------
    fingerprint : str
        xxh3 digest of the values, dtype and shape, prefixed by its algorithm.
    kind : str
        The container, such as ``numpy.ndarray`` or ``pandas.DataFrame``.
    shape : tuple of int or None
        Rows first; None where the container has no length.
    columns : tuple of Column
        Empty where the container has no columns of its own.
    """

    fingerprint: str
    kind: str
    shape: tuple[int, ...] | None
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetUse:
    """A dataset in the part it played in a run.

    `context` is ``train``, ``test`` or the caller's name for it; `name` is the variable it was
    held in (None where it had none); `target` is y, where there was one.
    """

    context: str
    data: Dataset
    name: str | None = None
    target: Dataset | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that makes a score worth less than it looks.

    Attributes
    ----------
    code : str
        Which kind, such as ``AT104``; `autotrack help AT104` explains it.
    grade : int
        3 where the target was seen, 2 where rows were seen, 1 for what is worth a look, 0 for
        the record.
    data : str
        What the data is called in the keys of the scores that it is about.
    text : str
        What was found, with its numbers.
    remedy : str
        What to do instead.
    evidence : mapping of str to number or text
        The numbers by themselves. Names of columns and classes may be in it, never values.
    """

    code: str
    grade: int
    data: str
    text: str
    remedy: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SeenRows:
    """How many of the rows that were scored are training rows.

    `seen` counts those whose X is, `with_target` those whose target is the same as well.
    """

    data: str
    rows: int
    seen: int
    with_target: int


@dataclass(frozen=True, slots=True)
class SharedRows:
    """How many different rows two data sets, named by their fingerprints, have in common."""

    fingerprint: str
    other: str
    rows: int


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a run. `path` is relative to the run and uses ``/``; `size` is in bytes."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class RunError:
    """The exception that ended a run."""

    type: str
    message: str
    traceback: str


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A crate that is registered under a name.

    Attributes
    ----------
    name : str
        The model's.
    version : int
        Counted from 1.
    run_id : str or None
        The run it came from, where that is in the same store.
    source : str
        What was registered: ``runs:/...``, ``models:/...`` or a folder.
    created : datetime
    user : str
        Who registered it.
    description : str
    tags : mapping of str to str
    aliases : tuple of str
        Those that point at it now.
    """

    name: str
    version: int
    run_id: str | None
    source: str
    created: datetime
    user: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    @property
    def uri(self) -> str:
        """What `load_model` takes: ``models:/<name>/<version>``."""
        return f"models:/{self.name}/{self.version}"


@dataclass(frozen=True, slots=True)
class Note:
    """A warning or an error that came up in a split and did not end the run.

    `category` is the class of the warning or exception, `details` the traceback of an error.
    """

    split: int
    kind: NoteKind
    category: str
    message: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where and with what a run was made: one for each process, shared by its runs."""

    source_id: str
    script: str | None
    command: tuple[str, ...]
    git_commit: str | None
    git_dirty: bool | None
    user: str
    host: str
    pid: int
    python: str
    platform: str
    packages: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as it stood when it was read."""

    run_id: str
    name: str
    kind: RunKind
    status: RunStatus
    experiment_id: str
    experiment: str
    parent_id: str | None
    start_time: datetime
    end_time: datetime | None
    deleted: bool
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    datasets: tuple[DatasetUse, ...]
    error: RunError | None
    source: Source | None
