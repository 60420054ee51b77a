"""The processes that answer: one, or several that were forked with the model in memory.

Servers that fork by themselves were tried with a model of 50 MB. uvicorn 0.54 and granian 2.8 start
fresh interpreters, so each worker loads the model again (65 and 55 MB of its own). gunicorn 27 with
``--preload`` shares it, replaces a killed worker and stops in time. But its workers go on answering
when their parent was killed, and one that dies as it starts is started again without a pause and
without an end (128 times in 12 s).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from types import FrameType
from typing import NoReturn

import uvicorn
from starlette.types import ASGIApp

from autotrack.errors import InvalidValueError
from autotrack.serving.connections import BoundedProtocol

log = logging.getLogger("autotrack.serving")

#: Seconds that requests have to finish in when the server is to stop.
_GRACE = 3
# Seconds that a thread may go on while another one waits.
_TURN = 1e-3
# A worker that lives shorter than this (seconds) was not well from the start.
_SHORT_LIFE = 5.0
# After so many of them in a row there is no hope.
_MOST_SHORT_LIVES = 6
_LONGEST_PAUSE = 15.0
_STOPPING = {signal.SIGINT, signal.SIGTERM}


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any that is free.

    Raises
    ------
    OSError
        If the address cannot be had.
    """
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server(address[:2], family=family, backlog=2048)


def check_count(workers: int) -> None:
    """See whether there can be so many processes.

    Raises
    ------
    InvalidValueError
        If this platform cannot fork.
    """
    if workers > 1 and not hasattr(os, "fork"):
        raise InvalidValueError(
            f"--workers {workers} needs fork, which this platform does not have; start several "
            "servers, each with a port of its own"
        )


def run(app: ASGIApp, listening: socket.socket, workers: int) -> int:
    """Serve until SIGTERM or SIGINT, and then until what has begun is answered.

    With several workers the model is in memory once: they are forked, and the collector of cycles
    does not touch what was there before, which would copy it.

    Returns
    -------
    int
        The exit code: 0 after a stop, 1 if no worker can live.
    """
    gc.collect()
    gc.freeze()
    # A thread that reads a large body hands over to the loop that soon.
    sys.setswitchinterval(_TURN)
    if workers == 1:
        _serve(app, listening)
        return 0
    return _Pool(app, listening, workers).run()


def _serve(app: ASGIApp, listening: socket.socket, lifeline: int | None = None) -> None:
    """Be a server in this process; with a `lifeline`, stop when its other end is closed."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        http=BoundedProtocol,
        timeout_graceful_shutdown=_GRACE,
    )
    server = _Server(config, lifeline)
    # uvicorn stops at these too once it has started, and raises them again when it has stopped.
    before = {number: signal.signal(number, server.ask_to_stop) for number in _STOPPING}
    try:
        server.run(sockets=[listening])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, lifeline: int | None) -> None:
        super().__init__(config)
        self._lifeline = lifeline

    def ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        """Stop, also where it was asked before it had begun."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and hold on to the lifeline."""
        await super().startup(sockets)
        if self._lifeline is not None:
            loop = asyncio.get_running_loop()
            loop.add_reader(self._lifeline, self._orphaned, loop)

    def _orphaned(self, loop: asyncio.AbstractEventLoop) -> None:
        assert self._lifeline is not None
        loop.remove_reader(self._lifeline)
        self.ask_to_stop(signal.SIGTERM, None)


class _Pool:
    """Forks workers, and others in the place of those that die."""

    def __init__(self, app: ASGIApp, listening: socket.socket, count: int) -> None:
        self._app = app
        self._listening = listening
        self._count = count
        self._on_new_class: dict[int, float] = {}
        self._short_lives = 0
        # Whoever forked them being gone, however that came, workers read the end of this.
        self._lifeline, self._held = os.pipe()

    def run(self) -> int:
        """Keep them alive until told to stop."""
        signals = {*_STOPPING, signal.SIGCHLD}
        # Waited for instead of handled, so that none is missed between two looks.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        try:
            due = [0.0] * self._count
            while True:
                now = time.monotonic()
                for _ in [moment for moment in due if moment <= now]:
                    self._fork(before)
                due = [moment for moment in due if moment > now]
                wait = max(0.0, min(due) - now) if due else 60.0
                received = signal.sigtimedwait(signals, wait)
                if received is not None and received.si_signo in _STOPPING:
                    return self._stop(signals)
                due += [time.monotonic() + self._pause(pid, code) for pid, code in self._dead()]
                if self._short_lives >= _MOST_SHORT_LIVES:
                    log.error("%d workers died young one after the other", self._short_lives)
                    self._stop(signals)
                    return 1
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _fork(self, mask: set[signal.Signals] | set[int]) -> None:
        pid = os.fork()
        if pid == 0:
            self._live(mask)
        self._on_new_class[pid] = time.monotonic()

    def _live(self, mask: set[signal.Signals] | set[int]) -> NoReturn:
        """Be a worker."""
        code = 1
        try:
            os.close(self._held)
            # Until it serves, there is nothing to finish.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            _serve(self._app, self._listening, self._lifeline)
            code = 0
        except BaseException:
            log.exception("a worker failed")
        finally:
            os._exit(code)

    def _dead(self) -> list[tuple[int, int]]:
        """Those that have ended, and how."""
        found = []
        for pid in list(self._on_new_class):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                found.append((pid, os.waitstatus_to_exitcode(status)))
        return found

    def _pause(self, pid: int, code: int) -> float:
        """How long to wait with the next, which is longer each time that none lives."""
        lived = time.monotonic() - self._on_new_class.pop(pid)
        self._short_lives = self._short_lives + 1 if lived < _SHORT_LIFE else 0
        pause = min(_LONGEST_PAUSE, 0.25 * 2**self._short_lives) if self._short_lives else 0.0
        log.warning("worker %d ended with %d; another starts in %.1f s", pid, code, pause)
        return pause

    def _stop(self, signals: set[signal.Signals]) -> int:
        """Let all finish what they have begun; a second signal, or too long a time, ends them."""
        self._tell(signal.SIGTERM)
        last = time.monotonic() + _GRACE + 1.5
        while self._on_new_class:
            for pid, _ in self._dead():
                del self._on_new_class[pid]
            if not self._on_new_class:
                break
            received = signal.sigtimedwait(signals, max(0.0, last - time.monotonic()))
            if received is None or received.si_signo in _STOPPING:
                self._tell(signal.SIGKILL)
        return 0

    def _tell(self, number: signal.Signals) -> None:
        for pid in self._on_new_class:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
