"""Timing on a machine that others use too: short blocks in turn, medians of their differences."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

#: What a measuring process hands back: samples of each quantity, in seconds, bytes or GB/s.
Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Variant:
    """One way to do the same thing.

    Attributes
    ----------
    once : callable
        Does it once and returns the seconds it took, so that what it needs can be prepared
        outside of the measured part.
    within : callable, optional
        Makes the context manager that a block of repetitions runs in.
    behind : float
        Seconds to wait after a block for what other threads still do for it. The time that they
        compute is shared out among the repetitions, and added.
    """

    once: Callable[[], float]
    within: Callable[[], AbstractContextManager[object]] = nullcontext
    behind: float = 0.0


def alternate(
    variants: Mapping[str, Variant], *, rounds: int, block: int, warm: int
) -> dict[str, list[float]]:
    """Run a block of each variant in turn, in another order each round.

    Parameters
    ----------
    variants : mapping of str to Variant
        What to compare.
    rounds, block : int
        How many rounds, and repetitions in a block.
    warm : int
        Repetitions before each block that do not count: entering a context exchanges methods,
        which throws away what the interpreter had learnt about them.

    Returns
    -------
    dict of str to list of float
        For each variant the median of each block, in seconds.
    """
    order = list(variants)
    shuffle = random.Random(0).shuffle
    medians: dict[str, list[float]] = {name: [] for name in order}
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            variant = variants[name]
            with variant.within():
                for _ in range(warm):
                    variant.once()
                before = _computed_elsewhere()
                took = statistics.median(variant.once() for _ in range(block))
                if variant.behind:
                    time.sleep(variant.behind)
                    took += (_computed_elsewhere() - before) / block
                medians[name].append(took)
    return medians


def _computed_elsewhere() -> float:
    """Seconds that the other threads of this process computed so far."""
    return time.process_time() - time.thread_time()


def differences(minuends: list[float], subtrahends: list[float]) -> list[float]:
    """What one variant took more than another, round by round."""
    return [a - b for a, b in zip(minuends, subtrahends, strict=True)]


def ratios(dividends: list[float], divisors: list[float]) -> list[float]:
    """How many times as long one variant took as another, round by round."""
    return [a / b for a, b in zip(dividends, divisors, strict=True)]
