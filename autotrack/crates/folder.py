"""Reading the folder of a crate that may come from anybody.

Only regular files are read, each once: what is digested is what is used, and no link is followed.
No file is opened whose size is not the one that was written down, and nothing is read into memory
beyond that.
"""

# Long because every way in which a folder may lie is held off in one place.

from __future__ import annotations

import hashlib
import io
import mmap
import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from blake3 import blake3

from autotrack.crates.manifest import FILE_NAME, Manifest, PackedFile
from autotrack.crates.manifest_check import shown
from autotrack.errors import CrateFormatError, DigestMismatchError

if TYPE_CHECKING:
    from hashlib import _Hash

#: What was read: nobody else can change it.
Content = bytes | mmap.mmap

_BLOCK = 1 << 20
# From this size on a file is read in pieces, and digested meanwhile.
_LARGE, _PIECE = 8 << 20, 4 << 20
_HAS_ROOM = hasattr(mmap, "MAP_ANONYMOUS")
#: What the files beside the model and the manifest may come to: they are small texts.
_MOST_BESIDE = 64 << 20
#: A file of another size than was written down is read if it is no larger.
_DIGESTED = 1 << 28
#: What a manifest that nobody vouches for may take in memory.
_MOST_PARSED = 56 << 20
# Whether a file can be named by the folder that it is in, whatever becomes of the path to that.
_HAS_PLACES = os.open in os.supports_dir_fd
_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0)
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY", "O_NOCTTY")
)


@contextmanager
def opened(path: Path, home: int | None = None) -> Iterator[tuple[io.FileIO, int]]:
    """A regular file, open to be read, with its size.

    With `home`, the descriptor of the folder that it is in, no more than its name is looked up.

    Raises
    ------
    CrateFormatError
        If there is none, or something else.
    """
    at = path if home is None else path.name
    try:
        before = os.lstat(at, dir_fd=home)
        if not stat.S_ISREG(before.st_mode):
            raise CrateFormatError(
                f"{shown(path)} is {_kind(before.st_mode)}, and a crate holds regular files alone; "
                "it was not opened"
            )
        descriptor = os.open(at, _FLAGS, dir_fd=home)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    with open(descriptor, "rb", buffering=0) as file:
        now = os.fstat(descriptor)
        if not stat.S_ISREG(now.st_mode):
            raise CrateFormatError(f"{shown(path)} was exchanged; it was not read")
        yield file, now.st_size


def _kind(mode: int) -> str:
    names = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe",
             stat.S_IFSOCK: "a socket"}  # fmt: skip
    return names.get(stat.S_IFMT(mode), "a device")


def _unreadable(path: Path, error: OSError | ValueError) -> CrateFormatError:
    reason = getattr(error, "strerror", None) or error
    return CrateFormatError(
        f"{shown(path)} cannot be read ({reason}); a crate is a folder that holds {FILE_NAME} and "
        "what that names: give that folder, or take the crate from its run again"
    )


def read_exactly(file: io.FileIO, size: int, path: Path) -> bytes:
    """The `size` bytes of a file that is as long as that."""
    try:
        content = file.read(size)
        if len(content) < size:  # a system hands out so much at once
            pieces, done = [content], len(content)
            while done < size and (piece := file.read(size - done)):
                pieces.append(piece)
                done += len(piece)
            content = b"".join(pieces)
    except (OSError, MemoryError, OverflowError) as error:
        raise CrateFormatError(f"{shown(path)} cannot be read ({error})") from error
    if len(content) < size:
        raise DigestMismatchError(f"{shown(path)} became shorter while it was read")
    return content


def read_manifest(folder: Path, *, bounded: bool) -> bytes:
    """The text of the manifest in `folder`.

    Parameters
    ----------
    folder : Path
    bounded : bool
        Whether to refuse one that would become large when it is parsed.

    Raises
    ------
    CrateFormatError
        If it cannot be read, or is too large.
    """
    path = folder / FILE_NAME
    with opened(path) as (file, size):
        if bounded and size > _MOST_PARSED:
            raise _too_large(path, size)
        content = read_exactly(file, size, path)
    if bounded and size_parsed(content) > _MOST_PARSED:
        raise _too_large(path, size)
    return content


