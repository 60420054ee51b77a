"""A progress bar for what takes longer than a second.

A thread draws it, so that it shows and moves while one evaluation takes hours; it starts with the
call and ends with it. A process has one bar at a time, and only a process that nobody started for
their parallel work has one.
"""

from __future__ import annotations

import contextvars
import math
import multiprocessing
import os
import sys
import time
from _thread import start_new_thread
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Literal

from autotrack.describe.estimator import deep_params, is_estimator
from autotrack.describe.parts import held_by
from autotrack.failsafe import Failsafe
from autotrack.printable import printable
from autotrack.progress.counts import Progress
from autotrack.progress.line import View
from autotrack.progress.screens import Screen, screen_for
from autotrack.runtime.dataclass import dataclass

Setting = bool | Literal["auto"]
#: What the bar says of the scores so far.
Summary = Literal["mean", "best"]

# Work that is done before that (seconds) shows nothing.
_PATIENCE = 1.0
# So often a bar is looked at, and so often it is drawn at least (seconds).
_TICK = 0.2
_CLOCK = 1.0
# A terminal that takes no output must not hold up the call's return for longer (seconds).
_LONGEST_FAREWELL = 1.0
_DEBUGGERS = frozenset({"pdb", "bdb"})


@dataclass(slots=True, eq=False)
class _Scores:
    """The mean of the scores so far, or the best of them."""

    label: Summary
    number: int = 0
    value: float = math.nan

    def add(self, score: float) -> None:
        if not math.isfinite(score):
            return
        self.number += 1
        if self.number == 1:
            self.value = score
        elif self.label == "best":
            self.value = max(self.value, score)
        else:
            self.value += (score - self.value) / self.number

    def __str__(self) -> str:
        return f"{self.label} {self.value:.4g}" if self.number else ""


class ProgressBar:
    """Counts evaluations, and draws a bar while they take their time.

    To be opened before the work and closed after it, whatever became of it. Without a screen it
    only counts. Nothing of it raises.

    Parameters
    ----------
    description : str
        What is being done.
    progress : Progress
        Where it begins: nothing finished, or what is reused.
    summary : {"mean", "best"}
        What to say of the scores so far.
    screen : Screen or None
        Where to draw it.
    patience : float
        Seconds to wait before it is shown.
    trouble : Trouble
        Takes what goes wrong.
    """

    def __init__(
        self,
        description: str,
        progress: Progress,
        *,
        summary: Summary = "mean",
        screen: Screen | None = None,
        patience: float = _PATIENCE,
        failsafe: Failsafe,
    ) -> None:
        self.progress = progress
        self._description = printable(description)
        self._scores = _Scores(summary)
        self._started = time.monotonic()
        self._patience = patience
        self._failsafe = failsafe
        self._screen = screen
        # Plain queues and a plain thread, all of C: an interrupt may strike at every Python call,
        # and none may leave a bar or a lock behind.
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._done: SimpleQueue[None] = SimpleQueue()
        self._is_drawn = False
        #: Lets the drawing end, without waiting for it: to be called with None first thing in a
        #: `finally`.
        self.end = self._bell.put

    @property
    def is_drawn(self) -> bool:
        """Whether its thread is there, and has not come to its end."""
        return self._is_drawn and self._done.empty()

    def advance(self, score: float | None = None, *, count: int = 1, reused: int = 0) -> None:
        """So many evaluations more are finished, with this score, and so many of them reused."""
        now = self.progress
        self.progress = Progress(now.finished + count, now.total, now.unit, now.reused + reused)
        if score is not None:
            self._scores.add(score)

    def expect(self, total: int | None) -> None:
        """There will be so many evaluations altogether."""
        self.progress = replace(self.progress, total=total)

    def open(self) -> None:
        """Begin: what takes longer than a second from here on is shown."""
        if self._screen is None or not _stage.is_free():
            return
        with self._failsafe.guard("show progress"):
            # With what is active here: a notebook shows the bar below the cell that it belongs to.
            context = contextvars.copy_context()
            self._is_drawn = True
            start_new_thread(context.run, (self._draw_until_the_end, self._screen))
            _stage.bar = self

    def close(self) -> None:
        """The work is done, or failed: what is shown stays as it is now."""
        self.end(None)
        if self.is_drawn:
            with suppress(Empty):
                self._done.get(timeout=_LONGEST_FAREWELL)
            self._done.put(None)

    def __enter__(self) -> ProgressBar:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- the thread ---------------------------------------------------------------------------

    def _draw_until_the_end(self, screen: Screen) -> None:
        try:
            with self._failsafe.guard("show progress"):
                self._draw(screen)
        finally:
            self._done.put(None)

    def _draw(self, screen: Screen) -> None:
        if self._rang_within(self._patience):
            return
        try:
            drawn, when = None, 0.0
            while True:
                now, progress = time.monotonic(), self.progress
                if (progress != drawn or now - when >= _CLOCK) and not _is_debugging():
                    screen.show(self._view(progress))
                    drawn, when = progress, now
                if self._rang_within(_TICK):
                    break
            screen.show(self._view(self.progress), last=True)
        finally:
            screen.close()

    def _rang_within(self, seconds: float) -> bool:
        try:
            self._bell.get(timeout=seconds)
        except Empty:
            return False
        return True

    def _view(self, progress: Progress) -> View:
        elapsed = time.monotonic() - self._started
        return View(self._description, progress, elapsed, str(self._scores))


