"""Which model made this prediction, and which transformer this X.

A score is a model's if the model's own prediction gives it, row by row. The very array the model
returned shows that, and so does an equal one of real numbers. Where other models or a rule by hand
may give the same values (labels, few rows, thresholds), the program decides: what the argument is
made of, by its source (:mod:`autotrack.lineage.dataflow`). What neither shows is not guessed.
"""

# Long because it is the one door to lineage: each method hands on to the modules below.

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from autotrack.describe.data.fingerprint import describe, row_count
from autotrack.describe.data.row_keys import row_keys
from autotrack.lineage.alignment import rows_by_value, rows_of_view
from autotrack.lineage.by_name import in_training_order
from autotrack.lineage.crediting import Case, decided
from autotrack.lineage.equal_predictions import alike
from autotrack.lineage.overlap import among, expected_by_chance
from autotrack.lineage.prediction import Gone, Judged, Prediction, is_sparse_constant, sparse_digest
from autotrack.lineage.prediction_index import SHORT, PredictionIndex
from autotrack.lineage.preprocessing.applied_transformers import Transforms
from autotrack.lineage.program.call_site import Site, sites
from autotrack.lineage.training_rows import places_in_training, trainings
from autotrack.lineage.values.arrays import is_constant, is_lazy, is_numeric, plain_array, same
from autotrack.lineage.values.derivation import is_just_usual, tells
from autotrack.lineage.values.digests import reference, stamp_of
from autotrack.lineage.values.rows import is_sparse
from autotrack.runtime.stack import variable_name
from autotrack.runtime.weak_map import IdentityMap
from autotrack.tracking.model_links import Link, links

__all__ = ["Judged", "Lineage", "Prediction", "reference"]

# References to what was passed as a temporary, seen from `Lineage.predicted`.
_TEMPORARY = 3
# The size of an input of few rows that is copied.
_FEW_BYTES = 4096
# Predictions that are looked at where there is no source to read.
_MOST_COMPARED = 24


