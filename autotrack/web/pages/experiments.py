"""The first page: every experiment, and of the newest what was best."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from autotrack.web.reading.glance import glances
from autotrack.web.site import site_of


def experiments(request: Request) -> Response:
    """Show the experiments."""
    site = site_of(request)
    deleted = request.query_params.get("deleted") == "1"
    found = glances(site.reader, request.query_params.getlist("experiment"))
    shown = [g for g in found if deleted or not g.deleted]
    return site.page(
        request,
        "experiments.html",
        glances=shown,
        hidden=len(found) - len(shown),
        is_running=any(g.counts.get("RUNNING") for g in shown),
    )
