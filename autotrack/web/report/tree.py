"""Pages of ours as trees of elements, and back to text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from html.parser import HTMLParser

#: Elements that have no end.
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
Nodes = list["Element | str"]


class Element:
    """An element; what it holds are elements and texts, which are escaped already."""

    __slots__ = ("attributes", "holds", "tag")

    def __init__(
        self, tag: str, attributes: dict[str, str] | None = None, holds: Nodes | None = None
    ) -> None:
        self.tag = tag
        self.attributes = attributes or {}
        self.holds: Nodes = holds if holds is not None else []

    @property
    def classes(self) -> frozenset[str]:
        """The names of its class."""
        return frozenset(self.attributes.get("class", "").split())

    def below(self) -> Iterator[Element]:
        """Every element in it."""
        for node in self.holds:
            if isinstance(node, Element):
                yield node
                yield from node.below()

    def find(self, matches: Callable[[Element], bool]) -> Element | None:
        """The first element in it that matches."""
        return next((element for element in self.below() if matches(element)), None)

    def write(self, to: list[str]) -> None:
        """Append its text."""
        attributes = "".join(
            f' {name}="{escape(value)}"' if value else f" {name}"
            for name, value in self.attributes.items()
        )
        to.append(f"<{self.tag}{attributes}>")
        if self.tag in _VOID:
            return
        for node in self.holds:
            if isinstance(node, Element):
                node.write(to)
            else:
                to.append(node)
        to.append(f"</{self.tag}>")


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.root = Element("")
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].holds.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].holds.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        for place in range(len(self._open) - 1, 0, -1):
            if self._open[place].tag == tag:
                del self._open[place:]
                return

    def handle_data(self, data: str) -> None:
        # What follows a character that begins nothing; texts of pages are escaped.
        self._open[-1].holds.append(escape(data, quote=False))

    def handle_entityref(self, name: str) -> None:
        self._open[-1].holds.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._open[-1].holds.append(f"&#{name};")


def parsed(page: str) -> Element:
    """A page as a tree."""
    builder = _Builder()
    builder.feed(page)
    builder.close()
    return builder.root
