"""Packing streams to disk."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

CODE = """
import re
from pathlib import Path

import numpy as np
from sklearn.linear_model import Ridge

import autotrack


def megabytes(what):
    return int(re.search(what + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024


small, large = Ridge().fit([[1], [2]], [1, 2]), Ridge().fit([[1], [2]], [1, 2])
large.trees_ = [np.random.default_rng(n).random(250_000) for n in range(100)]
with autotrack.start_run():
    autotrack.log_model(small)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before = megabytes("VmRSS")
    autotrack.log_model(large)
print(megabytes("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measured by Linux's /proc")
def test_a_model_of_200_megabytes_costs_no_second_200(run_python, store_path: Path):
    grown = float(run_python(code=CODE).stdout)
    sizes = [path.stat().st_size for path in store_path.rglob("model.pkl")]
    assert max(sizes) > 200_000_000
    assert grown < 64
