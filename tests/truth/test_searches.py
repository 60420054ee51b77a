"""A part of the differential test of searches: `python -m tests.truth.searches` runs more."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(600)
def test_killed_and_edited_searches_come_to_what_the_edited_script_does_without_autotrack():
    # In a process of its own: every start of a script is a fork, which must be of one thread.
    options = ["--count", "40", "--seed", "1001", "--seconds", "60"]
    command = [sys.executable, "-m", "tests.truth.searches", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    count, reused = re.search(
        r"(\d+) searches, 0 different.*?reused in (\d+) of", done.stdout
    ).groups()
    assert int(count) >= 3
    assert int(reused) >= 1
