"""Which transformers an input went through before it reached a model.

That it did is shown as for predictions: it is the very object that a transformer returned, or a
view of it; or the program's data flow leads there, and the values are those; or it holds real
numbers that the transformer computed, in every row. What a transformer passed on as it was shows
nothing, and what two may have returned is neither's.
"""

# Long because what was applied is remembered and found again by the same rules.

from __future__ import annotations

import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from types import FrameType
from typing import Any

import numpy as np

from autotrack.lineage.prediction import Prediction
from autotrack.lineage.prediction_index import PredictionIndex, share_memory
from autotrack.lineage.preprocessing.copies import is_small, small_copy
from autotrack.lineage.preprocessing.output_columns import (
    Seen,
    Table,
    covered,
    look,
    may_cover,
    seen,
)
from autotrack.lineage.preprocessing.outside_transformers import Stage
from autotrack.lineage.preprocessing.provenance import sources_of
from autotrack.lineage.program.call_site import sites
from autotrack.lineage.values.digests import reference
from autotrack.lineage.values.plain import is_rows
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.weak_map import IdentityMap
from autotrack.tracking.facts import TransformerFacts

_MOST_OUTPUTS = 64
# Copies of what transformers returned: `train_test_split` and `pd.DataFrame` are often handed an
# output that nobody else holds.
_MOST_COPIES = 8
# Lists cannot be referred to without being held; longer ones are not.
_LONGEST_LIST, _MOST_BYTES = 100_000, 4 << 20
_PARAMETERS = ("X", "y")
# So many different rows tell where there are no real numbers.
_DISTINCT = 3


@dataclass(slots=True, eq=False, weakref_slot=True)
class _Kept:
    """Something that is held for a while."""

    value: Any


@dataclass(slots=True, eq=False)
class _Fitted:
    """A transformer that was fitted outside of a pipeline: what it and those before it are."""

    chain: tuple[TransformerFacts, ...]
    origins: list[Origin]
    data: Callable[[], Any]


@dataclass(slots=True, eq=False)
class _Output:
    """What a transformer returned for its input, and a copy of it while that is kept."""

    fitted: _Fitted
    source: Callable[[], Any]
    output: Callable[[], Any]
    copy: Callable[[], Any]
    transformer: Callable[[], Any]
    made: Prediction
    names: Sequence[Any] = ()
    seen: Seen | None = None

    @property
    def did_nothing(self) -> bool:
        """Whether it passed on what it got as it was."""
        return self.seen is not None and self.seen.did_nothing

    @property
    def facts(self) -> TransformerFacts:
        """The transformer."""
        return self.fitted.chain[-1]

    @property
    def held(self) -> Any:
        """What it returned, as far as that is known."""
        output = self.output()
        return output if output is not None else self.copy()

    def stage(self) -> Stage:
        """The transformer with what it was given and returned, as far as that exists."""
        reason = ""
        if self.source is _not_held:
            reason = f"the list that {self.facts.name} was given is held by nobody, being long"
        return Stage(self.facts.name, self.transformer(), self.source(), self.held, reason)

    def is_part_of_memory(self, data: Any) -> bool:
        """Whether `data` is a view of rows that it returned."""
        output = self.output()
        if not isinstance(data, np.ndarray) or not isinstance(output, np.ndarray):
            return False
        if self.did_nothing or not share_memory(data, output):
            return False
        if self.facts.resamples:
            return True
        return data.ndim == output.ndim and data.shape[1:] == output.shape[1:]


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """An output that data comes from; the `whole` of its columns and no others, or among others."""

    output: _Output
    whole: bool = True
    columns: frozenset[int] = field(default_factory=frozenset)


