"""Which model made this prediction, and which transformer this X.

Predictions are remembered as small copies, inputs weakly with a sample of their rows, and all of it
in bounded number: the memory of a session does not grow with the calls it hears.
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
from scipy.sparse import csr_array

from autotrack.capture.arrays import is_constant, is_lazy, is_numeric, plain_array, same
from autotrack.capture.byhand import InputSample, explained_by_input, made_of, sample_of
from autotrack.capture.evidence import Evidence, relation
from autotrack.capture.origin import comes_from, is_small, small_copy
from autotrack.capture.predictions import (
    Judged,
    Prediction,
    is_sparse_constant,
    reference,
    sparse_digest,
)
from autotrack.capture.rows import is_sparse
from autotrack.capture.stages import Stage
from autotrack.describe.data import fingerprint, row_count
from autotrack.identity import IdentityMap
from autotrack.tracking.facts import TransformerFacts
from autotrack.tracking.links import Link, links

__all__ = ["Judged", "Lineage", "Prediction", "reference"]

_MOST_PREDICTIONS = 256
# Predictions of the right length that are looked at for a score that is no plain copy.
_MOST_COMPARED = 24
# Predictions of so few rows are remembered apart, and fewer of them: a loop over single rows pays
# for each that is let go of, which lies far back in memory.
_SHORT = 4
_MOST_SHORT = 32
# Samples of inputs: a score usually follows its prediction closely.
_MOST_SAMPLES = 32
_MOST_OUTPUTS = 64
# Copies of what transformers returned: `train_test_split` and `pd.DataFrame` are often handed an
# output that nobody else holds.
_MOST_COPIES = 8
# Copies above this size (bytes) count towards the budget of all copies together.
_SMALL = 1 << 16
_BUDGET = 64 << 20


_Reference = weakref.ref[Any] | None
# What a prediction of few rows is made of when it is looked for: link, model, data and output; and
# the values, as a type and bytes.
_Held = tuple[Link | None, _Reference, _Reference, _Reference]
_Short = tuple[_Held, np.dtype[Any], bytes]


@dataclass(slots=True, eq=False)
class _Output:
    """What a transformer returned for its input, and a copy of it while that is kept."""

    source: weakref.ref[Any] | None
    output: weakref.ref[Any] | None
    copy: weakref.ref[Any] | None
    chain: tuple[TransformerFacts, ...]
    transformer: weakref.ref[Any] | None = None

    def stage(self) -> Stage:
        """The transformer with what it was given and returned, as far as that exists."""
        output = _alive(self.output)
        held = output if output is not None else _alive(self.copy)
        return Stage(self.chain[-1].name, _alive(self.transformer), _alive(self.source), held)

    def is_origin_of(self, data: Any) -> bool:
        """Whether `data` is the output or was taken from it."""
        output = self.output() if self.output is not None else None
        if output is data:
            return True
        if self.chain[-1].resamples:
            # It passes rows on as they are, so data that holds the same need not come from it.
            if not isinstance(data, np.ndarray) or not isinstance(output, np.ndarray):
                return False
            return _share_memory(data, output)
        if self.source is not None and self.source() is data:
            return False  # an imputer that found nothing to do
        if output is None:
            output = self.copy() if self.copy is not None else None
        return output is not None and comes_from(data, output)


class Lineage:
    """Remembers predictions and transforms of one session."""

    def __init__(self) -> None:
        self._predictions: deque[Prediction] = deque(maxlen=_MOST_PREDICTIONS)
        # Apart, so that a loop over single rows does not push out what will be scored.
        self._short: deque[Prediction | _Short] = deque(maxlen=_MOST_SHORT)
        self._samples: deque[InputSample] = deque(maxlen=_MOST_SAMPLES)
        self._large: deque[Prediction] = deque()
        self._held = 0
        # Truths that were looked at and are no predictions.
        self._truths: IdentityMap[bool] = IdentityMap()
        self._outputs: deque[_Output] = deque(maxlen=_MOST_OUTPUTS)
        self._copies: deque[Any] = deque(maxlen=_MOST_COPIES)
        self._transformers: deque[Any] = deque(maxlen=_MOST_COPIES)
        self._chains: IdentityMap[tuple[TransformerFacts, ...]] = IdentityMap()
        self._lock = threading.Lock()

    # -- predictions ------------------------------------------------------------------------------

    def predicted(
        self,
        model: object,
        data: object,
        output: Any,
        *,
        part: str = "",
        step: int | None = None,
    ) -> None:
        """Remember what `model` returned for `data`; `part` and `step` as in `Prediction`."""
        plain = not part and step is None
        if plain and type(output) is np.ndarray and output.ndim == 1 and 0 < len(output) <= _SHORT:
            # A loop over single rows pays for this at every row, and hardly any of them is scored.
            kind = output.dtype
            if not kind.hasobject:  # bytes are made in half the time of an array
                held = (links.get(model), reference(model), reference(data), reference(output))
                self._short.append((held, kind, output.tobytes()))
                return
        several = isinstance(output, list | tuple) and output and isinstance(output[0], np.ndarray)
        rows = row_count(output[0] if several else output)
        sample = sample_of(data, rows) if rows is not None and rows > _SHORT else None
        if sample is not None:
            self._samples.append(sample)
        known = Prediction(links.get(model), reference(model), reference(data), reference(sample))
        known.part, known.step = part, step
        self.remember(known, output)

    def predicted_in(
        self, link: Link, data: weakref.ref[Any] | None, output: Any, *, part: str = ""
    ) -> None:
        """Remember what came out of a run that has no model of its own."""
        self.remember(Prediction(link, None, data, None, part=part), output)

    def remember(self, known: Prediction, output: Any) -> None:
        """Remember `output` as something that came about as the prediction `known` did."""
        if isinstance(output, list | tuple) and any(isinstance(o, np.ndarray) for o in output):
            # A list of probabilities, one a target; a mean and its standard deviation.
            for part in output:
                if isinstance(part, np.ndarray):
                    self.remember(known, part)
            return
        array = plain_array(output)
        kept = Prediction(known.link, known.model, known.data, known.sample, reference(output))
        kept.part, kept.step = known.part, known.step
        if array is not None:
            kept.values = array.copy()
        elif is_sparse(output):
            kept.digest, kept.sparse = sparse_digest(output), True
        elif not is_lazy(output):
            return
        short = array is not None and len(array) <= _SHORT
        (self._short if short else self._predictions).append(kept)
        if array is not None and array.nbytes > _SMALL:
            self._bound(kept, array.nbytes)

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
                return [*self._predictions, *(self._made_short() if short else ())][::-1]
            except RuntimeError:  # another thread predicted meanwhile
                continue

    def _made_short(self) -> list[Prediction]:
        return [p if isinstance(p, Prediction) else _made(*p) for p in self._short]

    def find(self, values: object, truth: object = None) -> Prediction | None:
        """The prediction that `values` are, or can be shown to come from; None if there is none."""
        found = self.find_same(values)
        if found is not None:
            return found
        if values is truth:
            return None
        if is_sparse(values):
            return self._find_sparse(values)
        array = plain_array(values)
        return None if array is None or is_constant(array) else self._find_shown(array, truth)

    def _find_sparse(self, matrix: Any) -> Prediction | None:
        """The prediction that a sparse matrix is a copy of; as an array, if that was no larger."""
        known = self._newest_first(matrix.shape[0])
        if any(prediction.sparse for prediction in known) and not is_sparse_constant(matrix):
            digest = sparse_digest(matrix)
            equal = (p for p in known if p.sparse and p.digest == digest)
            if (found := next(equal, None)) is not None:
                return found
        if any(p.values is not None and p.values.shape == matrix.shape for p in known):
            return self.find(matrix.toarray())
        return None

    def _find_shown(self, array: NDArray[Any], truth: object) -> Prediction | None:
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
            return self._find_dense(array)
        if strongest < Evidence.DERIVED and self._is_doubtful(array, strongest, best, truth):
            return None
        # Equal values give equal scores, so the number is true of each of these models; the one
        # that still exists and predicted last is the one that is being looked at.
        return next((p for p in best if p.is_alive()), best[0])

    def _find_dense(self, array: NDArray[Any]) -> Prediction | None:
        """The sparse prediction that an array is a copy of."""
        known = [p for p in self._newest_first(None) if p.sparse] if array.ndim == 2 else []
        if not known or not is_numeric(array):
            return None
        digest = sparse_digest(csr_array(array))
        return next((p for p in known if p.digest == digest), None)

    @staticmethod
    def _is_doubtful(
        array: NDArray[Any], strongest: Evidence, best: list[Prediction], truth: object
    ) -> bool:
        """Whether the values may be another model's, or made by hand."""
        first = best[0].values
        for other in best[1:]:
            runs = [p.link.run_id if p.link else None for p in (best[0], other)]
            if runs[0] != runs[1] and not same(other.values, first):  # type: ignore[arg-type]
                return True
        if strongest == Evidence.PART:
            return made_of(array, truth)
        samples = [p.sample() if p.sample is not None else None for p in best]
        pairs = zip(best, samples, strict=True)
        return any(explained_by_input(array, p.input(), sample) for p, sample in pairs)

    @staticmethod
    def _comparable(array: NDArray[Any], prediction: Prediction) -> bool:
        values = prediction.values
        return values is not None and len(array) <= len(values)

    def find_reverse(self, truth: object) -> Prediction | None:
        """The prediction that a truth is, which is asked for every score and true of hardly any."""
        if self._truths.get(truth):
            return None
        found = self.find_same(truth)
        if found is None:
            self._truths.set(truth, True)
        return found

    def find_same(self, values: object) -> Prediction | None:
        """The prediction that `values` are: the very object, or a view of its memory."""
        newest = self._predictions[-1] if self._predictions else None
        if newest is not None and newest.output is not None and newest.output() is values:
            # As nearly always; the rest looks at every prediction that is remembered.
            return newest if newest.is_unchanged(values) else None
        rows = getattr(values, "shape", (None,))[:1]
        living: list[tuple[Prediction, Any]] = []
        for prediction in self._newest_first(rows[0] if rows else None):
            output = prediction.output() if prediction.output is not None else None
            if output is values and output is not None:
                return prediction if prediction.is_unchanged(output) else None
            if isinstance(output, np.ndarray):
                living.append((prediction, output))
        array = plain_array(values) if living else None
        if array is None:
            return None
        for prediction, output in living:
            if _share_memory(array, output) and prediction.is_unchanged(output):
                return prediction
        return None

    # -- transforms -------------------------------------------------------------------------------

    def fitted(self, transformer: object, facts: TransformerFacts, data: object) -> None:
        """Remember a transformer that was fitted outside of a pipeline."""
        self._chains.set(transformer, (*self.preprocessing_of(data), facts))

    def transformed(self, transformer: object, data: object, output: object) -> None:
        """Remember what it returned for `data`."""
        chain = self._chains.get(transformer)
        if chain is None:
            return
        copy = small_copy(output) if not chain[-1].resamples else None
        if copy is not None:
            self._copies.append(copy)
            # One that nobody else holds is kept as long as what it returned, if it is small.
            self._transformers.append(transformer if is_small(transformer) else None)
        self._outputs.append(
            _Output(
                reference(data),
                reference(output),
                reference(copy),
                chain,
                reference(transformer),
            )
        )

    def preprocessing_of(self, data: object) -> tuple[TransformerFacts, ...]:
        """The transformers whose output `data` is, or is part of; first applied first."""
        known = self._origin_of(data)
        return () if known is None else known.chain

    def stages_of(self, data: object) -> list[Stage]:
        """The same transformers, with what they were given and returned; no resamplers."""
        stages: list[Stage] = []
        origin = self._origin_of(data)
        for facts in reversed(origin.chain if origin is not None else ()):
            if origin is None:  # what it was given is gone, so nobody knows where that came from
                stages.append(Stage(facts.name, None, None, None))
                continue
            stage = origin.stage()
            if not facts.resamples:
                stages.append(stage)
            origin = self._origin_of(stage.source) if stage.source is not None else None
        return stages[::-1]

    def _origin_of(self, data: object) -> _Output | None:
        if not self._outputs:
            return None
        known = reversed(list(self._outputs))
        return next((output for output in known if output.is_origin_of(data)), None)


def _alive(held: weakref.ref[Any] | None) -> Any:
    return None if held is None else held()


def _made(held: _Held, kind: np.dtype[Any], values: bytes) -> Prediction:
    link, model, data, output = held
    return Prediction(link, model, data, None, output, np.frombuffer(values, kind))


def _share_memory(a: NDArray[Any], b: NDArray[Any]) -> bool:
    if not np.may_share_memory(a, b):
        return False
    try:
        # Two columns of one array lie within the same bounds and share nothing.
        return np.shares_memory(a, b, max_work=_MOST_WORK)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return False


# Enough for slices, columns and reversals; numpy's question can be as hard as one likes.
_MOST_WORK = 10_000
