"""The script that runs a gallery of examples with and without tracking finds what is different."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gallery.__main__ import main
from tests.gallery.running import (
    BARE,
    TRACKED,
    Seen,
    differences,
    examples,
    reason_to_leave_out,
    run,
)

OWN = Path(__file__).with_name("own")


def lines_of(capsys):
    return capsys.readouterr().out.splitlines()


def test_examples_do_the_same_with_tracking(capsys):
    assert main(["--examples", str(OWN), "--jobs", "2"]) == 0
    said = lines_of(capsys)
    assert sum(line.startswith("same ") for line in said) == len(list(OWN.glob("*.py"))) == 3
    assert "gallery: 3 examples run, 0 left out, 0 different" in said


SPOILED = """
import random, sys, warnings
import autotrack, numpy as np
np.random.seed(0)
random.seed(0)
print(autotrack.is_enabled())
if autotrack.is_enabled():
    warnings.warn("on")
    np.random.random(), random.random()
    sys.exit(1)
"""


def test_what_is_different_is_told(tmp_path, capsys):
    (tmp_path / "plot_spoiled.py").write_text(SPOILED)
    assert main(["--examples", str(tmp_path)]) == 1
    said = "\n".join(lines_of(capsys))
    assert said.startswith("DIFFERENT")
    assert "stdout: 'True', not 'False'" in said
    assert "stderr: 2 lines, not 0" in said
    assert "it ended with 1, not 0" in said
    assert "the state of numpy.random" in said
    assert "the state of random" in said


def test_times_and_unseeded_numbers_are_not_held_against_it(tmp_path):
    path = tmp_path / "timed.py"
    path.write_text("import time, random\nprint('took', time.time(), 's')\nrandom.random()\n")
    bare, again, tracked = (run(command, path) for command in (BARE, BARE, TRACKED))
    assert bare.stdout != again.stdout
    assert differences((bare, again), tracked) == []
    assert bare.cpu > 0


@pytest.mark.parametrize(
    ("bare", "again", "tracked", "is_same"),
    [
        ("took 1.5 s", "took 2 s", "took 3 s", True),
        ("took 1.5 s", "took 2 s", "lasted 3 s", False),
        ("a\nb", "a\nb", "a", False),
        ("score 0.5", "score 0.5", "score 0.6", False),
        ("one", "another", "anything", True),
    ],
)
def test_lines_are_compared_as_far_as_they_are_the_same_each_time(bare, again, tracked, is_same):
    seen = [Seen(text, "", (), 0, {}, 1.0) for text in (bare, again, tracked)]
    assert (differences(seen[:2], seen[2]) == []) is is_same


def test_a_time_that_was_the_same_twice_is_told_by_further_runs(tmp_path, capsys):
    counter = tmp_path / "runs"
    script = f"""
import pathlib
file = pathlib.Path({str(counter)!r})
run = len(file.read_text()) if file.exists() else 0
file.write_text("x" * (run + 1))
print("took", {{0: 0.15, 2: 0.15}}.get(run, 0.1 * run), "s")
"""
    (tmp_path / "plot_timed.py").write_text(script)
    assert main(["--examples", str(tmp_path)]) == 0
    assert "gallery: 1 examples run, 0 left out, 0 different" in lines_of(capsys)
    assert len(counter.read_text()) == 5


def test_what_needs_a_download_or_a_missing_package_is_left_out(tmp_path):
    texts = {
        "fetches": "from sklearn.datasets import fetch_openml\nfetch_openml('iris')",
        "missing": "import no_such_package.inside",
        "runs": "import numpy",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
    reasons = {path.stem: reason_to_leave_out(path) for path in examples(tmp_path)}
    assert reasons["runs"] == ""
    assert reasons["missing"] == "there is no no_such_package"
    assert reasons["fetches"] == "it downloads (fetch_openml)"
    assert [path.stem for path in examples(tmp_path, "r*.py")] == ["runs"]
