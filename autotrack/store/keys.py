"""What may be a key, a tag or a path."""

from __future__ import annotations

import functools
from pathlib import PurePath, PurePosixPath

from autotrack.errors import InvalidValueError
from autotrack.printable import described, plain_text

# A file name may have 255 bytes; the rest is left for the number of a sibling.
_LONGEST_NAME = 240
# A path may have 4096 bytes where systems are generous, of which the store's folder takes some.
_LONGEST_PATH = 1000


def is_text(text: str) -> bool:
    """Whether `text` has a UTF-8 form (a lone surrogate, as from an odd file name, has none)."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def clean_key(key: object, what: str) -> str:
    """`key`, if it can be the key of a param, metric or tag.

    Raises
    ------
    InvalidValueError
        If it is no text, or empty.
    """
    if isinstance(key, str) and key.strip() and is_text(key):
        return key
    raise InvalidValueError(f"{what} key {described(key)} cannot be kept; give a non-empty text")


def clean_text(value: object) -> str:
    """`value` as text that SQLite takes, with a lone surrogate written as its escape."""
    if type(value) is str and value.isascii():
        return value  # as nearly always
    try:
        text = plain_text(value if isinstance(value, str) else str(value))
    except Exception:  # noqa: BLE001 - a foreign __str__ may do anything
        text = described(value)
    return text if is_text(text) else text.encode("utf-8", "backslashreplace").decode()


def clean_path(path: str | PurePosixPath, longest: int = _LONGEST_PATH) -> str:
    """The one way to write the artifact path `path`: relative, with ``/``, no ``.`` or ``..``.

    Raises
    ------
    InvalidValueError
        If it is empty, absolute, leaves the run's folder, or is no name for a file.
    """
    if not isinstance(path, str | PurePath):
        raise InvalidValueError(f"expected an artifact path, a text, got {described(path)}")
    return _clean_path(plain_text(path) if isinstance(path, str) else str(path), longest)


@functools.lru_cache(maxsize=256)  # the files of each crate are called the same
def _clean_path(path: str, longest: int) -> str:
    text = path.replace("\\", "/")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    problem = None
    if not parts:
        problem = "is empty"
    elif text.startswith("/") or (len(parts[0]) == 2 and parts[0][1] == ":"):
        problem = "is absolute"
    elif ".." in parts:
        problem = "leaves the run's folder"
    elif "\0" in text or not is_text(text):
        problem = "holds characters that no file name can have"
    elif any(len(part.encode()) > _LONGEST_NAME for part in parts):
        problem = f"has a part of more than {_LONGEST_NAME} bytes"
    elif len(text.encode()) > longest:
        problem = f"has more than {longest} bytes"
    if problem:
        raise InvalidValueError(
            f"artifact path {described(text, 120)} {problem}; "
            "give a relative path such as 'plots/roc.png'"
        )
    return "/".join(parts)
