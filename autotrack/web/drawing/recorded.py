"""Charts of the tables that scores and displays leave with a run: curves, matrices, importances."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from autotrack.web.drawing import svg
from autotrack.web.rendering import cut, number

# These charts stand in a column of a page, half as wide as others.
_WIDTH = 480
_SIDE = 300
_MOST_CLASSES = 20
_MOST_BARS = 25
_CURVES = {
    ("fpr", "tpr"): ("false positive rate", "true positive rate", True),
    ("recall", "precision"): ("recall", "precision", False),
    ("prob_pred", "prob_true"): ("predicted probability", "share that was so", True),
}


def drawn(heading: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> Markup | None:
    """The chart of a table; None if it is of no known kind."""
    if heading and heading[0].startswith("true"):
        return _matrix(heading[1:], rows, name)
    for (x, y), (x_name, y_name, diagonal) in _CURVES.items():
        if x in heading and y in heading:
            at, up = heading.index(x), heading.index(y)
            places = [(_real(row[at]), _real(row[up])) for row in rows if len(row) > max(at, up)]
            return _curve([p for p in places if _finite(p)], x_name, y_name, diagonal, name)
    if "mean_test_score" in heading:
        return _scores(heading, rows, name)
    if "mean_y_pred" in heading and "mean_y_true" in heading:
        return _residuals(heading, rows, name)
    if "importances_mean" in heading or "importance" in heading:
        return _bars(heading, rows, name)
    return None


def _curve(
    places: Sequence[tuple[float, float]], x_name: str, y_name: str, diagonal: bool, name: str
) -> Markup | None:
    if len(places) < 2:
        return None
    ticks = [(part / 4, number(part / 4)) for part in range(5)]
    across = svg.Axis(0, 1, svg.LEFT, _WIDTH - svg.RIGHT, ticks)
    up = svg.Axis(0, 1.02, svg.HEIGHT - svg.BOTTOM, svg.TOP, ticks)
    content = [svg.frame(across, up, x_name, y_name, width=_WIDTH)]
    if diagonal:
        ends = [(across.place(0), up.place(0)), (across.place(1), up.place(1))]
        content.append(svg.line(ends, "mark"))
    content.append(svg.line([(across.place(x), up.place(y)) for x, y in places], "curve"))
    return svg.chart(Markup("").join(content), name, width=_WIDTH)


def overlaid(curves: Sequence[tuple[str, list[str], list[list[str]]]], name: str) -> Markup | None:
    """Curves of several runs in one chart: of each the name, the heading and the rows."""
    heading = curves[0][1]
    axes = next((axes for axes in _CURVES if set(axes) <= set(heading)), None)
    if axes is None:
        return None
    x_name, y_name, _ = _CURVES[axes]
    ticks = [(part / 4, number(part / 4)) for part in range(5)]
    across = svg.Axis(0, 1, svg.LEFT, svg.WIDTH - svg.RIGHT, ticks)
    up = svg.Axis(0, 1.02, svg.HEIGHT - svg.BOTTOM, svg.TOP, ticks)
    content = [svg.frame(across, up, x_name, y_name)]
    for index, (words, columns, rows) in enumerate(curves):
        if not set(axes) <= set(columns):
            continue
        at, to = columns.index(axes[0]), columns.index(axes[1])
        places = [(_real(row[at]), _real(row[to])) for row in rows if len(row) > max(at, to)]
        drawn_at = [(across.place(x), up.place(y)) for x, y in places if _finite((x, y))]
        if len(drawn_at) > 1:
            content.append(svg.line(drawn_at, f"curve hue{index}"))
        y = svg.HEIGHT - svg.BOTTOM - 14 - 16 * (len(curves) - 1 - index)
        content.append(svg.line([(svg.WIDTH - 250, y - 4), (svg.WIDTH - 230, y - 4)],
                                f"curve hue{index}"))  # fmt: skip
        content.append(svg.text(svg.WIDTH - 224, y, cut(words, 30), "label", "start"))
    return svg.chart(Markup("").join(content), name)


def _scores(heading: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> Markup | None:
    """Mean scores over sizes or values of a param, with their standard errors: points, one each."""
    try:
        found = [dict(zip(heading, map(float, row), strict=True)) for row in rows]
    except ValueError:
        return None
    if not found:
        return None
    xs = [row[heading[0]] for row in found]
    kinds = [kind for kind in ("test", "train") if f"mean_{kind}_score" in heading]
    ends = [
        row[f"mean_{kind}_score"] + sign * row.get(f"se_{kind}_score", 0.0)
        for row in found
        for kind in kinds
        for sign in (-1, 1)
    ]
    across = svg.numeric(xs, svg.LEFT, _WIDTH - svg.RIGHT, may_be_log=True)
    up = svg.numeric(ends, svg.HEIGHT - svg.BOTTOM, svg.TOP + 14)
    content = [svg.frame(across, up, heading[0], "score", width=_WIDTH)]
    for place, kind in enumerate(kinds):
        style = "dot" if kind == "test" else "dot hollow"
        at = svg.LEFT + 12 + 70 * place
        content.append(
            Markup('<circle class="{}" cx="{}" cy="8" r="4"/>').format(style, at)
            + svg.text(at + 9, 12, kind, "label", "start")
        )
        for row in found:
            x, mean = across.place(row[heading[0]]), row[f"mean_{kind}_score"]
            error = row.get(f"se_{kind}_score", 0.0)
            if error and math.isfinite(error):
                content.append(
                    Markup('<line class="error" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
                        x, up.place(mean - error), up.place(mean + error)
                    )
                )
            if math.isfinite(mean):
                words = f"{kind} {number(mean)} ± {number(error, 2)} at {number(row[heading[0]])}"
                content.append(
                    Markup('<circle class="dot {}" cx="{}" cy="{}" r="5">{}</circle>').format(
                        "" if kind == "test" else "hollow", x, up.place(mean), svg.tip(words)
                    )
                )
    return svg.chart(Markup("").join(content), name, width=_WIDTH)


def _residuals(heading: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> Markup | None:
    """What models were off by, over what they predicted: of groups of rows the mean and spread."""
    found = [dict(zip(heading, map(_real, row), strict=False)) for row in rows]
    places = [
        (row["mean_y_pred"], row["mean_y_true"] - row["mean_y_pred"], row.get("std_residual", 0.0))
        for row in found
        if "mean_y_true" in row and math.isfinite(row["mean_y_pred"] + row["mean_y_true"])
    ]
    if len(places) < 2:
        return None
    ends = [y + sign * (e if math.isfinite(e) else 0.0) for _, y, e in places for sign in (-1, 1)]
    across = svg.numeric([x for x, _, _ in places], svg.LEFT, _WIDTH - svg.RIGHT)
    up = svg.numeric([*ends, 0.0], svg.HEIGHT - svg.BOTTOM, svg.TOP)
    content = [svg.frame(across, up, "predicted", "true less predicted", width=_WIDTH)]
    zero = up.place(0)
    content.append(svg.line([(svg.LEFT, zero), (_WIDTH - svg.RIGHT, zero)], "mark"))
    for x, y, error in places:
        at = across.place(x)
        if error and math.isfinite(error):
            content.append(
                Markup('<line class="error" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
                    at, up.place(y - error), up.place(y + error)
                )
            )
        words = f"{number(y)} ± {number(error, 2)} at {number(x)}"
        content.append(
            Markup('<circle class="dot" cx="{}" cy="{}" r="4">{}</circle>').format(
                at, up.place(y), svg.tip(words)
            )
        )
    return svg.chart(Markup("").join(content), name, width=_WIDTH)


def _matrix(labels: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> Markup | None:
    if not 0 < len(labels) <= _MOST_CLASSES or len(rows) != len(labels):
        return None
    try:
        counts = [[float(cell) for cell in row[1:]] for row in rows]
    except ValueError:
        return None
    left, top = 90, 34
    side = min(64.0, _SIDE / len(labels))
    content = [
        svg.text(left + side * len(labels) / 2, 14, "predicted", "axis"),
        Markup('<text class="axis" text-anchor="middle" transform="translate(14 {}) rotate(-90)">'
               "true</text>").format(top + side * len(labels) / 2),
    ]  # fmt: skip
    for i, (row, line) in enumerate(zip(rows, counts, strict=True)):
        content.append(
            svg.text(left - 8, top + side * (i + 0.5) + 4, cut(row[0], 9), "tick", "end")
        )
        content.append(svg.text(left + side * (i + 0.5), top - 6, cut(labels[i], 9), "tick"))
        total = sum(line) or 1.0
        for j, count in enumerate(line):
            share = count / total
            content.append(
                Markup('<rect class="cell" x="{}" y="{}" width="{}" height="{}" '
                       'fill-opacity="{:.2f}"/>').format(
                    left + j * side, top + i * side, side, side, 0.06 + 0.94 * share
                )
            )  # fmt: skip
            style = "cell-text on" if share > 0.55 else "cell-text"
            x, y = left + (j + 0.5) * side, top + (i + 0.5) * side + 4
            content.append(svg.text(x, y, number(count), style))
    width = max(left + side * len(labels) + 10, 300)
    return svg.chart(Markup("").join(content), name, top + side * len(labels) + 10, width)


def _bars(heading: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> Markup | None:
    key = "importances_mean" if "importances_mean" in heading else "importance"
    at = heading.index(key)
    error = heading.index("importances_std") if "importances_std" in heading else None
    found = [
        (value, 0.0 if error is None else _real(row[error]), row[0])
        for row in rows
        if len(row) > at and math.isfinite(value := _real(row[at]))
    ]
    found = sorted(found, reverse=True)[:_MOST_BARS]
    if not found:
        return None
    return bars([(words, value, spread) for value, spread, words in found], name)


def bars(found: Sequence[tuple[str, float, float]], name: str) -> Markup:
    """A bar for each name, with what it may be off by."""
    height, left = 22, 150
    ends = [0.0] + [value + sign * (spread or 0) for _, value, spread in found for sign in (-1, 1)]
    across = svg.numeric([e for e in ends if math.isfinite(e)], left, _WIDTH - 70)
    zero = across.place(0)
    content = []
    for place, (words, value, spread) in enumerate(found):
        y = place * height + 4
        at = across.place(value)
        content.append(svg.text(left - 8, y + 12, cut(words, 22), "tick", "end"))
        content.append(
            Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}" rx="2"/>').format(
                min(zero, at), y, max(abs(at - zero), 1), height - 7
            )
        )
        if spread and math.isfinite(spread):
            content.append(
                Markup('<line class="mark" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                    across.place(value - spread), across.place(value + spread), y + 7.5, y + 7.5
                )
            )
        content.append(svg.text(max(at, zero) + 6, y + 12, number(value, 3), "label", "start"))
    return svg.chart(Markup("").join(content), name, len(found) * height + 8, _WIDTH)


def spark(
    values: Sequence[tuple[int, float]],
    *,
    joined: bool,
    ends: tuple[float, float] | None = None,
) -> Markup:
    """The values of a metric, small: steps of a training as a line, splits as points.

    Several that are to be held against each other share their `ends`.
    """
    width, height = 132, 26
    finite = [(step, value) for step, value in values if math.isfinite(value)]
    if len(finite) < 2:
        return Markup("")
    low, high = ends or (min(v for _, v in finite), max(v for _, v in finite))
    first, last = min(s for s, _ in finite), max(s for s, _ in finite)
    across = svg.Axis(first, last, 4, width - 4, ())
    up = svg.Axis(low, high, height - 4, 4, ())
    places = [(across.place(s), up.place(v)) for s, v in finite]
    drawing = svg.line(places, "curve") if joined else svg.dots(places, 2.2, "dots")
    words = f"{len(finite)} values from {number(low)} to {number(high)}"
    return Markup(
        '<svg class="spark" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" '
        'aria-label="{2}">{3}</svg>'
    ).format(width, height, words, drawing)


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _finite(place: tuple[float, float]) -> bool:
    return math.isfinite(place[0]) and math.isfinite(place[1])
