"""Being told when a package is imported, without importing it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from autotrack.runtime.in_between import in_between, take_off


def once_imported(package: str, then: Callable[[], None]) -> None:
    """Call `then` once `package` can be used: now if it can, else when its first module comes.

    Parameters
    ----------
    package : str
        A package, whose modules are imported one by one when they are needed.
    then : callable
        Called once. It may import from the package.
    """
    if _is_ready(package):
        then()
        return

    def is_of_package(name: str) -> bool:
        # Not while the package itself is being imported.
        return name.startswith(f"{package}.") and _is_ready(package)

    sys.meta_path.insert(0, _Waiting(is_of_package, then))


def once_loaded(module: str, then: Callable[[], None]) -> Callable[[], None]:
    """Call `then` when `module` is loaded: now if it is, else when that happens.

    Parameters
    ----------
    module : str
        A module's full name.
    then : callable
        Called once, before whoever imports the module gets it.

    Returns
    -------
    callable
        Gives up waiting.
    """
    if _is_ready(module):
        then()
        return _nothing
    waiting = _Waiting(lambda name: name == module, then)
    sys.meta_path.insert(0, waiting)
    return waiting.give_up


def _nothing() -> None:
    return


def _is_ready(package: str) -> bool:
    module = sys.modules.get(package)
    spec = getattr(module, "__spec__", None)
    return module is not None and not getattr(spec, "_initializing", False)


class _Waiting(MetaPathFinder):
    """Finds nothing itself; the first module that is `wanted` is loaded with `then`."""

    def __init__(self, wanted: Callable[[str], bool], then: Callable[[], None]) -> None:
        self._wanted = wanted
        self._then = then

    def give_up(self) -> None:
        """Wait no longer."""
        if self in sys.meta_path:  # not taken out by another thread
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Look at a module that is about to be imported."""
        if not self._wanted(name):
            return None
        self.give_up()
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loading(spec.loader, self._then)
        return spec


class _Loading(Loader):
    """Loads a module as its own loader does, puts that back, and calls `then`."""

    def __init__(self, loader: Loader, then: Callable[[], None]) -> None:
        self._loader = loader
        self._then = then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Make the module."""
        return self._loader.create_module(spec)

    @in_between
    def exec_module(self, module: ModuleType) -> None:
        """Fill the module."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        try:
            self._loader.exec_module(module)
        except BaseException as error:
            take_off(error)
            raise
        self._then()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
