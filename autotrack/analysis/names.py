"""The tags, keys and names under which records are found again by what reads them."""

from __future__ import annotations

#: The name of a run's crate, and the tag that says why a run has none, although it was fitted.
CRATE, CRATE_TAG = "model", "autotrack.crate_error"
#: The seeds that were never set although numbers were drawn, by the keys of their params.
UNSEEDED_TAG = "autotrack.unset_seeds"
#: The fingerprints of what a fit was given beside X and y, such as weights, by name.
ARGUMENTS_TAG = "autotrack.fit_arguments"
#: The digest of the list of the user's own code that a model uses; and why it cannot be told
#: whether that is the same as another's.
CODE_TAG, UNKNOWN_CODE_TAG = "autotrack.code", "autotrack.unknown_code"
#: The tag of a search that tells the splits of a loop; its number follows after a dot.
SPLITS_TAG = "autotrack.splits"
#: The tag by which a candidate is known again: a digest of its params, and its loop.
CANDIDATE_TAG = "autotrack.candidate"
#: The tag of a search that names the score whose mean ranks its candidates.
RANK_TAG = "autotrack.rank_by"
#: The tag of a search that tells the size of its test parts, as a share of its training parts: the
#: mean over the splits of its last loop.
TEST_SHARE_TAG = "autotrack.test_to_train"
#: The best mean score so far, while the search runs.
BEST_SCORE = "best_score"
#: What stands in the key of the score of the rows that training had not.
UNSEEN = "unseen"
#: The tag that says what an estimator's own `score` measures: accuracy, r2, or the class with it.
SCORE_METRIC_TAG = "autotrack.score_metric"
