"""Where a progress bar is drawn: a terminal, a notebook, or lines of plain text.

What the user prints is the user's. On a terminal the bar is one line, which is erased before
anything else is written, and drawn again once that ends with a line; every letter of theirs goes
out as it came. The cursor is never hidden, so that nothing has to be put back, whatever happens.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, Protocol

from autotrack.progress.line import View, bar_line
from autotrack.runtime.forks import at_fork
from autotrack.runtime.patterns import pattern

if TYPE_CHECKING:
    from rich.console import Console

# Room for the cursor and for the `^C` that a terminal puts there: two lines are not erased.
_MARGIN = 4
_ERASE = "\r\x1b[2K"
_NOTEBOOK_WIDTH = 110
# After the user printed something the bar comes back so many seconds later.
_QUIET = 0.1
# Lines of plain text come so many seconds apart.
_BETWEEN_LINES = 10.0
_LONGEST_WAIT_FOR_LOCK = 1.0
_DUMB = frozenset({"dumb", "unknown"})
# The end of a line, and what switches colours off behind it.
_LINE_END = pattern(r"\n(?:\x1b\[[0-9;]*m)*\Z")


class Screen(Protocol):
    """Something to draw on, from one thread at a time."""

    def show(self, view: View, *, last: bool = False) -> None:
        """Draw `view` instead of what was drawn before; `last` says that it stays."""

    def close(self) -> None:
        """Put back whatever was exchanged."""


def screen_for(*, everywhere: bool) -> Screen | None:
    """Where a bar can be drawn in this process: None in pipes and logs, unless `everywhere`."""
    display = _notebook_display()
    if display is not None:
        return Notebook(display)
    stream = sys.stderr
    if stream is None:
        return None
    if _is_terminal(stream) and os.environ.get("TERM", "").lower() not in _DUMB:
        return Terminal(stream)
    return Lines(stream) if everywhere else None


def _notebook_display() -> Callable[..., Any] | None:
    """What shows something in the notebook that this is, if it is one."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if getattr(shell, "kernel", None) is None:
        return None
    display: Callable[..., Any] | None = getattr(
        sys.modules.get("IPython.display"), "display", None
    )
    return display


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError, OSError):  # closed, or no stream at all
        return False


class Lines:
    """Plain lines now and then, for logs whose reader asked for them."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._written = -math.inf

    def show(self, view: View, *, last: bool = False) -> None:
        """Write a line, if the one before was a while ago."""
        if last or time.monotonic() - self._written >= _BETWEEN_LINES:
            self._written = time.monotonic()
            self._stream.write(f"{view.description}: {', '.join(filter(None, view.facts()))}\n")
            self._stream.flush()

    def close(self) -> None:
        """Nothing was exchanged."""


class Notebook:
    """A notebook's output, of which one piece is exchanged again and again."""

    def __init__(self, display: Callable[..., Any]) -> None:
        self._display = display
        self._handle: Any = None

    def show(self, view: View, *, last: bool = False) -> None:
        """Show the bar, or exchange it."""
        from rich.console import Console

        console = Console(
            file=io.StringIO(),
            record=True,
            force_jupyter=False,
            force_terminal=True,
            color_system="truecolor",
            width=_NOTEBOOK_WIDTH,
        )
        console.print(bar_line(view, _NOTEBOOK_WIDTH))
        text = console.export_text(clear=False).rstrip()
        page = console.export_html(inline_styles=True, code_format=_CODE)
        bundle = {"text/plain": text, "text/html": page}
        if self._handle is None:
            self._handle = self._display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)

    def close(self) -> None:
        """Nothing was exchanged."""


_CODE = '<pre style="white-space:pre;overflow-x:auto;line-height:normal">{code}</pre>'


