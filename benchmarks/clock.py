"""A clock for a machine that has other things to do as well. It imports next to nothing."""

from __future__ import annotations

import time
from collections.abc import Callable


def timed(action: Callable[[], object], times: int = 1) -> float:
    """Seconds that one call takes, without those it was ready to run and had no core.

    So the numbers hold on a machine that has other things to do as well.

    Parameters
    ----------
    action : callable
        What to call.
    times : int
        Calls to make in a row, for those that take a few microseconds.
    """
    waited = _waited()
    started = time.perf_counter()
    for _ in range(times):
        action()
    took = time.perf_counter() - started
    return (took - (_waited() - waited)) / times


def _waited() -> float:
    """Seconds this thread has waited for a core so far; 0 where it is not Linux that runs it."""
    try:
        with open("/proc/thread-self/schedstat", "rb", buffering=0) as file:
            return int(file.read().split()[1]) * 1e-9
    except OSError:
        return 0.0
