"""Whether the scores of two runs differ by more than chance."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np

from autotrack.analysis.predictions.keys import metric_by_key
from autotrack.analysis.predictions.losses import mean_losses
from autotrack.analysis.predictions.reading import Table
from autotrack.analysis.predictions.scored_run import Compared, SplitScores, differ
from autotrack.analysis.statistics.comparisons import (
    Resampled,
    Rope,
    bayesian_t_test,
    bootstrap,
    corrected_pvalue,
    mcnemar_pvalue,
)
from autotrack.analysis.statistics.moments import moments
from autotrack.describe.metrics import Metric, is_loss
from autotrack.errors import AutotrackError
from autotrack.runtime.dataclass import dataclass
from autotrack.store.predictions.evaluation import ROW, Array

#: Differences that are no surprise on this level are ties.
LEVEL = 0.05
T_TEST = "corrected resampled t-test on the same splits"
MCNEMAR = "McNemar's test on the same rows"
BOOTSTRAP = "paired bootstrap on the same rows"
# A recorded score is that of kept predictions if it differs by rounding at most.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs by one score.

    Attributes
    ----------
    a, b : str
        The runs' ids.
    metric : str
    value_a, value_b : float
        The scores that `difference` and `p_value` are of: means over the splits where there are
        several, unless `pooled`.
    se_a, se_b : float
        Their standard errors over the splits; NaN where there is one value.
    n : int
        On how many splits, or rows, they were compared; 0 if they could not be.
    difference : float
        `value_a` minus `value_b`.
    method : str
        How they were compared; empty if they could not be.
    p_value : float
        How surprising the difference were if there were none.
    tied : bool or None
        Whether `p_value` is above 0.05; None if that cannot be told.
    comparable : bool
        Whether both were measured on the same data.
    why : str
        Why they are not comparable, or cannot be compared.
    pooled : bool
        Whether `value_a` and `value_b` are of the predictions out of fold of all rows together,
        where the splits differ: not of the splits, whose means are the recorded scores.
    rope : Rope or None
        With ``rope=``, how probable it is that `a` is worse, practically equal, or better.
    """

    a: str
    b: str
    metric: str
    value_a: float
    value_b: float
    se_a: float = math.nan
    se_b: float = math.nan
    n: int = 0
    difference: float = math.nan
    method: str = ""
    p_value: float = math.nan
    tied: bool | None = None
    comparable: bool = True
    why: str = ""
    rope: Rope | None = None
    pooled: bool = False

    @property
    def verdict(self) -> str:
        """``tied``, ``differs``, ``not comparable`` or ``unknown``."""
        if not self.comparable:
            return "not comparable"
        return {True: "tied", False: "differs", None: "unknown"}[self.tied]

    def _repr_html_(self) -> str:
        from autotrack import markup

        def shown(run: str, value: float, error: float) -> tuple[str, str]:
            spread = "" if math.isnan(error) else f" ± {error:.2g}"
            return markup.code(run[:8]), markup.words(f"{value:.6g}{spread}")

        said = self.why or f"p {self.p_value:.3g}, {self.method}"
        rope = self.rope
        return markup.view(
            markup.line(markup.code(self.metric), markup.strong(self.verdict), markup.soft(said)),
            markup.table(
                ("run", "score"),
                [shown(self.a, self.value_a, self.se_a), shown(self.b, self.value_b, self.se_b)],
            ),
            markup.line(
                markup.words(
                    f"worse {rope.worse:.3g}, practically equal {rope.equal:.3g}, "
                    f"better {rope.better:.3g}"
                )
            )
            if rope is not None
            else "",
        )

    def __repr__(self) -> str:
        said = f": {self.why}" if self.why else f" (p {self.p_value:.3g}, {self.method})"
        text = (
            f"<Comparison by {self.metric}: {self.a[:8]} {self.value_a:.6g}, {self.b[:8]} "
            f"{self.value_b:.6g}{' over all rows' * self.pooled}, {self.verdict}{said}"
        )
        if self.rope is not None:
            text += (
                f"; worse {self.rope.worse:.3g}, practically equal {self.rope.equal:.3g}, "
                f"better {self.rope.better:.3g}"
            )
        return f"{text}>"


def compare_runs(a: Compared, b: Compared, rope: float | None = None) -> Comparison:
    """Compare two runs by a score."""
    found = Comparison(
        a.record.run_id, b.record.run_id, a.metric, a.value, b.value,
        difference=a.value - b.value,
    )  # fmt: skip
    for one in (a, b):
        if math.isnan(one.value):
            return replace(
                found, comparable=False, why=f"{one.record.run_id[:8]} has no such score"
            )
    left, right = a.scores(), b.scores()
    if left.by_split and right.by_split:
        return _by_splits(a, b, left, right, found, rope)
    if left.by_split or right.by_split:
        why = "one is measured by cross-validation, the other is not"
        return replace(found, comparable=False, why=why)
    return _by_rows(a, b, found, rope)


