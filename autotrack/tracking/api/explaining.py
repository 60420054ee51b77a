"""The verb that says why a score changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autotrack.tracking.api.runs import get_run
from autotrack.tracking.run import Run

if TYPE_CHECKING:
    from autotrack.analysis.explaining.explanation import Explanation


def explain(a: str | Run, b: str | Run) -> Explanation:
    """Why the score of run `b` is not that of run `a`, and whether it is more than noise.

    What is told apart: params, data (rows and columns, as far as fingerprints and shapes tell),
    preprocessing, the source of the project's own code that the models use, git, versions, seeds
    and splits. On the same splits, a difference is within the noise by the corrected resampled
    t-test on the level of 0.05; for accuracies on the same held-out rows, by the bounds that
    McNemar's test has; else it is said why that cannot be told.

    Parameters
    ----------
    a, b : str or Run
        Runs, or their ids.

    Returns
    -------
    Explanation
        Printed it is a report; ``.frame()`` has a row for each difference, ``.to_dict()`` is plain
        values, ``.within_noise`` is True, False or None (it cannot be told).

    Raises
    ------
    RunNotFoundError
        If there is no such run.
    """
    from autotrack.analysis.explaining.explanation import explain_runs

    left, right = (run if isinstance(run, Run) else get_run(run) for run in (a, b))
    return explain_runs(left._store, left.record(), right.record())
