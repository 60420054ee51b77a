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
    killed = {"KILLED"} if script == "resume_search.py" else set()
    assert set(runs["status"]) == {"FINISHED"} | killed


def test_a_search_that_was_killed_comes_to_the_same_end(run_python):
    said = run_python("examples/resume_search.py", cwd=EXAMPLES.parent).stdout
    first, second = (line for line in said.splitlines() if line.startswith("best: "))
    assert first == second
    assert "reused, resumed from" in said
