"""A folder -> a crate, after its files were held against their digests and its pickle was read."""

from __future__ import annotations

import functools
import hashlib
import mmap
import pickle
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from autotrack.crates.audit import audit, refuse, resolve, vouched
from autotrack.crates.crate import Crate
from autotrack.crates.manifest import FILE_NAME, Manifest
from autotrack.crates.rehearsal import Name
from autotrack.crates.skops_format import load_skops, look_at_skops
from autotrack.crates.versions import told_once
from autotrack.errors import AutotrackError, CrateFormatError, DigestMismatchError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from hashlib import _Hash

    from autotrack.crates.opcodes import View

_BLOCK = 1 << 20
# Below this a thread takes longer than the digest.
_THREAD_FROM = 1 << 20

#: Whether the packer of a store wrote the file of this SHA-256.
Vouches = Callable[[str], bool]


def nobody(digest: str) -> bool:
    """Nobody vouches for a file."""
    return False


def just_packed(digest: str) -> bool:
    """A file that this process has just packed into a folder of its own."""
    return True


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
    for packed in manifest.files:
        with _open(folder / packed.path) as file:
            _compare(_digest(file), folder / packed.path, packed.sha256)
    return manifest


def look(
    folder: Path,
    recorded: Mapping[str, str] | None = None,
    *,
    trust: Sequence[str] = (),
    vouches: Vouches = nobody,
) -> Looked:
    """Read what the model's file in a crate would import, without loading anything.

    Takes and raises what :func:`load` does, short of what is not trusted: that is said in the
    result.
    """
    with _opened(folder, recorded) as crate:
        digest = crate.digest.wait()
        if crate.manifest.storage == "skops":
            refused = look_at_skops(crate.file, crate.path, trust)
            return Looked(crate.manifest, frozenset(), refused, digest)
        found = audit(crate.view, crate.count, crate.path, trust)
        refused = found.refused
        if refused and vouches(digest):
            refused = vouched(found)
        return Looked(crate.manifest, found.names, refused, digest)


def load(
    folder: Path,
    recorded: Mapping[str, str] | None = None,
    *,
    trust: Sequence[str] = (),
    vouches: Vouches = nobody,
) -> Crate:
    """Load the crate in `folder`, once it was looked at.

    What its pickle would import, call and alter is read first. Where all of that is trusted of
    anyone, the digest is made beside the loading, and waited for; where somebody has to vouch for
    the file, nothing is loaded before its digest was found to be the recorded one. The file that
    was checked is the one that is read: it stays open in between.

    Parameters
    ----------
    folder : Path
        A crate's folder.
    recorded : mapping of str to str, optional
        SHA-256 of each file as the store knows it. Without it only the manifest says what they
        should be, which tells damage but not tampering.
    trust : sequence of str
        Names that the caller trusts besides.
    vouches : callable
        Whether somebody vouches for the file of a digest.

    Raises
    ------
    CrateFormatError
        If `folder` is no crate this version can read.
    DigestMismatchError
        If a file is not what was recorded.
    UntrustedCrateError
        If it would load what is not trusted.
    """
    with _opened(folder, recorded) as crate, told_once(crate.manifest):
        if crate.manifest.storage == "skops":
            crate.digest.wait()
            model = load_skops(crate.file, crate.path, trust)
            return Crate(model, crate.manifest, folder)
        model, objects = _unpickled(crate, trust, vouches)
    return Crate(model, crate.manifest, folder, objects)


def _unpickled(
    crate: _Opened, trust: Sequence[str], vouches: Vouches
) -> tuple[Any, dict[str, Any]]:
    """The model, and what a function was given, once the pickle was looked at."""
    found = audit(crate.view, crate.count, crate.path, trust)
    vouched_for = False
    if found.refused or trust:
        vouched_for = vouches(crate.digest.wait())
        refuse(vouched(found) if vouched_for else found.refused, crate.path)
    unpickler = _Unpickler(crate.file, found.names)
    try:
        # One after the other, since they share what they have in common.
        objects = {each.name: unpickler.load() for each in crate.manifest.objects}
        return unpickler.load(), objects
    except ImportError as error:
        raise _missing(crate.path, crate.manifest, error) from error
    except AutotrackError:
        raise
    except Exception as error:
        if vouched_for or found.code:
            raise
        raise CrateFormatError(
            f"{crate.path} cannot be loaded ({type(error).__name__}: {error!s:.200}); the file "
            "was damaged or made by hand, or by versions too far from those installed: "
            f"{', '.join(crate.manifest.requirements)}"
        ) from error


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found of a crate without loading it.

    Attributes
    ----------
    manifest : Manifest
    names : frozenset of Name
        All that its pickle would import; empty where it is none.
    refused : mapping
        What of it is not trusted, and why.
    digest : str
        SHA-256 of the model's file.
    """

    manifest: Manifest
    names: frozenset[Name]
    refused: Mapping[Name, str]
    digest: str


@dataclass(frozen=True, slots=True)
class _Opened:
    """The file of a crate's model, which stays open from the first look to the last."""

    manifest: Manifest
    path: Path
    file: BinaryIO
    view: View
    digest: _Digest

    @property
    def count(self) -> int:
        """How many pickles it should hold."""
        return len(self.manifest.objects) + 1


