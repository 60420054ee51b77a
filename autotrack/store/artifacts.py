"""Files of runs: staged in a private folder, then moved into place in one step.

Nothing is overwritten: what takes the place of an older file gets a sibling name, and the older
one is discarded once the database no longer points at it. So whatever the database says is true
before, during and after a crash.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from autotrack.errors import ArtifactNotFoundError, InvalidValueError
from autotrack.runtime.dataclass import dataclass
from autotrack.store.keys import clean_path
from autotrack.store.liveness import Processes
from autotrack.store.sqlite_errors import explained

STAGING = ".staging"

_CHUNK = 1 << 20
# In bytes: the run's folder comes before the path, and numbers behind what had to give way.
_LONGEST_LOCATION = 4000
_ATTEMPTS = 3
_TAKEN = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR})
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """A file of a run and where it lies.

    Attributes
    ----------
    path : str
        What the user calls it, relative to the run, with ``/``.
    location : str
        Where it is: relative to the store's artifact folder, or absolute where the experiment
        keeps its artifacts elsewhere. Not the path: a replaced file leaves its name behind.
    size : int
        In bytes.
    sha256 : str
        Hexadecimal.
    """

    path: str
    location: str
    size: int
    sha256: str


class ArtifactFolder:
    """The folder under which the files of runs lie.

    Parameters
    ----------
    root : Path
    processes : Processes, optional
        Names this process in the staging folder; by default those of the store around `root`.
    absolute : bool
        Give out absolute locations: for a folder outside the store.
    elsewhere : callable, optional
        The other folders that an absolute location may lie in.
    """

    def __init__(
        self,
        root: Path,
        processes: Processes | None = None,
        *,
        absolute: bool = False,
        elsewhere: Callable[[], Iterable[Path]] = tuple,
    ) -> None:
        self.root = root
        self._processes = processes or Processes(self.root.parent / "processes")
        self._absolute = absolute
        self._elsewhere = elsewhere

    def stage(self) -> Path:
        """A fresh, empty, private folder on the same file system as the runs' folders."""
        folder = Path(f"{self.root}/{STAGING}/{self._processes.token()}-{next(_numbers)}")
        with explained(folder):
            try:
                os.mkdir(folder)
            except FileNotFoundError:
                folder.mkdir(parents=True)
        return folder

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A block with a staged folder; what was not placed by its end is deleted."""
        folder = self.stage()
        try:
            yield folder
        finally:
            if os.path.lexists(folder):
                _remove_tree(folder)

    def place(self, staged: Path, run_id: str, path: str) -> str:
        """Move a staged file or folder to where the run keeps `path`; returns its location.

        What is there already stays: the newcomer is called ``model.2`` or ``plot.2.png``.
        """
        path = clean_path(path)
        target = self._inside(self.root / _run_folder(run_id) / path, str(path))
        with explained(target):
            for _ in range(_ATTEMPTS):
                try:
                    placed = self._settle(staged, target)
                except FileNotFoundError:
                    # Someone discarded the last file of the folder that we were about to use.
                    continue
                break
            else:
                placed = self._settle(staged, target)
        return str(placed) if self._absolute else placed.relative_to(self.root).as_posix()

    @contextmanager
    def first(self, run_id: str, path: str) -> Iterator[tuple[Path, str] | None]:
        """A block with a new folder to write the run's `path` into, and its location.

        It is None where there is something of the run's already, or where a folder cannot be made
        just like that: then what is written has to be staged, and to give way. As long as the
        database does not point at it nobody reads it, so that nothing need be moved. If the block
        raises, the folder is deleted.
        """
        home = f"{self.root}/{_run_folder(run_id)}"
        try:
            if clean_path(path) != path or "/" in path:
                raise FileExistsError
            os.mkdir(home)
            os.mkdir(f"{home}/{path}")
        except OSError:
            yield None  # what is in the way is found the long way
            return
        try:
            yield Path(f"{home}/{path}"), f"{home if self._absolute else run_id}/{path}"
        except BaseException:
            _remove_tree(Path(home))
            raise

    def _settle(self, staged: Path, target: Path) -> Path:
        folder = self.root
        for name in target.relative_to(self.root).parts[:-1]:
            folder = _make_folder(folder / name)
        move = _move_folder if staged.is_dir() else _move_file
        return next(place for place in _siblings(folder / target.name) if move(staged, place))

    def add_file(self, run_id: str, source: Path, path: str) -> StoredArtifact:
        """Copy `source`, whatever it is called, to where the run keeps `path`."""
        path = clean_path(path)
        if not os.path.isfile(source):
            raise ArtifactNotFoundError(f"there is no file {str(source)!r} to keep; check the path")
        digest = hashlib.sha256()
        size = 0
        with self.staging() as folder, explained(folder):
            with open(source, "rb") as reader, open(folder / "file", "xb") as writer:
                while chunk := reader.read(_CHUNK):
                    digest.update(chunk)
                    writer.write(chunk)
                    size += len(chunk)
            location = self.place(folder / "file", run_id, path)
        return StoredArtifact(path, location, size, digest.hexdigest())

    def add_bytes(self, run_id: str, data: bytes, path: str) -> StoredArtifact:
        """Keep `data` as the run's file `path`."""
        path = clean_path(path)
        with self.staging() as folder, explained(folder):
            (folder / "file").write_bytes(data)
            location = self.place(folder / "file", run_id, path)
        return StoredArtifact(path, location, len(data), hashlib.sha256(data).hexdigest())

    def rows(self, location: str, path: str = "") -> list[StoredArtifact]:
        """One row for each file at `location`, placed there as the run's `path`.

        Without a path, the paths of a folder's files are those inside of it.
        """
        top = self.resolve(location)
        with explained(top):
            if not top.is_dir():
                return [StoredArtifact(path, location, *_measure(top))]
            found = []
            for folder, folders, names in os.walk(top):
                folders.sort()
                below = Path(folder).relative_to(top)
                for name in sorted(names):
                    tail = (below / name).as_posix()
                    size, digest = _measure(Path(folder, name))
                    found.append(
                        StoredArtifact(
                            f"{path}/{tail}" if path else tail, f"{location}/{tail}", size, digest
                        )
                    )
        return found

    def resolve(self, location: str) -> Path:
        """The path of `location` on this machine.

        Raises
        ------
        InvalidValueError
            If it lies outside the artifact folders, be it through a symbolic link.
        """
        if os.path.isabs(location):
            return self._inside(Path(location), location)
        return self._inside(self.root / clean_path(location, _LONGEST_LOCATION), location)

    def discard(self, location: str) -> None:
        """Delete a file or folder, and the folders that it leaves empty. Absent is fine."""
        path = self.resolve(location)
        root = self._home(path, location)
        with explained(path):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            for folder in path.parents:
                if folder == root:
                    break
                with suppress(OSError):
                    folder.rmdir()
                if folder.exists():
                    break

    def sweep(self) -> list[Path]:
        """Delete what processes left staged that are gone; returns the folders."""
        with explained(self.root):
            try:
                names = sorted(os.listdir(self.root / STAGING))
            except FileNotFoundError:
                return []
            swept = []
            for name in names:
                if not self._processes.alive(name.rpartition("-")[0]):
                    shutil.rmtree(self.root / STAGING / name, ignore_errors=True)
                    swept.append(self.root / STAGING / name)
        return swept

    def _inside(self, path: Path, what: str) -> Path:
        self._home(path, what)
        return path

    def _home(self, path: Path, what: str) -> Path:
        """The artifact folder that `path` lies in, with all symbolic links followed."""
        # By what it leads to: the store itself may be named by way of `..`.
        real = os.path.realpath(path)
        if _is_below(real, self.root):
            return self.root
        # Asked of the database, hence only when it matters.
        for root in self._elsewhere():
            if _is_below(real, root):
                return root
        raise InvalidValueError(
            f"artifact location {what!r:.120} lies outside {self.root}; the store never reads or "
            "writes there"
        )


