"""Regular expressions that are compiled at their first use."""

from __future__ import annotations

import copy
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrack.runtime.patterns import pattern


@given(st.text(alphabet="abAB1 "))
def test_it_finds_what_a_compiled_one_does(text: str) -> None:
    ours, compiled = (make(r"([ab])+\d?", re.IGNORECASE) for make in (pattern, re.compile))

    assert [m.span() for m in ours.finditer(text)] == [m.span() for m in compiled.finditer(text)]
    assert ours.sub("x", text) == compiled.sub("x", text)
    assert bool(ours.fullmatch(text)) == bool(compiled.fullmatch(text))


def test_it_can_be_of_bytes() -> None:
    assert pattern(rb"a+").match(b"aab")[0] == b"aa"  # type: ignore[index]


def test_it_is_compiled_when_it_is_used() -> None:
    wrong = pattern("(")

    with pytest.raises(re.error):
        wrong.match("a")


def test_it_can_be_copied_and_pickled() -> None:
    for other in (copy.deepcopy(pattern("a")), pickle.loads(pickle.dumps(pattern("a")))):
        assert other.match("a")
