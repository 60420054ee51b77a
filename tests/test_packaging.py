"""The promises of pyproject.toml about versions."""

from __future__ import annotations

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
    serve = [line.partition(";")[0] for line in project["optional-dependencies"]["serve"]]
    return dict(line.split(">=") for line in [*project["dependencies"], *serve])


@pytest.mark.parametrize("name", sorted(floors()))
def test_the_floor_of_a_dependency_is_the_version_test_oldest_installs(name):
    assert f"{pins()[name]}.".startswith(f"{floors()[name]}.")
