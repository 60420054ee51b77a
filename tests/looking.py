"""Ways to look at what was recorded."""

from __future__ import annotations

import csv

import autotrack


def runs(**options: object) -> list[autotrack.Run]:
    """Every run, children too, oldest first."""
    found = autotrack.search_runs(children=True, order_by="start_time", **options)
    return [autotrack.get_run(run_id) for run_id in found["run_id"]]


def only_run() -> autotrack.Run:
    """The one run that there is."""
    (run,) = runs()
    return run


def history(run: autotrack.Run, key: str) -> list[float]:
    """Every value a metric had in a run, oldest first."""
    return autotrack.metric_history(run.run_id, key)["value"].tolist()


def measured() -> int:
    """How many numbers were measured, in all runs together."""
    return sum(len(history(run, key)) for run in runs() for key in run.metrics)


def tables(run: autotrack.Run) -> list[str]:
    """The names of the tables a run keeps."""
    paths = run.artifacts()["path"].tolist()
    return [path.removeprefix("scores/") for path in paths if path.startswith("scores/")]


def table(run: autotrack.Run, name: str, to: object) -> list[list[str]]:
    """The rows of a table, its column names first."""
    path = autotrack.download_artifact(run.run_id, f"scores/{name}", to)
    with path.open(newline="") as file:
        return list(csv.reader(file))
