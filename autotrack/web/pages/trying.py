"""A form that asks a model, made from its contract; the model runs in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from autotrack.crates.folder import opened
from autotrack.errors import ModelNotFoundError
from autotrack.store.store import Store
from autotrack.web.drawing.recorded import bars
from autotrack.web.pages.changes import form_of
from autotrack.web.reading import files
from autotrack.web.site import Site, site_of

_RUN = re.compile(r"runs:/([0-9a-f]{32})/([^/]+)")
_VERSION = re.compile(r"models:/(.+)/(\d+)")
_SECONDS = 60
_MOST_FIELDS = 200
_MOST_BARS = 20
_MOST_ANSWER = 5_000_000
_FIELD = "column:"
# Models may be large, and so may what they compute.
_turns = threading.Semaphore(2)


def form(request: Request) -> Response:
    """Show what can be asked."""
    site = site_of(request)
    uri = request.query_params.get("uri", "")
    return _page(request, site, uri, manifest_of(site.reader.store, uri), {}, {})


async def answered(request: Request) -> Response:
    """Ask the model, and show what it says."""
    site = site_of(request)
    given = await form_of(request, site)
    uri = given.get("uri", "")
    store = site.reader.store
    manifest = await run_in_threadpool(manifest_of, store, uri)
    row = {k.removeprefix(_FIELD): v for k, v in given.items() if k.startswith(_FIELD)}
    asked = {"uri": uri} if given.get("do") == "weights" else {"uri": uri, "row": row}
    answer = await run_in_threadpool(_ask, store, asked)
    return await run_in_threadpool(_page, request, site, uri, manifest, row, answer)


def manifest_of(store: Store, uri: str) -> Mapping[str, Any]:
    """What is written down about a crate of this store.

    Raises
    ------
    ModelNotFoundError
        If there is none at this address.
    """
    found: Any = None
    if of_run := _RUN.fullmatch(uri):
        found = files.manifest(store, of_run[1], of_run[2])
    elif version := _VERSION.fullmatch(uri):
        for stored in store.model_files(version[1], int(version[2])):
            if stored.path == "manifest.json":
                with opened(store.artifacts.resolve(stored.location)) as (file, _):
                    found = json.loads(file.read())
    if not isinstance(found, dict):
        raise ModelNotFoundError(f"there is no model {uri} whose manifest can be read")
    return found


def _ask(store: Store, asked: Mapping[str, Any]) -> dict[str, Any]:
    with _turns:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "autotrack.web.once"],
                input=json.dumps(asked).encode(),
                env={**os.environ, "AUTOTRACK_STORE": str(store.root.absolute())},
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"problem": f"The model said nothing within {_SECONDS} seconds."}
    try:
        answer = json.loads(done.stdout[:_MOST_ANSWER])
    except ValueError:
        answer = {"problem": f"The process of the model ended with {done.returncode}."}
    return answer if isinstance(answer, dict) else {}


def _page(
    request: Request,
    site: Site,
    uri: str,
    manifest: Mapping[str, Any],
    row: Mapping[str, str],
    answer: Mapping[str, Any],
) -> Response:
    if not site.changes.allowed:
        raise HTTPException(403, "These pages are read-only (--read-only), and ask no model.")
    schema = manifest.get("schema")
    listed = schema.get("columns") if isinstance(schema, dict) else None
    columns = [c for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []
    return site.page(
        request,
        "try.html",
        uri=uri,
        estimator=str(manifest.get("estimator", "")),
        columns=[_column(place, column) for place, column in enumerate(columns)],
        most=_MOST_FIELDS,
        row=row,
        answer=answer,
        proba=_proba(answer),
        weights=_weights(answer.get("weights") or ()),
        field=_FIELD,
    )


def _column(place: int, column: Mapping[str, Any]) -> dict[str, Any]:
    name = column.get("name")
    low, high, levels = (column.get(key) for key in ("minimum", "maximum", "levels"))
    middle = ""
    if isinstance(low, int | float) and isinstance(high, int | float):
        whole = isinstance(low, int) and isinstance(high, int)
        middle = str((low + high) // 2) if whole else f"{(low + high) / 2:.6g}"
    choices = [str(each) for each in levels] if isinstance(levels, list) else []
    return {
        "name": str(place if name is None else name),
        "dtype": str(column.get("dtype", "")),
        "choices": choices,
        "middle": middle or (choices[0] if choices else ""),
        "low": low,
        "high": high,
    }


def _proba(answer: Mapping[str, Any]) -> Markup | None:
    shares, classes = answer.get("proba"), answer.get("classes")
    if not isinstance(shares, list) or not isinstance(classes, list):
        return None
    if len(shares) != len(classes) or not all(isinstance(s, int | float) for s in shares):
        return None
    pairs = [(str(name), float(share), 0.0) for name, share in zip(classes, shares, strict=True)]
    return bars(pairs[:_MOST_BARS], "probability of each class")


def _weights(found: Sequence[Mapping[str, Any]]) -> list[tuple[str, Markup]]:
    return [
        (each["title"], bars([(n, float(v), 0.0) for n, v in each["rows"][:_MOST_BARS]],
                             each["title"]))
        for each in found
        if each["rows"]
    ]  # fmt: skip