@contextmanager
def _opened(folder: Path, recorded: Mapping[str, str] | None) -> Iterator[_Opened]:
    """A block with the file of a crate's model, at whose end its digest was the expected one."""
    content = _read(folder / FILE_NAME)
    if recorded is not None:
        _compare(hashlib.sha256(content), folder / FILE_NAME, recorded.get(FILE_NAME))
    manifest = Manifest.from_bytes(content, folder / FILE_NAME)
    name = manifest.model_file
    expected = {file.path: file.sha256 for file in manifest.files}.get(name)
    path = folder / name
    # Whatever else is wrong with it, a file that is not the recorded one is just that.
    with _open(path) as file, _view(file) as view, _Digest(view, path, expected) as digest:
        if recorded is not None and recorded.get(name) != expected:
            digest.wait()
            raise DigestMismatchError(
                f"{path}: the store recorded SHA-256 {recorded.get(name)}, the manifest says "
                f"{expected}; the crate is not the one that was logged"
            )
        yield _Opened(manifest, path, file, view, digest)


def _missing(path: Path, manifest: Manifest, error: ImportError) -> CrateFormatError:
    top = (error.name or "").partition(".")[0]
    said = [each for each in manifest.requirements if top and top in each.replace("-", "_").lower()]
    needed = " ".join(said or manifest.requirements)
    return CrateFormatError(
        f"{path} needs {top or 'a package'}, which cannot be imported here ({error}); "
        f"install what it was packed with: pip install {needed}"
    )


class _Digest:
    """The SHA-256 of a file, made in a thread; when the block ends it is the expected one."""

    def __init__(self, view: View, path: Path, expected: str | None) -> None:
        self._view, self._path, self._expected = view, path, expected
        self._made: _Hash | None = None
        self._thread = threading.Thread(target=self._make, name="autotrack-sha256", daemon=True)

    def _make(self) -> None:
        self._made = hashlib.sha256(self._view)  # which lets go of the interpreter

    def __enter__(self) -> _Digest:
        if len(self._view) >= _THREAD_FROM:
            self._thread.start()
        else:
            self.wait()
        return self

    def wait(self) -> str:
        """The digest.

        Raises
        ------
        DigestMismatchError
            If it is not the expected one.
        """
        if self._thread.ident is not None:
            self._thread.join()
        if self._made is None:
            self._make()
        assert self._made is not None
        _compare(self._made, self._path, self._expected)
        return self._made.hexdigest()

    def __exit__(self, *error: object) -> None:
        self.wait()


@contextmanager
def _view(file: BinaryIO) -> Iterator[View]:
    """The content of a file as it lies on disk."""
    try:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (ValueError, OSError):  # it is empty, or on what cannot be mapped
        content = file.read()
        file.seek(0)
        yield content
        return
    with mapped:
        yield mapped


class _Unpickler(pickle.Unpickler):
    """Resolves what was looked at, and leaves the classes of this process as they are.

    A class that went into the pickle by value is found again in the process that made it, and
    cloudpickle would put copies of its methods in the place of those it has.
    """

    def __init__(self, file: BinaryIO, names: frozenset[Name]) -> None:
        super().__init__(file)
        self._names = names

    def find_class(self, module: str, name: str) -> Any:
        """What the stream names by `module` and `name`."""
        if (module, name) not in self._names:
            refuse({(module, name): "was not there when it was looked at"}, "the crate")
        found = resolve((module, name))
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
            "and what that names: give that folder, or take the crate from its run again"
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
