"""CSV whose lines are wider than a model takes is refused before its values are made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrack.serving.requests.csv_tables import read_table
from autotrack.serving.requests.input_errors import BadInputError
from tests.waiting import fastest

MOST = 5
# Lines of so many values; some are long enough to be looked at, by the length of a value.
LINES = st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["1", "2" * 6000])), max_size=6)


def outcome(text: str) -> object:
    try:
        return read_table(text.encode(), MOST)
    except BadInputError as error:
        return [(problem.place, problem.message) for problem in error.problems]


@given(LINES, st.sampled_from(["\n", "\r\n", "\r"]))
def test_a_text_is_read_or_refused_alike_with_and_without_quotes(
    lines: list[tuple[int, str]], end: str
) -> None:
    plain, quoted = (
        end.join(",".join([mark + value + mark] * count) for count, value in lines)
        for mark in ("", '"')
    )

    assert outcome(plain) == outcome(quoted)


@pytest.mark.parametrize("before", ["", "a,b\n1,2\n"], ids=["header", "row"])
def test_a_line_that_is_far_too_wide_is_refused_without_making_its_values(before: str) -> None:
    values = ["1"] * 100_000
    plain, quoted = before + ",".join(values), before + '"' + '","'.join(values) + '"'

    assert outcome(plain) == outcome(quoted)
    assert fastest(lambda: outcome(plain)) < fastest(lambda: outcome(quoted)) / 3
