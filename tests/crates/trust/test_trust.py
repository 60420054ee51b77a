"""A pickle opens because the store in use packed it, or on its caller's word."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import pickle
import shutil
import warnings
from collections import OrderedDict, deque, namedtuple
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import Bunch

import autotrack
from autotrack import (
    CrateFormatError,
    DigestMismatchError,
    InvalidValueError,
    UntrustedCrateError,
    VersionWarning,
)
from autotrack.crates.folder import check_file, read_file
from autotrack.crates.manifest import PackedFile
from autotrack.crates.trust.scanner import COMPUTED, contents
from autotrack.crates.trust.trust import packed_here
from tests.crates.hostile import Calls, exchange, rewrite, trap

X = np.arange(40.0).reshape(20, 2)
Y = np.arange(20) % 2

linux_places = pytest.mark.skipif(
    os.open not in os.supports_dir_fd, reason="files are not named by their folder here"
)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def forged(tmp_path):
    """Makes a crate of a stranger's: any pickle, with a manifest to match."""
    folder = autotrack.crate(Ridge().fit(X, Y)).save(tmp_path / "forged")
    return functools.partial(exchange, folder)


@pytest.fixture
def proof(tmp_path):
    """What is there once the trap has sprung."""
    return tmp_path / "sprung"


@pytest.fixture
def strange(forged, proof):
    """A crate of a stranger's that makes a folder when it is opened."""
    return forged(trap(proof))


@pytest.fixture
def harmless(forged):
    """A crate of a stranger's that holds a model and nothing else."""
    return forged(pickle.dumps(make_pipeline(StandardScaler(), Ridge()).fit(X, Y), 5))


# -- nobody's word --------------------------------------------------------------------------------


@pytest.mark.parametrize("trust", [False, None, (), [], ["sklearn.linear_model._ridge.Ridge"]])
def test_a_pickle_does_not_open_on_looking_harmless(harmless, trust):
    with pytest.raises(UntrustedCrateError):
        autotrack.load_model(harmless, trust=trust)


def test_the_error_says_all_that_is_known_and_both_ways_on(forged, tmp_path):
    scaled = make_pipeline(FunctionTransformer(np.log1p), Ridge()).fit(X, Y)
    folder = forged(pickle.dumps([scaled, Calls(os.mkdir, str(tmp_path / "sprung"))], 5))
    rewrite(folder, run_id="a" * 32, created="2020-01-01")
    with pytest.raises(UntrustedCrateError) as caught:
        autotrack.load_model(folder)
    message = str(caught.value)
    assert "numpy, posix, sklearn" in message
    assert "posix.mkdir" in message
    for name in ("model.pkl", "manifest.json"):
        assert f"{sha256(folder / name)} {name}" in message
        assert caught.value.digests[name] == sha256(folder / name)
    assert f"packed 2020-01-01 by autotrack {autotrack.__version__} in run {'a' * 32}" in message
    assert f'trust="{sha256(folder / "model.pkl")}"' in message
    assert "trust=True" in message
    assert {"posix.mkdir", "sklearn.pipeline.Pipeline"} <= set(caught.value.names)
    assert not (tmp_path / "sprung").exists()


def test_the_error_says_that_a_crate_carries_code(tmp_path):
    folder = autotrack.crate(lambda v: v + 1).save(tmp_path / "code")
    content = (folder / "model.pkl").read_bytes()
    exchange(folder, content.replace(b"<lambda>", b"<lambdA>"))
    with pytest.raises(UntrustedCrateError, match="carries code   functions or classes of its own"):
        autotrack.load_model(folder)


def test_the_error_shows_control_characters_and_does_not_obey_them(forged):
    folder = forged(b"cos\x1b[31m\nsys\x9btem\n)R.")
    rewrite(folder, estimator="\x1b]0;title\x07", run_id="\u202egnp", created="\ud800")
    with pytest.raises(UntrustedCrateError) as caught:
        autotrack.load_model(folder)
    assert all(line.isprintable() for line in str(caught.value).splitlines())
    assert "\\u001b" in str(caught.value)


# -- the caller's word ----------------------------------------------------------------------------


