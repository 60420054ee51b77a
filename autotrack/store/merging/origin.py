"""Where runs come from: another store's folder, or a ZIP file of one. It is read, never written."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import zipfile
from abc import ABC, abstractmethod
from contextlib import closing, suppress
from pathlib import Path
from typing import IO

from autotrack.errors import InvalidValueError, StoreDamagedError, StoreUnavailableError
from autotrack.printable import described
from autotrack.store.artifacts import ArtifactFolder
from autotrack.store.database import DATABASE
from autotrack.store.keys import clean_path
from autotrack.store.liveness import Processes
from autotrack.store.sqlite_errors import explain_sqlite, is_locked

_CHUNK = 1 << 20
_LOG = f"{DATABASE}-wal"
_ARTIFACTS = "artifacts/"
# What a database or text may grow to when it is unpacked, as a multiple of what it takes packed.
_MOST_GROWTH, _ALWAYS_ALLOWED = 200, 100_000_000
_MOST_MEMBERS = 5_000_000
_REGULAR = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
)


class Reader:
    """A file that is read from its beginning, and whatever goes wrong is an OSError."""

    def __init__(self, inner: IO[bytes]) -> None:
        self._inner = inner

    def read(self, size: int) -> bytes:
        """The next bytes; none at the end."""
        try:
            return self._inner.read(size)
        except OSError:
            raise
        except Exception as error:
            # What a damaged archive makes zlib and others raise is not told anywhere.
            raise OSError(f"the archive is damaged ({error})") from error

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._inner.close()


class Origin(ABC):
    """A store whose runs are taken over."""

    #: What messages call it.
    name: str

    @abstractmethod
    def copy_database(self, to: Path) -> None:
        """Write the database as it is at this moment into a file of ours."""

    @abstractmethod
    def opened(self, location: str) -> Reader:
        """A file by its location.

        Raises
        ------
        OSError, InvalidValueError
            If there is none that may be read.
        """

    @abstractmethod
    def is_alive(self, owner: str | None) -> bool:
        """Whether the process lives that owns a run."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it."""


