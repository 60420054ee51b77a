"""One prediction, remembered: what it was, of which model, on which data."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrack.capture.arrays import plain_array, same
from autotrack.capture.byhand import InputSample
from autotrack.capture.rows import is_sparse
from autotrack.describe.data import fingerprint
from autotrack.entities import DatasetUse
from autotrack.tracking.links import Link

#: What rows are called that a model, or one of its members, was not trained on, although they
#: are of its training data: by bagging, or by a cross-validation.
OUT_OF_BAG, OUT_OF_FOLD = "oob", "oof"

# Up to this size (bytes) it is cheaper to compare all bytes than to look at some rows first.
_SMALL = 1 << 16


def reference(value: object) -> weakref.ref[Any] | None:
    """A weak reference, or None for what cannot have one (lists, tuples)."""
    try:
        return weakref.ref(value)
    except TypeError:
        return None


@dataclass(frozen=True, slots=True)
class Judged:
    """On which data a prediction was last scored: against which truth, and what it was called."""

    truth: weakref.ref[Any] | None
    data_name: str
    use: DatasetUse | None


@dataclass(slots=True, eq=False)
class Prediction:
    """What a model predicted, and on which data.

    `link` is None for a model that has no run; it is remembered all the same, so that its
    predictions are not taken for another's. A prediction that is sparse, or too large to be copied,
    is known by its digest; one that is yet to be computed, by being that object alone.

    `part` is what the rows are called in the keys of its scores where that does not depend on the
    data: ``oob`` for out-of-bag and ``oof`` for out-of-fold predictions. `step` is the stage that
    it is the prediction of, and so the step of its scores; None where a score is one step more.
    """

    link: Link | None
    model: weakref.ref[Any] | None
    data: weakref.ref[Any] | None
    sample: weakref.ref[InputSample] | None
    output: weakref.ref[Any] | None = None
    values: NDArray[Any] | None = None
    digest: str | None = None
    judged: Judged | None = None
    sparse: bool = False
    part: str = ""
    step: int | None = None

    def is_alive(self) -> bool:
        """Whether the model still exists."""
        return self.model is not None and self.model() is not None

    def is_unchanged(self, output: object) -> bool:
        """Whether the object the model returned still holds what it returned."""
        if self.values is not None:
            now, then = plain_array(output), self.values
            if now is None or now.dtype != then.dtype or then.nbytes > _SMALL or then.dtype == "O":
                return now is not None and same(now, then)
            return now.shape == then.shape and now.tobytes() == then.tobytes()
        if self.digest is None:
            return True
        if self.sparse:
            return is_sparse(output) and sparse_digest(output) == self.digest
        return fingerprint(_flat(output)) == self.digest

    def input(self) -> Any:
        """What the model predicted for, while it lives; else None."""
        return self.data() if self.data is not None else None


def _flat(output: Any) -> Any:
    array = plain_array(output)
    return output if array is None else array


def sparse_digest(matrix: Any) -> str:
    """A digest of what a sparse matrix holds, whatever its format and type of number."""
    return fingerprint(_canonical(matrix))


def is_sparse_constant(matrix: Any) -> bool:
    """Whether all rows of a sparse matrix are equal."""
    held = _canonical(matrix)
    count = int(held.indptr[1]) if held.shape[0] else 0
    if held.nnz != count * held.shape[0] or not (np.diff(held.indptr) == count).all():
        return False
    rows = (part.reshape(-1, count) for part in (held.indices, held.data)) if count else ()
    return all(bool((part == part[0]).all()) for part in rows)


def _canonical(matrix: Any) -> Any:
    found = matrix.tocsr().copy().astype(np.float64)
    found.sum_duplicates()
    found.eliminate_zeros()
    return found
