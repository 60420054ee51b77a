"""A proxy that stands before a server and behaves badly, as it is told."""

from __future__ import annotations

import http.client
import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class BadProxy:
    """Forwards each call, and then perhaps loses the answer.

    Attributes
    ----------
    dropped : float
        The share of answers that are lost, after the server has done what was asked.
    refused : float
        The share of calls that are answered with 503, or 429 and Retry-After.
    drop_next : list of str
        Ends of paths: the answer to the next call of the first one is lost, and so on.
    refuse_for_good : str
        Calls with this in their path are answered with 400.
    delay : float
        Seconds before each answer.
    log : list of str
        What was asked, with what became of it.
    """

    def __init__(self, port: int, seed: int = 0) -> None:
        self.dropped = self.refused = self.delay = 0.0
        self.drop_next: list[str] = []
        self.refuse_for_good = ""
        self.log: list[str] = []
        self._random = random.Random(seed)
        self._upstream = port
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                proxy.forward(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # A client that was killed is no news.
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.uri = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def forward(self, asked: BaseHTTPRequestHandler) -> None:
        body = asked.rfile.read(int(asked.headers.get("Content-Length") or 0))
        what = f"{asked.command} {asked.path.partition('?')[0]}"
        if self.refuse_for_good and self.refuse_for_good in what:
            self.log.append(f"{what} refused for good")
            asked.send_response(400)
            asked.send_header("Content-Length", "0")
            asked.end_headers()
            return
        if self._random.random() < self.refused:
            self.log.append(f"{what} refused")
            asked.send_response(self._random.choice([429, 503]))
            asked.send_header("Retry-After", "0")
            asked.send_header("Content-Length", "0")
            asked.end_headers()
            return
        upstream = http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=60)
        try:
            kept = {"content-type", "authorization", "user-agent"}
            headers = {k: v for k, v in asked.headers.items() if k.lower() in kept}
            upstream.request(asked.command, asked.path, body, headers)
            answer = upstream.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.log.append(f"{what} lost")
            asked.close_connection = True
            return
        finally:
            upstream.close()
        time.sleep(self.delay)
        named = bool(self.drop_next) and what.endswith(self.drop_next[0])
        if named or self._random.random() < self.dropped:
            self.drop_next = self.drop_next[named:]
            self.log.append(f"{what} dropped")
            asked.close_connection = True
            return
        self.log.append(f"{what} {answer.status}")
        try:
            asked.send_response(answer.status)
            asked.send_header("Content-Type", answer.headers.get("Content-Type") or "text/plain")
            asked.send_header("Content-Length", str(len(content)))
            asked.end_headers()
            asked.wfile.write(content)
        except OSError:
            asked.close_connection = True

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
