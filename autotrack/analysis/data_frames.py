"""Records -> pandas frames with typed columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from autotrack.entities import Artifact, Experiment, Metric, ModelVersion, Note
from autotrack.store.search.query import RunRow

if TYPE_CHECKING:
    import pandas as pd

RUN_COLUMNS = (
    "run_id",
    "name",
    "kind",
    "status",
    "experiment",
    "parent_id",
    "start_time",
    "end_time",
)


def runs_frame(rows: Sequence[RunRow]) -> pd.DataFrame:
    """A row a run: its fields, then ``params.*``, ``metrics.*`` and ``tags.*``.

    Columns are typed: whole numbers stay whole where some runs lack the param (``Int64``),
    metrics are floats, times are UTC. What is mixed or text is left as objects.
    """
    import pandas as pd

    columns: dict[str, Any] = {name: [getattr(row, name) for row in rows] for name in RUN_COLUMNS}
    for name in ("start_time", "end_time"):
        columns[name] = pd.to_datetime(pd.Series(columns[name], dtype="object"), utc=True)
    for name in RUN_COLUMNS:
        if not name.endswith("_time"):
            columns[name] = pd.Series(columns[name], dtype="object")
    for group in ("params", "metrics", "tags"):
        values: dict[str, list[Any]] = {}
        for index, row in enumerate(rows):
            for key, value in getattr(row, group).items():
                if key not in values:
                    values[key] = [None] * len(rows)
                values[key][index] = value
        for key in sorted(values):
            columns[f"{group}.{key}"] = typed_column(values[key], is_metric=group == "metrics")
    return pd.DataFrame(columns)


def typed_column(values: list[Any], *, is_metric: bool = False) -> Any:
    """A column of params or metrics of several runs; None where a run lacks it."""
    import pandas as pd

    if is_metric:
        return pd.Series([float("nan") if v is None else v for v in values], dtype="float64")
    kinds = {type(value) for value in values if value is not None}
    missing = any(value is None for value in values)
    if kinds == {bool}:
        return pd.Series(values, dtype="boolean" if missing else "bool")
    if kinds == {int}:
        if any(v is not None and abs(v) >= 1 << 63 for v in values):
            return pd.Series(values, dtype="object")
        return pd.Series(values, dtype="Int64" if missing else "int64")
    if kinds and kinds <= {int, float}:
        return pd.Series([float("nan") if v is None else float(v) for v in values])
    return pd.Series(values, dtype="object")


def metric_frame(history: Iterable[Metric]) -> pd.DataFrame:
    """A row a measurement: key, step, value, time."""
    import pandas as pd

    rows = [(metric.key, metric.step, metric.value, metric.time) for metric in history]
    frame = pd.DataFrame(rows, columns=["key", "step", "value", "time"])
    frame["time"] = pd.to_datetime(frame["time"], utc=True)
    return frame.astype({"step": "int64", "value": "float64"})


def notes_frame(notes: Iterable[tuple[str, str, Note]]) -> pd.DataFrame:
    """A row a note: run_id and name of its run, split, kind, category, message."""
    import pandas as pd

    rows = [
        (run_id, name, note.split, note.kind, note.category, note.message)
        for run_id, name, note in notes
    ]
    columns = ["run_id", "name", "split", "kind", "category", "message"]
    return pd.DataFrame(rows, columns=columns).astype({"split": "int64"})


def artifacts_frame(artifacts: Iterable[Artifact]) -> pd.DataFrame:
    """A row a file: path, size in bytes, sha256."""
    import pandas as pd

    rows = [(artifact.path, artifact.size, artifact.sha256) for artifact in artifacts]
    return pd.DataFrame(rows, columns=["path", "size", "sha256"]).astype({"size": "int64"})


def models_frame(versions: Iterable[ModelVersion]) -> pd.DataFrame:
    """A row a version: its fields, then ``tags.*``."""
    import pandas as pd

    known = ["name", "version", "aliases", "run_id", "created", "user", "description", "source"]
    rows = [
        {name: getattr(version, name) for name in known}
        | {f"tags.{key}": value for key, value in sorted(version.tags.items())}
        for version in versions
    ]
    frame = pd.DataFrame(rows, columns=known if not rows else None)
    frame["created"] = pd.to_datetime(frame["created"], utc=True)
    return frame.astype({"version": "int64"})


def experiments_frame(experiments: Iterable[Experiment]) -> pd.DataFrame:
    """A row an experiment: experiment_id, name, artifact_location, created, then ``tags.*``."""
    import pandas as pd

    rows = [
        {
            "experiment_id": experiment.experiment_id,
            "name": experiment.name,
            "artifact_location": experiment.artifact_location,
            "created": experiment.created,
            **{f"tags.{key}": value for key, value in experiment.tags.items()},
        }
        for experiment in experiments
    ]
    known = ["experiment_id", "name", "artifact_location", "created"]
    return pd.DataFrame(rows, columns=known if not rows else None)
