"""One thread that predicts, for all that queues up while it is busy at once."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

#: Answers for rows, by the name of a method.
Answer = Callable[[str, Sequence[Any]], list[Any]]

_MOST_ROWS = 512
_MOST_WAITING = 2000


class BusyError(Exception):
    """More is waiting than a client would wait for."""


@dataclass(slots=True)
class _Job:
    method: str
    rows: list[Any]
    done: asyncio.Future[list[Any]]
    result: list[Any] | Exception | None = None


class Batcher:
    """Takes rows from the event loop to a thread, and what the model says of them back.

    While it predicts, the loop goes on reading requests; those that have come in the meantime are
    predicted together. If that fails, each is tried by itself: a bad row is its sender's alone.

    Parameters
    ----------
    answer : callable
        Called in the thread.
    joins : bool
        Whether rows of several requests may be predicted together.
    """

    def __init__(self, answer: Answer, *, joins: bool) -> None:
        self._answer = answer
        self._most_rows = _MOST_ROWS if joins else 1
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._kept: _Job | None = None
        self._thread = threading.Thread(target=self._work, name="autotrack-predict", daemon=True)

    def start(self) -> None:
        """Begin, in the event loop whose requests it answers."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """End after what is waiting."""
        self._jobs.put(None)
        self._thread.join()

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
        if self._jobs.qsize() >= _MOST_WAITING:
            raise BusyError
        job = _Job(method, rows, self._loop.create_future())
        self._jobs.put(job)
        return await job.done

    def _work(self) -> None:
        while (jobs := self._next()) is not None:
            self._predict(jobs)
            self._loop.call_soon_threadsafe(_deliver, jobs)

    def _next(self) -> list[_Job] | None:
        """What is to be predicted together: the first that waits, and those that fit to it."""
        first = self._kept or self._jobs.get()
        self._kept = None
        if first is None:
            return None
        jobs, count = [first], len(first.rows)
        while count < self._most_rows:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)
                break
            if job.method != first.method or count + len(job.rows) > self._most_rows:
                self._kept = job
                break
            jobs.append(job)
            count += len(job.rows)
        return jobs

    def _predict(self, jobs: list[_Job]) -> None:
        rows = [row for job in jobs for row in job.rows] if len(jobs) > 1 else jobs[0].rows
        try:
            found = self._answer(jobs[0].method, rows)
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


def _deliver(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.done.done():  # its request was given up
            continue
        if isinstance(job.result, Exception):
            job.done.set_exception(job.result)
        else:
            job.done.set_result(job.result or [])
