"""A git working tree into facts: by reading its files, and by asking git what only git can tell."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patterns import pattern

#: Seconds git may take to look through a working tree.
GIT_TIMEOUT = 30.0

_COMMIT = pattern(r"[0-9a-f]{40}|[0-9a-f]{64}")

#: Variables that git sets inside its hooks, and that would make it answer for another repository.
_GIT_ELSEWHERE = frozenset(
    "GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_PREFIX".split()
)


@dataclass(frozen=True, slots=True)
class GitState:
    """A git working tree: its root and the commit checked out there (None before the first)."""

    root: Path
    commit: str | None


@dataclass(frozen=True, slots=True)
class GitStatus:
    """What git itself tells of a working tree."""

    commit: str | None
    dirty: bool


def git_state(start: str | os.PathLike[str]) -> GitState | None:
    """Find the git working tree around a folder, by reading git's files.

    Parameters
    ----------
    start : path
        A file or folder.

    Returns
    -------
    GitState or None
        None outside of any repository, or where it cannot be read.
    """
    try:
        here = Path(start).resolve()
        for root in (here, *here.parents):
            entry = root / ".git"
            if entry.is_dir():
                return GitState(root, _commit(entry))
            if entry.is_file():  # a linked worktree or a submodule
                pointer = entry.read_text(encoding="utf-8", errors="replace").strip()
                if pointer.startswith("gitdir:"):
                    folder = root / pointer.removeprefix("gitdir:").strip()
                    return GitState(root, _commit(folder))
    except OSError:
        pass
    return None


def _commit(folder: Path) -> str | None:
    """Read which commit HEAD is at; None before the first commit."""
    common = _first_line(folder / "commondir")
    shared = folder / common if common else folder  # where a worktree's branches are kept
    value = _first_line(folder / "HEAD")
    for _ in range(5):  # as far as git itself follows
        if value is None or not value.startswith("ref:"):
            break
        ref = value.removeprefix("ref:").strip()
        value = _first_line(folder / ref) or _first_line(shared / ref) or _packed(shared, ref)
    return value if value and _COMMIT.fullmatch(value) else None


def _first_line(path: Path) -> str | None:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline().strip() or None
    except OSError:
        return None


def _packed(folder: Path, ref: str) -> str | None:
    try:
        with (folder / "packed-refs").open(encoding="utf-8", errors="replace") as file:
            for line in file:
                commit, _, name = line.strip().partition(" ")
                if name == ref:
                    return commit
    except OSError:
        pass
    return None


def dirty(root: str | os.PathLike[str]) -> bool | None:
    """Ask git whether a working tree differs from its commit; untracked files count.

    Parameters
    ----------
    root : path
        The working tree.

    Returns
    -------
    bool or None
        None if git is missing, refuses or takes longer than `GIT_TIMEOUT`.
    """
    status = git_status(root)
    return status.dirty if status else None


def git_status(root: str | os.PathLike[str]) -> GitStatus | None:
    """Run ``git status``: one process, which asks nothing, takes no lock and starts no monitor.

    Parameters
    ----------
    root : path
        The working tree.

    Returns
    -------
    GitStatus or None
        None if git is missing, refuses or takes longer than `GIT_TIMEOUT`.
    """
    environment = {key: value for key, value in os.environ.items() if key not in _GIT_ELSEWHERE}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        answer = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", "status", "--porcelain=v2", "--branch"],
            check=False,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=GIT_TIMEOUT,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.SubprocessError):
        return None
    if answer.returncode:
        return None
    commit, changes = None, False
    for line in answer.stdout.decode(errors="replace").splitlines():
        if line.startswith("# branch.oid "):
            commit = line.removeprefix("# branch.oid ")
        changes = changes or not line.startswith("#")
    return GitStatus(commit if commit and _COMMIT.fullmatch(commit) else None, changes)
