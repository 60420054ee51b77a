"""A lock between processes that one of them drops by ending, however it ends."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        # A POSIX record lock: unlike flock's, a forked child does not share it.
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


# Closing any descriptor of a file drops the process's lock on it, so it is opened only once.
_held: set[str] = set()
_guard = threading.Lock()


class FileLock:
    """A lock by way of a file, held by one owner of one process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._key = os.path.realpath(path)
        self._descriptor: int | None = None
        self._pid = 0

    @property
    def is_held(self) -> bool:
        """Whether it is held by this owner."""
        return self._descriptor is not None and self._pid == os.getpid()

    def acquire(self) -> bool:
        """Take the lock if nobody has it; whether it is held now."""
        if self.is_held:
            return True
        with _guard:
            if f"{os.getpid()}:{self._key}" in _held:
                return False
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                _lock(descriptor)
            except OSError:
                os.close(descriptor)
                return False
            self._descriptor, self._pid = descriptor, os.getpid()
            _held.add(f"{self._pid}:{self._key}")
            return True

    def release(self) -> None:
        """Let go of it."""
        if not self.is_held:
            return
        with _guard:
            descriptor, self._descriptor = self._descriptor, None
            _held.discard(f"{self._pid}:{self._key}")
            with suppress(OSError):
                os.close(descriptor)  # type: ignore[arg-type]