def _by_splits(
    a: Compared,
    b: Compared,
    left: SplitScores,
    right: SplitScores,
    found: Comparison,
    rope: float | None,
) -> Comparison:
    if why := differ(a.evaluated_data(), b.evaluated_data()):
        return replace(found, comparable=False, why=why)
    se = [moments(list(s.by_split.values()))[2] for s in (left, right)]
    found = replace(found, se_a=se[0], se_b=se[1])
    both = sorted(left.by_split.keys() & right.by_split.keys())
    same = left.digests and len(both) == len(left.by_split) == len(right.by_split)
    if not same or left.digests != right.digests:
        return _by_other_splits(a, b, found, rope)
    differences = [left.by_split[split] - right.by_split[split] for split in both]
    differences = [value for value in differences if not math.isnan(value)]  # fits that failed
    share = left.share if left.share is not None else 1 / max(1, len(both) - 1)
    pvalue = corrected_pvalue(differences, share)
    if math.isnan(pvalue):  # of a single split its rows may say more
        why = "there are fewer than two splits with scores of both"
        return _by_other_splits(a, b, found, rope, why)
    found = replace(
        found, n=len(differences), method=T_TEST, p_value=pvalue, tied=pvalue > LEVEL,
        difference=float(np.mean(differences)),
    )  # fmt: skip
    if rope is None:
        return found
    return replace(found, rope=_as_is_better(bayesian_t_test(differences, share, rope), found))


def _as_is_better(rope: Rope, found: Comparison) -> Rope:
    """What was told of a larger difference, of a metric of which less may be better."""
    return Rope(rope.better, rope.equal, rope.worse) if is_loss(found.metric) else rope


def _by_other_splits(
    a: Compared,
    b: Compared,
    found: Comparison,
    rope: float | None,
    why: str = "the data was split in another way",
) -> Comparison:
    """The same data whose splits say nothing: by its rows, where predictions are kept."""
    tables = [one.out_of_fold() for one in (a, b)]
    if tables[0] is None or tables[1] is None:
        why += "; with keep_predictions=True they could be compared by its rows"
        return replace(found, why=why)
    firsts = [_first_of_each_row(table) for table in tables if table is not None]
    return _paired(firsts[0], firsts[1], a.name, found, rope)


def _first_of_each_row(table: Table) -> Table:
    return table.where(np.unique(table.columns[ROW], return_index=True)[1])


def _by_rows(a: Compared, b: Compared, found: Comparison, rope: float | None) -> Comparison:
    one, other = a.held_out(), b.held_out()
    if why := differ(one, other):
        return replace(found, comparable=False, why=why)
    context = one.context if one is not None else ""
    pairs = list(product(a.held_out_tables(context), b.held_out_tables(context)))
    if not pairs:
        why = "there is one value of each; with keep_predictions=True their rows could be compared"
        return replace(found, why=why)
    name = a.metric.removeprefix(f"{context}_")
    whys = []
    for left, right in reversed(pairs):
        paired = _paired(left, right, name, found, rope, is_recorded=True)
        if paired.method:
            return paired
        whys.append(paired)
    return whys[0]


def _paired(
    one: Table,
    other: Table,
    name: str,
    found: Comparison,
    rope: float | None,
    is_recorded: bool = False,
) -> Comparison:
    """Compare two tables of the same rows, which with `is_recorded` give what is on record."""
    if not _same(one.columns[ROW], other.columns[ROW]) or not _same(one.truth(), other.truth()):
        return replace(found, comparable=False, why="the rows or their truth differ")
    try:
        metric = metric_by_key(name, one)
        values = one.value(metric), other.value(metric)
    except (AutotrackError, ValueError, TypeError) as error:
        return replace(found, why=f"{name} cannot be computed from what is kept: {error}")
    known = found.value_a, found.value_b
    if is_recorded and not np.allclose(values, known, rtol=_ROUNDING, atol=_ROUNDING):
        why = f"{name} of what is kept is not what was recorded: it was weighted, or of other rows"
        return replace(found, why=why)
    recorded = found
    found = replace(found, n=len(one), difference=values[0] - values[1])
    if not is_recorded:
        found = replace(
            found, value_a=values[0], value_b=values[1], se_a=math.nan, se_b=math.nan, pooled=True
        )
    is_accuracy = getattr(metric.function, "__name__", "") == "accuracy_score"
    if is_accuracy and np.ndim(one.truth()) == 1:
        right = [table.response(metric) == table.truth() for table in (one, other)]
        more = right[0].astype(float) - right[1]
        if metric.options.get("normalize") is False:  # the number of rows, not their share
            more *= len(more)
        pvalue, method = mcnemar_pvalue(right[0], right[1]), MCNEMAR
        drawn = _resampled(len(one), lambda rows: float(more[rows].mean()))
    else:
        by_row = mean_losses(one, name, values[0]), mean_losses(other, name, values[1])
        drawn = _resampled(len(one), lambda rows: _difference(one, other, metric, by_row, rows))
        pvalue, method = drawn.pvalue, BOOTSTRAP
    if math.isnan(pvalue):
        return replace(recorded, why=f"{name} is not defined on rows drawn from these")
    found = replace(found, method=method, p_value=pvalue, tied=pvalue > LEVEL)
    if rope is None:
        return found
    return replace(found, rope=_as_is_better(drawn.beside(rope), found))


def _difference(
    one: Table,
    other: Table,
    metric: Metric,
    by_row: tuple[Array | None, Array | None],
    rows: Array,
) -> float:
    left, right = by_row
    if left is not None and right is not None:  # a hundred times as fast
        return float(left[rows].mean() - right[rows].mean())
    return one.where(rows).value(metric) - other.where(rows).value(metric)


def _resampled(count: int, difference: Callable[[Array], float]) -> Resampled:
    return bootstrap(difference, np.zeros(count, dtype=np.int64), resamples=1000)


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(np.array_equal(a, b))
