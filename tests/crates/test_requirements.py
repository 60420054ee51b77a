"""The requirements of a crate are what its pickle imports: no more, no less."""

from __future__ import annotations

import importlib.metadata
import json
import pickletools
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.discovery import all_estimators

import autotrack

rng = np.random.default_rng(0)
X = np.abs(rng.normal(size=(30, 3)))
y = np.arange(30) % 2
DISTRIBUTIONS = {"sklearn": "scikit-learn"}


def imported_modules(pickled: bytes) -> set[str]:
    """The modules that loading imports, by following the strings on the pickle's stack."""
    found, strings, memo, last = set(), [], [], None
    for opcode, argument, _ in pickletools.genops(pickled):
        if "UNICODE" in opcode.name:
            last = argument
            strings.append(argument)
        elif opcode.name == "MEMOIZE":
            memo.append(last)
        elif opcode.name in ("BINGET", "LONG_BINGET"):
            last = memo[argument]
            if isinstance(last, str):
                strings.append(last)
        else:
            if opcode.name == "STACK_GLOBAL":
                found.add(strings[-2])
            last = None
    return found


def exact(modules: set[str]) -> list[str]:
    found = set()
    for top in {name.partition(".")[0] for name in modules}:
        name = DISTRIBUTIONS.get(top, top)
        try:
            found.add(f"{name}=={importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue  # the standard library
    return sorted(found)


def check(model, folder: Path) -> list[str]:
    with autotrack.start_run() as run:
        autotrack.log_model(model)
    saved = run.load_model().save(folder / run.run_id)
    needs = json.loads((saved / "manifest.json").read_text())["requirements"]
    assert needs == exact(imported_modules((saved / "model.pkl").read_bytes()))
    return [line.partition("==")[0] for line in needs]


@pytest.mark.filterwarnings("ignore")  # deprecated classes, fits that do not converge
def test_the_requirements_of_all_kinds_of_estimators_are_exact(tmp_path):
    checked = 0
    for name, kind in all_estimators()[::4]:
        try:
            model = kind().fit(X, y)
        except (AttributeError, TypeError, ValueError):
            continue  # wants other data (texts), or other estimators
        if not hasattr(model, "predict") and not hasattr(model, "transform"):
            continue
        assert "scikit-learn" in check(model, tmp_path), name
        checked += 1
    assert checked >= 35


@pytest.mark.parametrize(
    ("model", "needs"),
    [
        (Ridge(), ["numpy", "scikit-learn"]),
        (make_pipeline(FunctionTransformer(np.log1p), Ridge()), ["numpy", "scikit-learn"]),
        (
            make_pipeline(FunctionTransformer(lambda x: x), Ridge()),
            ["cloudpickle", "numpy", "scikit-learn"],
        ),
        (
            GridSearchCV(Ridge(), {"alpha": [1, 2]}, scoring=make_scorer(mean_squared_error), cv=2),
            ["numpy", "scikit-learn"],
        ),
        (CalibratedClassifierCV(LogisticRegression(), cv=2), ["numpy", "scikit-learn"]),
    ],
)
def test_each_distribution_is_named_once(model, needs, tmp_path):
    assert check(model.fit(X, y), tmp_path) == needs


def test_what_the_data_brought_into_the_model_is_named(tmp_path):
    sparse = KNeighborsRegressor(algorithm="brute").fit(sp.csr_matrix(X), y)
    assert "scipy" in check(sparse, tmp_path)


def test_nothing_of_autotrack_is_in_the_pickle_while_tracking_is_on(tmp_path):
    with autotrack.enable():
        make_pipeline(FunctionTransformer(lambda x: x), Ridge()).fit(X, y)
        saved = autotrack.last_run().load_model().save(tmp_path / "model")
    modules = imported_modules((saved / "model.pkl").read_bytes())
    assert not any(name.startswith("autotrack") for name in modules)
    assert not any("autotrack" in line for line in autotrack.load_model(saved).requirements)
