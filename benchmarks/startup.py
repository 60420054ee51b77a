"""Importing, switching on, a new store and the first fit: a fresh process for each sample."""

from __future__ import annotations

import json
import tempfile

from benchmarks.children import module_output
from benchmarks.timing import Samples, differences


def startup(quick: bool) -> Samples:
    """Everything that happens once in a process, autotrack's."""
    found = _samples(("bare", "autotrack", "autotrack_store"), 4 if quick else 15)
    found["first_fit"] = differences(found["first_fit"], found["bare_first_fit"])
    return found


def mlflow_startup(quick: bool) -> Samples:
    """The same for MLflow."""
    return _samples(("mlflow",), 1 if quick else 3)


def _samples(kinds: tuple[str, ...], rounds: int) -> Samples:
    found: Samples = {}
    for number in range(rounds + 1):
        for kind in kinds:
            with tempfile.TemporaryDirectory(dir=".") as folder:
                sample: dict[str, float] = json.loads(
                    module_output("benchmarks.fresh", kind, cwd=folder)
                )
            if number:  # the first one fills the disk cache and writes bytecode
                for name, seconds in sample.items():
                    found.setdefault(name, []).append(seconds)
    return found
