"""Files that are digested while they are written."""

from __future__ import annotations

import hashlib
import io
import queue
import threading
from typing import Any, BinaryIO

# Below this the digest is made on the spot; above, in a thread beside the writing.
_THREAD_FROM = 4 << 20
# How much may wait to be hashed: what the writing may hold in memory on top of the model.
_WAITING = 16 << 20


class HashingWriter(io.RawIOBase):
    """Writes through to a file, keeping size and SHA-256 of what went by."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._thread: threading.Thread | None = None
        self._waiting: queue.Queue[bytes | None] = queue.Queue()
        self._room = threading.Condition()
        self._held = 0
        self.size = 0

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, chunk: Any, /) -> int:
        """Write `chunk`, and count it in."""
        data = chunk if isinstance(chunk, bytes) else bytes(chunk)
        self._file.write(data)
        self.size += len(data)
        if self._thread is None and self.size < _THREAD_FROM:
            self._hash.update(data)
        else:
            self._hash_beside(data)
        return len(data)

    def _hash_beside(self, data: bytes) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._digest, name="autotrack-sha256")
            self._thread.start()
        with self._room:
            while self._held > _WAITING:
                self._room.wait()
            self._held += len(data)
        self._waiting.put(data)

    def _digest(self) -> None:
        while (data := self._waiting.get()) is not None:
            self._hash.update(data)
            with self._room:
                self._held -= len(data)
                self._room.notify()

    def finish(self) -> str:
        """Wait for the digest and return it."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None
        return self._hash.hexdigest()
