"""Hearing the tasks of scikit-learn's loops as each of them finishes.

`cross_validate` and its kin run their splits in one ``joblib.Parallel``. When somebody listens, it
is made to hand over each result as it comes in, and returns the same list as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Call = Callable[..., Any]
#: Gets the place of a task among all of them, and its result.
Listener = Callable[[int, Any], None]

_listener: ContextVar[Listener | None] = ContextVar("autotrack_listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """A block in which the next loop, and none inside of it, is listened to."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


class _Numbered:
    """A task that returns its place beside its result."""

    __slots__ = ("function", "place")

    def __init__(self, place: int, function: Call) -> None:
        self.place = place
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[int, Any]:
        return self.place, self.function(*args, **kwargs)


def run(original: Call, parallel: Any, tasks: Iterable[Any]) -> Any:
    """Call ``joblib.Parallel.__call__``, the `original`, whether somebody listens or not."""
    listener = _listener.get()
    if listener is None:
        return original(parallel, tasks)
    token = _listener.set(None)
    try:
        return _stream(original, parallel, tasks, listener)
    finally:
        _listener.reset(token)


def _stream(original: Call, parallel: Any, tasks: Iterable[Any], listener: Listener) -> list[Any]:
    """Run the tasks, telling `listener` of each; the list of their results in their own order.

    Threads, loky and sequential loops are told in the order of finishing. A backend that may run
    where autotrack is not installed (a cluster) is told in the order of the tasks, and
    multiprocessing, which cannot stream, at the end.
    """
    backend = parallel._backend
    if parallel.return_generator or not backend.supports_return_generator:
        results = list(original(parallel, tasks))
        for place, result in enumerate(results):
            listener(place, result)
        return results
    if type(backend).__module__ == "joblib._parallel_backends":
        numbered = (
            (_Numbered(place, function), args, kwargs)
            for place, (function, args, kwargs) in enumerate(tasks)
        )
        pairs = _generated(original, parallel, numbered, "generator_unordered")
    else:
        pairs = enumerate(_generated(original, parallel, tasks, "generator"))
    found: dict[int, Any] = {}
    for place, result in pairs:
        found[place] = result
        listener(place, result)
    return [found[place] for place in sorted(found)]


def _generated(original: Call, parallel: Any, tasks: Iterable[Any], return_as: str) -> Any:
    before = parallel.return_as, parallel.return_generator, parallel.return_ordered
    # What joblib's constructor makes of `return_as`, about which scikit-learn says nothing.
    parallel.return_as, parallel.return_generator = return_as, True
    parallel.return_ordered = return_as == "generator"
    try:
        yield from original(parallel, tasks)
    finally:
        parallel.return_as, parallel.return_generator, parallel.return_ordered = before
