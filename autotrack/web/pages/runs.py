"""The page of runs: the table, and what the filter leaves drawn below it."""

from __future__ import annotations

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from autotrack.errors import FilterError
from autotrack.store.search import pages
from autotrack.web.drawing.scatter import Scatter, scatter_of
from autotrack.web.drawing.swept import coordinates, importances, read_swept
from autotrack.web.reading.found import Found, Reader
from autotrack.web.reading.kinds import TITLES, Kinds
from autotrack.web.reading.table import Column, column_of, table
from autotrack.web.reading.view import (
    ATTRIBUTES,
    CHARTS,
    SIZES,
    STATUSES,
    View,
    condition,
    with_condition,
)
from autotrack.web.rendering import render
from autotrack.web.site import Site, site_of

_MANY = {"threads": coordinates, "importance": importances}
_NOTES = {
    "threads": "The params that matter most stand nearest to the score.",
    "importance": "How much of the order of the scores goes with each param by itself: the "
    "unbiased correlation ratio of their ranks. What matters only together is not seen by it.",
}
_MOST_COMPLETIONS = 40
_GROUP_METRICS = ("cv", "held", "other", "train")
_FEW = 3
_MOST_AXES = 300


def runs(request: Request) -> Response:
    """Show the runs that the address asks for."""
    site = site_of(request)
    view = View.of(request.query_params)
    problem = ""
    try:
        found = site.reader.found(view)
    except FilterError as error:
        problem, found = str(error), Found((), ())
    shown = table(site.reader, view, found)
    with site.reader.store.reading() as connection:
        experiments = pages.names_of_experiments(connection)
    kinds = site.reader.kinds()
    return site.page(
        request,
        "runs.html",
        view=view,
        table=shown,
        problem=problem,
        experiments=experiments,
        statuses=STATUSES,
        attributes=ATTRIBUTES,
        sizes=SIZES,
        titles={**TITLES, "params": "Params"},
        groups=_groups(site, view, found) if view.group and not problem else None,
        axes_of=_axes(site, view, found),
        chart_url=view.url().replace("/runs", "/chart", 1),
        is_running=any(row.line.status == "RUNNING" for row in shown.rows),
        axes=_axis_choices(found, kinds),
        charts=CHARTS,
        views=site.reader.store.views(),
    )


def named(request: Request) -> Response:
    """Lead to the view of a name."""
    name = request.query_params.get("name", "")
    address = dict(site_of(request).reader.store.views()).get(name)
    if address is None:
        raise HTTPException(404, "There is no view of this name.")
    return RedirectResponse(address, 302)


def _axis_choices(found: Found, kinds: Kinds) -> list[Column]:
    """What the chart may have for its axes; what most runs have comes first."""
    columns = [column_of(f"{k.family}.{k.key}", kinds) for k in found.keys[:_MOST_AXES]]
    return [c for c in columns if c is not None and c.band != "part"]


def complete(request: Request) -> Response:
    """The keys of a family that hold a text, those that begin with it first."""
    asked = request.query_params.get("text", "").lower()
    family = request.query_params.get("family", "")
    keys = sorted(site_of(request).reader.keys(family))
    holding = [key for key in keys if asked in key.lower()]
    holding.sort(key=lambda key: not key.lower().startswith(asked))
    return JSONResponse(holding[:_MOST_COMPLETIONS])


def _groups(site: Site, view: View, found: Found) -> dict[str, object] | None:
    """The values of a param with what their runs scored."""
    if not view.group.startswith("params."):
        return None
    kinds = site.reader.kinds()
    metrics = [k.key for k in found.keys if k.family == "metrics"]
    asked = view.y.removeprefix("metrics.")
    metric = asked if asked in metrics else _first_score(site.reader, metrics)
    with site.reader.store.reading() as connection:
        rows = pages.groups(connection, found.matches, view.group.removeprefix("params."), metric)
    column = column_of(f"metrics.{metric}", kinds) if metric else None
    return {
        "metric": column,
        "rows": [
            {
                "known": held is not None,
                "value": None if held is None else held[0],
                "count": count,
                "scored": scored,
                "least": least,
                "mean": mean,
                "most": most,
                "url": view.url(
                    group="",
                    where=with_condition(
                        view.where,
                        condition(view.group, None if held is None else held[0]),
                    ),
                ),
            }
            for held, count, scored, least, mean, most in rows
        ],
    }


def _first_score(reader: Reader, metrics: list[str]) -> str:
    kinds = reader.kinds()
    for kind in _GROUP_METRICS:
        for key in metrics:
            if kinds.of_key(key) == kind:
                return key
    return ""


def chart(request: Request) -> Response:
    """The chart of a view, which is a request of its own so that no table waits for it."""
    site = site_of(request)
    view = View.of(request.query_params)
    drawn = site.reader.remembered(("chart", view), lambda: _drawn(site, view))
    return render("_chart.html", chart=drawn, csrf="", note=_NOTES.get(view.chart, ""))


def _drawn(site: Site, view: View) -> Scatter | None:
    found = site.reader.found(view)
    x, y = _axes(site, view, found)
    if view.chart:
        swept = read_swept(site.reader, found, y)
        made = None if swept is None else _MANY[view.chart](swept)
        return Scatter("", y, made or Markup(""), 0 if swept is None else len(swept.runs))
    drawn = scatter_of(site.reader, found.matches, x, y)
    if drawn is not None and drawn.count < _FEW and not view.x:
        return scatter_of(site.reader, found.matches, "started", y)
    return drawn


def _axes(site: Site, view: View, found: Found) -> tuple[str, str]:
    """What the chart shows: what was asked for, else a score over a param that varies."""
    kinds = site.reader.kinds()
    metrics = [k for k in found.keys if k.family == "metrics"]
    scores = [k for k in metrics if kinds.of_key(k.key) in ("cv", "held")]
    others = [k for k in metrics if kinds.of_key(k.key) == "other"]
    y = view.y or next((f"metrics.{k.key}" for k in scores or others), "")
    varied = [
        f"params.{k.key}"
        for k in found.keys
        if k.family == "params" and k.values > 1 and k.runs > found.sample // 10
    ]
    return view.x or (varied[0] if varied else "started"), y
