"""Which outputs of transformers the program makes the input of a fit from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import CodeType, FrameType

from autotrack.capture.dataflow import Dataflow
from autotrack.capture.dataflow.walk import Walk
from autotrack.capture.prediction_index import PredictionIndex
from autotrack.capture.predictions import Prediction
from autotrack.describe.origins import is_installed


class _OwnWalk(Walk):
    """A walk that follows helpers of the user's, and no installed function.

    What goes into one of those may come out of it. How (`np.hstack`, `train_test_split`) the values
    say.
    """

    @contextmanager
    def into(self, code: CodeType) -> Iterator[bool]:
        """Enter a helper's body, if it is the user's."""
        if is_installed("a helper", code.co_filename):
            yield False
            return
        with super().into(code) as entered:
            yield entered


class _Provenance(Dataflow):
    def __init__(self, made: PredictionIndex, frame: FrameType | None) -> None:
        super().__init__(made, frame)
        self._walk = _OwnWalk(made, self._walk._follower)


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
        flows = _Provenance(made, frame).argument(names, "X", data)
    except Exception:  # noqa: BLE001 - a program too odd to be followed says nothing
        return [], False
    return [source for flow in flows for source in flow.sources], bool(flows)
