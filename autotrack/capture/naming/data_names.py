"""On which data a score was computed, and what that data is called in the score's key."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from types import FrameType

from autotrack.capture.naming.loop_names import (
    frame_at,
    frame_in_call,
    label_in_loop,
    label_of,
    name_at,
)
from autotrack.describe.data.fingerprint import describe
from autotrack.describe.data.stamp import Stamp
from autotrack.entities import Dataset, DatasetUse
from autotrack.lineage.prediction import Judged, Prediction
from autotrack.lineage.program.call_site import users_frame
from autotrack.lineage.training_rows import (
    RELABELLED,
    TRAIN,
    TRAIN_PART,
    Trained,
    is_training_input,
    places_in_training,
    trainings,
)
from autotrack.lineage.values.digests import reference
from autotrack.runtime.patterns import pattern
from autotrack.runtime.stack import data_part, variable_name
from autotrack.settings import Settings
from autotrack.tracking.model_links import Link

TEST = "test"
#: What only rows that were seen to be so are called.
_SHOWN = frozenset({TRAIN, TRAIN_PART, "oob", "oof"})
_UNFIT_FOR_A_KEY = pattern(r"[^0-9A-Za-z_.\-]+")
# Digits of a fingerprint that tell two data sets of one name apart.
_DIGITS = 6
# Data sets of one name in a run that are told apart by their fingerprints.
_MOST_ALIKE = 50
_MOST_RUNS = 4096
# Names that a key has room for.
_MOST_NAMES = 3


class Scoring:
    """Finds the data part of a score's key."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # By run, kind of model (whose steps take other data) and name, the data called so.
        self._called: dict[tuple[str, ...], dict[str, str]] = {}
        # By run and the fingerprints of rows and target, what they are called as training rows.
        self._parts: dict[tuple[str, str, str], str | None] = {}

    def of(
        self, prediction: Prediction, truth: object, frame: FrameType | None = None
    ) -> tuple[str, DatasetUse | None]:
        """On which data a prediction was made, by name and as facts.

        `frame` is the user's that makes the call, where it is known.
        """
        judged = prediction.judged
        if judged is not None and judged.truth is not None and judged.truth() is truth:
            # One prediction is often scored in many ways.
            return judged.data_name, judged.use
        frame = frame or sys._getframe(1)
        X = prediction.input()
        link, gone, stamp = prediction.link, prediction.gone, prediction.stamp
        data = self._describe(X, stamp) if X is not None else (gone.data if gone else None)
        target = self._describe(truth)
        name = prediction.part or None
        if name is None and link is not None:
            whole = data is None or target is None or _rows(data) == _rows(target)
            known = truth if whole else None
            trained = prediction.trained
            name = self._training_part(link, trained, X, known, data, stamp, target)
            if name is None and trained is not None and gone is not None and gone.places:
                name = trained.name_of(gone.places, known)
            if name == TRAIN and not whole:
                name = TRAIN_PART
        if X is not None:
            held = variable_name(X, frame)
        else:
            held = (gone.held if gone is not None else None) or name_at(prediction.sites)
        if held is None:
            output = prediction.values
            rows = _rows(data) if data is not None else None if output is None else len(output)
            held, X = _named_frame(frame_at(prediction.sites, rows, frame), X, frame)
        model = prediction.model() if prediction.model is not None else None
        kind = type(model).__qualname__
        found = self._named(link, name, held, X, truth, data, target, kind, frame)
        prediction.judged = Judged(reference(truth) if truth is not None else None, *found)
        return found

    def of_any(
        self,
        predictions: Sequence[Prediction],
        given: Sequence[object],
        truth: object,
        frame: FrameType | None,
    ) -> str:
        """What the data is called where one of several predictions is judged, and not which.

        That is the name beside what was `given` in a loop, or those of all of them. `frame` is the
        user's that makes the call.
        """
        label = label_in_loop(None, given, frame)
        if label is not None and label not in _SHOWN:
            return key_text(label)
        ordered = sorted(predictions, key=lambda prediction: prediction.order)
        names = dict.fromkeys(self.of(prediction, truth, frame)[0] for prediction in ordered)
        return "_or_".join(names) if len(names) <= _MOST_NAMES else "several"

    def data(
        self,
        link: Link | None,
        X: object,
        y: object,
        name: str | None = None,
        *,
        model: object = None,
    ) -> tuple[str, DatasetUse | None]:
        """The name of the data for the key, and the data as facts (None where it is not known).

        ``train`` when the rows are those the model was trained on, ``train_part`` when they are
        some of them, ``relabelled_train`` when the target is another, else the caller's name for
        X without ``X_``, else for y without ``y_``, else ``test``. Another data set of the same
        name has the beginning of its fingerprint beside it.
        """
        frame = users_frame(sys._getframe(1))
        data, target = self._describe(X), self._describe(y)
        if name is None and link is not None:
            trained = trainings.get(model) if model is not None else None
            name = self._training_part(link, trained, X, y, data, None, target)
        held = variable_name(X, frame) if X is not None else None
        if held is None and data is not None:
            held, X = _named_frame(frame_in_call(_rows(data), frame), X, frame)
        kind = type(model).__qualname__
        return self._named(link, name, held, X, y, data, target, kind, frame)

    def _describe(self, data: object, stamp: Stamp | None = None) -> Dataset | None:
        if data is None or not self._settings.log_datasets:
            return None
        return describe(data, stamp)

    def _training_part(
        self,
        link: Link,
        trained: Trained | None,
        X: object,
        y: object,
        data: Dataset | None,
        stamp: Stamp | None,
        target: Dataset | None,
    ) -> str | None:
        """What training rows are called; None for others."""
        if data is None and X is None and stamp is None:
            return None
        known = None if data is None else data.fingerprint
        if is_training_input(link, trained, X, stamp, known):
            return TRAIN if _has_target(link, trained, y) else RELABELLED
        if X is None or known is None or trained is None:
            return None
        key = (link.run_id, known, "" if y is None or target is None else target.fingerprint)
        if key not in self._parts:
            if len(self._parts) >= _MOST_RUNS:
                self._parts.clear()
            places = places_in_training(trained, X, link.training_input)
            self._parts[key] = None if places is None else trained.name_of(places, y)
        return self._parts[key]

    def _named(
        self,
        link: Link | None,
        name: str | None,
        held: str | None,
        X: object,
        y: object,
        data: Dataset | None,
        target: Dataset | None,
        kind: str,
        frame: FrameType | None,
    ) -> tuple[str, DatasetUse | None]:
        if name is None:
            name = _called_by_the_caller(held, X, y, frame)
        name = key_text(name)
        if data is None or _rows(data) != _rows(target or data):
            return name, None  # scored on some of the rows, and which ones is not known
        if link is not None and name != TRAIN:
            name = self._told_apart(link, kind, name, data.fingerprint)
        return name, DatasetUse(name, data, held, target)

    def _told_apart(self, link: Link, kind: str, name: str, fingerprint: str) -> str:
        """The name, with something of the fingerprint where other data was called so before."""
        if len(self._called) >= _MOST_RUNS:
            self._called.pop(next(iter(self._called)))
        called = self._called.setdefault((link.run_id, link.scope, kind, name), {})
        if fingerprint not in called:
            digits = fingerprint.rpartition(":")[2][:_DIGITS]
            further = f"{name}_{digits}" if len(called) < _MOST_ALIKE else f"{name}_others"
            called[fingerprint] = further if called else name
        return called[fingerprint]