class Lineage(Transforms):
    """Remembers predictions and transforms of one session."""

    def __init__(self) -> None:
        super().__init__()
        self._index = PredictionIndex()
        # Truths that were looked at and are no predictions.
        self._truths: IdentityMap[bool] = IdentityMap()

    # -- remembering ------------------------------------------------------------------------------

    def predicted(
        self,
        model: object,
        data: object,
        output: Any,
        *,
        part: str = "",
        step: int | None = None,
        made_at: tuple[Site, ...] | None = None,
    ) -> None:
        """Remember what `model` returned for `data`; `part` and `step` as in `Prediction`.

        `made_at` are its `sites`, where they are known.
        """
        temporary = sys.getrefcount(data) <= _TEMPORARY
        if type(output) is np.ndarray and not temporary and not part and step is None:
            array, held = plain_array(output), reference(data)
            if array is not None and held is not None:  # as nearly always
                index = self._index
                note = (
                    index.next_order(),
                    links.get(model),
                    reference(model),
                    held,
                    weakref.ref(output),
                    array.copy(),
                    sites(1) if made_at is None else made_at,
                    threading.get_ident(),
                    stamp_of(data) if len(array) > SHORT else None,
                    trainings.get(model),
                )
                index.note(note)
                return
        known = Prediction(
            links.get(model),
            reference(model),
            reference(data),
            part=part,
            step=step,
            sites=sites(1) if made_at is None else made_at,
            thread=threading.get_ident(),
            trained=trainings.get(model),
        )
        rows = row_count(output)
        if rows is not None and rows > SHORT:
            known.stamp = stamp_of(data)
        if temporary or known.data is None:
            known.gone = _described(data, rows or 0, known)
        self._remember(known, output)

    def predicted_in(
        self, link: Link, data: weakref.ref[Any] | None, output: Any, *, part: str = ""
    ) -> None:
        """Remember what came out of a run that has no model of its own."""
        known = Prediction(link, None, data, part=part, sites=sites(1))
        known.thread = threading.get_ident()
        self._remember(known, output)

    def remember(self, known: Prediction, output: Any) -> None:
        """Remember `output` as something that came about as the prediction `known` did."""
        another = replace(
            known, output=None, values=None, digest=None, judged=None, sparse=False, order=0
        )
        if not another.sites:
            another.sites, another.thread = sites(1), threading.get_ident()
        self._remember(another, output)

    def _remember(self, known: Prediction, output: Any) -> None:
        """Keep `known`, which becomes the prediction of `output`."""
        if isinstance(output, (list, tuple)) and any(isinstance(o, np.ndarray) for o in output):
            # A list of probabilities, one a target; a mean and its standard deviation.
            for part in output:
                if isinstance(part, np.ndarray):
                    self._remember(replace(known), part)
            return
        known.output = reference(output)
        array = plain_array(output)
        if array is not None:
            known.values = array.copy()
        elif is_sparse(output):
            known.digest, known.sparse = sparse_digest(output), True
        elif not is_lazy(output):
            return
        self._index.add(known)

    # -- finding ----------------------------------------------------------------------------------

    def find_same(self, values: object) -> Prediction | None:
        """The prediction that `values` are: the very object, or all of it in its memory."""
        found = self._index.of_object(values)
        if found is not None:
            return found if found.is_unchanged(values) else None
        array = plain_array(values) if isinstance(values, np.ndarray) else None
        if array is None:
            return None
        for prediction, output in self._index.sharing(array):
            held = prediction.held() if prediction.is_unchanged(output) else None
            if held is not None and _whole(array, held) and not _reordered(array, output):
                return prediction
        return None

    def judged(
        self,
        values: object,
        truth: object,
        names: Sequence[str] = (),
        parameters: tuple[str, str | None] = ("", None),
        placed: int | None = None,
        frame: FrameType | None = None,
    ) -> Prediction | None:
        """The prediction that a score judges; None if none was shown to be what is judged.

        Parameters
        ----------
        values : object
            What the scoring function got as the prediction.
        truth : object
            What it got as the truth; None if there is none.
        names : sequence of str
            The function's parameters, in order.
        parameters : pair of str
            Those that hold the prediction and the truth.
        placed : int, optional
            How many arguments the function got by their place.
        frame : frame, optional
            The user's that makes the call, where it is known.
        """
        frame = frame or sys._getframe(1)
        case = Case(self._index, values, truth, names, parameters, frame, placed)
        found = self._find(case)
        if found is None:
            return self._find_reverse(case)
        if case.is_in_another_order(found):
            return None
        if truth is None or not self._agrees_with(case, found):
            return found
        return self._find_reverse(case)

    def alike(
        self,
        found: Prediction,
        bound: Mapping[str, Any],
        judged: Sequence[str],
        names: Sequence[str],
        placed: int | None = None,
        frame: FrameType | None = None,
    ) -> list[Prediction]:
        """Predictions of the same model, on other data, that a score may judge as well as `found`.

        `bound` has the arguments by name; `judged` are the parameters that may hold what is judged.
        """
        frame = frame or sys._getframe(1)
        return alike(self._index, found, bound, judged, names, placed, frame)

    def _find(self, case: Case, *, by_values: bool = True) -> Prediction | None:
        values, truth = case.values, case.truth
        found = self.find_same(values)
        if found is not None:
            return found
        if values is truth:
            return None
        if is_sparse(values):
            return self._find_sparse(values)
        array = plain_array(values)
        if array is None:
            return None
        constant = is_constant(array)
        if not constant:
            if (view := self._find_view(case, array)) is not None:
                return view
            equal = self._index.equal(array)
            if by_values and equal and tells(array) and len({p.owner for p in equal}) == 1:
                return equal[0]
            if not equal and (dense := self._find_dense(array)) is not None:
                return dense
        flows = case.flows
        if any(flow.sources for flow in flows):
            return decided(case, array, flows, constant)
        if constant or not by_values or not is_numeric(array) or not tells(array):
            return None
        return self._find_mapped(array) or self._find_rows(case, array)

    def _find_view(self, case: Case, array: NDArray[Any]) -> Prediction | None:
        """The prediction whose rows, some of them, an array is a view of."""
        if not isinstance(case.values, np.ndarray):
            return None
        for prediction, output in self._index.sharing(array):
            if not prediction.is_unchanged(output):
                continue
            rows = rows_of_view(array, output)
            if rows is not None and case.stands_beside(rows, len(output)):
                return prediction
        return None

    def _find_sparse(self, matrix: Any) -> Prediction | None:
        """The prediction that a sparse matrix is a copy of; as an array, if that was no larger."""
        known = [p for p in self._index.sparse() if p.sparse]
        if known and not is_sparse_constant(matrix):
            digest = sparse_digest(matrix)
            equal = (p for p in known if p.digest == digest)
            if (found := next(equal, None)) is not None:
                return found
        rows = self._index.of_length(matrix.shape[0])
        if any(p.values is not None and p.values.shape == matrix.shape for p in rows):
            equal_ones = self._index.equal(matrix.toarray())
            return equal_ones[0] if len({p.owner for p in equal_ones}) == 1 else None
        return None

    def _find_dense(self, array: NDArray[Any]) -> Prediction | None:
        """The sparse prediction that an array is a copy of."""
        known = [p for p in self._index.sparse() if p.sparse] if array.ndim == 2 else []
        if not known or not is_numeric(array):
            return None
        digest = sparse_digest(csr_array(array))
        return next((p for p in known if p.digest == digest), None)

    def _find_rows(self, case: Case, array: NDArray[Any]) -> Prediction | None:
        """The prediction that real numbers are some rows of, beside the truth of these rows."""
        if array.ndim != 1 or case.truth is None:
            return None
        for prediction in islice(self._index.longer(len(array)), _MOST_COMPARED):
            values = prediction.values
            if values is None or not is_numeric(values):
                continue
            for column in values.T if values.ndim == 2 else [values]:
                rows = rows_by_value(array, column)
                if rows is not None and case.stands_beside(rows, len(column)):
                    return prediction
        return None

    def _find_mapped(self, array: NDArray[Any]) -> Prediction | None:
        """The prediction that real numbers come from by one of the usual maps, without a source."""
        found = []
        for prediction in islice(self._index.of_length(len(array)), _MOST_COMPARED):
            held = prediction.held()
            if held is None or not is_numeric(held):
                continue
            columns = held.T if held.ndim == 2 else [held]
            if array.ndim == 1 and any(is_just_usual(array, column) for column in columns):
                found.append(prediction)
        return found[0] if len({p.owner for p in found}) == 1 else None

    # -- the wrong way round, and agreement -------------------------------------------------------

    def _is_truth(self, truth: object) -> bool:
        return bool(self._truths.get(truth))

    def _find_reverse(self, case: Case) -> Prediction | None:
        """The prediction given in place of the truth: `accuracy_score(prediction, y_test)`."""
        if case.truth is None or self._is_truth(case.truth):
            return None
        turned = case.turned()
        # A perfect model predicts what is true, so equal values show nothing here.
        found = self._find(turned, by_values=False)
        if found is None:
            if not turned.has_sources:
                self._truths.set(case.truth, True)
            return None
        # The other one is the truth only if it has nothing to do with a prediction.
        if case.has_sources or self._index.of_object(case.values) is not None:
            return None
        array = plain_array(case.values)
        equal = self._index.equal(array) if array is not None else []
        if any(prediction.owner != found.owner for prediction in equal):
            return None
        seen = bool(case.flows) and all(flow.seen for flow in case.flows)
        return found if seen or (array is not None and not equal) else None

    def _agrees_with(self, case: Case, found: Prediction) -> bool:
        """Whether the truth is a prediction too, so that the score says how far two agree."""
        truth = case.truth
        if self._is_truth(truth):
            return False
        same_one = self._index.of_object(truth)
        if same_one is not None and same_one.is_unchanged(truth):
            return True
        if isinstance(truth, np.ndarray) and any(
            prediction.is_unchanged(output) for prediction, output in self._index.sharing(truth)
        ):
            return True
        flows = case.turned().flows
        sources = [flow for flow in flows if flow.sources]
        if not sources:
            array = plain_array(truth)
            equal = self._index.equal(array) if array is not None and tells(array) else []
            # What a perfect model predicts is equal to the truth.
            if any(prediction.owner != found.owner for prediction in equal):
                return case.frame is None or not flows
            self._truths.set(truth, True)
            return False
        # What the truth has in common with the model itself is the user's own target.
        return not all(flow.foreign and flow.owners == {found.owner} for flow in sources)


