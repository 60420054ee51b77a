"""A crate is asked in a fresh, isolated process what it was asked at packing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from click.testing import CliRunner
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import autotrack
from autotrack import UntrustedCrateError
from autotrack.cli import main
from autotrack.tracking.crating.background_verify import verifier
from tests.waiting import PATIENCE

RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.random((40, 3))
LABELS = np.where(NUMBERS[:, 0] > 0.5, "high", "low")
FRAME = pd.DataFrame(
    {
        "size": NUMBERS[:, 0],
        "kind": pd.Series(["bean", "leaf"] * 20, dtype=object),
        "grade": pd.Categorical(["a", "b"] * 20),
        "day": pd.Timestamp("2020-01-01"),
        "organic": [True, False] * 20,
    }
)
ONE_HOT = ColumnTransformer(
    [("c", OneHotEncoder(), ["kind", "grade", "organic"])], remainder="drop"
)
CASES = {
    "frame": (make_pipeline(ONE_HOT, LinearRegression()), FRAME, NUMBERS[:, 0]),
    "array": (LogisticRegression(), NUMBERS, LABELS),
    "list": (LogisticRegression(), NUMBERS.tolist(), LABELS),
    "numbered": (LinearRegression(), pd.DataFrame(NUMBERS), NUMBERS[:, 0]),
    "text": (
        make_pipeline(TfidfVectorizer(), MultinomialNB()),
        ["good coffee", "bad tea"] * 20,
        LABELS,
    ),
    "sparse": (MultinomialNB(), sp.csr_matrix(NUMBERS), LABELS),
    "clusters": (KMeans(2, n_init=1), NUMBERS, None),
    "outputs": (MultiOutputClassifier(LogisticRegression()), NUMBERS, np.c_[LABELS, LABELS]),
    "forest": (RandomForestClassifier(5), NUMBERS, LABELS),
}


def crate_of(model, X, y=None) -> autotrack.Crate:
    with autotrack.enable():
        model.fit(X, y)
    return autotrack.last_run().load_model()


def edited(crate: autotrack.Crate, folder: Path, **changes: object) -> Path:
    """A copy of the crate whose manifest says something else."""
    crate.save(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))
    return folder


@pytest.mark.parametrize("name", CASES)
def test_a_model_says_elsewhere_what_it_said_at_packing(name):
    found = crate_of(*CASES[name]).verify()
    assert found, found
    assert found.problems == ()
    assert "predict" in found.methods
    assert str(found).startswith("verified: the same predict")


def test_a_model_that_says_something_else_is_told_of_with_both(tmp_path):
    crate = crate_of(*CASES["array"])
    outputs = crate.manifest.outputs
    outputs["predict"]["example"] = ["high", "high", "average"]
    found = autotrack.load_model(edited(crate, tmp_path / "crate", outputs=outputs)).verify()
    assert not found
    assert "predict returned [" in found.problems[0]
    assert "at packing ['high', 'high', 'average']" in found.problems[0]


def test_last_digits_may_differ_and_others_may_not(tmp_path):
    crate = crate_of(*CASES["numbered"])
    outputs = crate.manifest.outputs
    values = outputs["predict"]["example"]
    for name, factor, same in (("near", 1 + 1e-9, True), ("far", 1 + 1e-4, False)):
        outputs["predict"]["example"] = [value * factor for value in values]
        path = edited(crate, tmp_path / name, outputs=outputs)
        assert bool(autotrack.load_model(path).verify()) is same


def test_a_function_is_opened_and_has_nothing_to_be_asked():
    found = autotrack.crate(lambda score: score > limit, limit=0.3).verify()  # noqa: F821
    assert found
    assert found.methods == ()
    assert "opens" in str(found)


def test_the_process_has_neither_autotrack_nor_the_project(tmp_path, run_python):
    (tmp_path / "project.py").write_text("def change(X):\n    return X\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import autotrack, numpy as np\n"
        "from sklearn.linear_model import LinearRegression\n"
        "class Lazy(LinearRegression):\n"
        "    def predict(self, X):\n"
        "        from project import change\n"
        "        return super().predict(change(X))\n"
        "autotrack.enable()\n"
        "Lazy().fit(np.eye(3), [1, 2, 3])\n"
        "found = autotrack.last_run().load_model().verify()\n"
        "print(found)\n"
        "assert not found\n"
    )
    said = run_python(script).stdout
    assert "No module named 'project'" in said
    assert "does not carry it" in said


def test_a_model_that_ends_its_process_is_a_problem_and_no_crash():
    class Fatal(RegressorMixin, BaseEstimator):
        def fit(self, X, y=None):
            self.parent_ = os.getpid()
            return self

        def predict(self, X):
            if os.getpid() != self.parent_:
                os._exit(3)
            return np.zeros(len(X))

    found = crate_of(Fatal(), NUMBERS, NUMBERS[:, 0]).verify()
    assert "the process ended with 3" in found.problems[0]


def test_the_command_says_yes_or_no_and_ends_accordingly(tmp_path):
    crate = crate_of(*CASES["array"])
    good = crate.save(tmp_path / "good")
    done = CliRunner().invoke(main, ["crate", "verify", str(good)])
    assert done.exit_code == 0
    assert done.output.startswith("verified: the same predict")
    bad = edited(crate, tmp_path / "bad", outputs={"predict": {"shape": [None], "example": [1]}})
    done = CliRunner().invoke(main, ["crate", "verify", str(bad)])
    assert done.exit_code == 1
    assert done.output.startswith("not verified: predict returned")


def test_a_damaged_crate_is_not_opened_to_verify_it(tmp_path):
    folder = crate_of(*CASES["array"]).save(tmp_path / "crate")
    with open(folder / "model.pkl", "ab") as file:
        file.write(b".")
    done = CliRunner().invoke(main, ["crate", "verify", str(folder)])
    assert done.exit_code != 0
    assert isinstance(done.exception, autotrack.DigestMismatchError) or "SHA-256" in done.output


def test_requirements_that_cannot_be_installed_are_named(tmp_path):
    crate = crate_of(*CASES["array"])
    path = edited(crate, tmp_path / "crate", requirements=["no-such-thing-at-all==1.0"])
    with pytest.raises(UntrustedCrateError, match="would install and run no-such-thing-at-all"):
        autotrack.load_model(path).verify(env=True)
    found = autotrack.load_model(path, trust=True).verify(env=True)
    assert not found
    assert "its environment cannot be made" in found.problems[0]
    assert "no-such-thing-at-all" in found.problems[0]


def test_a_python_that_is_not_there_is_named(tmp_path):
    crate = crate_of(*CASES["array"])
    path = edited(crate, tmp_path / "crate", python="3.2.1")
    found = autotrack.load_model(path, trust=True).verify(env=True)
    assert "there is no python3.2" in found.problems[0]


@pytest.mark.thorough
def test_the_requirements_alone_are_enough():
    found = crate_of(*CASES["frame"]).verify(env=True)
    assert found, found
    assert "with its requirements alone" in str(found)


# -- in the background ----------------------------------------------------------------------------


def test_every_fit_is_verified_in_the_background():
    with autotrack.enable(verify_models=True):
        LogisticRegression().fit(NUMBERS, LABELS)
        first = autotrack.last_run()
        LinearRegression().fit(FRAME[["size"]], NUMBERS[:, 0])
        second = autotrack.last_run()
    verifier.finish(PATIENCE)
    assert first.tags["autotrack.verified"] == "yes"
    assert second.tags["autotrack.verified"] == "yes"


def test_what_cannot_be_opened_elsewhere_is_told_of_in_the_run():
    class Fickle(LinearRegression):
        def predict(self, X):
            return np.full(len(X), float(os.getpid()))

    with autotrack.enable(verify_models=True, ask_own_models=True):
        Fickle().fit(NUMBERS, NUMBERS[:, 0])
    verifier.finish(PATIENCE)
    assert autotrack.last_run().tags["autotrack.verified"].startswith("no: predict returned")


def test_the_end_of_a_script_waits_for_the_last_crate(tmp_path, run_python, store_path):
    run_python(
        code="import autotrack, numpy as np\n"
        "autotrack.enable()\n"
        "from sklearn.linear_model import LinearRegression\n"
        "LinearRegression().fit(np.eye(3), [1, 2, 3])\n",
        AUTOTRACK_VERIFY_MODELS="1",
    )
    runs = autotrack.search_runs()
    assert runs["tags.autotrack.verified"].tolist() == ["yes"]


def test_a_crate_that_is_replaced_meanwhile_is_no_failure():
    model = LinearRegression()
    with autotrack.enable(verify_models=True), autotrack.start_run() as run:
        for _ in range(3):
            model.fit(NUMBERS, NUMBERS[:, 0])
    verifier.finish(PATIENCE)
    assert run.tags["autotrack.verified"] == "yes"


# -- what goes in by value ------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path) -> Path:
    """A package with an estimator, and an environment's folder for it."""
    root = tmp_path / "source"
    (root / "owncode").mkdir(parents=True)
    (root / "owncode" / "__init__.py").write_text(
        "from sklearn.linear_model import LinearRegression\n"
        "class Mine(LinearRegression):\n"
        "    pass\n"
    )
    (root / "pyproject.toml").write_text(
        "[build-system]\nrequires = ['hatchling']\nbuild-backend = 'hatchling.build'\n"
        "[project]\nname = 'owncode'\nversion = '1.2.3'\n"
    )
    return root


