"""Who takes part in something, in the order in which they joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Subscribers(Generic[T]):
    """What asked to take part; each gets back how to end that.

    Examples
    --------
    >>> greeters = Subscribers()
    >>> leave = greeters.subscribe(print)
    >>> for greet in greeters:
    ...     greet("hello")
    hello
    >>> leave()
    >>> list(greeters)
    []
    """

    def __init__(self) -> None:
        self._all: list[T] = []

    def subscribe(self, subscriber: T) -> Callable[[], None]:
        """Have `subscriber` take part; the result ends that, and may be called twice."""
        self._all.append(subscriber)

        def leave() -> None:
            if subscriber in self._all:
                self._all.remove(subscriber)

        return leave

    def __iter__(self) -> Iterator[T]:
        # A copy: one that is called may leave.
        return iter(tuple(self._all))