def test_a_crate_opens_on_the_word_of_its_caller(harmless):
    digests = [sha256(harmless / name) for name in ("model.pkl", "manifest.json")]
    for trust in (True, *digests, digests[0].upper(), digests, (digests[0], "0" * 64)):
        assert autotrack.load_model(harmless, trust=trust).predict(X).shape == (20,)


def test_the_word_is_for_exactly_these_bytes(strange, harmless, proof):
    word = "0" * 64
    with pytest.raises(UntrustedCrateError):
        autotrack.load_model(strange, trust=word)
    assert not proof.exists()


def test_bytes_exchanged_below_a_word_are_not_opened(harmless, proof):
    word = sha256(harmless / "model.pkl")
    exchange(harmless, trap(proof))
    with pytest.raises(UntrustedCrateError):
        autotrack.load_model(harmless, trust=word)
    manifest = json.loads((harmless / "manifest.json").read_text())
    manifest["files"][0]["sha256"] = word
    (harmless / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DigestMismatchError):
        autotrack.load_model(harmless, trust=word)
    assert not proof.exists()


@pytest.mark.parametrize("ballast", [0, 3_000_000])
def test_the_bytes_that_were_digested_are_those_that_are_loaded(
    forged, proof, monkeypatch, ballast
):
    """Whatever becomes of the file as soon as its digest was made."""
    model = make_pipeline(StandardScaler(), Ridge()).fit(X, Y)
    model.ballast = np.arange(float(ballast))
    harmless = forged(pickle.dumps(model, 5))

    def read_and_exchange(*args, **options):
        content = read_file(*args, **options)
        with open(harmless / "model.pkl", "r+b") as file:
            file.write(trap(proof))
            file.truncate()
        return content

    monkeypatch.setattr("autotrack.crates.load.read_file", read_and_exchange)
    crate = autotrack.load_model(harmless, trust=True)
    assert crate.estimator.ballast.sum() == model.ballast.sum()
    assert (harmless / "model.pkl").read_bytes() == trap(proof)
    assert not proof.exists()


@pytest.mark.parametrize(
    "trust", [3, [""], ["a b"], [None], "code", "sklearn", "True", 1.0, [True]]
)
def test_what_is_no_word_is_refused(harmless, trust):
    with pytest.raises(InvalidValueError, match="trust= takes True, the SHA-256"):
        autotrack.load_model(harmless, trust=trust)


def test_what_runs_on_a_word_runs_and_errors_in_it_are_ours(forged, tmp_path):
    folder = forged(pickle.dumps(Calls(os.mkdir, str(tmp_path / "made"))))
    autotrack.load_model(folder, trust=True)
    assert (tmp_path / "made").exists()
    with pytest.raises(CrateFormatError, match="FileExistsError"):
        autotrack.load_model(folder, trust=True)


def test_a_package_that_is_not_there_is_named_with_its_version(forged):
    folder = forged(b"cabsent_package.models\nModel\n)R.")
    rewrite(folder, requirements=["absent-package==1.2", "numpy==2.0"])
    with pytest.raises(CrateFormatError, match=r"pip install absent-package==1\.2 \[AT451\]$"):
        autotrack.load_model(folder, trust=True)


# -- the store's ----------------------------------------------------------------------------------


def logged():
    """A run with code by value, and its crate's address."""
    with autotrack.start_run() as run:
        autotrack.log_model(lambda v: v * 3)
    return run, f"runs:/{run.run_id}/model"


def test_code_loads_from_the_run_that_packed_it():
    run, uri = logged()
    assert autotrack.load_model(uri)(2) == 6
    assert run.load_model()(2) == 6


def test_what_the_store_packed_opens_whatever_is_in_it(proof):
    """Its own records vouch; what a model calls when it is opened is its author's affair."""
    model = Ridge().fit(X, Y)
    model.trap = Calls(os.mkdir, str(proof))
    with autotrack.start_run() as run:
        autotrack.log_model(model)
    run.load_model()
    assert proof.exists()


