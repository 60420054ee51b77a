"""What is to be done before and after a fork, for everything that cannot be taken along."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Protocol


class Forkable(Protocol):
    """Something that a fork must find at rest."""

    def pause(self) -> bool:
        """Come to rest before a fork; whether :meth:`go_on` is to be called after it."""

    def go_on(self) -> None:
        """Go on in the parent."""

    def renew(self) -> None:
        """Begin anew in the child."""


_live: weakref.WeakSet[Forkable] = weakref.WeakSet()
# By thread, since two threads may be about to fork at the same time.
_paused: dict[int, list[Forkable]] = {}


def mind(thing: Forkable) -> None:
    """Tell `thing` of every fork, as long as it lives."""
    _live.add(thing)


def _before_fork() -> None:
    _paused[threading.get_ident()] = [thing for thing in list(_live) if thing.pause()]


def _after_in_parent() -> None:
    for thing in _paused.pop(threading.get_ident(), ()):
        thing.go_on()


def _after_in_child() -> None:
    _paused.clear()
    for thing in list(_live):
        thing.renew()


def at_fork(
    *,
    before: Callable[[], object] | None = None,
    in_parent: Callable[[], object] | None = None,
    in_child: Callable[[], object] | None = None,
) -> None:
    """Have functions called around every fork from now on; never where there are no forks.

    Those of a child, and of a parent afterwards, are called in the order they were given here.
    """
    if hasattr(os, "register_at_fork"):
        given = {"before": before, "after_in_parent": in_parent, "after_in_child": in_child}
        chosen = {name: function for name, function in given.items() if function is not None}
        os.register_at_fork(**chosen)


at_fork(before=_before_fork, in_parent=_after_in_parent, in_child=_after_in_child)
