"""The files of a run, as far as a page shows them: never more than a part, and only real files."""

from __future__ import annotations

import csv
import io
import itertools
import json
from pathlib import PurePosixPath
from typing import Any

from autotrack.crates.folder import opened
from autotrack.errors import AutotrackError
from autotrack.runtime.dataclass import dataclass
from autotrack.store.store import Store

#: Files that a browser shows by itself, in a box of their own, by the end of their name.
PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
}
BOXED = {".html": "text/html; charset=utf-8", ".htm": "text/html; charset=utf-8"}
_MOST_SHOWN = 200_000
_MOST_ROWS, _MOST_COLUMNS, _LONGEST_CELL = 60, 40, 200
_MOST_MANIFEST = 20_000_000


@dataclass(frozen=True, slots=True)
class Preview:
    """What a page shows of a file; `kind` is ``picture``, ``boxed``, ``table``, ``text``, ``none``.

    `more` says that the file goes on.
    """

    path: str
    size: int
    kind: str
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    more: bool = False


def read(store: Store, run_id: str, path: str, most: int) -> tuple[bytes, int]:
    """The beginning of a file of a run, and its whole size.

    Raises
    ------
    ArtifactNotFoundError
        If the run has no such file.
    StoreError
        If it is not where it should be.
    """
    stored = store.stored_artifact(run_id, path)
    with opened(store.artifacts.resolve(stored.location)) as (file, size):
        content = bytearray()
        while len(content) < most and (piece := file.read(min(1 << 20, most - len(content)))):
            content += piece
    return bytes(content), size


def preview(store: Store, run_id: str, path: str) -> Preview:
    """What a page shows of a file."""
    ending = PurePosixPath(path).suffix.lower()
    content, size = read(store, run_id, path, _MOST_SHOWN)
    more = size > len(content)
    if ending in PICTURES:
        return Preview(path, size, "picture")
    if ending in BOXED:
        return Preview(path, size, "boxed")
    text = content.decode("utf-8", "replace")
    if b"\0" in content[:10_000] or text[:10_000].count("\ufffd") > len(text[:10_000]) // 20:
        return Preview(path, size, "none")
    if ending == ".csv":
        rows = list(itertools.islice(_rows(text), _MOST_ROWS + 1))
        return Preview(path, size, "table", rows=tuple(rows), more=more or len(rows) > _MOST_ROWS)
    if ending == ".json" and not more:
        try:
            text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        except (ValueError, RecursionError):
            pass
    return Preview(path, size, "text", text=text, more=more)


def _rows(text: str) -> Any:
    try:
        for row in csv.reader(io.StringIO(text)):
            yield tuple(cell[:_LONGEST_CELL] for cell in row[:_MOST_COLUMNS])
    except csv.Error:
        return


def table(store: Store, run_id: str, path: str) -> tuple[list[str], list[list[str]]]:
    """A table that was recorded as CSV: its heading, and its rows."""
    content, _ = read(store, run_id, path, 2_000_000)
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8", "replace"))))
    except csv.Error as error:
        raise ValueError(f"{path} cannot be read as CSV: {error}") from None
    return (rows[0], rows[1:]) if rows else ([], [])


def manifest(store: Store, run_id: str, name: str) -> dict[str, Any] | None:
    """What is written down about a crate of a run; None if that cannot be read."""
    try:
        content, size = read(store, run_id, f"{name}/manifest.json", _MOST_MANIFEST)
        found = json.loads(content) if size <= _MOST_MANIFEST else None
    except (AutotrackError, OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
