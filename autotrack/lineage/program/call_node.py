"""The syntax node of the call that a frame is at, and the text that code was compiled from."""

from __future__ import annotations

import ast
import functools
import linecache
import os
from types import CodeType, FrameType
from typing import Any

from autotrack.lineage.program.call_site import span_of
from autotrack.lineage.program.source import Text
from autotrack.runtime.dataclass import dataclass

_MOST_KNOWN = 4096
_MOST_TEXTS = 256
# The size in bytes of a file that is read: some ten thousand lines.
_LONGEST = 400_000

# By file: the lines as they were read, and what they say.
_texts: dict[str, tuple[list[str], Text | None]] = {}


def _read(filename: str, module_globals: dict[str, Any] | None) -> Text | None:
    linecache.checkcache(filename)
    lines = linecache.getlines(filename, module_globals)
    known = _texts.get(filename)
    # The very list while the file is what it was; a cell that is run again comes with an equal one.
    if known is None or (known[0] is not lines and known[0] != lines):
        if len(_texts) >= _MOST_TEXTS:
            _texts.clear()
        text = Text("".join(lines)) if lines else None
        known = _texts[filename] = lines, text
    return known[1]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CallSite:
    """A call in the user's code: the text it stands in, and its node."""

    text: Text
    filename: str
    node: ast.Call | None


_calls: dict[tuple[int, int], tuple[CodeType, CallSite | None]] = {}


def call_site(frame: FrameType) -> CallSite | None:
    """The call that a frame is making, by its source; None where there is none to read."""
    code = frame.f_code
    key = id(code), frame.f_lasti
    known = _calls.get(key)
    if known is None:
        if len(_calls) >= _MOST_KNOWN:
            _calls.clear()
        known = _calls[key] = code, _find_call(frame)
    return known[1]


def _find_call(frame: FrameType) -> CallSite | None:
    code = frame.f_code
    text = _find_text(code, frame.f_globals)
    if text is None:
        return None
    place = span_of((code, frame.f_lasti))
    node = text.call_at(place) if place is not None else None
    if not text.is_readable or (node is not None and not _is_of(node, code)):
        return None  # the file was changed since it was run
    return CallSite(text, code.co_filename, node)


def _is_of(node: ast.Call, code: CodeType) -> bool:
    """Whether all that a call speaks of occurs in `code`, or in what is defined within it."""
    spoken = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            spoken.add(part.id)
        elif isinstance(part, ast.Attribute):
            spoken.add(part.attr)
    # Names of two underscores may be others in the code of a class.
    spoken = {name for name in spoken if not name.startswith("__")}
    # What is defined within the code of a long module is thousands of names.
    return spoken.issubset(_own_names(code)) or spoken <= _names_in(code)


def _own_names(code: CodeType) -> list[str]:
    return [*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars]


def _names_in(code: CodeType) -> set[str]:
    names = set(_own_names(code))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names_in(constant)
    return names


_read_of: dict[int, tuple[CodeType, Text | None]] = {}


def text_of(code: CodeType, module_globals: dict[str, Any]) -> Text | None:
    """The source that `code` was compiled from; None where it cannot be read."""
    known = _read_of.get(id(code))
    if known is None:
        if len(_read_of) >= _MOST_KNOWN:
            _read_of.clear()
        known = code, _find_text(code, module_globals)
        if module_globals or known[1] is not None:  # they may tell how to load it
            _read_of[id(code)] = known
    return known[1]


def _find_text(code: CodeType, module_globals: dict[str, Any]) -> Text | None:
    if _is_long(code.co_filename):
        return None
    try:
        return _read(code.co_filename, module_globals)
    except Exception:  # noqa: BLE001 - a source that cannot be read is none
        return None


@functools.lru_cache(maxsize=1024)
def _is_long(filename: str) -> bool:
    """Whether a file is so long that reading it would be felt: a generated one."""
    try:
        return os.path.getsize(filename) > _LONGEST
    except OSError:  # a cell of a notebook
        return False
