"""A real terminal for a script to run on, and what a person in front of it would see."""

from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable

from tests.waiting import PATIENCE

_WIDTH = 80
_CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


class Screen:
    """Understands what a progress bar needs: lines that are written over, and erased."""

    def __init__(self, width: int = _WIDTH) -> None:
        self.width = width
        self.lines = [""]
        self.column = 0

    def write(self, text: str) -> Screen:
        """Show `text`, as a terminal does."""
        place = 0
        while place < len(text):
            control = _CONTROL.match(text, place)
            if control is not None:
                place = control.end()
                if control[2] == "K":
                    self.lines[-1] = ""
                continue
            self._put(text[place])
            place += 1
        return self

    def _put(self, letter: str) -> None:
        if letter == "\r":
            self.column = 0
        elif letter == "\n":
            self.lines.append("")
        else:
            if self.column == self.width:  # the line is full, and this is one more
                self.lines.append("")
                self.column = 0
            line = self.lines[-1].ljust(self.column)
            self.lines[-1] = line[: self.column] + letter + line[self.column + 1 :]
            self.column += 1

    @property
    def text(self) -> list[str]:
        """The lines that hold something."""
        return [line.rstrip() for line in self.lines if line.strip()]


def on_terminal(
    code: str,
    *,
    act: Callable[[int, str], None] | None = None,
    timeout: float = PATIENCE,
    stdout: int | None = None,
    **environment: str,
) -> str:
    """Run code on a terminal of its own; everything that came out.

    `act` is called with the terminal's file descriptor and what came out so far, whenever more
    comes out.
    """
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, _WIDTH, 0, 0))
    settings = {"TERM": "xterm-256color", "AUTOTRACK_QUIET": "1", **environment}
    process = subprocess.Popen(
        [sys.executable, "-c", _CONTROLLING + code],
        stdin=theirs,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, **settings},
    )
    os.close(theirs)
    out, deadline = b"", time.monotonic() + timeout
    # Not `select`, which takes no descriptor above 1023: a long test session has so many.
    waiting = select.poll()
    waiting.register(ours, select.POLLIN)
    try:
        with contextlib.suppress(OSError):  # the other end is closed
            while time.monotonic() < deadline:
                if not waiting.poll(100):
                    continue
                more = os.read(ours, 1 << 16)
                if not more:
                    break
                out += more
                if act is not None:
                    act(ours, out.decode(errors="replace"))
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return out.decode(errors="replace")


# Makes the terminal the one that Ctrl-C comes from.
_CONTROLLING = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
