"""A folder -> a crate, on the word of a store or of the caller.

Opening a pickle runs what is in it, and no look at it tells what that is. So a pickle is opened
because the packer of the store in use wrote it, or because the caller answers for it. A model that
skops stored is opened from anybody as far as skops trusts what is in it.
"""

# Long because all that decides whether a crate is opened is read from top to bottom.

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autotrack.crates import unvouched
from autotrack.crates.crate import Crate
from autotrack.crates.folder import (
    Content,
    check_file,
    check_files,
    copy_crate,
    digest_of,
    opened,
    read_exactly,
    read_file,
    read_manifest,
    size_parsed,
)
from autotrack.crates.formats.skops import load_skops, look_at_skops
from autotrack.crates.manifest import FILE_NAME, Manifest, PackedFile
from autotrack.crates.manifest_check import shown
from autotrack.crates.trust.refusal import pickle_refused, skops_refused
from autotrack.crates.trust.scanner import Contents, contents
from autotrack.crates.trust.trust import Origin, Trust, Vouches, Word, as_trust, nobody
from autotrack.crates.unpickling import KeepingUnpickler, loads
from autotrack.crates.versions import quietly, tell_versions
from autotrack.errors import (
    AutotrackError,
    CrateFormatError,
    DigestMismatchError,
    UntrustedCrateError,
)
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.quiet import uncollected

#: A pickle that nobody answers for is described if it is no larger than this.
_DESCRIBED = 1 << 29
# Of a larger one, so much of its beginning is.
_BEGINNING = 1 << 26


@dataclass(frozen=True, slots=True)
class Looked:
    """What is known of a crate without loading it.

    Attributes
    ----------
    manifest : Manifest
    origin : Origin
        Its digests, and who answers for it.
    contents : Contents
        What it would import.
    refused : tuple of str
        Of a model that skops stored, the types that nobody answers for.
    """

    manifest: Manifest
    origin: Origin
    contents: Contents
    refused: tuple[str, ...] = ()

    @property
    def opens(self) -> bool:
        """Whether it would be loaded."""
        if self.origin.is_vouched or self.origin.is_trusted:
            return True
        return self.manifest.storage == "skops" and not (self.refused or self.contents.unread)


@dataclass(frozen=True, slots=True)
class _Found:
    """A crate whose manifest was read."""

    folder: Path
    manifest: Manifest
    content: bytes
    packed: PackedFile
    origin: Origin
    #: The store knows the digest of the manifest.
    fast: bool

    @property
    def path(self) -> Path:
        return self.folder / self.packed.path

    @property
    def taken(self) -> int:
        """What the manifest takes in memory."""
        return size_parsed(self.content)

    @property
    def is_answered_for(self) -> bool:
        return self.origin.is_vouched or self.origin.is_trusted

    def read(self) -> Content:
        """The file of the model, which is the one that was written down."""
        content = self.read_small(None)
        assert content is not None
        return content

    def read_small(self, most: int | None) -> Content | None:
        """It, unless it is larger than `most`."""
        return read_file(self.folder, self.packed, fast=self.fast, most=most)


def _find(
    folder: Path, recorded: Mapping[str, str] | None, trust: Trust, vouches: Vouches
) -> _Found:
    known = recorded is not None or trust.everything
    content = read_manifest(folder, bounded=not known)
    digest, path = digest_of(content), folder / FILE_NAME
    if recorded is not None and recorded.get(FILE_NAME) != digest:
        raise DigestMismatchError(
            f"{shown(path)} has SHA-256 {digest}, recorded was {recorded.get(FILE_NAME)}; it was "
            "damaged or exchanged, so it was not opened. Fit again, or restore it from a copy"
        )
    is_our_manifest = vouches(digest)
    manifest = Manifest.from_bytes(content, path, packed=is_our_manifest)
    name = manifest.model_file
    packed = next((file for file in manifest.files if file.path == name), None)
    if packed is None:
        raise DigestMismatchError(
            f"{shown(path)} has no digest of {name}, so nothing vouches for that and it was not "
            "opened; take the crate from its run again"
        )
    if recorded is not None and recorded.get(name) != packed.sha256:
        raise DigestMismatchError(
            f"{shown(folder / name)}: the store recorded SHA-256 {recorded.get(name)}, the "
            f"manifest says {packed.sha256}; the crate is not the one that was logged"
        )
    is_vouched = vouches(packed.sha256)
    origin = Origin(
        packed.sha256,
        digest,
        is_vouched=is_vouched,
        is_recorded=is_vouched and is_our_manifest,
        is_trusted=trust.covers(packed.sha256, digest),
        names=trust.names,
    )
    return _Found(folder, manifest, content, packed, origin, fast=recorded is not None)


