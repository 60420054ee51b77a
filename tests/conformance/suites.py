"""Which of scikit-learn's own tests run under tracking, and what is known to differ."""

from __future__ import annotations

from typing import NamedTuple


class Suite(NamedTuple):
    """A test module or package of scikit-learn, and the first version that has it."""

    name: str
    since: tuple[int, int] = (1, 6)


SUITES = (
    Suite("sklearn.tests.test_base"),
    Suite("sklearn.tests.test_pipeline"),
    Suite("sklearn.tests.test_metaestimators"),
    Suite("sklearn.tests.test_metaestimators_metadata_routing"),
    Suite("sklearn.tests.test_metadata_routing"),
    Suite("sklearn.tests.test_public_functions"),
    Suite("sklearn.callback.tests", since=(1, 9)),
    Suite("sklearn.compose.tests.test_column_transformer"),
    Suite("sklearn.ensemble.tests.test_stacking"),
    Suite("sklearn.ensemble.tests.test_voting"),
    Suite("sklearn.metrics.tests.test_classification"),
    Suite("sklearn.metrics.tests.test_ranking"),
    Suite("sklearn.metrics.tests.test_regression"),
    Suite("sklearn.metrics.tests.test_score_objects"),
)

# Tests that may fail under tracking although they pass without, each with the reason. A reason
# says why no user can meet the difference.
EXPECTED: dict[str, str] = {}
