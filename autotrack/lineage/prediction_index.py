"""The predictions of a session, found by what they are and hold, and by where they were made."""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrack.lineage.prediction import Note, Prediction
from autotrack.lineage.program.call_site import Span, contains, span_of
from autotrack.lineage.values.arrays import is_numeric, same
from autotrack.lineage.values.digests import value_digest

#: How many predictions are remembered, and how many of so few rows that a loop over single rows
#: makes them.
MOST, MOST_SHORT, SHORT = 16_384, 512, 4
#: The size of all copies together, in bytes. What is let go of is known by its digest.
BUDGET = 64 << 20
# Columns of a prediction that are found on their own.
_MOST_COLUMNS = 32
# Calls of scoring functions that are known by their place.
_MOST_PLACES = 4096
# Enough for slices, columns and reversals; numpy's question can be as hard as one likes.
_MOST_WORK = 10_000


class PredictionIndex:
    """Remembers predictions in bounded number; what is asked of it takes the same time for many.

    Remembering is all that a prediction pays for: the index is brought up to date when it is asked.
    """

    def __init__(self) -> None:
        self._new: deque[Prediction | Note] = deque(maxlen=MOST)
        # Apart, so that a loop over single rows keeps few of them, and the collector at rest.
        self._new_short: deque[Prediction | Note] = deque(maxlen=MOST_SHORT)
        self._long: deque[Prediction] = deque()
        self._short: deque[Prediction] = deque()
        self._copies: deque[Prediction] = deque()
        self._held = self._waiting = 0
        self._outputs: dict[int, Prediction] = {}
        self._roots: dict[int, list[Prediction]] = {}
        self._sites: dict[str, dict[tuple[int, int], deque[tuple[Prediction, int]]]] = {}
        self._lengths: dict[int, deque[Prediction]] = {}
        # By the number of rows: what was digested so far, and where what is found.
        self._digested: dict[int, int] = {}
        self._values: dict[bytes, deque[Prediction]] = {}
        # By order: the `id` of the output, that of its memory, and the number of rows.
        self._ids: dict[int, tuple[int, int, int]] = {}
        #: The order of the next prediction.
        self.next_order = itertools.count(1).__next__
        # The one that was remembered last.
        self._newest: Prediction | Note | None = None
        # Notes that were asked for before they were taken in, by order.
        self._made: dict[int, Prediction] = {}
        self._judged: dict[tuple[int, int, int], tuple[CodeType, int]] = {}
        self._lock = threading.Lock()
        self._process = os.getpid()

    def add(self, prediction: Prediction) -> None:
        """Remember a prediction."""
        prediction.order = self.next_order()
        if _order(self._newest) < prediction.order:
            self._newest = prediction
        values = prediction.values
        if values is not None and len(values) <= SHORT:
            self._new_short.append(prediction)
            return
        self._new.append(prediction)
        if values is not None:
            self._waiting += values.nbytes
            if self._waiting > BUDGET // 4:
                self.refresh()

    def note(self, note: Note) -> None:
        """Remember a prediction that was just taken down."""
        # Of two threads the later one may be overtaken, and is looked up then.
        self._newest = note
        values = note[5]
        if len(values) <= SHORT:
            self._new_short.append(note)
            return
        self._new.append(note)
        self._waiting += values.nbytes
        if self._waiting > BUDGET // 4:
            self.refresh()

    # -- bringing it up to date -------------------------------------------------------------------

    def refresh(self) -> None:
        """Take in what was remembered since it was asked last."""
        if not self._new and not self._new_short:
            return
        with self._open_lock():
            self._waiting = 0
            for new in sorted((*_emptied(self._new), *_emptied(self._new_short)), key=_order):
                self._take_in(self._prediction_of(new))
            self._made.clear()

    def _open_lock(self) -> threading.Lock:
        if self._process != os.getpid():  # a fork may have left the lock shut
            self._lock, self._process = threading.Lock(), os.getpid()
        return self._lock

    def _prediction_of(self, new: Prediction | Note) -> Prediction:
        """The one prediction that is, or was taken down as, `new`; under the lock."""
        if isinstance(new, Prediction):
            return new
        return self._made.pop(new[0], None) or Prediction.of_note(new)

    def _take_in(self, prediction: Prediction) -> None:
        values = prediction.values
        rows = len(values) if values is not None else -1
        kind, most = (self._short, MOST_SHORT) if 0 <= rows <= SHORT else (self._long, MOST)
        kind.append(prediction)
        output_id = root_id = 0
        output = prediction.output() if prediction.output is not None else None
        if output is not None:
            output_id = id(output)
            self._outputs[output_id] = prediction
            if isinstance(output, np.ndarray):
                root_id = id(_root(output))
                self._roots.setdefault(root_id, []).append(prediction)
        self._ids[prediction.order] = output_id, root_id, rows
        for depth, (code, offset) in enumerate(prediction.sites):
            places = self._sites.setdefault(code.co_filename, {})
            places.setdefault((id(code), offset), deque()).append((prediction, depth))
        self._lengths.setdefault(rows, deque()).append(prediction)
        if values is not None:
            self._copies.append(prediction)
            self._held += values.nbytes
            while self._held > BUDGET and len(self._copies) > 1:
                oldest = self._copies.popleft()
                if oldest.values is not None:
                    self._held -= oldest.values.nbytes
                    oldest.let_go()
        while len(kind) > most:
            self._forget(kind.popleft())

    def _forget(self, prediction: Prediction) -> None:
        output, root, rows = self._ids.pop(prediction.order, (0, 0, -1))
        if self._outputs.get(output) is prediction:
            del self._outputs[output]
        if (same_root := self._roots.get(root)) is not None:
            same_root[:] = [p for p in same_root if p is not prediction]
            if not same_root:
                del self._roots[root]
        for code, offset in prediction.sites:
            places = self._sites.get(code.co_filename, {})
            made = places.get((id(code), offset))
            if made and made[0][0] is prediction:
                made.popleft()
                if not made:
                    del places[id(code), offset]
        alike = self._lengths.get(rows)
        if alike and alike[0] is prediction:
            alike.popleft()
            self._digested[rows] = max(0, self._digested.get(rows, 0) - 1)
        if prediction.values is not None:
            self._held -= prediction.values.nbytes
            prediction.values = None
        # What it was found by stays until it is looked for: an old one is passed over there.
        prediction.order = -1

    # -- questions --------------------------------------------------------------------------------

    def of_object(self, values: object) -> Prediction | None:
        """The prediction that is this very object, changed or not."""
        newest = self._newest  # which it is nearly always
        if isinstance(newest, tuple):
            if newest[4]() is values:
                return self._made_of(newest, values)
        elif newest is not None and newest.output is not None and newest.output() is values:
            return newest
        self.refresh()
        found = self._outputs.get(id(values))
        if found is None or found.output is None or found.output() is not values:
            return None
        return found

    def _made_of(self, note: Note, output: object) -> Prediction:
        """The prediction that was taken down as `note`, which may have been taken in since."""
        with self._open_lock():
            known = self._made.get(note[0]) or self._outputs.get(id(output))
            if known is None or known.order != note[0]:
                known = self._made[note[0]] = Prediction.of_note(note)
            return known

    def sharing(self, array: NDArray[Any]) -> list[tuple[Prediction, NDArray[Any]]]:
        """Predictions, with what they returned, whose memory `array` is a view of."""
        self.refresh()
        found = []
        for prediction in reversed(self._roots.get(id(_root(array)), ())):
            output = prediction.output() if prediction.output is not None else None
            if isinstance(output, np.ndarray) and share_memory(array, output):
                found.append((prediction, output))
        return found

    def equal(self, array: NDArray[Any]) -> list[Prediction]:
        """Predictions that hold, or have a column that holds, what `array` holds; newest first."""
        self.refresh()
        self._digest(len(array))
        known = self._values.get(value_digest(array), ())
        return [p for p in reversed(list(known)) if p.order > 0 and _holds(p, array)]

    def judged_from(self, frame: FrameType | None) -> int:
        """The newest prediction's order when the call that a frame makes was last judged here."""
        if frame is None:
            return 0
        newest = _order(self._newest)
        # By `id`, since the hash of a code is slow; it is kept, so that no other gets its id.
        place = id(frame.f_code), frame.f_lasti, threading.get_ident()
        if len(self._judged) >= _MOST_PLACES:
            self._judged.clear()
        before = self._judged.get(place)
        self._judged[place] = frame.f_code, newest
        return 0 if before is None else before[1]

    def longer(self, rows: int) -> Iterator[Prediction]:
        """Predictions of more than so many rows, newest first."""
        self.refresh()
        for prediction in reversed(list(self._long)):
            if prediction.values is not None and len(prediction.values) > rows:
                yield prediction

    def of_length(self, rows: int) -> Iterator[Prediction]:
        """Predictions of so many rows, newest first."""
        self.refresh()
        yield from reversed(list(self._lengths.get(rows, ())))

    def sparse(self) -> list[Prediction]:
        """Predictions that are sparse or not computed yet, newest first."""
        return list(self.of_length(-1))

    def made_within(self, filename: str, span: Span) -> list[tuple[Prediction, int]]:
        """Predictions made while a part of the source was run, newest first.

        Each with its depth: the number of the site that lies within the part.
        """
        self.refresh()
        found: dict[int, tuple[Prediction, int]] = {}
        for made in list(self._sites.get(filename, {}).values()):
            prediction, depth = made[0]
            place = span_of(prediction.sites[depth])
            if place is not None and contains(span, place):
                for prediction, depth in list(made):
                    kept = found.get(prediction.order)
                    if kept is None or depth > kept[1]:
                        found[prediction.order] = prediction, depth
        return [found[order] for order in sorted(found, reverse=True)]

    def _digest(self, rows: int) -> None:
        """Digest the predictions of so many rows that were not digested yet."""
        alike = self._lengths.get(rows, ())
        done = self._digested.get(rows, 0)
        if done >= len(alike):
            return
        with self._lock:
            for prediction in list(alike)[self._digested.get(rows, 0) :]:
                for digest in _digests(prediction):
                    self._values.setdefault(digest, deque(maxlen=MOST)).append(prediction)
            self._digested[rows] = len(alike)
            if len(self._values) > 4 * MOST:
                self._values = {
                    digest: kept
                    for digest, found in self._values.items()
                    if (kept := deque((p for p in found if p.order > 0), maxlen=MOST))
                }


