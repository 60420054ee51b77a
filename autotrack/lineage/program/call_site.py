"""Where a call was made: the frames of the user's code, and the parts of the source they are at."""

from __future__ import annotations

import ast
import contextlib
import itertools
import linecache
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, FrameType

from autotrack.runtime.quiet import quiet
from autotrack.runtime.stack import is_users, module_of, variables

#: A place in running code: the code, and the offset of the instruction.
Site = tuple[CodeType, int]
#: A part of a source text: line and column of its begin and of its end.
Span = tuple[int, int, int, int]

# How far up a call is followed, in frames of the user's code.
_MOST_SITES = 6
_FARTHEST = 60
_MOST_KNOWN = 16_384

# Whether the code of an `id` is the user's; the code itself is kept, so that no other gets its id.
_known: dict[int, tuple[CodeType, bool]] = {}


def sites(depth: int) -> tuple[Site, ...]:
    """The places in the user's code from which the call at hand was made, the nearest first.

    Parameters
    ----------
    depth : int
        How many frames above the caller to begin.
    """
    found: list[Site] = []
    try:
        frame: FrameType | None = sys._getframe(depth + 1)
    except ValueError:  # called straight from C, with no frame of Python's below
        return ()
    for _ in range(_FARTHEST):
        if frame is None:
            break
        code = frame.f_code
        known = _known.get(id(code)) or _learn(code, frame)
        if known[1]:
            found.append((code, frame.f_lasti))
            # What runs a module of the user's, an import or a notebook, tells nothing.
            if len(found) == _MOST_SITES or code.co_name == "<module>":
                break
        frame = frame.f_back
    return tuple(found)


def _learn(code: CodeType, frame: FrameType) -> tuple[CodeType, bool]:
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    known = code, is_users(module_of(frame))
    _known[id(code)] = known
    return known


def users_frame(frame: FrameType | None) -> FrameType | None:
    """The first frame of the user's code, from `frame` upwards."""
    seen = 0
    while frame is not None and seen < _FARTHEST:
        if is_users(frame.f_globals.get("__name__")):
            return frame
        frame, seen = frame.f_back, seen + 1
    return None


def line_below(frame: FrameType | None) -> str:
    """The line of the user's code that makes the call at hand, as ``file:line``."""
    here = users_frame(frame)
    if here is None:
        return ""
    name = here.f_code.co_filename
    with contextlib.suppress(OSError, ValueError):
        name = str(Path(name).relative_to(Path.cwd()))
    return f"{name}:{here.f_lineno}"


# By the `id` of the code and the offset; the code is kept, so that no other gets its id.
_spans: dict[tuple[int, int], tuple[CodeType, Span | None]] = {}


def span_of(site: Site) -> Span | None:
    """The part of the source that an instruction belongs to; None where that is not recorded."""
    code, offset = site
    known = _spans.get((id(code), offset))
    if known is None:
        if len(_spans) >= _MOST_KNOWN:
            _spans.clear()
        known = _spans[id(code), offset] = code, _find_span(code, offset)
    return known[1]


def _find_span(code: CodeType, offset: int) -> Span | None:
    if offset < 0:  # nothing was run yet
        return None
    # One by one: a list of the positions of a long function is thousands of objects.
    found = next(itertools.islice(code.co_positions(), offset // 2, None), None)
    if found is None:
        return None
    line, last, column, end = found
    if line is None or last is None or column is None or end is None:
        return None
    return line, column, last, end


def names_in_call(frame: FrameType, values: Sequence[object]) -> list[str]:
    """What the call that `frame` is at calls some of these values, without its own parameters.

    A value may have several names, of which the program gives one here. That of a parameter is the
    helper's, and says nothing of what it is given.
    """
    code = frame.f_code
    place = span_of((code, frame.f_lasti))
    if place is None:
        return []
    first, begin, last, end = place
    lines = linecache.getlines(code.co_filename, frame.f_globals)[first - 1 : last]
    if len(lines) != last - first + 1:
        return []
    text = [line.encode() for line in lines]
    text[-1] = text[-1][:end]
    text[0] = text[0][begin:]
    try:
        with quiet():  # what Python thinks of it, it said when it compiled the script
            call = ast.parse(b"".join(text), mode="eval")
    except (SyntaxError, ValueError):
        return []
    own = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    named = [node.id for node in ast.walk(call) if isinstance(node, ast.Name)]
    held = {**frame.f_globals, **variables(frame)}
    return [
        name
        for name in dict.fromkeys(named)
        if name not in own
        and held.get(name) is not None
        and any(held[name] is value for value in values)
    ]


def span(node: ast.AST) -> Span:
    """The part of the source that a node of the syntax tree stands for."""
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]


def call_span(node: ast.Call) -> Span:
    """The part of the source that the instruction of a call belongs to.

    That of a method in a later line than its object begins with the method's name.
    """
    method = node.func
    if not isinstance(method, ast.Attribute) or method.end_lineno == node.lineno:
        return span(node)
    _, _, line, end = span(method)
    return line, end - len(method.attr), *span(node)[2:]


def contains(outer: Span, inner: Span) -> bool:
    """Whether one part of a source lies within another."""
    return outer[:2] <= inner[:2] and inner[2:] <= outer[2:]
