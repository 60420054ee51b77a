"""Waiting for what must happen, and measuring speed, on machines that are slow or busy."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

# How long anything may take before a test says that it hangs (seconds). Nothing waits that long
# where all is well, and a machine that does six other things as well is well.
PATIENCE = 300.0


def wait_until(
    condition: Callable[[], Any], what: str = "what was waited for", patience: float = PATIENCE
) -> Any:
    """Ask again and again until the answer is true, and give that answer."""
    until = time.monotonic() + patience
    while not (answer := condition()):
        assert time.monotonic() < until, f"{what} did not happen within {patience:.0f} s"
        time.sleep(0.02)
    return answer


def _work() -> float:
    """The time this thread computes for a fixed piece of work, 10 ms on a usual machine."""
    began = time.thread_time()
    total = 0
    for number in range(200_000):
        total += number & 7
    return time.thread_time() - began


def fastest(call: Callable[[], Any], times: int = 3) -> float:
    """The shortest time `call` computes in this thread, in seconds of a usual machine.

    What other programs take does not count, and a slow machine is slow in the work it is
    compared with as well.
    """
    best = paces = float("inf")
    for _ in range(times):
        paces = min(paces, _work())
        began = time.thread_time()
        call()
        best = min(best, time.thread_time() - began)
        paces = min(paces, _work())
    return best * 0.01 / paces
