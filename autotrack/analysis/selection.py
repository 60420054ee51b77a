"""Choosing among the candidates of a search from what is stored, without fitting anything again.

The rules are those of tidymodels' `select_best`, `select_by_one_std_err` and `select_by_pct_loss`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autotrack.analysis.data_frames import typed_column
from autotrack.analysis.names import RANK_TAG, TEST_SHARE_TAG
from autotrack.analysis.split_keys import split_key
from autotrack.analysis.statistics.comparisons import corrected_pvalue
from autotrack.errors import InvalidValueError
from autotrack.printable import described
from autotrack.store.nearest import nearest
from autotrack.store.search.query import Query, RunRow
from autotrack.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

RULES = ("best", "one_std_err", "pct_loss")
# Candidates whose difference to the best is no surprise on this level are tied with it.
_LEVEL = 0.05
_MEAN = "mean_test_"


class Candidates:
    """The fully evaluated candidates of a search, ranked by one score.

    Parameters
    ----------
    store : Store
    run_id : str
        The search.
    metric : str, optional
        Which score, as the scorer is called; by default the one that the search refitted by, or
        its only one.

    Raises
    ------
    InvalidValueError
        If the run is no search with evaluated candidates, or has no such score.
    """

    def __init__(self, store: Store, run_id: str, metric: str | None = None) -> None:
        self._store = store
        self._search = store.get_run(run_id)
        rows = store.search(Query(parent_id=run_id, kinds=("candidate",), order_by=("start_time",)))
        self.metric = self._metric_of(rows, metric)
        key = f"{_MEAN}{self.metric}"
        rows = [row for row in rows if not math.isnan(row.metrics.get(key, math.nan))]
        if not rows:
            raise InvalidValueError(
                f"run {run_id} has no fully evaluated candidate; `autotrack show {run_id[:8]}` "
                "says how far it came"
            )
        # Of a halving search only the last round was evaluated on all it had.
        last = max(row.metrics.get("iter", 0) for row in rows)
        rows = [row for row in rows if row.metrics.get("iter", 0) == last]
        self.rows = sorted(rows, key=lambda r: (-r.metrics[key], r.metrics.get("index", 0)))

    def _metric_of(self, rows: Sequence[RunRow], asked: str | None) -> str:
        found = {key for row in rows for key in row.metrics if key.startswith(_MEAN)}
        known = sorted(key.removeprefix(_MEAN) for key in found)
        if not known:
            raise InvalidValueError(
                f"run {self._search.run_id} ({self._search.kind}) has no candidates with scores; "
                "choose among those of a search, such as a GridSearchCV"
            )
        if asked is None:
            wanted = self._search.tags.get(RANK_TAG, "score")
            if wanted in known or len(known) == 1:
                return wanted if wanted in known else known[0]
            raise InvalidValueError(
                f"the search has several scores; name one: metric={'|'.join(known)}"
            )
        short = asked.removeprefix(_MEAN)
        if short == "score" and len(known) == 1:  # as ``cv_results_`` calls the only one
            return known[0]
        if short not in known:
            raise InvalidValueError(
                f"the candidates have no score {asked!r}; " + nearest(short, known)
            )
        return short

    def numbers(self, moment: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        """``mean``, ``std`` or ``se`` of each candidate's score, best first."""
        key = f"{moment}_test_{self.metric}"
        return np.array([row.metrics.get(key, math.nan) for row in self.rows])

    def leaderboard(self) -> pd.DataFrame:
        """A row a candidate, best first: see :meth:`autotrack.Run.leaderboard`."""
        import pandas as pd

        means = self.numbers("mean")
        names = list(dict.fromkeys(key for row in self.rows for key in row.params))
        splits = self._splits()
        pvalues = [self._pvalue(splits, row) for row in self.rows]
        return pd.DataFrame(
            {
                "rank": [int((means > mean).sum()) + 1 for mean in means],
                "name": [row.name for row in self.rows],
                "run_id": [row.run_id for row in self.rows],
                **{
                    f"params.{name}": typed_column([row.params.get(name) for row in self.rows])
                    for name in names
                },
                "mean": means,
                "std": self.numbers("std"),
                "se": self.numbers("se"),
                "splits": [len(splits.get(row.run_id, ())) for row in self.rows],
                "p_value": pvalues,
                "tied": [math.isnan(p) or p > _LEVEL for p in pvalues],
            }
        )

    def select(self, rule: str, by: str | Sequence[str] | None, limit: float) -> str:
        """The run id of the candidate that a rule chooses: see :meth:`autotrack.Run.select`."""
        if rule not in RULES:
            raise InvalidValueError(
                f"there is no rule {described(rule)}; take one of {', '.join(RULES)}"
            )
        if rule == "best":
            return self.rows[0].run_id
        if by is None:
            raise InvalidValueError(
                f"{rule!r} chooses the simplest of the good candidates: say which param tells how "
                f"simple they are, as by='C' (rising values are more complex) or by='-C'"
            )
        means, best = self.numbers("mean"), float(self.numbers("mean")[0])
        order = self._simplest_first(by)
        if rule == "one_std_err":
            error = float(self.numbers("se")[0])
            good = [i for i in order if means[i] >= best - (0.0 if math.isnan(error) else error)]
            return self.rows[good[0]].run_id
        # None that is more complex than the best, as in tidymodels.
        order = order[: order.index(0) + 1]
        loss = (best - means) / abs(best) * 100 if best else best - means
        return self.rows[next(i for i in order if i == 0 or loss[i] < limit)].run_id

    def _simplest_first(self, by: str | Sequence[str]) -> list[int]:
        """The places of the candidates, ordered from simple to complex."""
        order = list(range(len(self.rows)))
        keys = [by] if isinstance(by, str) else list(by)
        for asked in reversed(keys):
            falling = asked.startswith("-")
            key = self._param(asked.removeprefix("-"))
            values = [row.params.get(key) for row in self.rows]
            numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
            if len(numbers) != len(values):
                raise InvalidValueError(
                    f"by={asked!r}: the values of {key} are {_some(values)}, which have no order "
                    "from simple to complex; name a param of numbers"
                )
            order.sort(key=lambda i: numbers[i], reverse=falling)
        return order

    def _param(self, asked: str) -> str:
        """The swept param that is called so, or whose last part is."""
        known = list(dict.fromkeys(key for row in self.rows for key in row.params))
        found = [key for key in known if key == asked or key.endswith(f"__{asked}")]
        if len(found) != 1:
            what = (
                f"{asked!r} could be {' or '.join(found)}" if found else f"{asked!r} is not a param"
            )
            raise InvalidValueError(f"by: {what} of the search; " + nearest(asked, known))
        return found[0]

    # -- which are tied -------------------------------------------------------------------------

    def _splits(self) -> Mapping[str, Mapping[int, float]]:
        """The score of each candidate on each split, by run id."""
        found: dict[str, dict[int, float]] = {}
        for run_id, split, _, value in self._store.split_metrics(
            self._search.run_id, split_key(f"test_{self.metric}")
        ):
            found.setdefault(run_id, {})[split] = value
        return found

    def _pvalue(self, splits: Mapping[str, Mapping[int, float]], row: RunRow) -> float:
        """How surprising the difference to the best is, if there were none; NaN if unknown."""
        best, own = splits.get(self.rows[0].run_id, {}), splits.get(row.run_id, {})
        both = sorted(best.keys() & own.keys())
        if row is self.rows[0]:
            return 1.0
        share = float(self._search.tags.get(TEST_SHARE_TAG, 1 / max(1, len(both) - 1)))
        return corrected_pvalue([best[split] - own[split] for split in both], share)


def _some(values: Sequence[Any]) -> str:
    known = list(dict.fromkeys(map(repr, values)))
    return ", ".join(known[:4]) + (", ..." if len(known) > 4 else "")
