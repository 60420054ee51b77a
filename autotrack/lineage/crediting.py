"""One scoring call as a case: what it judges, and which prediction the program shows that to be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrack.lineage.alignment import rows_of_base, stands_beside
from autotrack.lineage.dataflow import Dataflow, Flow
from autotrack.lineage.prediction import Prediction
from autotrack.lineage.prediction_index import PredictionIndex
from autotrack.lineage.values.arrays import plain_array, same
from autotrack.lineage.values.derivation import is_function_of, tells
from autotrack.lineage.values.operations import UNKNOWN
from autotrack.lineage.values.plain import is_pandas, is_rows

# A function is met by chance in fewer rows.
_FEW = 5


class Case:
    """One scoring call: what it judges, and where it stands."""

    def __init__(
        self,
        index: PredictionIndex,
        values: object,
        truth: object,
        names: Sequence[str],
        parameters: tuple[str, str | None],
        frame: FrameType | None,
        placed: int | None = None,
        dataflow: Dataflow | None = None,
    ) -> None:
        self.values, self.truth = values, truth
        self._placed = placed
        self._index, self._names, self._parameters = index, names, parameters
        # At once, for every call, since it tells the next one at its place what is new.
        self._dataflow = Dataflow(index, frame) if dataflow is None else dataflow
        self._flows: list[Flow] | None = None

    @property
    def dataflow(self) -> Dataflow:
        """What follows the arguments of the call, for both of them."""
        return self._dataflow

    @property
    def frame(self) -> FrameType | None:
        """The frame of the user's code that makes the call."""
        return self.dataflow.frame

    @property
    def flows(self) -> list[Flow]:
        """How the prediction may have come about."""
        if self._flows is None:
            name = self._parameters[0]
            known = (self._names, name, self.values, self._placed)
            self._flows = self.dataflow.argument(*known) if name else []
        return self._flows

    @property
    def has_sources(self) -> bool:
        """Whether the program shows that a prediction went into what is judged."""
        return any(flow.sources for flow in self.flows)

    def stands_beside(self, rows: NDArray[Any], count: int) -> bool:
        """Whether the truth is that of these rows, of so many."""
        if len(np.unique(rows)) != len(rows):
            return False  # a bootstrap sample: its score is not one of the prediction's
        if self.truth is None:
            return False
        known = [f.rows for f in self.turned().flows if f.rows is not None and f.of == count]
        if not known and (taken := rows_of_base(self.truth, count)) is not None:
            known = [taken]
        if known:
            return any(np.array_equal(rows, other) for other in known)
        return stands_beside(self.truth, rows, count, self.frame, self._is_no_truth)

    def _is_no_truth(self, value: object) -> bool:
        """Whether a variable holds what is judged, or a prediction."""
        mine = self.values
        if isinstance(value, np.ndarray) and isinstance(mine, np.ndarray):
            return np.may_share_memory(value, mine) or self._index.of_object(value) is not None
        return value is mine or self._index.of_object(value) is not None

    def is_in_another_order(self, found: Prediction) -> bool:
        """Whether the truth has the labels of the rows predicted for, in another order."""
        data = found.data() if found.data is not None else None
        if not is_pandas(self.truth, "Series", "DataFrame") or not is_pandas(data, "DataFrame"):
            return False
        mine, other = self.truth.index, data.index  # type: ignore[attr-defined,union-attr]
        if mine is other or is_pandas(mine, "RangeIndex") or is_pandas(other, "RangeIndex"):
            return False  # counted anew, which says nothing
        if len(mine) != len(other) or mine.equals(other):
            return False
        array, held = plain_array(self.values), found.held()
        if array is None or held is None or not (len(array) == len(held) and _holds(held, array)):
            return False  # rows of the prediction were taken in that order, too
        try:
            return bool(mine.is_unique and other.is_unique and mine.isin(other).all())
        except TypeError:  # labels that cannot be hashed
            return False

    def turned(self) -> Case:
        """The same call with truth and prediction exchanged."""
        first, second = self._parameters
        return Case(
            self._index,
            self.truth,
            self.values,
            self._names,
            (second or "", first),
            None,
            self._placed,
            self._dataflow,
        )