def test_a_copy_of_what_the_store_packed_opens_where_that_store_is_in_use(tmp_path, run_python):
    run, _ = logged()
    saved = run.load_model().save(tmp_path / "copy")
    code = "import autotrack; print(autotrack.load_model('copy')(2))"
    assert run_python(code=code).stdout == "6\n"
    autotrack.delete_run(run.run_id)
    assert run_python(code=code).stdout == "6\n"
    done = run_python(code=code, AUTOTRACK_STORE=str(tmp_path / "other"), check=False)
    assert "UntrustedCrateError" in done.stderr
    assert not (tmp_path / "other").exists()
    assert saved.exists()


def test_files_that_were_logged_are_not_the_packers(strange, proof):
    with autotrack.start_run() as run:
        autotrack.log_artifacts(strange, "model")
    uri = f"runs:/{run.run_id}/model"
    for attempt in (
        lambda: autotrack.load_model(uri),
        run.load_model,
        lambda: autotrack.register_model(uri, "laundered"),
        lambda: autotrack.log_model(uri),
    ):
        with pytest.raises(UntrustedCrateError):
            attempt()
    assert not proof.exists()
    assert autotrack.search_models().empty


def test_a_crate_of_pure_scikit_learn_of_another_version_opens_with_one_warning():
    with autotrack.start_run() as run:
        autotrack.log_model(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y))
    folder = Path(run.load_model().save(Path(os.environ["AUTOTRACK_STORE"]).parent / "saved"))
    content = (folder / "model.pkl").read_bytes()
    import sklearn

    version = sklearn.__version__
    older = version[:-1] + ("0" if version[-1] != "0" else "1")
    assert version.encode() in content
    exchange(folder, content.replace(version.encode(), older.encode()),
             requirements=[f"scikit-learn=={older}"])  # fmt: skip
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        crate = autotrack.load_model(folder, trust=True)
    assert [warning.category for warning in told] == [VersionWarning]
    assert crate.predict(X).shape == (20,)


# -- nothing is laundered -------------------------------------------------------------------------


def opens(path: Path | str) -> bool:
    """Whether something opens on nobody's word."""
    try:
        autotrack.load_model(path)
    except UntrustedCrateError:
        return False
    return True


def test_a_crate_of_a_stranger_is_registered_on_a_word_alone(strange, proof, store_path):
    with pytest.raises(UntrustedCrateError, match=r"posix\.mkdir"):
        autotrack.register_model(strange, "trap")
    assert autotrack.search_models().empty
    assert not list((store_path / "artifacts").rglob("model.pkl"))
    version = autotrack.register_model(strange, "trap", trust=sha256(strange / "model.pkl"))
    assert not proof.exists()
    autotrack.load_model(version.uri)
    assert proof.exists()


def test_a_crate_that_was_opened_on_a_word_is_logged_on_a_word_alone(harmless):
    word = sha256(harmless / "model.pkl")
    crate = autotrack.load_model(harmless, trust=True)
    with autotrack.start_run() as run:
        for model in (crate, crate.estimator, crate.estimator[-1], make_pipeline(crate.estimator)):
            with pytest.raises(UntrustedCrateError, match="comes from a crate that the store"):
                autotrack.log_model(model)
        with pytest.raises(UntrustedCrateError):
            autotrack.log_model(harmless)
        with pytest.raises(UntrustedCrateError):
            autotrack.log_model(crate, trust="0" * 64)
        assert run.artifacts().empty
        autotrack.log_model(crate, "by-digest", trust=word)
        autotrack.log_model(crate.estimator, "by-yes", trust=True)
        autotrack.log_model(str(harmless), "folder", trust=word)
    for name in ("by-digest", "by-yes", "folder"):
        assert opens(f"runs:/{run.run_id}/{name}")


class Slotted:
    __slots__ = ("held",)

    def __init__(self, held):
        self.held = held


