"""What all pages share: the store, the way to change it, and the frame around each page."""

from __future__ import annotations

import threading
from dataclasses import field
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from autotrack.runtime.dataclass import dataclass
from autotrack.web.guard import Changes, Guard
from autotrack.web.reading.found import Reader
from autotrack.web.rendering import render

#: The pages that stand in the head of each.
PLACES = (
    ("/", "Experiments"),
    ("/runs", "Runs"),
    ("/held-out", "Held-out sets"),
    ("/models", "Models"),
)


#: The tag that holds what somebody wrote about a run.
DESCRIPTION = "description"
#: What a page says after a change, by what stands in its address.
_SAID = {
    "renamed": "Renamed.",
    "described": "The description is kept.",
    "tagged": "The tag is kept.",
    "untagged": "The tag is removed.",
    "deleted": "Deleted. Nothing is lost: it can be restored.",
    "restored": "Restored.",
    "purged": "Removed for good, and its files with it.",
    "view": "The view is kept.",
    "unview": "The view is forgotten; no run is.",
    "alias": "The alias has moved.",
    "unalias": "The alias is removed.",
}


@dataclass(slots=True)
class Site:
    """What handlers need besides the request; `turn` is held by the one that is at work."""

    reader: Reader
    changes: Changes
    guard: Guard | None = None
    turn: threading.Lock = field(default_factory=threading.Lock)

    def page(
        self, request: Request, template: str, status: int = 200, /, **values: Any
    ) -> HTMLResponse:
        """A page with its frame."""
        return render(
            template,
            status,
            places=PLACES,
            here=request.url.path,
            folder=str(self.reader.store.root),
            may_change=self.changes.allowed,
            csrf=self.changes.token,
            said=_SAID.get(request.query_params.get("said", ""), ""),
            **values,
        )


def site_of(request: Request) -> Site:
    """The site that a request came to."""
    site: Site = request.app.state.site
    return site
