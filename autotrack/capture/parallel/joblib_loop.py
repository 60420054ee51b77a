"""The tasks of scikit-learn's loops, taken as each of them finishes.

Searches, `cross_validate` and its kin run their splits in a ``joblib.Parallel``. When somebody
listens, it is made to hand over each result as it comes in, and returns the same list as ever.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from itertools import chain
from types import FunctionType
from typing import Any

from autotrack.capture.parallel.random_draws import global_state
from autotrack.capture.parallel.task_warnings import Noted, noting, stop_noting
from autotrack.runtime.in_between import in_between, take_off

Call = Callable[..., Any]

# Where an exception keeps the place of the task it comes from, on its way to who listens.
_PLACE = "_autotrack_place"
# So many exceptions that hang together are looked at.
_LONGEST_CHAIN = 32
_DASK = "joblib._dask"


class Loop:
    """Somebody who follows a loop. None of its methods may raise."""

    #: Calls the function of a task with its arguments, in whichever process that is, and returns
    #: something beside the result, which `kept` is given; None where that is not asked for.
    keeper: Callable[[Call, tuple[Any, ...], dict[str, Any]], tuple[Any, Any]] | None = None

    def kept(self, place: int, value: Any) -> None:
        """Take what the keeper returned beside the result of a task that finished."""

    def created(self, place: int, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Take a task that is to be run, perhaps in another thread.

        Its result if that is known already: the task is not run then, and not seen again.
        """
        return None

    def drew(self, place: int) -> None:
        """Note that a task, which finished, drew from the global random generator."""

    def finished(self, place: int, result: Any, notes: Sequence[Noted]) -> None:
        """Take what a task returned, and which warnings came up in it."""

    def failed(self, place: int | None, error: BaseException) -> None:
        """Note that the loop ends with an error, of that task if it is known which."""


