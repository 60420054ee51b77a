"""A source text in pieces of whole statements, of which only those are parsed that are asked for.

Parsing takes longer than all else that a score does, and a score asks for its own statement and for
those that define a few names. Where a statement of the module begins is seen without parsing: at
the begin of a line, outside of every bracket and string. A text whose strings are not told apart
for certain is one piece.
"""

from __future__ import annotations

import ast
import bisect
import sys
from collections.abc import Iterator, Sequence

from autotrack.runtime.patterns import pattern
from autotrack.runtime.quiet import quiet, uncollected

# Comments, strings, lines that go on, pairs of brackets with nothing that matters between them,
# other brackets, quotes that nothing ends, and ends of lines before a statement. Each begins with
# one certain character, without which the search takes five times as long. An empty group marks
# those that matter.
_TOKENS = pattern(
    r"""\#[^\n]*"""
    r'''|"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""'''
    r"""|'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''"""
    r'''|"[^"\\\n]*(?:\\.[^"\\\n]*)*"'''
    r"""|'[^'\\\n]*(?:\\.[^'\\\n]*)*'"""
    r"""|\\\n"""
    r"""|\([^()\[\]{}"'#\\\n]*\)|\[[^()\[\]{}"'#\\\n]*\]|\{[^()\[\]{}"'#\\\n]*\}"""
    r"""|\(()|\[()|\{()|\)()|\]()|\}()|"()|'()"""
    r"""|\n(?=[^\s)\]}#])()""",
    16,  # re.DOTALL
)
# What a statement goes on with, at the begin of a line.
_GOING_ON = ("else", "elif", "except", "finally")
_BOUND_WITHIN = ("def ", "async def ")
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
# From this Python on, an expression in an f-string may have its quotes, and comments, within it.
_HAS_NESTED_STRINGS = sys.version_info >= (3, 12)
_FORMATTED = pattern(r"""(?<!\w)(?:[fFtT][rR]?|[rR][fFtT])(?="|')""")
# Those of which that makes no difference: in braces are no quotes, or the other ones. Nothing
# is tried twice, so that the longest takes no longer than its length.
_FIELD = r"\{[^\"'{}#\\\n]*(?:\{[^\"'{}#\\\n]*\}[^\"'{}#\\\n]*)*\}"
_QUOTING = r"|\{[^\"'{}#\\\n]*(?:Q[^\"'{}#\\\n]*Q[^\"'{}#\\\n]*)*\}"
_SHORT = r"(?:[^Q{}\\\n]|\{\{|\}\}|\\[^N{}\n]|" + _FIELD
_LONG = r"(?:[^Q{}\\]|Q(?!QQ)|\{\{|\}\}|\\[^N{}]|" + _FIELD + ")*+"
_PLAIN = pattern(
    "|".join(
        (
            "QQQ".join(("", _LONG, "")).replace("Q", '"'),
            "QQQ".join(("", _LONG, "")).replace("Q", "'"),
            '"' + _SHORT.replace("Q", '"') + _QUOTING.replace("Q", "'") + ')*+"(?!")',
            "'" + _SHORT.replace("Q", "'") + _QUOTING.replace("Q", '"') + ")*+'(?!')",
        )
    )
)


class Pieces:
    """The statements of a source text, parsed when they are asked for.

    Parameters
    ----------
    text : str
        The source of a module or a cell.

    Attributes
    ----------
    tree : ast.Module
        The statements that were parsed so far, in the order of the text. All else is as in a tree
        of the whole text.
    is_readable : bool
        Whether all that was asked for could be parsed. A text that cannot was changed since it was
        run.
    """

    __slots__ = (
        "_lines",
        "_named",
        "_parsed",
        "_starts",
        "_text",
        "_unusual",
        "is_readable",
        "tree",
    )

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = list(_starts(text))
        self._lines: list[int] = []
        line = 1
        for start, stop in zip(self._starts, [*self._starts[1:], len(text)], strict=True):
            self._lines.append(line)
            line += text.count("\n", start, stop)
        # Names there may be written in another way than the tree has them.
        self._unusual = () if text.isascii() else self._not_ascii()
        self._parsed: dict[int, list[ast.stmt]] = {}
        # What was asked for by a name.
        self._named: dict[tuple[str, bool], list[int]] = {}
        self.tree = ast.Module(body=[], type_ignores=[])
        self.is_readable = True

    def at(self, line: int) -> list[ast.stmt]:
        """The statements of the piece that a line is in."""
        return self.statements(max(0, bisect.bisect_right(self._lines, line) - 1))

    def naming(self, name: str, *, at_module: bool = False) -> list[int]:
        """The pieces in whose text a name occurs, by number.

        With `at_module`, without those in which it cannot be one of the module's variables.
        """
        known = self._named.get((name, at_module))
        if known is not None:
            return known
        found = set(self._unusual)
        text, starts, size = self._text, self._starts, len(name)
        place = text.find(name)
        while place >= 0:
            before, after = text[place - 1 : place], text[place + size : place + size + 1]
            if _goes_on(before) or _goes_on(after):
                place = text.find(name, place + size)
                continue
            number = bisect.bisect_right(starts, place) - 1
            found.add(number)
            if number + 1 == len(starts):
                break
            place = text.find(name, starts[number + 1])
        if at_module:
            found = {number for number in found if not self._is_function(number)}
        ordered = self._named[name, at_module] = sorted(found)
        return ordered

    def statements(self, number: int) -> list[ast.stmt]:
        """The statements of a piece."""
        known = self._parsed.get(number)
        if known is not None:
            return known
        # Of two threads the first one's are the statements of the piece.
        known = self._parsed.setdefault(number, self._parse(number))
        while True:
            parsed = sorted(self._parsed)
            self.tree.body = [statement for n in parsed for statement in self._parsed[n]]
            if len(parsed) == len(self._parsed):
                return known

    def _parse(self, number: int) -> list[ast.stmt]:
        start = self._starts[number]
        stop = self._starts[number + 1] if number + 1 < len(self._starts) else None
        # After as many lines, so that every node has its place. Empty ones take next to nothing.
        text = "\n" * (self._lines[number] - 1) + self._text[start:stop]
        try:
            with quiet(), uncollected():
                return ast.parse(text).body
        except Exception:  # noqa: BLE001 - nothing is known of a source that cannot be read
            self.is_readable = False
            return []

    def _is_function(self, number: int) -> bool:
        """Whether a piece is a function, whose names are its own."""
        start = self._starts[number]
        stop = self._starts[number + 1] if number + 1 < len(self._starts) else len(self._text)
        if not self._text.startswith(_BOUND_WITHIN, start) or number == 0:
            return False
        return self._text.find("\f", start, stop) < 0  # after which another line may begin

    def _not_ascii(self) -> Sequence[int]:
        stops = [*self._starts[1:], len(self._text)]
        pieces = enumerate(zip(self._starts, stops, strict=True))
        return tuple(n for n, (start, stop) in pieces if not self._text[start:stop].isascii())


def _goes_on(character: str) -> bool:
    return character.isalnum() or character == "_"


def _starts(text: str) -> Iterator[int]:
    """Where the pieces begin; only the begin of the text where that cannot be told."""
    found = [0] if "\r" in text or not _has_plain_strings(text) else _boundaries(text)
    yield from found or [0]


def _boundaries(text: str) -> list[int]:
    found, depth = [0], 0
    is_decorated = text.startswith("@")
    for token in _TOKENS.finditer(text):
        if token.lastindex is None:
            continue
        start = token.start()
        character = text[start]
        if character == "\n":
            start += 1
            if depth or text.startswith(_GOING_ON, start):
                continue
            if is_decorated:
                is_decorated = text[start] == "@"
                continue
            is_decorated = text[start] == "@"
            found.append(start)
        elif character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth -= 1
            if depth < 0:
                return []
        else:  # a quote that nothing ends
            return []
    return [] if depth else found


def _has_plain_strings(text: str) -> bool:
    """Whether a string ends at the next quote like its own, as the pattern takes it."""
    if not _HAS_NESTED_STRINGS:
        return True
    return all(_PLAIN.match(text, found.end()) for found in _FORMATTED.finditer(text))
