"""Which outputs of transformers the program makes the input of a fit from."""

from __future__ import annotations

from collections.abc import Sequence
from types import FrameType

from autotrack.lineage.dataflow import Dataflow
from autotrack.lineage.prediction import Prediction
from autotrack.lineage.prediction_index import PredictionIndex


def sources_of(
    data: object, made: PredictionIndex, frame: FrameType | None, names: Sequence[str]
) -> tuple[list[Prediction], bool]:
    """The outputs that may have gone into an argument; and whether the program says so at all.

    Parameters
    ----------
    data : object
        The argument `X`.
    made : PredictionIndex
        What transformers returned.
    frame : frame or None
        A frame at or below the one that makes the call.
    names : sequence of str
        The parameters of the function that is called, in order.
    """
    if frame is None:
        return [], False
    try:
        dataflow = Dataflow(made, frame)
        flows = dataflow.argument(names, "X", data)
    except Exception:  # noqa: BLE001 - a program too odd to be followed says nothing
        return [], False
    sources = [source for flow in flows for source in flow.sources]
    return sources, bool(flows) and not dataflow.missed_sparse
