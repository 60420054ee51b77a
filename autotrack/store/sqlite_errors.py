"""SQLite's and the operating system's errors, said in autotrack's words."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autotrack.errors import (
    InvalidValueError,
    StoreDamagedError,
    StoreError,
    StoreLockedError,
    StoreUnavailableError,
)
from autotrack.printable import described

# SQLITE_BUSY, SQLITE_LOCKED and SQLITE_PROTOCOL (a race for the WAL's locks, given up on).
_LOCKED = frozenset({5, 6, 15})
# SQLITE_CORRUPT and SQLITE_NOTADB.
_DAMAGED = frozenset({11, 26})
_CONSTRAINT = 19
_UNAVAILABLE = {
    3: "access is denied; check who owns the folder",
    8: "it is read-only; give yourself write access, or name another store",
    10: "reading or writing failed; check that the disk is sound and has room",
    13: "the disk is full; free some room, then run it again",
    14: "it cannot be opened; check that the folder exists and that you may write to it",
}
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def error_code(error: BaseException) -> int:
    """SQLite's primary result code; 0 where the error carries none."""
    code = getattr(error, "sqlite_errorcode", 0)
    return (code & 0xFF) if isinstance(code, int) else 0


def is_locked(error: BaseException) -> bool:
    """Whether waiting may help."""
    return error_code(error) in _LOCKED


def explain_sqlite(error: sqlite3.Error, path: Path) -> StoreError:
    """The store error that says what `error` means for the database at `path`."""
    code = error_code(error)
    if code in _LOCKED:
        return StoreLockedError(
            f"{path} is locked by another program ({error}); close what else has it open "
            "(a database browser, a copy in progress) and try again"
        )
    if code in _DAMAGED:
        return StoreDamagedError(
            f"{path} is damaged or not an autotrack database ({error}); put back a copy, or save "
            f"what can be read with: sqlite3 '{path}' .recover | sqlite3 recovered.db"
        )
    if code in _UNAVAILABLE:
        return StoreUnavailableError(f"{path}: {_UNAVAILABLE[code]} ({error})")
    if code == _CONSTRAINT:
        return StoreError(
            f"{path}: the rows contradict what is stored ({error}); a run, experiment or source "
            "that they name is not in the store"
        )
    return StoreError(f"{path}: the database refused ({error}); check it with `autotrack doctor`")


def explain_text(error: UnicodeEncodeError) -> InvalidValueError:
    """The error that says what is wrong with a text that SQLite does not take."""
    return InvalidValueError(
        f"{described(error.object)} holds a lone surrogate, which no text has that can be recorded"
    )


def explain_os(error: OSError, path: Path) -> StoreUnavailableError:
    """The store error that says what `error` means for the file or folder at `path`."""
    where = error.filename or path
    what = error.strerror or str(error)
    if error.errno in _FULL:
        advice = "free some room, then run it again"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        advice = "give yourself write access, or name another store (store=, AUTOTRACK_STORE)"
    elif error.errno in (errno.ENOTDIR, errno.EEXIST):
        advice = "part of the path is a file where a folder should be; name another store"
    else:
        advice = "check that the folder exists and can be written to"
    return StoreUnavailableError(f"{where}: {what}; {advice}")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn every sqlite3 error and OSError of the block into a StoreError about `path`."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain_sqlite(error, path) from error
    except OSError as error:
        raise explain_os(error, path) from error
