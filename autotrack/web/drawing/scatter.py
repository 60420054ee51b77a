"""A metric of all runs that match, over a param, another metric or time: points, no lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from autotrack.runtime.dataclass import dataclass
from autotrack.store.search import pages
from autotrack.web.drawing import svg
from autotrack.web.reading.found import Reader
from autotrack.web.reading.kinds import error_of
from autotrack.web.rendering import number, url, value

# Up to so many points each is a link to its run; more are drawn together, and beyond the second
# number counted in small squares, so that none is left out.
_MOST_LINKS = 400
_MOST_DOTS = 4000
_SQUARE = 5
_SHADES = 4
_FEWEST = 2


@dataclass(frozen=True, slots=True)
class Scatter:
    """A drawn chart, and what it shows."""

    x: str
    y: str
    drawing: Markup
    count: int


def scatter_of(reader: Reader, numbers: Sequence[int], x: str, y: str) -> Scatter | None:
    """The chart of these runs; None where no more than one of them has both."""
    family, _, key = y.partition(".")
    if family != "metrics" or not key:
        return None
    error = (error_of(key) or ("", ""))[0]
    with reader.store.reading() as connection:
        found = pages.points(connection, numbers, x, key, error)
        named = {}
        if len(found) <= _MOST_LINKS:
            named = pages.names_of(connection, [point[0] for point in found])
    if len(found) < _FEWEST:
        return Scatter(x, y, Markup(""), len(found))
    return Scatter(x, y, draw(found, named, x, y), len(found))


def draw(
    found: Sequence[tuple[int, Any, float, float | None]],
    named: dict[int, tuple[str, str]],
    x: str,
    y: str,
) -> Markup:
    """The points of runs; those that are `named` lead to their pages."""
    if len(found) > _MOST_DOTS:
        return _many(found, x, y)
    found = [p for p in found if math.isfinite(p[2]) and _is_finite(p[1])]
    left, right = svg.LEFT, svg.WIDTH - svg.RIGHT
    places: list[float]
    if any(isinstance(p[1], str) for p in found):
        texts = [value(p[1], 40) for p in found]
        across, order = svg.categories(texts, left, right)
        places = [across.place(order[t] + _spread(p[0])) for t, p in zip(texts, found, strict=True)]
    elif x == "started":
        across = svg.times([p[1] for p in found], left, right)
        places = [across.place(p[1]) for p in found]
    else:
        across = svg.numeric([float(p[1]) for p in found], left, right, may_be_log=True)
        places = [across.place(float(p[1])) for p in found]
    ends = [p[2] + sign * p[3] for p in found if p[3] and math.isfinite(p[3]) for sign in (-1, 1)]
    up = svg.numeric([*(p[2] for p in found), *ends], svg.HEIGHT - svg.BOTTOM, svg.TOP)
    names = x.removeprefix("params.").removeprefix("metrics."), y.removeprefix("metrics.")
    content = [svg.frame(across, up, *names)]
    if len(found) <= _MOST_LINKS:
        for at, (run, _, score, spread) in zip(places, found, strict=True):
            content.append(_point(at, up, score, spread, named.get(run), names[1]))
    else:
        dots = [(at, up.place(p[2])) for at, p in zip(places, found, strict=True)]
        content.append(svg.dots(dots, 2, "dots"))
    return svg.chart(Markup("").join(content), f"{names[1]} of {len(found):,} runs over {names[0]}")


def _point(
    at: float,
    up: svg.Axis,
    score: float,
    spread: float | None,
    named: tuple[str, str] | None,
    metric: str,
) -> Markup:
    y = up.place(score)
    bar = Markup("")
    if spread and math.isfinite(spread):
        bar = Markup('<line class="error" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
            at, up.place(score - spread), up.place(score + spread)
        )
    dot = Markup('<circle class="dot" cx="{}" cy="{}" r="4"/>').format(at, y)
    if named is None:
        return bar + dot
    words = f"{named[1]}\n{metric} {number(score)}" + (f" ± {number(spread, 2)}" if bar else "")
    return Markup('<a href="{}" tabindex="-1">{}{}{}</a>').format(
        url(f"/runs/{named[0]}"), svg.tip(words), bar, dot
    )


def _many(found: Sequence[tuple[int, Any, float, float | None]], x: str, y: str) -> Markup:
    """Tens of thousands of points, counted in squares."""
    left, right = svg.LEFT, svg.WIDTH - svg.RIGHT
    held = [p[1] for p in found]
    different = set(held)
    up_to = np.fromiter((p[2] for p in found), float, len(found))
    order: dict[Any, int] = {}
    if any(isinstance(each, str) for each in different):
        shown = {each: value(each, 40) for each in different}
        across, places_of = svg.categories([shown[each] for each in held], left, right)
        order = {each: places_of[words] for each, words in shown.items()}
        runs = np.fromiter((p[0] for p in found), np.int64, len(found))
        at = np.fromiter((order[each] for each in held), float, len(held)) + _spread(runs)
    else:
        at = np.fromiter(held, float, len(held))
    finite = np.isfinite(at) & np.isfinite(up_to)
    at, up_to = at[finite], up_to[finite]
    if not len(at):
        return Markup("")
    if not order:
        ends = [float(at.min()), float(at.max())]
        if x == "started":
            across = svg.times(ends, left, right)
        else:
            across = svg.numeric([*ends, *at[:1000].tolist()], left, right, may_be_log=True)
    ends = [float(up_to.min()), float(up_to.max())]
    up = svg.numeric(ends, svg.HEIGHT - svg.BOTTOM, svg.TOP)
    places = np.stack([across.places(at), up.places(up_to)], axis=1) // _SQUARE
    # One number for a square: to count numbers is quicker than to count pairs.
    squares, each_of = np.unique(places[:, 0] * 1000 + places[:, 1], return_counts=True)
    counts = {
        (int(square // 1000), int(square % 1000)): int(count)
        for square, count in zip(squares, each_of, strict=True)
    }
    names = x.removeprefix("params.").removeprefix("metrics."), y.removeprefix("metrics.")
    content = svg.frame(across, up, *names) + _squares(counts)
    return svg.chart(content, f"{names[1]} of {len(at):,} runs over {names[0]}")


def _squares(counts: Mapping[tuple[int, int], int]) -> Markup:
    most = max(counts.values())
    shades: list[list[str]] = [[] for _ in range(_SHADES)]
    for (x, y), count in counts.items():
        shade = math.ceil(_SHADES * math.log1p(count) / math.log1p(most)) - 1
        shades[shade].append(f"M{x * _SQUARE} {y * _SQUARE}h{_SQUARE}v{_SQUARE}h-{_SQUARE}z")
    return Markup("").join(
        Markup('<path class="square shade{}" d="{}"/>').format(index, "".join(path))
        for index, path in enumerate(shades)
        if path
    )


def _spread(number: Any) -> Any:
    """A little to the side, and always the same, so that points do not hide each other."""
    return ((number * 2654435761) % 1000 / 1000 - 0.5) * 0.36


def _is_finite(found: Any) -> bool:
    return isinstance(found, str) or math.isfinite(found)
