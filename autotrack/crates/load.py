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

from blake3 import blake3

from autotrack.crates.audit import audit, refuse, resolve, vouched
from autotrack.crates.crate import Crate
from autotrack.crates.manifest import FILE_NAME, Manifest, PackedFile
from autotrack.crates.rehearsal import Name
from autotrack.crates.skops_format import load_skops, look_at_skops
from autotrack.crates.versions import quietly, tell_versions
from autotrack.errors import AutotrackError, CrateFormatError, DigestMismatchError
from autotrack.garbage import uncollected

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
    with _opened(folder, recorded) as crate, quietly():
        digest = crate.sha256()
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
    with _opened(folder, recorded) as crate, quietly():
        if crate.manifest.storage == "skops":
            crate.digest.wait()
            objects: dict[str, Any] = {}
            model = load_skops(crate.file, crate.path, trust)
        else:
            with uncollected():
                model, objects = _unpickled(crate, trust, vouches)
    tell_versions(crate.manifest)
    try:
        return Crate(model, crate.manifest, folder, objects)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise CrateFormatError(
            f"{folder / FILE_NAME} says of its model what cannot be understood "
            f"({type(error).__name__}: {error!s:.200}); take the crate from its run again"
        ) from error


def _unpickled(
    crate: _Opened, trust: Sequence[str], vouches: Vouches
) -> tuple[Any, dict[str, Any]]:
    """The model, and what a function was given, once the pickle was looked at."""
    found = audit(crate.view, crate.count, crate.path, trust)
    vouched_for = False
    if found.refused or trust:
        vouched_for = vouches(crate.sha256())
        refuse(vouched(found) if vouched_for else found.refused, crate.path)
    unpickler = _Unpickler(crate.file, found.names)
    crate.digest.begin()  # and no sooner: both would wait for the same pages
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
    is_recorded: bool

    def sha256(self) -> str:
        """The SHA-256 by which somebody vouches for the file, which is the expected one.

        Of a crate that a store recorded, the manifest's word is the store's. Anybody else's is
        not taken for it.
        """
        self.digest.wait()
        expected = self.digest.expected.sha256
        if not self.is_recorded and self.digest.expected.blake3 is not None:
            _compare(hashlib.sha256(self.view), self.path, expected)
        return expected

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
    path = folder / name
    expected = next((file for file in manifest.files if file.path == name), None)
    if expected is None:
        raise DigestMismatchError(
            f"{folder / FILE_NAME} has no digest of {name}, so nothing vouches for that and it was "
            "not opened; take the crate from its run again"
        )
    # Whatever else is wrong with it, a file that is not the recorded one is just that.
    with _open(path) as file, _view(file) as view, _Digest(view, path, expected) as digest:
        if recorded is not None and recorded.get(name) != expected.sha256:
            digest.wait()
            raise DigestMismatchError(
                f"{path}: the store recorded SHA-256 {recorded.get(name)}, the manifest says "
                f"{expected.sha256}; the crate is not the one that was logged"
            )
        yield _Opened(manifest, path, file, view, digest, recorded is not None)


def _missing(path: Path, manifest: Manifest, error: ImportError) -> CrateFormatError:
    top = (error.name or "").partition(".")[0]
    said = [each for each in manifest.requirements if top and top in each.replace("-", "_").lower()]
    needed = " ".join(said or manifest.requirements)
    return CrateFormatError(
        f"{path} needs {top or 'a package'}, which cannot be imported here ({error}); "
        f"install what it was packed with: pip install {needed}"
    )


class _Digest:
    """The digest of a file, made in a thread; when the block ends it is the expected one.

    BLAKE3 where the manifest has it, else SHA-256.
    """

    def __init__(self, view: View, path: Path, expected: PackedFile) -> None:
        self.expected = expected
        self._view, self._path = view, path
        self._made: _Hash | blake3 | None = None
        self._thread = threading.Thread(target=self._make, name="autotrack-digest", daemon=True)

    def _make(self) -> None:
        # Both let go of the interpreter.
        make = hashlib.sha256 if self.expected.blake3 is None else blake3
        self._made = make(self._view)

    def begin(self) -> None:
        """Make it beside what follows."""
        if len(self._view) >= _THREAD_FROM and self._thread.ident is None:
            self._thread.start()

    def __enter__(self) -> _Digest:
        if len(self._view) < _THREAD_FROM:
            self.wait()
        return self

    def wait(self) -> None:
        """See that it is the expected one.

        Raises
        ------
        DigestMismatchError
            If it is not.
        """
        if self._thread.ident is not None:
            self._thread.join()
        if self._made is None:
            self._make()
        assert self._made is not None
        _compare(self._made, self._path, self.expected.blake3 or self.expected.sha256)

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


def _compare(digest: _Hash | blake3, path: Path, expected: str | None) -> None:
    if digest.hexdigest() != expected:
        raise DigestMismatchError(
            f"{path} has {_called(digest)} {digest.hexdigest()}, recorded was {expected}; it was "
            "damaged or exchanged, so it was not opened. Fit again, or restore it from a copy"
        )


def _called(digest: _Hash | blake3) -> str:
    return "BLAKE3" if isinstance(digest, blake3) else "SHA-256"
