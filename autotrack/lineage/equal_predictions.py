"""Equal predictions of one model on several data sets, and which of them is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

from autotrack.describe.data.fingerprint import describe
from autotrack.lineage.crediting import Case
from autotrack.lineage.prediction import Prediction
from autotrack.lineage.prediction_index import PredictionIndex
from autotrack.lineage.values.arrays import plain_array, same


def alike(
    index: PredictionIndex,
    found: Prediction,
    bound: Mapping[str, Any],
    judged: Sequence[str],
    names: Sequence[str],
    placed: int | None,
    frame: FrameType | None,
) -> list[Prediction]:
    """Predictions of the same model, on other data, that may be what is judged as well as `found`.

    Parameters
    ----------
    index : PredictionIndex
    found : Prediction
    bound : mapping
        What the scoring function got, by name.
    judged : sequence of str
        The parameters that may hold what is judged.
    names : sequence of str
        The function's parameters, in order.
    placed : int or None
        How many arguments the function got by their place.
    frame : frame or None
        Where the call was made.

    Returns
    -------
    list of Prediction
        In the order in which they were made; empty where the program shows which one it is.
    """
    held = found.held()
    if held is None:
        return []
    for name in judged:
        values = bound.get(name)
        if index.of_object(values) is found:
            return []
        array = plain_array(values)
        if array is None or not same(array, held):
            continue
        others = [p for p in index.equal(held) if _is_of_the_same(p, found)]
        others = [p for p in others if not _has_same_data(p, found)]
        if not others:
            return []
        case = Case(index, values, None, names, (name, None), frame, placed)
        shown = {id(p) for flow in case.flows for p in flow.sources}
        if shown:
            others = [p for p in others if id(p) in shown]
        return sorted(others, key=lambda p: p.order)
    return []


def _is_of_the_same(one: Prediction, other: Prediction) -> bool:
    return one is not other and one.owner == other.owner and one.step == other.step


def _has_same_data(one: Prediction, other: Prediction) -> bool:
    """Whether two predictions are of equal data; so they are where nothing is known of it."""
    if one.stamp is not None and one.stamp == other.stamp:
        return True
    known = [_fingerprint(prediction) for prediction in (one, other)]
    return None in known or known[0] == known[1]


def _fingerprint(prediction: Prediction) -> str | None:
    data = prediction.gone.data if prediction.gone is not None else None
    if data is None and (held := prediction.input()) is not None:
        data = describe(held)
    return None if data is None else data.fingerprint
