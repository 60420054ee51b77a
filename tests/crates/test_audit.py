"""Crates are looked at before anything of them is loaded: their origin decides."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import autotrack
from autotrack import CrateFormatError, DigestMismatchError, UntrustedCrateError
from autotrack.crates.audit import audit
from autotrack.crates.opcodes import outline
from tests.crates.tricks import PROTO, TRICKS, call, name, text

X = np.arange(40.0).reshape(20, 2)
Y = np.arange(20) % 2
#: What loads, but is no model: nothing of it runs.
HARMLESS = {"a state of nothing", "a list that holds itself"}


class Calls:
    """Unpickling it calls a function."""

    def __init__(self, function, *arguments):
        self.what = function, arguments

    def __reduce__(self):
        return self.what


@pytest.fixture
def forged(tmp_path):
    """Makes a crate of a stranger's: any pickle, with a manifest to match."""
    folder = autotrack.crate(Ridge().fit(X, Y)).save(tmp_path / "forged")
    return functools.partial(exchange, folder)


def exchange(folder: Path, content: bytes) -> Path:
    (folder / "model.pkl").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    digest = hashlib.sha256(content).hexdigest()
    manifest["files"] = [{"path": "model.pkl", "size": len(content), "sha256": digest}]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def names_of(content: bytes) -> dict[str, str]:
    """What is refused of a pickle of unknown origin, with the reasons."""
    refused = audit(content, 1, "a file").refused
    return {".".join(each): why for each, why in refused.items()}


# -- what nobody vouches for ----------------------------------------------------------------------


@pytest.mark.parametrize("trick", sorted(set(TRICKS) - HARMLESS))
def test_a_trick_is_refused_and_nothing_happens(forged, tmp_path, monkeypatch, trick):
    monkeypatch.chdir(tmp_path)
    folder = forged(PROTO + TRICKS[trick] + b".")
    with pytest.raises((UntrustedCrateError, CrateFormatError)):
        autotrack.load_model(folder)
    assert not (tmp_path / "sprung").exists()


def test_the_error_names_all_that_is_refused_and_what_to_pass(forged):
    reading = call(name("pandas", "read_pickle"), text("x"))
    folder = forged(PROTO + reading + call(name("posix", "mkdir"), text("x")) + b"\x86.")
    with pytest.raises(UntrustedCrateError) as caught:
        autotrack.load_model(folder)
    assert caught.value.names == ["pandas.read_pickle", "posix.mkdir"]
    message = str(caught.value)
    assert "posix.mkdir (runs code, or reaches files)" in message
    assert "Nothing of it was executed" in message
    assert "trust=('pandas.read_pickle', 'posix.mkdir',)" in message


def test_what_the_error_says_to_pass_is_enough(forged, tmp_path):
    folder = forged(pickle.dumps([Calls(os.mkdir, str(tmp_path / "made")), _packed_code()]))
    with pytest.raises(UntrustedCrateError) as caught:
        autotrack.load_model(folder)
    (paste,) = re.findall(r"trust=\((.*),\)", str(caught.value))
    autotrack.load_model(folder, trust=eval(f"({paste},)"))
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize("trust", ["json", "json.decoder", "json.decoder.JSONDecoder", ["json"]])
def test_a_package_a_module_or_a_name_can_be_trusted(forged, trust):
    decoder = json.JSONDecoder.__new__(json.JSONDecoder)
    folder = forged(pickle.dumps(decoder))
    assert type(autotrack.load_model(folder, trust=trust).estimator) is json.JSONDecoder


@pytest.mark.parametrize("trust", ["posix", "os", "code", ["posix", "code"]])
def test_what_runs_commands_has_to_be_named_in_full(forged, tmp_path, trust):
    folder = forged(pickle.dumps(Calls(os.mkdir, str(tmp_path / "made"))))
    with pytest.raises(UntrustedCrateError, match=r"posix\.mkdir"):
        autotrack.load_model(folder, trust=trust)
    assert not (tmp_path / "made").exists()
    autotrack.load_model(folder, trust="os.mkdir")
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize("trust", [3, [""], ["a b"], [None]])
def test_what_is_no_name_cannot_be_trusted(forged, trust):
    folder = forged(pickle.dumps(Ridge()))
    with pytest.raises((autotrack.InvalidValueError, TypeError)):
        autotrack.load_model(folder, trust=trust)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(FunctionTransformer(np.log1p), Ridge()),
        make_pipeline(FunctionTransformer(functools.partial(np.clip, a_min=0, a_max=1)), Ridge()),
        GridSearchCV(LogisticRegression(), {"C": [1, 2]}, scoring="roc_auc"),
        RandomForestClassifier(3),
    ],
    ids=lambda model: type(model).__name__,
)
def test_models_of_the_stack_load_from_anywhere(tmp_path, model):
    autotrack.crate(model.fit(X, Y)).save(tmp_path / "model")
    crate = autotrack.load_model(tmp_path / "model")
    assert crate.predict(X).tolist() == model.predict(X).tolist()
    assert audit((tmp_path / "model" / "model.pkl").read_bytes(), 1, "it").refused == {}


