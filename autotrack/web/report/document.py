"""Which pages stand in a file, and the document around them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Match, Route

from autotrack._version import __version__
from autotrack.entities import Experiment, RunRecord
from autotrack.errors import InvalidValueError
from autotrack.printable import printable
from autotrack.runtime.dataclass import dataclass
from autotrack.store.search.query import Query
from autotrack.store.store import Store
from autotrack.web.app import make_pages
from autotrack.web.reading.compare import MOST
from autotrack.web.reading.found import Reader
from autotrack.web.reading.glance import Glance, glances
from autotrack.web.reading.search import read_search
from autotrack.web.rendering import cut, url
from autotrack.web.report.rewriting import Part
from autotrack.web.report.tree import Element, Nodes, parsed

_MOST_RUNS = 200
_MOST_FINDINGS = 4
_STATIC = Path(__file__).parents[1] / "static"


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is to stand in a file.

    Attributes
    ----------
    address : str
        Of the page, as a server would be asked.
    title : str
        What the contents call it.
    keep : str
        The id of the heading of the one section to keep; empty for all.
    """

    address: str
    title: str
    keep: str = ""


def run_document(store: Store, record: RunRecord) -> str:
    """A run, or a search with its candidates, as a document of its own."""
    pages = [Page(f"/runs/{record.run_id}", "The run")]
    if record.kind == "search":
        pages.insert(0, Page(url(f"/runs/{record.run_id}/search", all=True), "The search"))
        found = read_search(Reader(store), record.run_id, "")
        ranked = [candidate.line.run_id for candidate in found.candidates if candidate.rank]
        if len(ranked) > 1:
            pages.append(Page(url("/compare", run=ranked[:2]), "The best two candidates"))
        pages[1] = Page(pages[1].address, "Its scores on held-out data, findings and crate")
    return _document(store, record.name or record.run_id, pages)


def comparison_document(store: Store, run_ids: Sequence[str]) -> str:
    """Runs beside each other as a document of its own."""
    if not 2 <= len(set(run_ids)) <= MOST:
        raise InvalidValueError(f"two to {MOST} runs can be compared, and these are {len(run_ids)}")
    return _document(
        store, f"{len(run_ids)} runs compared", [Page(url("/compare", run=run_ids), "Comparison")]
    )


def experiment_document(store: Store, experiment: Experiment) -> str:
    """An experiment as a document of its own: what was best, and all that stands behind it."""
    asked = experiment.experiment_id
    reader = Reader(store)
    glance = next((g for g in glances(reader, [asked]) if str(g.experiment_id) == asked), None)
    pages = [Page(url("/", experiment=asked), "At a glance", f"experiment-{asked}")]
    pages += _best(store, glance) if glance is not None else []
    runs = url("/runs", experiment=asked, size=_MOST_RUNS)
    return _document(store, experiment.name, [*pages, Page(runs, "Runs")])


def _best(store: Store, glance: Glance) -> list[Page]:
    pages = []
    if glance.best is not None and glance.second is not None:
        both = [glance.best.line.run_id, glance.second.line.run_id]
        pages.append(Page(url("/compare", run=both), "The best and the second best"))
    shown: dict[str, str] = {}
    if glance.best is not None:
        line = glance.best.line
        if line.kind == "candidate" and line.parent_id:
            search = url(f"/runs/{line.parent_id}/search", all=True)
            pages.append(Page(search, "The search that found the best"))
            shown[line.parent_id] = "Its run"
        else:
            shown[line.run_id] = "The best"
    for *_, run_id in glance.held:
        shown.setdefault(run_id, "The run that was scored on held-out data")
    for found in [row[0] for row in glance.findings if row[1]][:_MOST_FINDINGS]:
        for row in store.search(Query([str(glance.experiment_id)], limit=_MOST_RUNS)):
            if found in store.codes_found([row.run_id]).get(row.run_id, ()):
                shown.setdefault(row.run_id, f"A run with {found}")
                break
    pages += [Page(f"/runs/{run_id}", title) for run_id, title in shown.items()]
    return pages


def _document(store: Store, title: str, pages: Sequence[Page]) -> str:
    app = make_pages(store, read_only=True)
    anchors = {}
    for number, page in reversed(list(enumerate(pages))):
        anchors[urlsplit(page.address).path] = f"#part{number}"
    anchors.pop("/", None)
    parts: list[str] = []
    for number, page in enumerate(pages):
        others = {path: a for path, a in anchors.items() if a != f"#part{number}"}
        made = Part(f"p{number}-", others, lambda address: _drawing(app, address))
        nodes = made.nodes(_main(_answer(app, page.address), page.keep))
        written: list[str] = []
        Element("", {}, nodes).write(written)
        parts.append(
            f'<section class="part" id="part{number}" aria-label="{escape(page.title)}">'
            f"{''.join(written[1:-1])}</section>"
        )
    contents = ""
    if len(pages) > 1:
        links = [f'<li><a href="#part{n}">{escape(p.title)}</a></li>' for n, p in enumerate(pages)]
        contents = f'<nav class="contents" aria-label="Contents"><ol>{"".join(links)}</ol></nav>'
    style = "".join(
        (_STATIC / name).read_text(encoding="utf-8") for name in ("style.css", "report.css")
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    # A frame's ancestors cannot be named here; everything else is refused but this style.
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    shown = escape(printable(cut(title, 200)))
    made_at = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy, quote=True)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{shown} · autotrack</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f'<header class="top"><span class="brand">autotrack</span><h1>{shown}</h1></header>\n'
        f'<main id="main">{contents}{"".join(parts)}</main>\n'
        f'<footer class="bottom">Written by autotrack {__version__}, {escape(made_at)}. Nothing in '
        "this file is loaded from elsewhere.</footer>\n</body>\n</html>\n"
    )


def _answer(app: Starlette, address: str) -> Element:
    """The page at an address, asked of its handler itself."""
    split = urlsplit(address)
    scope = {
        "type": "http",
        "method": "GET",
        "path": split.path,
        "raw_path": split.path.encode(),
        "root_path": "",
        "scheme": "http",
        "server": ("localhost", 80),
        "query_string": split.query.encode(),
        "headers": [],
        "app": app,
    }
    for route in app.routes:
        match, more = route.matches(scope)
        if match is Match.FULL and isinstance(route, Route):
            answer = route.endpoint(Request({**scope, **more}))
            return parsed(bytes(answer.body).decode("utf-8"))
    raise LookupError(address)


def _main(page: Element, keep: str) -> Nodes:
    main = page.find(lambda e: e.tag == "main")
    assert main is not None
    if keep:
        kept = main.find(lambda e: e.attributes.get("aria-labelledby") == keep)
        return [kept] if kept is not None else []
    return main.holds


def _drawing(app: Starlette, address: str) -> Nodes:
    """The drawing that a page leaves to a request of its own."""
    drawn = _answer(app, address).find(lambda e: e.attributes.get("id") == "drawing")
    return drawn.holds if drawn is not None else []
