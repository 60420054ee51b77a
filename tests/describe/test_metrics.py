"""Which metrics are better when they are smaller, by the keys of their scores."""

from __future__ import annotations

import pytest
import sklearn.metrics

from autotrack.describe.metrics import is_loss, metric_of

LOSSES = [
    "mean_pinball_loss_alpha_0.9",
    "mean_tweedie_deviance_power_1.5",
    "zero_one_loss_normalize_False",
    "max_error",
    "hamming_loss",
    "log_loss",
    "brier_score_loss",
    "brier_score_loss_pos_label_0",
    "coverage_error",
    "label_ranking_loss",
    "mean_absolute_percentage_error",
    "median_absolute_error",
    "root_mean_squared_log_error",
    "hinge_loss",
    "test_log_loss",
    "mean_test_mean_squared_error_raw_values",
    "davies_bouldin_score",
    "my_logloss",
    "own_error_alpha_2",
]
MORE_IS_BETTER = [
    "accuracy_score_normalize_False",
    "neg_log_loss",
    "mean_test_neg_mean_squared_error",
    "d2_log_loss_score",
    "d2_absolute_error_score",
    "d2_pinball_score_alpha_0.9",
    "f1_score_pos_label_loss",
    "f1_score_error",
    "error_accuracy_score",
    "loss_r2_score",
    "r2",
    "lossless",
    "score",
]


@pytest.mark.parametrize("key", LOSSES)
def test_less_of_a_loss_is_better_whatever_options_its_key_has(key):
    assert is_loss(key)


@pytest.mark.parametrize("key", MORE_IS_BETTER)
def test_more_of_what_only_names_a_loss_is_better(key):
    assert not is_loss(key)


def test_every_function_of_scikit_learn_that_its_scorers_negate_is_a_loss():
    for name in sklearn.metrics.get_scorer_names():
        scorer = sklearn.metrics.get_scorer(name)
        function = scorer._score_func.__name__
        assert is_loss(function) == (scorer._sign < 0), function
        assert not is_loss(name)
        assert not metric_of(name, {}).is_loss
        assert metric_of(scorer._score_func, {}).is_loss == (scorer._sign < 0)
