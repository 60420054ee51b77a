"""Which of scikit-learn's own tests run under tracking, and what is known to differ."""

from __future__ import annotations

# All test modules of these packages; what an older scikit-learn does not have is passed over.
PACKAGES = (
    "sklearn.callback",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.model_selection",
    "sklearn.tests",
)

# The part that is quick enough for continuous integration (`--ci`): packages and modules.
CI = (
    "sklearn.callback",
    "sklearn.compose.tests.test_column_transformer",
    "sklearn.ensemble.tests.test_stacking",
    "sklearn.ensemble.tests.test_voting",
    "sklearn.metrics.tests.test_classification",
    "sklearn.metrics.tests.test_ranking",
    "sklearn.metrics.tests.test_regression",
    "sklearn.metrics.tests.test_score_objects",
    "sklearn.tests.test_base",
    "sklearn.tests.test_metadata_routing",
    "sklearn.tests.test_metaestimators",
    "sklearn.tests.test_metaestimators_metadata_routing",
    "sklearn.tests.test_pipeline",
    "sklearn.tests.test_public_functions",
)

# Tests that may fail under tracking although they pass without, each with the reason. A reason
# says why no user can meet the difference, or why it is meant to be met.
EXPECTED: dict[str, str] = {
    "sklearn/linear_model/tests/test_least_angle.py::test_lars_cv_max_iter": (
        "It counts every warning of a fit on data that was scaled outside of the model, which is "
        "what PreprocessingWarning is about: told once in a process, it is meant to be met."
    ),
}
