"""`autotrack models` and `autotrack crate show`."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re

import pytest
from click.testing import CliRunner
from sklearn.linear_model import Ridge

import autotrack
from autotrack.cli import main


@pytest.fixture
def look():
    """Run a command in this process; what it printed, and how it ended."""

    def look(*args, code=0):
        done = CliRunner().invoke(main, list(args))
        assert done.exit_code == code, done.output
        return done.output

    return look


def registered(name="coffee", **facts):
    with autotrack.enable():
        Ridge().fit([[1.0], [2.0]], [1.0, 2.0])
        run = autotrack.last_run()
    return autotrack.register_model(f"runs:/{run.run_id}/model", name, **facts)


def test_models_lists_versions_with_their_aliases(look):
    first = registered(description="the [first] one", tags={"stage": "test"})
    registered("espresso")
    autotrack.set_alias("coffee", "champion", 1)
    autotrack.update_model("coffee", description="Grades coffee", tags={"team": "roast"})
    out = look("models")
    (line,) = (line for line in out.splitlines() if "champion" in line)
    assert line.split()[:4] == ["coffee", "1", "champion", first.run_id[:8]]
    assert "the [first] one; stage=test" in line
    assert "coffee  Grades coffee; team=roast" in out
    assert "espresso" in out
    assert "espresso" not in look("models", "coffee")


def test_models_as_csv_has_everything(look):
    version = registered(tags={"stage": "test"})
    autotrack.set_alias("coffee", "champion", 1)
    autotrack.set_alias("coffee", "old", 1)
    (row,) = csv.DictReader(io.StringIO(look("models", "--csv")))
    assert (row["run_id"], row["aliases"]) == (version.run_id, "champion old")
    assert row["tags.stage"] == "test"


def test_without_models_it_says_how_to_make_one(look):
    registered()
    autotrack.delete_model("coffee")
    assert "register_model" in look("models", code=1)
    assert "no model is registered as 'coffee'" in look("models", "coffee", code=1)


def test_crate_show_has_the_bill_and_the_code_without_loading_it(look, tmp_path):
    factor = 3

    def scaled(values):
        return [value * factor for value in values]

    autotrack.crate(scaled, factor=factor).save(tmp_path / "crate")
    out = look("crate", "show", str(tmp_path / "crate"))
    assert "<Crate" in out
    assert "factor" in out
    assert "return [" not in out
    assert "cloudpickle.cloudpickle._make_function" in out
    assert "functions or classes of its own" in out
    assert "The store in use packed it" in out
    assert "return [value * factor for value in values]" in look(
        "crate", "show", "--source", str(tmp_path / "crate")
    )
    (tmp_path / "crate" / "model.pkl").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    assert "SHA-256" in look("crate", "show", str(tmp_path / "crate"), code=4)


def test_crate_show_says_what_a_crate_would_import(look, tmp_path):
    autotrack.crate(Ridge().fit([[1.0], [2.0]], [1.0, 2.0])).save(tmp_path / "crate")
    out = look("crate", "show", str(tmp_path / "crate"))
    assert re.search(r"would import   numpy, sklearn: numpy\._?core", out)
    digest = hashlib.sha256((tmp_path / "crate" / "model.pkl").read_bytes()).hexdigest()
    assert f"SHA-256        {digest} model.pkl" in out


def test_crate_show_says_what_the_error_would_say(look, tmp_path, run_python):
    folder = autotrack.crate(Ridge().fit([[1.0], [2.0]], [1.0, 2.0])).save(tmp_path / "crate")
    out = run_python("-m", "autotrack", "crate", "show", folder).stdout
    done = run_python(code="import autotrack; autotrack.load_model('crate')", check=False)
    said = [line for line in out.splitlines() if "SHA-256 " in line or "would import" in line]
    assert len(said) == 3
    assert all(line in done.stderr for line in said)
    assert "did not pack it" in out
    assert "trust=True" in out


def test_crate_convert_makes_one_without_pickle(look, tmp_path, run_python):
    pytest.importorskip("skops", reason="skops is not installed here")
    version = registered()
    look("crate", "convert", version.uri, str(tmp_path / "safe"))
    code = "import autotrack; print(autotrack.load_model('safe').predict([[1.0]]))"
    assert run_python(code=code, AUTOTRACK_STORE=str(tmp_path / "none")).stdout.startswith("[1.")
    folder = autotrack.load_model(version.uri).save(tmp_path / "pickle")
    convert = ["-m", "autotrack", "crate", "convert", folder, tmp_path / "made"]
    other = {"AUTOTRACK_STORE": str(tmp_path / "none")}
    done = run_python(*convert, check=False, **other)
    assert done.returncode == 4
    assert "did not pack" in done.stderr
    run_python(*convert, "--trust", **other)
    assert (tmp_path / "made" / "model.skops").exists()


def test_crates_are_shown_and_verified_at_their_addresses(look):
    version = registered()
    autotrack.set_alias("coffee", "champion", version.version)
    for address in (f"runs:/{version.run_id}/model", "models:/coffee/1", "models:/coffee@champion"):
        assert "sklearn.linear_model" in look("crate", "show", address)
        assert look("crate", "verify", address).startswith("verified: the same predict")
    assert "no model is registered as 'tea'" in look("crate", "verify", "models:/tea/1", code=1)


def test_a_crate_that_is_not_trusted_is_not_opened_to_verify_it(look, tmp_path):
    autotrack.crate(lambda: 1).save(tmp_path / "crate")
    # Another file than the one that was packed here.
    content = (tmp_path / "crate" / "model.pkl").read_bytes().replace(b"<lambda>", b"<lambdA>")
    manifest = json.loads((tmp_path / "crate" / "manifest.json").read_text())
    manifest["files"][0]["sha256"] = hashlib.sha256(content).hexdigest()
    (tmp_path / "crate" / "model.pkl").write_bytes(content)
    (tmp_path / "crate" / "manifest.json").write_text(json.dumps(manifest))
    out = look("crate", "verify", str(tmp_path / "crate"), code=4)
    assert "the store in use did not pack" in out
    assert "give true" in look(
        "crate", "verify", str(tmp_path / "crate"), "--trust", "code", code=2
    )
    for word in (
        ["--trust"],
        ["--trust", "true"],
        ["--trust", hashlib.sha256(content).hexdigest()],
    ):
        assert look("crate", "verify", str(tmp_path / "crate"), *word)
