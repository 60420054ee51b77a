"""What tracking changed: two runs of the same tests, compared test by test.

A run is a mapping from test ids to ``{"outcome": ..., "seconds": ..., "text": ...}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Outcomes = Mapping[str, Mapping[str, Any]]
FAILED = frozenset({"failed", "not collected"})
_MISSING = {"outcome": "missing", "seconds": 0.0}


class Difference(NamedTuple):
    """A test that ended otherwise with tracking than without."""

    test: str
    bare: str
    tracked: str
    text: str


class Row(NamedTuple):
    """One suite in numbers."""

    suite: str
    tests: int
    failed_bare: int
    failed_tracked: int
    seconds_bare: float
    seconds_tracked: float

    @property
    def ratio(self) -> float:
        return self.seconds_tracked / self.seconds_bare if self.seconds_bare else float("nan")


def differences(bare: Outcomes, tracked: Outcomes) -> list[Difference]:
    """Every test that tracking made worse or other: failed, skipped, missing or new.

    A test that already fails without tracking says nothing about it.
    """
    found = []
    for test in sorted({*bare, *tracked}):
        before = bare.get(test, _MISSING)
        after = tracked.get(test, _MISSING)
        if before["outcome"] not in FAILED and after["outcome"] != before["outcome"]:
            text = after.get("text", "")
            found.append(Difference(test, before["outcome"], after["outcome"], text))
    return found


def rows(suites: Iterable[str], bare: Outcomes, tracked: Outcomes) -> list[Row]:
    """The table: a row a suite, then the total."""

    def row(name: str, *prefixes: str) -> Row:
        before = [test for key, test in bare.items() if key.startswith(prefixes)]
        after = [test for key, test in tracked.items() if key.startswith(prefixes)]
        return Row(
            name,
            len(before),
            sum(test["outcome"] in FAILED for test in before),
            sum(test["outcome"] in FAILED for test in after),
            sum(test["seconds"] for test in before),
            sum(test["seconds"] for test in after),
        )

    # A suite is a module or a package.
    paths = {suite: suite.replace(".", "/") for suite in suites}
    table = [row(suite, f"{path}.py", f"{path}/") for suite, path in paths.items()]
    return [*table, row("all", "")]
