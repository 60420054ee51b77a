"""A store written down to be carried: as a folder, or as one ZIP file."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path

from autotrack.errors import InvalidValueError, StoreUnavailableError
from autotrack.store.database import DATABASE
from autotrack.store.merging.merge import Merged, merge_store
from autotrack.store.sqlite_errors import explain_os, explained
from autotrack.store.store import Store

_ZIP = ".zip"


def export_store(root: Path, to: Path, *, leave_damaged: bool = False) -> Merged:
    """Write a whole store into a new folder, or into a file whose name ends in ``.zip``.

    It is complete or not there at all. Runs that still run are left out; see :class:`Merged`.

    Raises
    ------
    InvalidValueError
        If something of that name is there.
    StoreError
        If the store cannot be read, or there is no room.
    """
    to = Path(os.path.abspath(to.expanduser()))
    if os.path.lexists(to) and not (to.is_dir() and not any(to.iterdir())):
        raise InvalidValueError(f"{to} is there already; name one that is not, or remove it")
    if not to.parent.is_dir():
        raise StoreUnavailableError(f"there is no folder {to.parent}; make it, or name another one")
    with explained(to.parent):
        made = tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent)
    try:
        folder = Path(made) / "store"
        # What this store's packer wrote is told along: whoever merges it decides on the word.
        merged = merge_store(folder, root, trust=True, leave_damaged=leave_damaged)
        _settle(folder)
        try:
            if to.suffix.lower() == _ZIP:
                _pack(folder, Path(made) / "packed.zip")
                os.replace(Path(made) / "packed.zip", to)
            else:
                os.chmod(folder, 0o777 & ~_umask())
                os.replace(folder, to)  # takes the place of an empty folder
        except OSError as error:
            raise explain_os(error, to) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return merged


def _umask() -> int:
    known = os.umask(0)
    os.umask(known)
    return known


def _settle(folder: Path) -> None:
    """Leave one file of the database, and nothing of this process."""
    Store(folder, create=False).close()
    with explained(folder), closing(sqlite3.connect(folder / DATABASE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for left in ("artifacts/.staging", "processes"):
        shutil.rmtree(folder / left, ignore_errors=True)


def _pack(folder: Path, to: Path) -> None:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for below, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = Path(below, name)
                archive.write(path, path.relative_to(folder).as_posix())
