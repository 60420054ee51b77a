"""Crates that are damaged, exchanged, cut short or of another time: said so, and never opened."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

import autotrack
from autotrack import (
    ArtifactNotFoundError,
    CaptureWarning,
    ContractError,
    ContractWarning,
    CrateFormatError,
    DigestMismatchError,
    UncratableError,
    UntrustedCrateError,
)
from autotrack.crates.manifest import FORMAT


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return os.mkdir, (str(self.file),)


@pytest.fixture
def trap(tmp_path):
    file = tmp_path / "sprung"
    yield Trap(file)
    assert not file.exists()


@pytest.fixture
def run():
    with autotrack.enable():
        Ridge(alpha=2).fit([[1], [2]], [1, 2])
    return autotrack.last_run()


@pytest.fixture
def folder(run, store_path) -> Path:
    """The crate's folder inside the store."""
    return store_path / "artifacts" / run.run_id / "model"


@pytest.fixture
def saved(run, tmp_path) -> Path:
    """A copy of the crate that only its manifest vouches for."""
    return run.load_model().save(tmp_path / "saved")


def rewrite(folder: Path, **changes) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))


def vouch_for(folder: Path, content: bytes) -> None:
    """Exchange the model and make the manifest agree."""
    (folder / "model.pkl").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    rewrite(folder, files=[{"path": "model.pkl", "size": len(content), "sha256": digest}])


def test_the_digests_are_those_of_the_files(run, folder):
    listed = run.artifacts().set_index("path")
    manifest = json.loads((folder / "manifest.json").read_text())
    present = {path.name for path in folder.iterdir()} - {"manifest.json"}
    assert {packed["path"] for packed in manifest["files"]} == present == {"model.pkl"}
    for packed in manifest["files"]:
        content = (folder / packed["path"]).read_bytes()
        assert packed["size"] == listed["size"][f"model/{packed['path']}"] == len(content)
        assert packed["sha256"] == hashlib.sha256(content).hexdigest()
        assert listed["sha256"][f"model/{packed['path']}"] == packed["sha256"]
    content = (folder / "manifest.json").read_bytes()
    assert listed["sha256"]["model/manifest.json"] == hashlib.sha256(content).hexdigest()


def test_the_digest_of_a_large_model_is_true_as_well():
    """It is made beside the writing, in a thread."""
    model = Ridge().fit([[1], [2]], [1, 2])
    model.ballast = [bytes([number]) * 3_000_000 for number in range(5)]
    with autotrack.start_run() as run:
        autotrack.log_model(model)
    assert run.load_model().estimator.ballast == model.ballast


def test_an_exchanged_model_is_not_opened(run, folder, trap):
    (folder / "model.pkl").write_bytes(pickle.dumps(trap))
    with pytest.raises(DigestMismatchError, match=r"model\.pkl has SHA-256 .*, recorded was"):
        run.load_model()


def test_an_exchanged_model_with_a_manifest_to_match_is_not_opened(run, folder, trap):
    vouch_for(folder, pickle.dumps(trap))
    with pytest.raises(DigestMismatchError, match=r"manifest\.json has SHA-256"):
        run.load_model()


def test_models_swapped_between_two_runs_are_not_opened(run, folder, store_path):
    with autotrack.enable():
        Ridge(alpha=3).fit([[1], [2]], [1, 2])
    other = autotrack.last_run()
    place = store_path / "artifacts" / other.run_id / "model"
    folder.rename(folder.with_name("away"))
    place.rename(folder)
    folder.with_name("away").rename(place)
    for swapped in (run, other):
        with pytest.raises(DigestMismatchError):
            swapped.load_model()


@pytest.mark.parametrize("keep", [0, 1, 50, -1])
def test_a_model_cut_short_is_not_opened(run, folder, keep):
    content = (folder / "model.pkl").read_bytes()
    (folder / "model.pkl").write_bytes(content[:keep])
    with pytest.raises(DigestMismatchError, match="Fit again, or restore it from a copy"):
        run.load_model()


def test_a_single_bit_is_noticed(saved):
    content = bytearray((saved / "model.pkl").read_bytes())
    content[len(content) // 2] ^= 1
    (saved / "model.pkl").write_bytes(content)
    with pytest.raises(DigestMismatchError):
        autotrack.load_model(saved)


def test_an_exchanged_model_in_a_copy_is_not_opened(saved, trap):
    (saved / "model.pkl").write_bytes(pickle.dumps(trap))
    with pytest.raises(DigestMismatchError):
        autotrack.load_model(saved)


def test_the_digests_in_a_folder_do_not_tell_who_made_it(saved, tmp_path):
    vouch_for(saved, pickle.dumps(Ridge(alpha=7)))
    with pytest.raises(UntrustedCrateError):
        autotrack.load_model(saved)
    assert autotrack.load_model(saved, trust=True).estimator.alpha == 7


@pytest.mark.parametrize("name", ["model.pkl", "manifest.json"])
def test_a_missing_file_is_named(run, folder, saved, name):
    for place, load in ((folder, run.load_model), (saved, lambda: autotrack.load_model(saved))):
        (place / name).unlink()
        with pytest.raises(CrateFormatError, match=rf"{name} cannot be read.*take the crate"):
            load()


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"[]", b"3", b"null", b"{}", b'"format"'])
def test_what_is_no_manifest_is_no_crate(saved, content):
    (saved / "manifest.json").write_bytes(content)
    with pytest.raises(CrateFormatError, match=r"manifest\.json .*take the crate from its run"):
        autotrack.load_model(saved)