def _emptied(waiting: deque[Prediction | Note]) -> Iterator[Prediction | Note]:
    """What waits, of which other threads may take and add in the meantime."""
    for _ in range(len(waiting)):
        try:
            yield waiting.popleft()
        except IndexError:
            return


def _order(known: Prediction | Note | None) -> int:
    if isinstance(known, Prediction):
        return known.order
    return 0 if known is None else known[0]


def _digests(prediction: Prediction) -> Iterator[bytes]:
    values = prediction.held()
    if values is None:
        if isinstance(prediction.digest, bytes):
            yield prediction.digest
        return
    yield value_digest(values)
    if values.ndim == 2 and is_numeric(values) and values.shape[1] <= _MOST_COLUMNS:
        yield from (value_digest(values[:, j]) for j in range(values.shape[1]))


def _holds(prediction: Prediction, array: NDArray[Any]) -> bool:
    values = prediction.held()
    if values is None:
        return True  # the digest is all that is left of it
    if values.ndim == array.ndim:
        return same(values, array)
    return any(same(values[:, j], array) for j in range(values.shape[1]))


def _root(array: NDArray[Any]) -> Any:
    """The object that owns the memory of an array."""
    here: Any = array
    while isinstance(here, np.ndarray) and here.base is not None:
        here = here.base
    return here


def share_memory(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether two arrays have an element in common."""
    if not np.may_share_memory(a, b):
        return False
    try:
        # Two columns of one array lie within the same bounds and share nothing.
        return np.shares_memory(a, b, max_work=_MOST_WORK)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return False
