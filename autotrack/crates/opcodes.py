"""What a pickle's bytes are made of, without following them.

Only the opcodes that Python's own pickler writes at protocol 5 are known here: the others exist for
pickles of long ago and for mischief. What is left of a file when its large payloads are cut out is
its outline, which :mod:`autotrack.crates.rehearsal` follows.
"""

from __future__ import annotations

import mmap
import re
import struct

from autotrack.errors import CrateFormatError

# Opcodes of a fixed size, which say all in themselves: maximal runs of them, without backtracking.
_RUN = (
    rb"(?:h.|[()N\x88\x89\x85-\x87t\]ae}su\x8f\x90\x91\x94Rb\x81\x92\x930\x31]++"
    rb"|[K\x80].|M..|[Jj]....|G.{8})*+"
)
_PLAIN = re.compile(_RUN, re.DOTALL)
# Such a run and what ends it: an opcode before a payload (bytes that may be long, texts that may be
# long, what is short) with the payload's length; a frame, which only says how much to read at once;
# the end of a pickle.
_STEP = re.compile(
    _RUN
    + rb"(?:[\x96\x8e](.{8})|([\x8cC\x8a])(.)|B(.{4})|([X\x8b])(.{4})|\x8d(.{8})|(\x95).{8}|(\.))",
    re.DOTALL,
)
_LENGTH, _NO_LENGTH = struct.Struct("<Q"), bytes(8)
_LONG_BYTES_8, _SHORT, _LONG_BYTES_4, _LONG_4, _LONG_TEXT_8, _FRAME, _STOP = 1, 3, 4, 6, 7, 8, 9
_PAYLOADS = {0x8C: 1, 0x58: 4, 0x8D: 8, 0x43: 1, 0x42: 4, 0x8E: 8, 0x96: 8, 0x8A: 1, 0x8B: 4}
#: Texts this long are documents, and no names; the same goes for bytes.
_LONG_TEXT = 1 << 16
_LONG_BYTES = 1 << 8
# What puts things into other things that the interpreter visits recursively, as when it hashes
# tuples in tuples.
_NESTING = (b"t", b"\x85", b"\x86", b"\x87", b"R", b"\x81", b"\x92", b"\x91")
_MANY = 40_000
_DEEPEST = 10_000

View = bytes | mmap.mmap


# One loop with a branch for each kind of step: loading waits for it.
def outline(view: View, count: int, what: object) -> bytes:  # noqa: C901, PLR0912
    """The `count` pickles of a file one after the other, less the large payloads in them.

    Parameters
    ----------
    view : bytes or mmap
        The whole file. It is not copied.
    count : int
        How many pickles there should be; nothing may follow them.
    what : object
        What is being read, for messages.

    Raises
    ------
    CrateFormatError
        If it holds other opcodes than Python's pickler writes, is cut short, holds another number
        of pickles, or nests thousands of things in each other.
    """
    pieces: list[bytes] = []
    start = position = stops = 0
    end, step, unpacked, keep = len(view), _STEP.match, _LENGTH.unpack, pieces.append
    while position < end:
        match = step(view, position)
        if match is None:
            _refuse_unknown(view, position, what)
            break
        kind, after = match.lastindex, match.end()
        if kind == _LONG_BYTES_8:  # as nearly always: an array
            size = unpacked(match[1])[0]
            if size > _LONG_BYTES:
                keep(view[start : after - 8])
                keep(_NO_LENGTH)
                start = after + size
            position = after + size
        elif kind == _SHORT:
            position = after + match[3][0]
        elif kind == _STOP:
            stops, position = stops + 1, after
            if stops == count:
                break
        elif kind == _FRAME:
            keep(view[start : after - 9])
            position = start = after
        else:
            length = match[kind]  # type: ignore[index]
            size = int.from_bytes(length, "little")
            if size > (_LONG_BYTES if kind == _LONG_BYTES_4 else _LONG_TEXT):
                keep(view[start : after - len(length)])
                keep(bytes(len(length)))
                start = after + size
            position = after + size
        if position > end:
            break
    if stops < count or position != end:
        raise CrateFormatError(
            f"{what} is no row of {count} whole pickles: "
            + ("bytes follow the last of them" if stops == count else "it is cut short")
            + "; the file was damaged or made by hand, so it was not opened"
        )
    pieces.append(view[start:position])
    cut = b"".join(pieces)
    if sum(map(cut.count, _NESTING)) > _MANY and _depth(cut) > _DEEPEST:
        raise CrateFormatError(
            f"{what} nests more than {_DEEPEST:,} things in each other, which no pickler can "
            "write; it was not opened"
        )
    return cut


def _refuse_unknown(view: View, position: int, what: object) -> None:
    """Raise for an opcode that is not known; there is none where the file is cut short."""
    at = _PLAIN.match(view, position).end()  # type: ignore[union-attr]
    if at < len(view) and view[at] not in _KNOWN:
        raise CrateFormatError(
            f"{what} has the opcode 0x{view[at]:02x} at byte {at}, which Python's pickler does not "
            "write; the file was damaged or made by hand, so it was not opened"
        )


def _depth(cut: bytes) -> int:
    """How deep the things in an outline lie in each other, at most.

    It plays through what becomes of the stack, with depths in the place of things. A broken
    stack is left for the rehearsal to find.
    """
    stack: list[int] = []
    marks: list[int] = []
    memo: list[int] = []
    deepest = position = 0
    try:
        while position < len(cut):
            code = cut[position]
            position += 1
            width = _PAYLOADS.get(code)
            if width is not None:
                size = int.from_bytes(cut[position : position + width], "little")
                position += width + (size if size <= len(cut) - position - width else 0)
                stack.append(0)
                continue
            fixed = _FIXED.get(code)
            if fixed is not None:
                argument = int.from_bytes(cut[position : position + fixed], "little")
                position += fixed
                if code in b"hj":
                    stack.append(memo[argument])
                elif code != 0x80:
                    stack.append(0)
            elif code == 0x28:
                marks.append(len(stack))
            elif code == 0x94:
                memo.append(stack[-1])
            else:
                taken = _TAKES.get(code, 0)
                at = marks.pop() if taken < 0 else len(stack) - taken
                held = stack[at:]
                del stack[at:]
                if code in b"aesu\x90b":
                    stack[-1] = max(stack[-1], *held, 0) + 1
                elif code not in b"01.":
                    stack.append(max(held, default=0) + 1)
                deepest = max(deepest, stack[-1] if stack else 0)
    except IndexError:
        return deepest
    return deepest


_FIXED = {0x68: 1, 0x4B: 1, 0x80: 1, 0x4D: 2, 0x4A: 4, 0x6A: 4, 0x47: 8}
# All that may come; those of them that end a run are named first.
_KNOWN = {0x95, 0x2E, *_PAYLOADS, *_FIXED, *b"()N\x88\x89\x85\x86\x87t]ae}su\x8f\x90\x91\x94Rb"}
_KNOWN |= {*b"\x81\x92\x9301"}
# How many of the topmost each opcode takes; -1: all down to the mark.
_TAKES = {
    **dict.fromkeys(b"te1u\x90\x91", -1),
    **dict.fromkeys(b"a0b\x85.", 1),
    **dict.fromkeys(b"s\x86R\x81\x93", 2),
    **dict.fromkeys(b"\x87\x92", 3),
}
