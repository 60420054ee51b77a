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

#: Opcodes of a fixed size, which say all in themselves: maximal runs of them, without backtracking.
_PLAIN = re.compile(
    rb"(?:[()N\x88\x89\x85-\x87t\]ae}su\x8f\x90\x91\x94Rb\x81\x92\x930\x31]"
    rb"|[hK\x80].|M..|[Jj]....|G.{8})*+",
    re.DOTALL,
)
_FRAME = 0x95
_STOP = 0x2E
#: Opcodes before a payload, with the bytes that its length takes: texts, bytes, long integers.
_PAYLOADS = {0x8C: 1, 0x58: 4, 0x8D: 8, 0x43: 1, 0x42: 4, 0x8E: 8, 0x96: 8, 0x8A: 1, 0x8B: 4}
_LENGTHS = {
    size: struct.Struct(f"<{code}").unpack_from for size, code in ((1, "B"), (4, "I"), (8, "Q"))
}
_BYTES = frozenset({0x42, 0x8E, 0x96})
#: Texts this long are documents, and no names; the same goes for bytes.
_LONG_TEXT = 1 << 16
_LONG_BYTES = 1 << 8
# What puts things into other things that the interpreter visits recursively, as when it hashes
# tuples in tuples.
_NESTING = (b"t", b"\x85", b"\x86", b"\x87", b"R", b"\x81", b"\x92", b"\x91")
_MANY = 40_000
_DEEPEST = 10_000

View = bytes | mmap.mmap


def outline(view: View, count: int, what: object) -> bytes:
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
    end = len(view)
    plain, payloads = _PLAIN.match, _PAYLOADS
    while position < end:
        position = plain(view, position).end()  # type: ignore[union-attr]
        if position >= end:
            break
        code = view[position]
        width = payloads.get(code)
        if width is not None:
            after = position + 1 + width
            if after > end:
                break
            (size,) = _LENGTHS[width](view, position + 1)
            if size > end - after:
                break
            if size > _LONG_BYTES and (code in _BYTES or size > _LONG_TEXT):
                pieces += view[start : position + 1], bytes(width)
                start = after + size
            position = after + size
        elif code == _FRAME:
            # It only says how much to read at once.
            pieces.append(view[start:position])
            position = start = position + 9
        elif code == _STOP:
            stops += 1
            position += 1
            if stops == count:
                break
        else:
            raise CrateFormatError(
                f"{what} has the opcode 0x{code:02x} at byte {position}, which Python's pickler "
                "does not write; the file was damaged or made by hand, so it was not opened"
            )
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
# How many of the topmost each opcode takes; -1: all down to the mark.
_TAKES = {
    **dict.fromkeys(b"te1u\x90\x91", -1),
    **dict.fromkeys(b"a0b\x85.", 1),
    **dict.fromkeys(b"s\x86R\x81\x93", 2),
    **dict.fromkeys(b"\x87\x92", 3),
}
