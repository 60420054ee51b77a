"""Whether rows that are scored are rows that the model was trained on.

Data is compared by what it holds: an equal copy is the training data, a changed one is not.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np

from autotrack.capture.arrays import Array, groups, is_numeric, plain_array
from autotrack.capture.identity_of_data import reference, stamp_of, value_digest
from autotrack.capture.rows import has_row, is_sparse, take_rows
from autotrack.describe.data import fingerprint
from autotrack.identity import IdentityMap
from autotrack.tracking.links import Link

#: What rows are called that the model was trained on: all of them, or some.
TRAIN, TRAIN_PART = "train", "train_part"
#: What the training rows are called where they are held against another target.
RELABELLED = "relabelled_train"
# Above this many numbers it is not asked whether rows are some of the training rows.
_MOST_NUMBERS = 20_000_000
_PROBES = 4
_MOST_TARGETS = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What a model was trained on, as far as comparing goes."""

    stamp: object
    target: bytes | None
    target_ref: weakref.ref[Any] | None

    @classmethod
    def of(cls, X: object, y: object) -> Trained:
        """Take it down before the fit, which may change the data."""
        return cls(stamp_of(X), target_digest(y), reference(y) if y is not None else None)

    def has_target(self, y: object) -> bool:
        """Whether `y` is the training target, or something made of each of its values."""
        if self.target is None or y is None or target_digest(y) == self.target:
            return True
        known = self.target_ref() if self.target_ref is not None else None
        before, now = plain_array(known), plain_array(y)
        if before is None or now is None or before.ndim != 1 or len(before) != len(now):
            return False
        if target_digest(known) != self.target:
            return False  # it was changed since
        columns = now.T if now.ndim == 2 else [now]
        return all(_is_made_of(column, before) for column in columns)


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


def _is_made_of(values: Array, before: Array) -> bool:
    """Whether equal values stand wherever the earlier ones are equal."""
    a, b = groups(values), groups(before)
    pairs = len(np.unique(a.astype(np.int64) * (int(b.max()) + 1) + b))
    # A function of all different values is no evidence: any target is one.
    return pairs == int(b.max()) + 1 and pairs <= max(2, len(b) // 2)


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
    expected = link.train.data.fingerprint
    return expected in (known, stamp)


def is_part_of_training(link: Link, trained: Trained | None, X: Any, y: Any) -> bool:
    """Whether all rows of `X` are rows of the training data, and `y` their targets.

    The training data is asked, so it is known only while that exists and is unchanged.
    """
    whole = link.training_input
    if whole is None or X is None:
        return False
    try:
        if not _is_unchanged(whole, link, trained):
            return False
        return _rows_within(X, y, whole, trained)
    except Exception:  # noqa: BLE001 - a foreign container may do anything
        return False


def _is_unchanged(whole: Any, link: Link, trained: Trained | None) -> bool:
    if trained is not None and trained.stamp is not None:
        return stamp_of(whole) == trained.stamp
    return link.train is not None and fingerprint(whole) == link.train.data.fingerprint


def _rows_within(X: Any, y: Any, whole: Any, trained: Trained | None) -> bool:
    shape, of = np.shape(X), np.shape(whole)
    if len(shape) != 2 or len(of) != 2 or shape[1] != of[1] or not 0 < shape[0] <= of[0]:
        return False
    if of[0] * of[1] > _MOST_NUMBERS or is_sparse(X) or is_sparse(whole):
        return False
    if hasattr(X, "columns") and hasattr(whole, "columns") and list(X) != list(whole):
        return False
    probes = np.unique(np.linspace(0, shape[0] - 1, _PROBES, dtype=np.intp))
    table = np.asarray(whole) if isinstance(whole, list | tuple) else whole
    for row in np.asarray(take_rows(X, probes)):
        if not has_row(table, row):
            return False
    known = trained.target_ref() if trained is not None and trained.target_ref else None
    with_target = y is not None and known is not None and np.ndim(y) == 1
    with_target = with_target and len(y) == shape[0] and len(known) == of[0]
    some = _row_keys(X, y if with_target else None)
    return bool(np.isin(some, _row_keys(whole, known if with_target else None)).all())


def _row_keys(data: Any, target: Any) -> Array:
    """A key for each row, equal where rows are."""
    matrix = np.asarray(data)
    if target is not None:
        beside = np.asarray(target)
        kind = np.float64 if is_numeric(matrix) and is_numeric(beside) else object
        matrix = np.column_stack([matrix.astype(kind), beside.astype(kind)])
    if is_numeric(matrix):
        plain = np.ascontiguousarray(matrix, np.float64) + 0.0
        return plain.view(np.dtype((np.void, plain.dtype.itemsize * plain.shape[1])))[:, 0]
    return np.array([hash(tuple(map(_plain, row))) for row in matrix.tolist()])


def _plain(value: Any) -> Any:
    return None if value != value else value  # noqa: PLR0124 - which is true of what is missing
