"""Which modules are installed, and which are the user's own."""

from __future__ import annotations

import functools
import sys
import sysconfig
from pathlib import Path

#: Never taken for a project of the user's, however they are installed.
STACK = frozenset({"sklearn", "numpy", "scipy", "pandas", "joblib", "cloudpickle", "autotrack"})
_FOLDERS = frozenset({"site-packages", "dist-packages"})


def top_of(module: str | None) -> str:
    """The top-level module that `module` is in; empty for what is the user's own."""
    if not module or not is_installed(module):
        return ""
    return module.partition(".")[0]


def is_installed(module: str | None, file: str | None = None) -> bool:
    """Whether a module belongs to Python, or to what is installed; not in editable mode.

    Parameters
    ----------
    module : str or None
        None, as for what was made by `exec`, is not installed.
    file : str, optional
        Where it is, if it is not imported yet.
    """
    if not module:
        return False
    top = module.partition(".")[0]
    if top in STACK:
        return True
    if top == "__main__":
        return False
    if file is None:
        loaded = sys.modules.get(module) or sys.modules.get(top)
        file = getattr(loaded, "__file__", None)
        if file is None:
            paths = list(getattr(loaded, "__path__", ()))
            file = paths[0] if paths else None
    if file is None:
        return top in sys.stdlib_module_names
    return _is_installed_file(file)


@functools.lru_cache(maxsize=4096)
def _is_installed_file(file: str) -> bool:
    path = Path(file).resolve()
    return not _FOLDERS.isdisjoint(path.parts) or path.is_relative_to(_standard_library())


@functools.cache
def _standard_library() -> Path:
    return Path(sysconfig.get_path("stdlib")).resolve()