class _Stage:
    """Where the bar of this process is shown: one at a time, and none in a fork."""

    def __init__(self) -> None:
        self.bar: ProgressBar | None = None
        self._pid = os.getpid()

    def is_free(self) -> bool:
        """Whether a bar may be shown."""
        if os.getpid() != self._pid or multiprocessing.parent_process() is not None:
            return False
        return self.bar is None or not self.bar.is_drawn


_stage = _Stage()


def progress_bar(
    description: str,
    total: int | None = None,
    *,
    setting: Setting,
    failsafe: Failsafe,
    unit: str = "splits",
    reused: int = 0,
    summary: Summary = "mean",
    estimator: object = None,
) -> ProgressBar:
    """The bar for a piece of work, to be opened and closed around it.

    Parameters
    ----------
    description : str
        What is being done, such as ``cross_validate: Ridge``.
    total : int, optional
        How many evaluations there will be, where that is known.
    setting : bool or "auto"
        The setting `progress`: False shows nothing, ``"auto"`` what takes longer than a second,
        on a terminal or in a notebook, and True shows it at once and everywhere.
    trouble : Trouble
        Takes what goes wrong.
    unit : str
        What is counted, in the plural.
    reused : int
        How many evaluations another run had computed.
    summary : {"mean", "best"}
        What to say of the scores so far.
    estimator : estimator, optional
        What is being evaluated; with a progress bar of its own there is no second one.
    """
    screen: Screen | None = None
    if setting is not False:
        with failsafe.guard("show progress"):
            screen = screen_for(everywhere=setting is True)
            if screen is not None and _has_bar(estimator):
                screen = None
    return ProgressBar(
        description,
        Progress(reused, total, unit, reused),
        summary=summary,
        screen=screen,
        patience=0.0 if setting is True else _PATIENCE,
        failsafe=failsafe,
    )


def _has_bar(estimator: Any) -> bool:
    """Whether the user gave it scikit-learn's own progress bar, or something in it."""
    if "sklearn.callback" not in sys.modules or not is_estimator(estimator):
        return False
    return any(
        type(callback).__name__ == "ProgressBar"
        for part in (estimator, *deep_params(estimator).values())
        for callback in held_by(part).get("_skl_callbacks", ())
    )


def _is_debugging() -> bool:
    """Whether a debugger waits for the user's next command, over which nothing must be drawn."""
    return any(
        frame.f_globals.get("__name__") in _DEBUGGERS
        for newest in sys._current_frames().values()
        for frame in _frames(newest)
    )


def _frames(frame: Any) -> Iterator[Any]:
    while frame is not None:
        yield frame
        frame = frame.f_back