def test_distributions_of_a_random_search_load_from_anywhere():
    stats = pytest.importorskip("scipy.stats")
    search = RandomizedSearchCV(Ridge(), {"alpha": stats.loguniform(1, 2)}, n_iter=2)
    assert names_of(pickle.dumps(search.fit(X, Y), 5)) == {}


def test_methods_of_texts_are_trusted_and_other_attributes_are_not():
    words = CountVectorizer(tokenizer=str.split, token_pattern=None).fit(["a b"])
    assert names_of(pickle.dumps(words, 5)) == {}
    assert names_of(pickle.dumps(Calls(getattr, str, "__subclasses__"), 5)) == {
        "builtins.getattr": "reads '__subclasses__' of builtins.str"
    }


DTYPES = ["f8", ">i4", "U7", "S3", "?", "O", "M8[ns]", "m8[25s]", "c16", "V9",
          [("a", "f8"), ("b", "O")], [("a", "i4", (2, 3))], [("in", [("x", "<f4")])]]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(0,), (3,), (2, 2), ()])
def test_arrays_of_every_kind_are_trusted(dtype, shape):
    array = np.zeros(shape, dtype)
    for each in (array, np.asfortranarray(array), array[..., None][::2]):
        assert names_of(pickle.dumps(each, 5)) == {}


@given(st.binary(max_size=30))
def test_any_bytes_are_a_pickle_or_none(content):
    try:
        audit(content, 1, "a file")
    except CrateFormatError as error:
        assert "not opened" in str(error)


@given(st.integers(0, 255), st.integers(-1, 300), st.sampled_from(["f8", "i4", "U2", "V8"]))
def test_a_data_type_with_other_flags_or_sizes_than_its_own_is_refused(flags, size, kind):
    made, state = np.dtype(kind).__reduce__()[:2], list(np.dtype(kind).__reduce__()[2])
    plain = names_of(pickle.dumps(_Rebuilt(*made, tuple(state)), 5))
    assert plain == {}
    before = list(state)
    sizes = {np.dtype(kind).itemsize} if kind[0] in "UV" else {-1, np.dtype(kind).itemsize}
    state[5], state[7] = size, flags
    same = state[7] & ~0x80 == before[7] & ~0x80 and size in sizes
    assert (names_of(pickle.dumps(_Rebuilt(*made, tuple(state)), 5)) == {}) == same


class _Rebuilt:
    def __init__(self, function, arguments, state):
        self.what = function, arguments, state

    def __reduce__(self):
        return self.what


def test_the_outline_of_a_large_model_is_small_and_says_the_same():
    model = Ridge()
    model.ballast = np.zeros(1_000_000)
    content = pickle.dumps(model, 5)
    assert len(content) > 8_000_000
    assert len(outline(content, 1, "it")) < 1000
    assert {each[1] for each in audit(content, 1, "it").names} == {"Ridge", "_frombuffer", "dtype"}


@pytest.mark.parametrize("protocol", [0, 1, 2, 3])
def test_pickles_of_an_older_protocol_are_not_opened(forged, protocol):
    with pytest.raises(CrateFormatError, match="which Python's pickler does not write"):
        autotrack.load_model(forged(pickle.dumps(Ridge(), protocol)))


def test_what_follows_the_pickle_is_noticed(forged):
    one = pickle.dumps(Ridge(), 5)
    with pytest.raises(CrateFormatError, match="bytes follow"):
        autotrack.load_model(forged(one + one))


def test_a_package_that_is_not_there_is_named_with_its_version(forged):
    folder = forged(PROTO + call(name("absent_package.models", "Model")) + b".")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["requirements"] = ["absent-package==1.2", "numpy==2.0"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CrateFormatError, match=r"pip install absent-package==1\.2$"):
        autotrack.load_model(folder, trust="absent_package")


