"""The page that holds runs against each other."""

from __future__ import annotations

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from autotrack.web.drawing.recorded import overlaid
from autotrack.web.reading.compare import MOST, compare
from autotrack.web.site import site_of


def compared(request: Request) -> Response:
    """Show runs beside each other."""
    site = site_of(request)
    asked = [run for run in request.query_params.getlist("run") if run]
    if len(set(asked)) < 2:
        text = "Tick two or more runs in the table of runs, and compare them from there."
        return site.page(request, "error.html", title="Compare", text=text)
    found = compare(site.reader, asked)
    charts: list[tuple[str, Markup]] = []
    for name, curves in found.curves:
        if (drawing := overlaid(curves, name)) is not None:
            charts.append((name, drawing))
    return site.page(
        request,
        "compare.html",
        found=found,
        asked=[line.run_id for line in found.runs],
        further=max(0, len(set(asked)) - MOST),
        charts=charts,
        code=[
            change
            for change in (found.explanation.changes if found.explanation else ())
            if change.section == "code"
        ],
    )
