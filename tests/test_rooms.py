"""The order of rooms: what pyproject.toml's contracts allow, and that they do refuse."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import autotrack

pytest.importorskip("importlinter", reason="import-linter is not installed here")

ROOT = Path(__file__).resolve().parents[1]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts on the package that lies in `folder`."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and of the contracts, to plant imports in."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(Path(autotrack.__file__).parent, tmp_path / "autotrack")
    return tmp_path


def test_every_room_uses_only_the_rooms_below_it(copy):
    checked = lint(copy)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("room", "line", "contract"),
    [
        ("errors", "import autotrack.settings", "A room uses only the rooms below it"),
        ("describe/__init__", "import autotrack.store", "A room uses only the rooms below it"),
        ("tracking/__init__", "import autotrack.capture", "A room uses only the rooms below it"),
        ("capture/__init__", "import autotrack.store", "through tracking only"),
        ("store/__init__", "import sklearn.base", "knows nothing of scikit-learn"),
        ("tracking/__init__", "import sklearn", "knows nothing of scikit-learn"),
        ("web/__init__", "import sklearn", "knows nothing of scikit-learn"),
        ("web/__init__", "import autotrack.capture", "Pages take no part in recording"),
        ("serving/__init__", "import autotrack.web", "Pages are the command line's alone"),
    ],
)
def test_an_import_against_the_order_is_refused(copy, room, line, contract):
    with (copy / "autotrack" / f"{room}.py").open("a") as file:
        file.write(f"\n{line}\n")
    checked = lint(copy)
    assert checked.returncode == 1
    assert any(contract in text and "BROKEN" in text for text in checked.stdout.splitlines())


def test_a_room_that_is_not_in_the_order_is_refused(copy):
    (copy / "autotrack" / "attic.py").touch()
    checked = lint(copy)
    assert checked.returncode == 1
    assert "attic" in checked.stdout
