"""A file that grows by one block an evaluation, and can be read however its writer ended.

Each block says how long it is and has a digest, so that a half-written one at the end is told
from a whole one. What was handed to the operating system survives a process that is killed.
"""

from __future__ import annotations

import io
import json
import struct
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from autotrack.store.predictions.evaluation import Kept

_MARK = b"ATP1"
_HEAD = struct.Struct("<4sQQ")


class Journal:
    """The file, to be appended to. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)

    def append(self, kept: Kept) -> None:
        """Write the predictions of one evaluation."""
        data = _encoded(kept)
        block = _HEAD.pack(_MARK, len(data), xxhash.xxh3_64_intdigest(data)) + data
        with self._lock, open(self.path, "ab", buffering=0) as file:
            start = file.tell()
            try:
                written = file.write(block)
                if written != len(block):
                    raise OSError(f"only {written} of {len(block)} bytes could be written")
            except BaseException:
                file.truncate(start)  # else what comes next could not be read
                raise


def read(path: Path) -> Iterator[Kept]:
    """The evaluations that were written as a whole, in order."""
    with open(path, "rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            mark, length, digest = _HEAD.unpack(head)
            data = file.read(length) if mark == _MARK else b""
            if len(data) != length or xxhash.xxh3_64_intdigest(data) != digest:
                return
            yield _decoded(data)


def _encoded(kept: Kept) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **parts_of(kept))
    return buffer.getvalue()


def _decoded(data: bytes) -> Kept:
    with np.load(io.BytesIO(data), allow_pickle=False) as parts:
        return kept_of(parts)


def parts_of(kept: Kept) -> dict[str, Any]:
    """The arrays of an ``.npz`` file. By number, since a column's name may be no name of a file."""
    about = {"names": list(kept.columns), "classes": list(kept.classes), "keys": dict(kept.keys)}
    parts: dict[str, Any] = {f"a{n}": array for n, array in enumerate(kept.columns.values())}
    return parts | {"about": np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)}


def kept_of(parts: Mapping[str, Any]) -> Kept:
    """What :func:`parts_of` made arrays of."""
    about = json.loads(parts["about"].tobytes())
    columns = {name: parts[f"a{n}"] for n, name in enumerate(about["names"])}
    return Kept(columns, about["classes"], about["keys"])
