"""A page's content as a part of a file: what needs a server or a script is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from urllib.parse import unquote, urlsplit

from autotrack.web.report.tree import Element, Nodes

#: What does nothing in a file.
_LEFT_OUT = frozenset(
    "script noscript button select input textarea label iframe link meta template object embed"
    " base".split()
)
_LEFT_OUT_CLASSES = frozenset("menu columns actions pager theme skip reset notice".split())
_LEFT_OUT_IDS = frozenset({"picked", "compare"})
_NAMING = ("aria-labelledby", "aria-describedby", "aria-controls", "for", "headers")
#: Attributes that say what only a script or a server would do.
_IDLE = ("data-", "on")
_IDLE_NAMES = frozenset({"aria-expanded", "aria-sort", "style", "src", "srcset", "action"})
_HEADINGS = {f"h{level}": f"h{min(level + 1, 6)}" for level in range(1, 7)}


class Part:
    """One page on its way into a file.

    Parameters
    ----------
    prefix : str
        What comes before its ids, which are those of no other part then.
    anchors : mapping
        Where pages stand in the file, by their paths.
    drawing : callable
        The drawing at an address of which the page has only the place.
    """

    def __init__(
        self, prefix: str, anchors: Mapping[str, str], drawing: Callable[[str], Nodes]
    ) -> None:
        self._prefix = prefix
        self._anchors = anchors
        self._drawing = drawing

    def nodes(self, nodes: Nodes, *, drawn: bool = False) -> Nodes:
        """What becomes of several elements and texts."""
        found: Nodes = []
        for node in nodes:
            found += [node] if isinstance(node, str) else self._element(node, drawn)
        return found

    def _element(self, element: Element, drawn: bool) -> Nodes:
        tag, attributes = element.tag, element.attributes
        if (
            tag in _LEFT_OUT
            or element.classes & _LEFT_OUT_CLASSES
            or attributes.get("id") in _LEFT_OUT_IDS
        ):
            return []
        if tag == "form":
            keeps = element.find(lambda e: e.tag == "table" or "drawing" in e.classes)
            return self.nodes(element.holds) if keeps is not None else []
        if tag == "img":
            return []
        if tag == "a":
            return self._link(element, drawn)
        if tag == "time" and "title" in attributes:
            # How long ago it was is another matter when somebody reads it.
            return [Element("time", self._kept(attributes), [escape(attributes["title"])])]
        holds = element.holds
        if address := attributes.get("data-load"):
            holds = self._drawing(address)
        drawn = drawn or tag == "svg"
        made = self.nodes(holds, drawn=drawn)
        if tag in ("p", "span", "div", "li", "ul", "section") and element.holds and not made:
            return []
        return [Element(_HEADINGS.get(tag, tag), self._kept(attributes), made)]

    def _link(self, element: Element, drawn: bool) -> Nodes:
        address = element.attributes.get("href", "")
        holds = self.nodes(element.holds, drawn=drawn)
        anchor = ""
        if address.startswith("#"):
            anchor = f"#{self._prefix}{address[1:]}"
        else:
            split = urlsplit(address)
            if not split.scheme and not split.netloc and "file=" not in split.query:
                anchor = self._anchors.get(unquote(split.path), "")
        kept = self._kept(element.attributes)
        kept.pop("href", None)
        if anchor:
            return [Element("a", {"href": anchor, **kept}, holds)]
        if "button" in element.classes:
            return []
        return [Element("g" if drawn else "span", kept, holds)]

    def _kept(self, attributes: Mapping[str, str]) -> dict[str, str]:
        return {
            name: self._own(name, value)
            for name, value in attributes.items()
            if not name.startswith(_IDLE)
            and name not in _IDLE_NAMES
            and (name not in ("href", "xlink:href") or value.startswith("#"))
        }

    def _own(self, name: str, value: str) -> str:
        """The value of an attribute, with ids of this part."""
        if name == "id":
            return f"{self._prefix}{value}"
        if name in _NAMING:
            return " ".join(f"{self._prefix}{each}" for each in value.split())
        return f"url(#{self._prefix}{value[5:]}" if value.startswith("url(#") else value
