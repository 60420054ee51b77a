"""The comparison that `make conformance` rests on."""

from __future__ import annotations

import pytest

from tests.conformance.compare import differences, rows


def run(**outcomes: str) -> dict[str, dict[str, object]]:
    return {name: {"outcome": outcome, "seconds": 1.0} for name, outcome in outcomes.items()}


@pytest.mark.parametrize("after", ["failed", "skipped", "xfailed", "not collected"])
def test_a_test_that_passed_and_does_not_with_tracking_is_a_difference(after):
    (found,) = differences(run(a="passed", b="passed"), run(a=after, b="passed"))
    assert (found.test, found.bare, found.tracked) == ("a", "passed", after)


def test_a_test_that_is_gone_or_new_with_tracking_is_a_difference():
    found = differences(run(a="passed"), run(b="passed"))
    assert [(one.test, one.bare, one.tracked) for one in found] == [
        ("a", "passed", "missing"),
        ("b", "missing", "passed"),
    ]


def test_a_test_that_fails_by_itself_is_no_difference():
    assert differences(run(a="failed", b="skipped"), run(a="passed", b="skipped")) == []


def test_the_table_has_a_row_for_each_module_and_the_total():
    bare = {
        "sklearn/tests/test_base.py::a": {"outcome": "passed", "seconds": 1.0},
        "sklearn/tests/test_base.py::Test::b[x/y.py::z]": {"outcome": "passed", "seconds": 1.0},
        "sklearn/tests/test_base_more.py": {"outcome": "not collected", "seconds": 0.0},
        "sklearn/callback/tests/test_x.py::b": {"outcome": "failed", "seconds": 2.0},
    }
    tracked = {test: {**outcome, "seconds": 3.0} for test, outcome in bare.items()}
    callback, base, more, total = rows(bare, tracked)
    assert callback == ("sklearn.callback.tests.test_x", 1, 1, 1, 2.0, 3.0)
    assert base == ("sklearn.tests.test_base", 2, 0, 0, 2.0, 6.0)
    assert more[2:4] == (1, 1)
    assert (total.tests, total.ratio) == (4, 3.0)


def test_a_module_that_is_only_there_with_tracking_has_a_row():
    only, total = rows({}, {"sklearn/tests/test_base.py::a": {"outcome": "failed", "seconds": 1.0}})
    assert (only.tests, only.failed_tracked, total.failed_tracked) == (0, 1, 1)
