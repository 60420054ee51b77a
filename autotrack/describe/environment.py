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
import socket
import sys
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from importlib import metadata
from pathlib import Path

from autotrack.describe.git import GitState, dirty, git_state, git_status
from autotrack.describe.secrets import masked
from autotrack.entities import Source
from autotrack.runtime.dataclass import dataclass

__all__ = ["GitState", "dirty", "git_state", "masked", "source", "watch_dirty", "work_for"]

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


def work_for(known: Source) -> None:
    """Let this process be one more of the script that `known` describes: it is a worker of it.

    Its own command line would be that of the pool it belongs to.
    """
    process = _this_process()
    with process.lock:
        if process.source is not None and process.source.command == known.command:
            return
        process.source = replace(known, source_id=uuid.uuid4().hex, pid=os.getpid())
        process.answered = known.git_dirty is not None
        git = None if process.answered else git_state(_code_folder(known.script))
        process.root = git.root if git else None


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
    status = git_status(process.root) if process.root else None
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


def distribution_name(top: str) -> str:
    """What the distribution of a top-level module is called in `Source.packages`."""
    return _DISTRIBUTIONS.get(top, top)


def _script() -> str | None:
    """Find the script or notebook this process runs; None in a bare interpreter."""
    main = vars(sys.modules.get("__main__", object))
    path = main.get("__file__") or main.get("__vsc_ipynb_file__")
    path = path or os.environ.get("JPY_SESSION_NAME")
    try:
        return os.path.abspath(path) if isinstance(path, str) and path else None
    except OSError:  # a relative path, and the working directory is gone
        return None


def _code_folder(script: str | None) -> Path:
    """Choose the folder whose repository holds the user's code."""
    if script is None:
        return Path()
    folder = Path(script).parent
    # pytest, streamlit and the like are installed with Python: the code is where they were called.
    if any(folder.is_relative_to(prefix) for prefix in (sys.prefix, sys.base_prefix)):
        return Path()
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
