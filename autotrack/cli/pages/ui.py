"""`autotrack ui`: the store as pages in a browser."""

from __future__ import annotations

import ipaddress
import logging
import os
import secrets
import signal
import sys
import threading
import webbrowser
from urllib.parse import quote

import click

from autotrack._version import __version__
from autotrack.cli.group import Unable, existing_store, main, store_option
from autotrack.cli.printing import say
from autotrack.errors import InvalidValueError
from autotrack.printable import printable

_EXTRA = "pip install 'sklearn-autotrack[ui]'"
_NEEDED = ("starlette", "uvicorn", "httptools", "jinja2", "markupsafe")


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True,
              help="Address to listen at. At any but that of this machine alone, a token is "
              "asked for.")  # fmt: skip
@click.option("--port", default=8421, show_default=True, type=click.IntRange(0, 65535),
              help="0 is any that is free.")  # fmt: skip
@click.option("--token", envvar="AUTOTRACK_UI_TOKEN", show_envvar=True,
              help="What a browser has to bring along; by default one is made up where one is "
              "needed. In the variable, others on this machine do not see it.")  # fmt: skip
@click.option("--read-only", is_flag=True, help="Nothing can be changed from the pages.")
@click.option("--allow-host", "allowed", multiple=True, metavar="NAME",
              help="A further name that the server may be addressed by, such as that of a "
              "proxy.")  # fmt: skip
@click.option("--with-stdin", is_flag=True,
              help="End when standard input does: when whoever started the server "
              "ends.")  # fmt: skip
@click.option("--open/--no-open", "opens", default=False, help="Open it in a browser.")
@store_option
def ui(
    host: str,
    port: int,
    token: str | None,
    read_only: bool,
    allowed: tuple[str, ...],
    with_stdin: bool,
    opens: bool,
) -> None:
    """Look at runs, searches, comparisons and models in a browser.

    It is for this machine alone unless --host says otherwise, and no page loads anything from
    elsewhere.

    \b
    Example:
      autotrack ui --open
    """
    try:
        from autotrack.serving.allowed_hosts import Origins
        from autotrack.serving.processes import bind, run
        from autotrack.web.app import make_app
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _NEEDED:
            raise
        raise Unable(f"the pages need {package}: {_EXTRA}") from error
    if token is not None and (len(token.strip()) < _SHORTEST_TOKEN or not token.isascii()):
        raise InvalidValueError(
            f"the token has fewer than {_SHORTEST_TOKEN} characters, or some that are not ASCII; "
            "leave it out to have one made up"
        )
    store = existing_store()
    if token is None and (not _is_loopback(host) or allowed):
        token = secrets.token_urlsafe(24)
    app = make_app(store, origins=Origins(host, allowed), token=token, read_only=read_only)
    try:
        listening = bind(host, port)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", error)
        raise Unable(
            f"cannot listen at {host}:{port} ({why}); choose another with --port, "
            "0 being any that is free"
        ) from error
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Log("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    name, chosen = listening.getsockname()[:2]
    shown = f"[{name}]" if ":" in name else name
    address = f"http://{shown}:{chosen}/" + (f"?token={quote(token)}" if token else "")
    say(f"autotrack {__version__} shows {store.root}")
    say(f"  {address}")
    sys.stdout.flush()
    if opens:
        webbrowser.open(address)
    if with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    sys.exit(run(app, listening, 1))


def _end_with_stdin() -> None:
    while sys.stdin.buffer.read(1 << 10):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


_SHORTEST_TOKEN = 8


class _Log(logging.Formatter):
    """Lines for the log, in which whatever a request has brought is seen and not obeyed."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record), lines=True)


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
