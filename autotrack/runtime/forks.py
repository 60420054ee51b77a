"""What is to be done before and after a fork, for everything that cannot be taken along."""

from __future__ import annotations

import os
import threading
import weakref
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


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )
