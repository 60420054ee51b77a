"""Text of others as it may go to a terminal: what is not to be seen is spelt out.

A name, a param or a message may hold escape sequences that move the cursor, marks that turn round
what stands behind them, or characters without width. Whatever prints such a text asks here first.
"""

from __future__ import annotations

import unicodedata

# Letters and marks to Unicode, yet drawn as nothing (most of what is "default ignorable").
# Variation selectors 15 and 16 are left out: they make a sign an emoji, and nothing else.
_INVISIBLES = (
    *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
    *range(0x180B, 0x1810),
    *range(0xFE00, 0xFE0E),
    *range(0xE0100, 0xE01F0),
)
_INVISIBLE = frozenset(map(chr, _INVISIBLES))
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str, *, lines: bool = False) -> str:
    r"""`text` with whatever is no visible character as its escape: ``\x1b``, ``\u202e``.

    Parameters
    ----------
    text : str
        Anything; printable text comes back as it is.
    lines : bool, default=False
        Leave the ends of lines, and tabs.
    """
    if text.isascii() and text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(
        letter if letter in kept or _is_visible(letter) else _spelt(letter) for letter in text
    )


def _is_visible(letter: str) -> bool:
    if letter.isprintable():
        return letter not in _INVISIBLE
    # Python counts all blanks but one to what cannot be printed; most have a width.
    return unicodedata.category(letter) == "Zs"


def _spelt(letter: str) -> str:
    if letter in _NAMED:
        return _NAMED[letter]
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def described(value: object, longest: int = 80) -> str:
    """The `repr` of any value for a message, cut; its class where that fails or says nothing."""
    try:
        shown = str.__str__(repr(value))
    except Exception:  # noqa: BLE001 - a foreign __repr__ may do anything
        shown = ""
    shown = shown or f"<{type(value).__qualname__}>"
    if len(shown) <= longest:
        return printable(shown)
    return f"{printable(shown[:longest])}… ({type(value).__name__})"


def plain_text(value: str) -> str:
    """The characters of a text whose class may say something else of itself."""
    return value if type(value) is str else str.__str__(value)
