"""The manifest of a crate: what it is, what it needs, and the digests of its files.

Diary of the format:

1. ``model.pkl`` and ``manifest.json``; keys as in :class:`Manifest`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from autotrack.errors import CrateFormatError

FORMAT = 1
FILE_NAME = "manifest.json"
MODEL_FILE = "model.pkl"


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file of a crate: size in bytes and SHA-256 in hexadecimal."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is written down about a crate.

    Attributes
    ----------
    format : int
        The number of the crate format.
    estimator : str
        Module and class of the model.
    run_id : str or None
        The run that made it.
    created : str
        ISO 8601 time in UTC.
    python : str
        The Python version it was packed with.
    requirements : list of str
        ``name==version`` of each distribution the pickle imports from.
    code : list of str
        Classes and functions of the user's own that are inside the pickle by value.
    schema : dict
        The training input: ``kind``, ``shape`` and ``columns`` (name and dtype).
    preprocessing : list of str
        Transformers that were applied to the training data outside of the model: a caller has
        to apply them too.
    files : list of PackedFile
        Every file but this one.
    """

    estimator: str
    run_id: str | None
    created: str
    python: str
    autotrack: str
    requirements: list[str]
    code: list[str]
    schema: dict[str, Any]
    preprocessing: list[str]
    files: list[PackedFile]
    format: int = FORMAT

    def to_bytes(self) -> bytes:
        """The manifest as the JSON text that is stored: a line a field."""
        # json's own indentation is done in Python and takes longer than pickling a small model.
        lines = [
            f'"{field.name}": {json.dumps(getattr(self, field.name), default=asdict)}'
            for field in fields(self)
        ]
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode()

    @classmethod
    def from_bytes(cls, content: bytes, path: Path) -> Manifest:
        """Parse `content`, which was read from `path`.

        Raises
        ------
        CrateFormatError
            If it is no manifest, or its format is newer than this version knows.
        """
        try:
            entries: Mapping[str, Any] = json.loads(content)
            number = entries["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise CrateFormatError(
                f"{path} is no manifest of a crate ({type(error).__name__}: {error}); "
                "take the crate from its run again"
            ) from error
        if number != FORMAT:
            raise CrateFormatError(
                f"{path} has crate format {number!r}, and this autotrack reads up to {FORMAT}; "
                "upgrade autotrack to open it"
            )
        try:
            return cls(**{**entries, "files": [PackedFile(**file) for file in entries["files"]]})
        except (KeyError, TypeError) as error:
            raise CrateFormatError(
                f"{path} does not have the fields of crate format {FORMAT} ({error}); "
                "take the crate from its run again"
            ) from error
