"""Which distributions a pickle needs, and in which versions.

The modules a pickle imports are noted while it is written (:mod:`autotrack.crates.packing.pack`),
so nothing has to be read twice and no process is started to try the load. What is left is to name
the distribution each of them came from.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from autotrack.runtime.dataclass import dataclass

# Where the import name is not the distribution's name, for what models are commonly made of; the
# full table of the environment is asked only for what is not found under either name.
_DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "imblearn": "imbalanced-learn",
    "skimage": "scikit-image",
    "cv2": "opencv-python",
    "PIL": "pillow",
    "yaml": "pyyaml",
}
# Never taken for a project of the user's, however they are installed.
_STACK = frozenset({"sklearn", "numpy", "scipy", "pandas", "joblib", "cloudpickle", "autotrack"})


def exact_requirements(modules: Iterable[str], own: ProjectCode) -> list[str]:
    """``name==version`` of every distribution that `modules` come from, sorted.

    Modules of the standard library and of the user's own project need none and are left out.
    """
    found = set()
    for top in {name.partition(".")[0] for name in modules}:
        distribution = distribution_of(top)
        if distribution is not None and not own.holds(top):
            found.add("{}=={}".format(*distribution))
    return sorted(found, key=str.lower)


@functools.cache
def distribution_of(top: str) -> tuple[str, str] | None:
    """Name and version of the installed distribution that holds the top-level module `top`."""
    if top in sys.stdlib_module_names or top == "__main__":
        return None
    for name in (_DISTRIBUTIONS.get(top), top):
        if name is not None:
            try:
                found = importlib.metadata.distribution(name)
            except (importlib.metadata.PackageNotFoundError, ValueError):
                continue
            return found.metadata["Name"], found.version
    names = importlib.metadata.packages_distributions().get(top)
    return (names[0], importlib.metadata.version(names[0])) if names else None


@functools.cache
def installed_version(distribution: str) -> str | None:
    """The version of a distribution that is installed here."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


@dataclass(frozen=True, slots=True)
class ProjectCode:
    """What counts as the user's own code, which goes into a crate by value.

    Parameters
    ----------
    editable : bool, default=True
        Whether a distribution that is installed in editable mode does.
    named : frozenset of str
        Modules and packages that do, however they are installed.
    asked : bool, default=False
        Whether a model with such code in it is asked for predictions when it is packed.
    """

    editable: bool = True
    named: frozenset[str] = frozenset()
    asked: bool = False

    def holds(self, module: str) -> bool:
        """Whether `module` is the user's own."""
        if self.named and any(f"{module}.".startswith(f"{name}.") for name in self.named):
            return True
        return _is_project_code(module, self.editable)


#: Unless told otherwise.
USUAL = ProjectCode()


@functools.cache
def _is_project_code(module: str, editable: bool) -> bool:
    """Whether `module` is no part of Python and of no installed distribution."""
    top = module.partition(".")[0]
    if top == "__main__":
        return True
    if top in sys.stdlib_module_names or top in _STACK:
        return False
    loaded = sys.modules.get(module)
    if loaded is None or not _is_python_source(loaded):
        return False
    file = Path(str(loaded.__file__)).resolve()
    if any(file.is_relative_to(folder) for folder in _installed_folders()):
        return False
    return distribution_of(top) is None or (editable and _is_editable(top))


def _is_python_source(module: ModuleType) -> bool:
    return (getattr(module, "__file__", None) or "").endswith((".py", ".ipynb"))


@functools.cache
def _installed_folders() -> tuple[Path, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return tuple({Path(sysconfig.get_path(name)).resolve() for name in names})


def _is_editable(top: str) -> bool:
    found = distribution_of(top)
    if found is None:
        return False
    text = importlib.metadata.distribution(found[0]).read_text("direct_url.json")
    return bool(text and json.loads(text).get("dir_info", {}).get("editable"))
