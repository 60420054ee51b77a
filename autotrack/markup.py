"""Values as small pieces of HTML, as notebooks show them: no script, light and dark, compact.

Colours are those of JupyterLab's theme where there is one, else those of what stands around; what
has a colour of its own is told by the system's choice of light or dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from autotrack.printable import printable

_LONGEST = 300
_MOST = 12
_FURTHER = 300
_STYLE = (
    ".autotrack-view{font-size:13px;line-height:1.45;color:var(--jp-content-font-color1,inherit);"
    "max-width:60em;overflow-wrap:break-word;--at-line:var(--jp-border-color2,rgba(128,128,128,.35));"
    "--at-warn:#855300;--at-bad:#a8322b}"
    "@media(prefers-color-scheme:dark){.autotrack-view{--at-warn:#ecc06c;--at-bad:#ff9d94}}"
    "[data-jp-theme-light=true] .autotrack-view{--at-warn:#855300;--at-bad:#a8322b}"
    "[data-jp-theme-light=false] .autotrack-view{--at-warn:#ecc06c;--at-bad:#ff9d94}"
    ".autotrack-view p{margin:.2em 0}"
    ".autotrack-view .soft{color:var(--jp-content-font-color2,inherit);opacity:.85}"
    ".autotrack-view .warn{color:var(--at-warn)}.autotrack-view .bad{color:var(--at-bad)}"
    ".autotrack-view table{border-collapse:collapse;margin:.3em 0;background:none}"
    ".autotrack-view td,.autotrack-view th{text-align:left;vertical-align:top;background:none;"
    "padding:.1em .9em .1em 0;border:0;border-bottom:1px solid var(--at-line);white-space:normal}"
    ".autotrack-view th{font-weight:600}.autotrack-view pre{white-space:pre-wrap;margin:.2em 0}"
)


def words(text: object, longest: int = _LONGEST) -> str:
    """A text of others as it can be seen, and no markup."""
    shown = str(text)
    if len(shown) > longest:
        shown = f"{shown[:longest]}…"
    return escape(printable(shown))


def view(*parts: str) -> str:
    """Parts in a frame of their own."""
    return f'<div class="autotrack-view"><style>{_STYLE}</style>{"".join(parts)}</div>'


def line(*parts: str, style: str = "") -> str:
    """Parts, which are markup, as a line."""
    return f"<p{f' class={style}' if style else ''}>{' '.join(filter(None, parts))}</p>"


def strong(text: object) -> str:
    """A text that stands out."""
    return f"<b>{words(text)}</b>"


def code(text: object) -> str:
    """A name or value."""
    return f"<code>{words(text)}</code>"


def soft(text: object) -> str:
    """A text that stands back."""
    return f'<span class="soft">{words(text)}</span>'


def pairs(title: str, held: Mapping[str, object] | Iterable[tuple[str, object]]) -> str:
    """Names with their values; many are folded."""
    found = list(held.items() if isinstance(held, Mapping) else held)
    return table((title, ""), [(code(name), words(value)) for name, value in found])


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows, which are markup, below a heading; those after the first dozen are folded."""
    if not rows:
        return ""
    head = "".join(f"<th>{words(name)}</th>" for name in heading)
    shown = f"<table><thead><tr>{head}</tr></thead><tbody>{_rows(rows[:_MOST])}</tbody></table>"
    if further := rows[_MOST:_FURTHER]:
        count = f"{len(rows) - _MOST:,} more"
        shown += (
            f"<details><summary>{count}</summary><table><tbody>{_rows(further)}</tbody></table>"
            "</details>"
        )
    return shown


def _rows(rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)


def lines(text: str) -> str:
    """A text of several lines as it stands."""
    return f"<pre>{escape(printable(text[:20_000], lines=True))}</pre>"