def test_a_trusted_name_that_is_not_there_is_said(forged):
    folder = forged(PROTO + name("sklearn.linear_model._ridge", "Gone") + b")\x81.")
    with pytest.raises(CrateFormatError, match="versions too far from those installed"):
        autotrack.load_model(folder)


# -- what a store vouches for ---------------------------------------------------------------------


def own(step):
    return autotrack.crate(lambda v: v + step, step=step)


def logged():
    """A run with code by value, and its crate's address."""
    with autotrack.start_run() as run:
        autotrack.log_model(lambda v: v * 3)
    return run, f"runs:/{run.run_id}/model"


def test_code_loads_from_the_run_that_packed_it(forged):
    run, uri = logged()
    assert autotrack.load_model(uri)(2) == 6
    assert run.load_model()(2) == 6


def test_a_copy_of_what_the_store_packed_loads_by_its_digest(tmp_path):
    run, _ = logged()
    saved = run.load_model().save(tmp_path / "copy")
    assert autotrack.load_model(saved)(2) == 6
    autotrack.delete_run(run.run_id)
    assert autotrack.load_model(saved)(2) == 6


def test_a_copy_does_not_load_where_its_store_is_not(tmp_path, run_python):
    run, _ = logged()
    saved = run.load_model().save(tmp_path / "copy")
    code = (
        "import autotrack, os\n"
        "os.environ['AUTOTRACK_STORE'] = 'elsewhere'\n"
        f"try: autotrack.load_model({str(saved)!r})\n"
        "except autotrack.UntrustedCrateError as error:\n"
        "    assert \"trust=('code',)\" in str(error), error\n"
        f"else: raise SystemExit('loaded')\n"
        f"assert autotrack.load_model({str(saved)!r}, trust='code')(2) == 6\n"
        "assert not os.path.exists('elsewhere')\n"
    )
    (tmp_path / "elsewhere.py").write_text(code)
    run_python(str(tmp_path / "elsewhere.py"))


def test_files_that_were_logged_are_not_vouched_for(forged, tmp_path):
    folder = forged(pickle.dumps(_packed_code(), 5))
    with autotrack.start_run() as run:
        autotrack.log_artifacts(folder, "model")
    with pytest.raises(UntrustedCrateError):
        run.load_model()
    with pytest.raises(UntrustedCrateError):
        autotrack.register_model(f"runs:/{run.run_id}/model", "laundered")
    assert run.load_model(trust="json").estimator is not None


def _packed_code():
    return json.JSONDecoder.__new__(json.JSONDecoder)


def test_a_crate_of_a_stranger_is_not_laundered_by_registering_it(forged, store_path):
    folder = forged(pickle.dumps(_packed_code(), 5))
    with pytest.raises(UntrustedCrateError, match=r"json\.decoder\.JSONDecoder"):
        autotrack.register_model(folder, "decoder")
    assert autotrack.search_models().empty
    assert not list((store_path / "artifacts").rglob("model.pkl"))
    version = autotrack.register_model(folder, "decoder", trust="json")
    assert type(autotrack.load_model(version.uri).estimator) is json.JSONDecoder


def test_what_runs_commands_is_refused_from_a_run_as_well(tmp_path):
    model = Ridge().fit(X, Y)
    model.trap = Calls(os.mkdir, str(tmp_path / "sprung"))
    with autotrack.start_run() as run:
        autotrack.log_model(model)
    with pytest.raises(UntrustedCrateError) as caught:
        run.load_model()
    assert caught.value.names == ["posix.mkdir"]
    assert not (tmp_path / "sprung").exists()
    run.load_model(trust="posix.mkdir")
    assert (tmp_path / "sprung").exists()


def test_a_damaged_file_is_said_to_be_damaged_whatever_it_holds(forged, tmp_path):
    folder = forged(pickle.dumps(Ridge()))
    for content in (b"", b"\x00", pickle.dumps(Calls(os.mkdir, "x")), os.urandom(3_000_000)):
        (folder / "model.pkl").write_bytes(content)
        with pytest.raises(DigestMismatchError):
            autotrack.load_model(folder)


def test_a_large_model_that_is_damaged_is_not_handed_out(tmp_path):
    model = Ridge().fit(X, Y)
    model.ballast = np.zeros(1_000_000)
    folder = autotrack.crate(model).save(tmp_path / "model")
    content = bytearray((folder / "model.pkl").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.pkl").write_bytes(content)
    with pytest.raises(DigestMismatchError):
        autotrack.load_model(folder)


def test_a_text_names_what_it_pushes():
    """The tricks above are of these parts."""
    assert pickle.loads(PROTO + text("a" * 300) + b".") == "a" * 300
