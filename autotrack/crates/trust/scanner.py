"""What a pickle would import, read from its opcodes.

Nothing is built: what lies on the pickle's stack is followed by where its text begins in the file,
or not at all. It is a description for people, and no judgement: what a pickle does with what it
imports is known when it was done.
"""

from __future__ import annotations

import mmap
import time
from array import array

from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patterns import pattern

Name = tuple[str, str]

#: So many opcodes are read at most, for at most so long (s).
_MOST_STEPS = 5_000_000
_MOST_SECONDS = 2.0
_MOST_DEPTH = 2_000_000
_MOST_NAMES = 5_000
_LONGEST_NAME = 300
_LOOK_AT_THE_CLOCK = 1 << 14

#: A name that the pickle does not have as a text, but would compute.
COMPUTED = "(computed)"
_OTHER, _MARK = -1, -2

# Opcodes by what they do to the stack. Texts, with the width of their length; texts in lines.
_TEXTS = {0x58: 4, 0x8C: 1, 0x8D: 8, 0x54: 4, 0x55: 1}
_TEXT_LINES = b"VS"
# What pushes something else: after a length of this width, of a fixed size, or in a line.
_SIZED = {0x42: 4, 0x43: 1, 0x8E: 8, 0x96: 8, 0x8A: 1, 0x8B: 4}
_FIXED = {
    0x4B: 1, 0x4D: 2, 0x4A: 4, 0x47: 8, **dict.fromkeys(b"N\x88\x89)]}\x8f\x97", 0)
}  # fmt: skip
_LINES = b"ILFP"
_EXTENSIONS = {0x82: 1, 0x83: 2, 0x84: 4}
# How many are taken from the top, and whether one is put there; -1: all down to the mark.
_EFFECTS = {
    **dict.fromkeys(b"\x85Q", (1, 1)),
    **dict.fromkeys(b"\x86R\x81", (2, 1)),
    **dict.fromkeys(b"\x87\x92", (3, 1)),
    **dict.fromkeys(b"tld\x91o", (-1, 1)),
    **dict.fromkeys(b"ab", (1, 0)),
    **dict.fromkeys(b"s", (2, 0)),
    **dict.fromkeys(b"eu\x901", (-1, 0)),
}
_LINE = pattern(rb"[^\n]*\n")

# By these cloudpickle makes functions and classes again.
_CODE = frozenset({"_make_function", "_make_skeleton_class", "_make_skeleton_enum", "CodeType"})


@dataclass(frozen=True, slots=True)
class Contents:
    """What a pickle would import.

    Attributes
    ----------
    names : frozenset of (str, str)
        Modules, and what of them.
    unread : str
        Why it was not read to its end; empty where it was.
    """

    names: frozenset[Name]
    unread: str = ""

    @property
    def packages(self) -> list[str]:
        """The packages that it would import from."""
        return sorted({module.partition(".")[0] for module, _ in self.names})

    @property
    def has_code(self) -> bool:
        """Whether it would make functions or classes of its own."""
        return any(name in _CODE for _, name in self.names)


class _UnreadError(Exception):
    """Why it is read no further."""


def contents(data: bytes | mmap.mmap) -> Contents:
    """Read pickles one after the other, in a few seconds and a few megabytes at most.

    Parameters
    ----------
    data : bytes or mmap
        A file. It is not copied.
    """
    reader = _Reader(data)
    try:
        reader.read()
    except _UnreadError as reason:
        return Contents(frozenset(reader.names), f"{reason}, at byte {reader.position:,}")
    except IndexError:
        return Contents(frozenset(reader.names), f"no pickle, from byte {reader.position:,} on")
    return Contents(frozenset(reader.names))


