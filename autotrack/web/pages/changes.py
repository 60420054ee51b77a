"""What can be changed from the pages: every change is a form with the secret of this server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from urllib.parse import parse_qs, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from autotrack.errors import AutotrackError, InvalidValueError
from autotrack.store.store import Store
from autotrack.store.tables.artifact_rows import unused
from autotrack.web.reading.view import View
from autotrack.web.rendering import url
from autotrack.web.site import DESCRIPTION, Site, site_of

Form = dict[str, str]
_MOST = 200_000
# Tags of our own say what runs depend on.
_OURS = "autotrack."


async def run(request: Request) -> Response:
    """Change a run."""
    return await _changed(request, _run)


async def experiment(request: Request) -> Response:
    """Change an experiment."""
    return await _changed(request, _experiment)


async def model(request: Request) -> Response:
    """Change a registered model."""
    return await _changed(request, _model)


async def view(request: Request) -> Response:
    """Keep or forget a named view."""
    return await _changed(request, _view)


async def _changed(
    request: Request, change: Callable[[Store, str, Form], tuple[str, str]]
) -> Response:
    site = site_of(request)
    form = await form_of(request, site)
    what = next(iter(request.path_params.values()), "")

    def in_turn() -> tuple[str, str]:
        with site.turn:
            return change(site.reader.store, what, form)

    to, said = await run_in_threadpool(in_turn)
    address = f"{to}&{urlencode({'said': said})}" if "?" in to else url(to, said=said)
    return RedirectResponse(address, 303)


async def form_of(request: Request, site: Site) -> Form:
    """The fields of a form of ours.

    Raises
    ------
    HTTPException
        If nothing may be changed, or the form is not one of our pages.
    """
    if not site.changes.allowed:
        raise HTTPException(403, "These pages are read-only (--read-only).")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST:
            raise HTTPException(413, "This is more than a form may hold.")
    text = body.decode("utf-8", "replace")
    form = {key: values[-1] for key, values in parse_qs(text, keep_blank_values=True).items()}
    if not site.changes.is_ours(form.get("csrf", "")):
        raise HTTPException(
            403, "This form is of an earlier start of the server. Go back, reload, and try again."
        )
    return form


def _run(store: Store, run_id: str, form: Form) -> tuple[str, str]:
    run_id = store.find_run(run_id)
    here = f"/runs/{run_id}"
    match form.get("do"):
        case "rename":
            store.rename_run(run_id, _given(form, "name"))
            return here, "renamed"
        case "describe":
            text = form.get("description", "").strip()
            if text:
                store.set_tags(run_id, {DESCRIPTION: text})
            else:
                store.delete_tag(run_id, DESCRIPTION)
            return here, "described"
        case "tag":
            store.set_tags(run_id, {_tag(form): form.get("value", "")})
            return here, "tagged"
        case "untag":
            store.delete_tag(run_id, _tag(form))
            return here, "untagged"
        case "delete":
            store.delete_run(run_id)
            return here, "deleted"
        case "restore":
            store.restore_run(run_id)
            return here, "restored"
        case "purge":
            return _purge(store, run_id)
    raise InvalidValueError("there is no such change of a run")


def _purge(store: Store, run_id: str) -> tuple[str, str]:
    record = store.get_run(run_id)
    if not record.deleted:
        raise InvalidValueError(f"run {run_id} is not deleted; delete it first")
    with store.transaction() as connection:
        locations = store.purge_run(run_id)
        # Files that another run or a registered model points at stay.
        free = unused(connection, locations)
    for location in free:
        with suppress(AutotrackError, OSError):
            store.artifacts.discard(location)
    return "/runs", "purged"


def _experiment(store: Store, experiment_id: str, form: Form) -> tuple[str, str]:
    match form.get("do"):
        case "rename":
            store.rename_experiment(experiment_id, _given(form, "name"))
            return "/", "renamed"
        case "delete":
            store.delete_experiment(experiment_id)
            return "/", "deleted"
        case "restore":
            store.restore_experiment(experiment_id)
            return "/", "restored"
    raise InvalidValueError("there is no such change of an experiment")


def _model(store: Store, name: str, form: Form) -> tuple[str, str]:
    here = f"/models/{name}"
    match form.get("do"):
        case "alias":
            version = store.model_version(name, _given(form, "version"))
            store.set_model_alias(name, _given(form, "alias"), version.version)
            return here, "alias"
        case "unalias":
            store.delete_model_alias(name, _given(form, "alias"))
            return here, "unalias"
        case "describe":
            store.update_model(name, description=form.get("description", "").strip())
            return here, "described"
    raise InvalidValueError("there is no such change of a model")


def _view(store: Store, _: str, form: Form) -> tuple[str, str]:
    match form.get("do"):
        case "keep":
            # Only what means something to the page of runs, in the way that it writes it.
            query = parse_qs(form.get("address", "").partition("?")[2], keep_blank_values=True)
            address = View.of(QueryParams([(k, v) for k, held in query.items() for v in held]))
            store.put_view(_given(form, "name"), address.url())
            return address.url(), "view"
        case "delete":
            store.delete_view(_given(form, "name"))
            return "/runs", "unview"
    raise InvalidValueError("there is no such change of a view")


def _given(form: Form, field: str) -> str:
    text = form.get(field, "").strip()
    if not text:
        raise InvalidValueError(f"the {field} is empty")
    return text


def _tag(form: Form) -> str:
    key = _given(form, "key")
    if key.startswith(_OURS):
        raise InvalidValueError(f"tags that begin with {_OURS!r} are autotrack's own")
    return key
