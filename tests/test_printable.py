"""Texts of others, as they may go to a terminal."""

from __future__ import annotations

import unicodedata
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrack.errors import CaptureWarning, InvalidValueError
from autotrack.printable import printable

HIDDEN = {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202eb\u2066", "a\\u202eb\\u2066"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("\u3164", "\\u3164"),
        ("a\nb\tc\rd\x07", "a\\nb\\tc\\rd\\x07"),
    ],
)  # fmt: skip
def test_what_cannot_be_seen_is_spelt_out_and_the_rest_left(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_lines_are_left_where_they_are_wanted() -> None:
    assert printable("a\n\tb\r\x1b", lines=True) == "a\n\tb\\r\\x1b"


@pytest.mark.parametrize(
    "text", ["Müller", "東京\u3000", "👍🏽 ❤\ufe0f", "1\xa0000", "C:\\new", ""]
)
def test_what_people_write_is_left(text: str) -> None:
    assert printable(text) == text


@given(st.text(st.characters()) | st.text(st.sampled_from("\x00\x1b\x9b\u202e\u200f\ud800ab\n")))
def test_no_text_keeps_a_control_or_format_character(text: str) -> None:
    shown = printable(text)
    assert not HIDDEN & {unicodedata.category(letter) for letter in shown}
    assert printable(shown) == shown
    shown.encode()


def test_errors_and_warnings_spell_out_what_they_quote() -> None:
    assert str(InvalidValueError("a \x1b[2J")) == "a \\x1b[2J [AT441]"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn("a \x1b[2J", CaptureWarning, stacklevel=1)
    said = warnings.formatwarning(caught[0].message, CaptureWarning, "f.py", 1, "")
    assert "\x1b" not in said
    assert "\\x1b[2J" in said
