"""The pages of held-out sets and of registered models."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from autotrack.entities import ModelVersion
from autotrack.web.reading.ledger import held_out_sets
from autotrack.web.site import site_of


def held_out(request: Request) -> Response:
    """Show which models were judged on which data."""
    site = site_of(request)
    sets, further = held_out_sets(site.reader)
    return site.page(request, "held_out.html", sets=sets, further=further)


def models(request: Request) -> Response:
    """Show the registered models."""
    site = site_of(request)
    by_name: dict[str, list[ModelVersion]] = {}
    for version in site.reader.store.model_versions():
        by_name.setdefault(version.name, []).append(version)
    return site.page(request, "models.html", models=by_name)


def model(request: Request) -> Response:
    """Show one model with its versions."""
    site = site_of(request)
    name = request.path_params["name"]
    versions = site.reader.store.model_versions(name)
    description, tags = site.reader.store.model_description(name)
    return site.page(
        request,
        "model.html",
        name=name,
        versions=versions,
        description=description,
        tags=tags,
        aliases=sorted((a, v.version) for v in versions for a in v.aliases),
    )