class Listener:
    """Somebody who follows the loops of a call."""

    def begins(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Loop | None:
        """Who follows the loop whose first task has these arguments; None for nobody."""
        raise NotImplementedError


class _Told(Listener, Loop):
    def __init__(self, tell: Callable[[int, Any], None]) -> None:
        self._tell = tell

    def begins(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Loop:
        return self

    def finished(self, place: int, result: Any, notes: Sequence[Noted]) -> None:
        self._tell(place, result)


class _Nobody(Listener):
    def begins(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        return None


_NOBODY = _Nobody()
# None where nothing is known, as in a thread that has just been started.
_listener: ContextVar[Listener | None] = ContextVar("autotrack_listener", default=None)
# Those who follow what is done for them in threads as well.
_everywhere: list[Listener] = []


class listening:  # noqa: N801 - a block, which reads as one
    """A block whose loops, and none inside of them, are listened to.

    A class, since what `contextlib` makes of a generator sets an attribute of every exception
    that passes, which not all of them let it.

    Parameters
    ----------
    listener : Listener or callable
        A plain function gets the place and the result of each task, whatever the loop.
    everywhere : bool
        Whether loops of threads are followed too. The listener has to tell its own from others'.
    """

    def __init__(
        self, listener: Listener | Callable[[int, Any], None], *, everywhere: bool = False
    ) -> None:
        self._watched = listener if isinstance(listener, Listener) else _Told(listener)
        self._everywhere = everywhere

    def __enter__(self) -> None:
        self._token = _listener.set(self._watched)
        if self._everywhere:
            _everywhere.append(self._watched)

    def __exit__(self, *about: object) -> None:
        _listener.reset(self._token)
        if self._everywhere:
            _everywhere.remove(self._watched)


class _Numbered:
    """A task that returns its place, what came up in it and whether it drew, beside its result."""

    __slots__ = ("function", "keeper", "place", "private")

    def __init__(self, place: int, function: Call, private: bool, keeper: Any = None) -> None:
        self.place = place
        self.function = function
        self.keeper = keeper
        # Whether the filters of warnings are put back after the task by whoever called it.
        self.private = private

    @in_between
    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        try:
            kept: Sequence[Any] = ()
            before = global_state()
            with noting(private=self.private) as notes:
                if self.keeper is None:
                    result = self.function(*args, **kwargs)
                else:
                    result, *kept = self.keeper(self.function, args, kwargs)
            return self.place, result, notes, global_state() != before, *kept
        except BaseException as error:
            with suppress(Exception):
                vars(error)[_PLACE] = self.place
            take_off(error)
            raise


@in_between
def _with_place(place, function, /, *args, **kwargs):  # type: ignore[no-untyped-def]
    try:
        return place, function(*args, **kwargs), (), False
    except BaseException as error:
        error.__dict__["_autotrack_place"] = place
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename.endswith(
            ":importlib._bootstrap"
        ):
            trace = trace.tb_next
        BaseException.with_traceback(error, trace)
        raise


# The same for a cluster, where autotrack may not be installed: it travels by value, as whatever is
# of no importable module, and uses builtins only.
_with_place_anywhere = FunctionType(_with_place.__code__, {"__builtins__": builtins})
_with_place_anywhere.__module__ = "__main__"


def _number(place: int, function: Any, *, here: bool, keeper: Any = None) -> Any:
    """`function`, numbered: inside of what scikit-learn puts around it, which sets warnings up."""
    holder, inner = None, function
    while hasattr(inner, "function"):
        holder, inner = inner, inner.function
    private = holder is not None and hasattr(holder, "warning_filters")
    numbered: Call = partial(_with_place_anywhere, place, inner)
    if here:
        numbered = _Numbered(place, inner, private, keeper)
    if holder is None:
        return numbered
    holder.function = numbered
    return function


@in_between
def run(original: Call, parallel: Any, tasks: Iterable[Any]) -> Any:
    """Call ``joblib.Parallel.__call__``, the `original`, whether somebody listens or not."""
    listener = _listener.get()
    if listener is None and len(_everywhere) == 1:
        listener = _everywhere[0]
    if listener is None or listener is _NOBODY:
        return original(parallel, tasks)
    token = _listener.set(_NOBODY)
    try:
        tasks = iter(tasks)
        first = next(tasks, None)
        if first is None:
            return original(parallel, tasks)
        tasks = chain([first], tasks)
        loop = listener.begins(*first[1:])
        if loop is None:
            return original(parallel, tasks)
        return _stream(original, parallel, tasks, loop)
    finally:
        _listener.reset(token)


@in_between
def _stream(original: Call, parallel: Any, tasks: Iterator[Any], loop: Loop) -> list[Any]:
    """Run the tasks, telling `loop` of each; the list of their results in their own order.

    Threads, loky, sequential loops and Dask are told in the order of finishing; a cluster without
    notes, since autotrack may not be installed there; multiprocessing, which cannot stream, at the
    end. Of a backend that is not known nobody can say what it makes of numbered tasks: it is told
    of in the order of the tasks.
    """
    backend = parallel._backend
    here = type(backend).__module__ == "joblib._parallel_backends"
    numbers = here or type(backend).__module__ == _DASK
    found: dict[int, Any] = {}
    # The places of the tasks that are run, in their order.
    places: list[int] = []
    watched = _watched(tasks, loop, found, places, numbers=numbers, here=here)
    outputs: Iterable[Any]
    # Sequential loops stream, whatever their backend says.
    streams = backend.supports_return_generator or type(backend).__name__ == "SequentialBackend"
    if parallel.return_generator or not streams:
        outputs = _later(original, parallel, watched)
    else:
        order = "generator_unordered" if numbers else "generator"
        outputs = _generated(original, parallel, watched, order)
    try:
        for count, output in enumerate(outputs):
            place, result, notes, drew, *kept = (
                output if numbers else (places[count], output, (), False)
            )
            found[place] = result
            for value in kept:
                loop.kept(place, value)
            if drew:
                loop.drew(place)
            loop.finished(place, result, notes)
    except BaseException as error:
        loop.failed(_place_of(error), error)
        raise
    finally:
        stop_noting()
        if isinstance(outputs, Generator):
            # An interrupt that was not the loop's own leaves it waiting.
            outputs.close()
    return [found[place] for place in sorted(found)]


@in_between
def _place_of(error: BaseException) -> int | None:
    """The place of the task that an error came from; nothing that says so is left on it.

    scikit-learn may have raised another one on its account.
    """
    place: int | None = None
    waiting: list[BaseException | None] = [error]
    for _ in range(_LONGEST_CHAIN):
        here = waiting.pop() if waiting else None
        if here is not None:
            found = vars(here).pop(_PLACE, None)
            place = found if place is None else place
            waiting += [here.__context__, here.__cause__]
    return place


def _watched(
    tasks: Iterator[Any],
    loop: Loop,
    found: dict[int, Any],
    places: list[int],
    *,
    numbers: bool,
    here: bool,
) -> Iterator[Any]:
    try:
        for place, (function, args, kwargs) in enumerate(tasks):
            known = loop.created(place, args, kwargs)
            if known is not None:
                found[place] = known
                continue
            places.append(place)
            if numbers:
                function = _number(place, function, here=here, keeper=loop.keeper)  # noqa: PLW2901
            yield function, args, kwargs
    except BaseException as error:
        take_off(error)
        raise


@in_between
def _later(original: Call, parallel: Any, tasks: Iterable[Any]) -> Iterator[Any]:
    yield from original(parallel, tasks)


@in_between
def _generated(original: Call, parallel: Any, tasks: Iterable[Any], return_as: str) -> Any:
    before = parallel.return_as, parallel.return_generator, parallel.return_ordered
    # What joblib's constructor makes of `return_as`, about which scikit-learn says nothing.
    parallel.return_as, parallel.return_generator = return_as, True
    parallel.return_ordered = return_as == "generator"
    try:
        yield from original(parallel, tasks)
    finally:
        parallel.return_as, parallel.return_generator, parallel.return_ordered = before
