"""Whether rows that are scored are rows that the model was trained on.

Data is compared by what it holds: an equal copy is the training data, a changed one is not.
"""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

import numpy as np

from autotrack.describe.data.fingerprint import row_count, stamp_of_described
from autotrack.describe.data.row_keys import RowKeys, with_target
from autotrack.describe.data.row_keys import row_keys as data_keys
from autotrack.describe.parts import attribute
from autotrack.entities import DatasetUse
from autotrack.lineage.values.arrays import (
    Array,
    groups,
    is_numeric,
    plain_array,
    same,
    spread,
)
from autotrack.lineage.values.derivation import is_function_of
from autotrack.lineage.values.digests import reference, stamp_of, value_digest
from autotrack.lineage.values.rows import take_rows
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.weak_map import IdentityMap
from autotrack.tracking.model_links import Link

#: What rows are called that the model was trained on: all of them, or some.
TRAIN, TRAIN_PART = "train", "train_part"
#: What the training rows are called where they are held against another target.
RELABELLED = "relabelled_train"
_MOST_TARGETS = 1_000_000
# What scikit-learn's semi-supervised models take for a label that is not known.
_UNLABELLED = -1
# Rows that occur many times in training are met by chance elsewhere.
_ENOUGH_UNIQUE = 0.95
_FEW_ROWS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where rows stand among the training rows.

    Attributes
    ----------
    rows : array of int
        The number of each among the training rows; -1 for one that training had more than once.
    is_all : bool
        Whether they are all training rows, in whichever order.
    """

    rows: Array
    is_all: bool


class _Kinds(NamedTuple):
    """The different keys of the training rows in order, where each is first, and how often."""

    keys: Array
    first: Array
    counts: Array

    def at(self, keys: Array) -> Array | None:
        """The places of keys among these; None if one is not there."""
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return at if (self.keys[at] == keys).all() else None


@dataclass(slots=True, eq=False)
class Trained:
    """What a model was trained on, as far as comparing goes."""

    stamp: object
    target: bytes | None
    target_ref: weakref.ref[Any] | None
    rows: Array | None = None
    target_values: Array | None = None
    # What is held against scored rows: the keys of all rows or of a sample, and with the target.
    keys: RowKeys | None = None
    both: Array | None = None
    ordered: Array | None = None
    # What a frame calls its columns.
    columns: Any = None
    # Found when it is asked for first.
    kinds: _Kinds | None = None

    @classmethod
    def of(
        cls,
        X: object,
        y: object,
        *,
        goes_away: bool = False,
        keep_keys: bool = False,
        described: DatasetUse | None = None,
    ) -> Trained:
        """Take it down before the fit, which may change the data.

        The rows of what `goes_away` when the fit returns are known by a number each, and a copy
        is kept of the target. With `keep_keys` so are those of all other data, and what is scored
        can be held against them. `described` is what was said of the data just now.
        """
        data = described.data if described is not None else None
        aim = described.target if described is not None else None
        target, digest = reference(y) if y is not None else None, target_digest(y)
        keys = both = None
        if keep_keys or goes_away or reference(X) is None:
            keys = data_keys(X, described=data)
        if keep_keys and y is not None:
            both = with_target(keys, data_keys(y, described=aim))
        rows = keys.keys if keys is not None and keys.sample is None else None
        values = plain_array(y) if digest is not None and (goes_away or target is None) else None
        kept = values.copy() if values is not None else None
        named = None if keys is None or type(X) is np.ndarray else attribute(X, "columns")
        stamp = stamp_of_described(X, data) or stamp_of(X)
        return cls(stamp, digest, target, rows, kept, keys, both, columns=named)

    def places_of(self, X: object, whole: object) -> Places | None:
        """Where the rows of `X` stand in training, which had them all; None for other rows.

        Rows that could well be others are no training rows. `whole` is what it was trained on, if
        that still exists.
        """
        kinds = self._kinds_of(whole)
        count = row_count(X)
        if kinds is None or not count:
            return None
        # Nearly all other data is told by a few rows.
        few = row_keys(take_rows(X, spread(count, _FEW_ROWS)))
        if few is None or kinds.at(few) is None:
            return None
        keys = row_keys(X)
        at = kinds.at(keys) if keys is not None else None
        total = int(kinds.counts.sum())
        if keys is None or at is None or len(keys) > total:
            return None
        rows = np.where(kinds.counts[at] == 1, kinds.first[at], -1).astype(np.int32)
        times = np.bincount(at, minlength=len(kinds.keys))
        return Places(rows, bool((times == kinds.counts).all()))

    def _kinds_of(self, whole: object) -> _Kinds | None:
        """The training rows, if there are some that are not met by chance elsewhere."""
        if self.rows is None and (self.stamp is None or stamp_of(whole) != self.stamp):
            return None
        if self.kinds is None:
            known = self.rows if self.rows is not None else row_keys(whole)
            keys = np.zeros(0, np.uint64) if known is None else known
            self.kinds = _Kinds(*np.unique(keys, return_index=True, return_counts=True))
        many = len(self.kinds.keys) >= _ENOUGH_UNIQUE * self.kinds.counts.sum()
        return self.kinds if len(self.kinds.keys) and many else None

    def ordered_keys(self) -> Array:
        """The keys of the training rows in order; there have to be some."""
        if self.ordered is None:
            assert self.keys is not None
            self.ordered = np.sort(self.keys.keys)
        return self.ordered

    def has_target(self, y: object) -> bool:
        """Whether `y` is the training target, or something made of each of its values."""
        if self.target is None or y is None or target_digest(y) == self.target:
            return True
        before, now = self.held_target(), plain_array(y)
        if before is None or now is None or len(before) != len(now):
            return False
        return _is_target(now, before)

    def name_of(self, places: Places, y: object) -> str:
        """What rows are called that stand in training, held against `y`."""
        all_or_some = TRAIN if places.is_all else TRAIN_PART
        if self.target is None or y is None:
            return all_or_some
        before, now = self.held_target(), plain_array(y)
        if before is None or now is None or len(now) != len(places.rows):
            return TRAIN_PART  # nothing shows whose target it is
        known = places.rows >= 0
        if _is_target(now[known], before[places.rows[known]]):
            return all_or_some
        return RELABELLED

    def held_target(self) -> Array | None:
        """The training target, if it is still what it was; None for several at once."""
        known = self.target_values
        if known is None:
            held = self.target_ref() if self.target_ref is not None else None
            known = plain_array(held)
            if known is None or target_digest(held) != self.target:
                return None
        return known if known.ndim == 1 else None


#: By model, what it was trained on last.
trainings: IdentityMap[Trained] = IdentityMap()


def target_digest(y: object) -> bytes | None:
    """A digest of what a target holds, in whichever container; None where there is none."""
    if y is None:
        return None
    array = plain_array(y)
    if array is None or len(array) > _MOST_TARGETS:
        return None
    return value_digest(array)


def _is_target(now: Array, before: Array) -> bool:
    """Whether a target is an earlier one, or something made of each of its values."""
    if not len(now) or same(now, before):
        return True
    if now.ndim == 1 and before.dtype.kind == "i":
        labelled = before != _UNLABELLED
        if labelled.any() and same(before[labelled], now[labelled]):
            return True
    if _are_exchanged(now, before):
        return False
    columns = now.T if now.ndim == 2 else [now]
    return all(_is_made_of(c, before) or is_function_of(c, before) for c in columns)


def _are_exchanged(now: Array, before: Array) -> bool:
    """Whether labels stand for each other, as in ``1 - y``; other names for them do not."""
    if now.ndim != 1 or (now.dtype.kind == "b") != (before.dtype.kind == "b"):
        return False
    return _kinds(now) == _kinds(before) and _pairs(now, before) == len(_kinds(now))


def _kinds(values: Array) -> set[Any]:
    return set((np.unique(values) if is_numeric(values) else values).tolist())


def _is_made_of(values: Array, before: Array) -> bool:
    """Whether equal values stand wherever the earlier ones are equal."""
    pairs = _pairs(values, before)
    # A function of all different values is no evidence: any target is one.
    return pairs == len(_kinds(before)) and pairs <= max(2, len(before) // 2)


def _pairs(values: Array, before: Array) -> int:
    """How many different pairs of an earlier value and a later one there are."""
    a, b = groups(values), groups(before)
    return len(np.unique(a.astype(np.int64) * (int(b.max()) + 1) + b))


def is_training_input(
    link: Link, trained: Trained | None, X: object, stamp: object, known: str | None
) -> bool:
    """Whether the rows of `X` are the training rows.

    Parameters
    ----------
    link : Link
    trained : Trained or None
    X : object
        What is scored; None where it is gone.
    stamp : object
        Of what was scored, taken then.
    known : str or None
        The fingerprint of X.
    """
    if stamp is not None and trained is not None and trained.stamp == stamp:
        return True
    if link.train is None:
        # Nothing was fingerprinted: only the very object is known.
        return X is not None and link.train_ref is not None and link.train_ref() is X
    # The fit may have changed the data in place: both are what it was trained on.
    trained_on = {link.train.data.fingerprint, link.changed} - {None}
    return known in trained_on or (isinstance(stamp, str) and stamp in trained_on)


def row_keys(data: Any) -> Array | None:
    """The keys of all rows; None for what has none, or is so large that they would be a sample."""
    found = data_keys(data)
    return found.keys if found is not None and found.sample is None else None


def places_in_training(trained: Trained | None, X: object, whole: object = None) -> Places | None:
    """Where the rows of `X` stand in the training data: in `whole`, if that still exists.

    None if not all of them are training rows.
    """
    if trained is None:
        return None
    try:
        return trained.places_of(X, whole)
    except Exception:  # noqa: BLE001 - a foreign container may do anything
        return None
