"""Which rows the transformers outside of pipelines were fitted on, and what they made of them.

Rows are known by their keys, before a transformer and after it, so a row that is scored is
followed back through all of them, whether the arrays in between still exist or not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrack.describe.data.row_keys import RowKeys
from autotrack.lineage.overlap import among
from autotrack.lineage.values.arrays import spread
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.weak_map import IdentityMap

Keys = NDArray[np.uint64]

_MOST_OUTPUTS = 64
# What the keys that are held may take in all (bytes); the newest outputs are kept.
_MOST_BYTES = 6_000_000
_DEEPEST = 8
# A model was trained on an output if that has nearly all of a few of its rows.
_FEW, _NEARLY_ALL = 64, 0.9
# Rows that a sampler added, so many of which are no accident.
_FEWEST_ADDED = 5
# Estimators that look at the target without saying so in their tags.
_SUPERVISED = ("feature_selection", "cross_decomposition")
_PREDICTING = ("classifier", "regressor")
# Those that do not, whatever they are given and hold.
_UNSUPERVISED = frozenset({"VarianceThreshold", "IterativeImputer"})


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A transformer that was fitted: on which rows, and whether with the target."""

    name: str
    rows: Keys
    with_target: bool
    resamples: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Output:
    """Rows that a transformer returned, in order, and where each stands before and after."""

    fitted: Fitted
    before: Keys
    after: Keys
    ordered: Keys
    order: NDArray[np.int32]

    @property
    def size(self) -> int:
        """What it takes (bytes)."""
        held = (self.before, self.after, self.ordered, self.order)
        return sum(array.nbytes for array in held)

    def sources(self, keys: Keys) -> tuple[Keys, NDArray[np.bool_]]:
        """What the rows of `keys` were made from, and which of them it returned."""
        at = np.searchsorted(self.ordered, keys)
        at[at == len(self.ordered)] = 0
        found = self.ordered[at] == keys
        if self.fitted.resamples:
            return keys, found
        return self.before[self.order[at]], found

    def has_made(self, trained: Keys, scored: Keys) -> bool:
        """Whether a sampler's output is what was split into these rows.

        The rows that it was given are among those that it returns, so a table that has them alone
        may be the one before it. What tells are rows that it added, copies among them; where it
        only left some out, that there are none but those that it kept.
        """
        before = np.sort(self.before)
        if not (_surplus(self.ordered, before) > 0).any():
            left_out = not among(before, self.ordered).all()
            return left_out and bool(among(trained, self.ordered).all())
        for keys in (np.concatenate([trained, scored]), trained):
            ordered = np.sort(keys[among(keys, self.ordered)])
            # A bootstrap of the table before has copies, too, and not those of the output.
            foreign = int(_surplus(ordered, self.ordered).sum())
            if foreign <= (1 - _NEARLY_ALL) * len(ordered) and _added(
                ordered, before, self.ordered
            ):
                return True
        return False


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """A transformer that both training rows and scored rows went through.

    `seen` says which of the scored rows it was fitted on and the model was not trained on.
    """

    fitted: Fitted
    seen: NDArray[np.bool_]


