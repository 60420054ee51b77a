"""`autotrack serve`: a model over HTTP."""

from __future__ import annotations

import logging
import re
import socket
import sys

import click

from autotrack._version import __version__
from autotrack.cli.group import Unable, main, store_option
from autotrack.cli.printing import say
from autotrack.cli.trust import trust_option
from autotrack.crates.trust.trust import Word
from autotrack.entities import ModelVersion
from autotrack.errors import InvalidValueError
from autotrack.printable import printable
from autotrack.tracking.api.models import find_version
from autotrack.tracking.api.search import load_model
from autotrack.tracking.workspace import workspace

_EXTRA = "pip install 'sklearn-autotrack[serve]'"
_NEEDED = ("fastapi", "uvicorn", "starlette", "pydantic", "pydantic_core", "fastapi_offline")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_LOOPBACK = ("127.", "::1", "localhost")


def _bytes(ctx: click.Context, param: click.Parameter, value: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)b?", value.strip(), re.IGNORECASE)
    if match is None:
        raise click.BadParameter(f"expected a size such as 500kB, 10MB or 1GB, got {value!r}")
    return int(float(match[1]) * _UNITS[match[2].lower()])


@main.command()
@click.argument("uri")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535),
              help="0 is any that is free.")  # fmt: skip
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1),
              help="Processes that answer; they share the model's memory.")  # fmt: skip
@click.option("--token", envvar="AUTOTRACK_SERVE_TOKEN", show_envvar=True,
              help="What requests have to bring along. In the variable, others on this machine do "
              "not see it.")  # fmt: skip
@click.option("--max-body", default="10MB", show_default=True, callback=_bytes, metavar="SIZE",
              help="How large a request may be.")  # fmt: skip
@click.option("--allow-host", "allowed", multiple=True, metavar="NAME",
              help="A further name that requests may address the server by, and whose pages may "
              "ask it; * is any. localhost and --host are allowed.")  # fmt: skip
@trust_option
@store_option
def serve(
    uri: str,
    host: str,
    port: int,
    workers: int,
    token: str | None,
    max_body: int,
    allowed: tuple[str, ...],
    trust: Word,
) -> None:
    """Answer requests with the predictions of a model.

    URI is runs:/<run_id>/model, models:/<name>/<version>, models:/<name>@<alias> or the folder of
    a crate. Everything about the requests is in the documentation that the server has at /docs.

    \b
    Example:
      autotrack serve models:/coffee@champion --workers 4
    """
    try:
        from autotrack.serving.allowed_hosts import Origins
        from autotrack.serving.app import make_app
        from autotrack.serving.model import Served
        from autotrack.serving.openapi import assets
        from autotrack.serving.processes import bind, check_count, run

        assets()  # found, and not imported
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        raise Unable(f"serving needs {error.name}: {_EXTRA}") from error
    check_count(workers)
    if token is not None and (not token.strip() or not token.isascii()):
        raise InvalidValueError("the token is empty or not ASCII; leave it out to let everyone in")
    version = find_version(workspace.store(), uri) if uri.startswith("models:") else None
    # What is served is the version that the alias means now.
    crate = load_model(uri if version is None else version.uri, trust=trust)
    served = Served(crate, uri, version)
    app = make_app(served, token=token, most_bytes=max_body, origins=Origins(host, allowed))
    try:
        listening = bind(host, port)
    except OSError as error:
        raise Unable(
            f"cannot listen at {host}:{port} ({error.strerror}); choose another with --port, "
            "0 being any that is free"
        ) from error
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Log("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    _announce(served.crate.manifest.estimator, uri, version, listening, token is not None)
    workspace.forget()  # the store has said what it was asked, and nothing is recorded here
    sys.exit(run(app, listening, workers))


class _Log(logging.Formatter):
    """Lines for the log, in which whatever a request has brought is seen and not obeyed."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record), lines=True)


def _announce(
    estimator: str, uri: str, version: ModelVersion | None, listening: socket.socket, guarded: bool
) -> None:
    host, port = listening.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    what = uri if version is None else f"{uri}, version {version.version}"
    say(f"autotrack {__version__} serves {estimator} ({what})")
    say(f"  {address}/predict")
    say(f"  {address}/docs")
    if not guarded and not host.startswith(_LOOPBACK):
        say(f"autotrack: whoever reaches {host} can use it; --token keeps others out", error=True)
    sys.stdout.flush()
