"""What a connection may take: of time until a request is there, and of room for its head.

uvicorn waits for a request as long as the client likes, and keeps whatever headers it is sent.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Literal

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Seconds for a request's line and headers, from its first byte or the begin of the connection.
HEAD_SECONDS = 10.0
#: Seconds without a byte of the body; and bytes a second that it has to come with in the end.
BODY_SECONDS = 15.0
LEAST_RATE = 16_000
#: Bytes that a request's line and headers may have, and how many headers there may be.
MOST_HEAD = 64_000
MOST_HEADERS = 100
#: Seconds for a client that has stopped to take its answer, and once the connection is over.
STALL_SECONDS = 30.0
FAREWELL_SECONDS = 3.0
_TICK = 1.0

_Part = Literal["head", "body", "none"]


class BoundedProtocol(HttpToolsProtocol):
    """A connection that ends when its client is too slow, or its headers are too large."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What is being received, since when, and when some of it came last.
        self._part: _Part = "head"
        self._since = self._last = 0.0
        # Bytes of that part; of a head also those of its finished headers, and their number.
        self._received = self._head = self._headers = 0
        self._watch: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._refusal: HTTPStatus | None = None

    # -- the transport --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._watch = self.loop.call_later(_TICK, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._part = "none"
        self._stop_watching()
        self._let_stall()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass on what has come, unless it is too much."""
        if self.transport.is_closing():
            return
        since = self._since
        super().data_received(data)
        if self._part == "none":
            self._stop_watching()
            return
        self._last = self.loop.time()
        if self._since == since:  # else the chunk holds the end of another part as well
            self._received += len(data)
        if self._part == "head" and self._received > MOST_HEAD:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._watch is None:
            self._watch = self.loop.call_later(_TICK, self._look)

    def pause_writing(self) -> None:
        """Give the client some time to take its answer."""
        super().pause_writing()
        self._abort_after(STALL_SECONDS)

    def resume_writing(self) -> None:
        """Go on, as it takes its answer."""
        self._let_stall()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """End the connection, as no further request came."""
        super().timeout_keep_alive_handler()
        self._abort_after(FAREWELL_SECONDS)

    def shutdown(self) -> None:
        """Finish what is being answered, and wait for no request that is only half there."""
        super().shutdown()
        if self._part != "none" and not self.transport.is_closing():
            self.transport.close()

    # -- what the parser finds ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._begin("head")
        self._head = self._headers = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of its address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one of its headers."""
        self._headers += 1
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin its body."""
        super().on_headers_complete()
        self._begin("body")

    def on_message_complete(self) -> None:
        """Have all of it."""
        super().on_message_complete()
        self._part = "none"

    def _begin(self, part: _Part) -> None:
        self._part = part
        self._since = self._last = self.loop.time()
        self._received = 0

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > MOST_HEAD or self._headers > MOST_HEADERS:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise ValueError("the headers are too large")  # to the parser, which hands it on

    # -- the end of patience --------------------------------------------------------------------

    def _look(self) -> None:
        """See every now and then whether the client goes on."""
        self._watch = None
        if self._part == "none" or self.transport.is_closing():
            return
        if self._is_too_slow(self.loop.time()):
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self._watch = self.loop.call_later(_TICK, self._look)

    def _is_too_slow(self, now: float) -> bool:
        if self._part == "head":
            # Behind a request that is being answered it waits its turn.
            return now - self._since > HEAD_SECONDS and not self._is_answering()
        if self.flow.read_paused:  # it is the server that does not go on
            self._since += now - self._last
            self._last = now
            return False
        allowed = BODY_SECONDS + self._received / LEAST_RATE
        return now - self._last > BODY_SECONDS or now - self._since > allowed

    def _is_answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser could not read."""
        if self._refusal is None:
            super().send_400_response(msg)
        else:
            self._refuse(self._refusal)

    def _refuse(self, status: HTTPStatus) -> None:
        """Say what is wrong, where nothing else is being said, and hang up."""
        begun = bool(self.cycle) and self.cycle.response_started
        if not (self._is_answering() and begun):
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            self.transport.write(f"{head}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        self.transport.close()
        self._abort_after(FAREWELL_SECONDS)

    def _abort_after(self, seconds: float) -> None:
        """Give the client so long to take what is left to be sent."""
        self._let_stall()
        self._stall = self.loop.call_later(seconds, self.transport.abort)

    def _let_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