class Terminal:
    """The line that the cursor is in."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._write: Callable[[str], Any] = stream.write
        self._console: Console | None = None
        self._taps: list[_Tap] = []
        # Held while anything is written to the terminal, by the user too.
        self._lock = threading.RLock()
        self._visible = False
        # Whether the user has begun a line, and when they wrote last.
        self._unfinished = False
        self._last_words = -math.inf
        self._pid = os.getpid()

    def show(self, view: View, *, last: bool = False) -> None:
        """Draw the bar, if the cursor is in a line of its own."""
        with self._lock:
            if os.getpid() != self._pid or not _is_in_foreground(self._stream):
                return
            if not self._taps:
                self._begin()
            quiet = last or time.monotonic() - self._last_words >= _QUIET
            if self._unfinished or not quiet:
                return
            line = self._line(view)
            self._write(f"{_ERASE}{line}" + ("\n" if last else " "))
            self._stream.flush()
            self._visible = not last

    def _begin(self) -> None:
        from rich.console import Console

        self._console = Console(file=self._stream, highlight=False)
        # As many blanks as a line has: where the user has begun one they end in the next, else
        # in the same. Either way the cursor is then in a line that is free.
        self._write(" " * self._console.width + "\r")
        held = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
        for stream in {id(stream): stream for stream in held if _is_terminal(stream)}.values():
            with contextlib.suppress(AttributeError, TypeError):  # has no place for it
                self._taps.append(_Tap(self, stream))
        _drawn_on.append(self)

    def _line(self, view: View) -> str:
        assert self._console is not None
        width = self._console.width - _MARGIN
        with self._console.capture() as captured:
            self._console.print(bar_line(view, width), width=width, end="")
        return captured.get().rstrip("\n")

    def pass_on(self, write: Callable[[Any], Any], text: Any) -> Any:
        """Write what the user prints, as if there were no bar."""
        with self._lock:
            if text and self._visible and os.getpid() == self._pid:
                self._visible = False
                with contextlib.suppress(OSError, ValueError):
                    self._write(_ERASE)
                    self._stream.flush()
            try:
                return write(text)
            finally:
                if isinstance(text, str) and text:
                    self._unfinished = _LINE_END.search(text) is None
                    self._last_words = time.monotonic()

    def close(self) -> None:
        """Let the user's streams be what they were."""
        with self._lock:
            while self._taps:
                self._taps.pop().remove()
            if self in _drawn_on:
                _drawn_on.remove(self)

    # -- forks ---------------------------------------------------------------------------------

    def hold(self) -> bool:
        """Let nobody draw while the process forks; False if that would take too long."""
        return self._lock.acquire(timeout=_LONGEST_WAIT_FOR_LOCK)

    def let_go(self) -> None:
        """The fork is done."""
        self._lock.release()

    def forget(self) -> None:
        """Let the user's streams be what they were: a fork has no bar."""
        self._lock = threading.RLock()
        for tap in self._taps:
            tap.remove()
        self._taps.clear()


class _Tap:
    """Stands in for the method `write` of a stream, on this one object."""

    __slots__ = ("_before", "_stream", "_terminal", "_write")

    def __init__(self, terminal: Terminal, stream: Any) -> None:
        self._terminal: Terminal | None = terminal
        self._stream = stream
        self._write = stream.write
        self._before = vars(stream).get("write")
        stream.write = self

    def __call__(self, text: Any, /) -> Any:
        """Write."""
        terminal = self._terminal
        return self._write(text) if terminal is None else terminal.pass_on(self._write, text)

    def remove(self) -> None:
        """Let the stream be what it was."""
        self._terminal = None
        held = vars(self._stream)
        if held.get("write") is not self:
            return  # somebody put their own on top, which calls this one
        before = self._before
        while isinstance(before, _Tap) and before._terminal is None:
            before = before._before  # it was below this one when it should have gone
        if before is None:
            del held["write"]
        else:
            held["write"] = before


#: The terminals that a bar is on just now.
_drawn_on: list[Terminal] = []
# Those of them that wait for a fork to be done.
_held: list[Terminal] = []


def _before_fork() -> None:
    _held.extend(terminal for terminal in list(_drawn_on) if terminal.hold())


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop().let_go()


def _after_fork_in_child() -> None:
    _held.clear()
    while _drawn_on:
        _drawn_on.pop().forget()


at_fork(before=_before_fork, in_parent=_after_fork_in_parent, in_child=_after_fork_in_child)


def _is_in_foreground(stream: IO[str]) -> bool:
    """Whether the terminal is ours just now: a job in the background must not draw over others."""
    if not hasattr(os, "tcgetpgrp"):
        return True
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except (OSError, ValueError):  # a terminal that is not the one this session has
        return True
