"""Axes and marks: numbers to places, and places to SVG. Colours and fonts are the style sheet's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from autotrack.printable import printable
from autotrack.runtime.dataclass import dataclass
from autotrack.web.rendering import cut, number

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 12, 46
_LOG_FROM = 50.0
_CATEGORIES = 14


@dataclass(frozen=True, slots=True)
class Axis:
    """Values along a line from `start` to `end`, with marks at `ticks`."""

    low: float
    high: float
    start: float
    end: float
    ticks: Sequence[tuple[float, str]]
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Where a value stands."""
        low, high, at = self.low, self.high, value
        if self.logarithmic:
            low, high, at = math.log10(low), math.log10(high), math.log10(value)
        share = 0.5 if high == low else (at - low) / (high - low)
        return round(self.start + share * (self.end - self.start), 1)

    def places(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where many values stand."""
        low, high, at = self.low, self.high, values
        if self.logarithmic:
            low, high, at = math.log10(low), math.log10(high), np.log10(values)
        return self.start + (at - low) / (high - low) * (self.end - self.start)


def numeric(values: Iterable[float], start: float, end: float, *, may_be_log: bool = False) -> Axis:
    """An axis for numbers; of positive ones that lie far apart a logarithmic one."""
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    different = len(set(finite[:1000]))
    if may_be_log and low > 0 and high / low >= _LOG_FROM and different > 2:
        return _logarithmic(low, high, start, end)
    if low == high:
        margin = abs(low) * 0.1 or 1.0
        low, high = low - margin, high + margin
    step = _step((high - low) / 4)
    margin = 0.04 * (high - low)
    first, last = low - margin, high + margin
    ticks: list[tuple[float, str]] = []
    at = math.ceil(first / step) * step
    while at <= last and len(ticks) < 12:
        clean = 0.0 if abs(at) < step * 1e-9 else at
        ticks.append((clean, number(float(f"{clean:.12g}"), 6)))
        at += step
    return Axis(first, last, start, end, ticks)


def times(values: Sequence[float], start: float, end: float) -> Axis:
    """An axis for moments, in seconds since the epoch."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 60, high + 60
    day = 86400
    form = "%H:%M" if high - low < day else "%b %d" if high - low < 300 * day else "%Y-%m"
    if high - low < 600:
        form = "%H:%M:%S"
    margin = 0.03 * (high - low)
    ticks = []
    for part in range(5):
        at = low + part / 4 * (high - low)
        ticks.append((at, datetime.fromtimestamp(at).astimezone().strftime(form)))
    return Axis(low - margin, high + margin, start, end, ticks)


def categories(values: Sequence[str], start: float, end: float) -> tuple[Axis, dict[str, int]]:
    """An axis for texts, and the place of each in their order; rare ones stand together."""
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    names = sorted(counts, key=lambda name: -counts[name])[:_CATEGORIES]
    places = {name: index for index, name in enumerate(sorted(names))}
    ticks = [(float(index), cut(name, 14)) for name, index in places.items()]
    if len(counts) > len(names):
        ticks.append((float(len(places)), "others"))
        places |= {name: len(names) for name in counts if name not in places}
    return Axis(-0.6, len(ticks) - 0.4, start, end, ticks), places


def _logarithmic(low: float, high: float, start: float, end: float) -> Axis:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, (last - first) // 6)
    ticks = [(10.0**power, _power(power)) for power in range(first, last + 1, every)]
    spread = (high / low) ** 0.04
    low, high = low / spread, high * spread
    return Axis(low, high, start, end, [t for t in ticks if low <= t[0] <= high], True)


def _power(power: int) -> str:
    return number(10.0**power, 4) if -4 < power < 5 else f"1e{power}"


def _step(least: float) -> float:
    size = 10 ** math.floor(math.log10(least)) if least > 0 else 1.0
    return next(size * part for part in (1, 2, 2.5, 5, 10) if size * part >= least * 0.999)


def text(x: float, y: float, words: str, style: str, anchor: str = "middle") -> Markup:
    """Words at a place."""
    return Markup('<text x="{}" y="{}" class="{}" text-anchor="{}">{}</text>').format(
        round(x, 1), round(y, 1), style, anchor, printable(words)
    )


def frame(
    x: Axis, y: Axis, x_name: str, y_name: str, height: float = HEIGHT, width: float = WIDTH
) -> Markup:
    """The axes with their marks and names."""
    parts = []
    for value, words in y.ticks:
        at = y.place(value)
        parts.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                LEFT, width - RIGHT, at, at
            )
        )
        parts.append(text(LEFT - 8, at + 4, words, "tick", "end"))
    for value, words in x.ticks:
        at = x.place(value)
        parts.append(
            Markup('<line class="mark" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                at, at, height - BOTTOM, height - BOTTOM + 4
            )
        )
        parts.append(text(at, height - BOTTOM + 18, words, "tick"))
    parts.append(text((LEFT + width - RIGHT) / 2, height - 8, cut(x_name, 70), "axis"))
    parts.append(
        Markup('<text class="axis" text-anchor="middle" transform="translate(13 {}) rotate(-90)">'
               "{}</text>").format(
            round((TOP + height - BOTTOM) / 2), printable(cut(y_name, 36))
        )
    )  # fmt: skip
    return Markup("").join(parts)


def chart(content: Markup, label: str, height: float = HEIGHT, width: float = WIDTH) -> Markup:
    """A whole chart; `label` is what is read out."""
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="{}" aria-label="{}">{}</svg>'
    ).format(width, height, "group" if "<a " in content else "img", printable(label), content)


def dots(places: Iterable[tuple[float, float]], radius: float, style: str) -> Markup:
    """Many dots in one element."""
    path = "".join(f"M{x} {y}h0" for x, y in places)
    return Markup('<path class="{}" d="{}" stroke-width="{}"/>').format(style, path, 2 * radius)


def line(places: Sequence[tuple[float, float]], style: str) -> Markup:
    """A line through places."""
    path = "M" + "L".join(f"{x} {y}" for x, y in places)
    return Markup('<path class="{}" d="{}"/>').format(style, path)


def tip(words: str) -> Markup:
    """What is shown where the pointer rests."""
    return Markup("<title>") + escape(printable(words, lines=True)) + Markup("</title>")
