"""Generators of what each stage of a model predicts, followed while the user goes through them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sized
from typing import Any

from autotrack.capture.parallel.outermost import enter, is_open, leave
from autotrack.describe.parts import attribute
from autotrack.runtime.in_between import in_between, take_off

# Where a boosting says how many stages it has.
_COUNTS = ("n_iter_", "n_estimators_", "n_stages_")


def stage_count(model: Any) -> int | None:
    """How many stages a fitted model has; None if it does not say."""
    members = attribute(model, "estimators_")
    if isinstance(members, Sized):
        return len(members)
    counts = (attribute(model, name) for name in _COUNTS)
    return next((int(count) for count in counts if isinstance(count, int)), None)


@in_between
def follow(
    stages: Generator[Any, Any, Any], seen: Callable[[int, Any], None]
) -> Generator[Any, Any, Any]:
    """What `stages` gives, as it gives it; `seen` is told the number of each, from 1, and it.

    What is sent, thrown or closed reaches `stages`. A call that it makes is nested; between its
    stages no call is open.
    """
    number = 0
    advance: Callable[[Any], Any] = stages.send
    sent: Any = None
    while True:
        was_open = is_open()
        try:
            enter(True)
            value = advance(sent)
        except StopIteration as end:
            return end.value
        except BaseException as error:
            take_off(error)
            raise
        finally:
            leave(was_open)
        number += 1
        if not was_open:
            seen(number, value)
        try:
            sent, advance = (yield value), stages.send
        except GeneratorExit:
            stages.close()
            raise
        except BaseException as error:  # noqa: BLE001 - what is thrown in goes to the stages
            sent, advance = error, stages.throw