@pytest.mark.parametrize(
    "changes",
    [
        {"files": None},
        {"files": [3]},
        {"files": [{"path": "model.pkl"}]},
        {"files": {"model.pkl": "x"}},
        {"extra": 1},
        None,
    ],
    ids=repr,
)
def test_a_manifest_of_another_shape_is_no_crate(saved, changes):
    if changes is None:
        (saved / "manifest.json").write_text('{"format": 1}')
    else:
        rewrite(saved, **changes)
    with pytest.raises(CrateFormatError, match=r"does not have the fields of crate format [1234]"):
        autotrack.load_model(saved)


def test_a_crate_of_an_earlier_format_can_be_read(saved):
    path = saved / "manifest.json"
    manifest = json.loads(path.read_text())
    for key in ("kind", "objects", "modules", "sources"):
        del manifest[key]
    path.write_text(json.dumps(manifest | {"format": 1}))
    crate = autotrack.load_model(saved)
    assert crate.manifest.kind == "estimator"
    assert crate.manifest.format == 1
    assert crate.estimator is not None


def test_a_manifest_that_does_not_vouch_for_the_model_opens_nothing(saved, trap):
    (saved / "model.pkl").write_bytes(pickle.dumps(trap))
    rewrite(saved, files=[])
    with pytest.raises(DigestMismatchError, match=r"has no digest of model\.pkl"):
        autotrack.load_model(saved)


@pytest.mark.parametrize("number", [FORMAT + 1, 99, "1", None, 0])
def test_another_format_names_both_numbers(saved, number):
    rewrite(saved, format=number)
    with pytest.raises(
        CrateFormatError, match=rf"crate format {number!r}.*reads up to {FORMAT}; upgrade"
    ):
        autotrack.load_model(saved)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KNOWN = st.fixed_dictionaries(
    {},
    optional={
        "kind": JSON, "shape": JSON, "dtype": JSON,
        "columns": st.lists(
            st.fixed_dictionaries(
                {}, optional=dict.fromkeys(("name", "dtype", "nulls", "levels", "values"), JSON)
            ),
            max_size=3,
        ) | JSON,
    },
)  # fmt: skip


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(KNOWN | JSON)
def test_what_a_manifest_says_of_the_data_is_understood_or_refused(saved, schema):
    rewrite(saved, schema=schema)
    try:
        crate = autotrack.load_model(saved)
    except CrateFormatError:
        return
    with suppress(ContractError, ContractWarning):
        crate.predict([[3]])


def test_a_folder_that_is_no_crate_and_one_that_is_not_there(tmp_path):
    with pytest.raises(CrateFormatError, match="a crate is a folder that holds"):
        autotrack.load_model(tmp_path)
    with pytest.raises(ArtifactNotFoundError, match="there is no crate at"):
        autotrack.load_model(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactNotFoundError, match="there is no crate at"):
        autotrack.load_model(tmp_path / "file")


def test_a_crate_that_is_gone_from_the_store_is_named(run, folder):
    shutil.rmtree(folder)
    with pytest.raises(CrateFormatError, match=rf"{folder}.*cannot be read"):
        run.load_model()


def unpicklable(path):
    """A regression that holds something unpicklable at `path`."""
    model = Ridge()
    holder = model
    for name in path[:-1]:
        setattr(holder, name, Ridge())
        holder = getattr(holder, name)
    setattr(holder, path[-1], (row for row in []))
    return model.fit([[1], [2]], [1, 2])


@pytest.mark.parametrize(
    ("model", "attribute"),
    [
        (lambda: unpicklable(["stream"]), "Ridge.stream"),
        (lambda: unpicklable(["inner", "deep", "stream"]), "Ridge.inner.deep.stream"),
        (lambda: _with({"rows": [1, {"a": iter_()}]}), "Ridge.held['rows'][1]['a']"),
        (lambda: _with((iter_(),)), "Ridge.held[0]"),
    ],
)
def test_what_stands_in_the_way_of_a_crate_is_named(model, attribute):
    with autotrack.start_run() as run, pytest.raises(UncratableError) as caught:
        autotrack.log_model(model())
    assert caught.value.attribute == attribute
    assert f"(at {attribute})" in str(caught.value)
    assert run.artifacts().empty


def iter_():
    return (row for row in [])


def _with(held):
    model = Ridge()
    model.held = held
    return model


def test_a_fit_whose_model_cannot_be_crated_is_finished_and_its_scores_are_there(store_path):
    def fit_thrice():
        for _ in range(3):
            model.fit([[1], [2]], [1, 2])
            model.score([[1], [3]], [1, 2])

    model = Ridge()
    model.stream = iter_()
    with autotrack.enable(), pytest.warns(CaptureWarning) as seen:
        fit_thrice()
    (warning,) = seen
    assert "No crate for this run" in str(warning.message)
    assert "at Ridge.stream" in str(warning.message)
    for run_id in autotrack.search_runs()["run_id"]:
        run = autotrack.get_run(run_id)
        assert run.status == "FINISHED"
        assert "Ridge.stream" in run.tags["autotrack.crate_error"]
        assert run.metrics.keys() == {"test_score"}
        assert run.artifacts().empty
    assert [path for path in (store_path / "artifacts").rglob("*") if path.is_file()] == []
