"""Every example runs as the README says to run it, and leaves its runs."""

from __future__ import annotations

from pathlib import Path

import pytest

import autotrack

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.mark.parametrize("script", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_example_runs_and_leaves_finished_runs(script, run_python):
    run_python(f"examples/{script}", cwd=EXAMPLES.parent)

    runs = autotrack.search_runs()
    assert len(runs) > 0
    assert set(runs["status"]) == {"FINISHED"}
