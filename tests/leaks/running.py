"""Running a workflow in a store of its own."""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import autotrack
from autotrack.analysis.evidence.catalogue import KINDS
from autotrack.tracking.workspace import workspace
from tests.leaks import clean, leaky
from tests.leaks.registry import WORKFLOWS, Workflow

__all__ = ["WORKFLOWS", "clean", "leaky", "look"]


#: Findings for the record alone, which are not told; they count where they are expected.
FOR_THE_RECORD = {code for code, kind in KINDS.items() if not kind.grade}


@dataclass(frozen=True)
class Found:
    """What was found in a workflow: codes, and how many models a held-out set judged at most."""

    codes: set[str]
    judged: int


def look(workflow: Workflow, store: Path) -> Found:
    """Run a workflow, and see what is found."""
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
    judged = autotrack.held_out_sets()["models"].max()
    workspace.forget()
    codes -= FOR_THE_RECORD - workflow.expected
    return Found(codes, int(judged) if judged == judged else 0)
