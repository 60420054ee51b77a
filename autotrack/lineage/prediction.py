"""One prediction, remembered: what it was, of which model, on which data, and where it was made."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrack.describe.data.fingerprint import fingerprint
from autotrack.describe.data.row_keys import RowKeys
from autotrack.describe.data.stamp import Stamp
from autotrack.entities import Dataset, DatasetUse
from autotrack.lineage.program.call_site import Site
from autotrack.lineage.training_rows import Places, Trained
from autotrack.lineage.values.arrays import plain_array, same
from autotrack.lineage.values.digests import stamp_of, value_digest
from autotrack.lineage.values.rows import is_sparse
from autotrack.runtime.dataclass import dataclass
from autotrack.tracking.model_links import Link

#: What rows are called that a model, or one of its members, was not trained on, although they
#: are of its training data: by bagging, or by a cross-validation.
OUT_OF_BAG, OUT_OF_FOLD = "oob", "oof"

# Up to this size (bytes) it is cheaper to compare all bytes than to look at some rows first.
_SMALL = 1 << 16


@dataclass(frozen=True, slots=True)
class Judged:
    """On which data a prediction was last scored: against which truth, and what it was called."""

    truth: weakref.ref[Any] | None
    data_name: str
    use: DatasetUse | None


@dataclass(frozen=True, slots=True)
class Gone:
    """An input that did not outlive its prediction, described while it was there.

    `places` say where its rows stand in training, if training had them all; `kept` is a copy of one
    of few rows, `held` the name of its variable; `rows` are the keys of its rows, where they can be
    held against those of training, and `chance` how many of these chance lets training have.
    """

    data: Dataset | None = None
    places: Places | None = None
    kept: Any = None
    held: str | None = None
    rows: RowKeys | None = None
    chance: float = 0.0


#: A prediction as it is taken down when it is made, which is all that the call pays for: of a
#: :class:`Prediction` its order, link, model, data, output, values, sites, thread, stamp, trained.
Note = tuple[
    int,
    Link | None,
    weakref.ref[Any] | None,
    weakref.ref[Any],
    weakref.ref[Any],
    NDArray[Any],
    tuple[Site, ...],
    int,
    Stamp | None,
    Trained | None,
]


@dataclass(slots=True, eq=False)
class Prediction:
    """What a model predicted, on which data, and where.

    `link` is None for a model that has no run; it is remembered all the same, so that its
    predictions are not taken for another's. A prediction that is sparse, or too large to be copied,
    is known by its digest; one that is yet to be computed, by being that object alone.

    `part` is what the rows are called in the keys of its scores where that does not depend on the
    data: ``oob`` for out-of-bag and ``oof`` for out-of-fold predictions. `step` is the stage that
    it is the prediction of, and so the step of its scores; None where a score is one step more.

    `sites` are the places in the user's code from which it was made, the nearest first, in which
    `thread`; `order` counts the predictions of the process. `stamp` tells whether the input is
    what it was when the model was asked, `trained` what the model was trained on; `gone` says of
    an input that does not outlive the call what is to be known of it.
    """

    link: Link | None
    model: weakref.ref[Any] | None
    data: weakref.ref[Any] | None
    output: weakref.ref[Any] | None = None
    values: NDArray[Any] | None = None
    digest: bytes | str | None = None
    judged: Judged | None = None
    sparse: bool = False
    part: str = ""
    step: int | None = None
    sites: tuple[Site, ...] = ()
    thread: int = 0
    order: int = 0
    stamp: Stamp | None = None
    trained: Trained | None = None
    gone: Gone | None = None

    @classmethod
    def of_note(cls, note: Note) -> Prediction:
        """The prediction that was taken down as `note`."""
        order, link, model, data, output, values, sites, thread, stamp, trained = note
        return cls(
            link,
            model,
            data,
            output,
            values,
            sites=sites,
            thread=thread,
            order=order,
            stamp=stamp,
            trained=trained,
        )

    @property
    def owner(self) -> object:
        """What tells models apart: the run, or the model where it has none."""
        if self.link is None:
            return self.model
        return self.link.run_id, self.link.scope, self.part

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
        array = plain_array(output)
        return array is not None and value_digest(array) == self.digest

    def held(self) -> NDArray[Any] | None:
        """The values, as long as they are known."""
        if self.values is not None:
            return self.values
        output = self.output() if self.output is not None else None
        if output is None or self.sparse or not self.is_unchanged(output):
            return None
        return plain_array(output)

    def let_go(self) -> None:
        """Keep a digest of the values, and where the rows stand no longer."""
        if self.values is not None:
            self.digest, self.values = value_digest(self.values), None
        if self.gone is not None:
            self.gone = replace(self.gone, places=None)

    def input(self) -> Any:
        """What the model predicted for, while it lives and is what it was; else None."""
        data = self.data() if self.data is not None else None
        if data is None:
            return None if self.gone is None else self.gone.kept
        return None if self.stamp is not None and stamp_of(data) != self.stamp else data

    def has_input_of(self, other: Prediction) -> bool:
        """Whether it was made for what the other was made for."""
        if self.data is not None and self.data is other.data:
            return self.stamp == other.stamp
        if self.stamp is not None or other.stamp is not None:
            return self.stamp == other.stamp
        mine, others = plain_array(self.input()), plain_array(other.input())
        return mine is not None and others is not None and same(mine, others)


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
