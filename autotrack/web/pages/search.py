"""The page of a search, live while it runs."""

from __future__ import annotations

import math

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from autotrack.web.drawing.recorded import spark
from autotrack.web.drawing.search import heat, sweep, threads
from autotrack.web.reading.search import SearchPage, read_search
from autotrack.web.reading.view import View
from autotrack.web.site import site_of

_MOST_SWEEPS = 6
_MOST_ROWS = 100


def search(request: Request) -> Response:
    """Show a search."""
    site = site_of(request)
    asked = request.query_params
    found = read_search(site.reader, request.path_params["run_id"], asked.get("metric", ""))
    everything = asked.get("all") == "1"
    return site.page(
        request,
        "search.html",
        search=found,
        record=found.record,
        rows=found.candidates if everything else found.candidates[:_MOST_ROWS],
        spark=spark,
        ends=_ends(found),
        charts=_charts(found),
        runs_of=View(
            where=f"parent_id = '{found.record.run_id}'",
            children=True,
            sort="metrics.rank_test_score",
        ).url(),
    )


def _ends(found: SearchPage) -> tuple[float, float] | None:
    """The least and the largest score of a split: all candidates are drawn between them."""
    scores = [score for c in found.candidates for _, score in c.splits if math.isfinite(score)]
    return (min(scores), max(scores)) if scores else None


def _charts(found: SearchPage) -> list[tuple[str, Markup]]:
    charts: list[tuple[str, Markup | None]] = []
    last = [c for c in found.candidates if c.rank or c.mean is None] or list(found.candidates)
    swept = list(found.swept)
    if len(swept) == 2:
        charts.append(("Two params", heat(last, swept[0], swept[1], found.metric)))
    elif len(swept) > 2:
        charts.append(("All params", threads(last, swept, found.metric)))
    charts += [(param, sweep(last, param, found.metric)) for param in swept[:_MOST_SWEEPS]]
    return [(name, drawing) for name, drawing in charts if drawing is not None]
