"""Which process owns a run, and whether it still lives.

A process proves that it lives by holding an operating-system lock on a file of its own. The kernel
drops the lock when the process ends, however it ends, so that no heartbeat, no timeout and no guess
about reused process ids is needed.
"""

from __future__ import annotations

import atexit
import errno
import os
import re
import sys
import threading
from contextlib import suppress
from pathlib import Path

from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.forks import at_fork
from autotrack.runtime.patterns import pattern
from autotrack.store.sqlite_errors import explain_os

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, *, wait: bool) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int, *, wait: bool) -> None:
        # lockf is a POSIX record lock: unlike flock's, a forked child does not share it.
        fcntl.lockf(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


_TOKEN = pattern(r"[A-Za-z0-9_.-]{1,200}")
_HELD_BY_ANOTHER = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})


@dataclass(frozen=True, slots=True)
class _Claim:
    token: str
    file: Path
    descriptor: int


class _Claims:
    """The claims of this process, one for each folder, shared by all its stores.

    Closing any descriptor of a file drops every POSIX lock the process has on it, so no second
    one may ever be opened.
    """

    def __init__(self) -> None:
        self.by_folder: dict[str, _Claim] = {}
        self.guard = threading.Lock()

    def hold(self, folder: str) -> _Claim:
        with self.guard:
            claim = self.by_folder.get(folder)
            if claim is not None and os.path.exists(claim.file):
                return claim
            if claim is not None:
                # Someone deleted the store under us: what the old token owned is gone as well.
                os.close(claim.descriptor)
                del self.by_folder[folder]
            claim = self.by_folder[folder] = _claim(Path(folder))
            return claim

    def release(self) -> None:
        """At exit: show at once that the runs of this process are over."""
        for claim in self.by_folder.values():
            with suppress(OSError):
                os.close(claim.descriptor)
            _remove(claim.file)
        self.by_folder.clear()

    def renew(self) -> None:
        """In a forked child: the locks stayed with the parent, and so do its claims."""
        self.guard = threading.Lock()
        for claim in self.by_folder.values():
            # A POSIX lock belongs to the process: closing the copy does not touch the parent's.
            with suppress(OSError):
                os.close(claim.descriptor)
        self.by_folder.clear()


_claims = _Claims()


class Processes:
    """The folder of lock files of one store.

    Threads may share it. A forked child gets a token of its own when it first asks for one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = os.path.realpath(folder)

    def token(self) -> str:
        """The name under which this process owns runs; its lock is held from now on.

        Raises
        ------
        StoreUnavailableError
            If the lock file cannot be written.
        """
        try:
            return _claims.hold(self._key).token
        except OSError as error:
            raise explain_os(error, self.folder) from error

    def alive(self, token: str | None) -> bool:
        """Whether the process behind `token` still runs.

        Where the file system knows no locks this answers True: to show a dead run as running is
        a smaller fault than to end a living one.
        """
        if token is None or not _TOKEN.fullmatch(token):
            return False
        # Guarded, for a lock file that another thread is just making is ours, too.
        with _claims.guard:
            claim = _claims.by_folder.get(self._key)
            if claim is not None and claim.token == token:
                return True
            return _is_held(self.folder / f"{token}.lock")

    def lives(self, token: str | None) -> bool:
        """The same as :meth:`alive`, but the lock file of a process that is gone stays."""
        if token is None or not _TOKEN.fullmatch(token):
            return False
        with _claims.guard:
            claim = _claims.by_folder.get(self._key)
            if claim is not None and claim.token == token:
                return True
            return _is_held(self.folder / f"{token}.lock", remove=False)

    def others(self) -> dict[str, float]:
        """The processes that live beside this one, by token, and since when they record here."""
        found: dict[str, float] = {}
        for token in self.tokens():
            claim = _claims.by_folder.get(self._key)
            if (claim is None or claim.token != token) and self.lives(token):
                with suppress(OSError):
                    found[token] = os.stat(self.folder / f"{token}.lock").st_mtime
        return found

    def tokens(self) -> list[str]:
        """All processes that have a lock file, living or not."""
        try:
            names = sorted(os.listdir(self.folder))
        except OSError:
            return []
        return [name.removesuffix(".lock") for name in names if name.endswith(".lock")]

    def sweep(self) -> list[str]:
        """Remove the lock files of processes that are gone; returns their tokens."""
        return [token for token in self.tokens() if not self.alive(token)]


def _is_held(file: Path, *, remove: bool = True) -> bool:
    try:
        descriptor = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        _lock(descriptor, wait=False)
    except OSError:
        # Held by its owner, or the file system has no locks (ENOLCK and the like).
        return True
    else:
        if remove:
            _remove(file)
        return False
    finally:
        os.close(descriptor)


def _claim(folder: Path) -> _Claim:
    folder.mkdir(parents=True, exist_ok=True)
    # Imported late: it takes longer than all the rest of this module.
    import socket

    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:60]
    while True:
        token = f"{host}-{os.getpid()}-{os.urandom(4).hex()}"
        file = folder / f"{token}.lock"
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            # A sweeper may hold the lock for the moment it takes to look.
            _lock(descriptor, wait=True)
        except OSError as error:
            if error.errno in _HELD_BY_ANOTHER:
                os.close(descriptor)
                continue
            # No locks on this file system: `alive` will assume the best there, too.
        if os.path.exists(file):
            return _Claim(token, file, descriptor)
        # A sweeper came between the creation and the lock and removed the file.
        os.close(descriptor)


def _remove(file: Path) -> None:
    # On Windows an open file stays until the next sweep; nobody minds.
    with suppress(OSError):
        os.unlink(file)


# Registered when this module is imported, hence run after the exit handlers of the rooms above,
# which still end their runs under the claim.
atexit.register(_claims.release)
at_fork(in_child=_claims.renew)
