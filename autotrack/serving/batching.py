"""One thread that predicts, for all that queues up while it is busy at once."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

#: Answers for rows, by the name of a method.
Answer = Callable[[str, Sequence[Any]], list[Any]]

_MOST_ROWS = 512
_MOST_WAITING = 2000
# A model that has answered each of so many times within so many seconds is quick. That holds for
# as few rows as there are in requests that come at the same time.
_TRIALS = 20
_QUICK = 3e-3
_FEW_ROWS = 64
_PATIENCE = 0.5


class BusyError(Exception):
    """More is waiting than a client would wait for."""


@dataclass(slots=True)
class _Job:
    method: str
    rows: list[Any]
    done: asyncio.Future[list[Any]]
    result: list[Any] | Exception | None = None


class Batcher:
    """Asks the model for requests that wait, all at once.

    While it predicts for some, others come in; they are predicted together next. If that fails,
    each is tried by itself: a bad row is its sender's alone. It works in a thread of its own, so
    that the event loop goes on. Only a model that has shown that it takes less time than handing
    it to a thread and back is asked from the loop.

    Parameters
    ----------
    answer : callable
        What asks the model.
    joins : bool
        Whether rows of several requests may be predicted together.
    """

    def __init__(self, answer: Answer, *, joins: bool) -> None:
        self._answer = answer
        self._most_rows = _MOST_ROWS if joins else 1
        self._waiting: deque[_Job] = deque()
        self._is_due = self._is_busy = False
        # How many times in a row it was quick.
        self._quick = 0
        self._work: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=self._be_thread, name="autotrack-predict", daemon=True
        )

    def start(self) -> None:
        """Begin, in the event loop whose requests it answers."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """End after what is being predicted; what takes too long is left to itself."""
        self._work.put(None)
        self._thread.join(_PATIENCE)

    async def ask(self, method: str, rows: list[Any]) -> list[Any]:
        """What the model says of each of the rows.

        Raises
        ------
        BusyError
            If too much is waiting already.
        Exception
            Whatever the model raises.
        """
        if not rows:
            return []
        if len(self._waiting) >= _MOST_WAITING:
            raise BusyError
        job = _Job(method, rows, self._loop.create_future())
        self._waiting.append(job)
        self._plan()
        return await job.done

    def _plan(self) -> None:
        """Predict once the loop has seen what else has arrived."""
        if self._waiting and not self._is_due and not self._is_busy:
            self._is_due = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._is_due = False
        jobs = self._next()
        few = sum(len(job.rows) for job in jobs) <= _FEW_ROWS
        if few and self._quick >= _TRIALS and self._most_rows > 1:
            self._predict(jobs)
            self._deliver(jobs)
        else:
            self._is_busy = True
            self._work.put(jobs)

    def _next(self) -> list[_Job]:
        """What is predicted together: the first that waits, and those behind that fit to it."""
        jobs = [self._waiting.popleft()]
        count = len(jobs[0].rows)
        while self._waiting and self._waiting[0].method == jobs[0].method:
            count += len(self._waiting[0].rows)
            if count > self._most_rows:
                break
            jobs.append(self._waiting.popleft())
        return jobs

    def _be_thread(self) -> None:
        while (jobs := self._work.get()) is not None:
            self._predict(jobs)
            self._loop.call_soon_threadsafe(self._deliver, jobs)

    def _deliver(self, jobs: list[_Job]) -> None:
        self._is_busy = False
        for job in jobs:
            if job.done.done():  # its request was given up
                continue
            if isinstance(job.result, Exception):
                job.done.set_exception(job.result)
            else:
                job.done.set_result(job.result or [])
        self._plan()

    def _predict(self, jobs: list[_Job]) -> None:
        rows = [row for job in jobs for row in job.rows] if len(jobs) > 1 else jobs[0].rows
        started = time.perf_counter()
        try:
            found = self._answer(jobs[0].method, rows)
            took = time.perf_counter() - started
            self._quick = self._quick + 1 if took < _QUICK else 0
            if len(jobs) > 1 and len(found) != len(rows):
                raise ValueError(f"{len(found)} predictions for {len(rows)} rows")
        except Exception as error:  # noqa: BLE001 - a model may raise anything
            if len(jobs) == 1:
                jobs[0].result = error
                return
            for job in jobs:
                self._predict([job])
            return
        start = 0
        for job in jobs:
            end = start + len(job.rows)
            job.result = found[start:end] if len(jobs) > 1 else found
            start = end
