"""The routes."""

from __future__ import annotations

import functools
import logging
import uuid
from collections.abc import Callable
from pathlib import Path

import jinja2  # noqa: F401 - so that its absence is told before a page is asked for
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from autotrack.errors import (
    ArtifactNotFoundError,
    AutotrackError,
    ExperimentNotFoundError,
    ModelNotFoundError,
    RunNotFoundError,
    StoreError,
)
from autotrack.serving.allowed_hosts import Origins
from autotrack.store.store import Store
from autotrack.web.guard import SIGN_IN, Changes, Guard
from autotrack.web.pages import (
    changes,
    compare,
    experiments,
    registry,
    run,
    runs,
    search,
    signing_in,
    trying,
)
from autotrack.web.reading.found import Reader
from autotrack.web.site import Site, site_of

log = logging.getLogger("autotrack.web")

_MISSING = (ArtifactNotFoundError, ExperimentNotFoundError, ModelNotFoundError, RunNotFoundError)


def make_app(
    store: Store, *, origins: Origins, token: str | None = None, read_only: bool = False
) -> ASGIApp:
    """The application that shows a store.

    Parameters
    ----------
    store : Store
    origins : Origins
        Which names the server has.
    token : str or None
        What a browser has to bring along; None lets everyone in who reaches the server.
    read_only : bool
        Whether nothing can be changed from the pages.
    """
    app = make_pages(store, read_only=read_only)
    site: Site = app.state.site
    site.guard = Guard(app, origins, token)
    return site.guard


def make_pages(store: Store, *, read_only: bool = False) -> Starlette:
    """The pages alone, with nobody who looks at requests before they do."""
    static = StaticFiles(directory=Path(__file__).with_name("static"))
    app = Starlette(
        routes=[
            Route("/", _in_turn(experiments.experiments)),
            Route("/runs", _in_turn(runs.runs)),
            Route("/chart", _in_turn(runs.chart)),
            Route("/try", _in_turn(trying.form)),
            Route("/try", trying.answered, methods=["POST"]),
            Route("/view", _in_turn(runs.named)),
            Route("/view/change", changes.view, methods=["POST"]),
            Route("/complete", _in_turn(runs.complete)),
            Route("/held-out", _in_turn(registry.held_out)),
            Route("/models", _in_turn(registry.models)),
            Route("/models/{name}", _in_turn(registry.model)),
            Route("/models/{name}/change", changes.model, methods=["POST"]),
            Route("/runs/{run_id}/change", changes.run, methods=["POST"]),
            Route("/experiments/{experiment_id}/change", changes.experiment, methods=["POST"]),
            Route("/compare", _in_turn(compare.compared)),
            Route("/runs/{run_id}", _in_turn(run.run)),
            Route("/runs/{run_id}/search", _in_turn(search.search)),
            Route("/runs/{run_id}/file", _in_turn(run.raw)),
            Route(SIGN_IN, signing_in.form),
            Route(SIGN_IN, signing_in.enter, methods=["POST"]),
            Mount("/static", static, name="static"),
        ],
        exception_handlers={
            HTTPException: _refused,
            AutotrackError: _explained,
            Exception: _unforeseen,
        },
    )
    # To the address without a slash at its end, which may be anything.
    app.router.redirect_slashes = False
    app.state.site = Site(Reader(store), Changes(allowed=not read_only))
    return app


def _in_turn(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Let requests wait for each other: one connection reads for all, and gives up on a crowd."""

    @functools.wraps(handler)
    def answer(request: Request) -> Response:
        with site_of(request).turn:
            return handler(request)

    return answer


def _explained(request: Request, error: Exception) -> Response:
    """An error of autotrack's says itself what to do."""
    status = 404 if isinstance(error, _MISSING) else 503 if isinstance(error, StoreError) else 400
    return _problem(request, status, str(error))


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = "There is no such page." if error.status_code == 404 else error.detail
    return _problem(request, error.status_code, said)


def _unforeseen(request: Request, error: Exception) -> Response:
    """An error that is nobody's business but the server's, which finds it by its number."""
    number = uuid.uuid4().hex[:8]
    log.error("error %s", number, exc_info=error)
    return _problem(request, 500, f"Something went wrong here; the log has it under {number}.")


def _problem(request: Request, status: int, text: str) -> Response:
    titles = {403: "Refused", 404: "Not found", 500: "Error", 503: "The store cannot be read"}
    title = titles.get(status, "This cannot be done")
    return site_of(request).page(request, "error.html", status, title=title, text=text)
