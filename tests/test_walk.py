"""A fit goes down through the rooms to the store, and climbs back up a few times at most."""

from __future__ import annotations

import pytest

from tests.walk import ROOT, is_above, walk_of, walk_of_fit

MOST_CLIMBS = 6

pytestmark = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").exists(), reason="needs the checkout, which has the contracts"
)


@pytest.mark.parametrize(
    ("upper", "lower", "expected"),
    [
        ("autotrack.capture.hooks.estimators", "autotrack.tracking.recording.recorder", True),
        ("autotrack.tracking.recording.recorder", "autotrack.tracking.retry_queue", True),
        ("autotrack.tracking.retry_queue", "autotrack.tracking.recording.recorder", False),
        ("autotrack.crates.packing.pack", "autotrack.store.store", False),  # side by side
        ("autotrack.store.store", "autotrack.store.store", False),
    ],
)
def test_a_module_is_above_another_as_the_contracts_say(upper, lower, expected):
    assert is_above(upper, lower) is expected


def test_a_fit_climbs_back_up_a_few_times_at_most():
    walk = walk_of_fit()
    for room in ("capture.hooks.", "tracking.recording.", "crates.packing.", "store.tables."):
        assert any(stay.startswith(f"autotrack.{room}") for stay in walk.stays)
    assert len(walk.climbs) <= MOST_CLIMBS, walk.climbs


def test_a_call_from_below_is_a_climb():
    from autotrack.tracking.workspace import Workspace

    below = {"__name__": "autotrack.store.store", "make": Workspace}
    walk = walk_of(lambda: eval("make()", below))
    assert walk.climbs[0] == ("store.store: <module>", "tracking.workspace: Workspace.__init__")
    assert walk_of(Workspace).climbs == []