def look(
    folder: Path,
    recorded: Mapping[str, str] | None = None,
    *,
    trust: Word | Trust = False,
    vouches: Vouches = nobody,
) -> Looked:
    """See what a crate would import and who answers for it, without loading anything.

    All its files are held against their digests. Takes and raises what :func:`load` does, short of
    what nobody answers for: that is said in the result.
    """
    trusted = as_trust(trust)
    found = _find(folder, recorded, trusted, vouches)
    check_files(folder, [file for file in found.manifest.files if file is not found.packed])
    if found.manifest.storage == "skops":
        asked: tuple[str, ...] = ()
        why = ""
        try:
            asked = () if found.is_answered_for else _asked(found, trusted)
        except UntrustedCrateError as error:
            why = str(error)
        return Looked(found.manifest, found.origin, Contents(frozenset(), why), asked)
    return Looked(found.manifest, found.origin, _described(found))


def copy(
    folder: Path,
    target: Path,
    *,
    trust: Word | Trust = False,
    vouches: Vouches = nobody,
) -> Looked:
    """Copy what the manifest in `folder` names into `target`, which must not be there.

    Takes, returns and raises what :func:`load` and :func:`look` do. A crate that would not be
    loaded is not copied.

    Raises
    ------
    UntrustedCrateError
        If nobody answers for it.
    """
    trusted = as_trust(trust)
    found = _find(folder, None, trusted, vouches)
    refused = _refused(found, trusted)
    if refused is not None:
        raise refused
    copy_crate(folder, target, found.manifest, found.content)
    return Looked(found.manifest, found.origin, Contents(frozenset()))


def require(
    folder: Path,
    recorded: Mapping[str, str] | None = None,
    *,
    trust: Word | Trust = False,
    vouches: Vouches = nobody,
) -> Looked:
    """See that a crate would be loaded, without loading it.

    Takes and raises what :func:`load` does.
    """
    trusted = as_trust(trust)
    found = _find(folder, recorded, trusted, vouches)
    refused = _refused(found, trusted)
    if refused is not None:
        raise refused
    check_file(found.folder, found.packed)
    return Looked(found.manifest, found.origin, Contents(frozenset()))


def load(
    folder: Path,
    recorded: Mapping[str, str] | None = None,
    *,
    trust: Word | Trust = False,
    vouches: Vouches = nobody,
) -> Crate:
    """Load the crate in `folder`, if somebody answers for it.

    The file of its model is read once, whole: the bytes that were digested are those that are
    loaded.

    Parameters
    ----------
    folder : Path
        A crate's folder.
    recorded : mapping of str to str, optional
        SHA-256 of each file as the store knows it. Without it only the manifest says what they
        should be, which tells damage but not tampering.
    trust : bool, str or sequence of str
        The word of the caller, as of :func:`autotrack.load_model`.
    vouches : callable
        Whether the packer of the store in use wrote the file of a digest.

    Raises
    ------
    CrateFormatError
        If `folder` is no crate this version can read.
    DigestMismatchError
        If a file is not what was recorded.
    UntrustedCrateError
        If nobody answers for it.
    """
    trusted = as_trust(trust)
    found = _find(folder, recorded, trusted, vouches)
    objects: dict[str, Any] = {}
    with quietly():
        if found.manifest.storage == "skops":
            model = _without_pickle(found, trusted)
        else:
            refused = _refused(found, trusted)
            if refused is not None:
                raise refused
            with uncollected():
                model, objects = _unpickled(found.read(), found)
    if not found.origin.is_vouched:
        unvouched.remember([model, *objects.values()], trusted=found.origin.is_trusted)
    tell_versions(found.manifest)
    try:
        return Crate(model, found.manifest, folder, objects, found.origin)
    except Exception as error:
        raise CrateFormatError(
            f"{shown(folder / FILE_NAME)} says of its model what cannot be understood "
            f"({type(error).__name__}: {shown(error)}); take the crate from its run again"
        ) from error


