"""Files that are digested while they are written.

Every file has a SHA-256. A large one has a BLAKE3 as well, which takes a third of the time to make:
opening it would otherwise take longer for its digest than for the model.
"""

from __future__ import annotations

import hashlib
import io
import queue
import threading
from typing import Any, BinaryIO

from blake3 import blake3

#: From this size on (bytes) a file has a second digest.
LARGE = 1 << 20
# Below this the digest is made on the spot; above, in a thread beside the writing.
_THREAD_FROM = 4 << 20
# How much may wait to be hashed: what the writing may hold in memory on top of the model.
_WAITING = 16 << 20


class HashingWriter(io.RawIOBase):
    """Writes through to a file, keeping size and digests of what went by."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        # Of what went by no more is kept than a small file has, which has no BLAKE3.
        self._fast: blake3 | None = None
        self._pieces: list[bytes] = []
        self._thread: threading.Thread | None = None
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
            self._take(data)
        else:
            self._hash_beside(data)
        return len(data)

    def _take(self, data: bytes) -> None:
        self._hash.update(data)
        if self._fast is None:
            self._pieces.append(data)
            if self.size < LARGE:
                return
            data, self._pieces, self._fast = b"".join(self._pieces), [], blake3()
        self._fast.update(data)

    def _hash_beside(self, data: bytes) -> None:
        if self._thread is None:
            self._waiting: queue.Queue[bytes | None] = queue.Queue()
            self._room = threading.Condition()
            self._thread = threading.Thread(target=self._digest, name="autotrack-sha256")
            self._thread.start()
        with self._room:
            while self._held > _WAITING:
                self._room.wait()
            self._held += len(data)
        self._waiting.put(data)

    def _digest(self) -> None:
        while (data := self._waiting.get()) is not None:
            self._take(data)
            with self._room:
                self._held -= len(data)
                self._room.notify()

    def finish(self) -> tuple[str, str | None]:
        """Wait for the digests and return them: SHA-256, and BLAKE3 of a large file."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None
        fast = self._fast.hexdigest() if self._fast is not None else None
        return self._hash.hexdigest(), fast
