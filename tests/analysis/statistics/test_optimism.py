"""The stated optimism is what the best of many equal models gains."""

from __future__ import annotations

import numpy as np
import pytest

from autotrack.analysis.statistics.optimism import (
    bootstrap,
    bound,
    expected_maximum,
    spread_of_share,
)

MODELS, REPETITIONS = 200, 100


def wrong(random, rows, correlation):
    """Losses of equally good models, whose errors have so much in common."""
    common = random.normal(size=(1, rows)) * np.sqrt(correlation)
    own = random.normal(size=(MODELS, rows)) * np.sqrt(1 - correlation)
    return (common + own > 0.8416).astype(float)  # one in five rows


@pytest.mark.parametrize("rows", [50, 200, 1000])
@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_the_bootstrap_states_what_the_best_of_equal_models_gains(rows, correlation):
    random = np.random.default_rng(0)
    gains, stated = [], []
    for repetition in range(REPETITIONS):
        losses = wrong(random, rows, correlation)
        # Against what all of them are worth on these rows, where they are wrong together.
        gains.append(losses.mean() - losses.mean(axis=1).min())
        if repetition < 10:
            stated.append(bootstrap(losses, rounds=200))
    gain, error = np.mean(gains), np.std(gains) / np.sqrt(REPETITIONS)
    optimism = np.mean([value for value, _ in stated])
    own = np.std([value for value, _ in stated]) / np.sqrt(len(stated)) + stated[0][1]
    # What chance does to all models alike is in the bootstrap, and not in the gain.
    assert gain - 3 * (error + own) <= optimism
    if not correlation:
        assert optimism <= gain * 1.1 + 3 * (error + own)


@pytest.mark.parametrize("rows", [50, 200, 1000])
def test_the_bound_is_what_independent_models_gain_and_more_than_similar_ones_do(rows):
    random = np.random.default_rng(1)
    stated = bound(MODELS, rows, spread_of_share(0.2))
    gains = {}
    for correlation in (0.0, 0.9):
        tables = (wrong(random, rows, correlation) for _ in range(REPETITIONS))
        gains[correlation] = np.mean([0.2 - table.mean(axis=1).min() for table in tables])
    # Shares of few rows are not quite normal.
    assert gains[0.0] == pytest.approx(stated, rel=0.15)
    assert gains[0.9] < stated


def test_the_expected_maximum_is_that_of_drawn_values():
    drawn = np.random.default_rng(0).normal(size=(20_000, 100)).max(axis=1).mean()
    assert expected_maximum(100) == pytest.approx(drawn, abs=0.03)
    assert expected_maximum(1) == 0