def _has_target(link: Link, trained: Trained | None, y: object) -> bool:
    if y is None or link.train is None or link.train.target is None:
        return True
    found = describe(y)
    if found is not None and found.fingerprint == link.train.target.fingerprint:
        return True
    return trained is not None and trained.has_target(y)


def _named_frame(
    found: tuple[str, object] | None, X: object, frame: FrameType | None
) -> tuple[str | None, object]:
    """What the caller calls the table that the data is of, and that table."""
    if found is None:
        return None, X
    name, table = found
    return variable_name(table, frame) or name, table


def _called_by_the_caller(held: str | None, X: object, y: object, frame: FrameType | None) -> str:
    if held is not None and not held.startswith("X_"):
        label = label_in_loop(held, (X, y), frame)
        if label is not None and label not in _SHOWN:
            return label
    truth = variable_name(y, frame) if y is not None else None
    for variable, prefix in ((held, "X_"), (truth, "y_")):
        name = data_part(variable, prefix)
        if name is not None:
            # Whoever calls other rows so shall not have them taken for those.
            return name if name not in _SHOWN else str(variable)
    label = label_of((X, y), frame)
    return label if label is not None and label not in _SHOWN else TEST


def _rows(data: Dataset) -> int | None:
    return data.shape[0] if data.shape else None


@functools.lru_cache(maxsize=1024)
def key_text(text: str) -> str:
    """`text` with whatever does not belong into a key replaced."""
    return _UNFIT_FOR_A_KEY.sub("_", text).strip("_") or TEST