class _Reader:
    def __init__(self, data: bytes | mmap.mmap) -> None:
        self.data = data
        self.position = 0
        self.names: set[Name] = set()
        # Where a text begins (its opcode), or what else it is.
        self._stack = array("q")
        self._memo = array("q")
        self._memoized = 0

    # One loop with a branch for each kind of opcode: it has to be quick.
    def read(self) -> None:  # noqa: C901, PLR0912, PLR0915
        """Follow what is on the stack."""
        data, stack, end = self.data, self._stack, len(self.data)
        until, steps = time.monotonic() + _MOST_SECONDS, 0
        while self.position < end:
            steps += 1
            if steps % _LOOK_AT_THE_CLOCK == 0 and (
                steps > _MOST_STEPS or time.monotonic() > until or len(stack) > _MOST_DEPTH
            ):
                raise _UnreadError("too long to be read")
            start = self.position
            code = data[start]
            at = start + 1
            if code in _TEXTS:
                stack.append(start)
                self.position = self._after(at, _TEXTS[code])
            elif code == 0x94:
                self._keep(self._memoized, stack[-1])
                self.position = at
            elif code in b"hjg":
                stack.append(self._kept(self._argument(at, code)))
            elif code in b"qrp":
                self._keep(self._argument(at, code), stack[-1])
            elif code in _FIXED:
                stack.append(_OTHER)
                self.position = at + _FIXED[code]
            elif code in _EFFECTS:
                self._change(*_EFFECTS[code])
                self.position = at
            elif code == 0x28:
                stack.append(_MARK)
                self.position = at
            elif code == 0x93:
                name, module = stack.pop(), stack.pop()
                self._note(self._text(module), self._text(name))
                stack.append(_OTHER)
                self.position = at
            elif code in _SIZED:
                stack.append(_OTHER)
                self.position = self._after(at, _SIZED[code])
            elif code in b"ci":
                home, what = self._line(at), self._line(self.position)
                if code == 0x69:
                    self._change(-1, 0)
                self._note(home, what)
                stack.append(_OTHER)
            elif code in _EXTENSIONS:
                number = int.from_bytes(data[at : at + _EXTENSIONS[code]], "little")
                self._note("copyreg", f"extension {number}")
                stack.append(_OTHER)
                self.position = at + _EXTENSIONS[code]
            elif code in _TEXT_LINES or code in _LINES:
                stack.append(start if code in _TEXT_LINES else _OTHER)
                self._line(at)
            elif code == 0x95:
                self.position = at + 8
            elif code == 0x80:
                self.position = at + 1
            elif code == 0x30:
                stack.pop()
                self.position = at
            elif code == 0x32:
                stack.append(stack[-1])
                self.position = at
            elif code == 0x2E:
                del stack[:]
                self.position = at
            elif code == 0x98:
                self.position = at
            else:
                raise _UnreadError(f"no opcode of a pickle (0x{code:02x})")
        if self.position > end or len(stack):
            raise _UnreadError("cut short")

    def _after(self, at: int, width: int) -> int:
        return at + width + int.from_bytes(self.data[at : at + width], "little")

    def _line(self, at: int) -> str:
        match = _LINE.match(self.data, at)
        if match is None:
            raise _UnreadError("cut short")
        self.position = match.end()
        return bytes(self.data[at : min(match.end() - 1, at + _LONGEST_NAME)]).decode("latin-1")

    def _argument(self, at: int, code: int) -> int:
        """The number of a place in the memo."""
        if code in b"gp":
            try:
                return int(self._line(at)[:20])
            except ValueError as error:
                raise _UnreadError("no number of a memo") from error
        width = 1 if code in b"hq" else 4
        self.position = at + width
        return int.from_bytes(self.data[at : at + width], "little")

    def _keep(self, place: int, value: int) -> None:
        memo = self._memo
        if not 0 <= place <= _MOST_DEPTH:
            raise _UnreadError("a memo of millions of places")
        if place >= len(memo):
            memo.extend([_MARK] * (place - len(memo)) + [value])
            self._memoized += 1
            return
        self._memoized += memo[place] == _MARK
        memo[place] = value

    def _kept(self, place: int) -> int:
        return self._memo[place] if place >= 0 else _OTHER

    def _change(self, taken: int, put: int) -> None:
        stack = self._stack
        if taken < 0:
            while stack.pop() != _MARK:
                pass
        else:
            if taken > len(stack):
                raise IndexError
            del stack[len(stack) - taken :]
        if put:
            stack.append(_OTHER)

    def _text(self, at: int) -> str:
        if at < 0:
            return COMPUTED
        code = self.data[at]
        if code in _TEXT_LINES:
            line = self.data[at + 1 : at + 1 + _LONGEST_NAME].partition(b"\n")[0]
            return line.decode("latin-1").strip("'\"")
        width = _TEXTS[code]
        begin = at + 1 + width
        end = min(self._after(at + 1, width), begin + _LONGEST_NAME)
        return self.data[begin:end].decode("utf-8", "replace")

    def _note(self, module: str, name: str) -> None:
        if len(self.names) >= _MOST_NAMES:
            raise _UnreadError(f"more than {_MOST_NAMES:,} names")
        self.names.add((module, name))
