"""The process into facts: script, command line, git commit, host, versions.

`source` is made once for each process (a forked child makes its own) and starts no other. Whether
the working tree has changes only git itself can tell, and that can take seconds: `watch_dirty`
asks it from a thread and hands over the completed Source when it is known.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import re
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

from autotrack.entities import Source

__all__ = ["GitState", "dirty", "git_state", "masked", "source", "watch_dirty"]

#: Seconds git may take to look through a working tree.
GIT_TIMEOUT = 30.0

#: What replaces a secret.
MASK = "***"

#: Distributions always named, imported yet or not, with the module that tells their version.
_CORE = {
    "scikit-learn": "sklearn",
    "numpy": "numpy",
    "scipy": "scipy",
    "pandas": "pandas",
    "joblib": "joblib",
    "cloudpickle": "cloudpickle",
}

#: Well-known modules whose distribution has another name. Asking importlib.metadata for the
#: names of all would take 150 ms.
_DISTRIBUTIONS = {
    **{module: name for name, module in _CORE.items()},
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "category_encoders": "category-encoders",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "imblearn": "imbalanced-learn",
    "skimage": "scikit-image",
    "umap": "umap-learn",
    "yaml": "PyYAML",
}

_SECRET_WORDS = frozenset(
    "password passwd passphrase pwd pass token secret secrets credential credentials apikey "
    "accesskey authorization auth pat sas".split()
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NAME_AND_VALUE = re.compile(r"(-{0,2}[\w.\-]+)=(.*)", re.DOTALL)

#: Texts that are secrets wherever they stand in an argument.
_SECRET_SHAPES = re.compile(
    r"(?<=://)[^/\s@]+(?=@)"  # who logs in to a URL
    # name=value in connection strings, queries of URLs, JSON and code
    r"|(?P<name>(?:password|passwd|pwd|secret|token|(?:api|access|account)[_-]?key|signature)"
    r"[\"']?\s*[=:]\s*[\"']?)[^\s\"'&;,]+"
    r"|(?P<scheme>\bbearer\s+)[\w\-.=+/]+"
    # tokens that well-known services mark as theirs, and JSON web tokens
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|hf_|sk-|xox[abprs]-|dapi)[\w\-]{16,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\beyJ[\w\-]{8,}\.[\w\-]{8,}\.[\w\-]*",
    re.IGNORECASE,
)

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

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
class _Status:
    """What git itself tells of a working tree."""

    commit: str | None
    dirty: bool


@dataclass(slots=True)
class _Process:
    """What is known of one process."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    source: Source | None = None
    root: Path | None = None
    asked: bool = False
    answered: bool = False
    waiting: list[Callable[[Source], None]] = field(default_factory=list)


#: By process id: a fork copies the entry of its parent and must not use it, nor its lock.
_processes: dict[int, _Process] = {}


def _this_process() -> _Process:
    pid = os.getpid()
    process = _processes.get(pid)
    return process if process is not None else _processes.setdefault(pid, _Process())


def source() -> Source:
    """Describe this process: the same object until git has answered.

    Returns
    -------
    Source
        With `git_dirty` None until `watch_dirty` has had its answer.
    """
    process = _this_process()
    if process.source is not None:
        return process.source
    with process.lock:
        if process.source is None:
            script = _script()
            git = git_state(_code_folder(script))
            process.root = git.root if git else None
            process.answered = git is None
            process.source = _make_source(script, git.commit if git else None)
        return process.source


def watch_dirty(callback: Callable[[Source], None]) -> None:
    """Have the Source handed over once git has told whether the working tree has changes.

    Parameters
    ----------
    callback : callable
        Called once with the completed Source: at once if the answer is known, else from a daemon
        thread. Not called when there is no answer (no repository, no git, too slow), nor when the
        process ends before. What it raises is dropped.
    """
    source()
    process = _this_process()
    with process.lock:
        waits = not process.answered
        starts = waits and not process.asked
        if waits:
            process.waiting.append(callback)
            process.asked = True
    if starts:
        # Where no thread can be started (the interpreter ends, WebAssembly) there is no answer.
        with contextlib.suppress(RuntimeError):
            threading.Thread(
                target=_ask_git, args=(process,), name="autotrack-git", daemon=True
            ).start()
    elif not waits:
        _tell(callback, source())


def _ask_git(process: _Process) -> None:
    status = _status(process.root) if process.root else None
    with process.lock:
        known = process.source
        if known is not None and status is not None:
            # git reads references of every kind, git_state only those kept as text.
            known = process.source = replace(
                known, git_commit=known.git_commit or status.commit, git_dirty=status.dirty
            )
        process.answered = True
        waiting, process.waiting = process.waiting, []
    if known is not None:
        for callback in waiting:
            _tell(callback, known)


