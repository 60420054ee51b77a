"""The charts of a search: a heat map of two params, and threads through many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from autotrack.web.drawing import svg
from autotrack.web.drawing.scatter import draw
from autotrack.web.reading.search import Candidate
from autotrack.web.rendering import cut, number, url, value

_MOST_CELLS = 24
_MOST_THREADS = 400
_MOST_AXES = 8


def sweep(candidates: Sequence[Candidate], param: str, metric: str) -> Markup | None:
    """The score of each candidate over one param, with its standard error."""
    found = [
        (c.line.number, _plain(c.line.params[param]), c.mean, c.error)
        for c in candidates
        if c.mean is not None and math.isfinite(c.mean) and param in c.line.params
    ]
    if len(found) < 2:
        return None
    named = {c.line.number: (c.line.run_id, c.line.name) for c in candidates}
    if any(isinstance(x, str) for _, x, _, _ in found):
        found = [(n, value(x, 40), mean, error) for n, x, mean, error in found]
    return draw(found, named, f"params.{param}", f"mean of {metric}")


def heat(candidates: Sequence[Candidate], across: str, up: str, metric: str) -> Markup | None:
    """The best score for each pair of values of two params."""
    best: dict[tuple[str, str], tuple[float, Candidate]] = {}
    for c in candidates:
        if c.mean is None or not math.isfinite(c.mean):
            continue
        if across in c.line.params and up in c.line.params:
            pair = value(c.line.params[across], 12), value(c.line.params[up], 12)
            if pair not in best or c.mean > best[pair][0]:
                best[pair] = c.mean, c
    xs = _ordered([c.line.params[across] for c in candidates if across in c.line.params])
    ys = _ordered([c.line.params[up] for c in candidates if up in c.line.params])
    if not best or not 1 < len(xs) <= _MOST_CELLS or not 1 < len(ys) <= _MOST_CELLS:
        return None
    low = min(mean for mean, _ in best.values())
    high = max(mean for mean, _ in best.values())
    left, top = 110, 10
    width = min(84.0, (svg.WIDTH - left - 10) / len(xs))
    height = max(24.0, min(40.0, 300 / len(ys)))
    content = []
    for j, y in enumerate(reversed(ys)):
        content.append(svg.text(left - 8, top + (j + 0.5) * height + 4, y, "tick", "end"))
        for i, x in enumerate(xs):
            content.append(
                _cell(best.get((x, y)), (left + i * width, top + j * height), (width, height),
                      (low, high), metric)
            )  # fmt: skip
    below = top + len(ys) * height
    for i, x in enumerate(xs):
        content.append(svg.text(left + (i + 0.5) * width, below + 16, cut(x, 10), "tick"))
    middle = left + len(xs) * width / 2
    content.append(svg.text(middle, below + 36, cut(across, 60), "axis"))
    content.append(
        Markup('<text class="axis" text-anchor="middle" transform="translate(14 {}) rotate(-90)">'
               "{}</text>").format((top + below) / 2, cut(up, 30))
    )  # fmt: skip
    label = f"best mean of {metric} for {across} and {up}"
    return svg.chart(Markup("").join(content), label, below + 44)


def _cell(
    found: tuple[float, Candidate] | None,
    at: tuple[float, float],
    size: tuple[float, float],
    ends: tuple[float, float],
    metric: str,
) -> Markup:
    box = Markup('x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"').format(*at, *size)
    if found is None:
        return Markup('<rect class="cell none" {}/>').format(box)
    mean, candidate = found
    share = 1.0 if ends[0] == ends[1] else (mean - ends[0]) / (ends[1] - ends[0])
    words = f"{candidate.line.name}\n{metric} {number(mean)}"
    shown = Markup('<rect class="cell" {} fill-opacity="{:.2f}"/>').format(box, 0.08 + 0.92 * share)
    if size[0] > 46:
        style = "cell-text on" if share > 0.6 else "cell-text"
        x, y = at[0] + size[0] / 2, at[1] + size[1] / 2 + 4
        shown += svg.text(x, y, number(mean, 4), style)
    return Markup('<a href="{}" tabindex="-1">{}{}</a>').format(
        url(f"/runs/{candidate.line.run_id}"), svg.tip(words), shown
    )


def threads(candidates: Sequence[Candidate], params: Sequence[str], metric: str) -> Markup | None:
    """A thread for each candidate through its params and its score; the best one stands out."""
    known = [c for c in candidates if c.mean is not None and math.isfinite(c.mean)]
    known = [c for c in known if all(p in c.line.params for p in params[:_MOST_AXES])]
    if len(known) < 2:
        return None
    axes: list[tuple[svg.Axis, Sequence[float], str]] = []
    low, high = svg.HEIGHT - 40, 22
    for param in params[:_MOST_AXES]:
        values = [_plain(c.line.params[param]) for c in known]
        if any(isinstance(v, str) for v in values):
            texts = [value(v, 40) for v in values]
            axis, order = svg.categories(texts, low, high)
            axes.append((axis, [axis.place(order[t]) for t in texts], param))
        else:
            axis = svg.numeric([float(v) for v in values], low, high, may_be_log=True)
            axes.append((axis, [axis.place(float(v)) for v in values], param))
    means = [c.mean or 0.0 for c in known]
    axis = svg.numeric(means, low, high)
    axes.append((axis, [axis.place(mean) for mean in means], metric))
    step = (svg.WIDTH - 120) / max(1, len(axes) - 1)
    xs = [60 + place * step for place in range(len(axes))]
    content = []
    # The best is drawn last, over the others.
    for index in range(min(len(known), _MOST_THREADS) - 1, -1, -1):
        places = [(x, held[1][index]) for x, held in zip(xs, axes, strict=True)]
        content.append(svg.line(places, "thread best" if index == 0 else "thread"))
    for x, (axis, _, name) in zip(xs, axes, strict=True):
        content.append(
            Markup('<line class="mark" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(x, high, low)
        )
        content += [svg.text(x + 5, axis.place(v) + 4, w, "tick", "start") for v, w in axis.ticks]
        short = name.rpartition("__")[2]
        content.append(svg.text(x, svg.HEIGHT - 14, cut(short, 16), "axis"))
    return svg.chart(Markup("").join(content), f"params and {metric} of {len(known):,} candidates")


def _ordered(values: Sequence[Any]) -> list[str]:
    """The different values as texts, numbers by size and before texts."""
    known = {value(v, 12): _plain(v) for v in values}
    return sorted(known, key=lambda t: (isinstance(known[t], str), known[t] if not isinstance(
        known[t], str) else 0, t))  # fmt: skip


def _plain(found: Any) -> Any:
    """A number, or a text."""
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    if is_number and abs(found) < 1e300 and math.isfinite(found):
        return found
    return value(found, 40)
