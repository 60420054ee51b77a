"""The pages of docs/ as tests see them: their blocks of code, and the output that follows them.

A ``python`` block runs, in one namespace a page; so do the ``$ autotrack`` lines of a ``console``.
A ``text`` block right behind is what it printed, and so are the lines below a ``$`` line; ``...``
stands for anything. ``sh`` blocks are read: the shell's syntax, and the names of our commands and
options. ``<!-- read only -->`` before a block makes that go for Python too.

python -m tests.documentation.pages docs/tutorial.md     # prints what the blocks print
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
READ_ONLY = "<!-- read only -->"
_FENCE = re.compile(r"^(`{3,}|:{3,})(\{?[\w-]*\}?)(.*)$")


@dataclass
class Block:
    """A block of code: its language, its first line's number, and what is before and behind it."""

    language: str
    line: int
    lines: list[str] = field(default_factory=list)
    reads_only: bool = False
    output: str | None = None

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def pages() -> list[Path]:
    """Every page that is written by hand."""
    return sorted(page for page in DOCS.rglob("*.md") if "_made" not in page.parts)


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, with the output that is claimed."""
    found: list[Block] = []
    inside: Block | None = None
    fence, before, last = "", "", 0
    for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
        match = _FENCE.match(line)
        if inside is None and match and match[2]:
            inside = Block(match[2], number + 1, reads_only=before == READ_ONLY)
            fence = match[1]
        elif inside is not None and line == fence:
            follows = found and not found[-1].reads_only and last == inside.line - 3
            if inside.language == "text" and follows and found[-1].language == "python":
                found[-1].output = inside.text
            found.append(inside)
            inside, last = None, number
        elif inside is not None:
            inside.lines.append(line)
        if line.strip():
            before = line.strip()
    return found


def calls(block: Block) -> Iterator[tuple[list[str], str]]:
    """The `$ autotrack` lines of a console block, each with the output that is claimed."""
    command: list[str] | None = None
    said: list[str] = []
    for line in [*block.lines, "$ "]:
        if line.startswith("$ "):
            if command is not None:
                yield command, "\n".join(said)
            words = shlex.split(line.removeprefix("$ "), comments=True)
            command, said = (words[1:] if words[:1] == ["autotrack"] else None), []
        else:
            said.append(line)


def matches(claimed: str, printed: str) -> bool:
    """Whether something was printed that is like what is claimed."""
    pieces = (re.escape(" ".join(piece.split())) for piece in claimed.split("..."))
    return re.fullmatch(".*".join(pieces), " ".join(printed.split())) is not None


@dataclass(frozen=True)
class Ran:
    """What a block printed, and what the page says that it prints."""

    line: int
    call: str
    claimed: str | None
    printed: str


def run(page: Path, folder: Path) -> Iterator[Ran]:
    """Run a page from top to bottom; the working directory is that of the reader."""
    from autotrack.cli import main

    module = types.ModuleType("__main__")
    there = sys.modules["__main__"]
    sys.modules["__main__"] = module
    try:
        for number, block in enumerate(blocks(page)):
            if block.reads_only:
                continue
            if block.language == "python":
                # In a file: what is recorded depends on the source, as in a script.
                path = folder / f"{page.stem}_{number}.py"
                path.write_text(block.text, "utf-8")
                printed = io.StringIO()
                module.__dict__["__file__"] = str(path)
                with contextlib.redirect_stdout(printed):
                    exec(compile(block.text, str(path), "exec"), module.__dict__)
                yield Ran(block.line, "python", block.output, printed.getvalue())
            elif block.language == "console":
                for words, claimed in calls(block):
                    done = CliRunner().invoke(main, words)
                    if done.exception is not None and not isinstance(done.exception, SystemExit):
                        raise done.exception
                    yield Ran(block.line, f"autotrack {' '.join(words)}", claimed or None,
                              done.output)  # fmt: skip
    finally:
        sys.modules["__main__"] = there


if __name__ == "__main__":
    import os
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        shutil.copytree(ROOT / "examples", Path(place) / "examples")
        asked = Path(sys.argv[1]).resolve()
        os.chdir(place)
        os.environ["AUTOTRACK_STORE"] = str(Path(place) / "autotrack_runs")
        os.environ["AUTOTRACK_QUIET"] = "1"
        for ran in run(asked, Path(place)):
            wrong = ran.claimed is not None and not matches(ran.claimed, ran.printed)
            sys.stdout.write(f"--- {ran.line} {ran.call}{' DIFFERS' * wrong}\n{ran.printed}")