def _whole(array: NDArray[Any], held: NDArray[Any]) -> bool:
    """Whether an array is a prediction row by row, or a column of it."""
    if same(array, held):
        return True
    if held.ndim != 2 or len(array) != len(held):
        return False
    if array.ndim == 2:
        return all(any(same(a, held[:, j]) for j in range(held.shape[1])) for a in array.T)
    return any(same(array, held[:, j]) for j in range(held.shape[1]))


def _reordered(view: NDArray[Any], output: NDArray[Any]) -> bool:
    """Whether a view has the rows of an output in another order, equal as they may be."""
    rows = rows_of_view(view, output)
    return rows is not None and not np.array_equal(rows, np.arange(len(rows)))


def _described(data: Any, rows: int, known: Prediction) -> Gone | None:
    """What is to be known of an input that cannot be asked for later."""
    listed = isinstance(data, list | tuple)
    held = variable_name(data) if listed else None
    if rows <= SHORT:
        few = type(data) is np.ndarray and data.nbytes <= _FEW_BYTES
        kept = data.copy() if few else list(data) if listed and len(data) <= SHORT else None
        return None if kept is None else Gone(kept=kept, held=held)
    link = known.link
    if link is None or link.train is None:
        return Gone(held=held)
    found = describe(data)
    same_rows = found is not None and found.fingerprint == link.train.data.fingerprint
    trained, keys, chance = known.trained, None, 0.0
    if trained is not None and trained.keys is not None:
        ordered = in_training_order(data, trained)
        keys = row_keys(ordered)
        if keys is not None and among(keys.keys, trained.ordered_keys()).any():
            chance = expected_by_chance(ordered, keys, trained.keys)
    return Gone(
        found,
        None if same_rows else places_in_training(trained, data, link.training_input),
        None,
        held,
        keys,
        chance,
    )
