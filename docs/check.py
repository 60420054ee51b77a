"""Check a site that was built: every link leads somewhere, and nothing is fetched from elsewhere.

python docs/check.py build/docs
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
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
            if urlsplit(address).scheme not in ("", "data") or address.startswith("//"):
                yield f"{where} fetches {address}"
            elif not address.startswith("data:") and not _target(path, address).exists():
                yield f"{where} fetches {address}, which is not there"
        for address in page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or address in ("", "#"):
                continue
            target = _target(path, address) if parts.path else path
            if not target.exists():
                yield f"{where} links to {address}, which is not there"
            elif parts.fragment and target in pages:
                if unquote(parts.fragment) not in pages[target].ids:
                    yield f"{where} links to {address}, and that page has no such place"
    for path in site.rglob("*.css"):
        for address in re.findall(
            r"(?:url\(|@import)\s*[\"']?([^\"')\s;]+)", path.read_text("utf-8")
        ):
            if re.match(r"(?:https?:)?//", address):
                yield f"{path.relative_to(site)} fetches {address}"


def _target(path: Path, address: str) -> Path:
    return (path.parent / unquote(urlsplit(address).path)).resolve()


if __name__ == "__main__":
    found = list(problems(Path(sys.argv[1]).resolve()))
    sys.exit("\n".join(found) if found else 0)
