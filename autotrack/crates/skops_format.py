"""Models stored by skops: JSON and arrays, of which nothing runs unless it is trusted."""

from __future__ import annotations

import importlib
import importlib.util
import json
import zipfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from autotrack.crates.audit import refuse
from autotrack.crates.rehearsal import Name
from autotrack.crates.requirements import ProjectCode
from autotrack.errors import CrateError, CrateFormatError, UncratableError

# What scikit-learn's own estimators hold that skops asks about, besides scikit-learn's own classes:
# types of numbers, and functions that are kept and not called on loading.
_KNOWN = frozenset(
    """
    numpy.dtype numpy.mean
    scipy._lib.array_api_compat.numpy._aliases.asarray scipy.interpolate._bsplines.BSpline
    scipy.sparse._csr.csr_matrix scipy.sparse._csc.csc_matrix
    scipy.sparse._csr.csr_array scipy.sparse._csc.csc_array
    sklearn.cluster._kmeans._kmeans_single_elkan sklearn.cluster._kmeans._kmeans_single_lloyd
    """.split()
)
# Its classes are harmless whatever they are given, but for those of what loads, tests and borrows.
_NOT_MODELS = (
    "sklearn.datasets.",
    "sklearn.externals.",
    "sklearn.tests.",
    "sklearn.utils._testing.",
)
# Modules of scikit-learn that hold harmless classes, and functions that are kept as parameters.
_KNOWN_MODULES = frozenset(
    """
    sklearn._loss.loss
    sklearn.feature_selection._mutual_info sklearn.feature_selection._univariate_selection
    sklearn.gaussian_process.kernels
    sklearn.metrics._classification sklearn.metrics._dist_metrics
    sklearn.metrics._ranking sklearn.metrics._regression
    """.split()
)


def dump_skops(model: object, path: Path, own: ProjectCode) -> tuple[set[str], list[str]]:
    """Store `model` at `path`, unless something in it is the user's `own`.

    Returns
    -------
    modules : set of str
        Every module that loading imports from.
    asked : list of str
        Types and functions in it that skops asks about.

    Raises
    ------
    CrateError
        If skops is not installed.
    UncratableError
        If skops cannot store it, or could not load it where the user's own code is not.
    OSError
        If the file cannot be written.
    """
    io = _skops()
    what = type(model).__name__
    try:
        io.dump(model, path)
    except OSError:
        raise
    except Exception as error:
        raise _uncratable(what, f"{type(error).__name__}: {error}") from error
    names = set(_names(path))
    code = sorted(f"{module}.{name}" for module, name in names if own.holds(module))
    if code:
        raise _uncratable(
            what, f"it would look for {', '.join(code)} wherever the model is loaded", code[0]
        )
    try:
        asked: list[str] = io.get_untrusted_types(file=path)
        io.load(path, trusted=asked)
    except Exception as error:
        raise _uncratable(what, f"read again, {type(error).__name__}: {error}") from error
    return {module for module, _ in names} | {"skops"}, asked


def _uncratable(what: str, why: str, attribute: str | None = None) -> UncratableError:
    return UncratableError(
        f"skops cannot store this {what}: {why}. Use format='pickle', which takes along classes "
        "and functions of your own",
        attribute,
    )


def load_skops(file: BinaryIO, path: Path, trust: Collection[str] = ()) -> Any:
    """Load the model in the open `file`, if all it is made of is trusted.

    Parameters
    ----------
    file : binary file
        What :func:`dump_skops` wrote.
    path : Path
        Where it lies, for messages.
    trust : collection of str
        What to let in beyond what skops and scikit-learn's own models are made of: names such as
        ``lightgbm.sklearn.LGBMClassifier``, or modules with all that is in them, ``lightgbm``.

    Raises
    ------
    UntrustedCrateError
        If something else is in it, of which nothing was imported or called.
    CrateError
        If skops is missing.
    CrateFormatError
        If it cannot be read.
    """
    asked, refused = _asked(file, path, trust)
    refuse(refused, path)
    file.seek(0)
    try:
        return _skops().load(file, trusted=asked)
    except Exception as error:
        raise _unreadable(path, error) from error


def look_at_skops(file: BinaryIO, path: Path, trust: Collection[str]) -> Mapping[Name, str]:
    """What of a model is not trusted, and why; nothing of it is loaded.

    Takes and raises what :func:`load_skops` does.
    """
    return _asked(file, path, trust)[1]


def _asked(file: BinaryIO, path: Path, trust: Collection[str]) -> tuple[list[str], dict[Name, str]]:
    """The types that skops asks about, and those that are not trusted."""
    trusted = frozenset({trust} if isinstance(trust, str) else trust)
    io = _skops()
    try:
        asked = io.get_untrusted_types(file=file)
    except Exception as error:
        raise _unreadable(path, error) from error
    refused = [name.rpartition(".") for name in asked if not _is_trusted(name, trusted)]
    return asked, {(module, name): "is not known" for module, _, name in refused}


def _is_trusted(name: str, trusted: Collection[str]) -> bool:
    if name in trusted or any(name.startswith(f"{module}.") for module in trusted):
        return True
    module, _, attribute = name.rpartition(".")
    if name in _KNOWN or module in _KNOWN_MODULES:
        return True
    if not name.startswith("sklearn.") or name.startswith(_NOT_MODELS):
        return False
    try:
        return isinstance(getattr(importlib.import_module(module), attribute, None), type)
    except ImportError:
        return False


def _unreadable(path: Path, error: Exception) -> CrateFormatError:
    return CrateFormatError(
        f"{path} cannot be read by skops ({type(error).__name__}: {error}); take the crate from "
        "its run again, or install the versions its manifest names"
    )


def _skops() -> ModuleType:
    if importlib.util.find_spec("skops") is None:
        raise CrateError(
            "the model is to be stored without pickle, which takes skops, and that is not "
            "installed: pip install 'sklearn-autotrack[skops]'"
        )
    import skops.io

    module: ModuleType = skops.io
    return module


def _names(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of every class and function in the file."""
    with zipfile.ZipFile(path) as archive:
        waiting = [json.loads(archive.read("schema.json"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            module, name = node.get("__module__"), node.get("__class__")
            if isinstance(module, str) and isinstance(name, str):
                yield module, name
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
