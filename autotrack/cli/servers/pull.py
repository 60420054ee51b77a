"""`autotrack pull`: what an MLflow server has, brought into the store."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import click

from autotrack.cli.group import main, store_option
from autotrack.cli.printing import json_option, say, say_json
from autotrack.settings import Settings
from autotrack.tracking.api.models import register_model
from autotrack.tracking.workspace import workspace

_VARIABLE = "AUTOTRACK_REPLICATE_TO"


@main.command()
@click.argument("uri")
@click.option(
    "--from", "tracking_uri", metavar="URI", help="Tracking URI of the server (else "
    f"MLFLOW_TRACKING_URI, else {_VARIABLE}).",
)  # fmt: skip
@json_option
@store_option
def pull(uri: str, tracking_uri: str | None, as_json: bool) -> None:
    """Bring a run or a registered model from an MLflow server into the store.

    URI is models:/<name>@<alias>, models:/<name>/<version>, or runs:/<run_id>. What was sent there
    by autotrack opens from then on like the store's own, if it has the digests that the server has
    on record.

    \b
    Example:
      autotrack pull models:/coffee@champion --from https://mlflow.example.org
    """
    from autotrack.replication.pull import Remote

    source = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
    source = source or Settings.resolve().replicate_to
    if not source:
        raise click.UsageError("name the server: --from URI, or MLFLOW_TRACKING_URI")
    remote = Remote(source)
    workspace.give(store=Settings.resolve().store)
    if uri.startswith("models:"):
        folder = Path(tempfile.mkdtemp(prefix="autotrack-pull-"))
        try:
            found = remote.crate(uri, folder / "crate")
            version = register_model(
                found.folder,
                found.name,
                description=found.description,
                tags=found.tags | {"autotrack.pulled_from": remote.name},
                trust=found.digest or False,
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if as_json:
            say_json({"model": version.uri, "from": remote.name})
        else:
            say(f"{version.uri} is {uri} of {remote.name}")
        return
    asked = uri.removeprefix("runs:").strip("/").partition("/")[0]
    run_id = remote.pull_run(asked, workspace.store())
    if as_json:
        say_json({"run_id": run_id, "from": remote.name})
    else:
        say(f"run {run_id} is here; see it with: autotrack show {run_id[:8]}")
