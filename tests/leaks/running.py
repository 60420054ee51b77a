"""Running a workflow in a store of its own."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path

import autotrack
from autotrack.tracking.workspace import workspace
from tests.leaks import clean, leaky
from tests.leaks.registry import WORKFLOWS, Workflow

__all__ = ["WORKFLOWS", "clean", "found", "leaky"]


def found(workflow: Workflow, store: Path) -> set[str]:
    """The codes that are found in a workflow."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        autotrack.enable(store=store, log_models=False, progress=False)
        try:
            workflow.run()
        finally:
            autotrack.disable()
    runs = autotrack.search_runs(children=True)
    codes = {
        code for run_id in runs["run_id"] for code in autotrack.get_run(run_id).findings()["code"]
    }
    workspace.forget()
    return codes