FIT = """
import sys
import autotrack, numpy as np
given = eval(sys.argv[1])
autotrack.enable(code_by_value=given)
from owncode import Mine
Mine().fit(np.eye(3), [1, 2, 3])
manifest = autotrack.last_run().load_model().manifest
print(manifest.code, [r for r in manifest.requirements if "own" in r])
"""


def installed(package: Path, tmp_path: Path, *, editable: bool) -> dict[str, str]:
    """Make the package look installed, as pip would leave it, and say how to find it."""
    site = tmp_path / "site"
    info = site / "owncode-1.2.3.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: owncode\nVersion: 1.2.3\n")
    (info / "RECORD").write_text("owncode/__init__.py,,\n")
    (info / "top_level.txt").write_text("owncode\n")
    folders = [str(site)]
    if editable:
        url = {"url": f"file://{package}", "dir_info": {"editable": True}}
        (info / "direct_url.json").write_text(json.dumps(url))
        folders.append(str(package))
    else:
        shutil.copytree(package / "owncode", site / "owncode")
    return {"PYTHONPATH": os.pathsep.join([*folders, os.environ.get("PYTHONPATH", "")])}


@pytest.mark.parametrize(
    ("editable", "given", "expected"),
    [
        (True, "None", "['owncode.Mine'] []"),
        (True, "True", "['owncode.Mine'] []"),
        (True, "False", "[] ['owncode==1.2.3']"),
        (False, "None", "[] ['owncode==1.2.3']"),
        (False, "['owncode']", "['owncode.Mine'] []"),
    ],
)
def test_what_is_installed_goes_by_name_and_what_is_edited_by_value(
    package, tmp_path, run_python, editable, given, expected
):
    where = installed(package, tmp_path, editable=editable)
    script = tmp_path / "fit.py"
    script.write_text(FIT)
    done = run_python(script, given, cwd=tmp_path, **where)
    assert done.stdout.strip().splitlines()[-1] == expected


def test_names_of_modules_are_read_from_the_environment_too(package, tmp_path, run_python):
    where = installed(package, tmp_path, editable=False)
    script = tmp_path / "fit.py"
    script.write_text(FIT)
    done = run_python(script, "None", AUTOTRACK_CODE_BY_VALUE="owncode, other.module", **where)
    assert done.stdout.strip().splitlines()[-1] == "['owncode.Mine'] []"


def test_what_is_no_module_is_refused():
    with pytest.raises(autotrack.SettingError, match="expected True, False or names of modules"):
        autotrack.enable(code_by_value=["not a module"])


def test_the_script_that_asks_needs_no_autotrack():
    from autotrack.crates.verification import replay

    done = subprocess.run(
        [sys.executable, "-I", replay.__file__],
        input=json.dumps({"file": "nowhere", "storage": "pickle", "objects": 0, "methods": []}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["error"].startswith("FileNotFoundError")
