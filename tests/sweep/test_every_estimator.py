"""Every estimator of scikit-learn: the same answers, one run for a model, and a crate."""

from __future__ import annotations

import pytest

from tests.sweep.estimators import cases
from tests.sweep.sweep import sweep

pytestmark = pytest.mark.thorough


def test_every_estimator_answers_the_same_and_is_recorded_once(tmp_path):
    found, left_out = cases()
    assert left_out == {}
    rows = sweep(found, tmp_path / "crates")
    assert [row for row in rows if not row.is_right] == []
    # A sweep over nothing would find nothing wrong.
    assert len({row.name for row in rows}) > 200
    assert {row.kind for row in rows} > {"classifier", "regressor", "clusterer", "transformer"}
