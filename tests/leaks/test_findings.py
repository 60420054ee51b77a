"""Every leak that calls can show is found, and nothing is found in clean work."""

from __future__ import annotations

import pytest

pytest.importorskip("imblearn", reason="some workflows resample")

from tests.leaks.running import WORKFLOWS, look

SHOWN = [workflow for workflow in WORKFLOWS if not workflow.unseen]


@pytest.mark.parametrize("workflow", SHOWN, ids=lambda workflow: workflow.name)
def test_what_there_is_to_find_is_found_and_nothing_else(workflow, store_path):
    seen = look(workflow, store_path)
    codes = seen.codes
    if workflow.judged:
        assert seen.judged == workflow.judged
    assert workflow.expected <= codes
    assert codes <= workflow.expected | workflow.also
