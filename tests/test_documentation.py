"""The README's code runs: its Python blocks in order in one process, then its commands."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
FENCE = re.compile(r"^```(\w*)$")


def blocks(text: str, language: str) -> dict[int, str]:
    """The lines inside fences of `language`, by line number."""
    found: dict[int, str] = {}
    inside: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if fence := FENCE.match(line):
            inside = fence[1] if inside is None else None
        elif inside == language:
            found[number] = line
    return found


def script(text: str) -> str:
    """The Python blocks as one script in which each line keeps its number in the README."""
    lines = blocks(text, "python")
    return "\n".join(lines.get(number, "") for number in range(1, max(lines) + 1)) + "\n"


def commands(text: str) -> list[str]:
    """The `$ autotrack ...` lines of the console blocks."""
    return [
        line.removeprefix("$ ").split("  #")[0]
        for line in blocks(text, "console").values()
        if line.startswith("$ autotrack ")
    ]


@pytest.fixture(scope="module")
def readme() -> str:
    return README.read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder like the one the README speaks from: the examples are there, nothing else is."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


def test_the_readme_runs_from_top_to_bottom(readme, folder, run_python):
    path = folder / "README.md.py"
    path.write_text(script(readme))
    said = run_python(path, cwd=folder).stderr
    # No wine is on both sides of the split.
    assert "autotrack: AT" not in said
    assert "autotrack: recorded" in said

    told = commands(readme)
    assert told
    for command in told:
        run_python("-m", "autotrack", *shlex.split(command)[1:], cwd=folder)


def test_every_fence_of_the_readme_says_its_language(readme):
    inside = False
    for number, line in enumerate(readme.splitlines(), start=1):
        if fence := FENCE.match(line):
            assert inside or fence[1], f"README.md:{number}: a block without a language is not run"
            inside = not inside
