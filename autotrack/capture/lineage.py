"""Which model made this prediction, and which transformer this X.

Predictions are remembered as small copies, inputs and outputs only weakly, and all of it in
bounded number: the memory of a session does not grow with the calls it hears.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrack.capture.evidence import (
    Evidence,
    explained_by,
    is_constant,
    plain_array,
    relation,
    same,
)
from autotrack.describe.data import fingerprint
from autotrack.entities import DatasetUse
from autotrack.tracking.facts import TransformerFacts
from autotrack.tracking.links import IdentityMap, Link, links

_MOST_PREDICTIONS = 256
# Predictions of the right length that are looked at for a score that is no plain copy.
_MOST_COMPARED = 24
# Predictions of so few rows are remembered apart.
_SHORT = 4
_MOST_OUTPUTS = 64
# Copies above this size (bytes) count towards the budget of all copies together.
_SMALL = 1 << 16
_BUDGET = 64 << 20


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
    predictions are not taken for another's.
    """

    link: Link | None
    model: weakref.ref[Any] | None
    data: weakref.ref[Any] | None
    output: weakref.ref[Any] | None
    values: NDArray[Any] | None
    digest: str | None = None
    judged: Judged | None = None

    def is_alive(self) -> bool:
        """Whether the model still exists."""
        return self.model is not None and self.model() is not None

    def is_unchanged(self, output: object) -> bool:
        """Whether the object the model returned still holds what it returned."""
        if self.values is not None:
            now = plain_array(output)
            return now is not None and same(now, self.values)
        return self.digest is None or fingerprint(output) == self.digest


@dataclass(slots=True, eq=False)
class _Output:
    """What a transformer returned."""

    output: weakref.ref[Any]
    chain: tuple[TransformerFacts, ...]


class Lineage:
    """Remembers predictions and transforms of one session."""

    def __init__(self) -> None:
        self._predictions: deque[Prediction] = deque(maxlen=_MOST_PREDICTIONS)
        # Apart, so that a loop over single rows does not push out what will be scored.
        self._short: deque[Prediction] = deque(maxlen=_MOST_PREDICTIONS)
        self._large: deque[Prediction] = deque()
        self._held = 0
        self._outputs: deque[_Output] = deque(maxlen=_MOST_OUTPUTS)
        self._transformers: IdentityMap[TransformerFacts] = IdentityMap()
        self._chains: IdentityMap[tuple[TransformerFacts, ...]] = IdentityMap()
        self._lock = threading.Lock()

    # -- predictions ------------------------------------------------------------------------------

    def predicted(self, model: object, data: object, output: Any) -> None:
        """Remember what `model` returned for `data`."""
        self.remember(links.get(model), reference(model), reference(data), output)

    def remember(
        self,
        link: Link | None,
        model: weakref.ref[Any] | None,
        data: weakref.ref[Any] | None,
        output: Any,
    ) -> None:
        """Remember `output` as something that the run of `link` brought forth."""
        if type(output) is np.ndarray:
            values: NDArray[Any] | None = output.copy()
        elif isinstance(output, list | tuple) and any(isinstance(o, np.ndarray) for o in output):
            # A list of probabilities, one a target; a mean and its standard deviation.
            for part in output:
                if isinstance(part, np.ndarray):
                    self.remember(link, model, data, part)
            return
        elif hasattr(output, "toarray"):
            kept = Prediction(link, model, data, reference(output), None, fingerprint(output))
            self._predictions.append(kept)
            return
        else:
            array = plain_array(output)
            values = None if array is None else array.copy()
        if values is None:
            return
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        kept = Prediction(link, model, data, reference(output), values)
        (self._predictions if len(values) > _SHORT else self._short).append(kept)
        if values.nbytes > _SMALL:
            self._bound(kept, values.nbytes)

    def _bound(self, kept: Prediction, size: int) -> None:
        with self._lock:
            self._large.append(kept)
            self._held += size
            while self._held > _BUDGET and self._large:
                oldest = self._large.popleft()
                if oldest.values is not None:
                    self._held -= oldest.values.nbytes
                    # From here on only the very object is known, by its digest.
                    oldest.digest = fingerprint(oldest.values)
                    oldest.values = None

    def _newest_first(self, rows: int | None) -> list[Prediction]:
        short = rows is not None and rows <= _SHORT
        while True:
            try:
                return [*self._predictions, *(self._short if short else ())][::-1]
            except RuntimeError:  # another thread predicted meanwhile
                continue

    def find(self, values: object, truth: object = None) -> Prediction | None:
        """The prediction that `values` are, or can be shown to come from; None if there is none."""
        found = self.find_same(values)
        if found is not None:
            return found
        array = plain_array(values)
        if array is None or values is truth:
            return None
        best, strongest = [], Evidence.NONE
        candidates = (p for p in self._newest_first(len(array)) if self._comparable(array, p))
        for prediction in islice(candidates, _MOST_COMPARED):
            assert prediction.values is not None
            evidence = relation(array, prediction.values)
            if evidence > strongest:
                best, strongest = [prediction], evidence
            elif evidence and evidence == strongest:
                best.append(prediction)
        if not best:
            return None
        if strongest == Evidence.MONOTONE:
            runs = {p.link.run_id if p.link else None for p in best}
            data = best[0].data() if best[0].data is not None else None
            if len(runs) > 1 or explained_by(array, data):
                return None
        # Equal values give equal scores, so the number is true of each of these models; the one
        # that still exists and predicted last is the one that is being looked at.
        return next((p for p in best if p.is_alive()), best[0])

    @staticmethod
    def _comparable(array: NDArray[Any], prediction: Prediction) -> bool:
        values = prediction.values
        return values is not None and len(array) <= len(values)

    def find_same(self, values: object) -> Prediction | None:
        """The prediction that `values` are: the very object, or a view of its memory."""
        array = values if type(values) is np.ndarray else None
        looked = array is not None
        rows = getattr(values, "shape", (None,))[:1]
        for prediction in self._newest_first(rows[0] if rows else None):
            output = prediction.output() if prediction.output is not None else None
            if output is None:
                continue
            if output is values:
                return prediction if prediction.is_unchanged(output) else None
            if not looked:
                array, looked = plain_array(values), True
            if (
                array is not None
                and isinstance(output, np.ndarray)
                and np.may_share_memory(array, output)
                and prediction.is_unchanged(output)
            ):
                return prediction
        return None

    # -- transforms -------------------------------------------------------------------------------

    def fitted(self, transformer: object, facts: TransformerFacts, data: object) -> None:
        """Remember a transformer that was fitted outside of a pipeline."""
        self._transformers.set(transformer, facts)
        self._chains.set(transformer, (*self.preprocessing_of(data), facts))

    def transformed(self, transformer: object, output: object) -> None:
        """Remember what it returned."""
        chain = self._chains.get(transformer)
        weak = reference(output)
        if chain is not None and weak is not None:
            self._outputs.append(_Output(weak, chain))

    def preprocessing_of(self, data: object) -> tuple[TransformerFacts, ...]:
        """The transformers whose output `data` is, or is part of; first applied first."""
        if not self._outputs:
            return ()
        for known in reversed(self._outputs):
            output = known.output()
            if output is not None and (output is data or comes_from(data, output)):
                return known.chain
        return ()