Named = namedtuple("Named", "held")
CONTAINERS = {
    "an array": lambda model: np.array([model], dtype=object),
    "a masked array": lambda model: np.ma.array([model], dtype=object),
    "a bunch": lambda model: Bunch(held=model),
    "an ordered dict": lambda model: OrderedDict(held=model),
    "a dict as its key": lambda model: {model: 1},
    "a named tuple": Named,
    "a deque": lambda model: deque([model]),
    "slots": Slotted,
    "a series": lambda model: pd.Series([model]),
    "a frame": lambda model: pd.DataFrame({"held": [model]}),
    "a class of its own": lambda model: type("Own", (), {"held": model}),
    "a method": lambda model: model.predict,
    "a function": lambda model: lambda rows: model.predict(rows),
    "a global of a function": lambda model: eval("lambda rows: held", {"held": model}),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_stranger_is_known_in_whatever_it_is_put_into(harmless, kind):
    model = autotrack.load_model(harmless, trust=True).estimator
    holder = Ridge().fit(X, Y)
    holder.beside_ = CONTAINERS[kind](model)
    with autotrack.start_run(), pytest.raises(UntrustedCrateError):
        autotrack.log_model(holder)


def test_the_members_of_a_strangers_ensemble_are_the_strangers(tmp_path):
    boosted = GradientBoostingClassifier(n_estimators=2).fit(X, Y)
    folder = autotrack.crate(boosted).save(tmp_path / "boosted")
    packed_here.clear()  # another process made it
    member = autotrack.load_model(folder, trust=True).estimator.estimators_[0, 0]
    with autotrack.start_run(), pytest.raises(UntrustedCrateError):
        autotrack.log_model(member)


@linux_places
def test_no_link_is_followed_that_takes_a_folders_place_meanwhile(harmless, tmp_path, monkeypatch):
    (harmless / "inner").mkdir()
    (tmp_path / "outside").mkdir()
    for folder in (harmless / "inner", tmp_path / "outside"):
        (folder / "text").write_text("x" if folder.name == "inner" else "outside")
    digest = hashlib.sha256(b"outside").hexdigest()
    lstat = os.lstat

    def exchanging(path, **where):
        found = lstat(path, **where)
        if os.fspath(path) == "text" or str(path).endswith("inner/text"):
            (harmless / "inner").rename(tmp_path / "moved")
            (harmless / "inner").symlink_to(tmp_path / "outside")
        return found

    monkeypatch.setattr(os, "lstat", exchanging)
    packed = PackedFile("inner/text", 1, digest)
    with pytest.raises(DigestMismatchError, match=hashlib.sha256(b"x").hexdigest()):
        check_file(harmless, packed)


@pytest.mark.parametrize("size", [0, 10**6])
def test_a_file_of_another_size_than_was_written_down_is_neither_read_nor_copied(
    harmless, tmp_path, size
):
    (harmless / "note.txt").write_bytes(b"note")
    packed = PackedFile("note.txt", size, hashlib.sha256(b"note").hexdigest())
    with pytest.raises(DigestMismatchError, match=f"recorded were {size:,}"):
        read_file(harmless, packed)
    with pytest.raises(DigestMismatchError, match=f"recorded were {size:,}"):
        check_file(harmless, packed, tmp_path)
    assert (tmp_path / "note.txt").read_bytes() == b""


def test_a_model_of_ones_own_is_logged_beside_strangers(harmless):
    autotrack.load_model(harmless, trust=True)
    with autotrack.start_run() as run:
        autotrack.log_model(make_pipeline(FunctionTransformer(np.log1p), Ridge()).fit(X, Y))
    assert opens(f"runs:/{run.run_id}/model")


def test_a_stranger_that_is_saved_anew_or_put_into_a_function_stays_one(harmless, tmp_path):
    pytest.importorskip("skops", reason="skops is not installed here")
    crate = autotrack.load_model(harmless, trust=True)
    again = crate.save(tmp_path / "again")
    without = crate.save(tmp_path / "without", format="skops")
    within = autotrack.load_model(without).save(tmp_path / "within", format="pickle")
    model = crate.estimator
    inside = autotrack.crate(lambda rows: model_.predict(rows), model_=model)  # noqa: F821
    function = inside.save(tmp_path / "function")
    for folder in (again, within, function):
        assert not opens(folder)
        with pytest.raises(UntrustedCrateError):
            autotrack.register_model(folder, "laundered")


def test_what_is_trained_further_from_a_stranger_is_recorded_and_not_vouched_for(harmless):
    crate = autotrack.load_model(harmless, trust=True)
    with autotrack.enable():
        crate.estimator.fit(X, Y)
    run = autotrack.last_run()
    assert not opens(f"runs:/{run.run_id}/model")
    assert run.load_model(trust=True).predict(X).shape == (20,)


def test_skops_of_a_stranger_is_not_laundered_into_a_pickle(tmp_path):
    pytest.importorskip("skops", reason="skops is not installed here")
    made = autotrack.crate(Ridge().fit(X, Y)).save(tmp_path / "made", format="skops")
    folder = exchange(made, (made / "model.skops").read_bytes() + b"\0", "model.skops")
    packed_here.clear()  # another process made it
    crate = autotrack.load_model(folder)
    assert not crate.origin.is_vouched
    with autotrack.start_run(), pytest.raises(UntrustedCrateError):
        autotrack.log_model(crate)
    with pytest.raises(UntrustedCrateError):
        autotrack.crate(crate)
    assert not opens(crate.save(tmp_path / "pickle", format="pickle"))
    version = autotrack.register_model(folder, "tea")
    assert opens(version.uri)
    assert not autotrack.load_model(version.uri).origin.is_vouched


def test_nothing_but_what_the_manifest_names_is_copied(harmless, tmp_path):
    (harmless / "link").symlink_to("/etc/passwd")
    os.mkfifo(harmless / "pipe")
    version = autotrack.register_model(harmless, "tea", trust=True)
    saved = autotrack.load_model(version.uri).save(tmp_path / "saved")
    names = {path.name for path in saved.iterdir()}
    assert names == {"model.pkl", "manifest.json", "MLmodel", "conda.yaml", "python_env.yaml",
                     "requirements.txt"}  # fmt: skip


def test_a_crate_whose_files_changed_since_is_neither_saved_nor_verified(harmless, tmp_path, proof):
    crate = autotrack.load_model(harmless, trust=True)
    content = (harmless / "model.pkl").read_bytes()
    exchange(harmless, trap(proof))
    with pytest.raises(DigestMismatchError):
        crate.save(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()
    assert "exchanged" in str(crate.verify())
    assert not proof.exists()
    exchange(harmless, content)


# -- verifying ------------------------------------------------------------------------------------


def test_a_stranger_is_not_opened_to_be_verified(strange, proof):
    from autotrack.tracking.api.models import verify_model

    with pytest.raises(UntrustedCrateError):
        verify_model(str(strange))
    assert not proof.exists()
    verify_model(str(strange), trust=True)
    assert proof.exists()


def test_an_environment_for_a_stranger_holds_wheels_alone(harmless, tmp_path, monkeypatch):
    """Of a source distribution pip would run the setup.py."""
    source = tmp_path / "links" / "evil-1.0"
    source.mkdir(parents=True)
    proof = tmp_path / "built"
    (source / "setup.py").write_text(
        f"open({str(proof)!r}, 'w').close()\n"
        "from setuptools import setup; setup(name='evil', version='1.0')\n"
    )
    shutil.make_archive(str(source), "gztar", source.parent, "evil-1.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(source.parent))
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "1")
    rewrite(harmless, requirements=["evil==1.0"])
    found = autotrack.load_model(harmless, trust=True).verify(env=True)
    assert "its environment cannot be made" in str(found)
    assert not proof.exists()


def test_a_stranger_without_pickle_gets_no_environment_either(tmp_path):
    pytest.importorskip("skops", reason="skops is not installed here")
    made = autotrack.crate(Ridge().fit(X, Y)).save(tmp_path / "made", format="skops")
    folder = rewrite(made, requirements=["evil==1.0"])
    with pytest.raises(UntrustedCrateError, match=r"would install and run evil==1\.0"):
        autotrack.load_model(folder).verify(env=True)


# -- what a pickle would import -------------------------------------------------------------------


def read(content: bytes) -> set[str]:
    return {".".join(name) for name in contents(content).names}


@pytest.mark.parametrize("protocol", range(6))
def test_the_names_in_a_pickle_of_every_protocol_are_read(protocol):
    from fractions import Fraction

    content = pickle.dumps([Fraction(1, 2), Calls(os.getcwd), {"a": (1, b"x" * 300)}], protocol)
    assert {"fractions.Fraction", "posix.getcwd"} <= read(content)
    assert contents(content).unread == ""


def test_names_that_are_computed_repeated_or_taken_from_the_memo_are_followed():
    text = b"\x8c\x02os\x94\x8c\x06system\x94"
    assert read(text + b"\x93.") == {"os.system"}
    assert read(text + b"00h\x00h\x01\x93.") == {"os.system"}
    assert read(b"\x8c\x06system\x8c\x02os2\x8c\x06system\x93\x93.") >= {"os.system"}
    assert read(b"(S'a'\nios\nsystem\n.") == {"os.system"}
    assert read(text + b"N\x86R\x8c\x01x\x93.") == {f"{COMPUTED}.x"}
    assert read(b"\x82\x07.") == {"copyreg.extension 7"}


def test_a_pickle_that_cannot_be_followed_says_from_where_on():
    found = contents(b"cos\nsystem\n\xff")
    assert found.names == {("os", "system")}
    assert found.unread == "no opcode of a pickle (0xff), at byte 11"
    assert contents(b"\x80\x05N").unread.startswith("cut short")


# -- what is vouched for as one thing is not opened as another ------------------------------------


def test_an_archive_hidden_in_a_model_of_the_stores_own_is_not_opened_as_skops(tmp_path):
    """Whoever gives the data of a model decides on bytes in its pickle."""
    pytest.importorskip("skops", reason="skops is not installed here")
    from tests.crates.hostile import node, skops_file

    function = node("FunctionNode", "os.getcwd")
    model = Ridge().fit(X, Y)
    model.data_ = skops_file(function)
    with autotrack.start_run() as run:
        autotrack.log_model(model)
    folder = run.load_model().save(tmp_path / "saved")
    (folder / "model.pkl").rename(folder / "model.skops")
    manifest = json.loads((folder / "manifest.json").read_text())
    files = [file for file in manifest["files"] if file["path"] == "model.pkl"]
    rewrite(folder, storage="skops", files=[{**files[0], "path": "model.skops"}])
    with pytest.raises(CrateFormatError, match="not a file of skops"):
        autotrack.load_model(folder)
    from autotrack.tracking.api.models import verify_model

    assert "not a file of skops" in str(verify_model(str(folder)))


def test_a_text_beside_a_model_is_not_vouched_for_as_one(tmp_path):
    folder = autotrack.crate(Ridge().fit(X, Y)).save(tmp_path / "saved")
    exchange(folder, (folder / "conda.yaml").read_bytes())
    with pytest.raises(UntrustedCrateError):
        autotrack.load_model(folder)


def test_what_is_printed_of_a_crate_has_no_control_characters(harmless):
    rewrite(harmless, estimator="a\x1b[2Jb\nc", preprocessing=["\u202ed\r"], code=["e\x9b"])
    bill = repr(autotrack.load_model(harmless, trust=True))
    assert all(line.isprintable() for line in bill.split("\n"))
    assert "<Crate a\\u001b[2Jb\\u000ac:" in bill


def test_skops_of_a_stranger_opens_with_the_names_of_its_types_and_tells_them(tmp_path):
    pytest.importorskip("skops", reason="skops is not installed here")
    from sklearn.ensemble import RandomForestClassifier

    from autotrack.crates.load import look

    made = autotrack.crate(RandomForestClassifier(3, random_state=0).fit(X, Y))
    folder = made.save(tmp_path / "made", format="skops")
    packed_here.clear()  # another process made it
    with pytest.raises(UntrustedCrateError) as caught:
        autotrack.load_model(folder)
    assert caught.value.names == ["sklearn.tree._tree.Tree"]
    assert look(folder).refused == ("sklearn.tree._tree.Tree",)
    assert not look(folder).opens
    crate = autotrack.load_model(folder, trust=caught.value.names)
    assert crate.predict(X).tolist() == made.predict(X).tolist()
