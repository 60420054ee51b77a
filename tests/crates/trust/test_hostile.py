"""No crate from outside runs, imports, reads, writes, hangs or swells before somebody's word."""

from __future__ import annotations

import json
import sys

import pytest

from tests.crates import hostile
from tests.crates.fuzz import crates, fuzz, mutated
from tests.crates.watch import Canary

pytest.importorskip("skops", reason="skops is not installed here")
linux = pytest.mark.skipif(sys.platform != "linux", reason="measured by Linux's /proc")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What came of every hostile folder, in a process of its own."""
    import os
    import subprocess

    place = tmp_path_factory.mktemp("watched")
    done = subprocess.run(
        [sys.executable, "-m", "tests.crates.watch"],
        env={**os.environ, "AUTOTRACK_STORE": str(place / "autotrack_runs")},
        capture_output=True,
        check=True,
        text=True,
    )
    return json.loads(done.stdout)


@linux
def test_every_hostile_folder_is_refused_with_an_error_of_ours(outcomes):
    assert not outcomes["sprung"]
    tried = {
        kind: found["opened"]["became"] for kind, found in outcomes.items() if kind != "sprung"
    }
    assert len(tried) > 60
    errors = {"CrateFormatError", "DigestMismatchError", "UntrustedCrateError"}
    assert {kind: became for kind, became in tried.items() if became not in errors} == {}
    pickles = {became for kind, became in tried.items() if kind.startswith("pickle")}
    assert pickles == {"UntrustedCrateError"}


@linux
def test_a_hostile_folder_can_be_looked_at(outcomes):
    looked = {
        kind: found["looked"]["became"] for kind, found in outcomes.items() if kind != "sprung"
    }
    assert {kind: became for kind, became in looked.items() if became.startswith("!")} == {}
    assert {became for kind, became in looked.items() if kind.startswith("pickle")} == {"opened"}


@linux
def test_nothing_happens_meanwhile(outcomes):
    heard = {
        (kind, way): found[way]["heard"]
        for kind, found in outcomes.items()
        if kind != "sprung"
        for way in ("opened", "looked")
    }
    assert {where: what for where, what in heard.items() if what} == {}


@linux
def test_nothing_takes_more_than_64_megabytes_beyond_its_size(outcomes):
    grown = {
        (kind, way): found[way]["grown"] - found["size"]
        for kind, found in outcomes.items()
        if kind != "sprung"
        for way in ("opened", "looked")
    }
    assert {where: more for where, more in grown.items() if more > 64} == {}


@linux
def test_no_mutation_of_a_folder_opens_a_pickle_runs_hangs_or_swells():
    """A part; `python -m tests.crates.fuzz --count 100000` is the whole."""
    outcomes, wrong = fuzz(1000, seed=7)
    assert wrong == {}
    assert sum(outcomes.values()) == 1000
    # A fuzzer whose mutations are all refused for the same reason would try little.
    assert outcomes["opened"] > 20
    assert outcomes["UntrustedCrateError"] > 100
    assert outcomes["CrateFormatError"] > 100


def test_a_mutation_can_be_made_again(tmp_path):
    given = crates()
    made = []
    for number, name in ((3, "a"), (3, "b"), (4, "c")):
        place = tmp_path / name
        place.mkdir()
        mutated(given, 1, number, place)
        made.append({path.name: path.read_bytes() for path in place.iterdir() if path.is_file()})
    assert made[0] == made[1] != made[2]


def test_the_watch_hears_what_is_executed_imported_and_opened(tmp_path):
    canary = Canary(tmp_path)
    with canary.watching():
        (tmp_path / "inside").write_text("x")
        (tmp_path / "inside").read_text()
        open("/etc/passwd").close()
        exec(compile("1 + 1", "elsewhere", "exec"))
        with pytest.raises(ImportError):
            __import__("no_such_thing_at_all")
    heard = " ".join(canary.heard)
    assert f"open '{tmp_path}/inside' 'w'" in heard
    assert f"open '{tmp_path}/inside' 'r'" not in heard
    assert "open '/etc/passwd'" in heard
    assert "exec of elsewhere" in heard
    assert "import no_such_thing_at_all" in heard


def test_the_sum_of_the_kinds_is_known():
    """The folders above are of these."""
    assert len(hostile.SPECIAL) >= 8
    assert len(hostile.MANIFESTS) >= 15
    assert len(hostile.BOMBS) >= 15
    assert len(hostile.PICKLES) >= 15
