"""Check a site that was built: every link leads somewhere, and nothing is fetched from elsewhere.

python docs/check.py build/docs
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself, as opposed to what is followed by a click.
_FETCHED = {
    "script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src",
    "audio": "src", "embed": "src", "object": "data", "link": "href",
}  # fmt: skip
_NOT_FETCHED = {"canonical", "author", "next", "prev", "index", "search", "home", "contents"}


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids.add(found.get("id", ""))
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        name = _FETCHED.get(tag)
        if name in found and found.get("rel", "") not in _NOT_FETCHED:
            self.fetched.append(found[name])


def problems(site: Path) -> Iterator[str]:
    """What is wrong with the site, a line each."""
    pages = {path: _Page(path.read_text("utf-8")) for path in site.rglob("*.html")}
    for path, page in pages.items():
        where = path.relative_to(site)
        for address in page.fetched:
            if why := _fetch(path, address):
                yield f"{where} fetches {address}{why}"
        for address in page.links:
            if why := _link(path, address, pages):
                yield f"{where} links to {address}{why}"
    for path in site.rglob("*.css"):
        text = path.read_text("utf-8")
        for address in re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')\s;]+)", text):
            if re.match(r"(?:https?:)?//", address):
                yield f"{path.relative_to(site)} fetches {address}"


def _fetch(path: Path, address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme == "data":
        return ""
    if parts.scheme or parts.netloc:
        return " from elsewhere"
    return "" if _target(path, address).exists() else ", which is not there"


def _link(path: Path, address: str, pages: Mapping[Path, _Page]) -> str:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or address in ("", "#"):
        return ""
    target = _target(path, address) if parts.path else path
    if not target.exists():
        return ", which is not there"
    place = unquote(parts.fragment)
    is_known = not place or target not in pages or place in pages[target].ids
    return "" if is_known else ", and that page has no such place"


def _target(path: Path, address: str) -> Path:
    return (path.parent / unquote(urlsplit(address).path)).resolve()


if __name__ == "__main__":
    found = list(problems(Path(sys.argv[1]).resolve()))
    sys.exit("\n".join(found) if found else 0)
