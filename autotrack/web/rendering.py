"""Templates to pages: whatever was recorded is escaped, and spelt out where it is not visible."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from autotrack._version import __version__
from autotrack.analysis import words
from autotrack.analysis.alike import span_of
from autotrack.printable import described, printable

# Imported where they are used: Markdown is made of the same texts without them.
if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup
    from starlette.responses import HTMLResponse

_LONGEST = 60
_LARGEST_WHOLE = 10**15


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("autotrack.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "value": value,
        "moment": moment,
        "exact_moment": exact_moment,
        "ago": ago,
        "span": span,
        "size": size,
        "cut": cut,
        "exact": exact,
        "thousands": "{:,}".format,
        "key": breakable,
        "title_of": words.title,
        "telling": words.telling,
        "params_of": words.ordered_params,
        "span_of": span_of,
    }
    environment.globals |= {"url": url, "version": __version__}
    return environment


def render(template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """The page that a template makes of values."""
    from starlette.responses import HTMLResponse

    return HTMLResponse(_environment().get_template(template).render(values), status)


def url(path: str, /, **query: Any) -> str:
    """An address of this server; parts of the query that are None, empty or False are left out."""
    kept: list[tuple[str, str]] = []
    for key, asked in query.items():
        several = asked if isinstance(asked, list | tuple) else [asked]
        kept += [(key, "1" if v is True else str(v)) for v in several if v not in (None, "", False)]
    text = urlencode(kept, errors="replace")
    return f"{quote(path, safe='/@:', errors='replace')}{'?' + text if text else ''}"


def _shown(found: Any) -> Any:
    """What is written into a page: a text of others as it can be seen."""
    if isinstance(found, str) and not hasattr(found, "__html__"):
        return printable(found, lines=True)
    return "" if found is None else found


def exact(text: str) -> Markup:
    """A text for a field of a form, which has to come back as it was."""
    from markupsafe import escape

    return escape(text)


def breakable(key: str) -> Markup:
    """A key that may be broken behind its underscores."""
    from markupsafe import Markup, escape

    return Markup("_<wbr>").join(escape(printable(key)).split("_"))


def cut(text: object, longest: int = _LONGEST) -> str:
    """The beginning of a text, with a mark where it goes on."""
    shown = str(text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def number(found: float | None, digits: int = 5) -> str:
    """A number in so many digits."""
    if found is None:
        return ""
    if isinstance(found, bool) or not isinstance(found, int | float):
        return described(found)
    near = nearest(found)
    if not math.isfinite(near):
        return {"nan": "NaN", "inf": "∞", "-inf": "-∞"}[str(near)]
    if found and abs(found) < 10**-4:
        return f"{found:.3g}"
    if isinstance(found, int):
        return f"{found:,}" if abs(found) < _LARGEST_WHOLE else f"{near:.6g}"
    return f"{found:.{digits}g}"


def nearest(found: int | float) -> float:
    """The float that is nearest."""
    try:
        return float(found)
    except OverflowError:
        return math.inf if found > 0 else -math.inf


def value(found: Any, longest: int = _LONGEST) -> str:
    """The value of a param."""
    if isinstance(found, bool) or found is None:
        return str(found)
    if isinstance(found, int | float):
        return number(found, 6) if abs(found) >= 1e-4 or not found else f"{found:g}"
    if isinstance(found, str):
        return cut(found, longest)
    if isinstance(found, Mapping | Sequence):
        return cut(json.dumps(found, default=str, ensure_ascii=False), longest)
    return cut(described(found, longest), longest)


def moment(time: datetime) -> str:
    """A time where the server is."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M")


def exact_moment(time: datetime) -> str:
    """A time as machines read it."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def ago(time: datetime) -> str:
    """How long ago something was; of what is more than a week ago the day."""
    seconds = (datetime.now(UTC) - time).total_seconds()
    for limit, unit, name in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if seconds < limit:
            return f"{max(seconds, 0) // unit:.0f} {name} ago"
    if seconds < 7 * 86400:
        days = int(seconds // 86400)
        return f"{days} day{'s' if days > 1 else ''} ago"
    return time.astimezone().strftime("%Y-%m-%d")


def span(time: timedelta | float | None) -> str:
    """A span of time."""
    if time is None:
        return ""
    seconds = time.total_seconds() if isinstance(time, timedelta) else time
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02} h" if hours else f"{minutes}:{rest:02} min"


def size(count: float) -> str:
    """A number of bytes."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
