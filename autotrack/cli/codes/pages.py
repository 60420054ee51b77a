"""The pages of all codes, in the order of their numbers."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from importlib import resources

from autotrack.analysis.evidence.catalogue import GRADES, KINDS
from autotrack.runtime.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """What is to be said of a code.

    Attributes
    ----------
    code : str
    title : str
        What a finding is, or the class of an error or warning.
    kind : {"finding", "error", "warning"}
    grade : str
        Of a finding, how grave it is; else empty.
    text : str
        Paragraphs of Markdown.
    """

    code: str
    title: str
    kind: str
    grade: str
    text: str


@functools.cache
def pages() -> Mapping[str, Page]:
    """All pages, by code."""
    findings = (
        Page(kind.code, kind.title, "finding", GRADES[kind.grade], f"{kind.why}\n\n{kind.remedy}")
        for kind in KINDS.values()
    )
    found = [*findings, *_errors()]
    return {page.code: page for page in sorted(found, key=lambda page: page.code)}


def _errors() -> Iterator[Page]:
    text = resources.files(__package__).joinpath("errors.md").read_text("utf-8")
    for section in text.split("\n## ")[1:]:
        heading, _, body = section.partition("\n")
        code, _, title = heading.partition(": ")
        kind = "warning" if title.endswith("Warning") else "error"
        yield Page(code, title, kind, "", body.strip())
