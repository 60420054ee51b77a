"""A folder -> a crate, after its files were held against their digests."""

from __future__ import annotations

import functools
import hashlib
import pickle
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from autotrack.crates.crate import Crate
from autotrack.crates.manifest import FILE_NAME, MODEL_FILE, Manifest
from autotrack.crates.skops_format import load_skops
from autotrack.errors import CrateFormatError, DigestMismatchError

if TYPE_CHECKING:
    from hashlib import _Hash

_BLOCK = 1 << 20


def check(folder: Path) -> Manifest:
    """Hold the files of a crate against its manifest, without loading anything.

    Raises
    ------
    CrateFormatError
        If `folder` is no crate this version can read.
    DigestMismatchError
        If a file is not what the manifest says.
    """
    manifest = Manifest.from_bytes(_read(folder / FILE_NAME), folder / FILE_NAME)
    for vouched in manifest.files:
        with _open(folder / vouched.path) as file:
            _compare(_digest(file), folder / vouched.path, vouched.sha256)
    return manifest


def load(
    folder: Path, recorded: Mapping[str, str] | None = None, trust: Collection[str] = ()
) -> Crate:
    """Load the crate in `folder`.

    Nothing is unpickled before the digest of every file was found to be the recorded one. The
    file that was checked is the one that is read: it stays open in between.

    Parameters
    ----------
    folder : Path
        A crate's folder.
    recorded : mapping of str to str, optional
        SHA-256 of each file as the store knows it. Without it only the manifest vouches for the
        model, which tells damage but not tampering.
    trust : collection of str
        Names to let in where the model is stored by skops.

    Raises
    ------
    CrateFormatError
        If `folder` is no crate this version can read.
    DigestMismatchError
        If a file is not what was recorded.
    """
    content = _read(folder / FILE_NAME)
    if recorded is not None:
        _compare(hashlib.sha256(content), folder / FILE_NAME, recorded.get(FILE_NAME))
    manifest = Manifest.from_bytes(content, folder / FILE_NAME)
    vouched = {file.path: file.sha256 for file in manifest.files}
    name = manifest.model_file
    path = folder / name
    with _open(path) as file:
        _compare(_digest(file), path, vouched.get(name))
        if recorded is not None and recorded.get(name) != vouched.get(name):
            raise DigestMismatchError(
                f"{path}: the store recorded SHA-256 {recorded.get(name)}, the manifest says "
                f"{vouched.get(name)}; the crate is not the one that was logged"
            )
        file.seek(0)
        if manifest.storage == "skops":
            model = load_skops(file, path, trust, vouched=recorded is not None)
            return Crate(model, manifest, folder)
        unpickler = _Unpickler(file)
        # One after the other, since they share what they have in common.
        objects = {each.name: unpickler.load() for each in manifest.objects}
        model = unpickler.load()
    return Crate(model, manifest, folder, objects)


class _Unpickler(pickle.Unpickler):
    """Leaves the classes of this process as they are.

    A class that went into the pickle by value is found again in the process that made it, and
    cloudpickle would put copies of its methods in the place of those it has.
    """

    def find_class(self, module: str, name: str) -> Any:
        """What the stream names by `module` and `name`."""
        found = super().find_class(module, name)
        return functools.partial(_set_once, found) if name == "_class_setstate" else found


def _set_once(set_state: Callable[[type, Any], type], cls: type, state: Any) -> type:
    attributes = state[0]
    return cls if attributes.keys() <= vars(cls).keys() else set_state(cls, state)


def _open(path: Path) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise CrateFormatError(
            f"{path} cannot be read ({error.strerror}); a crate is a folder that holds {FILE_NAME} "
            f"and {MODEL_FILE}: give that folder, or take the crate from its run again"
        ) from error


def _read(path: Path) -> bytes:
    with _open(path) as file:
        return file.read()


def _digest(file: BinaryIO) -> _Hash:
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest


def _compare(digest: _Hash, path: Path, expected: str | None) -> None:
    if digest.hexdigest() != expected:
        raise DigestMismatchError(
            f"{path} has SHA-256 {digest.hexdigest()}, recorded was {expected}; the file was "
            "damaged or exchanged, so it was not opened. Fit again, or restore it from a copy"
        )
