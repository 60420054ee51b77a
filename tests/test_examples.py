"""Every example runs as the README says to run it, and leaves its runs."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import autotrack

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
MAKEFILE = EXAMPLES.parent / "Makefile"


# What goes on with another example's runs.
SECOND = {"coffee_service.py"}


@pytest.mark.parametrize("script", sorted({path.name for path in EXAMPLES.glob("*.py")} - SECOND))
def test_example_runs_and_leaves_finished_runs(script, run_python):
    run_python(f"examples/{script}", cwd=EXAMPLES.parent)

    runs = autotrack.search_runs()
    assert len(runs) > 0
    killed = {"KILLED"} if script == "resume_search.py" else set()
    assert set(runs["status"]) == {"FINISHED"} | killed
    if script == "tour.py":  # wines that stand in the table more than once
        assert "AT104" in set(runs["findings"])


@pytest.mark.parametrize(
    "option", [None, pytest.param("--env", marks=pytest.mark.thorough)], ids=str
)
def test_the_coffee_model_is_proven_registered_served_and_read_by_mlflow(
    option, run_python, tmp_path
):
    run_python(EXAMPLES / "coffee.py")
    said = run_python(EXAMPLES / "coffee_service.py", *filter(None, [option])).stdout
    assert said.startswith("verified: it opens, and answers predict")
    assert ("with its requirements alone" in said) is (option == "--env")
    assert len(re.findall(r"^  .* \d\.\d\d$", said, re.MULTILINE)) == 10
    if importlib.util.find_spec("mlflow"):
        assert said.endswith("MLflow predicts the same\n")
    assert autotrack.search_models("coffee")["aliases"].tolist() == [("champion",)]


def test_a_search_that_was_killed_comes_to_the_same_end(run_python):
    said = run_python("examples/resume_search.py", cwd=EXAMPLES.parent).stdout
    first, second = (line for line in said.splitlines() if line.startswith("best: "))
    assert first == second
    assert "reused, resumed from" in said


@pytest.mark.skipif(not MAKEFILE.exists(), reason="needs the checkout")
def test_the_demo_shows_findings_and_says_how_to_open_the_pages():
    demo = MAKEFILE.read_text("utf-8").partition("\ndemo:")[2].partition("\n\n")[0]
    leaky, runs, pages = demo.splitlines()[-3:]
    assert "autotrack ui" in pages
    assert leaky.endswith("examples/leaky.py")
    assert runs.endswith("autotrack runs -e leaky")


def test_the_leaky_example_ends_with_three_lines_and_the_corrected_one_with_none(run_python):
    said = run_python(EXAMPLES / "leaky.py").stderr
    lines = [line for line in said.splitlines() if line.startswith("autotrack: AT")]
    assert [line.split()[1] for line in lines] == ["AT104", "AT101", "AT301"]
    assert "315 of 1,225" in lines[0]
    assert "AT" not in run_python(EXAMPLES / "leaky.py", "--corrected").stderr