def decided(
    case: Case, array: NDArray[Any], flows: Iterable[Flow], constant: bool
) -> Prediction | None:
    """The prediction that the program shows the values to come from; None where it leaves two."""
    exact, vague, others, blended = [], [], [], False
    for flow in flows:
        value = plain_array(flow.value) if is_rows(flow.value) else None
        fits = value is not None and same(value, array)
        # Several predictions, put together in a way that is not known or gives the values.
        blended = blended or (flow.likely and (fits or value is None) and _is_of_several(flow))
        if not flow.sources:
            if _is_open(flow, case, fits):
                others.append(flow)
        elif flow.exact:
            if fits:
                exact.append(flow)
        elif len(flow.owners) == 1 or not constant:
            vague.append(flow)
    certain = tells(array)
    likely = [flow for flow in exact if flow.likely] or exact
    if likely:
        standing = [flow for flow in likely if _stands(flow, case)]
        if not standing or ((others or blended) and not certain):
            return None
        return _only(standing, array)
    if constant or others or len(array) < _FEW:
        return None
    shown = [
        flow for flow in vague if len(flow.sources) == 1 and _shows(flow, flow.sources[0], array)
    ]
    shown = [flow for flow in shown if flow.likely] or shown
    if not shown or any(len(flow.owners) > 1 for flow in vague):
        return None
    # Several may have gone into it, one after the other, or as the columns of a frame.
    among = [flow for flow in vague if flow.likely or any(each.again for each in vague)] or vague
    return _only(shown, array) if len(_owners(among)) == 1 else None


def _is_open(flow: Flow, case: Case, fits: bool) -> bool:
    """Whether a way without a prediction, such as a rule by hand, may have led to the values.

    What is not known, may have; what is computed or found must be equal to them.
    """
    if flow.again:
        return False  # seen already, as the part of a total that an earlier round added
    if flow.value is UNKNOWN or (flow.value is case.values and not flow.exact):
        return True
    return fits


def _is_of_several(flow: Flow) -> bool:
    """Whether several models, or one for several inputs, predicted what went into it."""
    first, *others = flow.sources or (None,)
    return len(flow.owners) > 1 or any(first and not first.has_input_of(o) for o in others)


def _holds(held: NDArray[Any], array: NDArray[Any]) -> bool:
    if same(array, held):
        return True
    return held.ndim > array.ndim and any(same(array, column) for column in held.T)


def _stands(flow: Flow, case: Case) -> bool:
    """Whether rows that were taken stand beside the truth of the same rows."""
    if flow.rows is None:
        return True
    held = flow.sources[0].held()
    count = len(held) if held is not None else 0
    return case.stands_beside(flow.rows, count)


def _shows(flow: Flow, source: Prediction, array: NDArray[Any]) -> bool:
    held = source.held()
    if held is None:
        return False
    if flow.foreign:
        return same(held, array)
    return is_function_of(array, held)


def _only(flows: Sequence[Flow], array: NDArray[Any]) -> Prediction | None:
    if len(_owners(flows)) != 1:
        return None
    found = [source for flow in flows for source in _given_by(flow, array)]
    return max(found, key=lambda p: p.order, default=None)


def _given_by(flow: Flow, array: NDArray[Any]) -> Sequence[Prediction]:
    """Of several predictions of one model those that give the values; none if that is not seen."""
    if len(flow.sources) == 1:
        return flow.sources
    equal = [s for s in flow.sources if (held := s.held()) is not None and same(held, array)]
    found = equal or flow.sources
    # What was predicted for several inputs and then put together is the prediction for none.
    return found if all(found[0].has_input_of(other) for other in found[1:]) else ()


def _owners(flows: Iterable[Flow]) -> set[object]:
    return {owner for flow in flows for owner in flow.owners}