def _too_large(path: Path, size: int) -> CrateFormatError:
    return CrateFormatError(
        f"{path} of {size:,} bytes is larger than what is read of a crate that nobody vouches for; "
        "if you know where it comes from, pass trust=True"
    )


def size_parsed(text: bytes) -> int:
    """What a JSON text takes in memory at most when it is parsed."""
    # A container takes no less than this, and each value in one its place, which in a dict is
    # taken twice while that grows. One character beyond ASCII makes all of a text four times as
    # long, as it is read; an escape what is made of it, which is put together from pieces.
    containers = 232 * text.count(b"{") + 72 * text.count(b"[")
    values = 80 * text.count(b",") + 240 * text.count(b":")
    read = 1 if text.isascii() else 4
    made = 4 if b"\\u" in text or b"\0" in text else read
    pieces = read if b"\\" in text else 0
    return containers + values + (read + made + pieces) * len(text)


def digest_of(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def compare(digest: _Hash | blake3, path: Path, expected: str | None) -> None:
    """See that a digest is the expected one.

    Raises
    ------
    DigestMismatchError
        If it is not.
    """
    if digest.hexdigest() != expected:
        called = "BLAKE3" if isinstance(digest, blake3) else "SHA-256"
        raise DigestMismatchError(
            f"{shown(path)} has {called} {digest.hexdigest()}, recorded was {expected}; it was "
            "damaged or exchanged, so it was not opened. Fit again, or restore it from a copy"
        )


def read_file(
    folder: Path, packed: PackedFile, *, fast: bool = False, most: int | None = None
) -> Content | None:
    """The content of a crate's file, which has the digest that was written down.

    Parameters
    ----------
    folder : Path
    packed : PackedFile
    fast : bool
        Whether its BLAKE3 will do: the word of the manifest is the store's.
    most : int, optional
        None is returned for a larger file, of which nothing is read then.

    Raises
    ------
    CrateFormatError, DigestMismatchError
        If it is not what was written down.
    """
    path = folder / packed.path
    is_fast = fast and packed.blake3 is not None
    digest = blake3() if is_fast else hashlib.sha256()
    with _sized(folder, packed) as (file, size):
        if most is not None and size > most:
            return None
        if size < _LARGE or not _HAS_ROOM:
            content: Content = read_exactly(file, size, path)
            digest.update(content)
        else:
            content = _read_large(file, size, path, digest)
    compare(digest, path, packed.blake3 if is_fast else packed.sha256)
    _compare_size(size, packed, path)
    return content


def _read_large(file: io.FileIO, size: int, path: Path, digest: _Hash | blake3) -> Content:
    """The content of a large file, which is digested beside the reading."""
    try:
        room = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        # Memory comes in few large pieces: it takes longer to get than to fill.
        with suppress(OSError, AttributeError):
            room.madvise(mmap.MADV_HUGEPAGE)
        with memoryview(room) as view, ThreadPoolExecutor(1, "autotrack-digest") as beside:
            done, digested = 0, []
            while done < size and (count := file.readinto(view[done : done + _PIECE])):
                digested.append(beside.submit(digest.update, view[done : done + count]))
                done += count
            for each in digested:
                each.result()
            digested.clear()
    except (OSError, MemoryError, OverflowError, ValueError) as error:
        raise CrateFormatError(f"{shown(path)} cannot be read ({error})") from error
    if done < size:
        raise DigestMismatchError(f"{shown(path)} became shorter while it was read")
    return room


@contextmanager
def _sized(folder: Path, packed: PackedFile) -> Iterator[tuple[io.FileIO, int]]:
    """A file of a crate, with its size, which is not much more than was written down."""
    path = folder / packed.path
    with _home(folder, packed.path) as home, opened(path, home) as (file, size):
        # A small file is digested, which says more of what became of it.
        if size > _DIGESTED:
            _compare_size(size, packed, path)
        yield file, size


def _compare_size(size: int, packed: PackedFile, path: Path) -> None:
    if size != packed.size:
        raise DigestMismatchError(
            f"{shown(path)} has {size:,} bytes, recorded were {packed.size:,}; it was damaged or "
            "exchanged, so it was not opened. Fit again, or restore it from a copy"
        )


@contextmanager
def _home(folder: Path, path: str) -> Iterator[int | None]:
    """The folder that a file of a crate is in, below `folder`; None where that is `folder`.

    Each folder on the way is opened from the one above it, since what a path names may be exchanged
    for a link, which could lead out of the crate.
    """
    here, descriptor = folder, -1
    try:
        for part in path.split("/")[:-1]:
            here /= part
            above, at = (None, str(here)) if descriptor < 0 else (descriptor, part)
            try:
                is_folder = stat.S_ISDIR(os.lstat(at, dir_fd=above).st_mode)
                below = os.open(at, _FLAGS, dir_fd=above) if is_folder and _HAS_PLACES else -1
            except (OSError, ValueError) as error:
                raise _unreadable(folder / path, error) from error
            if not is_folder:
                raise CrateFormatError(f"{shown(here)} is not a folder; it was not opened")
            if descriptor >= 0:
                os.close(descriptor)
            descriptor = below
        yield None if descriptor < 0 else descriptor
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def check_files(folder: Path, beside: Sequence[PackedFile], target: Path | None = None) -> None:
    """Hold what lies beside a model against its digests, and copy it if there is a `target`.

    Raises
    ------
    CrateFormatError
        If one of the files cannot be read, or they are larger than such files are.
    DigestMismatchError
        If one is not what the manifest says.
    """
    if sum(file.size for file in beside) > _MOST_BESIDE:
        raise CrateFormatError(
            f"{shown(folder)} holds more than {_MOST_BESIDE >> 20} MB beside its model, which no "
            "crate does"
        )
    for packed in beside:
        check_file(folder, packed, target)


def check_file(folder: Path, packed: PackedFile, target: Path | None = None) -> None:
    """Hold a file of a crate against its digest, and copy it below `target` if there is one.

    Raises
    ------
    CrateFormatError, DigestMismatchError
        If it cannot be read, or is not what was written down.
    """
    digest, done = hashlib.sha256(), 0
    with _sized(folder, packed) as (file, size), _writable(target, packed.path) as copy:
        if copy is not None:
            _compare_size(size, packed, folder / packed.path)
        # What grows meanwhile is not followed.
        while done < size and (block := file.read(min(_BLOCK, size - done))):
            digest.update(block)
            done += len(block)
            if copy is not None:
                copy.write(block)
    compare(digest, folder / packed.path, packed.sha256)
    _compare_size(size, packed, folder / packed.path)


@contextmanager
def _writable(target: Path | None, path: str) -> Iterator[BinaryIO | None]:
    if target is None:
        yield None
        return
    place = target / path
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place, "xb") as file:
        yield file


def copy_crate(folder: Path, target: Path, manifest: Manifest, content: bytes) -> None:
    """Copy what a manifest names, and the manifest itself, into `target`, which is made.

    Raises
    ------
    CrateFormatError, DigestMismatchError
        If a file is not what the manifest says; then there is no `target`.
    """
    target.mkdir(parents=True)
    try:
        model = [file for file in manifest.files if file.path == manifest.model_file]
        check_files(folder, [file for file in manifest.files if file not in model], target)
        check_file(folder, model[0], target)
        (target / FILE_NAME).write_bytes(content)
    except BaseException:
        _remove(target)
        raise


def _remove(target: Path) -> None:
    import shutil

    with suppress(OSError):
        shutil.rmtree(target)