def _tell(callback: Callable[[Source], None], known: Source) -> None:
    if known.git_dirty is not None:
        # The store may be closed by now, and a thread has nobody to raise to.
        with contextlib.suppress(Exception):
            callback(known)


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
    status = _status(root)
    return status.dirty if status else None


def _status(root: str | os.PathLike[str]) -> _Status | None:
    """Run ``git status``: one process, which asks nothing, takes no lock and starts no monitor."""
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
    return _Status(commit if commit and _COMMIT.fullmatch(commit) else None, changes)


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


def masked(command: Sequence[str]) -> tuple[str, ...]:
    """Hide what looks like a secret in a command line.

    Parameters
    ----------
    command : sequence of str
        The arguments.

    Returns
    -------
    tuple of str
        The same, with the values of options named like a password, token, secret or key replaced,
        and everything of a well-known token's form.
    """
    shown = []
    value_follows = False
    for argument in command:
        pair = _NAME_AND_VALUE.fullmatch(argument)
        if value_follows and not argument.startswith("-"):
            shown.append(MASK)
        elif pair and _names_a_secret(pair[1]):
            shown.append(f"{pair[1]}={MASK}")
        else:
            shown.append(_SECRET_SHAPES.sub(_masked_match, argument))
        value_follows = argument.startswith("-") and not pair and _names_a_secret(argument)
    return tuple(shown)


def _masked_match(match: re.Match[str]) -> str:
    return (match["name"] or match["scheme"] or "") + MASK


def _names_a_secret(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    return not _SECRET_WORDS.isdisjoint(words) or words[-1:] == ["key"]


def _make_source(script: str | None, commit: str | None) -> Source:
    return Source(
        source_id=uuid.uuid4().hex,
        script=script,
        command=masked(getattr(sys, "orig_argv", None) or sys.argv),
        git_commit=commit,
        git_dirty=None,
        user=_user(),
        host=socket.gethostname(),
        pid=os.getpid(),
        python=platform.python_version(),
        platform=_platform(),
        packages=_packages(),
    )


def _script() -> str | None:
    """Find the script or notebook this process runs; None in a bare interpreter."""
    main = vars(sys.modules.get("__main__", object))
    path = main.get("__file__") or main.get("__vsc_ipynb_file__")
    path = path or os.environ.get("JPY_SESSION_NAME")
    return os.path.abspath(path) if isinstance(path, str) and path else None


def _code_folder(script: str | None) -> Path:
    """Choose the folder whose repository holds the user's code."""
    if script is None:
        return Path.cwd()
    folder = Path(script).parent
    # pytest, streamlit and the like are installed with Python: the code is where they were called.
    if any(folder.is_relative_to(prefix) for prefix in (sys.prefix, sys.base_prefix)):
        return Path.cwd()
    return folder


def _user() -> str:
    try:
        return getpass.getuser()
    except Exception:  # noqa: BLE001 - an id without a name: KeyError, OSError, ImportError
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def _platform() -> str:
    """Name the platform. platform.platform() takes 2 ms, and starts WMI on Windows."""
    if sys.platform == "win32":
        version = sys.getwindowsversion()
        machine = os.environ.get("PROCESSOR_ARCHITECTURE", "")
        return f"Windows-{version.major}.{version.minor}.{version.build}-{machine}"
    system = os.uname()
    text = f"{system.sysname}-{system.release}-{system.machine}"
    with contextlib.suppress(ValueError, OSError):
        text += "-" + (os.confstr("CS_GNU_LIBC_VERSION") or "").replace(" ", "")
    return text.rstrip("-")


def _packages() -> Mapping[str, str]:
    """Collect versions: the core's, and those imported third-party modules tell of themselves."""
    found: dict[str, str] = {}
    for module, loaded in list(sys.modules.items()):
        if "." in module or module.startswith("_") or module in sys.stdlib_module_names:
            continue
        # vars() and not getattr(): some modules look their version up slowly, with a warning.
        version = vars(loaded).get("__version__") if hasattr(loaded, "__dict__") else None
        if isinstance(version, str):
            found[_DISTRIBUTIONS.get(module, module)] = version
    for name in _CORE:
        if name not in found:
            with contextlib.suppress(metadata.PackageNotFoundError):
                found[name] = metadata.version(name)
    return dict(sorted(found.items()))