# -- what nobody answers for ----------------------------------------------------------------------


def _refused(found: _Found, trust: Trust) -> Exception | None:
    """The error for a crate that is not to be opened."""
    if found.is_answered_for:
        return None
    if found.manifest.storage == "skops":
        asked = _asked(found, trust)
        return skops_refused(found.path, found.manifest, found.origin, asked) if asked else None
    return pickle_refused(found.path, found.manifest, found.origin, _described(found))


def _asked(found: _Found, trust: Trust) -> tuple[str, ...]:
    return look_at_skops(_small(found), found.path, trust, found.taken)


def _described(found: _Found) -> Contents:
    """What the pickle would import, with its digest checked where it is not enormous."""
    content = found.read_small(_DESCRIBED)
    if content is not None:
        return contents(content)
    with opened(found.path) as (file, _):
        start = read_exactly(file, _BEGINNING, found.path)
    read = f"{_BEGINNING >> 20} MB of it were read"
    return Contents(contents(start).names, read)


def _small(found: _Found) -> bytes:
    """A file of skops that nobody answers for, which is read if it is small."""
    from autotrack.crates.formats.skops_limits import LARGEST

    content = found.read_small(LARGEST)
    if content is None:
        raise skops_refused(found.path, found.manifest, found.origin, (), too_large=True)
    return bytes(content)


def _without_pickle(found: _Found, trust: Trust) -> Any:
    if found.is_answered_for:
        return load_skops(bytes(found.read()), found.path, Trust(everything=True))
    content = _small(found)
    asked = look_at_skops(content, found.path, trust, found.taken)
    if asked:
        raise skops_refused(found.path, found.manifest, found.origin, asked)
    return load_skops(content, found.path, trust)


# -- the pickle -----------------------------------------------------------------------------------


def _unpickled(content: Content, found: _Found) -> tuple[Any, dict[str, Any]]:
    """The model, and what a function was given."""
    manifest, path = found.manifest, found.path
    try:
        if not manifest.code and not manifest.objects:
            return loads(content), {}
        unpickler = KeepingUnpickler(io.BytesIO(content))
        # One after the other, since they share what they have in common.
        objects = {each.name: unpickler.load() for each in manifest.objects}
        return unpickler.load(), objects
    except ImportError as error:
        raise _missing(path, manifest, error) from error
    except AutotrackError:
        raise
    except Exception as error:
        if manifest.code and found.origin.is_vouched:
            raise  # the user's own
        raise CrateFormatError(
            f"{shown(path)} cannot be loaded ({type(error).__name__}: {shown(error)}); the file "
            "was damaged or made by hand, or by versions too far from those installed: "
            f"{', '.join(manifest.requirements)}"
        ) from error


def _missing(path: Path, manifest: Manifest, error: ImportError) -> CrateFormatError:
    top = (error.name or "").partition(".")[0]
    said = [each for each in manifest.requirements if top and top in each.replace("-", "_").lower()]
    needed = " ".join(said or manifest.requirements)
    return CrateFormatError(
        f"{shown(path)} needs {top or 'a package'}, which cannot be imported here ({error}); "
        f"install what it was packed with: pip install {needed}"
    )
