"""Which transformers an input went through before it reached a model."""

from __future__ import annotations

import weakref
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from autotrack.capture.digests import reference
from autotrack.capture.origin import comes_from, is_small, small_copy
from autotrack.capture.prediction_index import share_memory
from autotrack.capture.stages import Stage
from autotrack.identity import IdentityMap
from autotrack.tracking.facts import TransformerFacts

_MOST_OUTPUTS = 64
# Copies of what transformers returned: `train_test_split` and `pd.DataFrame` are often handed an
# output that nobody else holds.
_MOST_COPIES = 8


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
            return share_memory(data, output)
        if self.source is not None and self.source() is data:
            return False  # an imputer that found nothing to do
        if output is None:
            output = self.copy() if self.copy is not None else None
        return output is not None and comes_from(data, output)


class Transforms:
    """Remembers what transformers outside of pipelines returned, in bounded number."""

    def __init__(self) -> None:
        self._outputs: deque[_Output] = deque(maxlen=_MOST_OUTPUTS)
        self._copies: deque[Any] = deque(maxlen=_MOST_COPIES)
        self._transformers: deque[Any] = deque(maxlen=_MOST_COPIES)
        self._chains: IdentityMap[tuple[TransformerFacts, ...]] = IdentityMap()

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