class Applied:
    """Remembers transformers and what they returned, in bounded number."""

    def __init__(self) -> None:
        self._fitted: IdentityMap[Fitted] = IdentityMap()
        self._outputs: deque[_Output] = deque(maxlen=_MOST_OUTPUTS)

    def fitted(
        self, transformer: Any, name: str, rows: RowKeys | None, *, has_y: bool, resamples: bool
    ) -> None:
        """A transformer was fitted on these rows."""
        if rows is None or rows.sample is not None:
            self._fitted.discard(transformer)
            return
        looks = has_y and uses_target(transformer)
        self._fitted.set(transformer, Fitted(name, np.sort(rows.keys), looks, resamples))

    def is_known(self, transformer: object) -> bool:
        """Whether it was fitted on rows that are known."""
        return self._fitted.get(transformer) is not None

    def transformed(
        self, transformer: object, before: RowKeys | None, after: RowKeys | None
    ) -> None:
        """It returned the rows `after` for `before`."""
        fitted = self._fitted.get(transformer)
        if fitted is None or before is None or after is None:
            return
        if before.sample is not None or after.sample is not None:
            return
        if not fitted.resamples and (
            len(before.keys) != len(after.keys) or np.array_equal(before.keys, after.keys)
        ):
            return  # what is passed on as it was tells nothing
        order = np.argsort(after.keys, kind="stable").astype(np.int32)
        output = _Output(fitted, before.keys, after.keys, after.keys[order], order)
        self._outputs.append(output)
        while len(self._outputs) > 1 and sum(o.size for o in [*self._outputs]) > _MOST_BYTES:
            self._outputs.popleft()

    def __bool__(self) -> bool:
        return bool(self._outputs)

    def passed(self, trained: Keys, scored: Keys) -> Iterator[Passed]:
        """The transformers along the way of the scored rows, the last one first.

        Parameters
        ----------
        trained, scored : array of uint64
            The keys of the rows that the model was given to train on, and to predict for.
        """
        outputs = [*self._outputs][::-1]
        told: set[int] = set()
        for _ in range(_DEEPEST):
            few = trained[spread(len(trained), _FEW)]
            through = [
                o
                for o in outputs
                if among(few, o.ordered).mean() >= _NEARLY_ALL
                and (not o.fitted.resamples or o.has_made(trained, scored))
            ]
            fits = {id(o.fitted): o.fitted for o in through if id(o.fitted) not in told}
            best: tuple[float, _Output] | None = None
            for output in outputs:
                if id(output.fitted) not in fits:
                    continue
                share = float(among(scored, output.ordered).mean())
                # Of several that have these rows the smallest: equal rows may be in others too.
                if share >= 0.5 and (
                    best is None or (share, -len(output.after)) > (best[0], -len(best[1].after))
                ):
                    best = share, output
            if best is None:
                return
            output = best[1]
            told.add(id(output.fitted))
            own = next(o for o in through if o.fitted is output.fitted)
            trained, _ = own.sources(trained)
            scored, there = output.sources(scored)
            if output.fitted.resamples:
                seen = there
            else:
                seen = there & among(scored, output.fitted.rows)
            yield Passed(output.fitted, seen & ~among(scored, np.sort(trained)))


def _surplus(ordered: Keys, than: Keys) -> NDArray[np.int64]:
    """How many more of each kind of key there are than in others; both are in order."""
    kinds, times = np.unique(ordered, return_counts=True)
    known = np.searchsorted(than, kinds, "right") - np.searchsorted(than, kinds, "left")
    return np.maximum(times - known, 0)


def _added(keys: Keys, before: Keys, after: Keys) -> bool:
    """Whether rows have some of those that a sampler added to the ones before it."""
    there = int(_surplus(keys, before).sum())
    return there >= min(_FEWEST_ADDED, int(_surplus(after, before).sum()))


def uses_target(transformer: Any) -> bool:
    """Whether a transformer looks at the target it is given."""
    try:
        if type(transformer).__name__ in _UNSUPERVISED:
            return False
        parts = [transformer]
        if hasattr(transformer, "get_params"):
            parts += [p for p in transformer.get_params(deep=True).values() if hasattr(p, "fit")]
        return any(map(_looks_at_target, parts))
    except Exception:  # noqa: BLE001 - a user's class may raise anything
        return False


def _looks_at_target(part: Any) -> bool:
    kind = type(part)
    if kind.__name__ in _UNSUPERVISED:
        return False
    if any(name in str(kind.__module__) for name in _SUPERVISED):
        return True
    from sklearn.utils import get_tags

    if not hasattr(part, "__sklearn_tags__"):
        return False
    tags = get_tags(part)
    return bool(tags.target_tags.required) or tags.estimator_type in _PREDICTING