def _remove_tree(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        # An interrupt that strikes in the middle of it makes it stumble over its own traces.
        struck = error.__context__
        if isinstance(struck, BaseException) and not isinstance(struck, Exception):
            raise struck from None


def _is_below(real: str, root: Path) -> bool:
    return real.startswith(os.path.realpath(root).rstrip(os.sep) + os.sep)


def _run_folder(run_id: str) -> str:
    if clean_path(run_id) != run_id or "/" in run_id or run_id.startswith("."):
        raise InvalidValueError(
            f"run id {run_id!r:.80} cannot name a folder; use letters and digits"
        )
    return run_id


def _siblings(target: Path) -> Iterable[Path]:
    yield target
    for number in itertools.count(2):
        yield target.with_name(f"{target.stem}.{number}{target.suffix}")


def _make_folder(wanted: Path) -> Path:
    # An earlier artifact may be a file of the name that is a folder now.
    for folder in _siblings(wanted):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            continue
        return folder
    raise AssertionError("siblings never end")


def _move_folder(staged: Path, target: Path) -> bool:
    if os.path.lexists(target):
        return False
    try:
        os.rename(staged, target)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    return True


def _move_file(staged: Path, target: Path) -> bool:
    # rename overwrites files, hence the name is reserved first, which only one can do.
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    os.replace(staged, target)
    return True


def _measure(file: Path) -> tuple[int, str]:
    with open(file, "rb") as reader:
        digest = hashlib.file_digest(reader, "sha256").hexdigest()
        return os.fstat(reader.fileno()).st_size, digest


__all__ = ["STAGING", "ArtifactFolder", "StoredArtifact", "clean_path"]