class FolderOrigin(Origin):
    """A store in a folder. Other processes may write to it meanwhile."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = str(root)
        self._processes = Processes(root / "processes")
        self._elsewhere: list[Path] = []
        self._files = ArtifactFolder(
            root / "artifacts", self._processes, elsewhere=lambda: self._elsewhere
        )

    def copy_database(self, to: Path) -> None:
        """Write the database as it is at this moment into a file of ours."""
        path = self.root / DATABASE
        first: sqlite3.Error | None = None
        for mode in ("mode=rw", "mode=ro", "mode=ro&immutable=1"):
            try:
                with (
                    closing(sqlite3.connect(f"{path.as_uri()}?{mode}", uri=True)) as here,
                    closing(sqlite3.connect(to)) as there,
                ):
                    here.backup(there)
                    break
            except sqlite3.Error as error:
                first = first or error
                if is_locked(error):
                    break
        else:
            assert first is not None
            raise explain_sqlite(first, path) from first
        if first is not None and is_locked(first):
            raise explain_sqlite(first, path) from first
        self._elsewhere = _places(to)

    def opened(self, location: str) -> Reader:
        """A file by its location: a regular one, through no symbolic link at its end."""
        number = os.open(self._files.resolve(location), _REGULAR)
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            raise OSError("it is no regular file")
        return Reader(open(number, "rb"))

    def is_alive(self, owner: str | None) -> bool:
        """Whether the process lives that owns a run."""
        return self._processes.alive(owner)

    def close(self) -> None:
        """Nothing is held."""


def _places(database: Path) -> list[Path]:
    """The folders outside of the store in which experiments keep their files."""
    with closing(sqlite3.connect(database)) as connection, suppress(sqlite3.Error):
        rows = connection.execute(
            "SELECT DISTINCT artifact_location FROM experiments"
            " WHERE typeof(artifact_location) = 'text'"
        ).fetchall()
        return [Path(place) for (place,) in rows if os.path.isabs(place)]
    return []


class ZipOrigin(Origin):
    """A store in a ZIP file, which anybody may have made."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        try:
            self._archive = zipfile.ZipFile(path)
            members = self._archive.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise StoreDamagedError(
                f"{path} is no ZIP file that can be read ({error}); get it once more"
            ) from error
        except OSError as error:
            raise StoreUnavailableError(
                f"{path} cannot be read ({error}); check its name"
            ) from error
        try:
            self._members = self._checked(members)
        except BaseException:
            self._archive.close()
            raise

    def _checked(self, members: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        """The files by their names below the store.

        Raises
        ------
        StoreDamagedError
            If one is no file of a store: a link, a way out of the folder, or there twice.
        """
        files = [member for member in members if not member.is_dir()]
        if len(files) > _MOST_MEMBERS:
            raise self._refused("more files than a store has")
        databases = [m.filename for m in files if Path(m.filename).name == DATABASE]
        databases = [name for name in databases if name.count("/") <= 1]
        if len(databases) != 1:
            raise self._refused(f"{len(databases)} databases called {DATABASE}")
        folder = databases[0].removesuffix(DATABASE)
        found: dict[str, zipfile.ZipInfo] = {}
        for member in files:
            name = member.filename
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                raise self._refused(f"a link or device, {described(name, 120)},")
            if member.flag_bits & 1:
                raise self._refused("files that are encrypted")
            try:
                clean = clean_path(name, 8000) == name
            except InvalidValueError:
                clean = False
            if not clean:
                raise self._refused(f"a file called {described(name, 120)}")
            if not name.startswith(folder):
                continue
            name = name.removeprefix(folder)
            if name in found:
                raise self._refused(f"two files called {described(name, 120)}")
            found[name] = member
        return found

    def _refused(self, what: str) -> StoreDamagedError:
        return StoreDamagedError(
            f"{self.name} has {what} in it, which no export of a store has; ask for it once more"
        )

    def copy_database(self, to: Path) -> None:
        """Unpack the database, if it does not grow beyond all measure."""
        for name in (DATABASE, _LOG):
            member = self._members.get(name)
            if member is None:
                continue
            if member.file_size > max(_ALWAYS_ALLOWED, _MOST_GROWTH * member.compress_size):
                raise self._refused(f"a database that grows to {member.file_size:,} bytes")
            if member.file_size > shutil.disk_usage(to.parent).free:
                raise StoreUnavailableError(
                    f"{to.parent}: there is no room to unpack {self.name}; free some room, then "
                    "run it again"
                )
            target = to if name == DATABASE else to.with_name(f"{to.name}-wal")
            try:
                with Reader(self._archive.open(member)) as reader, open(target, "xb") as writer:
                    _copy(reader, writer, member.file_size)
            except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
                raise StoreDamagedError(
                    f"{self.name}: its database cannot be unpacked ({error}); get it once more"
                ) from error
        # What is in the log is taken into the file.
        with closing(sqlite3.connect(to)) as connection, suppress(sqlite3.Error):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def opened(self, location: str) -> Reader:
        """A file of the archive; absolute locations have none."""
        if os.path.isabs(location):
            raise FileNotFoundError("it lies outside of the store that was packed")
        member = self._members.get(f"{_ARTIFACTS}{clean_path(location, 8000)}")
        if member is None:
            raise FileNotFoundError("it is not in the archive")
        try:
            return Reader(self._archive.open(member))
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise OSError(f"the archive is damaged ({error})") from error

    def is_alive(self, owner: str | None) -> bool:
        """No process of those lives here."""
        return False

    def close(self) -> None:
        """Close the file."""
        self._archive.close()


def _copy(reader: Reader, writer: IO[bytes], most: int) -> None:
    left = most
    while left and (piece := reader.read(min(_CHUNK, left))):
        writer.write(piece)
        left -= len(piece)


def open_origin(path: Path) -> Origin:
    """The store in a folder or ZIP file.

    Raises
    ------
    StoreUnavailableError
        If there is none.
    StoreDamagedError
        If it is a file that holds none.
    """
    path = Path(os.path.abspath(path.expanduser()))
    if path.is_dir():
        if not (path / DATABASE).is_file():
            raise StoreUnavailableError(
                f"{path} holds no store ({DATABASE} is not there); name the folder of one, or the "
                "file that `autotrack export --store` wrote"
            )
        return FolderOrigin(path)
    if not path.is_file():
        raise StoreUnavailableError(f"there is no folder and no file {path}; check its name")
    return ZipOrigin(path)