def comes_from(data: Any, output: Any) -> bool:
    """Whether `data` is a view of `output`, or made of some of its rows."""
    shape, whole = getattr(data, "shape", None), getattr(output, "shape", None)
    if not shape or not whole or len(shape) != 2 or len(whole) != 2:
        return False
    if shape[1] != whole[1] or shape[0] > whole[0] or not shape[0] or not shape[1]:
        return False
    if hasattr(data, "iloc") and hasattr(output, "iloc") and list(data) != list(output):
        return False
    both = isinstance(data, np.ndarray) and isinstance(output, np.ndarray)
    if both and np.may_share_memory(data, output):
        return True
    return _has_rows(_rows(data), shape[0], _rows(output))


# Rows that are looked up to tell whether data was taken from a transformer's output.
_PROBES = 4


def _rows(data: Any) -> Any:
    return data.iloc if hasattr(data, "iloc") else data


def _has_rows(rows: Any, count: int, known: Any) -> bool:
    try:
        first = plain_array(known[:, 0].toarray() if hasattr(known, "toarray") else known[:, 0])
        if first is None:
            return False
        told = False
        for at in sorted({int(i) for i in np.linspace(0, count - 1, _PROBES)}):
            row = _row(rows, at)
            if row is None:
                return False
            places = np.flatnonzero(first == row[0])[:_SEARCHED]
            others = (_row(known, int(i)) for i in places)
            if not any(other is not None and same(row, other) for other in others):
                return False
            told = told or not is_constant(row) or row[0] != np.round(row[0], 3)
    except Exception:  # noqa: BLE001 - containers that cannot be compared so are not the same
        return False
    return told


_SEARCHED = 2000


def _row(rows: Any, at: int) -> NDArray[Any] | None:
    row = rows[[at]].toarray()[0] if hasattr(rows, "toarray") else np.asarray(rows[at])
    return row if row.ndim == 1 and row.dtype.kind == "f" else None
