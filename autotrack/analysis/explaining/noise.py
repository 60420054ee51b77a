"""Whether the scores of two runs differ by more than chance, as far as the record can tell."""

from __future__ import annotations

import math
from dataclasses import replace

from autotrack.analysis.explaining.scores import Score
from autotrack.analysis.predictions.comparing import T_TEST, compare_runs
from autotrack.analysis.predictions.scored_run import Compared, differ
from autotrack.analysis.statistics.comparisons import corrected_pvalue
from autotrack.runtime.dataclass import dataclass
from autotrack.store.store import Store

#: A difference that is no surprise on this level is within the noise, as on a leaderboard.
LEVEL = 0.05
_ACCURACY = "_accuracy_score"
# Of a share of rows: how near to a whole number of them it is.
_WHOLE = 1e-6


@dataclass(frozen=True, slots=True)
class Comparison:
    """One score of two runs.

    Attributes
    ----------
    metric : str
        Its key.
    a, b : float
    within_noise : bool or None
        Whether the difference is within the noise of the split; None where that cannot be told.
    p_value : float
        How surprising the difference is, if there were none; NaN where there is no test.
    reason : str
        How that is known, or why it is not.
    """

    metric: str
    a: float
    b: float
    within_noise: bool | None
    p_value: float
    reason: str

    @property
    def difference(self) -> float:
        """`b` less `a`."""
        return self.b - self.a

    @property
    def verdict(self) -> str:
        """``yes``, ``no`` or ``cannot be told``, with the reason."""
        said = {True: "yes", False: "no", None: "cannot be told"}[self.within_noise]
        return f"{said} ({self.reason})"


def compare(a: Score, b: Score) -> Comparison:
    """Whether two runs differ in a score by more than the noise of the split.

    On the same splits it is the corrected resampled t-test of
    :func:`~autotrack.analysis.statistics.comparisons.corrected_pvalue`. Accuracies on the same
    held-out rows are held against each other by what McNemar's exact test could give at best and at
    worst, whichever rows they were wrong on; :func:`with_kept_rows` knows these.

    References
    ----------
    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", Psychometrika 12, 153-157 (1947).
    """

    def found(within: bool | None, p_value: float, reason: str) -> Comparison:
        return Comparison(a.key, a.value, b.value, within, p_value, reason)

    if a.splits and b.splits:
        return _on_splits(a, b)
    if a.data is None or b.data is None:
        return found(None, math.nan, "the data of the score is not recorded")
    if different := differ(a.data, b.data):
        return found(None, math.nan, f"not comparable: {different}")
    if a.value == b.value:
        return found(True, 1.0, "the scores are equal")
    rows = a.data.data.shape[0] if a.data.data.shape else 0
    bounds = _accuracies(a, b, rows) if a.key.endswith(_ACCURACY) else None
    if bounds is None:
        return found(
            None,
            math.nan,
            "one number on one held-out set has no spread; cross_validate both on the same splits",
        )
    least, most = bounds
    if least > LEVEL:
        reason = f"p >= {least:.2g} by McNemar's test on {rows:,} rows, whichever they were"
        return found(True, least, reason)
    if most <= LEVEL:
        reason = f"p <= {most:.2g} by McNemar's test on {rows:,} rows, whichever they were"
        return found(False, most, reason)
    reason = (
        f"p is between {least:.2g} and {most:.2g} by McNemar's test on {rows:,} rows, by which of "
        "them each was wrong on"
    )
    return found(None, math.nan, reason)


def with_kept_rows(store: Store, found: Comparison, a: Score, b: Score) -> Comparison:
    """What predictions of single rows say of two runs that have kept them; else `found`."""
    if a.splits and b.splits and found.within_noise is not None:
        return found
    left, right = (Compared(store, store.get_run(one.run_id), one.key) for one in (a, b))
    kept = compare_runs(left, right)
    if kept.tied is None or kept.method == T_TEST:
        return found
    reason = f"p = {kept.p_value:.2g}, {kept.method} ({kept.n:,})"
    return replace(found, within_noise=kept.tied, p_value=kept.p_value, reason=reason)


def _on_splits(a: Score, b: Score) -> Comparison:
    both = sorted(a.splits.keys() & b.splits.keys(), key=int)

    def found(within: bool | None, p_value: float, reason: str) -> Comparison:
        return Comparison(a.key, a.value, b.value, within, p_value, reason)

    if not a.rows or not b.rows:
        return found(None, math.nan, "the rows of the splits are not recorded")
    if a.data is None or b.data is None:
        return found(None, math.nan, "the data of the score is not recorded")
    if different := differ(a.data, b.data):
        return found(None, math.nan, f"not comparable: {different}")
    if dict(a.rows) != dict(b.rows) or len(both) != len(a.splits):
        return found(None, math.nan, "not comparable: they were computed on different splits")
    share = a.test_share if a.test_share is not None else 1 / max(1, len(both) - 1)
    p_value = corrected_pvalue([a.splits[split] - b.splits[split] for split in both], share)
    if math.isnan(p_value):
        return found(None, p_value, "one split has no spread")
    reason = f"p = {p_value:.2g}, corrected resampled t-test on {len(both)} splits"
    return found(p_value > LEVEL, p_value, reason)


def _accuracies(a: Score, b: Score, rows: int) -> tuple[float, float] | None:
    """The least and the most that McNemar's exact test can give for two accuracies."""
    right = [score.value * rows for score in (a, b)]
    if not rows or any(abs(count - round(count)) > _WHOLE * rows for count in right):
        return None  # weighted, or of other rows
    one, other = map(round, right)
    apart = abs(one - other)
    # Rows on which just one of them is right: as few, and as many, as the accuracies allow for.
    most = min(one + other, 2 * rows - one - other)
    return _exact(apart, apart), _exact(apart, most)


def _exact(apart: int, discordant: int) -> float:
    """McNemar's exact two-sided p-value."""
    from scipy.special import bdtr

    fewer = (discordant - apart) // 2
    return float(min(1.0, 2 * bdtr(fewer, discordant, 0.5))) if discordant else 1.0
