"""The promises of pyproject.toml about versions."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OLDEST = ROOT / ".ci" / "oldest.txt"


def pins() -> dict[str, str]:
    lines = [line for line in OLDEST.read_text().splitlines() if line and line[0] != "#"]
    return dict(line.split("==") for line in lines)


def floors() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    served = [line.partition(";")[0] for line in [*extras["serve"], *extras["ui"]]]
    lines = [line for line in [*project["dependencies"], *served] if ">=" in line]
    return dict(line.split(">=") for line in lines)


def the_locking():
    """`.ci/lock.py`, which is run and not installed."""
    spec = importlib.util.spec_from_file_location("autotrack_locks", ROOT / ".ci" / "lock.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


locking = the_locking()
LOCKS = {lock.name: lock for lock in locking.LOCKS}


def locked(name: str) -> dict[str, set[str]]:
    """The versions of each package in a lock; more than one if it depends on the platform."""
    found: dict[str, set[str]] = {}
    for package, version in re.findall(
        r"^([a-z0-9-]+)==([^ ]+)", LOCKS[name].path.read_text(), re.MULTILINE
    ):
        found.setdefault(package, set()).add(version)
    return found


@pytest.mark.parametrize("name", sorted(floors()))
def test_the_floor_of_a_dependency_is_the_version_test_oldest_installs(name):
    assert f"{pins()[name]}.".startswith(f"{floors()[name]}.")


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_is_as_new_as_what_it_was_compiled_from(name):
    lock = LOCKS[name]
    assert lock.path.read_text().startswith(locking.head(lock)), "run: make lock ARGS=--keep"


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("[project]", 'dependencies = ["new>=1", '),
        ("[project.optional-dependencies]", 'test = ["new>=1", '),
        ("[build-system]", 'requires = ["new>=1", '),
    ],
)
def test_a_changed_dependency_makes_the_locks_stale(table, change, tmp_path, monkeypatch):
    text = (ROOT / "pyproject.toml").read_text()
    before, _, behind = text.partition(table)
    changed = before + table + behind.replace(change.partition('"')[0], change, 1)
    (tmp_path / "pyproject.toml").write_text(changed)
    dev = LOCKS["dev"]
    was = locking.digest(dev)
    monkeypatch.setattr(locking, "ROOT", tmp_path)
    assert locking.digest(dev) != was


def test_changed_pins_of_the_oldest_make_their_lock_stale(tmp_path, monkeypatch):
    was = locking.digest(LOCKS["oldest"]), locking.digest(LOCKS["dev"])
    changed = tmp_path / "oldest.txt"
    changed.write_text(OLDEST.read_text().replace("numpy==1.26.0", "numpy==1.26.1"))
    monkeypatch.setattr(locking, "OLDEST", changed)
    assert locking.digest(LOCKS["oldest"]) != was[0]
    assert locking.digest(LOCKS["dev"]) == was[1]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_a_hash_for_everything_and_names_no_index(name):
    text = LOCKS[name].path.read_text()
    assert "://" not in text
    assert "pypi" not in text.lower()
    assert not re.findall(r"^-.*", text, flags=re.MULTILINE)  # no options, whatever they say
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 20
    for entry in entries:
        assert re.match(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==", entry)
        assert "--hash=sha256:" in entry, entry


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_brings_cuda_on_any_platform(name):
    assert not [package for package in locked(name) if re.match("nvidia|cuda|cupy", package)]


def test_the_oldest_versions_are_those_that_the_lock_of_the_oldest_has():
    held = locked("oldest")
    assert {name: held[name] for name in pins()} == {name: {pin} for name, pin in pins().items()}


@pytest.mark.parametrize("name", ["demo", "test"])
def test_the_locks_of_a_part_have_the_versions_of_all(name):
    whole = locked("dev")
    assert {package: whole[package] for package in locked(name)} == locked(name)
