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


def squared(random, rows, correlation):
    """Squared errors of equally good models."""
    common = random.normal(size=(1, rows)) * np.sqrt(correlation)
    own = random.normal(size=(MODELS, rows)) * np.sqrt(1 - correlation)
    return (common + own) ** 2


def is_right_within_its_error(losses_of, rows, correlation, repetitions):
    """Hold what is stated of each of many data sets against what the best gains on average."""
    random = np.random.default_rng(0)
    gains, stated = [], []
    for _ in range(repetitions):
        losses = losses_of(random, rows, correlation)
        # Against what all are worth on these rows: what befalls all alike has a mean of zero.
        gains.append(losses.mean() - losses.mean(axis=1).min())
        stated.append(bootstrap(losses, rounds=300))
    values, errors = np.array(stated).T
    gain, error = np.mean(gains), np.std(gains) / np.sqrt(repetitions)
    within = np.abs(values - gain) <= 2 * errors + error
    assert np.mean(within) >= 0.85
    # No bias beyond the error that is stated of one data set.
    assert abs(values.mean() - gain) <= errors.mean() + 2 * error
    # The error is neither boasted of nor hidden behind.
    assert errors.mean() >= 0.6 * values.std()
    assert errors.mean() <= 0.2 * gain


@pytest.mark.parametrize(("rows", "correlation"), [(50, 0.9), (200, 0.0), (200, 0.5)])
def test_the_optimism_of_equal_models_is_right_within_its_stated_error(rows, correlation):
    is_right_within_its_error(wrong, rows, correlation, 25)


@pytest.mark.thorough
@pytest.mark.parametrize("rows", [50, 200, 1000])
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("losses_of", [wrong, squared])
def test_it_is_so_for_all_sizes_and_likenesses(losses_of, rows, correlation):
    is_right_within_its_error(losses_of, rows, correlation, REPETITIONS)


def test_models_that_are_wrong_on_the_same_rows_gain_nothing():
    same = np.repeat(wrong(np.random.default_rng(0), 100, 0.0)[:1], 50, axis=0)
    assert bootstrap(same) == (pytest.approx(0, abs=1e-12), pytest.approx(0, abs=1e-12))


@pytest.mark.parametrize("rows", [2, 3, 5, 19, 21])
def test_few_rows_have_an_optimism_too(rows):
    optimism, error = bootstrap(np.random.default_rng(0).normal(size=(5, rows)))
    assert np.isfinite([optimism, error]).all()
    assert optimism >= 0


def test_drawing_leaves_the_global_generator_alone():
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()
    bootstrap(np.eye(5))
    assert np.random.get_state()[1].tolist() == before


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