class Transforms:
    """Remembers what transformers outside of pipelines returned, in bounded number."""

    def __init__(self) -> None:
        self._outputs: deque[_Output] = deque(maxlen=_MOST_OUTPUTS)
        self._copies: deque[Any] = deque(maxlen=_MOST_COPIES)
        self._transformers: deque[Any] = deque(maxlen=_MOST_COPIES)
        self._lists: deque[_Kept] = deque(maxlen=_MOST_COPIES)
        self._chains: IdentityMap[_Fitted] = IdentityMap()
        self._made = PredictionIndex()
        # What was last asked for in a thread: it is asked for again after the fit.
        self._asked = threading.local()

    # -- remembering ------------------------------------------------------------------------------

    def origins_of(self, data: object) -> list[Origin]:
        """What `data` comes from, which a transformer is about to be given, and may change."""
        return self._origins(data, sys._getframe(1))

    def fitted(
        self, transformer: object, facts: TransformerFacts, data: object, origins: list[Origin]
    ) -> None:
        """Remember a transformer that was fitted outside of a pipeline."""
        chain = (*_together(origins), facts)
        self._chains.set(transformer, _Fitted(chain, origins, self._reference(data)))

    def transformed(
        self, transformer: object, data: object, output: object, before: Table | None = None
    ) -> None:
        """Remember what it returned for `data`, which held what `before` says."""
        fitted = self._chains.get(transformer)
        if fitted is None:
            return
        resamples = fitted.chain[-1].resamples
        copy = small_copy(output) if not resamples else None
        if copy is not None:
            self._copies.append(copy)
            # One that nobody else holds is kept as long as what it returned, if it is small.
            self._transformers.append(transformer if is_small(transformer) else None)
        made = Prediction(None, reference(transformer), reference(data), reference(output))
        made.sites, made.thread = sites(1), threading.get_ident()
        self._made.add(made)
        self._outputs.append(
            _Output(
                fitted,
                self._reference(data),
                self._reference(output),
                reference(copy) or _nothing,
                reference(transformer) or _nothing,
                made,
                _names(output, data),
                None if resamples else seen(before, output),
            )
        )

    def _reference(self, value: object) -> Callable[[], Any]:
        """What gives the value while it exists; a list is held for a while."""
        found = reference(value)
        if found is not None:
            return found
        if not isinstance(value, list | tuple | range):
            return _nothing
        if not _is_short(value):
            return _not_held
        kept = next((kept for kept in self._lists if kept.value is value), None)
        if kept is None:
            kept = _Kept(value)
            self._lists.append(kept)
        return _Reached(weakref.ref(kept))

    # -- asking -----------------------------------------------------------------------------------

    def preprocessing_of(
        self, data: object, names: Sequence[str] = _PARAMETERS
    ) -> tuple[TransformerFacts, ...]:
        """The transformers whose output `data` is, or is part of; first applied first."""
        origins = self._origins(data, sys._getframe(1), names)
        # By `id`: the call that asks again holds it until then, and nothing else is to.
        self._asked.last = (id(data), origins) if origins else None
        return tuple(_together(origins))

    def stages_of(self, data: object) -> list[Stage]:
        """The same transformers, with what they were given and returned; no resamplers."""
        asked = getattr(self._asked, "last", None)
        self._asked.last = None
        if asked is not None and asked[0] == id(data):
            origins = asked[1]
        else:
            origins = self._origins(data, None)
        stages: list[Stage] = []
        while origins:
            if len(origins) > 1 or not origins[0].whole:
                names = ", ".join(origin.output.facts.name for origin in origins)
                reason = f"what {names} returned was joined with other data"
                stages.append(Stage(names, None, None, None, reason))
                break
            output = origins[0].output
            stage = output.stage()
            if not output.facts.resamples:
                stages.append(stage)
            fitted = output.fitted
            origins = fitted.origins
            if stage.source is not None and stage.source is not fitted.data():
                origins = self._origins(stage.source, None) or fitted.origins
        return stages[::-1]

    def _origins(
        self, data: object, frame: FrameType | None, names: Sequence[str] = _PARAMETERS
    ) -> list[Origin]:
        if not self._outputs:
            return []
        outputs = [*self._outputs][::-1]
        for output in outputs:
            if output.output() is data and data is not None:
                if output.did_nothing and output.source() is data:
                    continue  # it gave back what it got, as it was
                return [Origin(output)]
        for output in outputs:
            if output.is_part_of_memory(data):
                return [Origin(output)]
        try:
            table = Table(data)
        except TypeError:
            return []
        possible = [output for output in outputs if _may_be_in(output, table)]
        if not possible:
            return []
        made, followed = sources_of(data, self._made, frame, names)
        shown = [output for output in possible if any(output.made is known for known in made)]
        found = list(_covering(table, shown, outputs))
        others = [output for output in possible if output not in shown]
        # What the program is silent on, such as a sparse matrix, is told by less.
        least = 0 if followed and is_rows(data) else _DISTINCT
        found += _unique(_covering(table, others, outputs, least))
        return _largest(found)


