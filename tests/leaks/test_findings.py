"""Every leak that calls can show is found, and nothing is found in clean work."""

from __future__ import annotations

import pytest

pytest.importorskip("imblearn", reason="some workflows resample")

from tests.leaks.running import WORKFLOWS, look

SHOWN = [workflow for workflow in WORKFLOWS if not workflow.unseen]
# What may be said beside the leak at hand: of the search or the fit, or that the data is small.
BESIDE = {"AT201", "AT202", "AT204"}


@pytest.mark.parametrize("workflow", SHOWN, ids=lambda workflow: workflow.name)
def test_what_there_is_to_find_is_found_and_nothing_else(workflow, store_path):
    seen = look(workflow, store_path)
    codes = seen.codes
    if workflow.judged:
        assert seen.judged == workflow.judged
    if workflow.expected:
        assert codes & workflow.expected
        assert not codes - workflow.expected - BESIDE
    else:
        assert not codes
