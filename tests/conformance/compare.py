"""What tracking changed: two runs of the same tests, compared test by test.

A run is a mapping from test ids to ``{"outcome": ..., "seconds": ..., "text": ...}``.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    """One test module in numbers."""

    module: str
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


def rows(bare: Outcomes, tracked: Outcomes) -> list[Row]:
    """The table: a row a test module, then the total."""

    def row(name: str, before: Outcomes, after: Outcomes) -> Row:
        return Row(
            name,
            len(before),
            sum(test["outcome"] in FAILED for test in before.values()),
            sum(test["outcome"] in FAILED for test in after.values()),
            sum(test["seconds"] for test in before.values()),
            sum(test["seconds"] for test in after.values()),
        )

    before, after = by_module(bare), by_module(tracked)
    modules = sorted({*before, *after})
    table = [row(name, before.get(name, {}), after.get(name, {})) for name in modules]
    return [*table, row("all", bare, tracked)]


def by_module(outcomes: Outcomes) -> dict[str, dict[str, Mapping[str, Any]]]:
    """The tests of each module, by the module's name."""
    modules: dict[str, dict[str, Mapping[str, Any]]] = {}
    for test, outcome in outcomes.items():
        path = test.partition("::")[0]
        modules.setdefault(path.removesuffix(".py").replace("/", "."), {})[test] = outcome
    return modules