def _covering(
    table: Table, asked: Iterable[_Output], outputs: Sequence[_Output], least: int | None = None
) -> Iterator[Origin]:
    """The outputs whose columns a table has, all of them.

    Without `least` the program leads to them. Else they have to hold what is met nowhere else:
    real numbers that were computed, or (if it is not 0) so many different rows.
    """
    for output in asked:
        held = output.held
        try:
            if least is not None and not _is_telling(output, least):
                continue
            others = [o.held for o in outputs if o.fitted is output.fitted and o is not output]
            alike = [o for o in others if o is not None and _width(o) == _width(held)]
            columns = covered(table, [held, *alike], output.names)
        except Exception:  # noqa: BLE001 - containers that cannot be compared are not the same
            continue
        if columns is not None:
            whole = columns == tuple(range(table.width))
            yield Origin(output, whole, frozenset(columns))


def _may_be_in(output: _Output, table: Table) -> bool:
    held, known = output.held, output.seen
    if held is None or known is None:
        return False
    try:
        return may_cover(table, known, held)
    except Exception:  # noqa: BLE001 - containers that cannot be compared are not the same
        return False


def _is_telling(output: _Output, least: int) -> bool:
    known = output.seen
    if known is None or known.did_nothing:
        return False
    if known.telling is not None:
        return True
    if not least or len(known.computed) < 2:
        return False
    held = Table(output.held)
    return len({*zip(*(held.column(j) for j in known.computed), strict=True)}) >= least


def _unique(origins: Iterable[Origin]) -> list[Origin]:
    """Those whose columns no other transformer may have computed; the newest of several alike."""
    found: dict[frozenset[int], Origin] = {}
    twice: set[frozenset[int]] = set()
    for origin in origins:
        known = found.setdefault(origin.columns, origin)
        if known.output.fitted.chain != origin.output.fitted.chain:
            twice.add(origin.columns)
    return [origin for columns, origin in found.items() if columns not in twice]


def _largest(origins: Sequence[Origin]) -> list[Origin]:
    """Those that together make the table: what has its columns in a larger one is none of it."""
    found: list[Origin] = []
    taken: set[int] = set()
    # Which keeps the order of equals: the newest first, and what the program shows before others.
    for origin in sorted(origins, key=lambda o: -len(o.columns)):
        if taken.isdisjoint(origin.columns):
            found.append(origin)
            taken |= origin.columns
    return sorted(found, key=lambda o: min(o.columns, default=0))


def _together(origins: Iterable[Origin]) -> list[TransformerFacts]:
    """The transformers of all, each once."""
    found: list[TransformerFacts] = []
    for origin in origins:
        found += [f for f in origin.output.fitted.chain if all(f is not known for known in found)]
    return found


def _names(output: Any, data: Any) -> Sequence[Any]:
    """What the columns may be called that an output is put into: as those it was made from."""
    for table in (output, data):
        columns = getattr(table, "columns", None)
        if columns is not None and len(columns) == _width(output):
            return [*columns]
        if _width(output) == 1 and (name := getattr(table, "name", None)) is not None:
            return [name]
    return ()


def _width(data: Any) -> int:
    shape: tuple[int, ...] = tuple(getattr(data, "shape", ()))
    return shape[1] if len(shape) == 2 else 1


def _is_short(value: Any) -> bool:
    if len(value) > _LONGEST_LIST:
        return False
    first = sys.getsizeof(value[0]) if len(value) else 0
    return first * len(value) <= _MOST_BYTES


class _Reached:
    """A reference to what is held for a while."""

    __slots__ = ("_kept",)

    def __init__(self, kept: weakref.ref[_Kept]) -> None:
        self._kept = kept

    def __call__(self) -> Any:
        kept = self._kept()
        return None if kept is None else kept.value


def _nothing() -> None:
    return None


def _not_held() -> None:
    """Stands for a list that is too long to be held on its account."""
    return


__all__ = ["Origin", "Transforms", "look"]
