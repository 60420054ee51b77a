"""The requirements of a crate are what its pickle imports: no more, no less."""

from __future__ import annotations

import importlib.metadata
import json
import pickletools
import platform
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score, make_scorer, mean_squared_error
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, StandardScaler
from sklearn.utils.discovery import all_estimators

import autotrack
from autotrack import VersionWarning

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


EXPERIMENTAL = {"HalvingGridSearchCV", "HalvingRandomSearchCV", "IterativeImputer"}


@pytest.mark.filterwarnings("ignore")  # deprecated classes, fits that do not converge
def test_the_requirements_of_all_kinds_of_estimators_are_exact(tmp_path):
    checked = 0
    # Those that another test may have switched on would have others checked than without them.
    settled = [(n, kind) for n, kind in all_estimators() if n not in EXPERIMENTAL]
    for name, kind in settled[::4]:
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


_OPTIONAL = ["skops", "mlflow", "fastapi", "uvicorn", "matplotlib", "dask", "polars", "pyarrow"]
_MISSING = """
import sys
class Missing:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Missing)
"""
_BARE = (
    _MISSING
    + """
import pickle
held = pickle.load(open({path!r}, "rb"))
assert held.predict([[0.1, 0.2], [0.9, 0.8]]).shape == (2,)
"""
)
_HERE = (
    _MISSING
    + """
import autotrack
crate = autotrack.load_model({path!r}, trust=True)
assert crate.predict([[0.1, 0.2], [0.9, 0.8]]).shape == (2,)
"""
)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(FunctionTransformer(np.log1p), RandomForestClassifier(3)),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, scoring=make_scorer(f1_score), cv=2),
        CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=3), cv=2),
        StackingClassifier([("a", LogisticRegression()), ("b", KNeighborsClassifier())], cv=2),
        make_pipeline(ColumnTransformer([("x", KBinsDiscretizer(3), [0])]), GaussianNB()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_crate_of_pure_scikit_learn_needs_nothing_else(model, run_python, tmp_path):
    X = np.random.default_rng(0).random((60, 2))
    y = (X[:, 0] > 0.5).astype(int)
    with warnings.catch_warnings(), autotrack.enable():
        warnings.simplefilter("ignore")
        model.fit(X, y)
        crate = autotrack.last_run().load_model()
    folder = crate.save(tmp_path / "crate")
    assert [each.partition("==")[0] for each in crate.requirements] == ["numpy", "scikit-learn"]
    assert crate.manifest.code == []
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    bare = _BARE.format(missing=["autotrack", "pandas", *_OPTIONAL], path=f"{folder}/model.pkl")
    run_python(code=bare, cwd=elsewhere)
    run_python(code=_HERE.format(missing=_OPTIONAL, path=str(folder)), cwd=elsewhere)


def test_a_crate_of_other_versions_of_everything_opens_with_one_warning(tmp_path):
    X = np.random.default_rng(0).random((60, 2))
    with autotrack.enable():
        make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X[:, 0] > 0.5)
        folder = autotrack.last_run().load_model().save(tmp_path / "crate")
    manifest = Path(folder) / "manifest.json"
    text = manifest.read_text()
    for said, other in (
        (f"scikit-learn=={sklearn.__version__}", "scikit-learn==1.0.1"),
        (f"numpy=={np.__version__}", "numpy==99.0.0"),
        (f'"python": "{platform.python_version()}"', '"python": "3.99.0"'),
    ):
        assert said in text
        text = text.replace(said, other)
    manifest.write_text(text)
    with pytest.warns(VersionWarning, match="scikit-learn 1.0.1") as told:
        crate = autotrack.load_model(str(folder), trust=True)
    assert len(told) == 1
    assert crate.predict(X).shape == (60,)
