"""Crates of every format that was released open, and say what they always said."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import autotrack
from autotrack import VersionWarning
from autotrack.crates.manifest import FORMAT

FIXTURES = Path(__file__).parent / "formats"
FORMATS = range(1, FORMAT + 1)


def opened(folder: Path | str) -> autotrack.Crate:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionWarning)
        return autotrack.load_model(folder, trust=True)


@pytest.mark.parametrize("number", FORMATS)
def test_a_crate_of_every_format_opens_and_predicts_what_it_did(number):
    folder = FIXTURES / str(number)
    expected = json.loads((folder / "expected.json").read_text())
    crate = opened(folder / "crate")
    assert crate.manifest.format == number
    rows = pd.DataFrame(expected["rows"])
    np.testing.assert_allclose(crate.predict(rows), expected["predictions"])
    np.testing.assert_allclose(crate.predict(rows[["flavor", "aroma"]]), expected["predictions"])
    assert "needs" in repr(crate)


@pytest.mark.parametrize("number", FORMATS)
def test_a_crate_of_every_format_can_be_verified(number):
    assert opened(FIXTURES / str(number) / "crate").verify()


@pytest.mark.parametrize("number", FORMATS)
def test_a_crate_of_every_format_can_be_registered_and_saved_again(number, tmp_path):
    folder = shutil.copytree(FIXTURES / str(number) / "crate", tmp_path / "crate")
    version = autotrack.register_model(folder, "old", trust=True)
    again = opened(version.uri)
    saved = opened(again.save(tmp_path / "saved"))
    assert saved.manifest == again.manifest


# -- other versions -------------------------------------------------------------------------------


def packed_with(tmp_path: Path, *requirements: str) -> Path:
    with autotrack.enable():
        LinearRegression().fit(np.eye(3), [1, 2, 3])
    folder = autotrack.last_run().load_model().save(tmp_path / "crate")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["requirements"] = list(requirements)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_another_scikit_learn_is_one_warning_that_names_both(tmp_path):
    import sklearn

    folder = packed_with(tmp_path, "numpy==1.0", "scikit-learn==1.2.3")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        autotrack.load_model(folder)
    (warning,) = told
    assert warning.category is VersionWarning
    assert f"scikit-learn 1.2.3, and this is {sklearn.__version__}" in str(warning.message)
    assert warning.filename == __file__


def test_the_warnings_of_each_estimator_are_not_shown_beside_it():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        crate = autotrack.load_model(FIXTURES / "1" / "crate", trust=True)
    packed = [name for name in crate.requirements if name.startswith("scikit-learn")]
    import sklearn

    expected = [] if packed == [f"scikit-learn=={sklearn.__version__}"] else [VersionWarning]
    assert [warning.category for warning in told] == expected


def test_the_same_versions_are_nothing_to_be_warned_of(tmp_path):
    with autotrack.enable():
        LinearRegression().fit(np.eye(3), [1, 2, 3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        autotrack.last_run().load_model()
