"""Keeping predictions for a block, and comparing runs."""

from __future__ import annotations

import math
from contextvars import Token
from typing import TYPE_CHECKING

from autotrack.errors import InvalidValueError
from autotrack.printable import described
from autotrack.tracking.api.arguments import number, text
from autotrack.tracking.api.runs import get_run
from autotrack.tracking.kept.asked import asked_here

if TYPE_CHECKING:
    from autotrack.analysis.predictions.comparing import Comparison
    from autotrack.tracking.run import Run


class keep_predictions:  # noqa: N801 - a block, which reads as one
    """A block whose searches, validations and scores keep what was predicted for each row.

    As ``enable(keep_predictions=True)`` does for all. The truth of the rows is kept beside: these
    are values of your data, which autotrack stores only when it is asked to. Threads that are
    started in the block do as the settings say.

    Parameters
    ----------
    keep : bool, default=True
        False: nothing is kept in the block, whatever the settings say.
    """

    def __init__(self, keep: bool = True) -> None:
        if not isinstance(keep, bool):
            raise InvalidValueError(f"keep is True or False, not {described(keep)}")
        self._keep = keep
        self._tokens: list[Token[bool | None]] = []

    def __enter__(self) -> None:
        self._tokens.append(asked_here.set(self._keep))

    def __exit__(self, *about: object) -> None:
        asked_here.reset(self._tokens.pop())


def compare(
    a: str | Run, b: str | Run, metric: str | None = None, *, rope: float | None = None
) -> Comparison:
    """Whether two runs differ by more than chance.

    Scores on the same splits of the same data are held against each other by the corrected
    resampled t-test; else predictions that both have kept of the same rows, by McNemar's test
    (accuracy) or a paired bootstrap. Scores on different data are never compared; rows with the
    same target are the same data, whatever columns a model was given of them.

    Parameters
    ----------
    a, b : str or Run
        Runs, or the beginnings of their ids. Of a search it is the best candidate.
    metric : str, optional
        As in ``run.metrics``: ``mean_test_accuracy``, ``test_accuracy_score``; by default the score
        that a search refitted by, or the only one there is.
    rope : float, optional
        Differences up to this are practically none: the comparison then also says how probable it
        is that `a` is worse, practically equal, or better: on splits by the Bayesian correlated
        t-test, on kept rows by the share of resamples.

    Returns
    -------
    Comparison
        With ``tied``, ``p_value``, ``method``, ``comparable``, ``why`` and ``rope``; see
        `autotrack.analysis.statistics.comparisons` for the tests and their sources.

    Raises
    ------
    InvalidValueError
        If no metric is named and there are several, or `rope` is no positive number.
    """
    from autotrack.analysis.predictions.comparing import compare_runs
    from autotrack.analysis.predictions.scored_run import Compared, metric_for

    if rope is not None:
        rope = number(rope, "rope")
        if not (rope >= 0 and math.isfinite(rope)):
            raise InvalidValueError(f"rope is a difference of 0 or more, not {described(rope)}")
    left, right = get_run(a), get_run(b)
    record = left.record()
    asked = metric_for(record) if metric is None else text(metric, "metric")
    return compare_runs(
        Compared(left._store, record, asked), Compared(right._store, right.record(), asked), rope
    )
