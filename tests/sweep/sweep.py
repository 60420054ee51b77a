"""Fit every estimator without and with tracking, and compare."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn.base import clone
from threadpoolctl import threadpool_limits

import autotrack
from tests.sweep.estimators import Case
from tests.sweep.outputs import equal, outputs

FRESH = Path(__file__).with_name("fresh.py")
#: Kinds whose fit opens no run: the others make a model.
NO_MODELS = ("transformer", "frozen", "neither")


@dataclass
class Row:
    """What became of one estimator.

    Attributes
    ----------
    runs : list of str
        The kind of each run, those of a search's candidates aside.
    same : bool
        Whether all its answers are those it gives without tracking.
    pickle_same, crate_same : bool
        Whether ``model.pkl`` alone, without autotrack, and the loaded crate answer the same in a
        fresh process.
    """

    name: str
    kind: str
    runs: list[str]
    same: bool = False
    pickle_same: bool = False
    crate_same: bool = False

    @property
    def is_right(self) -> bool:
        """Whether all is as it should be."""
        expected = 0 if self.kind in NO_MODELS else 1
        return len(self.runs) == expected and self.same and self.pickle_same and self.crate_same


def sweep(cases: Sequence[Case], folder: Path) -> list[Row]:
    """Fit and compare all of `cases`, keeping the crates in `folder`."""
    folder.mkdir()
    fitted = {}
    # Sums that several threads make together differ in their last bits.
    with threadpool_limits(1):
        for number, case in enumerate(cases):
            name = f"{number:03}"
            fitted[name] = _fitted(case, folder / name)
    subprocess.run([sys.executable, str(FRESH), str(folder)], check=True, timeout=600)
    bare, crates = pickle.loads((folder / "answers.pkl").read_bytes())
    for name, (row, expected) in fitted.items():
        row.pickle_same = equal(bare[name], expected)
        row.crate_same = equal(crates[name], expected)
    return [row for row, _ in fitted.values()]


def _fitted(case: Case, folder: Path) -> tuple[Row, dict[str, Any]]:
    """All but the fresh process, and what the estimator answers without tracking."""
    # Asked for the very array it keeps, a model may multiply it with itself, in another order.
    data = copy.deepcopy(case.X)
    bare = outputs(_fit(case), data)
    autotrack.create_experiment(folder.name)
    with autotrack.enable(experiment=folder.name):
        model = _fit(case)
        tracked = outputs(model, data)
    found = autotrack.search_runs(folder.name, children=True)
    runs = [str(kind) for kind in found["kind"] if kind != "candidate"]
    if runs and len(set(found["run_id"][found["parent_id"].isna()])) == 1:
        run = autotrack.get_run(found["run_id"][found["parent_id"].isna()].iloc[0])
    else:  # a transformer is crated by hand
        with autotrack.start_run(experiment=folder.name) as run:
            autotrack.log_model(model)
    run.load_model().save(folder)
    (folder / "data.pkl").write_bytes(pickle.dumps(case.X))
    return Row(case.name, case.kind, runs, equal(tracked, bare)), bare


def _fit(case: Case) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence is not what this is about
        warnings.simplefilter("error", autotrack.AutotrackWarning)
        # A clone of a frozen estimator is itself.
        model = clone(case.estimator)
        return model.fit(case.X) if case.y is None else model.fit(case.X, case.y)
