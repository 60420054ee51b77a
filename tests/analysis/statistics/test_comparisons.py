"""Tests of models against each other, held against independent implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from autotrack.analysis.statistics.comparisons import bayesian_t_test, bootstrap, mcnemar_pvalue
from tests.older import SCIPYS_SEED

# From baycomp 1.0.3, `CorrelatedTTest(x, y, rope, runs).probs()`: runs, folds, rope, the
# differences y - x, and the probabilities that x is better, that they are equal, that y is better.
BAYCOMP = [
    (
        1, 10, 0.01,
        [0.0114, 0.0245, 0.0176, 0.0112, 0.0144, 0.0133, 0.0249, 0.0079, 0.0131, 0.0015],
        (2.1218656599779494e-05, 0.1261841858296282, 0.873794595513772),
    ),
    (
        5, 2, 0.005,
        [-0.0342, -0.0249, -0.0254, -0.0158, -0.0316, -0.0122, -0.0051, -0.0407, -0.0157, -0.0132],
        (0.9060787485416149, 0.06922016409886034, 0.02470108735952481),
    ),
    (
        1, 5, 0.001, [-0.0168, 0.0115, 0.0108, -0.0081, -0.0147],
        (0.598766377056805, 0.07457830613696714, 0.32665531680622784),
    ),
    (
        2, 5, 0.02,
        [0.0181, 0.0249, 0.024, 0.0295, 0.0106, 0.0319, 0.0352, 0.0309, 0.0269, 0.031],
        (1.0512391687275754e-06, 0.09049255845384874, 0.9095063903069825),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("runs", "folds", "rope", "differences", "probabilities"), BAYCOMP)
def test_the_bayesian_answer_is_that_of_baycomp(runs, folds, rope, differences, probabilities):
    assert len(differences) == runs * folds
    found = bayesian_t_test(differences, 1 / (folds - 1), rope)
    assert [found.worse, found.equal, found.better] == pytest.approx(probabilities, rel=1e-9)


@given(
    st.lists(st.floats(-0.1, 0.1), min_size=2, max_size=20),
    st.floats(0.01, 1),
    st.floats(0, 0.05),
)
@settings(deadline=None)
def test_the_bayesian_answer_is_the_published_posterior(differences, share, rope):
    rho = share / (1 + share)  # the correlation of the paper
    scale = math.sqrt((1 / len(differences) + rho / (1 - rho)) * np.var(differences, ddof=1))
    if scale < 1e-9:
        return
    posterior = stats.t(len(differences) - 1, np.mean(differences), scale)
    found = bayesian_t_test(differences, share, rope)
    assert found.worse == pytest.approx(posterior.cdf(-rope), abs=1e-9)
    assert found.better == pytest.approx(posterior.sf(rope), abs=1e-9)
    assert found.worse + found.equal + found.better == pytest.approx(1)


def test_equal_scores_are_practically_equal():
    assert bayesian_t_test([0.0, 0.0, 0.0], 0.5, 0.01).equal == 1
    assert bayesian_t_test([0.2, 0.2, 0.2], 0.5, 0.01).better == 1
    assert math.isnan(bayesian_t_test([0.2], 0.5, 0.01).better)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_mcnemars_test_is_the_sign_test_of_the_rows_on_which_models_disagree(rows):
    a, b = (np.array(side) for side in zip(*rows, strict=True))
    only = int(np.sum(a & ~b)), int(np.sum(~a & b))
    expected = stats.binomtest(only[0], sum(only)).pvalue if sum(only) else 1.0
    assert mcnemar_pvalue(a, b) == pytest.approx(expected)


def test_the_interval_of_a_mean_is_the_one_scipy_draws():
    values = np.random.default_rng(0).normal(size=80)
    found = bootstrap(lambda rows: values[rows].mean(), np.zeros(80), resamples=4000)
    scipys = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", **SCIPYS_SEED
    )
    width = scipys.confidence_interval.high - scipys.confidence_interval.low
    assert found.low == pytest.approx(scipys.confidence_interval.low, abs=width / 10)
    assert found.high == pytest.approx(scipys.confidence_interval.high, abs=width / 10)


def test_intervals_by_groups_hold_the_truth_where_those_by_rows_do_not():
    random = np.random.default_rng(0)
    held = {"rows": 0, "groups": 0}
    groups = np.repeat(np.arange(30), 10)
    for seed in range(60):
        values = random.normal(size=30)[groups] + 0.1 * random.normal(size=300)
        for kind, codes in (("rows", None), ("groups", groups)):
            found = bootstrap(
                lambda rows, values=values: values[rows].mean(),
                np.zeros(300), groups=codes, resamples=200, seed=seed,
            )  # fmt: skip
            held[kind] += found.low <= 0 <= found.high
    assert held["groups"] >= 51  # 57 were exact; of binomial counts 51 is 3.4 deviations less
    assert held["rows"] <= 40


def test_it_leaves_the_global_generator_alone():
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()
    bootstrap(lambda rows: float(rows.mean()), np.zeros(10), resamples=10)
    assert np.random.get_state()[1].tolist() == before


def test_draws_without_the_metric_do_not_count():
    def odd(rows):
        if 0 in rows:
            raise ValueError("one class only")
        return 1.0

    found = bootstrap(odd, np.zeros(3), resamples=100)
    assert 0 < found.resamples < 100
