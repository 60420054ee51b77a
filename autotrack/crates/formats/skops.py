"""Models stored by skops: JSON and arrays, of which nothing runs unless it is trusted."""

from __future__ import annotations

import importlib.util
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from autotrack.crates.formats.skops_limits import check_limits
from autotrack.crates.manifest_check import shown
from autotrack.crates.requirements import ProjectCode
from autotrack.crates.trust.trust import Trust
from autotrack.errors import CrateError, CrateFormatError, UncratableError

# An archive is found from its end, and could be hidden in a pickle that somebody answers for.
_BEGINNING = b"PK\x03\x04"


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


def load_skops(content: bytes, path: Path, trust: Trust) -> Any:
    """Load a model.

    Parameters
    ----------
    content : bytes
        What :func:`dump_skops` wrote.
    path : Path
        Where it came from, for messages.
    trust : Trust
        All of it, or the types to let in beyond those that skops trusts by itself.

    Raises
    ------
    CrateError
        If skops is missing.
    CrateFormatError
        If it cannot be read.
    """
    io = _skops()
    if not content.startswith(_BEGINNING):
        raise _unreadable(path, ValueError("it is not a file of skops"))
    try:
        asked = io.get_untrusted_types(data=content) if trust.everything else list(trust.names)
        return io.loads(content, trusted=asked)
    except Exception as error:
        raise _unreadable(path, error) from error


def look_at_skops(content: bytes, path: Path, trust: Trust, taken: int = 0) -> tuple[str, ...]:
    """The types in a model that neither skops nor the caller trusts; nothing of it is loaded.

    `taken` is what its manifest takes in memory already.

    Raises
    ------
    CrateError
        If skops is missing.
    CrateFormatError
        If it cannot be read, or would take more memory than what is opened from anybody.
    """
    io = _skops()
    try:
        check_limits(content, taken)
        asked = io.get_untrusted_types(data=content)
    except CrateError:
        raise
    except Exception as error:
        raise _unreadable(path, error) from error
    return tuple(sorted(set(asked) - trust.names))


def _unreadable(path: Path, error: Exception) -> CrateFormatError:
    return CrateFormatError(
        f"{shown(path)} cannot be read by skops ({type(error).__name__}: {shown(error)}); take the "
        "crate from its run again, or install the versions its manifest names"
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
