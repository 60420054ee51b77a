"""The user's own classes and functions travel inside the crate."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import PATIENCE

FRESH = Path(__file__).parents[1] / "fresh.py"

HELPERS = """
import dataclasses
import enum
import functools
import logging
import threading

import numpy as np

from pkg import util

FACTOR = 3
log = logging.getLogger(__name__)
never_used = threading.Lock()


def scale(X):
    log.debug("scaling")
    return np.asarray(X) * FACTOR


def clean(X):
    return scale(X) + util.one()


@functools.lru_cache
def cached(number):
    return number * 2


class Mode(enum.Enum):
    ADD = 1
    SKIP = 2


@dataclasses.dataclass
class Options:
    amount: int = 1
"""

STEPS = """
from sklearn.base import BaseEstimator, TransformerMixin

import helpers
from helpers import Mode, Options


class Base(TransformerMixin, BaseEstimator):
    def __init__(self, mode=Mode.SKIP, options=None):
        self.mode = mode
        self.options = options

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self


class Step(Base):
    def __init__(self, mode=Mode.ADD, options=None):
        super().__init__(mode, options)

    def transform(self, X):
        return helpers.clean(X) + (self.options.amount if self.mode is Mode.ADD else 0)
"""

UTIL = """
from . import deep
import helpers  # which imports this module in its turn


def one():
    return deep.ONE + 0 * helpers.FACTOR
"""

TRAIN = """
import json
import pickle
import sys
from pathlib import Path

import autotrack

autotrack.enable()

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.metaestimators import available_if

import helpers
import pkg.util
import steps
from helpers import clean

X = np.arange(20.0).reshape(10, 2) ** 1.5
y = X[:, 0] + 1


def double(X):
    return helpers.scale(X) * 2


def make(factor):
    return lambda X: X * factor


def is_large(model):
    return model.factor > 1


class Mean(RegressorMixin, BaseEstimator):
    "Written while tracking is on: its methods are heard."

    def __init__(self, factor=1):
        self.factor = factor

    def fit(self, X, y):
        self.mean_ = np.mean(y)
        return self

    def predict(self, X):
        return self._all(X) * self.factor

    def _all(self, X):
        return np.full(len(X), self.mean_)

    @available_if(is_large)
    def predict_more(self, X):
        return self.predict(X) + 1

    @staticmethod
    def helper():
        return 1

    @classmethod
    def default(cls):
        return cls()


class More(Mean):
    def predict(self, X):
        return super().predict(X) + helpers.FACTOR


def regression(function):
    return make_pipeline(FunctionTransformer(function), LinearRegression())


MODELS = {
    "function": regression(double),
    "imported": regression(clean),
    "submodule": regression(lambda X: X + pkg.util.one()),
    "lambda": regression(lambda X: X * 2),
    "closure": regression(make(3)),
    "cached": regression(lambda X: X * helpers.cached(3)),
    "class": Mean(2),
    "subclass": More(2),
    "module": make_pipeline(steps.Step(options=helpers.Options(2)), LinearRegression()),
}
for name, model in MODELS.items():
    model.fit(X, y)
    saved = autotrack.last_run().load_model().save(f"saved/{name}")
    (saved / "data.pkl").write_bytes(pickle.dumps(X))
    (saved / "expected.pkl").write_bytes(pickle.dumps(model.predict(X)))
"""

NAMES = [
    "function",
    "imported",
    "submodule",
    "lambda",
    "closure",
    "cached",
    "class",
    "subclass",
    "module",
]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of several files whose models were saved and then used elsewhere."""
    root = tmp_path_factory.mktemp("project")
    (root / "pkg").mkdir()
    for name, code in {
        "helpers.py": HELPERS,
        "steps.py": STEPS,
        "pkg/__init__.py": "",
        "pkg/util.py": UTIL,
        "pkg/deep.py": "ONE = 1\n",
        "train.py": TRAIN,
    }.items():
        (root / name).write_text(code)
    subprocess.run([sys.executable, "train.py"], cwd=root, check=True, timeout=PATIENCE)
    saved = root / "saved"
    subprocess.run([sys.executable, "-I", FRESH, saved], cwd="/", check=True, timeout=PATIENCE)
    return saved, pickle.loads((saved / "answers.pkl").read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_own_code_predicts_where_the_project_does_not_exist(project, name):
    saved, answers = project
    expected = pickle.loads((saved / name / "expected.pkl").read_bytes())
    assert not isinstance(answers[name], str), answers[name]
    assert answers[name].tolist() == expected.tolist()


def test_the_manifest_names_the_code_that_is_inside(project):
    import autotrack

    saved, _ = project
    code = autotrack.load_model(saved / "module", trust=True).manifest.code
    assert {"steps.Step", "steps.Base", "helpers.Mode", "helpers.Options", "helpers.clean"} <= set(
        code
    )
    assert not any("never_used" in name for name in code)
    assert autotrack.load_model(saved / "closure", trust=True).manifest.code == [
        "__main__.make.<locals>.<lambda>"
    ]
    for name in NAMES:
        needs = autotrack.load_model(saved / name, trust=True).requirements
        assert [line.partition("==")[0] for line in needs] == [
            "cloudpickle",
            "numpy",
            "scikit-learn",
        ]


def test_a_crate_does_not_hold_what_the_code_of_the_model_does_not_use(tmp_path, run_python):
    """Least of all the data that lies beside it."""
    (tmp_path / "helpers.py").write_text("SECRET = 'a value of the data'\nFACTOR = 2\n")
    (tmp_path / "train.py").write_text(
        "import autotrack\n"
        "autotrack.enable()\n"
        "from sklearn.linear_model import Ridge\n"
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.preprocessing import FunctionTransformer\n"
        "import helpers\n"
        "ALSO_SECRET = 'another value of the data'\n"
        "step = FunctionTransformer(lambda X: [[x * helpers.FACTOR for x in row] for row in X])\n"
        "make_pipeline(step, Ridge()).fit([[1], [2]], [1, 2])\n"
        "autotrack.last_run().load_model().save('model')\n"
    )
    run_python("train.py")
    content = (tmp_path / "model" / "model.pkl").read_bytes()
    assert b"FACTOR" in content
    assert b"value of the data" not in content


def test_a_class_of_the_script_stays_as_it_is_when_a_crate_of_it_is_loaded_there(
    tmp_path, run_python
):
    (tmp_path / "train.py").write_text(
        "import autotrack\n"
        "from sklearn.base import BaseEstimator\n"
        "class Mine(BaseEstimator):\n"
        "    def fit(self, X, y):\n"
        "        return self\n"
        "    def predict(self, X):\n"
        "        return [1] * len(X)\n"
        "Mine().__reduce_ex__(2)  # Python notes the names of slots in a class that is pickled\n"
        "before = dict(vars(Mine))\n"
        "autotrack.enable()\n"
        "heard = dict(vars(Mine))\n"
        "assert heard != before\n"
        "model = Mine().fit([[1], [2]], [1, 2])\n"
        "run = autotrack.last_run()\n"
        "for _ in range(2):\n"
        "    assert type(run.load_model().estimator) is Mine\n"
        "assert dict(vars(Mine)) == heard\n"
        "model.fit([[1], [2]], [1, 2])\n"
        "assert autotrack.last_run() != run\n"
        "autotrack.disable()\n"
        "assert dict(vars(Mine)) == before\n"
    )
    run_python("train.py")
