"""The page of one run, and its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from autotrack.entities import Artifact
from autotrack.errors import AutotrackError
from autotrack.web.drawing.recorded import drawn, spark
from autotrack.web.guard import SANDBOX
from autotrack.web.reading import files
from autotrack.web.reading.found import Reader
from autotrack.web.reading.kinds import TITLES
from autotrack.web.reading.run import read_run
from autotrack.web.rendering import url
from autotrack.web.site import site_of

_MOST_DRAWINGS = 12
_MOST_SENT = 50_000_000
_MOST_FILES = 300


def run(request: Request) -> Response:
    """Show a run."""
    site = site_of(request)
    asked = request.path_params["run_id"]
    shown = read_run(site.reader, asked)
    if shown.record.run_id != asked:
        return RedirectResponse(url(f"/runs/{shown.record.run_id}"), 302)
    path = request.query_params.get("file", "")
    preview = files.preview(site.reader.store, shown.record.run_id, path) if path else None
    return site.page(
        request,
        "run.html",
        run=shown,
        record=shown.record,
        titles={**TITLES, "behind": "Times and places"},
        spark=spark,
        preview=preview,
        drawings=drawings(site.reader, shown.record.run_id, shown.files),
        most_files=_MOST_FILES,
    )


def raw(request: Request) -> Response:
    """A file of a run, as it is: a picture or a page in a box of its own, all else to keep."""
    path = request.query_params.get("path", "")
    store = site_of(request).reader.store
    content, size = files.read(store, request.path_params["run_id"], path, _MOST_SENT)
    ending = PurePosixPath(path).suffix.lower()
    kind = files.PICTURES.get(ending) or files.BOXED.get(ending)
    headers = {"content-security-policy": SANDBOX}
    if kind is None or size > len(content) or request.query_params.get("keep") == "1":
        kind = "application/octet-stream"
        headers["content-disposition"] = "attachment"
    if size > len(content):
        raise AutotrackError(
            f"{path} is larger than {_MOST_SENT:,} bytes; get it with "
            f"autotrack.download_artifact({request.path_params['run_id']!r}, {path!r})"
        )
    return Response(content, media_type=kind, headers=headers)


def drawings(
    reader: Reader, run_id: str, artifacts: Sequence[Artifact]
) -> list[tuple[str, Markup]]:
    """The charts of the tables that a run holds."""
    found: list[tuple[str, Markup]] = []
    for artifact in artifacts:
        if not artifact.path.startswith("scores/") or not artifact.path.endswith(".csv"):
            continue
        if len(found) == _MOST_DRAWINGS:
            break
        try:
            heading, rows = files.table(reader.store, run_id, artifact.path)
        except (AutotrackError, OSError, ValueError):
            continue
        name = artifact.path.removeprefix("scores/").removesuffix(".csv")
        if (drawing := drawn(heading, rows, name)) is not None:
            found.append((name, drawing))
    return found
